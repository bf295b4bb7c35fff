"""``lnn demo``: train a small network on a real record and draw its forecast."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import click

from ._options import output_option


@click.command()
@output_option(
    folder=True,
    default=Path("lnn-demo"),
    show_default=True,
    help="Folder for the pictures, the model and the results; made if missing.",
)
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    default=50,
    show_default=True,
    help="Training epochs of each network.",
)
@click.option(
    "--runs",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Networks of each kind to train, with seeds counting up.",
)
def demo(output: Path, seed: int, epochs: int, runs: int) -> None:
    """Forecast the CO2 of the air with 19 neurons, beside simple rules and an LSTM."""
    # Imported here: matplotlib and statsmodels would slow down every other command.
    from ..demo import FILES, run

    started = perf_counter()
    results = run(output, seed=seed, epochs=epochs, runs=runs)
    click.echo(f"\n{results}\n")
    for name in FILES:
        click.echo(output / name)
    click.echo(f"\nin {perf_counter() - started:.0f} s")
