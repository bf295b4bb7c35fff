"""The fused step: the whole sequence in one call of compiled code, where that can run.

It has the same signature as the reference path, :func:`liquid_neural_networks.solvers.integrate`,
and is chosen by itself for float32 and float64 on the CPU: for conductance and dense dynamics with
the fused, euler and exponential solvers, and for closed-form dynamics with up to 64 layers of
backbone and 16 of wiring, any activation but gelu, and no dropout inside the backbone. Everything
else takes the reference path, and so do closed-form dynamics and a mixed memory inside
``torch.compile`` and whatever runs under ``torch.func``.
:func:`status` says whether the compiled step is there, and if not, why.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import Any, Callable, NamedTuple, Optional

import torch
from torch import Tensor

from .. import solvers
from .._checks import check_choice
from ..dynamics import ClosedFormDynamics, ConductanceDynamics, DenseDynamics, Dynamics, Values
from ..memory import MemoryCell
from . import _closed_form
from . import _operator as operator
from ._memory import NO_MEMORY, joined, parted
from ._operator import Method, Sequence, Synapses, transforming

__all__ = [
    "Status",
    "disabled",
    "instruction_set",
    "instruction_sets",
    "status",
]


class Status(NamedTuple):
    """Whether the compiled step runs.

    Attributes:
        available: True if it runs where it can.
        reason: why not, and what to do; empty if it does.
        instruction_set: ``"avx512"``, ``"avx2"`` or ``"baseline"``; empty if not available.
    """

    available: bool
    reason: str
    instruction_set: str


class _Switch(threading.local):
    """Per thread. Not a ``ContextVar``, which ``torch.compile`` cannot see through."""

    off = False


_switch = _Switch()


def status() -> Status:
    """Whether the compiled step runs, and if not, why."""
    if operator.kernel is None:
        reason = (
            f"the C extension is not there ({operator.MISSING}); reinstall with a C compiler, "
            "such as gcc or clang, on the path"
        )
        return Status(False, reason, "")
    if _switch.off:
        return Status(False, "switched off by fused.disabled()", "")
    return Status(True, "", operator.in_use)


@contextmanager
def disabled() -> Iterator[None]:
    """Takes the reference path inside the ``with`` block, in this thread.

    Example:
        >>> from liquid_neural_networks import fused
        >>> with fused.disabled():
        ...     fused.status().available
        False
    """
    before, _switch.off = _switch.off, True
    try:
        yield
    finally:
        _switch.off = before


@contextmanager
def instruction_set(name: str) -> Iterator[None]:
    """Runs on one of :func:`instruction_sets` inside the ``with`` block, in every thread; the way
    back of what ran there too, wherever it is taken.

    Raises:
        OptionError: this machine does not have it.
    """
    check_choice("name", name, instruction_sets())
    before, operator.in_use = operator.in_use, name
    try:
        yield
    finally:
        operator.in_use = before


def instruction_sets() -> list[str]:
    """Those this machine can run, best first; empty without the extension."""
    return list(operator.SETS)


def choose(
    dynamics: Dynamics, solver: Optional[str], inputs: Tensor, memory: Optional[MemoryCell] = None
) -> Callable[..., Tensor]:
    """The function that integrates: the fused one if it can, else the reference."""
    # Transforms such as vmap and jvp see through plain torch only.
    if not _can_run(inputs) or transforming():
        return solvers.integrate
    if memory is not None and torch.compiler.is_compiling():
        return solvers.integrate
    if isinstance(dynamics, ClosedFormDynamics):
        return _closed_form.integrate if _closed_form.can_run(dynamics) else solvers.integrate
    return integrate if _knows(dynamics, solver) else solvers.integrate


def _can_run(like: Tensor) -> bool:
    return (
        operator.kernel is not None
        and not _switch.off
        and like.device.type == "cpu"
        and like.dtype in (torch.float32, torch.float64)
    )


def can_run(dynamics: Dynamics, solver: Optional[str]) -> bool:
    """Whether the compiled step knows these dynamics with this solver, and can run."""
    if not _can_run(dynamics.like):
        return False
    if isinstance(dynamics, ClosedFormDynamics):
        return _closed_form.can_run(dynamics)
    return _knows(dynamics, solver)


def _knows(dynamics: Dynamics, solver: Optional[str]) -> bool:
    return solver in operator.SOLVERS and type(dynamics) in _PREPARE


def integrate(
    dynamics: Dynamics,
    solver: str,
    unfolds: int,
    inputs: Tensor,
    mask: Optional[Tensor],
    elapsed_time: Optional[Tensor],
    time_constants: Optional[Tensor],
    state: Optional[Tensor],
    memory: Optional[MemoryCell] = None,
) -> Tensor:
    """States (B, T, N) after each time step; see :func:`liquid_neural_networks.solvers.integrate`.

    With a memory, states have 2 N numbers. Without elapsed time it is 1, without a state zeros: to
    make such tensors would cost a short sequence a tenth of its time. Differentiable once, in
    everything but the mask.
    """
    # Clipping in the kernel spares torch two operators a parameter. Graphs show what happens.
    clip = dynamics.constraint == "clip" and not torch.compiler.is_compiling()
    values = dynamics.stored() if clip else dynamics.values()
    cell = NO_MEMORY
    if memory is not None and state is not None:
        state, cell = parted(memory, inputs, state)
    prepare = _PREPARE[type(dynamics)]
    inputs, mask, activation, synapses, parameters = prepare(dynamics, values, inputs, mask)
    bounds = [dynamics.lower_bounds.get(name, _UNBOUNDED) for name in parameters] if clip else ()
    method = Method(
        operator.DYNAMICS.index(dynamics.name),
        operator.SOLVERS.index(solver),
        operator.ACTIVATIONS.index(activation),
        unfolds,
        dynamics.units,
        operator.kernel_for(inputs.dtype),
        tuple(bounds),
    )
    sequence = Sequence(inputs, mask, elapsed_time, time_constants, state)
    return joined(*operator.run(method, sequence, synapses, tuple(parameters.values()), cell))


def _prepare_conductance(
    dynamics: Dynamics, values: Values, inputs: Tensor, mask: Optional[Tensor]
) -> tuple[Tensor, Optional[Tensor], str, Synapses, Values]:
    # One look at a dictionary each: an attribute that is a buffer costs a search.
    buffers = dynamics._buffers
    synapses = Synapses(*[buffers[name] for name in Synapses._fields])  # type: ignore[arg-type]
    return inputs, mask, "sigmoid", synapses, values


def _prepare_dense(
    dynamics: Dynamics, values: Values, inputs: Tensor, mask: Optional[Tensor]
) -> tuple[Tensor, Optional[Tensor], str, Synapses, Values]:
    """The input's share is one matrix product, which torch does best."""
    (activations,) = dynamics.sensory(values, inputs, mask)
    none = dynamics.pre[:0]
    synapses = Synapses(dynamics.pre, dynamics.post, none, none)
    activation: Any = dynamics.options()["activation"]
    parameters = {name: values[name] for name in ("W_rec", "tau", "A")}
    return activations, None, activation, synapses, parameters


_UNBOUNDED = -inf

_PREPARE: dict[type[Dynamics], Callable[..., Any]] = {
    ConductanceDynamics: _prepare_conductance,
    DenseDynamics: _prepare_dense,
}
