"""``LiveForecast``: a forecaster fed row by row, as the rows come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import numpy as np
import polars

from .._forecasting import FloatArray, fed_targets, latest_known
from .._live import Live
from ..data import Recording, Series
from ..data._times import TimesNotRising
from ..errors import DataError, LiquidError
from ._forecast_table import value_names
from ._run import Array, Outputs

if TYPE_CHECKING:
    from ._forecaster import Forecaster

Row = Mapping[str, Any]
"""Column -> a number, text, or None where a cell is empty."""


class _Position(NamedTuple):
    """Where a series has come to.

    Attributes:
        row: its newest row, one that has a time.
        past: the rows that forecasts look back to, missing values bridged.
        state: of the network after them.
    """

    row: dict[str, Any]
    past: Series
    state: Array


class LiveForecast(Live):
    """One row in, one forecast out; made by :meth:`Forecaster.stream`.

    Forecasts are those that :meth:`Forecaster.predict` makes at the newest row of the table of
    all the rows so far. Series told apart by a group may come in any order.

    Args:
        forecaster: which one.
        state: what :attr:`state` was; to go on from there. Default: no row was seen yet.

    Raises:
        DataError: this is no such state.

    Attributes:
        names: of what :meth:`step` returns.
    """

    def __init__(self, forecaster: Forecaster, state: Optional[Mapping[str, Any]] = None):
        self.forecaster = forecaster
        self.names = _names(forecaster)
        columns = forecaster.columns
        self._targets = bool(fed_targets(columns))
        self._needed = needed_columns(forecaster)
        self._positions: dict[str, _Position] = {}
        if state is not None:
            self._restore(state)

    def step(self, row: Row) -> dict[str, Any]:
        """Feeds one row and predicts.

        Args:
            row: a value for each feature, and for the time and the group if the table trained on
                has them; what else there is does not matter.

        Returns:
            A forecast by name: ``predicted_NAME`` in the table's units, or for each quantile
            ``predicted_NAME_q10`` and so on, with the number of rows ahead at the end of the
            name if every row up to the horizon is predicted; None before the first known value
            where the forecast starts from it. For classes the most probable label, its
            ``probability`` and each label's ``probability_LABEL``.

        Raises:
            DataError: a value is missing or cannot be used, or the time does not rise; the state
                is as before.
        """
        return self.steps([row])[0]

    def steps(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """The same for several rows, one after the other but in less time.

        Raises:
            DataError: as :meth:`step`, for any of them.
        """
        columns = self.forecaster.columns
        cells = [self._cells(row) for row in rows]
        groups = ["" if columns.group is None else str(each[columns.group]) for each in cells]
        known = [self._positions[g].row for g in dict.fromkeys(groups) if g in self._positions]
        every = [*known, *cells]
        table = polars.DataFrame(
            {name: self._column(name, [each[name] for each in every]) for name in self._needed}
        )
        answers: list[dict[str, Any]] = [{}] * len(every)
        moved = {}
        for recording in self._recordings(table):
            group = groups[int(recording.rows[-1]) - len(known)]
            before = self._positions.get(group)
            series, state = recording.series, None
            first = 0
            if before is not None:
                first, state = len(before.past.inputs), before.state
                series = _joined(before.past, series.rows(1, len(series.inputs)))
            found = self._run(series, first, state)
            for row, values in zip(recording.rows[-len(found.values) :], found.values):
                answers[row] = dict(zip(self.names, _values(self.forecaster, values)))
            moved[group] = _Position(every[recording.rows[-1]], self._kept(series), found.state)
        self._positions.update(moved)
        return answers[len(known) :]

    def _run(self, series: Series, first: int, state: Optional[Array]) -> Outputs:
        return self.forecaster.run(series, first, state)

    def _recordings(self, table: polars.DataFrame) -> list[Recording]:
        columns = self.forecaster.columns
        try:
            return columns.recordings(table, targets=self._targets)
        except TimesNotRising as error:
            said = f"{error.after} is not after {error.before}, the time of the row before"
            raise DataError(said, columns.time[0]) from None

    def _column(self, name: str, cells: Sequence[Any]) -> polars.Series:
        columns = self.forecaster.columns
        if name == columns.group and name not in columns.features:
            cells = [None if cell is None else str(cell) for cell in cells]
        return _column(name, cells)

    def _cells(self, row: Row) -> dict[str, Any]:
        for name in self._needed:
            if name not in row:
                raise DataError("the column is missing", name)
        return {name: row[name] for name in self._needed}

    def _kept(self, series: Series) -> Series:
        first = self.forecaster.aim.lookback.first(np.cumsum(series.elapsed_time))
        targets = series.targets
        bridged = targets if targets.ndim == 1 else latest_known(targets)
        known = Series(latest_known(series.inputs), bridged, series.elapsed_time)
        return known.rows(first, len(known.inputs))

    def reset(self) -> None:
        """Forgets all rows."""
        self._positions.clear()

    @property
    def state(self) -> dict[str, Any]:
        """Plain data, from which another one goes on."""
        return {
            group: {
                "row": each.row,
                "past": [_plain(values) for values in each.past],
                "state": each.state.tolist(),
            }
            for group, each in self._positions.items()
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        try:
            for group, each in state.items():
                past = Series(*(np.array(values, dtype=float) for values in each["past"]))
                if self.forecaster.columns.classes is not None:
                    past = past._replace(targets=past.targets.astype(np.int64))
                found = _Position(dict(each["row"]), past, np.array(each["state"]))
                self._check(found)
                self._positions[group] = found
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, LiquidError):
            raise DataError("is no state of this forecaster", "state") from None

    def _check(self, found: _Position) -> None:
        columns, network = self.forecaster.columns, self.forecaster.network
        rows = len(found.past.elapsed_time)
        shapes = [each.shape for each in (*found.past, found.state)]
        outputs = () if columns.classes is not None else (len(columns.targets),)
        state = (len(network.neurons), network.neurons[0].state_size)
        wanted = [(rows, len(columns.inputs)), (rows, *outputs), (rows,), state]
        if shapes != wanted or set(found.row) != set(self._needed):
            raise ValueError


def needed_columns(forecaster: Forecaster) -> list[str]:
    """Those that every row has to have, in some of which it may have nothing."""
    columns = forecaster.columns
    targets = columns.targets if fed_targets(columns) else ()
    return list(dict.fromkeys([*columns.features, *targets, *columns.order.kept_as_text]))


def _names(forecaster: Forecaster) -> list[str]:
    names, aim = value_names(forecaster), forecaster.aim
    if not aim.path:
        return names
    return [f"{name}_{step}" for step in aim.steps for name in names]


def _values(forecaster: Forecaster, values: FloatArray) -> list[Any]:
    """The forecast made at one row, (S, O), (S, O, Q) or (1, C), in the order of the names."""
    numbers = [None if np.isnan(value) else value for value in values.reshape(-1).tolist()]
    classes = forecaster.columns.classes
    if classes is None:
        return numbers
    best = int(values.argmax())
    return [classes[best], numbers[best], *numbers]


def _column(name: str, cells: Sequence[Any]) -> polars.Series:
    """Cells as in a table that was read."""
    try:
        if _are_whole_and_fractional(cells):
            cells = [None if cell is None else float(cell) for cell in cells]
        return polars.Series(name, cells, strict=True)
    # ValueError: half a character; OverflowError: a whole number of hundreds of digits.
    except (TypeError, ValueError, OverflowError, polars.exceptions.PolarsError):
        raise DataError(f"cannot be {cells[-1]!r} here", name) from None


def _are_whole_and_fractional(cells: Sequence[Any]) -> bool:
    """Whether there are numbers of both kinds: whole ones alone stay exact, however large."""
    numbers = [cell for cell in cells if cell is not None]
    whole = sum(isinstance(cell, (int, np.integer)) for cell in numbers)
    fractional = sum(isinstance(cell, (float, np.floating)) for cell in numbers)
    flags = any(isinstance(cell, bool) for cell in numbers)
    return bool(whole and fractional) and whole + fractional == len(numbers) and not flags


def _joined(past: Series, newest: Series) -> Series:
    return Series(*(np.concatenate(parts) for parts in zip(past, newest)))


def _plain(values: Array) -> Any:
    plain = values.astype(object)
    plain[np.isnan(values)] = None
    return plain.tolist()
