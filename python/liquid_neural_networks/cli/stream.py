"""``lnn stream MODEL``: predictions line by line, as rows come in."""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import click

from .._files import replace
from ..errors import DataError, LiquidError
from ._interruptions import Interruptible

if TYPE_CHECKING:
    from ._lines import Format, Line
    from ._live import Answer, Live


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--time",
    help="Column of times, for a network that was not trained on a table.  [default: none]",
)
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

    A network trained on a table needs its feature columns and answers as lnn predict --latest
    does for all the rows so far: predicted_NAME and so on, after the group and the time of the
    row itself, called made_at where the forecast is for a later one. Any other network takes
    all columns but the time as its inputs, in their order, and answers output_0, output_1 and
    so on.
    """
    # Imported here: torch would slow down every other command and --help.
    from .. import model_file
    from ._lines import format_of, lines_at_hand
    from ._live import live_of

    found = model_file.load(model)
    mark = f"{zlib.crc32(model_file.dumps(found)):08x}"
    saved = None if state_file is None else _read_state(state_file, mark)
    parts = lines_at_hand(sys.stdin)
    first = next(parts, None)
    if first is None:
        return
    rows = format_of(first[0])
    live = live_of(found, time, rows.columns)
    if saved is not None:
        live.restore(saved)
    if rows.columns is not None:
        _say([rows.heading(live.names)])
        first = first[1:]
    count = unsaved = 0
    try:
        with Interruptible() as interruptible:
            for part in chain([first], parts):
                with interruptible.not_now():
                    _answer(live, rows, part, count)
                    count, unsaved = count + len(part), unsaved + len(part)
                    if state_file is not None and unsaved >= SAVED_EVERY:
                        _write_state(state_file, mark, live)
                        unsaved = 0
    finally:  # also where the answers can no longer be written
        if state_file is not None:
            _write_state(state_file, mark, live)


SAVED_EVERY = 10_000
"""Lines, at least."""


def _answer(live: Live, rows: Format, lines: Sequence[Line], before: int) -> None:
    """Answers lines, the first of which is number ``before`` + 1."""
    from ._lines import checked

    found: dict[int, Answer] = {}
    given = {}
    for number, line in enumerate(lines, before + 1):
        try:
            if line is None or line.strip():
                given[number] = rows.row(checked(line))
        except LiquidError as error:
            found[number] = error
    if given:
        found.update(zip(given, live.steps(list(given.values()))))
    answers = []
    for number in sorted(found):
        answer = found[number]
        if isinstance(answer, LiquidError):
            click.echo(f"line {number}: {answer}; left out", err=True)
        else:
            answers.append(rows.answer(live.names, answer))
    _say(answers)


def _say(lines: Sequence[Optional[str]]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines if line is not None)
    sys.stdout.flush()


# -- the state file ------------------------------------------------------------------------------


def _write_state(path: Path, mark: str, live: Live) -> None:
    replace(path, json.dumps({"model": mark, "live": live.saved()}).encode())


def _read_state(path: Path, mark: str) -> Optional[dict[str, Any]]:
    if not path.exists():
        return None
    try:
        saved = json.loads(path.read_bytes())
        if set(saved) != {"model", "live"} or not isinstance(saved["live"], dict):
            raise ValueError
    except (ValueError, TypeError):
        raise DataError("is no state of lnn stream", str(path)) from None
    if saved["model"] != mark:
        raise DataError("is the state of another model", str(path))
    return dict(saved["live"])
