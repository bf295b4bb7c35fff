"""Closed-form dynamics on a GPU, as one operator."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

from .._modes import run_while_compiling
from .._sequences import Sequences
from ..dynamics import ClosedFormDynamics
from ..memory import MemoryCell
from ..solvers import Method
from . import _closed_form_passes as passes
from ._closed_form_passes import Call, Form, Weights
from ._operator import Operator, Options, Tensors

MODES = ("default", "no_gate", "pure")
ACTIVATIONS = tuple(passes.ACTIVATIONS)
DIFFERENTIABLE = 4
"""Of the tensors of a :class:`Call`, the first ones."""
_SAME = {"lecun_tanh": "tanh"}
"""What differs from an activation of the kernels by constants, which the weights include."""


def why_not(dynamics: ClosedFormDynamics, method: Method, memory: Optional[MemoryCell]) -> str:
    """Why the kernels cannot compute these dynamics; empty if they can."""
    units, hidden, layers = dynamics.units, dynamics.backbone_units, dynamics.backbone_layers
    most, widest = passes.NEURONS[-1], passes.HIDDEN[-1]
    if units > most:
        return f"{units} neurons of closed form do not fit a GPU kernel, {most} do"
    if layers == 0:
        return ""
    if _activation(dynamics) not in ACTIVATIONS:
        return f"a backbone with {dynamics.backbone_activation} has no GPU kernel"
    if layers > 2 or hidden > widest:
        return f"a backbone of {layers} x {hidden} units does not fit a GPU kernel, 2 x {widest} do"
    if layers > 1 and dynamics.training and dynamics.backbone_dropout > 0:
        return "dropout inside a backbone has no GPU kernel"
    needed = passes.shared_bytes(len(dynamics.heads), units, hidden, layers)
    there = _shared_bytes_of(dynamics.like.device)
    if needed > there:
        return f"the backbone needs {needed} bytes of shared memory, this GPU has {there}"
    return ""


def _activation(dynamics: ClosedFormDynamics) -> str:
    return _SAME.get(dynamics.backbone_activation, dynamics.backbone_activation)


@run_while_compiling
def _shared_bytes_of(device: torch.device) -> int:
    """Shared memory that a program can have; Triton's interpreter sets no limit."""
    if device.type != "cuda":
        return 2**31
    properties = torch.cuda.get_device_properties(device)
    return int(getattr(properties, "shared_memory_per_block_optin", 64 * 1024))


def integrate(
    dynamics: ClosedFormDynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> Tensor:
    """See :func:`liquid_neural_networks.gpu.integrate`."""
    values = dynamics.prepare(dynamics.values())
    inputs, constants = sequences.inputs, sequences.time_constants
    if state is None:
        state = inputs.new_zeros(len(inputs), dynamics.units * (1 if memory is None else 2))
    shift = dynamics.given_rates(values, constants)
    if shift is not None:
        shift = shift.expand(*inputs.shape[:2], dynamics.units)
    layout = dynamics.layout
    back = None if layout.one_layer else layout.back(inputs.device)
    call = Call(inputs, sequences.elapsed_time, state, shift, sequences.mask, back)
    cell = {} if memory is None else memory.stored()
    weights = Weights(
        inputs=values["W_in"],
        bias=values["bias"],
        recurrent=values.get("recurrent_all", values["recurrent"]).t(),
        heads=values.get("heads"),
        heads_bias=values.get("heads_bias"),
        hidden=values.get("hidden_1"),
        hidden_bias=values.get("hidden_bias_1"),
        gates_inputs=cell.get("W_in"),
        gates_bias=cell.get("b"),
        gates_recurrent=cell.get("W_rec"),
        a=torch.cat(layout.by_layer(values["A"])) if dynamics.mode == "pure" else None,
    )
    form = (MODES.index(dynamics.mode), ACTIVATIONS.index(_activation(dynamics)))
    tensors = [*call[:DIFFERENTIABLE], *weights, *call[DIFFERENTIABLE:]]
    return closed_form([*form, *layout.sizes], tensors)


# -- the operator: options are mode, activation and layer sizes, tensors as above ------------------


def _read(options: Options, tensors: Tensors) -> tuple[Form, Call, Weights]:
    """By name. Tensors are dense, but a shift may be the same for all rows or samples."""
    mode, activation, *layer_sizes = options
    form = Form(MODES[mode], ACTIVATIONS[activation], tuple(layer_sizes))
    dense = [None if each is None else each.contiguous() for each in tensors]
    end = DIFFERENTIABLE + len(Weights._fields)
    call = Call(*dense[:DIFFERENTIABLE], *dense[end:])  # type: ignore[arg-type]
    shift = tensors[Call._fields.index("shift")]
    if shift is not None and shift.stride(-1) == 1:
        call = call._replace(shift=shift)
    return form, call, Weights(*dense[DIFFERENTIABLE:end])  # type: ignore[arg-type]


def _forward(options: Options, tensors: Tensors) -> Tensor:
    return passes.forward(*_read(options, tensors))


def _backward(options: Options, grad: Tensor, states: Tensor, tensors: Tensors) -> Tensors:
    of_call, of_weights = passes.backward(*_read(options, tensors), states, grad.contiguous())
    return [*of_call[:DIFFERENTIABLE], *of_weights]


def _shape(options: Options, tensors: Tensors) -> list[int]:
    inputs, _, state = tensors[:3]
    assert inputs is not None and state is not None
    return [*inputs.shape[:2], state.shape[1]]


def _differentiable(options: Options) -> int:
    return DIFFERENTIABLE + len(Weights._fields)


closed_form = Operator("gpu_closed_form", _shape, _forward, _backward, _differentiable)
