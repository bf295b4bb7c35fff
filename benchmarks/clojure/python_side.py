"""What Clojure is measured against: the same work called from Python, in the same process."""

from __future__ import annotations

from time import perf_counter_ns
from typing import Callable

import numpy as np
import torch

from liquid_neural_networks import LiquidNetwork


def _forward(shape: tuple[int, ...]) -> Callable[[], object]:
    network = LiquidNetwork(10, 32, 2, seed=1).eval()
    inputs = torch.rand(shape)

    @torch.no_grad()
    def run() -> object:
        return network(inputs)

    return run


def _step() -> Callable[[], object]:
    wiring = {"type": "ncp", "inter": 12, "command": 6, "motor": 1}
    live = LiquidNetwork(10, wiring=wiring, seed=1).stream()
    sample = np.full(10, 0.1)
    return lambda: live.step(sample, 0.02)


_WORK = {"forward": _forward((32, 32, 10)), "small": _forward((1, 1, 10)), "step": _step()}


def nanoseconds(name: str) -> int:
    """How long one call takes."""
    work = _WORK[name]
    start = perf_counter_ns()
    work()
    return perf_counter_ns() - start
