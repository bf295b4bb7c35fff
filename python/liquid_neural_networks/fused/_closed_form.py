"""Closed-form dynamics in compiled code: the whole sequence in one call, forward and backward.

The kernel does what depends on the step before. What does not, torch does best, for all steps in
one matrix product: what the inputs contribute, and the gradients of the weights.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any, NamedTuple, Optional

import torch
from torch import Tensor

from ..dynamics import ClosedFormDynamics, Values
from ..memory import MemoryCell
from . import _operator as operator
from ._memory import Remembering, RememberingGradients, before, joined, outer, parted

MAX_TIERS = 16
MODES = {"default": 0, "no_gate": 1, "pure": 2}
ACTIVATIONS = {"tanh": 0, "lecun_tanh": 0, "relu": 1, "silu": 2}


class Form(NamedTuple):
    """What is computed, as the numbers the kernel knows; see ``src/closed_form.h``."""

    mode: int
    activation: int
    layers: int
    tiers: int
    kernel: int


class Given(NamedTuple):
    """What the inputs contribute (B, T, H), elapsed times (B, T), shift (B, T, N), state (B, N);
    with several tiers, weights of what earlier ones have become (heads N, N) and where each begins;
    in pure mode, ``a`` (N,)."""

    heard: Tensor
    elapsed_time: Tensor
    shift: Optional[Tensor]
    state: Tensor
    fresh: Optional[Tensor]
    tier_start: Optional[Tensor]
    a: Optional[Tensor]


class Kept(NamedTuple):
    """States (B, T, N) and, for the way back, what the kernel keeps."""

    states: Tensor
    z: Optional[Tensor] = None
    heads: Optional[Tensor] = None
    slope: Optional[Tensor] = None


def can_run(dynamics: ClosedFormDynamics) -> bool:
    """Few enough layers, and a backbone the kernel knows."""
    dropping = dynamics.training and dynamics.backbone_dropout > 0 and dynamics.backbone_layers > 1
    return (
        dynamics.backbone_activation in ACTIVATIONS
        and len(dynamics.layer_sizes) <= MAX_TIERS
        and not dropping
        and not torch.compiler.is_compiling()
    )


def integrate(
    dynamics: ClosedFormDynamics,
    solver: Optional[str],
    unfolds: Optional[int],
    inputs: Tensor,
    mask: Optional[Tensor],
    elapsed_time: Tensor,
    time_constants: Optional[Tensor],
    state: Tensor,
    memory: Optional[MemoryCell] = None,
) -> Tensor:
    """States (B, T, N) after each time step; see :func:`liquid_neural_networks.solvers.integrate`.

    With a memory, states have 2 N numbers. Differentiable once, in everything but the mask.
    """
    state, cell = parted(memory, inputs, state)
    values = dynamics.prepare(dynamics.values())
    (heard,) = dynamics.sensory(values, inputs, mask)
    shift = _shift(dynamics, values, time_constants, (*inputs.shape[:2], state.shape[1]))
    form, tiers, weights = written_out(dynamics, values)
    if form.tiers > 1:
        state, cell = state.index_select(-1, dynamics.order), cell.reordered(dynamics.order)
    both = ClosedFormStep.apply(
        form, heard, elapsed_time, shift, state, *tiers, *cell[:3], *weights
    )
    if form.tiers > 1:
        both = [None if each is None else each.index_select(-1, dynamics.back) for each in both]
    return joined(*both)


def _shift(
    dynamics: ClosedFormDynamics,
    values: Values,
    time_constants: Optional[Tensor],
    shape: tuple[int, ...],
) -> Optional[Tensor]:
    if dynamics.mode == "pure":
        return dynamics.base_rates(values, time_constants).expand(shape)
    return None if time_constants is None else dynamics.shifts(values, time_constants)


def written_out(
    dynamics: ClosedFormDynamics, values: Values
) -> tuple[Form, tuple[Optional[Tensor], Optional[Tensor], Optional[Tensor]], list[Tensor]]:
    """The form, (fresh, tier_start, a) as in :class:`Given`, and the weights of the step, neurons
    by layer; ``values`` are prepared."""
    layers, tiers = dynamics.backbone_layers, len(dynamics.layer_sizes)
    activation = ACTIVATIONS[dynamics.backbone_activation]
    kernel = operator.kernel_for(dynamics.like.dtype)
    form = Form(MODES[dynamics.mode], activation, layers, tiers, kernel)
    recurrent = values["old"].t()
    fresh, tier_start = None, None
    if tiers > 1:
        recurrent = recurrent.index_select(1, dynamics.order)
        fresh = dynamics.fresh(values)
        tier_start = torch.tensor([0, *accumulate(dynamics.layer_sizes)])
    weights = [recurrent]
    if layers > 0:
        weights += [values["heads"], values["heads_bias"]]
    for layer in range(1, layers):
        weights += [values[f"hidden_{layer}"], values[f"hidden_bias_{layer}"]]
    a = dynamics.by_layer(values, "A") if dynamics.mode == "pure" else None
    return form, (fresh, tier_start, a), weights


class ClosedFormStep(torch.autograd.Function):
    """States and, with a memory, memories. ``weights``: recurrent, heads and their bias, then those
    of the layers from the second on."""

    @staticmethod
    def forward(
        ctx: Any,
        form: Form,
        heard: Tensor,
        elapsed_time: Tensor,
        shift: Optional[Tensor],
        state: Tensor,
        fresh: Optional[Tensor],
        tier_start: Optional[Tensor],
        a: Optional[Tensor],
        gates: Optional[Tensor],
        gates_recurrent: Optional[Tensor],
        memory: Optional[Tensor],
        *weights: Tensor,
    ) -> tuple[Tensor, Optional[Tensor]]:
        way_back = any(ctx.needs_input_grad)
        states = heard.new_empty(*heard.shape[:2], state.shape[1])
        remembering = Remembering(gates, gates_recurrent, memory)
        if gates is not None:
            rows = operator.whole_chunks(len(states), form.kernel) if way_back else None
            remembering = remembering.begin(states, rows)
        kept = Kept(states, *_room(form, heard, states)) if way_back else Kept(states)
        given = Given(heard, elapsed_time, shift, state, fresh, tier_start, a)
        _run(form, given, weights, remembering, kept)
        ctx.form = form
        ctx.save_for_backward(*given, *kept, *remembering, *weights)
        return states, remembering.memories

    @staticmethod
    def backward(
        ctx: Any, grad_states: Tensor, grad_memories: Optional[Tensor]
    ) -> tuple[Optional[Tensor], ...]:
        operator.refuse_second_derivatives()
        saved = ctx.saved_tensors
        given, kept = Given(*saved[:7]), Kept(*saved[7:11])
        remembering, weights = Remembering(*saved[11:17]), saved[17:]
        states, z = kept.states, kept.z
        assert z is not None
        gradients = RememberingGradients.begin(remembering, grad_memories)
        grad_y = z.new_empty(z.shape)
        grad_heads = states.new_empty(*states.shape[:2], _heads(ctx.form) * states.shape[2])
        grad_elapsed = given.elapsed_time.new_empty(given.elapsed_time.shape)
        grad_state = given.state.new_empty(given.state.shape)
        grad_shift = None if given.a is None else torch.empty_like(states)
        grad_a = None if given.a is None else torch.empty_like(states)
        grads = (grad_y, grad_heads, grad_elapsed, grad_state, grad_shift, grad_a)
        _run(ctx.form, given, weights, remembering, kept,
             (grad_states.contiguous(), gradients.memories, *grads, *gradients[1:]))  # fmt: skip
        grad_heard = grad_y[0] if ctx.form.layers > 0 else grad_heads
        starts = remembering.starts
        if starts is None:
            starts = before(given.state, states)
        of_weights = [outer(grad_heard, starts), *_of_backbone(z, grad_y, grad_heads)]
        if given.a is None and given.shift is not None:
            grad_shift = _of_shift(grad_heads, given.tier_start)
        grad_fresh = None if given.fresh is None else outer(grad_heads, states)
        of_cell = gradients.of_cell(given.state, states)
        of_inputs = (grad_heard, grad_elapsed, grad_shift, grad_state, grad_fresh)
        of_a = None if grad_a is None else grad_a.sum((0, 1))
        return (None, *of_inputs, None, of_a, *of_cell, *of_weights)


def _heads(form: Form) -> int:
    """Of each neuron."""
    return 1 if form.mode == MODES["pure"] else 4


def _of_backbone(z: Tensor, grad_y: Tensor, grad_heads: Tensor) -> list[Tensor]:
    """The gradients of the heads, then of the layers from the second on; matrices and biases."""
    if len(z) == 0:
        return []
    gradients = [outer(grad_heads, z[-1]), grad_heads.sum((0, 1))]
    for below, grad in zip(z, grad_y[1:]):
        gradients += [outer(grad, below), grad.sum((0, 1))]
    return gradients


def _of_shift(grad_heads: Tensor, tier_start: Optional[Tensor]) -> Tensor:
    """(B, T, N) the gradients of time_a, the third head of each tier."""
    tiers = [0, grad_heads.shape[-1] // 4] if tier_start is None else tier_start.tolist()
    sizes = [[end - start] * 4 for start, end in zip(tiers, tiers[1:])]
    return torch.cat(grad_heads.split([n for four in sizes for n in four], -1)[2::4], -1)


def _room(form: Form, heard: Tensor, states: Tensor) -> tuple[Tensor, Tensor, Optional[Tensor]]:
    """For what the way back needs."""
    z = heard.new_empty(form.layers, *heard.shape)
    steps, units = states.shape[1:]
    heads = heard.new_empty(
        operator.whole_chunks(len(heard), form.kernel), steps, _heads(form) * units
    )
    return z, heads, torch.empty_like(z) if form.activation == ACTIVATIONS["silu"] else None


def _run(
    form: Form,
    given: Given,
    weights: tuple[Tensor, ...],
    remembering: Remembering,
    kept: Kept,
    grads: tuple[Optional[Tensor], ...] = (),
) -> None:
    """Forward, or backward if there are ``grads``."""
    recurrent, *rest = weights
    heads: list[Optional[Tensor]] = [*rest[:2]] if rest else [None, None]
    read = [*given[:4], recurrent, *heads, *given[4:], *remembering[:3], *rest[2:]]
    arrays = [
        None if each is None else each.contiguous()
        for each in (*read, *kept, *remembering[3:], *grads)
    ]
    addresses = [0 if each is None else each.data_ptr() for each in arrays]
    batch, steps, hidden = given.heard.shape
    sizes = (*form[:4], batch, steps, given.state.shape[1], hidden, form.kernel)
    operator.built().closed_form(sizes, tuple(addresses), bool(grads), torch.get_num_threads())
