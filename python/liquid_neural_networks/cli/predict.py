"""``lnn predict MODEL TABLE``: what a trained network predicts for a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional

import click

from ._options import reading_options

if TYPE_CHECKING:
    from ..data import TableFiles

ENDINGS = (".csv", ".tsv", ".parquet")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@reading_options
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A .csv, .tsv or .parquet file.  [default: CSV on standard output]",
)
def predict(model: Path, table: TableFiles, output: Optional[Path]) -> None:
    """Predict with MODEL, made by lnn train, at every row of TABLE.

    \b
    Example:
      lnn predict co2.lnn co2.csv --output forecast.csv

    One row per row of TABLE: its time, and predicted_NAME, the value that NAME will have
    as many rows later as the model was trained to look ahead. For classes: the most probable
    one, and its probability. TABLE needs the feature columns only.
    """
    if output is not None and output.suffix not in ENDINGS:
        raise click.BadParameter(
            f"expected a file ending in {', '.join(ENDINGS)}", param_hint="--output"
        )
    # Imported here: polars would slow down every other command and --help.
    from ..training import Forecaster

    predictions = Forecaster.load(model).predict(table)
    if output is None:
        click.echo(predictions.write_csv(), nl=False)
    elif output.suffix == ".parquet":
        predictions.write_parquet(output)
    else:
        predictions.write_csv(output, separator="\t" if output.suffix == ".tsv" else ",")
