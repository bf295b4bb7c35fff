"""When evaluation parallel in time pays: ``python -m benchmarks.parallel_time``.

One sequence of growing length, 32 neurons, float32, forwards without gradients and as a training
step. The three ways to compute are timed alternately; a cell is the median and, for the parallel
one, the iterations it took.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from statistics import median
from typing import Any

import click
import torch
from torch import Tensor

from liquid_neural_networks import LiquidNetwork, benchmark, fused, parallel_time

DYNAMICS = ("conductance", "dense", "lrc", "closed_form")
INPUTS, UNITS = 8, 32
WAYS: dict[str, Callable[[], Any]] = {
    "torch": fused.disabled,
    "compiled": nullcontext,
    "parallel": parallel_time.enabled,
}


@click.command(help=__doc__)
@click.option("--dynamics", "kinds", multiple=True, default=DYNAMICS, show_default=True)
@click.option("--steps", multiple=True, type=click.IntRange(2), default=[1024, 4096, 16384])
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=torch.get_num_threads())
def main(
    kinds: tuple[str, ...], steps: tuple[int, ...], batch: int, rounds: int, threads: int
) -> None:
    torch.set_num_threads(threads)
    print(benchmark.machine())
    print("milliseconds: sequential on plain torch | compiled where possible | parallel in time")
    for dynamics in kinds:
        network = LiquidNetwork(INPUTS, UNITS, 1, dynamics=dynamics, seed=0)
        for train in (False, True):
            for length in steps:
                cells = row(network, torch.randn(batch, length, INPUTS), train, rounds)
                print(f"{dynamics:12} {'train' if train else 'run':5} T={length:<6} {cells}")


def row(network: LiquidNetwork, inputs: Tensor, train: bool, rounds: int) -> str:
    """Median times of the three ways, timed alternately."""
    reports = {}

    def computed(way: str) -> None:
        with WAYS[way]() as reports[way], torch.set_grad_enabled(train):
            outputs = network(inputs)
            if train:
                outputs.square().mean().backward()

    calls = {way: lambda way=way: computed(way) for way in WAYS}
    times = benchmark.interleaved(calls, 0.0, min_rounds=rounds)
    cells = " | ".join(f"{1e3 * median(each):8.1f}" for each in times.values())
    parallel = reports["parallel"]
    if parallel.sequential:
        return f"{cells} (fell back)"
    return f"{cells} ({parallel.iterations} iterations)"


if __name__ == "__main__":
    main()
