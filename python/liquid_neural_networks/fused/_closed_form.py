"""Closed-form dynamics on the compiled engine.

C does what depends on the step before. What does not, torch does best, for all steps in one matrix
product: what the inputs contribute, and the gradients of the weights.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import torch
from torch import Tensor

from .._kernel import built, kernel_for
from .._sequences import Sequences
from ..dynamics import ClosedFormDynamics, Values
from ..memory import MemoryCell
from ..solvers import refuse_second_derivatives
from . import _memory
from ._calls import (
    Call,
    Gradients,
    Tensors,
    backward,
    each_alone,
    forward,
    kept_rows,
    make_plan,
    room_for,
)
from ._fields import CLOSED_FORM

MAX_WIRING_LAYERS = 16
ACTIVATIONS = {"tanh": "tanh", "lecun_tanh": "tanh", "relu": "relu", "silu": "silu"}
"""Of the backbone, by C's names; constants are multiplied into the matrices."""

WRITTEN = ("states", "kept_z", "kept_heads", "kept_slope", *_memory.WRITTEN)


class Form(NamedTuple):
    """What is computed.

    Attributes:
        mode: of the dynamics.
        activation: of the backbone, ``"none"`` without one.
        layers: of the backbone.
        units: N.
        hidden: H, rows of the first matrix: of the backbone, else of the heads.
        layer_sizes: neurons in each layer of the wiring.
    """

    mode: str
    activation: str
    layers: int
    units: int
    hidden: int
    layer_sizes: tuple[int, ...]

    @property
    def heads(self) -> int:
        """K, heads of each neuron."""
        return 1 if self.mode == "pure" else 4

    def names(self) -> tuple[str, ...]:
        """Of everything that C reads."""
        further = range(1, self.layers)
        hidden = (name for n in further for name in (f"hidden_{n}", f"hidden_bias_{n}"))
        return (*CLOSED_FORM, *_memory.READ, *hidden)


def unsupported(dynamics: ClosedFormDynamics) -> str:
    """Why these dynamics cannot run here; empty if they can."""
    backbone = dynamics.backbone
    if len(dynamics.layout.sizes) > MAX_WIRING_LAYERS:
        return f"it has kernels for up to {MAX_WIRING_LAYERS} layers of wiring"
    if backbone is None:
        return ""
    if backbone.activation not in ACTIVATIONS:
        return f"it has no kernel for {backbone.activation} backbones"
    if dynamics.training and backbone.dropout > 0 and backbone.layers > 1:
        return "it draws no dropout inside a backbone"
    return ""


def integrate(
    dynamics: ClosedFormDynamics,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> Tensor:
    """States (B, T, N), with a memory (B, T, 2 N)."""
    values = dynamics.prepare(dynamics.values())
    state, cell = _memory.split_state(memory, sequences, state, dynamics.units)
    if state is None:
        state = sequences.zeros(dynamics.units)
    form = form_of(dynamics)
    tensors: Tensors = {
        "input_terms": dynamics.sensory(values, sequences.inputs, sequences.mask)[0],
        "elapsed_time": sequences.times(),
        "shift": shift(dynamics, values, sequences.time_constants, sequences.inputs.shape[:2]),
        "state": state,
        **weights(dynamics, values),
    }
    layered = not dynamics.layout.one_layer
    if layered:
        order = dynamics.layout.order(state.device)
        tensors["state"] = state.index_select(-1, order)
        cell = _memory.reordered(cell, order)
    names = form.names()
    tensors |= cell
    call = Call(plan_for(dynamics, form), kernel_for(state.dtype), names, form.units)
    ordered = [tensors[name] for name in names]
    states, memories = ClosedFormStep.apply(call, form, *ordered)  # type: ignore[no-untyped-call]
    if layered:
        back = dynamics.layout.back(state.device)
        states = states.index_select(-1, back)
        memories = None if memories is None else memories.index_select(-1, back)
    return _memory.joined(states, memories)


def form_of(dynamics: ClosedFormDynamics) -> Form:
    """What these dynamics compute."""
    backbone, sizes = dynamics.backbone, tuple(dynamics.layout.sizes)
    heads = len(dynamics.heads) * dynamics.units
    if backbone is None:
        return Form(dynamics.mode, "none", 0, dynamics.units, heads, sizes)
    activation = ACTIVATIONS[backbone.activation]
    hidden = dynamics.backbone_units
    return Form(dynamics.mode, activation, backbone.layers, dynamics.units, hidden, sizes)


def plan_for(dynamics: ClosedFormDynamics, form: Form) -> Any:
    """What C keeps of a population."""
    plan = dynamics.derived.plans.get(form)
    if plan is None:
        plan = dynamics.derived.plans[form] = make_plan(built().closed_form_plan, *form)
    return plan


def weights(dynamics: ClosedFormDynamics, values: Values) -> Tensors:
    """The matrices by C's names, neurons by layer of the wiring; ``values`` are prepared."""
    layout = dynamics.layout
    recurrent = values["recurrent"].t()
    if not layout.one_layer:
        recurrent = recurrent.index_select(1, layout.order(recurrent.device))
    return {
        "recurrent": recurrent,
        "heads": values.get("heads"),
        "heads_bias": values.get("heads_bias"),
        "between_layers": None if layout.one_layer else layout.between_layers(values),
        "A": torch.cat(layout.by_layer(values["A"])) if dynamics.mode == "pure" else None,
        **{name: value for name, value in values.items() if name.startswith("hidden_")},
    }


def shift(
    dynamics: ClosedFormDynamics,
    values: Values,
    time_constants: Optional[Tensor],
    shape: tuple[int, ...],
) -> Optional[Tensor]:
    """(B, T, N), neurons by layer: the base rates in pure mode, else what given time constants add
    to time_a."""
    rates = dynamics.given_rates(values, time_constants)
    return None if rates is None else rates.expand(*shape, dynamics.units)


class ClosedFormStep(torch.autograd.Function):
    """States and, with a memory, memories."""

    @staticmethod
    def forward(
        ctx: Any, call: Call, form: Form, *tensors: Optional[Tensor]
    ) -> tuple[Optional[Tensor], Optional[Tensor]]:
        named = call.named(tensors)
        written = _written(call, form, named, keep=any(ctx.needs_input_grad))
        forward(call, named | written)
        ctx.call, ctx.form = call, form
        ctx.save_for_backward(*[written[name] for name in WRITTEN], *tensors)
        return written["states"], written["memories"]

    @staticmethod
    def backward(ctx: Any, grad_states: Tensor, grad_memories: Optional[Tensor]) -> Gradients:
        refuse_second_derivatives()
        saved, call, form = ctx.saved_tensors, ctx.call, ctx.form
        written = dict(zip(WRITTEN, saved))
        tensors = call.named(saved[len(WRITTEN) :])

        def gradients(states: Tensor, memories: Optional[Tensor]) -> Gradients:
            found = _gradients(call, form, tensors, written, states, memories)
            return tuple([found.get(name) for name in call.names])

        return (None, None, *each_alone(gradients, grad_states, grad_memories))


def _written(call: Call, form: Form, tensors: Tensors, keep: bool) -> Tensors:
    """Empty tensors for what C writes."""
    terms = tensors["input_terms"]
    assert terms is not None
    batch, steps, _ = terms.shape
    states = terms.new_empty(batch, steps, form.units)
    written: Tensors = dict.fromkeys(WRITTEN)
    written["states"] = states
    rows = kept_rows(call, batch) if keep else None
    if tensors["gates"] is not None:
        written |= _memory.written(states, rows)
    if rows is not None:
        written["kept_z"] = terms.new_empty(form.layers, *terms.shape)
        written["kept_heads"] = terms.new_empty(rows, steps, form.heads * form.units)
        if form.activation == "silu":
            written["kept_slope"] = terms.new_empty(form.layers, *terms.shape)
    return written


def _gradients(
    call: Call,
    form: Form,
    tensors: Tensors,
    written: Tensors,
    grad_states: Tensor,
    grad_memories: Optional[Tensor],
) -> Tensors:
    """The gradients of all tensors by name."""
    states, z, state = written["states"], written["kept_z"], tensors["state"]
    elapsed = tensors["elapsed_time"]
    assert states is not None and z is not None and state is not None and elapsed is not None
    pure = form.mode == "pure"
    grad_y = room_for(z)
    grad_heads = states.new_empty(*states.shape[:2], form.heads * form.units)
    made: Tensors = {
        "grad_states": grad_states,
        "grad_y": grad_y,
        "grad_heads": grad_heads,
        "grad_elapsed_time": room_for(elapsed),
        "grad_state": room_for(state),
        "grad_shift": torch.empty_like(states) if pure else None,
        "grad_A": torch.empty_like(states) if pure else None,
        "grad_memories": None,
        "grad_gates": None,
        "grad_memory": None,
    }
    if tensors["gates"] is not None:
        assert grad_memories is not None
        made |= _memory.gradients(tensors, grad_memories)
    backward(call, {**tensors, **written, **made})
    first = grad_y[0] if form.layers > 0 else grad_heads
    grad_shift, grad_a, gates = made["grad_shift"], made["grad_A"], made["grad_gates"]
    if not pure and tensors["shift"] is not None:
        grad_shift = _of_time_a(grad_heads, form)
    previous = _memory.before(state, states)
    starts = previous if written["starts"] is None else written["starts"]
    return {
        "input_terms": first,
        "elapsed_time": made["grad_elapsed_time"],
        "shift": grad_shift,
        "state": made["grad_state"],
        "recurrent": _memory.outer(first, starts),
        "between_layers": (
            None if tensors["between_layers"] is None else _memory.outer(grad_heads, states)
        ),
        "A": None if grad_a is None else grad_a.sum((0, 1)),
        "gates": gates,
        "gates_recurrent": None if gates is None else _memory.outer(gates, previous),
        "memory": made["grad_memory"],
        **_of_backbone(z, grad_y, grad_heads),
    }


def _of_backbone(z: Tensor, grad_y: Tensor, grad_heads: Tensor) -> Tensors:
    """The gradients of the heads' weights, and of the layers from the second on."""
    if len(z) == 0:
        return {}
    found: Tensors = {
        "heads": _memory.outer(grad_heads, z[-1]),
        "heads_bias": grad_heads.sum((0, 1)),
    }
    for layer, (below, grad) in enumerate(zip(z, grad_y[1:]), start=1):
        found[f"hidden_{layer}"] = _memory.outer(grad, below)
        found[f"hidden_bias_{layer}"] = grad.sum((0, 1))
    return found


def _of_time_a(grad_heads: Tensor, form: Form) -> Tensor:
    """(B, T, N) the gradients of time_a, the third head of each layer."""
    sizes = [size for size in form.layer_sizes for _ in range(4)]
    return torch.cat(grad_heads.split(sizes, -1)[2::4], -1)
