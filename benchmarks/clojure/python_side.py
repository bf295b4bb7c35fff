"""What Clojure is measured against: the same work called from Python, in the same process."""

from __future__ import annotations

from time import perf_counter_ns
from typing import Callable, Union

import numpy as np
import torch

from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.online import Guarded, Learner

PILOT = {"type": "ncp", "inter": 12, "command": 6, "motor": 1}
SAMPLE = np.full(10, 0.1)


def _forward(shape: tuple[int, ...]) -> Callable[[], object]:
    network = LiquidNetwork(10, 32, 2, seed=1).eval()
    inputs = torch.rand(shape)

    @torch.no_grad()
    def run() -> object:
        return network(inputs)

    return run


def _step() -> Callable[[], object]:
    live = LiquidNetwork(10, wiring=PILOT, seed=1).stream()
    return lambda: live.step(SAMPLE, 0.02)


def _learner() -> Learner:
    return LiquidNetwork(10, wiring=PILOT, seed=1).learner("exact", learning_rate=0.001)


def _learn(live: Union[Learner, Guarded]) -> Callable[[], object]:
    def run() -> object:
        live.step(SAMPLE, 0.02)
        return live.learn(0.4)

    return run


_WORK = {
    "forward": _forward((32, 32, 10)),
    "small": _forward((1, 1, 10)),
    "step": _step(),
    "learn": _learn(_learner()),
    "guarded": _learn(Guarded(_learner())),
}


def nanoseconds(name: str) -> int:
    """How long one call takes."""
    work = _WORK[name]
    start = perf_counter_ns()
    work()
    return perf_counter_ns() - start
