"""Timing calls alternately, and a description of the machine."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from .. import fused

MIN_ROUNDS = 5

SLICE = 0.02
"""Seconds a contestant has in a round: a shorter call is repeated, because in a loop of its own it
would not find the caches full of a rival's data each time."""


def interleaved(
    calls: Mapping[str, Callable[[], Any]], seconds: float, min_rounds: int = MIN_ROUNDS
) -> dict[str, list[float]]:
    """Seconds per call of each, one per round; see :data:`SLICE`.

    Args:
        calls: name -> what is timed.
        seconds: for all together; rounds begin until so much time is over.
        min_rounds: at least so many, however long they take.
    """
    repeats = {name: _repeats(call) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    start = time.perf_counter()
    rounds = 0
    while rounds < min_rounds or time.perf_counter() - start < seconds:
        for name, call in calls.items():
            times[name].append(_timed(call, repeats[name]))
        rounds += 1
    return times


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """How many times longer theirs takes: the median over the rounds of the ratios."""
    return median(long / short for long, short in zip(theirs, ours))


def _repeats(call: Callable[[], Any]) -> int:
    """How often a call fits into a slice."""
    call()  # what is done once, such as allocating, does not count
    once = _timed(call, 1)
    if once < SLICE:
        once = min(once, _timed(call, 1), _timed(call, 1))
    return max(1, int(SLICE / once))


def _timed(call: Callable[[], Any], repeats: int) -> float:
    """Seconds of one call, over ``repeats`` in a row."""
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def machine() -> str:
    """The machine in one line."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    return (
        f"{name}, {torch.get_num_threads()} threads, {fused.status().instruction_set or 'no C'}, "
        f"torch {torch.__version__}, Python {platform.python_version()}"
    )
