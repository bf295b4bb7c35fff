"""Conductance and dense dynamics in C, from plain data: what eager calls and graphs share."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

from torch import Tensor

from .._kernel import built
from ..solvers import Method
from . import _memory
from ._calls import Call, Tensors, backward, forward, kept_rows, make_plan, room_for
from ._fields import READ


class Stored(NamedTuple):
    """How values come from the parameters that C is given.

    Attributes:
        constraints: parameter -> which constraint keeps it, and its lower bound.
        in_matrices, epsilon: see :class:`~liquid_neural_networks.dynamics.Storage`.
    """

    constraints: dict[str, tuple[str, float]]
    in_matrices: bool
    epsilon: float


VALUES = Stored({}, False, 0.0)
"""C is given the values themselves."""


def make(
    dynamics: str,
    method: Method,
    activation: str,
    units: int,
    inputs: int,
    indices: list[bytes],
    stored: Stored,
) -> Any:
    """A plan from plain data. Dense dynamics get W_in u + b of every neuron as their inputs."""
    if dynamics == "dense":
        inputs, indices = units, [*indices[:2], b"", b""]
    return make_plan(
        built().step_plan,
        dynamics,
        method.solver,
        activation,
        method.unfolds,
        units,
        inputs,
        *indices,
        *stored,
    )


def run(call: Call, tensors: Tensors, keep: bool) -> Tensors:
    """Runs a call forward and returns what it wrote; ``keep`` what backward needs as well."""
    inputs = tensors["inputs"]
    assert inputs is not None
    batch, steps, _ = inputs.shape
    states = inputs.new_empty(batch, steps, call.units)
    written: Tensors = {"states": states, **_NO_MEMORY_WRITTEN}
    if tensors["gates"] is not None:
        rows = kept_rows(call, batch) if keep else None
        written |= _memory.written(states, rows)
    forward(call, tensors | written)
    return written


GRADIENTS = {
    name: f"grad_{name}"
    for names in READ.values()
    for name in names
    if name not in (*_memory.READ, "mask")
}
"""What has a gradient -> C's name for that; but for the memory cell's."""

_NO_MEMORY_WRITTEN: Tensors = dict.fromkeys(_memory.WRITTEN)


def run_back(
    call: Call,
    tensors: Tensors,
    written: Tensors,
    grad_states: Tensor,
    grad_memories: Optional[Tensor],
) -> Tensors:
    """The gradients of all tensors by name, None for the mask and for what is not there."""
    made: Tensors = {"mask": None}
    given: Tensors = {"grad_states": grad_states, "grad_memories": None, "grad_gates": None,
                      "grad_memory": None}  # fmt: skip
    for name, gradient in GRADIENTS.items():
        if name in tensors:
            each = tensors[name]
            made[name] = given[gradient] = None if each is None else room_for(each)
    if tensors["gates"] is not None:
        assert grad_memories is not None
        given |= _memory.gradients(tensors, grad_memories)
    backward(call, {**tensors, **written, **given})
    return {**made, **_memory_gradients(tensors, written, given)}


def _memory_gradients(tensors: Tensors, written: Tensors, given: Tensors) -> Tensors:
    gates, states = given["grad_gates"], written["states"]
    if gates is None or states is None:
        return _memory.NO_MEMORY
    recurrent = _memory.outer(gates, _memory.before(tensors["state"], states))
    return {"gates": gates, "gates_recurrent": recurrent, "memory": given["grad_memory"]}
