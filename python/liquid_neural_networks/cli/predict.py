"""``lnn predict MODEL TABLE``: what a trained network predicts for a table."""

from __future__ import annotations

from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import click

from ._files import check_ending, check_output, write_table
from ._options import output_option, reading_options
from ._results import warnings_as_lines

if TYPE_CHECKING:
    from ..data import TableFiles


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@reading_options
@output_option(
    help="A .csv, .tsv or .parquet file.  [default: CSV on standard output]",
)
@click.option("--latest", is_flag=True, help="Only what is predicted at the newest row.")
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file in which the state is carried from one table to the next.",
)
def predict(
    model: Path,
    table: TableFiles,
    output: Optional[Path],
    latest: bool,
    state: Optional[Path],
) -> None:
    """Predict with MODEL, made by lnn train, at every row of TABLE.

    \b
    Examples:
      lnn predict co2.lnn co2.csv --output forecast.csv
      lnn predict co2.lnn new-rows.csv --latest --state co2.state

    For each row: the time that the forecast is for, as TABLE writes times; made_at, the time of
    the row it was made at; and predicted_NAME, the value that NAME will have. A model trained with
    --path or --quantiles predicts every row up to the horizon, or several quantiles
    (predicted_NAME_q10). For classes: the most probable one, its probability, and the
    probabilities of all. TABLE needs the feature columns only.

    A network has a memory: at the first rows of a table it has seen nothing yet. With --state,
    each table goes on where the last one ended.
    """
    for option, written in (("--output", output), ("--state", state)):
        if written is not None:
            check_output(option, written, [str(model), *table.names])
    if output is not None and state is not None and realpath(output) == realpath(state):
        raise click.BadParameter(f"{state} is the output as well", param_hint="--state")
    if output is not None:
        check_ending("--output", output)
    # Imported here: polars would slow down every other command and --help.
    from ..training import Forecaster

    with warnings_as_lines():
        predictions, keep_state = Forecaster.load(model).predict_before_keeping(
            table, latest=latest, state=state
        )
    if output is None:
        click.echo(predictions.write_csv(), nl=False)
    else:
        write_table(predictions, output)
    # Last: forecasts that could not be written are made again from the state of before.
    keep_state()
