"""``lnn train TABLE``: from a table to a model file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..solvers import SOLVERS
from ._options import column_options, dynamics, names, reading_options, wiring
from ._results import show_metrics

if TYPE_CHECKING:
    from ..data import TableFiles


@click.command()
@reading_options
@column_options
@click.option(
    "--target", "targets", type=names, metavar="NAMES", required=True, help="Columns to predict."
)
@click.option(
    "--features", type=names, metavar="NAMES", help="Columns to feed.  [default: numeric ones]"
)
@click.option(
    "--horizon",
    type=click.IntRange(0),
    help="How many rows ahead to predict.  [default: 1; 0 for classes]",
)
@click.option(
    "--classes/--values",
    default=None,
    help="What the target holds.  [default: classes if it is text, true/false, or 2 whole numbers]",
)
@click.option(
    "--changes/--levels",
    default=None,
    help="Whether to learn changes of the target rather than its level.  "
    "[default: changes, if the target is fed too and predicted ahead]",
)
@click.option("--window", type=click.IntRange(1), default=32, show_default=True, help="Rows.")
@click.option(
    "--valid",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.15,
    show_default=True,
    help="Fraction of the rows that chooses the best epoch.",
)
@click.option(
    "--test",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.15,
    show_default=True,
    help="Fraction of the rows, the newest, kept back to measure the result.",
)
@click.option("--hidden-size", type=click.IntRange(1), show_default="32, or the wiring's")
@click.option(
    "--wiring",
    type=wiring,
    metavar="KIND[:OPTION=NUMBER,...]",
    help="Such as ncp:inter=12,command=6 or auto_ncp:units=32.  [default: fully connected]",
)
@click.option(
    "--dynamics",
    type=dynamics,
    metavar="KIND[:OPTION=VALUE,...]",
    default="conductance",
    show_default=True,
    help="Such as dense or closed_form:mode=pure,backbone_units=64.",
)
@click.option(
    "--solver",
    type=click.Choice(sorted(SOLVERS)),
    help="[default: fused; closed_form dynamics have none]",
)
@click.option(
    "--unfolds", type=click.IntRange(1), help="Solver steps a row.  [default: 6; none likewise]"
)
@click.option("--mixed-memory", is_flag=True, help="Add an LSTM memory cell beside the neurons.")
@click.option("--epochs", type=click.IntRange(1), default=100, show_default=True)
@click.option("--batch-size", type=click.IntRange(1), default=16, show_default=True)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    default=0.01,
    show_default=True,
)
@click.option(
    "--schedule",
    type=click.Choice(("constant", "cosine")),
    default="constant",
    show_default=True,
    help="Of the learning rate.",
)
@click.option(
    "--max-gradient-norm",
    type=click.FloatRange(0, min_open=True),
    help="Scale longer gradients down to this. Default: never.",
)
@click.option(
    "--patience",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Stop after so many epochs without a better one; 0: never.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("model.lnn"),
    show_default=True,
)
@click.option("--resume", is_flag=True, help="Go on where an interrupted training stopped.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.option("--json", "as_json", is_flag=True, help="Print the test result as JSON.")
def train(
    table: TableFiles,
    targets: tuple[str, ...],
    output: Path,
    patience: int,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train a liquid network on TABLE, delimited text or Parquet, in order of time.

    \b
    Forecast the next value of a series:
      lnn train co2.csv --target co2 --time date --output co2.lnn
    Classify every row from two sensors, with 19 neurons or so:
      lnn train room.csv --target state --features light,co2 --wiring ncp:inter=12,command=6

    \b
    Many series in one table, told apart by a column:
      lnn train glucose.csv --target gl --time time --group id --horizon 6

    What TABLE holds is found and said before training, and each finding can be set. TABLE may be
    packed by gzip, be - for standard input, or be several files with the same columns.

    The oldest rows train, the next choose the best epoch, and the newest measure the result,
    which is printed. Empty cells are missing values. Names may be lists: --target a,b.

    While it trains, a checkpoint lies beside the output; after an interruption the same command
    with --resume goes on and ends with the very same network. Where the loss becomes infinite or
    NaN, the network of the best epoch is written all the same, and the exit code is 1.

    \b
    On two cores, each with half of every minibatch:
      torchrun --nproc-per-node 2 -m liquid_neural_networks.cli train co2.csv --target co2
    """
    # Imported here: polars would slow down every other command and --help.
    from ..training import DivergenceError, data_parallel, fit_table

    _check_folder(output)
    checkpoint = output.with_name(f"{output.name}.checkpoint")
    with data_parallel() as first:
        try:
            forecaster = fit_table(
                table,
                targets,
                patience=patience or None,
                checkpoint=checkpoint,
                progress=not quiet,
                **options,
            )
        except KeyboardInterrupt:
            if first and checkpoint.exists():
                click.echo(f"\nkept {checkpoint}; go on with --resume", err=True)
            raise
        except DivergenceError as error:
            best = error.history.best_epoch
            if first and best and error.forecaster is not None:
                error.forecaster.save(output)
                click.echo(f"\nwrote {output} with the weights of epoch {best}", err=True)
            raise
    if not first:
        return
    forecaster.save(output)
    checkpoint.unlink(missing_ok=True)
    history = forecaster.history
    click.echo(f"wrote {output}; best epoch {history.best_epoch} of {history.epochs}", err=True)
    if forecaster.test is not None:
        show_metrics(forecaster.test, forecaster.columns.classes, as_json)


def _check_folder(output: Path) -> None:
    """Before training rather than after it."""
    if not output.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {output.parent}", param_hint="--output")
