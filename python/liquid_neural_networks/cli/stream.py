"""``lnn stream MODEL``: predictions line by line, as rows come in."""

from __future__ import annotations

import json
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import click

from .._checks import check_positive
from .._files import check_writable, replace
from ..errors import DataError, LiquidError, OptionError
from ._interruptions import Interruptible
from ._options import names

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
@click.option(
    "--learn",
    "targets",
    metavar="TARGET",
    type=names,
    help="Once a row is answered, learn from its column TARGET what should have been answered: "
    "a target of the table trained on (the label of a forecast comes with the row it was for); "
    "of any other network the columns that hold the labels of its outputs, with commas between.",
)
@click.option(
    "--learning-rate",
    type=float,
    help="With --learn: how far the weights go with each label.  "
    "[default: that of --state, else 0.001]",
)
@click.option(
    "--commit",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --learn: write the network as it has become to this .lnn file, whenever --state "
    "is written.",
)
def stream(
    model: Path,
    time: Optional[str],
    state_file: Optional[Path],
    targets: Optional[tuple[str, ...]],
    learning_rate: Optional[float],
    commit: Optional[Path],
) -> None:
    """Predict with MODEL line by line: rows come in on standard input, answers go out at once.

    \b
    Examples:
      tail -n +1 -f sensors.csv | lnn stream co2.lnn
      mosquitto_sub -t sensors | lnn stream co2.lnn --state co2.state
      tail -n +1 -f sensors.csv | lnn stream co2.lnn --learn co2 --state co2.state --commit new.lnn

    Input is CSV with a header line, or one JSON object a line; answers have the same form. Empty
    cells and null are missing values. Elapsed times come from the time column. A line that
    cannot be used is reported on standard error and left out.

    A network trained on a table needs its feature columns and answers as lnn predict --latest
    does for all the rows so far: predicted_NAME and so on, after the group and the time of the
    row itself, called made_at where the forecast is for a later one. Any other network takes
    all columns but the time as its inputs, in the order of the first row, and answers output_0,
    output_1 and so on.
    """
    # Imported here: torch would slow down every other command and --help.
    from .. import model_file
    from ._lines import format_of, lines_at_hand
    from ._live import live_of
    from ._live_learning import learning_of

    for option, value in (("--commit", commit), ("--learning-rate", learning_rate)):
        if targets is None and value is not None:
            raise OptionError("needs --learn", option)
    if learning_rate is not None:
        check_positive("--learning-rate", learning_rate)
    if commit is not None:
        _check_commit(commit, model, state_file)
    found = model_file.load(model)
    mark = f"{zlib.crc32(model_file.dumps(found)):08x}"
    saved = None if state_file is None else _read_state(state_file, mark)
    parts = lines_at_hand(sys.stdin)
    first = next(parts, None)
    if first is None:
        return
    rows = format_of(first[0])
    learning = None
    if targets is not None:
        learning = learning_of(found, time, rows.columns, targets)
    live = live_of(found, time, rows.columns) if learning is None else learning
    if saved is not None:
        live.restore(saved)
    if learning is not None and learning_rate is not None:
        learning.guarded.learner.learning_rate = learning_rate
    if rows.columns is not None:
        _say([rows.heading(live.names)])
        first = first[1:]

    def keep() -> None:
        if state_file is not None:
            _write_state(state_file, mark, live)
        if learning is not None and commit is not None:
            learning.commit(commit)

    count = unsaved = 0
    try:
        with Interruptible() as interruptible:
            for part in chain([first], parts):
                with interruptible.not_now():
                    _answer(live, rows, part, count)
                    count, unsaved = count + len(part), unsaved + len(part)
                    if learning is not None:
                        _tell(learning.said())
                    if unsaved >= SAVED_EVERY:
                        keep()
                        unsaved = 0
    finally:  # also where the answers can no longer be written
        keep()
    if learning is not None:
        _tell(learning.summary())


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


def _tell(lines: Iterator[str]) -> None:
    for line in lines:
        click.echo(line, err=True)


def _check_commit(commit: Path, model: Path, state_file: Optional[Path]) -> None:
    check_writable(commit)
    if _is_input(commit):
        raise OptionError("is read on standard input; name another file", "--commit")
    if state_file is None:
        return
    if commit.resolve() == state_file.resolve():
        raise OptionError("is the file of --state as well; name another file", "--commit")
    if commit.exists() and model.exists() and commit.samefile(model):
        raise OptionError("the state would no longer be that of MODEL; name another file",
                          "--commit")  # fmt: skip


def _is_input(path: Path) -> bool:
    """Whether it is the file on standard input."""
    try:
        return os.path.samestat(os.fstat(sys.stdin.fileno()), path.stat())
    except (OSError, ValueError):  # no file is there
        return False


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
