"""``lnn train TABLE``: from a table to a model file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ._files import check_output
from ._options import output_option, reading_options
from ._results import show_metrics
from ._training_options import training_options

if TYPE_CHECKING:
    from ..data import TableFiles


@click.command()
@reading_options
@training_options
@output_option(
    default=Path("model.lnn"),
    show_default=True,
)
@click.option("--resume", is_flag=True, help="Go on where an interrupted training stopped.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print the test result as JSON.")
def train(
    table: TableFiles,
    output: Path,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a liquid network on TABLE, delimited text, Parquet or JSON, in order of time.

    \b
    Forecast the next value of a series:
      lnn train co2.csv --target co2 --time date --output co2.lnn
    Every hour of the next day, and how sure each is:
      lnn train taxi.csv --target rides --time hour --horizon 24 --path --quantiles .1,.5,.9
    Classify every row from two sensors, with 19 neurons or so:
      lnn train room.csv --target state --features light,co2 --wiring ncp:inter=12,command=6

    \b
    Many series in one table, named by a column:
      lnn train glucose.csv --target gl --time time --group id --horizon 6

    What TABLE holds is found and said before training, and each finding can be set. TABLE may be
    packed by gzip, bzip2, xz or zip, be - for standard input, or be several files with the same
    columns.

    The oldest rows train, the next choose the best epoch, and the newest measure the result,
    which is printed beside what simple forecasts reach. Empty cells are missing values. Names may
    be lists: --target a,b.

    While it trains, a checkpoint lies beside the output; after an interruption the same command
    with --resume goes on and ends with the very same network. Where the loss becomes infinite or
    NaN, the network of the best epoch is written all the same, and the exit code is 1.

    \b
    On two cores, each with half of every minibatch:
      torchrun --nproc-per-node 2 -m liquid_neural_networks.cli train co2.csv --target co2
    """
    check_output("--output", output, table.names)
    # Imported here: polars would slow down every other command and --help.
    from ..training import DivergenceError, data_parallel, fit_table, verdict

    checkpoint = output.with_name(f"{output.name}.checkpoint")
    with data_parallel() as first:
        if not first:  # one of the processes says what was read
            table = replace(table, report=None)
        try:
            forecaster = fit_table(table, checkpoint=checkpoint, progress=not quiet, **options)
            if first:
                forecaster.save(output)
        except DivergenceError as error:
            best = error.history.best_epoch
            if first and best and error.forecaster is not None:
                error.forecaster.save(output)
                click.echo(f"\nwrote {output} with the weights of epoch {best}", err=True)
            raise
        except (KeyboardInterrupt, OSError):
            kept = _checkpoints(output)
            if first and kept:
                listed = ", ".join(map(str, kept))
                click.echo(f"\nkept {listed}; go on with --resume", err=True)
            raise
    if not first:
        return
    for each in _checkpoints(output):
        each.unlink()
    history = forecaster.history
    click.echo(f"wrote {output}; best epoch {history.best_epoch} of {history.epochs}", err=True)
    if forecaster.test is not None:
        measure = forecaster.measure
        said = verdict(forecaster.test, measure)
        show_metrics(forecaster.test, measure, said, forecaster.columns.classes, as_json)


def _checkpoints(output: Path) -> list[Path]:
    """Those of the training of this output: one, or one for each seed."""
    alone = output.with_name(f"{output.name}.checkpoint")
    prefix = f"{alone.name}-"
    of_seeds = [
        each
        for each in output.absolute().parent.iterdir()
        if each.name.startswith(prefix) and each.name[len(prefix) :].isdigit()
    ]
    return [each for each in (alone, *sorted(of_seeds)) if each.exists()]
