"""``lnn explain MODEL TABLE``: why a network predicts what it predicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import click

from ._files import check_picture
from ._options import reading_options
from ._results import printable, warnings_as_lines

if TYPE_CHECKING:
    from ..data import TableFiles


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@reading_options
@click.option(
    "--row",
    type=click.IntRange(1),
    help="Of TABLE, counted from 1: the forecast made there.  [default: the newest]",
)
@click.option("--target", metavar="NAME", help="Which one, of several.  [default: the first]")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also draw what each input brought, and when (PNG, SVG or PDF).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(
    model: Path,
    table: TableFiles,
    row: Optional[int],
    target: Optional[str],
    picture: Optional[Path],
    as_json: bool,
) -> None:
    """Say why MODEL, made by lnn train, predicts what it predicts at a row of TABLE.

    \b
    Examples:
      lnn explain co2.lnn co2.csv
      lnn explain co2.lnn co2.csv --row 1200 --picture why.png

    What each input brought over the rows up to that one, compared with inputs at their means, when,
    and through which neurons; the parts add up to the output. And how sure the forecast is.
    """
    if picture is not None:
        check_picture("--picture", picture, [str(model), *table.names])
    # Imported here: torch would slow down every other command and --help.
    from ..report import explain as explained
    from ..training import Forecaster

    with warnings_as_lines():
        found = explained(Forecaster.load(model), table, row=row, target=target)
    if picture is not None:
        from ..plots import plot_attribution, save
        from ..plots._figure import plain

        parts = found.parts
        axes = plot_attribution(
            parts.inputs, found.names, parts.times, label=found.unit, first=parts.first
        )
        axes.set_title(plain(f"{found.question}: {found.answer}"), loc="left")
        save(axes, picture)
        click.echo(f"wrote {picture}", err=True)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2))
    else:
        click.echo("\n".join(map(printable, str(found).splitlines())))
