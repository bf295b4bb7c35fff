"""The compiled step beside its peers: one table, one plot, one file of results.

    python -m benchmarks --output out/bench

Everything is measured in this process, turn about; ratios are medians over the rounds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import torch
from matplotlib.figure import Figure

from benchmarks import bars, measures
from liquid_neural_networks import benchmark, fused


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--output", default="out/bench", show_default=True, type=click.Path(path_type=Path))
@click.option("--seconds", default=4.0, show_default=True, help="For each table of contestants.")
def main(output: Path, seconds: float) -> None:
    if not fused.status().available:
        raise click.ClickException(f"nothing to measure: {fused.status().reason}")
    torch.set_num_threads(2)
    output.mkdir(parents=True, exist_ok=True)
    results = {
        "machine": benchmark.machine(),
        # First: a peer takes 12 GiB, and this process keeps what its turn with it took.
        "memory": {name: measures.peak_memory(name) for name in ("fused", "ncps LTC")},
        "peers": measures.against_peers(seconds),
        "streaming": measures.streaming(seconds),
        "roofline": measures.roofline(),
        "scaling": measures.scaling(),
    }
    (output / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    draw(results["scaling"], output / "scaling.png")
    bars.report(results)
    print(f"\nresults and plot: {output}")


def draw(scaling: dict[str, Any], path: Path) -> None:
    """The time of a training step as each size grows, beside a straight line."""
    figure = Figure(figsize=(13, 3.2), layout="constrained")
    axes = figure.subplots(1, len(scaling))
    for ax, (name, points) in zip(axes, scaling.items()):
        sizes, times = zip(*points)
        ax.loglog(sizes, times, "o-", label="measured")
        ax.loglog(sizes, [times[-1] * s / sizes[-1] for s in sizes], "--", label="linear")
        ax.set_xlabel(name)
    axes[0].set_ylabel("training step (ms)")
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
