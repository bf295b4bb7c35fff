"""``lnn bench``: how fast are networks of your sizes on this machine?"""

from __future__ import annotations

import click

from ._options import DYNAMICS

SIZE = click.IntRange(1)


@click.command()
@click.option("--batch", type=SIZE, default=32, show_default=True, help="B, sequences at once.")
@click.option("--steps", type=SIZE, default=32, show_default=True, help="T, samples per sequence.")
@click.option("--inputs", type=SIZE, default=10, show_default=True, help="I, features per sample.")
@click.option("--units", type=SIZE, default=32, show_default=True, help="N, neurons.")
@click.option(
    "--wiring",
    type=click.Choice(["full", "ncp", "sparse"]),
    default="full",
    show_default=True,
    help="sparse: 10 % of the synapses.",
)
@click.option(
    "--dynamics",
    type=click.Choice(DYNAMICS),
    default="conductance",
    show_default=True,
)
@click.option("--seconds", default=3.0, show_default=True, help="For each table.")
def bench(
    batch: int, steps: int, inputs: int, units: int, wiring: str, dynamics: str, seconds: float
) -> None:
    """Time a network of your sizes beside its peers.

    Every round times each contestant once; "times ours" is the median of the rounds' ratios.
    Peers that are not installed (ncps, torchdiffeq) are left out.

    \b
    Example:
      lnn bench --batch 1 --steps 100 --units 19 --wiring ncp
    """
    # Imported here: torch would slow down every other command and --help.
    from .. import benchmark, fused

    case = benchmark.Case(batch, steps, inputs, units, wiring, dynamics)
    click.echo(benchmark.machine())
    ((_, neurons),) = case.build().populations()
    if fused.unsupported(neurons.dynamics, neurons.method, neurons.dynamics.like):
        click.echo(f"{dynamics} dynamics have no compiled step: fused stands for plain torch here")
    for mode in benchmark.MODES:
        click.echo(f"\n{mode:12}{'ms':>12}{'times ours':>12}{'difference':>12}")
        for name, timing in benchmark.compare(case, mode, seconds=seconds).items():
            error = "" if timing.error is None else f"{timing.error:.1e}"
            click.echo(f"{name:12}{timing.milliseconds:12.3f}{timing.ratio:12.2f}{error:>12}")
