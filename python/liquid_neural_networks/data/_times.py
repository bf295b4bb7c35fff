"""Exact instants of samples, the steps between them, and how to write and say them.

A recording's times are one polars column: dates, durations, or plain numbers. Differences are
taken between integers, so that nanoseconds stay exact however far from 1970.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
import polars

from ..errors import DataError
from ._epochs import COUNTED, to_numbers

FloatArray = npt.NDArray[np.float64]


class TimesNotRising(DataError):
    """A time is not after the one before.

    Attributes:
        before, after: those two, as text.
    """

    def __init__(self, message: str, argument: Optional[str] = None, *between: object):
        super().__init__(message, argument)
        self.before, self.after = map(str, between or ("", ""))


def instants(column: polars.Series) -> npt.NDArray[Any]:
    """(T,) when each sample was taken, rising: numbers as they are, dates as ticks since 1970.

    Raises:
        TimesNotRising: a time is not after the one before.
        DataError: a time is missing or infinite, or is text.
    """
    times = unordered_instants(column)
    late = np.flatnonzero(times[1:] <= times[:-1])
    if len(late):
        row = int(late[0])
        raise TimesNotRising(_why_not_rising(column, row), column.name, *column[row : row + 2])
    return times


def unordered_instants(column: polars.Series) -> npt.NDArray[Any]:
    """As :func:`instants`, in any order."""
    if column.dtype.is_temporal() and column.dtype != polars.Time:
        missing = column.is_null().to_numpy()
        times = ticks(column).fill_null(0).to_numpy()
    elif column.dtype.is_numeric():
        missing = column.is_null().to_numpy()
        times = column.fill_null(0).to_numpy()
        if column.dtype.is_float():
            missing = missing | np.isnan(times)
            infinite = np.isinf(times)
            if infinite.any():
                raise DataError(f"row {row_number(infinite)} is infinite", column.name)
    else:
        raise DataError(
            f"expected numbers or dates as times, the column holds {column.dtype}", column.name
        )
    if missing.any():
        row = row_number(missing)
        raise DataError(f"row {row} has no time: give it one, or delete that line", column.name)
    return times


def _why_not_rising(column: polars.Series, row: int) -> str:
    """What is wrong between a row and the next, and what helps."""
    before, after = column[row], column[row + 1]
    said = f"row {row + 2} ({after}) is not after row {row + 1} ({before})"
    if isinstance(after, datetime) and after.tzinfo is None and _is_clock_change(before, after):
        return (
            f"{said}: it seems that clocks were put back an hour there; write times in UTC or "
            "with their offset, or keep one of the two hours by --sort --duplicates first"
        )
    if column.dtype == polars.Duration:
        return f"{said}; if the day begins anew there, name the date too: --time DATE,TIME"
    if before == after:
        return (
            f"{said}; --duplicates first, last or mean leaves one row a time; "
            "if there are several series, --group names the column that tells them apart"
        )
    return (
        f"{said}; --sort puts the rows in order; "
        "if there are several series, --group names the column that tells them apart"
    )


def _is_clock_change(before: datetime, after: datetime) -> bool:
    """Whether an hour is repeated in the night to a Sunday in spring or autumn."""
    back = (before - after).total_seconds()
    sunday, months = 6, (3, 4, 9, 10, 11)  # all over the world
    in_that_night = after.weekday() == sunday and after.month in months and after.hour <= 3
    return in_that_night and 0 <= back <= 3600


def ticks(column: polars.Series) -> polars.Series:
    """Since 1970 began, as integers: exact for any date, see :func:`ticks_per_second`."""
    if column.dtype == polars.Date:
        column = column.cast(polars.Datetime("us"))
    since: polars.Series = column.to_physical()
    return since


def ticks_per_second(column: polars.Series) -> float:
    """What :func:`ticks` counts; 1 for numbers, whose unit nobody knows."""
    units = {"ns": 1e9, "us": 1e6, "ms": 1e3}
    if not column.dtype.is_temporal():
        return 1.0
    return units[getattr(column.dtype, "time_unit", "us")]


def steps(column: polars.Series) -> FloatArray:
    """(T - 1,) the times between samples: in seconds for dates, else in the column's unit.

    Raises:
        DataError: as :func:`instants`.
    """
    times = instants(column)
    between: FloatArray = (times[1:] - times[:-1]).astype(np.float64)
    return between / ticks_per_second(column)


def row_number(flagged: npt.NDArray[np.bool_]) -> int:
    """The first row flagged, counted from 1 as spreadsheets do, without the header."""
    return int(np.argmax(flagged)) + 1


def written(times: polars.Series, form: Optional[str], like: str = "") -> polars.Series:
    """Times as text, by the pattern or the unit that read them, else in ISO 8601.

    Args:
        like: the text of another time, whose distance from UTC these are written with.
    """
    text: polars.Series
    if form in COUNTED:
        text = to_numbers(times, form).cast(polars.String)
    elif times.dtype.is_temporal():
        text = _written_dates(times, form, like)
    elif times.dtype.is_float() and (times == times.round()).all():
        text = times.cast(polars.Int64).cast(polars.String)
    else:
        text = times.cast(polars.String)
    return text


def _written_dates(times: polars.Series, form: Optional[str], like: str) -> polars.Series:
    zone = re.search(r"(Z|[-+]\d{2}(:?\d{2})?)$", like)
    if form is not None and form.endswith("%z") and zone is not None:
        form = form[:-2] + zone[0]
        times = times.dt.replace_time_zone(None) + _from_utc(zone[0])
    text: polars.Series = times.dt.to_string(
        "iso" if form is None else form.replace(".%f", "%.f").replace("%q", _QUARTER)
    )
    if form is not None and "%q" in form:
        quarters = zip(text, times.dt.quarter())
        text = polars.Series(times.name, [t.replace(_QUARTER, str(q)) for t, q in quarters])
    return text


_QUARTER = "\x01"


def _from_utc(zone: str) -> timedelta:
    """How far a zone such as ``+02:00``, ``-0330`` or ``Z`` is from UTC."""
    if zone == "Z":
        return timedelta(0)
    digits = zone[1:].replace(":", "")
    distance = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return -distance if zone[0] == "-" else distance


def spoken_time(seconds: float) -> str:
    """A length of time in the largest unit that says it in few digits.

    >>> spoken_time(1800), spoken_time(5400), spoken_time(86400 * 365)
    ('30 minutes', '1.5 hours', '365 days')
    """
    for name, length in (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= length:
            return _counted(seconds / length, name)
    return _counted(seconds, "second")


def _counted(count: float, unit: str) -> str:
    said = f"{count:.3g}"
    return f"{said} {unit}" + ("" if said == "1" else "s")
