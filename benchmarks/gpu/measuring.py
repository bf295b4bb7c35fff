"""Times and memory of one call on a GPU."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

Call = Callable[[], object]


class Cost(NamedTuple):
    """Medians of one call.

    Attributes:
        milliseconds: of the card's clock.
        mebibytes: peak of what the call allocated.
    """

    milliseconds: float
    mebibytes: float


def once(call: Call) -> float:
    """Milliseconds of one call, by the card's own events."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    call()
    end.record()
    torch.cuda.synchronize()
    return float(start.elapsed_time(end))


def side_by_side(calls: dict[str, Call], milliseconds: float) -> dict[str, Cost]:
    """The calls in turns, after a warm-up, for about so long each."""
    times: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    for name, call in calls.items():
        call()
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        times[name] = [once(call)]
        memory[name] = (torch.cuda.max_memory_allocated() - before) / 2**20
    slowest = max(each[0] for each in times.values())
    for _ in range(max(3, min(30, int(milliseconds / slowest)))):
        for name, call in calls.items():
            times[name].append(once(call))
    return {name: Cost(statistics.median(each[1:]), memory[name]) for name, each in times.items()}


def recorded(call: Call) -> Call:
    """The same call as a CUDA graph: what the card does, without the launching."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def forward(network: nn.Module, *arguments: torch.Tensor) -> Call:
    """A call without gradients."""

    def call() -> object:
        with torch.no_grad():
            return network(*arguments)

    return call


def training(network: nn.Module, *arguments: torch.Tensor) -> Call:
    """Forward, a loss and backward."""

    def call() -> None:
        network.zero_grad(set_to_none=True)
        outputs = network(*arguments)
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        outputs.square().mean().backward()

    return call
