"""Conductance and dense dynamics on the compiled engine."""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch import Tensor

from .._kernel import kernel_for
from .._modes import compiling
from .._sequences import Sequences
from ..dynamics import ConductanceDynamics, DenseDynamics, Dynamics, Values
from ..memory import MemoryCell
from ..solvers import Method, refuse_second_derivatives
from . import _graph, _memory, _step
from ._calls import Call, Gradients, Tensors, each_alone
from ._fields import DYNAMICS, READ

SOLVERS = ("fused", "euler", "exponential")
EQUATIONS = (ConductanceDynamics, DenseDynamics)


def unsupported(dynamics: Dynamics, method: Method) -> str:
    """Why these dynamics cannot run here; empty if they can."""
    if dynamics.storage.equations not in EQUATIONS:
        return f"it has no kernel for {dynamics.name} dynamics"
    if method.solver not in SOLVERS:
        return f"it has no kernel for the {method.solver} solver"
    return ""


def integrate(
    dynamics: Dynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> Tensor:
    """States (B, T, N), with a memory (B, T, 2 N).

    Without elapsed time it is 1, without a state zeros: to make such tensors would cost a short
    sequence a tenth of its time.
    """
    # The kernel makes values of what is stored, which spares torch several operators a parameter.
    # Graphs show what happens; and torch makes softplus, whose last bit a file must bring back.
    stored: Optional[_step.Stored] = None
    if compiling() or (dynamics.constraint == "softplus" and not dynamics.storage.in_matrices):
        values, stored = dynamics.values(), _step.VALUES
    elif dynamics.name == "dense":
        values = dynamics.stored()
    else:
        values = dynamics.tensors()  # C checks every one
    state, cell = _memory.split_state(memory, sequences, state, dynamics.units)
    tensors: Tensors = {"inputs": sequences.inputs, "mask": sequences.mask}
    if dynamics.name == "dense":
        tensors = {"inputs": _input_terms(dynamics, values, sequences)}
    tensors |= {
        "elapsed_time": sequences.elapsed_time,
        "time_constants": sequences.time_constants,
        "state": state,
        **cell,
        **{name: values[name] for name in DYNAMICS[dynamics.name]},
    }
    if compiling():
        return _graph.step(dynamics, method, tensors)
    plan = plan_for(dynamics, method, stored)
    call = Call(plan, kernel_for(sequences.inputs.dtype), READ[dynamics.name], dynamics.units)
    if torch.is_grad_enabled():
        return _memory.joined(*Step.apply(call, *tensors.values()))  # type: ignore[no-untyped-call]
    written = _step.run(call, tensors, keep=False)
    return _memory.joined(written["states"], written["memories"])  # type: ignore[arg-type]


def _input_terms(dynamics: Dynamics, values: Values, sequences: Sequences) -> Tensor:
    """(B, T, N) W_in u + b for all steps in one matrix product, which torch does best."""
    (terms,) = dynamics.sensory(values, sequences.inputs, sequences.mask)
    return terms


def plan_for(dynamics: Dynamics, method: Method, stored: Optional[_step.Stored]) -> Any:
    """What C keeps of a population. How values come from what it is given is up to the dynamics if
    ``stored`` is None."""
    activation: str = dynamics.options().get("activation", "sigmoid")
    key = (method, activation, stored is None)
    plan = dynamics.derived.plans.get(key)
    if plan is None:
        lists = dynamics.index_lists
        plan = _step.make(
            dynamics.name,
            method,
            activation,
            dynamics.units,
            dynamics.input_size,
            [lists[name].tobytes() for name in ("pre", "post", "sensory_pre", "sensory_post")],
            _stored_by(dynamics) if stored is None else stored,
        )
        dynamics.derived.plans[key] = plan
    return plan


def _stored_by(dynamics: Dynamics) -> _step.Stored:
    constraints = {
        name: (dynamics.constraint, lower)
        for name, lower in dynamics.lower_bounds.items()
        if name in DYNAMICS[dynamics.name]
    }
    storage = dynamics.storage
    return _step.Stored(constraints, storage.in_matrices, storage.epsilon)


class Step(torch.autograd.Function):
    """States and, with a memory, memories; the eager path."""

    @staticmethod
    def forward(
        ctx: Any, call: Call, *tensors: Optional[Tensor]
    ) -> tuple[Optional[Tensor], Optional[Tensor]]:
        written = _step.run(call, call.named(tensors), keep=True)
        ctx.call = call
        ctx.save_for_backward(*written.values(), *tensors)
        return written["states"], written["memories"]

    @staticmethod
    def backward(ctx: Any, grad_states: Tensor, grad_memories: Optional[Tensor]) -> Gradients:
        refuse_second_derivatives()
        saved = ctx.saved_tensors
        call, count = ctx.call, 1 + len(_memory.WRITTEN)
        written = dict(zip(("states", *_memory.WRITTEN), saved[:count]))
        tensors = call.named(saved[count:])

        def gradients(states: Tensor, memories: Optional[Tensor]) -> Gradients:
            found = _step.run_back(call, tensors, written, states, memories)
            return tuple([found[name] for name in call.names])

        return (None, *each_alone(gradients, grad_states, grad_memories))
