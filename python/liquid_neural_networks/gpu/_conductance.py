"""Conductance dynamics on a GPU: two operators, one of the sensory synapses, one of the recurrence.

The first makes of all samples at once what the inputs contribute to rate and drive; the second takes
the state through time. Gradients of parameters leave the kernels as a share of each program, which
torch adds up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Optional
from weakref import WeakKeyDictionary

import numpy as np
import torch
import triton
from torch import Tensor, library

from .._sequences import Sequences
from ..dynamics import ConductanceDynamics
from ..errors import OptionError
from ..memory import MemoryCell
from . import _conductance_kernels as recurrent_kernels
from . import _layout as layout
from . import _sensory_kernels as sensory_kernels
from ._layout import Lists
from ._method import Method

SOLVERS = ("fused", "euler", "exponential")
OPTIONS = {"num_stages": 1, "enable_fp_fusion": True}
"""How every kernel is compiled: nothing copied ahead, multiplications and additions fused."""

Tensors = list[Tensor]


class Synapses(NamedTuple):
    """The synapses of a population as the kernels read them, on its device.

    Attributes:
        receiving, sending: recurrent ones, in lists by receiver and by sender.
        most: how many lists a receiver and a sender have at most.
        sensory: sensory ones, a list for each receiver, a list for each sender, and (S,) sender and
            receiver of each.
    """

    receiving: Lists
    sending: Lists
    most: list[int]
    sensory: Tensors


_synapses: WeakKeyDictionary[ConductanceDynamics, dict[torch.device, Synapses]]
_synapses = WeakKeyDictionary()


def synapses_of(dynamics: ConductanceDynamics) -> Synapses:
    """Made when first asked for."""
    kept = _synapses.setdefault(dynamics, {})
    device = dynamics.pre.device
    if device not in kept:
        kept[device] = _arranged(dynamics, device)
    return kept[device]


def _arranged(dynamics: ConductanceDynamics, device: torch.device) -> Synapses:
    units, features = dynamics.units, dynamics.input_size
    pre, post, sensory_pre, sensory_post = (
        each.cpu().numpy()
        for each in (dynamics.pre, dynamics.post, dynamics.sensory_pre, dynamics.sensory_post)
    )
    receiving, most = layout.balanced(post, pre, units)
    sending, most_sent = layout.balanced(pre, post, units)
    lists_in = layout.lists(sensory_post, sensory_pre, units, layout.longest(sensory_post))
    lists_out = layout.lists(sensory_pre, sensory_post, features, layout.longest(sensory_pre))
    sensory = [
        lists_in.synapse,
        lists_in.other,
        lists_out.synapse,
        lists_out.other,
        torch.from_numpy(sensory_pre.astype(np.int32)),
        torch.from_numpy(sensory_post.astype(np.int32)),
    ]
    return Synapses(
        Lists(*(each.to(device) for each in receiving)),
        Lists(*(each.to(device) for each in sending)),
        [most, most_sent],
        [each.to(device) for each in sensory],
    )


def why_not(
    dynamics: ConductanceDynamics, method: Method, memory: Optional[MemoryCell]
) -> str:
    """Why the kernels cannot compute these dynamics; empty if they can."""
    if method.solver not in SOLVERS:
        return f"the {method.solver} solver has no GPU kernel"
    synapses = synapses_of(dynamics)
    if max(synapses.receiving.places, synapses.sending.places) > layout.MOST_PLACES:
        return f"{len(dynamics.pre)} synapses do not fit a kernel"
    return ""


def integrate(
    dynamics: ConductanceDynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> Tensor:
    """See :func:`liquid_neural_networks.gpu.integrate`."""
    values, synapses = dynamics.values(), synapses_of(dynamics)
    inputs = torch.addcmul(values["b"], values["a"], sequences.inputs)
    sums = sensory_sums(
        inputs,
        sequences.mask,
        [values[f"sensory_{name}"] for name in ("w", "sigma", "mu", "E")],
        synapses.sensory,
        dynamics.units,
    )
    return conductance(
        sums,
        sequences.elapsed_time,
        sequences.time_constants,
        state,
        None if memory is None else memory.heard(sequences.inputs),
        None if memory is None else memory.W_rec,
        [values[name] for name in ("c", "g", "vleak", "w", "sigma", "mu", "E")],
        [*synapses.receiving, *synapses.sending],
        synapses.most,
        str(method.solver),
        int(method.unfolds or 1),
    )


# -- the sensory synapses --------------------------------------------------------------------------


@library.custom_op("liquid_neural_networks::gpu_sensory_sums", mutates_args=())
def sensory_sums(
    inputs: Tensor, mask: Optional[Tensor], parameters: Tensors, lists: Tensors, units: int
) -> Tensor:
    """(B, T, 2, N) rate and drive of the sensory synapses, times the capacitance."""
    batch, steps, features = inputs.shape
    sums = inputs.new_empty(batch, steps, 2, units)
    synapse, sender = lists[:2]
    length, neurons = synapse.shape
    rows, warps = _sensory_tile(neurons)
    with torch.cuda.device_of(inputs):
        sensory_kernels.forward[(triton.cdiv(batch * steps, rows),)](
            sums,
            inputs.contiguous(),
            None if mask is None else mask.contiguous(),
            *[each.contiguous() for each in parameters],
            synapse,
            sender,
            batch * steps,
            units,
            features,
            length,
            ROWS=rows,
            NEURONS=neurons,
            PLACES=layout.PLACES,
            num_warps=warps,
            **OPTIONS,
        )
    return sums


def _sensory_tile(lanes: int) -> tuple[int, int]:
    """Rows and warps of a tile so many neurons or features wide: 8 lists a thread, or nearly."""
    warps = min(max(lanes // 64, 1), layout.WARPS)
    return max(8 * 32 * warps // lanes, 1), warps


@library.custom_op("liquid_neural_networks::gpu_sensory_sums_backward", mutates_args=())
def sensory_sums_backward(
    grad_sums: Tensor, inputs: Tensor, mask: Optional[Tensor], parameters: Tensors, lists: Tensors
) -> tuple[Tensor, Tensor]:
    """Gradients of the inputs, and (4, S) of the parameters."""
    batch, steps, features = inputs.shape
    units = grad_sums.shape[-1]
    grad_inputs = inputs.new_empty(inputs.shape)
    _, _, synapse, receiver, senders, receivers = lists
    length, width = synapse.shape
    rows, warps = _sensory_tile(width)
    given = [
        grad_sums.contiguous(),
        inputs.contiguous(),
        None if mask is None else mask.contiguous(),
        *[each.contiguous() for each in parameters],
    ]
    with torch.cuda.device_of(inputs):
        sensory_kernels.input_gradient[(triton.cdiv(batch * steps, rows),)](
            grad_inputs,
            *given,
            synapse,
            receiver,
            batch * steps,
            units,
            features,
            length,
            ROWS=rows,
            FEATURES=width,
            PLACES=layout.PLACES,
            num_warps=warps,
            **OPTIONS,
        )
        count, rows, block = len(senders), 8, 32
        blocks = max(triton.cdiv(count, block), 1)
        programs = max(min(triton.cdiv(batch * steps, rows), layout.PROGRAMS // blocks), 1)
        shares = inputs.new_empty(programs, 4, count)
        sensory_kernels.parameter_gradient[(blocks, programs)](
            shares,
            *given,
            senders,
            receivers,
            batch * steps,
            units,
            features,
            count,
            ROWS=rows,
            SYNAPSES=block,
            num_warps=1,
            **OPTIONS,
        )
    return grad_inputs, shares.sum(0)


@sensory_sums.register_fake
def _(inputs: Tensor, mask: Optional[Tensor], parameters: Tensors, lists: Tensors, units: int) -> Tensor:
    return inputs.new_empty(inputs.shape[0], inputs.shape[1], 2, units)


@sensory_sums_backward.register_fake
def _(
    grad_sums: Tensor, inputs: Tensor, mask: Optional[Tensor], parameters: Tensors, lists: Tensors
) -> tuple[Tensor, Tensor]:
    return inputs.new_empty(inputs.shape), inputs.new_empty(4, len(parameters[0]))


def _keep_sensory(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    seen, mask, parameters, lists, _ = inputs
    ctx.save_for_backward(seen, mask, *parameters, *lists)


def _differentiate_sensory(ctx: Any, grad_sums: Tensor) -> tuple[Any, ...]:
    inputs, mask, *rest = ctx.saved_tensors
    parameters, lists = rest[:4], rest[4:]
    of_inputs, of_parameters = sensory_sums_backward(grad_sums, inputs, mask, parameters, lists)
    return of_inputs, None, list(of_parameters), [None] * len(lists), None


sensory_sums.register_autograd(_differentiate_sensory, setup_context=_keep_sensory)


# -- the recurrence --------------------------------------------------------------------------------


class Call(NamedTuple):
    """What goes through time: sums (B, T, 2, N) of the sensory synapses, elapsed time (B, T), time
    constants (B, T, N), state (B, N), or (B, 2 N) with a memory; of that the terms (B, T, 4 N) of its
    gates and its recurrent weights (4 N, N)."""

    sums: Tensor
    elapsed_time: Optional[Tensor]
    time_constants: Optional[Tensor]
    state: Optional[Tensor]
    terms: Optional[Tensor]
    recurrent: Optional[Tensor]


class Tile(NamedTuple):
    """Sizes a kernel is compiled for, by the names it has for them."""

    ROWS: int
    NEURONS: int
    LENGTH: int
    LISTS: int
    MOST: int
    SENDER_LENGTH: int
    SENDER_LISTS: int
    SENDER_MOST: int
    SENDERS: int
    SHUFFLE: bool

    def of(self, kernel: Any) -> dict[str, Any]:
        """Those that a kernel has."""
        return {name: each for name, each in self._asdict().items() if name in kernel.arg_names}


def _tile(receiving: Lists, sending: Lists, most: list[int]) -> Tile:
    neurons = receiving.first.shape[0]
    widest = max(neurons, receiving.owner.shape[0], sending.owner.shape[0])
    return Tile(
        max(32 // widest, 1),
        neurons,
        *receiving.synapse.shape,
        most[0],
        *sending.synapse.shape,
        most[1],
        8,
        widest <= layout.MOST_SHUFFLED,
    )


@library.custom_op("liquid_neural_networks::gpu_conductance", mutates_args=())
def conductance(
    sums: Tensor,
    elapsed_time: Optional[Tensor],
    time_constants: Optional[Tensor],
    state: Optional[Tensor],
    terms: Optional[Tensor],
    recurrent: Optional[Tensor],
    parameters: Tensors,
    lists: Tensors,
    most: list[int],
    solver: str,
    unfolds: int,
) -> Tensor:
    """States (B, T, N) after each sample, (B, T, 2 N) with a memory.

    Args:
        parameters: c, g, vleak, w, sigma, mu and E.
        lists, most: of receivers, then of senders; see ``Synapses``.
        The others: see ``Call``.
    """
    call = Call(sums, elapsed_time, time_constants, state, terms, recurrent)
    receiving, sending = Lists(*lists[:5]), Lists(*lists[5:])
    tile = _tile(receiving, sending, most)
    warps = layout.forward_warps(receiving.places)
    batch, steps, _, units = sums.shape
    states = sums.new_empty(batch, steps, units if terms is None else 2 * units)
    programs = triton.cdiv(batch, tile.ROWS)
    with torch.cuda.device_of(sums):
        recurrent_kernels.forward[(programs,)](
            states,
            *_dense(call._replace(recurrent=None if recurrent is None else recurrent.t())),
            *_dense(parameters),
            receiving.synapse,
            receiving.other,
            receiving.first,
            receiving.count,
            _scratch(tile, programs, sums),
            batch,
            steps,
            unfolds,
            units,
            SOLVER=solver,
            num_warps=warps,
            **tile.of(recurrent_kernels.forward),
            **OPTIONS,
        )
    return states


def _dense(tensors: Iterable[Optional[Tensor]]) -> list[Optional[Tensor]]:
    return [None if each is None else each.contiguous() for each in tensors]


def _scratch(tile: Tile, programs: int, like: Tensor) -> Tensor:
    """Numbers that gathers go through where they do not go through registers."""
    widest = max(tile.NEURONS, tile.LISTS, tile.SENDER_LISTS)
    return like.new_empty(0 if tile.SHUFFLE else programs * tile.ROWS * widest)


@library.custom_op("liquid_neural_networks::gpu_conductance_backward", mutates_args=())
def conductance_backward(
    grad_states: Tensor,
    states: Tensor,
    sums: Tensor,
    elapsed_time: Optional[Tensor],
    time_constants: Optional[Tensor],
    state: Optional[Tensor],
    terms: Optional[Tensor],
    recurrent: Optional[Tensor],
    parameters: Tensors,
    lists: Tensors,
    most: list[int],
    solver: str,
    unfolds: int,
) -> Tensors:
    """Gradients of what there is of a ``Call``, and (4 E + 3 N,) of w, sigma, mu, E, c, g, vleak."""
    call = Call(sums, elapsed_time, time_constants, state, terms, recurrent)
    receiving, sending = Lists(*lists[:5]), Lists(*lists[5:])
    tile = _tile(receiving, sending, most)
    warps = layout.backward_warps(receiving.places + sending.places)
    batch, steps, _, units = sums.shape
    synapses = len(parameters[-1])
    programs = min(triton.cdiv(batch, tile.ROWS), layout.PROGRAMS // warps)
    grads = Call(*(None if each is None else each.new_empty(each.shape) for each in call))
    shares = sums.new_empty(programs, 4 * synapses + 3 * units)
    with torch.cuda.device_of(sums):
        recurrent_kernels.backward[(programs,)](
            grad_states.contiguous(),
            *grads[:5],
            shares,
            states,
            *_dense(call._replace(recurrent=None if recurrent is None else recurrent.t())),
            *_dense([recurrent, *parameters]),
            receiving.synapse,
            receiving.other,
            receiving.first,
            receiving.count,
            *sending,
            _scratch(tile, programs, sums),
            sums.new_empty(programs, unfolds, 3, tile.ROWS, tile.NEURONS),
            batch,
            steps,
            unfolds,
            units,
            synapses,
            SOLVER=solver,
            num_warps=warps,
            **tile.of(recurrent_kernels.backward),
            **OPTIONS,
        )
    if grads.terms is not None:
        grads = grads._replace(recurrent=of_recurrent(grads.terms, state, states))
    return [*(each for each in grads if each is not None), shares.sum(0)]


def of_recurrent(grad_terms: Tensor, state: Optional[Tensor], states: Tensor) -> Tensor:
    """(4 N, N) the gradient of a memory's recurrent weights from those of its gates (B, T, 4 N)."""
    units = grad_terms.shape[-1] // 4
    first = torch.zeros_like(states[:, 0]) if state is None else state
    before = torch.cat([first.unsqueeze(1), states[:, :-1]], 1)[..., :units]
    return grad_terms.flatten(0, 1).t() @ before.flatten(0, 1)


@conductance.register_fake
def _(
    sums: Tensor,
    elapsed_time: Optional[Tensor],
    time_constants: Optional[Tensor],
    state: Optional[Tensor],
    terms: Optional[Tensor],
    *others: Any,
) -> Tensor:
    batch, steps, _, units = sums.shape
    return sums.new_empty(batch, steps, units if terms is None else 2 * units)


@conductance_backward.register_fake
def _(grad_states: Tensor, states: Tensor, *others: Any) -> Tensors:
    call, parameters = others[:6], others[6]
    size = sum(len(each) for each in parameters)
    grads = [each.new_empty(each.shape) for each in call if each is not None]
    return [*grads, states.new_empty(size)]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *call, parameters, lists, ctx.most, ctx.solver, ctx.unfolds = inputs
    ctx.save_for_backward(output, *call, *parameters, *lists)


def _differentiate(ctx: Any, grad_states: Tensor) -> tuple[Any, ...]:
    states, *saved = ctx.saved_tensors
    call, parameters, lists = saved[:6], saved[6:13], saved[13:]
    *grads, of_parameters = conductance_backward(
        grad_states, states, *call, parameters, lists, ctx.most, ctx.solver, ctx.unfolds
    )
    each = iter(grads)
    of_call = [None if tensor is None else next(each) for tensor in call]
    # The kernel's order is that of c, g and vleak after w, sigma, mu and E.
    *of_synapses, c, g, vleak = of_parameters.split([*map(len, parameters[3:]), *map(len, parameters[:3])])
    return *of_call, [c, g, vleak, *of_synapses], [None] * len(lists), None, None, None


conductance.register_autograd(_differentiate, setup_context=_keep)
