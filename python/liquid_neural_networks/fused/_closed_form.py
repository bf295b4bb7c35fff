"""Closed-form dynamics in compiled code: the whole sequence in one call, forward and backward.

The kernel does what depends on the step before. What does not, torch does best, for all steps in
one matrix product: what the inputs contribute, and the gradients of the weights.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import torch
from torch import Tensor

from ..dynamics import ClosedFormDynamics
from . import _operator as operator

ACTIVATIONS = {"tanh": 0, "lecun_tanh": 0, "relu": 1, "silu": 2}


class Form(NamedTuple):
    """What is computed, as the numbers the kernel knows; see ``src/closed_form.h``."""

    gated: int
    activation: int
    layers: int


def can_run(dynamics: ClosedFormDynamics) -> bool:
    """One layer of neurons, a gated solution, and a backbone the kernel knows."""
    dropping = dynamics.training and dynamics.backbone_dropout > 0 and dynamics.backbone_layers > 1
    return (
        dynamics.mode != "pure"
        and dynamics.backbone_activation in ACTIVATIONS
        and dynamics.one_layer
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
) -> Tensor:
    """States (B, T, N) after each time step; see :func:`liquid_neural_networks.solvers.integrate`.

    Differentiable once, in everything but the mask.
    """
    values = dynamics.prepare(dynamics.values())
    (heard,) = dynamics.sensory(values, inputs, mask)
    shift = None if time_constants is None else dynamics.shift(values, 0, time_constants)
    layers = dynamics.backbone_layers
    form = Form(int(dynamics.mode == "default"), ACTIVATIONS[dynamics.backbone_activation], layers)
    weights = [values["old"].t()]
    if layers > 0:
        weights += [values["heads"], values["heads_bias"]]
    for layer in range(1, layers):
        weights += [values[f"hidden_{layer}"], values[f"hidden_bias_{layer}"]]
    states: Tensor = ClosedFormStep.apply(form, heard, elapsed_time, shift, state, *weights)
    return states


class ClosedFormStep(torch.autograd.Function):
    """``weights``: recurrent, heads and their bias, then those of the layers from the second on."""

    @staticmethod
    def forward(
        ctx: Any,
        form: Form,
        heard: Tensor,
        elapsed_time: Tensor,
        shift: Optional[Tensor],
        state: Tensor,
        *weights: Tensor,
    ) -> Tensor:
        batch, steps, hidden = heard.shape
        units = state.shape[1]
        states = heard.new_empty(batch, steps, units)
        kept_z: Optional[Tensor] = None
        kept_heads: Optional[Tensor] = None
        kept_slope: Optional[Tensor] = None
        if any(ctx.needs_input_grad):
            kept_z = heard.new_empty(form.layers, batch, steps, hidden)
            width = operator.built().closed_form_width(int(heard.dtype == torch.float64))
            kept_heads = heard.new_empty(-(-batch // width) * width, steps, 4 * units)
            if form.activation == ACTIVATIONS["silu"]:
                kept_slope = torch.empty_like(kept_z)
        arrays = [heard, elapsed_time, shift, state, states, kept_z, kept_heads, kept_slope]
        _run(form, arrays, weights, ())
        ctx.form = form
        ctx.save_for_backward(*arrays, *weights)
        return states

    @staticmethod
    def backward(ctx: Any, grad_states: Tensor) -> tuple[Optional[Tensor], ...]:
        operator.refuse_second_derivatives()
        *arrays, kept_z, kept_heads, kept_slope = ctx.saved_tensors[:8]
        weights = ctx.saved_tensors[8:]
        _, elapsed_time, shift, state, states = arrays
        batch, steps, units = states.shape
        grad_y, grad_heads = (
            kept_z.new_empty(kept_z.shape),
            states.new_empty(batch, steps, 4 * units),
        )
        grad_elapsed = elapsed_time.new_empty(elapsed_time.shape)
        grad_state = state.new_empty(state.shape)
        grads = (grad_states.contiguous(), grad_y, grad_heads, grad_elapsed, grad_state)
        _run(ctx.form, [*arrays, kept_z, kept_heads, kept_slope], weights, grads)
        layers = ctx.form.layers
        grad_heard = grad_y[0] if layers > 0 else grad_heads
        before = torch.cat([state.unsqueeze(1), states[:, :-1]], dim=1)
        grad_weights: list[Tensor] = [_outer(grad_heard, before)]
        if layers > 0:
            grad_weights += [_outer(grad_heads, kept_z[-1]), grad_heads.sum((0, 1))]
        for layer in range(1, layers):
            grad_weights += [_outer(grad_y[layer], kept_z[layer - 1]), grad_y[layer].sum((0, 1))]
        grad_shift = None if shift is None else grad_heads[..., 2 * units : 3 * units]
        return (None, grad_heard, grad_elapsed, grad_shift, grad_state, *grad_weights)


def _run(
    form: Form,
    arrays: list[Optional[Tensor]],
    weights: tuple[Tensor, ...],
    grads: tuple[Tensor, ...],
) -> None:
    """Forward, or backward if there are ``grads``."""
    heard, elapsed_time, shift, state, *written = arrays
    assert heard is not None and state is not None
    recurrent, *rest = weights
    heads: list[Optional[Tensor]] = [*rest[:2]] if rest else [None, None]
    kept = [
        None if each is None else each.contiguous()
        for each in (heard, elapsed_time, shift, state, recurrent, *heads, *written, *rest[2:])
    ]
    addresses = [0 if each is None else each.data_ptr() for each in (*kept, *grads)]
    batch, steps, hidden = heard.shape
    double = int(heard.dtype == torch.float64)
    sizes = (*form, batch, steps, state.shape[1], hidden, double)
    operator.built().closed_form(sizes, tuple(addresses), bool(grads), torch.get_num_threads())


def _outer(rows: Tensor, columns: Tensor) -> Tensor:
    """(R, C) sums over batch and time of products of (B, T, R) and (B, T, C)."""
    return rows.flatten(0, 1).t() @ columns.flatten(0, 1)
