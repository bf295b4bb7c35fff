"""``lnn stream MODEL``: predictions line by line, as rows come in."""

from __future__ import annotations

import json
import sys
import zlib
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import click

from .. import model_file
from .._files import replace
from ..errors import DataError, LiquidError
from ._interruptions import Interruptible

if TYPE_CHECKING:
    from ._lines import Format
    from ._live import Live


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--time", help="Column of times.  [default: that of the training, if any]")
@click.option(
    "--state",
    "state_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Go on from this file if it is there, and write it at the end of the input, at an "
    "interruption (Ctrl-C, SIGTERM), and at least every 10,000 rows.",
)
def stream(model: Path, time: Optional[str], state_file: Optional[Path]) -> None:
    """Predict with MODEL line by line: rows come in on standard input, answers go out at once.

    \b
    Examples:
      tail -f sensors.csv | lnn stream co2.lnn
      mosquitto_sub -t sensors | lnn stream co2.lnn --state co2.state

    Input is CSV with a header line, or one JSON object a line; answers have the same form. Empty
    cells and null are missing values. Elapsed times come from the time column. A line that
    cannot be used is reported on standard error and left out.

    A network trained on a table needs its feature columns and answers as lnn predict does: the
    time, and predicted_NAME; for classes the most probable one, and its probability. Any other
    network takes all columns but the time as its inputs, in their order, and answers output_0,
    output_1 and so on.
    """
    # Imported here: polars would slow down every other command and --help.
    from ._lines import format_of
    from ._live import live_of

    found = model_file.load(model)
    mark = f"{zlib.crc32(model_file.dumps(found)):08x}"
    saved = None if state_file is None else _read_state(state_file, mark)
    lines = iter(sys.stdin)
    first = next(lines, None)
    if first is None:
        return
    rows = format_of(first)
    live = live_of(found, time, rows.columns)
    live.restore(saved)
    if rows.columns is None:
        lines = chain([first], lines)
    else:
        _say(rows.heading(live.names))
    with Interruptible() as interruptible:
        for count, line in enumerate(lines, 1):
            with interruptible.not_now():
                if line.strip():
                    _answer(live, rows, line, count)
                if state_file is not None and count % SAVED_EVERY == 0:
                    _write_state(state_file, mark, live)
    if state_file is not None:
        _write_state(state_file, mark, live)


SAVED_EVERY = 10_000
"""Lines."""


def _answer(live: Live, rows: Format, line: str, count: int) -> None:
    try:
        values = live.step(rows.row(line))
    except LiquidError as error:
        click.echo(f"line {count}: {error}; left out", err=True)
    else:
        _say(rows.answer(live.names, values))


def _say(line: Optional[str]) -> None:
    if line is not None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


# -- the state file ------------------------------------------------------------------------------


def _write_state(path: Path, mark: str, live: Live) -> None:
    replace(path, json.dumps({"model": mark, **live.saved()}).encode())


def _read_state(path: Path, mark: str) -> Optional[dict[str, Any]]:
    if not path.exists():
        return None
    try:
        saved = json.loads(path.read_bytes())
        if set(saved) != {"model", "state", "time", "dates"}:
            raise ValueError
    except (ValueError, TypeError):
        raise DataError("is no state of lnn stream", str(path)) from None
    if saved["model"] != mark:
        raise DataError("is the state of another model", str(path))
    return dict(saved)
