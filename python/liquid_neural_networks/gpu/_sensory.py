"""The sensory synapses of conductance dynamics on a GPU, as one operator: all samples at once."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import numpy as np
import torch
from torch import Tensor

from .._modes import run_while_compiling
from ..dynamics import ConductanceDynamics, Dynamics
from . import _layout
from . import _sensory_kernels as kernels
from ._launch import launch
from ._layout import PLACES
from ._operator import Operator, Options, Tensors

LANES = 32
"""Synapses of a program that adds up gradients of parameters."""


class Synapses(NamedTuple):
    """Sensory synapses as the kernels read them.

    Attributes:
        entries: (length, neurons) a list for each receiver.
        entries_by_sender: (length, features) a list for each sender.
        senders, receivers: (S,) in the order of the wiring.
    """

    entries: Tensor
    entries_by_sender: Tensor
    senders: Tensor
    receivers: Tensor


def synapses_of(dynamics: Dynamics) -> Synapses:
    """On the device of the population; made when first asked for."""
    _arrange(dynamics)
    found: Synapses = dynamics.derived.gpu_sensory
    return found


@run_while_compiling
def _arrange(dynamics: Dynamics) -> bool:
    device, there = dynamics.like.device, dynamics.derived.gpu_sensory
    if there is None or there.entries.device != device:
        pre, post = dynamics.index_lists["sensory_pre"], dynamics.index_lists["sensory_post"]
        receiving = _layout.lists(post, pre, dynamics.units, _layout.longest(post))
        sending = _layout.lists(pre, post, dynamics.input_size, _layout.longest(pre))
        lists = Synapses(
            receiving.entries,
            sending.entries,
            torch.from_numpy(pre.astype(np.int32)),
            torch.from_numpy(post.astype(np.int32)),
        )
        dynamics.derived.gpu_sensory = Synapses(*(each.to(device) for each in lists))
    return True


class Call(NamedTuple):
    """What the operator is given.

    Attributes:
        inputs: (B, T, I), after their affine map.
        w, sigma, mu, E: (S,) parameters of the synapses.
        mask: (B, T, I), or None.
    """

    inputs: Tensor
    w: Tensor
    sigma: Tensor
    mu: Tensor
    E: Tensor
    mask: Optional[Tensor]


def sensory(units: int, clipped: bool, call: Call, synapses: Synapses) -> Tensor:
    """(B, T, 2, N) rate and drive of the sensory synapses, times the capacitance.

    ``clipped``: whether ``w`` is as stored under the constraint ``clip``, to be bounded here.
    """
    return _sensory((units, int(clipped)), [*call, *synapses])


_NAMES = (*Call._fields, *Synapses._fields)


def _read(options: Options, tensors: Tensors) -> dict[str, Any]:
    """The arguments of every kernel by name."""
    caller = [None if each is None else each.contiguous() for each in tensors[:6]]
    arguments: dict[str, Any] = dict(zip(_NAMES, (*caller, *tensors[6:])))
    batch, steps, features = arguments["inputs"].shape
    return {
        **arguments,
        "rows": batch * steps,
        "units": options[0],
        "features": features,
        "synapses": len(arguments["w"]),
        "PLACES": PLACES,
        "LEAST_W": ConductanceDynamics.lower_bounds["sensory_w"] if options[1] else None,
    }


def _tile(lanes: int) -> tuple[int, int]:
    """Rows and warps of a tile so many neurons or features wide: 8 lists a thread."""
    warps = min(max(lanes // 64, 1), _layout.WARPS)
    return max(8 * 32 * warps // lanes, 1), warps


def _shape(options: Options, tensors: Tensors) -> list[int]:
    inputs = tensors[0]
    assert inputs is not None
    return [*inputs.shape[:2], 2, options[0]]


def _forward(options: Options, tensors: Tensors) -> Tensor:
    arguments = _read(options, tensors)
    sums: Tensor = arguments["inputs"].new_empty(_shape(options, tensors))
    length, neurons = arguments["entries"].shape
    rows, warps = _tile(neurons)
    arguments |= {"sums": sums, "length": length, "ROWS": rows, "NEURONS": neurons}
    launch(kernels.forward, (-(-arguments["rows"] // rows),), warps, arguments)
    return sums


def _backward(options: Options, grad: Tensor, sums: Tensor, tensors: Tensors) -> Tensors:
    arguments = _read(options, tensors)
    arguments["grad_sums"] = grad.contiguous()
    strides = {"input_stride": arguments["features"], "sums_stride": 2 * arguments["units"]}
    return [_of_inputs(arguments), *of_parameters({**arguments, **strides})]


def _of_inputs(arguments: dict[str, Any]) -> Tensor:
    grad = torch.empty_like(arguments["inputs"])
    length, features = arguments["entries_by_sender"].shape
    rows, warps = _tile(features)
    tile = {"grad_inputs": grad, "length": length, "ROWS": rows, "FEATURES": features}
    programs = (-(-arguments["rows"] // rows),)
    launch(kernels.input_gradient, programs, warps, {**arguments, **tile})
    return grad


def of_parameters(arguments: dict[str, Any]) -> Tensor:
    """(4, S) the gradients of w, sigma, mu and E, given the arguments of the kernel."""
    rows, synapses = 8, arguments["synapses"]
    blocks = -(-synapses // LANES)
    if blocks == 0:
        return arguments["inputs"].new_zeros(4, 0)  # type: ignore[no-any-return]
    programs = min(-(-arguments["rows"] // rows), max(_layout.PROGRAMS // blocks, 1))
    shares: Tensor = arguments["inputs"].new_empty(programs, 4, synapses)
    tile = {"grad_parameters": shares, "ROWS": rows, "LANES": LANES}
    launch(kernels.parameter_gradient, (blocks, programs), 1, {**arguments, **tile})
    return shares.sum(0)


_sensory = Operator("gpu_sensory", _shape, _forward, _backward, lambda _: 5)
