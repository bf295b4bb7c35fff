"""Engines: the ways to run a population over sequences, and which of them runs a call.

All have one signature and give the same numbers: ``integrate(dynamics, method, sequences, state,
memory)``. The first that can run a call does; the reference engine, plain torch, can run any.

=====================  =========================================================================
name                   what it is
=====================  =========================================================================
``parallel in time``   every time step at once, inside :func:`parallel_time.enabled`
``gpu``                Triton kernels on a GPU, see :mod:`liquid_neural_networks.gpu`
``compiled``           C on the CPU, see :mod:`liquid_neural_networks.fused`
``reference``          plain torch, see :mod:`liquid_neural_networks.solvers`
=====================  =========================================================================
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple, Optional, Protocol

from torch import Tensor

from . import _kernel, fused, gpu, parallel_time, solvers
from ._modes import compiling
from ._parameters import check_alike
from ._sequences import Sequences
from .dynamics import Dynamics
from .memory import MemoryCell
from .solvers import Declined, Method

__all__ = ["ENGINES", "Choice", "Engine", "choose", "reference_only", "report"]


class Engine(Protocol):
    """What each of :data:`ENGINES` has; states and sequences are those of
    :func:`liquid_neural_networks.solvers.integrate`."""

    NAME: str

    def why_not(
        self,
        dynamics: Dynamics,
        method: Method,
        sequences: Sequences,
        state: Optional[Tensor],
        memory: Optional[MemoryCell],
    ) -> str:
        """Why it cannot run a call; empty if it can."""

    def integrate(
        self,
        dynamics: Dynamics,
        method: Method,
        sequences: Sequences,
        state: Optional[Tensor],
        memory: Optional[MemoryCell],
    ) -> Tensor:
        """States (B, T, N) after each time step, with a memory (B, T, 2 N)."""


ENGINES: tuple[Engine, ...] = (parallel_time, gpu, fused, solvers)
"""In the order in which they are asked."""


class Choice(NamedTuple):
    """Which engine runs a call of a population.

    Attributes:
        engine: its name.
        reasons: why those that come before it do not, by name.
    """

    engine: str
    reasons: dict[str, str]


class _Thread(threading.local):
    """What holds in the current thread."""

    choices: Optional[list[Choice]] = None
    reference_only = False


_thread = _Thread()


@contextmanager
def reference_only() -> Iterator[None]:
    """Runs the reference engine alone inside the ``with`` block, in this thread: for second
    derivatives, or to compare with.

    Example:
        >>> import torch
        >>> from liquid_neural_networks import LiquidNetwork, engines
        >>> network, inputs = LiquidNetwork(2, 8, 1), torch.zeros(1, 10, 2, requires_grad=True)
        >>> with engines.reference_only():
        ...     (slope,) = torch.autograd.grad(network(inputs).sum(), inputs, create_graph=True)
        >>> slope.requires_grad
        True
    """
    before, _thread.reference_only = _thread.reference_only, True
    try:
        yield
    finally:
        _thread.reference_only = before


@contextmanager
def report() -> Iterator[list[Choice]]:
    """Notes which engine ran each population inside the ``with`` block, in this thread.

    Yields:
        A list, filled while the block runs: one :class:`Choice` for each run of a population.

    Example:
        >>> import torch
        >>> from liquid_neural_networks import LiquidNetwork, engines
        >>> network = LiquidNetwork(2, 8, 1, dynamics="lrc")
        >>> with engines.report() as choices:
        ...     outputs = network(torch.zeros(1, 10, 2))
        >>> choices[0].engine, choices[0].reasons["compiled"]
        ('reference', 'it has no kernel for lrc dynamics')
    """
    before, _thread.choices = _thread.choices, []
    try:
        yield _thread.choices
    finally:
        _thread.choices = before


def integrate(
    dynamics: Dynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> Tensor:
    """States after each time step, by the first engine that can run the call.

    Raises:
        DtypeError: the dynamics or the memory have another dtype than what they are fed.
    """
    check_alike("dynamics", dynamics.like, sequences.inputs.dtype)
    if memory is not None:
        check_alike("memory", memory.like, sequences.inputs.dtype)
    call = (dynamics, method, sequences, state, memory)
    if compiling():
        return choose(*call).integrate(*call)
    reasons: dict[str, str] = {}
    for engine in ENGINES:
        reason = _why_not(engine, call)
        if not reason:
            try:
                states = engine.integrate(*call)
            except Declined as refusal:
                reason = str(refusal)
            else:
                if engine is solvers and not _kernel.native:
                    _warn_of_the_cost(sequences)
                if _thread.choices is not None:
                    _thread.choices.append(Choice(engine.NAME, reasons))
                return states
        reasons[engine.NAME] = reason
    raise AssertionError("the reference engine runs every call")


@cache
def _warn_once(reason: str) -> None:
    warnings.warn(f"networks run in plain torch, tens of times slower: {reason}", stacklevel=2)


def _warn_of_the_cost(sequences: Sequences) -> None:
    """Once in a process, where the compiled engine would have run had it been built."""
    if sequences.inputs.is_cpu and not _thread.reference_only:
        _warn_once(fused.status().reason)


def choose(
    dynamics: Dynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> Engine:
    """The first engine that has no reason against a call."""
    call = (dynamics, method, sequences, state, memory)
    return next(engine for engine in ENGINES if not _why_not(engine, call))


def _why_not(engine: Engine, call: tuple[Any, ...]) -> str:
    if _thread.reference_only and engine is not solvers:
        return "switched off by engines.reference_only()"
    return engine.why_not(*call)
