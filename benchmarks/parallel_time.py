"""When evaluation parallel in time pays: ``python -m benchmarks.parallel_time``.

One sequence of growing length, 32 neurons, float32, forwards without gradients and as a training
step. The three ways are timed by turns; a cell is the median and, for the parallel one, the
iterations it took.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import nullcontext
from statistics import median
from time import perf_counter
from typing import Any

import click
import torch

from liquid_neural_networks import LiquidNetwork, fused, parallel_time

DYNAMICS = ("conductance", "dense", "lrc", "closed_form")
INPUTS, UNITS = 8, 32


@click.command(help=__doc__)
@click.option("--dynamics", "kinds", multiple=True, default=DYNAMICS, show_default=True)
@click.option("--steps", multiple=True, type=click.IntRange(2), default=[1024, 4096, 16384])
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=torch.get_num_threads())
def main(
    kinds: tuple[str, ...], steps: tuple[int, ...], batch: int, repeats: int, threads: int
) -> None:
    torch.set_num_threads(threads)
    print(
        f"{platform.processor() or platform.machine()}, {threads} threads, torch", torch.__version__
    )
    print("milliseconds: sequential on plain torch | compiled where it can | parallel in time")
    for dynamics in kinds:
        network = LiquidNetwork(INPUTS, UNITS, 1, dynamics=dynamics, seed=0)
        for train in (False, True):
            for length in steps:
                inputs = torch.randn(batch, length, INPUTS)
                cells = measure(lambda: run(network, inputs, train), repeats)  # noqa: B023
                print(f"{dynamics:12} {'train' if train else 'run':5} T={length:<6} {cells}")


def run(network: LiquidNetwork, inputs: torch.Tensor, train: bool) -> None:
    with torch.set_grad_enabled(train):
        outputs = network(inputs)
    if train:
        outputs.square().mean().backward()  # type: ignore[union-attr]


def measure(work: Callable[[], None], repeats: int) -> str:
    """Median times of the three ways, taken by turns."""
    ways: dict[str, Callable[[], Any]] = {
        "torch": fused.disabled,
        "compiled": nullcontext,
        "parallel": parallel_time.enabled,
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, entered in ways.items():
            with entered() as report:
                start = perf_counter()
                work()
                times[way].append(1e3 * (perf_counter() - start))
    cells = " | ".join(f"{median(each):8.1f}" for each in times.values())
    if report.sequential:
        return f"{cells} (fell back)"
    return f"{cells} ({report.iterations} iterations)"


if __name__ == "__main__":
    main()
