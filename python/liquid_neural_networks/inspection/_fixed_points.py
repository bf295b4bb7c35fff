"""Where a network comes to rest while its input is held, and where it nearly does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import torch
from torch import Tensor

from .._checks import check_count, check_positive, check_seed
from .._sequences import Number
from ..network import LiquidNetwork
from ._field import MAP, Held, Stack, stacked
from ._subject import asks

_STEPS = 300
_NEAR = 1e-12
"""A speed so low that plain steps of Newton's method do the rest."""
_APART = 1e-5
"""Points nearer to each other than this, by the size of the state, are the same."""


@dataclass(frozen=True)
class FixedPoints:
    """States at which a network or one population rests, or nearly does, the most visited first.

    Attributes:
        states: (K, S): S = N, with a memory 2 N, of each of the populations looked at, one after
            the other.
        speeds: (K,) the largest change of any state there, by time (by sample of a map).
        jacobians: (K, S, S) derivatives of that change by the state, row by row.
        eigenvalues: (K, S) complex: of the Jacobian of a flow, of the derivative of the next state
            by the state of a map.
        stable: (K,) whether small deviations die away: every eigenvalue has a negative real part,
            of a map a size below 1.
        found: (K,) how many of the starts led there.
        outputs: (K, O) what the network says there, or None if it reads populations that were not
            looked at.
        kind: ``"flow"`` for differential equations, ``"map"`` for dynamics that go from sample to
            sample.
    """

    states: Tensor
    speeds: Tensor
    jacobians: Tensor
    eigenvalues: Tensor
    stable: Tensor
    found: Tensor
    outputs: Optional[Tensor]
    kind: str

    def __len__(self) -> int:
        return len(self.states)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; eigenvalues as pairs of real and imaginary part."""
        return {
            "kind": self.kind,
            "states": self.states.tolist(),
            "speeds": self.speeds.tolist(),
            "eigenvalues": torch.view_as_real(self.eigenvalues).tolist(),
            "stable": self.stable.tolist(),
            "found": self.found.tolist(),
            "outputs": None if self.outputs is None else self.outputs.tolist(),
        }


@asks
@torch.no_grad()
def fixed_points(
    network: LiquidNetwork,
    inputs: Number,
    time_constants: Optional[Number] = None,
    *,
    elapsed_time: float = 1.0,
    mask: Optional[Number] = None,
    starts: int = 256,
    tolerance: float = 1e-10,
    seed: int = 0,
    population: Optional[int] = None,
) -> FixedPoints:
    """States at which a network rests while its input is held, and whether they are stable.

    Newton's method, damped (Levenberg and Marquardt), from many random states within the bounds of
    the dynamics; of several layers upwards, each hearing where those below came to rest. That
    every fixed point is found cannot be promised: raise ``starts`` where it matters. In a network
    of both directions each direction comes to rest in its own.

    Args:
        network: is left as it is; computed in float64.
        inputs: (I,) one sample; for one population of a higher layer, what it receives.
        time_constants: base time constants (N,) in place of the learned ones.
        elapsed_time: time from sample to sample, for dynamics that are a map.
        mask: (I,), False where an input is missing.
        starts: how many.
        tolerance: the largest speed at a fixed point.
        seed: of the starts.
        population: one alone, counted as in ``state``. Default: all of them together.

    Raises:
        ShapeError, DtypeError, DomainError: naming the argument.

    Source: Sussillo and Barak, *Opening the Black Box*, Neural Computation 25, 2013.

    Example:
        >>> from liquid_neural_networks import LiquidNetwork, inspection
        >>> points = inspection.fixed_points(LiquidNetwork(2, 8, 1, seed=0), [0.5, -0.5])
        >>> bool((points.speeds < 1e-10).all()) and bool(points.stable.any())
        True
    """
    subject = stacked(network, inputs, time_constants, elapsed_time, mask, population)
    check_positive("tolerance", tolerance)
    states = _lowest(subject, _starts(subject, starts, seed))
    speeds = subject.speed(states).abs().amax(1)
    return _points(subject, states[speeds < tolerance])


@asks
@torch.no_grad()
def slow_points(
    network: LiquidNetwork,
    inputs: Number,
    time_constants: Optional[Number] = None,
    *,
    speed: float = 0.1,
    elapsed_time: float = 1.0,
    mask: Optional[Number] = None,
    starts: int = 256,
    tolerance: float = 1e-10,
    seed: int = 0,
    population: int = 0,
) -> FixedPoints:
    """States at which a population lingers: the speed is at a minimum, but not zero.

    Args:
        speed: the largest at which a state counts as slow.
        tolerance: below it, it is a fixed point.
        population: which one, counted as in ``state``.

    The other arguments, the errors and the source are those of :func:`fixed_points`.
    """
    subject = stacked(network, inputs, time_constants, elapsed_time, mask, population)
    check_positive("speed", speed)
    check_positive("tolerance", tolerance)
    states = _lowest(subject, _starts(subject, starts, seed))
    rates, jacobians = subject.jacobian(states)
    speeds = rates.abs().amax(1)
    level = torch.einsum("rij,ri->rj", jacobians, rates).abs().amax(1) < 1e-6 * speeds
    return _points(subject, states[(speeds >= tolerance) & (speeds <= speed) & level])


def _starts(subject: Stack, count: int, seed: int) -> Tensor:
    """(R, size): half within the bounds, half in their corners, and where it settles from zero."""
    check_count("starts", count)
    generator = torch.Generator().manual_seed(check_seed(seed))
    low, high = subject.bounds()
    drawn = torch.rand(count, subject.size, generator=generator, dtype=torch.float64).to(low.device)
    drawn[::2] = drawn[::2].round()
    return torch.cat([low + drawn * (high - low), subject.settled()])


def _lowest(subject: Stack, states: Tensor) -> Tensor:
    """(R, size) where the speed is least, layer by layer, downhill from each of the states."""

    def ends(held: Held, part: Tensor) -> tuple[Tensor, Tensor]:
        state = _minima(held, part)
        return state, state

    return subject.upwards(ends, states)


def _minima(subject: Held, states: Tensor) -> Tensor:
    """Where the speed is least, downhill from each of the states (R, size)."""
    identity = torch.eye(subject.size, dtype=states.dtype, device=states.device)
    damping = torch.full((len(states), 1, 1), 1e-2, dtype=states.dtype, device=states.device)
    rates, jacobians = subject.jacobian(states)
    for _ in range(_STEPS):
        going = (damping.flatten() < 1e8) & (rates.abs().amax(1) >= _NEAR)
        rows = torch.nonzero(going).squeeze(1)
        if len(rows) == 0:
            break
        own, rate, slope = subject.of(rows), rates[rows], jacobians[rows]
        gradient = torch.einsum("rij,ri->rj", slope, rate)
        square = slope.transpose(1, 2) @ slope + damping[rows] * identity
        factor, failed = torch.linalg.cholesky_ex(square)
        trial = states[rows] - torch.cholesky_solve(gradient.unsqueeze(-1), factor).squeeze(-1)
        after = own.speed(trial)
        better = (failed == 0) & (after.square().sum(1) < rate.square().sum(1))
        damping[rows] *= torch.where(better, 1 / 8, 4.0).view(-1, 1, 1)
        damping.clamp_(1e-14, 1e8)
        moved = rows[better]
        if len(moved):
            states = states.index_copy(0, moved, trial[better])
            rates[moved], jacobians[moved] = subject.of(moved).jacobian(states[moved])
    return _polished(subject, states)


def _polished(subject: Held, states: Tensor) -> Tensor:
    """A few plain steps of Newton's method, where they help."""
    for _ in range(5):
        rates, jacobians = subject.jacobian(states)
        # One by one: MKL has failed at batches of large matrices on several threads.
        steps = [torch.linalg.solve_ex(*each)[0] for each in zip(jacobians, rates)]
        trial = states - torch.stack(steps)
        better = subject.speed(trial).abs().amax(1) < rates.abs().amax(1)
        better &= trial.isfinite().all(1)
        states = torch.where(better.unsqueeze(1), trial, states)
    return states


def _points(subject: Stack, states: Tensor) -> FixedPoints:
    """Those that differ, the most visited first."""
    kept: list[int] = []
    counts: list[int] = []
    left = list(range(len(states)))
    while left:
        first = left[0]
        near = (states[left] - states[first]).abs().amax(1)
        same = near < _APART * (1.0 + float(states[first].abs().max()))
        kept.append(first)
        counts.append(int(same.sum()))
        left = [index for index, equal in zip(left, same.tolist()) if not equal]
    order = sorted(range(len(kept)), key=lambda each: -counts[each])
    chosen = states[[kept[each] for each in order]]
    rates, jacobians = subject.jacobian(chosen)
    eigenvalues = torch.linalg.eigvals(jacobians)
    if subject.kind == MAP:
        eigenvalues = eigenvalues + 1.0
        stable = eigenvalues.abs().amax(1) < 1.0
    else:
        stable = eigenvalues.real.amax(1) < 0.0
    return FixedPoints(
        states=chosen,
        speeds=rates.abs().amax(1),
        jacobians=jacobians,
        eigenvalues=eigenvalues,
        stable=stable,
        found=torch.tensor([counts[each] for each in order]),
        outputs=subject.outputs(chosen),
        kind=subject.kind,
    )
