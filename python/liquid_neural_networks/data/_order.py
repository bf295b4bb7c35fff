"""Which rows of a table make one recording, and in which order: times and groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, NamedTuple, Optional, Union

import numpy as np
import numpy.typing as npt
import polars

from .._checks import check_choice, check_flag
from ..errors import DataError, OptionError
from ._frames import is_plain
from ._tables import check_column
from ._time_columns import read_times
from ._times import FloatArray, TimesNotRising, row_number, steps, unordered_instants

DUPLICATES = ("error", "first", "last", "mean")
"""What to do with rows of the same time."""


class Rows(NamedTuple):
    """The rows of one recording.

    Attributes:
        numbers: (T,) of the rows in the table, in order of time.
        group: what tells the recording from others; None if there is one only.
        times: (T,) of the rows; None without a column of times.
    """

    numbers: npt.NDArray[np.int64]
    group: Optional[str]
    times: Optional[polars.Series]


@dataclass(frozen=True)
class Order:
    """How rows become recordings; found by :meth:`of`, kept with the network.

    Attributes:
        time: columns of the times, or of parts of them; none: the samples are evenly spaced.
        time_format: the pattern that reads their text; None where none is needed.
        dates: whether the times are dates (or times of day, or durations), not numbers.
        time_unit: how much time is one unit of elapsed time: in seconds for dates, else in
            the column's own unit.
        group: column that tells the recordings apart; None: the table is one.
        sort: whether rows are put in order of time first.
        duplicates: what becomes of rows of the same time, one of :data:`DUPLICATES`.
    """

    time: tuple[str, ...] = ()
    time_format: Optional[str] = None
    dates: bool = False
    time_unit: float = 1.0
    group: Optional[str] = None
    sort: bool = False
    duplicates: str = "error"

    @classmethod
    def of(
        cls,
        table: polars.DataFrame,
        time: Union[str, Sequence[str], None] = None,
        *,
        time_format: Optional[str] = None,
        group: Optional[str] = None,
        sort: bool = False,
        duplicates: str = "error",
    ) -> Order:
        """The order of a table's rows; the unit of time is left at 1.

        Raises:
            DataError: a column does not exist, or holds no times.
            OptionError: an option has no such value, or needs another.
        """
        names = () if time is None else (time,) if isinstance(time, str) else tuple(time)
        check_flag("sort", sort)
        check_choice("duplicates", duplicates, DUPLICATES)
        for option, given in (
            ("sort", sort), ("duplicates", duplicates != "error"), ("time_format", time_format)
        ):  # fmt: skip
            if given and not names:
                raise OptionError("needs a column of times", option)
        for column in (*names, *(() if group is None else (group,))):
            check_column(table, column)
        if group in names:
            raise DataError("cannot be the time and the group as well", group)
        found = cls(names, None, False, 1.0, group, sort, duplicates)
        if not names:
            return found
        values, form = read_times([table[name] for name in names], pattern=time_format)
        return replace(found, time_format=form, dates=values.dtype.is_temporal())

    @property
    def kept_as_text(self) -> tuple[str, ...]:
        """The columns whose own spelling matters."""
        return self.time if self.group is None else (*self.time, self.group)

    def times(self, table: polars.DataFrame) -> Optional[polars.Series]:
        """(T,) when the rows were taken: dates, durations or numbers; None without times.

        Raises:
            DataError: they are not what they were in the table trained on.
        """
        if not self.time:
            return None
        columns = [table[check_column(table, name)] for name in self.time]
        values = read_times(columns, known=self.time_format).values
        if values.dtype.is_temporal() != self.dates:
            kind = "dates" if self.dates else "numbers"
            raise DataError(f"expected {kind} as before, got {values.dtype}", values.name)
        return values

    def arranged(self, table: polars.DataFrame) -> polars.DataFrame:
        """The table in the order asked for, rows of the same time merged as asked for."""
        if not self.sort and self.duplicates == "error":
            return table
        times = self.times(table)
        assert times is not None
        series = self._series_numbers(table)
        instants = unordered_instants(times)
        if self.sort:
            # Stable, so that the first of several rows of one time stays the first.
            order = np.lexsort((instants, series))
            table, series, instants = table[order], series[order], instants[order]
        if self.duplicates == "error":
            return table
        fresh = np.ones(len(instants), dtype=bool)
        fresh[1:] = (instants[1:] != instants[:-1]) | (series[1:] != series[:-1])
        return table if fresh.all() else _merged(table, fresh, self.duplicates)

    def rows(self, table: polars.DataFrame) -> list[Rows]:
        """The recordings in a table, in the order in which they begin.

        Raises:
            DataError: a group is missing; or times, as :meth:`times`.
        """
        times = self.times(table)
        if self.group is None:
            return [Rows(np.arange(table.height), None, times)]
        numbered = self._series_numbers(table)
        order = np.argsort(numbered, kind="stable")
        starts = np.flatnonzero(np.diff(numbered[order])) + 1
        found = []
        for numbers in np.split(order, starts):
            group = str(table[self.group][int(numbers[0])])
            found.append(Rows(numbers, group, None if times is None else times[numbers]))
        return found

    def elapsed_time(self, rows: Rows) -> FloatArray:
        """(T,) time before each row of a recording, in units of ``time_unit``.

        Raises:
            DataError: the times do not rise.
        """
        if rows.times is None:
            return np.ones(len(rows.numbers))
        try:
            between = steps(rows.times) / self.time_unit
        except TimesNotRising as error:
            if rows.group is None:
                raise
            said = f"in {self.group} {rows.group}: {error}"
            raise TimesNotRising(said, None, error.before, error.after) from None
        except DataError as error:
            if rows.group is None:
                raise
            raise DataError(f"in {self.group} {rows.group}: {error}") from None
        # Nothing is known about the time before the first sample: one unit, like most others.
        return np.concatenate([[1.0], between])

    def _series_numbers(self, table: polars.DataFrame) -> npt.NDArray[np.int64]:
        """(T,) which recording each row belongs to, counted in the order in which they begin."""
        if self.group is None:
            return np.zeros(table.height, dtype=np.int64)
        column = table[check_column(table, self.group)]
        if not is_plain(column):
            raise DataError(
                f"expected names or numbers, the column holds {column.dtype}", self.group
            )
        absent = column.is_null().to_numpy()
        if absent.any():
            raise DataError(f"row {row_number(absent)} belongs to none", self.group)
        names = column.cast(polars.String)
        known = names.unique(maintain_order=True)
        numbers: npt.NDArray[np.int64] = names.replace_strict(
            known, polars.Series(range(len(known))), return_dtype=polars.Int64
        ).to_numpy()
        return numbers

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :meth:`from_dict` reads back."""
        time: Any = None if not self.time else list(self.time)
        return {
            "time": self.time[0] if len(self.time) == 1 else time,
            "time_format": self.time_format,
            "dates": self.dates,
            "time_unit": self.time_unit,
            "group": self.group,
            "sort": self.sort,
            "duplicates": self.duplicates,
        }

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> Order:
        """The order described by plain data; what is absent has its default.

        Raises:
            DataError: it is no such description.
        """
        given = {name: description[name] for name in cls().to_dict() if name in description}
        time = given.get("time")
        given["time"] = () if time is None else (time,) if isinstance(time, str) else time
        _check_description(given)
        given["time"] = tuple(given["time"])
        given["time_unit"] = float(given.get("time_unit", 1.0))
        return cls(**given)


def _merged(
    table: polars.DataFrame, fresh: npt.NDArray[np.bool_], duplicates: str
) -> polars.DataFrame:
    """One row in place of each run of rows; ``fresh`` is True where a run begins."""
    run = polars.Series(np.cumsum(fresh))
    each = polars.all().first()
    if duplicates == "last":
        each = polars.all().last()
    grouped = table.group_by(run.alias("_run"), maintain_order=True)
    if duplicates != "mean":
        return grouped.agg(each).drop("_run")
    numeric = polars.selectors.numeric()
    return grouped.agg(numeric.mean(), (~numeric).first()).select(table.columns)


def _check_description(given: Mapping[str, Any]) -> None:
    time = given["time"]
    if not (isinstance(time, (list, tuple)) and all(isinstance(each, str) for each in time)):
        raise DataError("expected names of columns or nothing", "time")
    for name in ("time_format", "group"):
        if not isinstance(given.get(name), (str, type(None))):
            raise DataError("expected text or nothing", name)
    for name in ("dates", "sort"):
        if not isinstance(given.get(name, False), bool):
            raise DataError("expected true or false", name)
    if given.get("duplicates", "error") not in DUPLICATES:
        raise DataError(f"expected one of {', '.join(DUPLICATES)}", "duplicates")
    unit = given.get("time_unit", 1.0)
    if isinstance(unit, bool) or not isinstance(unit, (int, float)):
        raise DataError("expected a number", "time_unit")
    if not (isfinite(unit) and unit > 0):
        raise DataError("expected a positive number", "time_unit")
