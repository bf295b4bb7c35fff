"""Evaluation parallel in time: every time step at once, again and again until they agree.

A sequence is the solution of T equations x_t = step_t(x_{t-1}). A quasi-Newton iteration guesses
all x_t, takes every step from its guess in one batch, and corrects the guesses by the recurrence

    x_t <- step_t(guess_{t-1}) + slope_t (x_{t-1} - guess_{t-1})

which an associative scan solves in O(log T) operations. ``slope_t`` (B, N) is the step's slope with
rate and drive held: what of a neuron's own state is left after the interval. Closed-form dynamics
keep nothing of it by themselves, and have slope 0. Gradients come from the same iteration on the
adjoint recurrence, so memory does not grow with the number of iterations.

Where the iteration does not come to rest, the sequential path runs instead. It is a way to compute,
not a property of a network: numbers agree with the sequential path, and files know nothing of it.

Source: Lim et al., *Parallelizing non-linear sequential models over the sequence length*, ICLR
2024 (DEER); Gonzalez et al., *Towards Scalable and Stable Parallelization of Nonlinear RNNs*,
NeurIPS 2024 (quasi-DEER), where the slope is the diagonal of the Jacobian.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Callable, NamedTuple, Optional

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ._modes import compiling, transform
from ._sequences import Sequences
from .dynamics import ClosedFormDynamics, Dynamics, OdeDynamics, Sensory, Solve, Values
from .memory import MemoryCell
from .solvers import Declined, Method

MAX_ITERATIONS = 64
"""After as many the sequential path takes over."""


@dataclass
class Report:
    """What happened to the sequences inside an :func:`enabled` block.

    Attributes:
        parallel: how many runs of a population came to rest, forward or backward.
        sequential: how many took the sequential path.
        iterations: of the last run that came to rest.
        reasons: why runs were sequential, and how often.
    """

    parallel: int = 0
    sequential: int = 0
    iterations: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def note_sequential(self, reason: str) -> None:
        """One more sequential run."""
        self.sequential += 1
        self.reasons[reason] += 1


class _Switch(threading.local):
    """Per thread, as in :mod:`liquid_neural_networks.fused`."""

    report: Optional[Report] = None


_switch = _Switch()


@contextmanager
def enabled() -> Iterator[Report]:
    """Evaluates sequences parallel in time inside the ``with`` block, in this thread.

    Holds for whatever runs a network there: calls, traces, training. Falls back to the sequential
    path by itself, for a sequence where the iteration does not come to rest within
    :data:`MAX_ITERATIONS`, the adaptive solver, a mixed memory, dropout in a backbone, and under
    ``torch.compile`` and ``torch.func``.

    Yields:
        A :class:`Report`, filled while the block runs.

    Example:
        >>> import torch
        >>> from liquid_neural_networks import LiquidNetwork, parallel_time
        >>> network = LiquidNetwork(2, 8, 1, dynamics="lrc", seed=0)
        >>> with parallel_time.enabled() as report:
        ...     outputs = network(torch.zeros(1, 1000, 2))
        >>> report.parallel, report.sequential
        (1, 0)
    """
    before, _switch.report = _switch.report, Report()
    try:
        yield _switch.report
    finally:
        _switch.report = before


NAME = "parallel in time"


def why_not(
    dynamics: Dynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> str:
    """Why a call runs sequentially, as far as that can be seen before; empty if it does not."""
    report = _switch.report
    if report is None:
        return "not asked for; see parallel_time.enabled()"
    reason = _unsupported(dynamics, method, memory)
    if reason:
        report.note_sequential(reason)
    elif sequences.inputs.shape[1] == 1:
        reason = "one sample is no sequence"
    elif compiling():
        reason = "torch.compile records the sequential engines"
    return reason or transform()


def _unsupported(dynamics: Dynamics, method: Method, memory: Optional[MemoryCell]) -> str:
    if memory is not None:
        return "a mixed memory"
    if method.solver == "adaptive":
        return "the adaptive solver chooses other steps for other batches"
    dropping = isinstance(dynamics, ClosedFormDynamics) and dynamics.backbone_dropout > 0.0
    return "dropout draws anew each time" if dropping and dynamics.training else ""


def integrate(
    dynamics: Dynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> Tensor:
    """States (B, T, N); see :func:`liquid_neural_networks.solvers.integrate`.

    Raises:
        Declined: the iteration does not come to rest.
    """
    report = _switch.report
    assert report is not None
    values = dynamics.prepare(dynamics.values())
    terms = dynamics.sensory(values, sequences.inputs, sequences.mask)
    given = sequences.time_constants
    start = sequences.zeros(dynamics.units) if state is None else state
    steps = _Steps(
        dynamics,
        method.solve(),
        (*sequences.inputs.shape[:2], dynamics.units),
        values,
        tuple(_rows(term) for term in terms),
        sequences.times().reshape(-1, 1),
        None if given is None else _rows(given),
    )
    fixed = steps.detached()
    found = fixed.solve(start.detach())
    if found is None:
        report.note_sequential(_NO_REST)
        raise Declined(_NO_REST)
    states, report.iterations = found
    report.parallel += 1
    # From where each step started, all steps once more: that is what is differentiated.
    after = steps(_before(states, start))
    if not after.requires_grad:
        return after
    adjoint = partial(_adjoint, fixed, _before(states, start.detach()), report)
    linked: Tensor = _Linked.apply(after, adjoint)  # type: ignore[no-untyped-call]
    return linked


_NO_REST = f"no rest within {MAX_ITERATIONS} iterations"


class _Steps(NamedTuple):
    """Every time step of a sequence, from any states; rows are the B T samples."""

    dynamics: Dynamics
    method: Optional[Solve]
    shape: tuple[int, int, int]
    values: Values
    sensory: Sensory
    elapsed: Tensor
    time_constants: Optional[Tensor]

    def detached(self) -> _Steps:
        given = self.time_constants
        return self._replace(
            values={name: value.detach() for name, value in self.values.items()},
            sensory=tuple(term.detach() for term in self.sensory),
            elapsed=self.elapsed.detach(),
            time_constants=None if given is None else given.detach(),
        )

    def __call__(self, before: Tensor) -> Tensor:
        """(B, T, N) the states after each step, from those before it."""
        return self.dynamics.advance(
            self.values,
            _rows(before),
            self.sensory,
            self.elapsed,
            self.time_constants,
            self.method,
        ).view(self.shape)

    def with_slope(self, before: Tensor) -> tuple[Tensor, Tensor]:
        """The states after each step, and its slope."""
        dynamics, method = self.dynamics, self.method
        if not isinstance(dynamics, OdeDynamics) or method is None:
            return self(before), torch.zeros_like(before)
        rates: list[Tensor] = []

        def record(x: Tensor) -> tuple[Tensor, Tensor]:
            rate, drive = dynamics.rate_and_drive(self.values, x, self.sensory, self.time_constants)
            rates.append(rate)
            return rate, drive

        after = method(record, _rows(before), self.elapsed)
        # With rate and drive held a step is affine: its slope is what it makes of 1, undriven.
        again, nothing = iter(rates), after.new_zeros(())
        slope = method(lambda _: (next(again), nothing), torch.ones_like(after), self.elapsed)
        return after.view(self.shape), slope.view(self.shape)

    @torch.no_grad()
    def solve(self, state: Tensor) -> Optional[tuple[Tensor, int]]:
        """The states that agree with each other and the number of iterations, or None."""
        states = state.unsqueeze(1).expand(self.shape)
        for iteration in range(1, MAX_ITERATIONS + 1):
            before = _before(states, state)
            after, slope = self.with_slope(before)
            corrected = linear_recurrence(slope, after - slope * before, state)
            change, states = _change(states, corrected), corrected
            if change is None:
                return None
            if change <= _tolerance(states):
                return states, iteration
        return None

    def one_by_one(self, before: Tensor, grad: Tensor) -> Tensor:
        """The adjoint, step after step; ``before`` and ``grad`` are (B, T, N)."""
        batch, count, _ = self.shape
        adjoint = [grad[:, -1]]
        for t in range(count - 1, 0, -1):
            rows = torch.arange(batch, device=grad.device) * count + t
            given = self.time_constants
            one = self._replace(
                shape=(batch, 1, self.shape[2]),
                sensory=tuple(term[rows] for term in self.sensory),
                elapsed=self.elapsed[rows],
                time_constants=None if given is None else given[rows],
            )
            x = before[:, t].detach().requires_grad_()
            with torch.enable_grad():
                after = one(x.unsqueeze(1)).squeeze(1)
            (passed,) = torch.autograd.grad(after, x, adjoint[-1])
            adjoint.append(grad[:, t - 1] + passed)
        return torch.stack(adjoint[::-1], dim=1)


class _Linked(torch.autograd.Function):
    """Steps that were computed side by side, as the chain they are when it comes to gradients."""

    @staticmethod
    def forward(ctx: Any, after: Tensor, adjoint: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.adjoint = adjoint
        return after.view_as(after)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return ctx.adjoint(grad), None


def _adjoint(steps: _Steps, before: Tensor, report: Report, grad: Tensor) -> Tensor:
    """adjoint_t = grad_t + J_{t+1}^T adjoint_{t+1}, by the same iteration backwards in time."""
    _, slope = steps.with_slope(before)
    x = before.detach().requires_grad_()
    with torch.enable_grad():
        after = steps(x)
    later, nothing = _later(slope), grad.new_zeros(grad[:, 0].shape)
    adjoint = grad
    for iteration in range(1, MAX_ITERATIONS + 1):
        (passed,) = torch.autograd.grad(after, x, adjoint, retain_graph=True)
        rest = grad + _later(passed - slope * adjoint)
        corrected = linear_recurrence(later.flip(1), rest.flip(1), nothing).flip(1)
        change, adjoint = _change(adjoint, corrected), corrected
        if change is None:
            break
        if change <= _tolerance(grad):
            report.parallel += 1
            report.iterations = iteration
            return adjoint
    report.note_sequential(_NO_REST)
    return steps.one_by_one(before, grad)


def linear_recurrence(slope: Tensor, offset: Tensor, state: Tensor) -> Tensor:
    """All x_t = slope_t x_{t-1} + offset_t from x_0, by an associative scan.

    Args:
        slope, offset: (B, T, ...).
        state: (B, ...), x_0.

    Returns:
        (B, T, ...); O(T) work in O(log T) operations.
    """
    first = slope[:, :1] * state.unsqueeze(1) + offset[:, :1]
    return _scan(slope, torch.cat([first, offset[:, 1:]], dim=1))


def _scan(slope: Tensor, offset: Tensor) -> Tensor:
    """The same from x_0 = 0: halves the steps by joining neighbours, then fills in."""
    if slope.shape[1] == 1:
        return offset
    pairs = slope.shape[1] // 2 * 2
    a, b = slope[:, 1:pairs:2], offset[:, 1:pairs:2]
    found = torch.empty_like(offset)
    found[:, 1::2] = _scan(slope[:, :pairs:2] * a, torch.addcmul(b, a, offset[:, :pairs:2]))
    found[:, 0] = offset[:, 0]
    odd = found[:, 1:-1:2]
    found[:, 2::2] = torch.addcmul(offset[:, 2::2], slope[:, 2::2], odd)
    return found


def _before(states: Tensor, state: Tensor) -> Tensor:
    """(B, T, N) the states each step starts from."""
    return torch.cat([state.unsqueeze(1), states[:, :-1]], dim=1)


def _later(values: Tensor) -> Tensor:
    """(B, T, N) each step's successor's; the last has none, and 0."""
    return torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], dim=1)


def _rows(values: Tensor) -> Tensor:
    return values.reshape(-1, values.shape[-1])


def _change(old: Tensor, new: Tensor) -> Optional[float]:
    """The largest one, or None if something is no longer finite."""
    change = float((new - old).abs().max())
    return change if change < float("inf") else None


def _tolerance(like: Tensor) -> float:
    """Some hundred units in the last place: 3e-13 and 3e-6, relative to the largest number."""
    return float(torch.finfo(like.dtype).eps ** 0.8 * like.abs().max().clamp(min=1e-30))
