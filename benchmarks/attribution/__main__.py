"""The command; see the package."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import click
import torch

RECORD = Path(__file__).with_name("results.json")


@click.group()
def main() -> None:
    """Whether attributions add up, and whether they find what matters."""
    torch.set_num_threads(1)


def _kept(name: str, value: object) -> None:
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    RECORD.write_text(json.dumps({**record, name: value}, indent=1) + "\n")


@main.command()
@click.option("--count", default=500, show_default=True, help="Networks.")
def completeness(count: int) -> None:
    """Every cut on random networks, all dynamics, float64."""
    from .completeness import TOLERANCE, run

    found = run(count)
    worst: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for each in found:
        cuts = (each.inputs, each.synapses, each.neurons)
        worst[each.kind] = [max(pair) for pair in zip(worst[each.kind], cuts)]
    click.echo(f"{'':45} {'inputs':>9} {'synapses':>9} {'neurons':>9}")
    for kind, cuts in sorted(worst.items()):
        click.echo(f"{kind:45} " + " ".join(f"{each:9.1e}" for each in cuts))
    above = sum(max(each[1:4]) > TOLERANCE for each in found)
    warned = sum(not each.reached for each in found)
    click.echo(f"{count} networks, {above} above {TOLERANCE:g}, {warned} with a warning")
    _kept("completeness", {"networks": count, "above": above, "warned": warned, "worst": worst})


@main.command()
@click.option("--dynamics", multiple=True, default=("conductance", "closed_form"))
@click.option("--seeds", default=3, show_default=True)
@click.option("--epochs", default=20, show_default=True)
@click.option("--asked", default=100, show_default=True, help="Sequences that are asked about.")
def hmm(dynamics: tuple[str, ...], seeds: int, epochs: int, asked: int) -> None:
    """Area under precision and recall where the salient inputs are known."""
    from .hmm import run

    runs = [run(each, seed, epochs, asked) for each in dynamics for seed in range(seeds)]
    _kept("hmm", runs)


@main.command()
@click.option("--seeds", default=3, show_default=True)
@click.option("--asked", default=100, show_default=True, help="Sequences that are asked about.")
def exact(seeds: int, asked: int) -> None:
    """The same areas of what a perfect network would say: how far the methods themselves go."""
    from .hmm import run_exact

    _kept("exact", [run_exact(seed, asked) for seed in range(seeds)])


if __name__ == "__main__":
    main()
