"""``lnn backtest TABLE``: how forecasts would have done, made again and again in the past."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ._options import reading_options
from ._results import show_baselines
from ._training_options import training_options

if TYPE_CHECKING:
    from ..data import TableFiles


@click.command(context_settings={"default_map": {"test": 0.1}})
@reading_options
@training_options
@click.option("--folds", type=click.IntRange(1), default=4, show_default=True, help="Origins.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def backtest(table: TableFiles, quiet: bool, as_json: bool, **options: Any) -> None:
    """Train anew at several moments of the past of TABLE, and measure what followed each.

    \b
    Example:
      lnn backtest co2.csv --target co2 --time date --folds 5 --test .1

    One test part is one stretch of the past, easy or hard by chance. Here the newest rows are cut
    into as many stretches as there are folds, each a fraction --test of the table; each is
    predicted by a network trained on all rows before it. No model is written.
    """
    # Imported here: polars would slow down every other command and --help.
    from .. import training

    found = training.backtest(table, progress=not quiet, **options)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
        return
    click.echo(f"{'from':28}{'trained on':>12}{'tested on':>12}{found.measure:>14}  best baseline")
    for fold in found.folds:
        value = f"{fold.test[found.measure]:.6g}"
        rival = training.best_baseline(fold.test, found.measure)
        best = "" if rival is None else fold.test["baselines"][rival][found.measure]
        click.echo(
            f"{fold.since:28}{fold.trained:12}{fold.tested:12}{value:>14}  {rival} {best:.6g}"
        )
    mean = found.mean
    click.echo(f"\nmean {found.measure:13} {mean[found.measure]:.6g}")
    show_baselines(mean, found.measure)
    click.echo(f"\n{found.verdict}")
