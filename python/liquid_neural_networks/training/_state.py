"""The state of a forecaster between two tables, and the file it is carried in."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional
from zlib import crc32

import numpy as np
import polars

from .._document import pack, unpack
from .._files import PathOrName, regular, replace
from .._forecasting import fed_targets
from .._tensors import array_of
from ..data import Columns, Recording, Series, Table
from ..data._text import plural
from ..data._times import TimesNotRising
from ..errors import DataError, ModelFileError
from . import _fingerprint as fingerprint
from ._ipc import UNREADABLE, bytes_of, table_of
from ._run import Array

if TYPE_CHECKING:
    from ._forecaster import Forecaster

FORMAT, VERSION = "lnn-state", 2
FIELDS = {"format", "version", "network", "sum", "rows", "series", "states"}

SERIES = {"group": polars.String, "read": polars.Int64}
"""Columns of the table of all series; their states follow in the same order."""

MOST_READ = 2**53
"""Rows that a series may have."""


class Position(NamedTuple):
    """Where a series has come to.

    Attributes:
        group: of the series, if a table holds several.
        read: rows of it by then.
        state: of the network after them.
    """

    group: Optional[str]
    read: int
    state: Array


class State(NamedTuple):
    """What a forecaster must know to go on as if there had been one table.

    Attributes:
        rows: the newest rows of every series, as many as forecasts look back.
        series: one position for each.
    """

    rows: polars.DataFrame
    series: tuple[Position, ...]


class Continued(NamedTuple):
    """A table, and the rows before it that its forecasts look back to.

    Attributes:
        rows: all those rows, the older ones first.
        recordings: of them, one for each series.
        firsts: in each recording, the first row that is new.
        before: of each series, its position before that row; None at its beginning.
    """

    rows: polars.DataFrame
    recordings: Sequence[Recording]
    firsts: Sequence[int]
    before: Sequence[Optional[Position]]

    @classmethod
    def of(cls, forecaster: Forecaster, table: Table, state: Optional[State]) -> Continued:
        """The rows of a table after those of a state.

        Raises:
            DataError: the table cannot be read, or does not go on where the state ends.
        """
        columns = forecaster.columns
        rows, old = columns.read(table), 0
        if state is not None:
            old = state.rows.height
            kept = rows.select(_check_there(rows, state.rows.columns))
            try:
                rows = polars.concat([state.rows, kept], how="vertical_relaxed")
            except polars.exceptions.PolarsError as error:
                reason = str(error).partition("\n")[0]
                raise DataError(f"does not go on where the state ends: {reason}", "table") from None
        recordings = _recordings(columns, rows, state)
        known = {each.group: each for each in (() if state is None else state.series)}
        found = cls(
            rows,
            recordings,
            [int((each.rows < old).sum()) for each in recordings],
            [known.get(each.group) for each in recordings],
        )
        found._warn_of_short_series(forecaster)
        return found

    def parts(self) -> list[tuple[Series, int, Optional[Array]]]:
        """For each series: its rows, the first new one, and the network's state before it."""
        states = [None if each is None else each.state for each in self.before]
        return list(zip([each.series for each in self.recordings], self.firsts, states))

    def counts(self) -> list[int]:
        """How many rows of each series came before the first of these."""
        return [0 if b is None else b.read - f for b, f in zip(self.before, self.firsts)]

    def _warn_of_short_series(self, forecaster: Forecaster) -> None:
        """Of those that begin here, for which even the newest forecast lacks some of its past."""
        clocks = [
            np.cumsum(each.series.elapsed_time)
            for each, before in zip(self.recordings, self.before)
            if before is None
        ]
        if forecaster.columns.label_per_group:  # a series is whole, however short
            return
        window, lookback = forecaster.window, forecaster.aim.lookback
        short = [len(each) for each in clocks if len(each) < window or lookback.short(each)]
        if short:
            warnings.warn(
                f"the table has {plural(min(short), 'row')} of a series: too few for a certain "
                f"forecast. The network starts from zero, and was trained on {window} rows in a "
                "row; give it more of the past, or carry its state from table to table",
                stacklevel=5,
            )


def _recordings(
    columns: Columns, rows: polars.DataFrame, state: Optional[State]
) -> list[Recording]:
    """The series in the rows of a state and those of a table after it."""
    try:
        found = columns.recordings(rows, targets=bool(fed_targets(columns)))
    except TimesNotRising as error:
        times = None if state is None else columns.order.times(state.rows)
        if times is None or error.before not in map(str, times):
            raise
        said = f"begins at {error.after}, and the state ends at {error.before}: give newer rows"
        raise DataError(said, "table") from None
    if state is not None and not columns.time and _ends_alike(rows, state.rows):
        warnings.warn(
            "the table ends with the rows with which the state ends: if it is the table that was "
            "read last, its rows now count twice",
            stacklevel=6,
        )
    return found


def _ends_alike(rows: polars.DataFrame, end: polars.DataFrame) -> bool:
    return rows.height >= 2 * end.height and rows[-end.height :].equals(end)


def check_state_place(path: PathOrName) -> None:
    """Checks that the state can be written: before predicting rather than after.

    Raises:
        DtypeError, ModelFileError, DataError: it cannot.
    """
    folder = regular(path).parent
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}", "state")


def write_state(
    path: PathOrName, forecaster: Forecaster, continued: Continued, states: Sequence[Array]
) -> None:
    """Replaces the state at ``path`` in one step, or leaves the old one as it was.

    One piece of bytes for all series, for a document may hold only so many objects.
    """
    columns = forecaster.columns
    names = dict.fromkeys([*columns.features, *columns.order.kept_as_text])
    kept = [_newest(forecaster, continued.rows.select(list(names)), each)
            for each in continued.recordings]  # fmt: skip
    series = polars.DataFrame(
        {
            "group": [each.group for each in continued.recordings],
            "read": [
                before + len(each.series.inputs)
                for each, before in zip(continued.recordings, continued.counts())
            ],
        },
        schema=SERIES,
    )
    parts = {
        "rows": bytes_of(polars.concat(kept)),
        "series": bytes_of(series),
        "states": np.stack(states).astype("<f8").tobytes(),
    }
    replace(
        path,
        pack(
            {
                "format": FORMAT,
                "version": VERSION,
                "network": _fingerprint(forecaster),
                "sum": crc32(b"".join(parts.values())),
                **parts,
            }
        ),
    )


def read_state(path: PathOrName, forecaster: Forecaster) -> Optional[State]:
    """The state at ``path``; None if there is no file yet.

    Raises:
        ModelFileError: it is damaged, or of another network.
        OSError: the system could not read it.
    """
    if not Path(path).exists():
        return None
    name = str(path)
    try:
        found = unpack(regular(path).read_bytes())
    except ModelFileError as error:
        raise ModelFileError(str(error), name) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ModelFileError("is no state of a forecaster", name)
    if found.get("version") != VERSION:
        raise ModelFileError(f"this library reads version {VERSION}", name)
    if set(found) != FIELDS:
        raise ModelFileError("is damaged", name)
    if found["network"] != _fingerprint(forecaster):
        raise ModelFileError("is the state of another network", name)
    parts = [found[part] for part in ("rows", "series", "states")]
    if not all(isinstance(each, bytes) for each in parts) or crc32(b"".join(parts)) != found["sum"]:
        raise ModelFileError("is damaged", name)
    rows, series, states = parts
    try:
        return State(table_of(rows), _positions(table_of(series), states, forecaster))
    except UNREADABLE:
        raise ModelFileError("is damaged", name) from None


def _positions(
    series: polars.DataFrame, states: bytes, forecaster: Forecaster
) -> tuple[Position, ...]:
    """Raises ValueError if the table, or the number of the states, is not as it was written."""
    if series.schema != SERIES:
        raise ValueError("other columns")
    if not series["read"].fill_null(-1).is_between(0, MOST_READ).all():
        raise ValueError("no numbers of rows")
    network = forecaster.network
    shape = (series.height, len(list(network.populations())), network.state_size)
    each = np.frombuffer(states, dtype="<f8").reshape(shape).copy()
    return tuple(map(Position, series["group"], series["read"], each))


def _newest(
    forecaster: Forecaster, rows: polars.DataFrame, recording: Recording
) -> polars.DataFrame:
    """The rows of a series that later forecasts look back to, missing values bridged."""
    first = forecaster.aim.lookback.first(np.cumsum(recording.series.elapsed_time))
    own = rows[recording.rows].with_columns(polars.selectors.float().fill_nan(None))
    bridged: polars.DataFrame = own.fill_null(strategy="forward")[first:]
    return bridged


def _check_there(rows: polars.DataFrame, names: list[str]) -> list[str]:
    for name in names:
        if name not in rows.columns:
            raise DataError("there is no such column", name)
    return names


def _fingerprint(forecaster: Forecaster) -> int:
    digest = fingerprint.of_network(forecaster.network)
    for value in forecaster.network.values().values():
        digest = crc32(array_of(value).tobytes(), digest)
    return digest
