"""Solvers: how the state crosses one elapsed interval, and the reference engine, in plain torch.

A solver sees the dynamics only as ``field(state) -> (rate, drive)``, the two terms of
dx/dt = drive - rate x, with the inputs held constant over the interval. Closed-form dynamics
need no solver.

Fixed-step solvers divide the interval into ``unfolds`` equal steps of length h:

============  =====  ================================================================
name          order  one step
============  =====  ================================================================
fused         1      x <- (x + h drive) / (1 + h rate); stable at any h (the default)
euler         1      x <- x + h (drive - rate x)
exponential   1      exact for frozen rate and drive; stable at any h
rk4           4      the classical Runge-Kutta step
============  =====  ================================================================

``euler`` and ``rk4`` are explicit: they diverge when h exceeds about 2 / rate; raise
``unfolds`` or take one of the other two. ``adaptive`` leaves the steps to torchdiffeq.
Stability needs rates above 0. Dense dynamics with tanh may have negative ones where time constants
are above 1: there the equation itself grows, and a fused step may divide by nearly 0.

Source of the fused step: Hasani et al., AAAI 2021, equation 3 and algorithm 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Callable, NamedTuple, Optional, Protocol

import torch
from torch import Tensor

from ._extras import missing
from ._sequences import Sequences
from ._tensors import check_parameters
from .dynamics import Dynamics, Field, Solve
from .errors import OptionError
from .memory import MemoryCell


class Solver(Protocol):
    """Integrates ``field`` from ``state`` over ``elapsed`` time."""

    @property
    def order(self) -> int:
        """Order of accuracy: the error falls as h to this power."""

    def __call__(self, field: Field, state: Tensor, elapsed: Tensor, unfolds: int) -> Tensor:
        """The state (..., N) after ``elapsed`` (broadcastable to the state)."""


def _fused(field: Field, x: Tensor, h: Tensor) -> Tensor:
    rate, drive = field(x)
    return (x + h * drive) / (1.0 + h * rate)


def _euler(field: Field, x: Tensor, h: Tensor) -> Tensor:
    rate, drive = field(x)
    return x + h * (drive - rate * x)


def _exponential(field: Field, x: Tensor, h: Tensor) -> Tensor:
    rate, drive = field(x)
    y = h * rate
    return x * torch.exp(-y) + drive * h * _phi(y)


def _phi(y: Tensor) -> Tensor:
    """(1 - exp(-y)) / y, near 0 by its series: the rate is 0 where a tanh is at its end."""
    near = y.abs() < (0.05 if y.dtype == torch.float32 else 3e-4)
    away = torch.where(near, torch.ones_like(y), y)
    series = 1 - y * (1 / 2 - y * (1 / 6 - y / 24))
    return torch.where(near, series, -torch.expm1(-away) / away)


def _rk4(field: Field, x: Tensor, h: Tensor) -> Tensor:
    def slope(y: Tensor) -> Tensor:
        rate, drive = field(y)
        return drive - rate * y

    k1 = slope(x)
    k2 = slope(x + h / 2 * k1)
    k3 = slope(x + h / 2 * k2)
    k4 = slope(x + h * k3)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


@dataclass(frozen=True)
class FixedStep:
    """A solver that repeats one step ``unfolds`` times."""

    step: Callable[[Field, Tensor, Tensor], Tensor]
    order: int

    def __call__(self, field: Field, state: Tensor, elapsed: Tensor, unfolds: int) -> Tensor:
        h = elapsed / unfolds
        for _ in range(unfolds):
            state = self.step(field, state, h)
        return state


@dataclass(frozen=True)
class Adaptive:
    """Dormand-Prince 5(4) from torchdiffeq; ``unfolds`` is not used.

    Each sample's interval is stretched to [0, 1], so samples may have different elapsed times.
    """

    order: int = 5
    relative_tolerance: float = 1e-6
    absolute_tolerance: float = 1e-7

    def __call__(self, field: Field, state: Tensor, elapsed: Tensor, unfolds: int) -> Tensor:
        try:
            from torchdiffeq import odeint
        except ImportError:
            raise missing("torchdiffeq", "adaptive", "solver") from None

        def slope(_: Tensor, x: Tensor) -> Tensor:
            rate, drive = field(x)
            return elapsed * (drive - rate * x)

        span = torch.tensor([0.0, 1.0], dtype=state.dtype, device=state.device)
        path: Tensor = odeint(
            slope,
            state,
            span,
            method="dopri5",
            rtol=self.relative_tolerance,
            atol=self.absolute_tolerance,
        )
        return path[-1]


SOLVERS: Mapping[str, Solver] = {
    "fused": FixedStep(_fused, order=1),
    "euler": FixedStep(_euler, order=1),
    "exponential": FixedStep(_exponential, order=1),
    "rk4": FixedStep(_rk4, order=4),
    "adaptive": Adaptive(),
}


class Method(NamedTuple):
    """How a population gets from sample to sample: the same for every engine.

    Attributes:
        solver: a name in :data:`SOLVERS`, or None for dynamics that need none.
        unfolds: U, steps of the solver per time step, or None likewise.
    """

    solver: Optional[str]
    unfolds: Optional[int]

    def solve(self) -> Optional[Solve]:
        """The solver with its unfolds chosen."""
        if self.solver is None:
            return None
        return partial(SOLVERS[self.solver], unfolds=self.unfolds or 1)


class Declined(Exception):
    """An engine that found in the middle of a call that it cannot run it; the next one will."""


def refuse_second_derivatives() -> None:
    """For the backward pass of an engine that has none of its own: it is recorded only where its
    own derivative is wanted.

    Raises:
        OptionError: it is recorded.
    """
    if torch.is_grad_enabled():
        raise OptionError(
            "this engine has no second derivatives; run the network inside "
            "liquid_neural_networks.engines.reference_only() to get them",
            "create_graph",
        )


NAME = "reference"


def why_not(
    dynamics: Dynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> str:
    """The reference engine runs every call."""
    return ""


def integrate(
    dynamics: Dynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> Tensor:
    """States after each time step: the reference engine, plain torch for any dynamics and solver.

    Args:
        dynamics: the population.
        method: how its state crosses an elapsed interval.
        sequences: what it is fed. Padding counts as samples; who calls sees to it that it changes
            nothing that is used.
        state: (B, N) to start from, or None for zeros; (B, 2 N) with a memory, the neurons' first.
        memory: an LSTM cell beside the neurons, or None.

    Returns:
        (B, T, N), with a memory (B, T, 2 N).
    """
    step = stepper(dynamics, method, sequences)
    steps = range(sequences.inputs.shape[1])
    if state is None:
        state = sequences.zeros(dynamics.units * (1 if memory is None else 2))
    states = []
    if memory is None:
        for t in steps:
            state = step(t, state)
            states.append(state)
        return torch.stack(states, dim=1)
    check_parameters(memory.stored())
    terms, recurrent = memory.input_terms(sequences.inputs).unbind(1), memory.stored()["W_rec"]
    neurons, remembered = torch.split(state, dynamics.units, -1)
    for t in steps:
        start, remembered = memory.advance(terms[t], recurrent, neurons, remembered)
        neurons = step(t, start)
        states.append(torch.cat([neurons, remembered], -1))
    return torch.stack(states, dim=1)


def stepper(
    dynamics: Dynamics, method: Method, sequences: Sequences
) -> Callable[[int, Tensor], Tensor]:
    """(t, state before sample t) -> state after it, both (B, N), of the neurons alone.

    What does not depend on the state is worked out once.
    """
    check_parameters(dynamics.stored())
    values = dynamics.prepare(dynamics.values())
    # Unbound once: slicing at every step would cost more than the step of a small population.
    terms = dynamics.sensory(values, sequences.inputs, sequences.mask)
    sensory = list(zip(*(term.unbind(1) for term in terms)))
    elapsed = sequences.times().unsqueeze(-1).unbind(1)
    given = sequences.time_constants
    constants = [None] * len(elapsed) if given is None else given.unbind(1)
    solve = method.solve()

    def step(t: int, state: Tensor) -> Tensor:
        return dynamics.advance(values, state, sensory[t], elapsed[t], constants[t], solve)

    return step
