"""The fused step: the whole sequence in one call of compiled code, where that can run.

It has the same signature as the reference path, :func:`liquid_neural_networks.solvers.integrate`,
and is chosen by itself for float32 and float64 on the CPU with the fused, euler and exponential
solvers. Everything else takes the reference path. :func:`status` says which and why.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, cast

import torch
from torch import Tensor

from .. import solvers
from .._checks import check_choice
from ..dynamics import ConductanceDynamics, DenseDynamics, Dynamics
from . import _operator as operator
from ._live import LivePopulation
from ._operator import Method, Sequence, Synapses, lowest, transforming

if TYPE_CHECKING:
    from ..network import LiquidNetwork
    from ..neuron import LiquidNeuron

__all__ = [
    "Status",
    "disabled",
    "instruction_set",
    "instruction_sets",
    "lowest",
    "status",
    "transforming",
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
    return Status(True, "", _instruction_set)


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
    """Runs on one of :func:`instruction_sets` inside the ``with`` block, in every thread.

    Raises:
        OptionError: this machine does not have it.
    """
    global _instruction_set
    check_choice("name", name, instruction_sets())
    assert operator.kernel is not None
    before = _instruction_set
    operator.kernel.use(name)
    _instruction_set = name
    try:
        yield
    finally:
        operator.kernel.use(before)
        _instruction_set = before


def instruction_sets() -> list[str]:
    """Those this machine can run, best first; empty without the extension."""
    if operator.kernel is None:
        return []
    names: list[str] = operator.kernel.instruction_sets()
    return names


_instruction_set = (instruction_sets() or [""])[0]


def choose(dynamics: Dynamics, solver: Optional[str], inputs: Tensor) -> Callable[..., Tensor]:
    """The function that integrates: the fused one if it can, else the reference."""
    # Transforms such as vmap and jvp see through plain torch only.
    can = _can_run(dynamics, solver, inputs) and not transforming()
    return integrate if can else solvers.integrate


def can_stream(network: LiquidNetwork) -> bool:
    """Whether every population of a network can run on the compiled step."""
    neurons = cast("list[LiquidNeuron]", list(network.neurons))
    return all(
        each.memory is None and _can_run(each.dynamics, each.solver, each.dynamics.like)
        for each in neurons
    )


def live_populations(network: LiquidNetwork) -> list[LivePopulation]:
    """The populations of a network, ready to step on single samples."""
    neurons = cast("list[LiquidNeuron]", list(network.neurons))
    return [
        LivePopulation(each.dynamics, cast(str, each.solver), cast(int, each.unfolds))
        for each in neurons
    ]


def _can_run(dynamics: Dynamics, solver: Optional[str], like: Tensor) -> bool:
    return (
        operator.kernel is not None
        and not _switch.off
        and solver in operator.SOLVERS
        and type(dynamics) in _PREPARE
        and like.device.type == "cpu"
        and like.dtype in (torch.float32, torch.float64)
    )


def integrate(
    dynamics: Dynamics,
    solver: str,
    unfolds: int,
    inputs: Tensor,
    mask: Optional[Tensor],
    elapsed_time: Tensor,
    time_constants: Optional[Tensor],
    state: Tensor,
) -> Tensor:
    """States (B, T, N) after each time step; see :func:`liquid_neural_networks.solvers.integrate`.

    Differentiable once, in everything but the mask.
    """
    prepare = _PREPARE[type(dynamics)]
    inputs, mask, activation, synapses, parameters = prepare(dynamics, inputs, mask)
    method = Method(
        operator.DYNAMICS.index(dynamics.name),
        operator.SOLVERS.index(solver),
        operator.ACTIVATIONS.index(activation),
        unfolds,
    )
    sequence = Sequence(inputs, mask, elapsed_time, time_constants, state)
    return operator.run(method, sequence, synapses, parameters)


def _prepare_conductance(
    dynamics: Dynamics, inputs: Tensor, mask: Optional[Tensor]
) -> tuple[Tensor, Optional[Tensor], str, Synapses, tuple[Tensor, ...]]:
    synapses = Synapses(dynamics.pre, dynamics.post, dynamics.sensory_pre, dynamics.sensory_post)
    return inputs, mask, "sigmoid", synapses, tuple(dynamics.values().values())


def _prepare_dense(
    dynamics: Dynamics, inputs: Tensor, mask: Optional[Tensor]
) -> tuple[Tensor, Optional[Tensor], str, Synapses, tuple[Tensor, ...]]:
    """The input's share is one matrix product, which torch does best."""
    values = dynamics.values()
    (activations,) = dynamics.sensory(values, inputs, mask)
    none = dynamics.pre[:0]
    synapses = Synapses(dynamics.pre, dynamics.post, none, none)
    activation: Any = dynamics.options()["activation"]
    return activations, None, activation, synapses, (values["W_rec"], values["tau"], values["A"])


_PREPARE: dict[type[Dynamics], Callable[..., Any]] = {
    ConductanceDynamics: _prepare_conductance,
    DenseDynamics: _prepare_dense,
}
