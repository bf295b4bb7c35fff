"""Networks that answer row by row, for ``lnn stream``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Protocol, Union

from .. import model_file
from ..errors import DataError, LiquidError, OptionError
from ..network import LiquidNetwork
from ._lines import Row, instant, looks_like_a_number, number, number_or_none, without

if TYPE_CHECKING:
    from ..training import Forecaster, LiveForecast


Answer = Union[list[Any], LiquidError]


class Live(Protocol):
    """A network that answers row by row."""

    names: list[str]
    """Of the answers."""

    def steps(self, rows: Sequence[Row]) -> list[Answer]:
        """The answers for rows, or why one cannot be used; the state is then as before it."""

    def saved(self) -> dict[str, Any]:
        """All that is remembered, as plain data; for :meth:`restore`."""

    def restore(self, saved: Mapping[str, Any]) -> None: ...


class Forecasts:
    """A network trained on a table."""

    def __init__(self, forecaster: Forecaster, stream: LiveForecast):
        from ..training._forecast_table import MADE_AT  # as the forecaster is: late

        columns = forecaster.columns
        self._forecaster, self._stream = forecaster, stream
        self._numbers = set(columns.features) - set(columns.categories) - set(columns.time)
        self._missing = columns.spelled.missing
        self._own = list(columns.order.kept_as_text)
        made_at = len(columns.time) == 1 and max(forecaster.aim.steps) > 0
        own = [MADE_AT if made_at and name in columns.time else name for name in self._own]
        self.names = [*own, *self._stream.names]

    def steps(self, rows: Sequence[Row]) -> list[Answer]:
        rows = [without(row, self._missing) for row in rows]
        try:
            found = self._stream.steps([self._cells(row) for row in rows])
        except LiquidError as error:
            if len(rows) == 1:
                return [error]
            half = len(rows) // 2  # to find those at fault
            return [*self.steps(rows[:half]), *self.steps(rows[half:])]
        return [
            [*(row[name] for name in self._own), *each.values()] for row, each in zip(rows, found)
        ]

    def _cells(self, row: Row) -> Row:
        return {**row, **{n: number_or_none(row, n) for n in self._numbers}}

    def saved(self) -> dict[str, Any]:
        return self._stream.state

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._stream = self._forecaster.stream(saved)


class Outputs:
    """Any other network: its inputs are the columns, in the order of the first row.

    Args:
        time: the column of times, or None: rows are one unit apart.
        columns: those of all rows, if one line names them.
        labels: columns that are no inputs either.
    """

    def __init__(
        self,
        network: LiquidNetwork,
        time: Optional[str],
        columns: Optional[Sequence[str]],
        labels: Sequence[str] = (),
    ):
        self._time, self._aside = time, {time, *labels}
        self._dates: Optional[bool] = None  # whether times are dates: the first row will tell
        self._before: Optional[float] = None
        self._order: Optional[list[str]] = None  # of the inputs: the first row will tell
        self._stream, self._size = network.stream(), network.input_size
        outputs = [f"output_{index}" for index in range(network.output_size)]
        self.names = [*([] if time is None else [time]), *outputs]
        if columns is not None:
            self._check(columns)

    def steps(self, rows: Sequence[Row]) -> list[Answer]:
        return [self._step(row) for row in rows]

    def _step(self, row: Row) -> Answer:
        try:
            return self._answer(row)
        except LiquidError as error:
            return error

    def _answer(self, row: Row) -> list[Any]:
        if self._time is None:
            return self._answers(row, 1.0)
        if self._dates is None:
            self._dates = not looks_like_a_number(row, self._time)
        now = instant(row, self._time, self._dates)
        elapsed = 1.0 if self._before is None else now - self._before
        if elapsed <= 0:
            raise DataError(f"{row[self._time]} is not after the time before", self._time)
        answers = self._answers(row, elapsed)
        self._before = now
        return [row[self._time], *answers]

    def _check(self, columns: Sequence[str]) -> None:
        inputs = [name for name in columns if name not in self._aside]
        if len(inputs) != self._size:
            beside = ["the time"] if self._time else []
            beside += ["the labels"] if len(self._aside) > 1 else []
            raise DataError(
                f"the network has {self._size} inputs, there are {len(inputs)} columns"
                + (f" beside {' and '.join(beside)}" if beside else "")
                + ("" if self._time else "; --time names that of the times"),
                "input",
            )

    def _answers(self, row: Row, elapsed_time: float) -> list[Any]:
        self._check(list(row))
        answers: list[Any] = self._stream.step(self._inputs(row), elapsed_time).tolist()
        return answers

    def _inputs(self, row: Row) -> list[float]:
        order = self._order or [name for name in row if name not in self._aside]
        values = [number(row, name) for name in order]
        self._order = order
        return values

    def saved(self) -> dict[str, Any]:
        return {
            "state": self._stream.state.tolist(),
            "time": self._before,
            "dates": self._dates,
            "columns": self._order,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        wrong = DataError("is no state of this network", "state")
        # Files of earlier versions have no columns: the next row will tell.
        if {*saved, "columns"} != {"state", "time", "dates", "columns"}:
            raise wrong
        order = saved.get("columns")
        if order is not None and not self._may_be_order(order):
            raise wrong
        before, dates = saved["time"], saved["dates"]
        if not (before is None or _is_number(before)) or not isinstance(dates, (bool, type(None))):
            raise wrong
        try:
            self._stream.state = saved["state"]
        except (LiquidError, OverflowError):
            raise wrong from None
        self._before, self._dates, self._order = before, dates, order

    def _may_be_order(self, order: object) -> bool:
        return (
            isinstance(order, list)
            and all(isinstance(name, str) and name not in self._aside for name in order)
            and len(set(order)) == len(order) == self._size
        )


def _is_number(value: object) -> bool:
    """Whether it is a finite number of JSON that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= sys.float_info.max


def live_of(found: model_file.Model, time: Optional[str], columns: Optional[Sequence[str]]) -> Live:
    forecaster = forecaster_in(found, time)
    if forecaster is not None:
        check_header(forecaster, columns)
        return Forecasts(forecaster, forecaster.stream())
    return Outputs(LiquidNetwork.from_model(found), time, columns)


def check_header(forecaster: Forecaster, columns: Optional[Sequence[str]]) -> None:
    """Refuses a first line without the names that every row needs.

    Raises:
        DataError: it is such a line.
    """
    from ..training._live import needed_columns

    lacking = [each for each in needed_columns(forecaster) if columns and each not in columns]
    if lacking:
        raise DataError(
            f"has no {', '.join(lacking)}; the first line has to name the columns of the table "
            "trained on, as that of tail -n +1 -f does",
            "header",
        )


def forecaster_in(found: model_file.Model, time: Optional[str]) -> Optional[Forecaster]:
    """The forecaster in a file that was read; None if its network was not trained on a table.

    Raises:
        OptionError: there is one, and a column of times was named.
    """
    # Imported here, as it takes its time: --help needs none of it.
    from ..training import Forecaster
    from ..training._forecaster import trained_on_table

    if not trained_on_table(found.metadata):
        return None
    if time is not None:
        raise OptionError("the table trained on says which column that is", "--time")
    return Forecaster.of(found, "model")
