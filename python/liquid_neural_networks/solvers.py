"""Solvers: how the state crosses one elapsed interval. Plain torch, the reference path.

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
from typing import Callable, Optional, Protocol

import torch
from torch import Tensor

from .dynamics import Dynamics, Field
from .errors import MissingDependencyError


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
    return x + (drive - rate * x) * h * _phi(h * rate)


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
            raise MissingDependencyError(
                "the adaptive solver needs torchdiffeq: "
                "pip install 'liquid-neural-networks[adaptive]'",
                "solver",
            ) from None

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


Step = Callable[[int, Tensor], Tensor]
"""(t, state before sample t) -> state after it, both (B, N)."""


def integrate(
    dynamics: Dynamics,
    solver: Optional[str],
    unfolds: Optional[int],
    inputs: Tensor,
    mask: Optional[Tensor],
    elapsed_time: Tensor,
    time_constants: Optional[Tensor],
    state: Tensor,
) -> Tensor:
    """States after each time step: the reference path, for any dynamics and solver.

    Args:
        dynamics: the population.
        solver: a name in :data:`SOLVERS`, or None for dynamics that need none.
        unfolds: U, steps of the solver per time step, or None likewise.
        inputs: (B, T, I).
        mask: (B, T, I), 1 where a feature was seen and 0 where not, or None.
        elapsed_time: (B, T), time before each sample.
        time_constants: (B, T, N) base time constants, or None for the learned ones.
        state: (B, N) to start from.

    Returns:
        (B, T, N).
    """
    step = stepper(dynamics, solver, unfolds, inputs, mask, elapsed_time, time_constants)
    states = []
    for t in range(inputs.shape[1]):
        state = step(t, state)
        states.append(state)
    return torch.stack(states, dim=1)


def stepper(
    dynamics: Dynamics,
    solver: Optional[str],
    unfolds: Optional[int],
    inputs: Tensor,
    mask: Optional[Tensor],
    elapsed_time: Tensor,
    time_constants: Optional[Tensor],
) -> Step:
    """One step of :func:`integrate`, what does not depend on the state already worked out."""
    values = dynamics.prepare(dynamics.values())
    # Unbound once: slicing at every step would cost more than the step of a small population.
    sensory = list(zip(*(term.unbind(1) for term in dynamics.sensory(values, inputs, mask))))
    elapsed = elapsed_time.unsqueeze(-1).unbind(1)
    given = [None] * len(elapsed) if time_constants is None else time_constants.unbind(1)
    solve = None if solver is None else partial(SOLVERS[solver], unfolds=unfolds or 1)

    def step(t: int, state: Tensor) -> Tensor:
        return dynamics.advance(values, state, sensory[t], elapsed[t], given[t], solve)

    return step
