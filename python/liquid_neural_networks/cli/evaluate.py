"""``lnn evaluate MODEL TABLE``: how good a trained network is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ._options import reading_options
from ._results import show_metrics

if TYPE_CHECKING:
    from ..data import TableFiles


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@reading_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate(model: Path, table: TableFiles, as_json: bool) -> None:
    """Compare what MODEL, made by lnn train, predicts for TABLE with its values.

    \b
    Example:
      lnn evaluate co2.lnn co2-of-last-year.csv

    Values: mean squared and absolute error in the table's units, and the share of the variance
    explained (r2). Classes: accuracy, F1, the confusion matrix. Beside them what simple forecasts
    reach (the newest value, the same time last week, a linear model, ...), and whether the network
    is better than the best of those.
    """
    # Imported here: polars would slow down every other command and --help.
    from ..training import Forecaster, verdict

    forecaster = Forecaster.load(model)
    metrics, measure = forecaster.evaluate(table), forecaster.measure
    said = verdict(metrics, measure)
    show_metrics(metrics, measure, said, forecaster.columns.classes, as_json)
