"""Options shared by commands, and option values that click does not know."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, Optional

import click

from .._checks import check_choice
from ..errors import OptionError

# The registries themselves are in modules that import torch, which takes seconds: too long for
# --help and for the completion of a command line.
SOLVERS = ("adaptive", "euler", "exponential", "fused", "rk4")
DYNAMICS = ("conductance", "dense", "lrc", "closed_form")
WIRINGS = ("fully_connected", "random", "ncp", "auto_ncp", "c_elegans")


def names(text: str) -> tuple[str, ...]:
    """Names of columns with commas between them; one with a comma in it stands in quotes."""
    listed = [text]
    if "," in text or text.startswith('"'):
        listed = next(csv.reader(io.StringIO(text), skipinitialspace=True), [])
    stripped = tuple(name.strip() for name in listed)
    if not stripped or not all(stripped):
        raise click.BadParameter(f"expected names with single commas between them, got {text!r}")
    return stripped


def levels(text: str) -> tuple[float, ...]:
    """Numbers with commas between them."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"expected numbers with commas between, got {text!r}") from None


def output_option(*, folder: bool = False, **settings: Any) -> Callable[..., Any]:
    """``--output`` and ``-o``, alike in every command that writes files."""
    kind = click.Path(file_okay=not folder, dir_okay=folder, path_type=Path)
    return click.option("--output", "-o", type=kind, **settings)


def never(_: click.Context, __: click.Parameter, value: int) -> Optional[int]:
    """0 for never."""
    return value or None


def character(text: str) -> str:
    """One character, or the name of one that is hard to type."""
    named = {"tab": "\t", "\\t": "\t", "blank": " ", "blanks": " ", "space": " "}
    return named.get(text.lower(), text)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command ``table``, the files named on its command line, and options to read them."""

    @wraps(command)
    def reading(
        paths: tuple[Path, ...],
        separator: Optional[str],
        decimal: Optional[str],
        encoding: Optional[str],
        header: Optional[bool],
        missing: tuple[str, ...],
        comment: Optional[str],
        **options: Any,
    ) -> Any:
        # Imported here: polars would slow down every other command and --help.
        from ..data import TableFiles

        quiet = options.get("quiet", False)
        table = TableFiles(
            paths,
            separator=separator,
            decimal=decimal,
            encoding=encoding,
            header=header,
            missing=missing,
            comment=comment,
            report=None if quiet else lambda line: click.echo(line, err=True),
        )
        return command(table=table, **options)

    return _with(reading, _READING)


def column_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options of ``fit_table`` that say what the columns of a table mean."""
    return _with(command, _COLUMNS)


def _with(
    command: Callable[..., Any], parameters: Iterable[Callable[..., Any]]
) -> Callable[..., Any]:
    for parameter in reversed(list(parameters)):
        command = parameter(command)
    return command


_READING = (
    click.argument(
        "paths",
        metavar="TABLE...",
        nargs=-1,
        required=True,
        type=click.Path(path_type=Path, allow_dash=True),
    ),
    click.option(
        "--separator",
        type=character,
        metavar="CHARACTER",
        help="Between cells; tab and blanks may be named.  [default: found]",
    ),
    click.option("--decimal", type=click.Choice((".", ",")), help="Mark.  [default: found]"),
    click.option("--encoding", metavar="NAME", help="Of the text.  [default: found]"),
    click.option(
        "--header/--no-header",
        default=None,
        help="Whether the first row names the columns; else they are column_1 and so on.  "
        "[default: found]",
    ),
    click.option(
        "--missing",
        metavar="WORD",
        multiple=True,
        help="A word or number that means no value, beside the usual ones; may be repeated.",
    ),
    click.option("--comment", metavar="MARK", help="Begins lines to skip.  [default: found]"),
)

_COLUMNS = (
    click.option(
        "--time",
        type=names,
        metavar="NAMES",
        help="Column of times, or several with a part each: date,time or year,month,day,hour.  "
        "[default: even steps]",
    ),
    click.option(
        "--time-format",
        metavar="PATTERN",
        help="Such as '%d/%m/%Y %H:%M'; or seconds, milliseconds, microseconds or nanoseconds "
        "since 1970.",
    ),
    click.option("--sort", is_flag=True, help="Put the rows in order of time first."),
    click.option(
        "--duplicates",
        type=click.Choice(("error", "first", "last", "mean")),
        default="error",
        show_default=True,
        help="What becomes of rows of the same time.",
    ),
    click.option(
        "--calendar",
        type=lambda text: () if text == "none" else names(text),
        metavar="CYCLES",
        help="Of hour, weekday and yearday, those to feed as sine and cosine, or none.  "
        "[default: those that the table spans often enough]",
    ),
    click.option(
        "--group", metavar="NAME", help="Column that tells several series in the table apart."
    ),
    click.option(
        "--split",
        type=click.Choice(("time", "group")),
        help="Keep back the newest rows of every series, or whole series.  [default: time]",
    ),
    click.option(
        "--label-per-group", is_flag=True, help="Each series has one target, known at its end."
    ),
    click.option(
        "--categories",
        type=names,
        metavar="NAMES",
        help="Columns of words or flags to feed, an input for each word.",
    ),
)


def wiring(text: str) -> dict[str, Any]:
    """A wiring such as ``ncp:inter=12,command=6``, as plain data."""
    return _described(text, WIRINGS, "NUMBER")


def dynamics(text: str) -> dict[str, Any]:
    """Dynamics such as ``closed_form:mode=pure``, as plain data."""
    return _described(text, DYNAMICS, "VALUE")


def _described(text: str, kinds: Iterable[str], wanted: str) -> dict[str, Any]:
    """Plain data from KIND[:OPTION=VALUE,...]; a value may be a bare word if so wanted."""
    kind, _, options = text.partition(":")
    try:
        check_choice("kind", kind, kinds)
    except OptionError as error:
        raise click.BadParameter(str(error)) from None
    description: dict[str, Any] = {"type": kind}
    for part in filter(None, options.split(",")):
        name, _, value = part.partition("=")
        try:
            description[name.strip()] = json.loads(value)
        except json.JSONDecodeError:
            if wanted == "NUMBER" or not value.strip():
                raise click.BadParameter(f"expected OPTION={wanted}, got {part!r}") from None
            description[name.strip()] = value.strip()
    return description
