"""The operator ``liquid_neural_networks::step``: ODE dynamics inside ``torch.compile`` and
``torch.export``, opaque to both.

It checks everything it is given, as eager calls are checked: C takes a tensor by its name, or not
at all.
"""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch import Tensor, library

from .._kernel import kernel_for
from ..dynamics import Dynamics
from ..errors import ShapeError
from ..solvers import Declined, Method
from . import _step
from ._calls import Call, Tensors, typed
from ._fields import DYNAMICS, READ, SEQUENCE
from ._memory import NO_MEMORY

_ARGUMENTS = (
    "Tensor inputs, Tensor? mask, Tensor elapsed_time, Tensor? time_constants, Tensor state, "
    "Tensor[] synapses, Tensor[] parameters, str dynamics, str solver, str activation, "
    "int unfolds, int input_size"
)
_library = library.Library("liquid_neural_networks", "DEF")
_library.define(f"step({_ARGUMENTS}) -> Tensor")
_library.define(f"step_backward(Tensor grad_states, Tensor states, {_ARGUMENTS}) -> Tensor[]")


def step(dynamics: Dynamics, method: Method, tensors: Tensors) -> Tensor:
    """States (B, T, N), recorded as one operator. Its gradients are all there or none, so what was
    left to its default is spelt out."""
    inputs, elapsed, state = tensors["inputs"], tensors["elapsed_time"], tensors["state"]
    assert inputs is not None
    batch, steps, _ = inputs.shape
    synapses = [dynamics.pre, dynamics.post, dynamics.sensory_pre, dynamics.sensory_post]
    states: Tensor = torch.ops.liquid_neural_networks.step(
        inputs,
        tensors.get("mask"),
        inputs.new_ones(batch, steps) if elapsed is None else elapsed,
        tensors["time_constants"],
        inputs.new_zeros(batch, dynamics.units) if state is None else state,
        synapses,
        [tensors[name] for name in DYNAMICS[dynamics.name]],
        dynamics.name,
        method.solver,
        dynamics.options().get("activation", "sigmoid"),
        method.unfolds,
        dynamics.input_size,
    )
    return states


class _Arguments:
    """What the operator is given, as a call of C."""

    def __init__(self, arguments: tuple[Any, ...]):
        *sequence, synapses, parameters, dynamics, solver, activation, unfolds, inputs = arguments
        if dynamics not in DYNAMICS:
            raise ShapeError(f"expected one of {', '.join(DYNAMICS)}, got {dynamics!r}", "dynamics")
        names = DYNAMICS[dynamics]
        if len(parameters) != len(names) or len(synapses) != 4:
            raise ShapeError(
                f"expected {len(names)} parameters and 4 index lists, got {len(parameters)} and "
                f"{len(synapses)}",
                "parameters",
            )
        state = sequence[4]
        given = dict(zip(SEQUENCE["conductance"], sequence))
        if dynamics == "dense" and given.pop("mask") is not None:
            raise ShapeError("dense dynamics have their inputs masked before", "mask")
        if state.dim() != 2:
            raise ShapeError(f"expected (B, N), got {tuple(state.shape)}", "state")
        self.tensors: Tensors = {
            **given,
            **NO_MEMORY,
            **dict(zip(names, parameters)),
        }
        self.call = Call(
            _step.make(
                dynamics,
                Method(solver, unfolds),
                activation,
                state.shape[1],
                inputs,
                [_index_bytes(each) for each in synapses],
                _step.VALUES,
            ),
            kernel_for(sequence[0].dtype),
            READ[dynamics],
            state.shape[1],
        )


def _index_bytes(index: Tensor) -> bytes:
    if index.dtype != torch.int64 or index.dim() != 1:
        raise ShapeError(f"expected int64 indices (E,), got {tuple(index.shape)}", "synapses")
    return index.contiguous().numpy().tobytes()


def _step_cpu(*arguments: Any) -> Tensor:
    try:
        given = _Arguments(arguments)
        states = _step.run(given.call, given.tensors, keep=False)["states"]
    except Declined as refusal:
        raise typed(str(refusal)) from None
    assert states is not None
    return states


def _step_backward_cpu(grad_states: Tensor, states: Tensor, *arguments: Any) -> list[Tensor]:
    try:
        given = _Arguments(arguments)
        written: Tensors = {"states": states}
        found = _step.run_back(given.call, given.tensors, written, grad_states, None)
    except Declined as refusal:
        raise typed(str(refusal)) from None
    return [each for name, each in found.items() if each is not None]


def _step_fake(inputs: Tensor, *arguments: Any) -> Tensor:
    state: Tensor = arguments[3]
    return state.new_empty(inputs.shape[0], inputs.shape[1], state.shape[1])


def _step_backward_fake(
    grad_states: Tensor,
    states: Tensor,
    inputs: Tensor,
    mask: Any,
    elapsed_time: Tensor,
    time_constants: Optional[Tensor],
    state: Tensor,
    synapses: list[Tensor],
    parameters: list[Tensor],
    *_: Any,
) -> list[Tensor]:
    wanted = (inputs, elapsed_time, time_constants, state, *parameters)
    return [each.new_empty(each.shape) for each in wanted if each is not None]


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    sequence, synapses, parameters = inputs[:5], inputs[5], inputs[6]
    ctx.options, ctx.count = inputs[7:], len(synapses)
    ctx.save_for_backward(output, *sequence, *synapses, *parameters)


def _step_autograd(ctx: Any, grad_states: Tensor) -> tuple[Any, ...]:
    states, *rest = ctx.saved_tensors
    sequence, synapses = rest[:5], rest[5 : 5 + ctx.count]
    grads = torch.ops.liquid_neural_networks.step_backward(
        grad_states, states, *sequence, synapses, rest[5 + ctx.count :], *ctx.options
    )
    grads = list(grads)
    inputs, elapsed = grads.pop(0), grads.pop(0)
    given = None if sequence[3] is None else grads.pop(0)
    state = grads.pop(0)
    none = [None] * len(ctx.options)
    return (inputs, None, elapsed, given, state, [None] * ctx.count, grads, *none)


_library.impl("step", _step_cpu, "CPU")
_library.impl("step_backward", _step_backward_cpu, "CPU")
library.register_fake("liquid_neural_networks::step", _step_fake, lib=_library)
library.register_fake("liquid_neural_networks::step_backward", _step_backward_fake, lib=_library)
library.register_autograd(
    "liquid_neural_networks::step", _step_autograd, setup_context=_setup_context, lib=_library
)
