"""``lnn report MODEL TABLE -o PAGE``: a page to look around in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Optional

import click

from ._files import check_output
from ._models import opened
from ._options import output_option, reading_options
from ._results import warnings_as_lines

if TYPE_CHECKING:
    from ..data import TableFiles


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@reading_options
@output_option(
    required=True,
    help="The page, an HTML file.",
)
@click.option(
    "--time",
    metavar="NAME",
    help="Column of times, for a network that was not trained on a table.  [default: even steps]",
)
@click.option("--title", help="Of the page.  [default: MODEL's file name]")
@click.option("--progress/--no-progress", default=True, help="Show a progress bar.")
def report(
    model: Path,
    table: TableFiles,
    output: Path,
    time: Optional[str],
    title: Optional[str],
    progress: bool,
) -> None:
    """Write a page about MODEL and what it does with TABLE.

    \b
    Examples:
      lnn report co2.lnn co2.csv -o co2.html
      lnn report pilot.lnn flight.csv --time seconds -o pilot.html

    One file that needs no network and no other file: how good MODEL is beside simple forecasts, its
    forecasts, why the newest one is what it is, its wiring, states and time constants, what each
    neuron is worth, where it comes to rest, and what to distrust. A MODEL that was not trained on
    a table reads the columns of TABLE in their order.
    """
    check_output("--output", output, [str(model), *table.names])
    # Imported here: torch would slow down every other command and --help.
    from ..report import write

    with warnings_as_lines():
        write(opened(model), table, output, time=time, title=title or model.stem, progress=progress)
    click.echo(output)
