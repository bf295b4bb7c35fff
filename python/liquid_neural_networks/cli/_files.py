"""What commands write: never over what they read, and all of it or nothing."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .._files import check_writable, replace
from ..errors import OptionError

if TYPE_CHECKING:
    import polars

ENDINGS = (".csv", ".tsv", ".parquet")


def check_output(option: str, output: Path, inputs: Iterable[str]) -> None:
    """Before the work rather than after it: that a file can be written, and is none that is read.

    Raises:
        click.BadParameter: it is one of the inputs, whatever it is called; or has no folder.
        OSError: the system does not let it be written.
    """
    if not output.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {output.parent}", param_hint=option)
    for each in inputs:
        if output.exists() and Path(each).exists() and output.samefile(each):
            raise click.BadParameter(
                f"{output} is read by this command, and would be overwritten", param_hint=option
            )
    check_writable(output)


def check_picture(option: str, output: Path, inputs: Iterable[str]) -> None:
    """What :func:`check_output` checks, and that there are pictures of that ending.

    Raises:
        click.UsageError: there are none.
    """
    # Imported here: no other command needs matplotlib.
    from ..plots._figure import check_ending as check_kind

    check_output(option, output, inputs)
    try:
        check_kind(option, output)
    except OptionError as error:
        raise click.UsageError(str(error)) from None


def check_ending(option: str, output: Path) -> None:
    """That the file is of a kind that tables are written as."""
    if output.suffix not in ENDINGS:
        raise click.BadParameter(
            f"expected a file ending in {', '.join(ENDINGS)}", param_hint=option
        )


def write_table(table: polars.DataFrame, output: Path) -> None:
    """Writes a table by the ending of its name; the old file is replaced in one step."""
    buffer = io.BytesIO()
    if output.suffix == ".parquet":
        table.write_parquet(buffer)
    else:
        table.write_csv(buffer, separator="\t" if output.suffix == ".tsv" else ",")
    replace(output, buffer.getvalue())
