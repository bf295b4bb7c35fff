"""The times of a table, in one column or in several that hold a part each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Optional

import polars

from ..errors import DataError
from ._epochs import COUNTED, to_dates
from ._frames import is_plain
from ._spelling import plain_numbers, spelled_numbers, spelling
from ._time_text import Times, by_pattern, compact, parsed, recognised

_PARTS = {
    "year": ("year", "yr", "yyyy", "yy"),
    "quarter": ("quarter", "qtr"),
    "month": ("month", "mon", "mnth", "mo", "mm"),
    "yearday": ("yearday", "doy", "yday", "jday"),
    "day": ("day", "dy", "dd", "dom"),
    "hour": ("hour", "hr", "hh", "h"),
    "minute": ("minute", "min", "mi"),
    "second": ("second", "sec", "s"),
}
_CLOCK = ("hour", "minute", "second")
_WHOLE = (("year", "month", "day", *_CLOCK), ("year", "yearday", *_CLOCK), ("year", "quarter"))
"""Parts of which the first so many make a time."""
_TWO_DIGITS = 69
"""The first year of two digits that is in the 20th century, as ``%y`` of strptime has it."""


def read_times(
    columns: Sequence[polars.Series], pattern: Optional[str] = None, known: Optional[str] = None
) -> Times:
    """The times in one column, or in several that hold a part each.

    Args:
        columns: one of any kind; or several of text, which are joined, or of numbers called
            year, month, day, hour, minute, second.
        pattern: a strptime pattern of the text, or a unit of :data:`~._epochs.COUNTED`, from the
            user. Default: recognised.
        known: the pattern of an earlier table, tried first.

    Raises:
        DataError: a time is missing, in another form than the others, or can be read in two
            ways.
        OptionError: the pattern is none.
    """
    if len(columns) == 1 and columns[0].dtype.is_temporal() and columns[0].dtype != polars.Time:
        return Times(columns[0], None)
    for column in columns:
        if not is_plain(column):
            raise DataError(f"expected times, the column holds {column.dtype}", column.name)
    counted = known if pattern is None else pattern
    if counted in COUNTED:
        return Times(_counted(columns, counted), counted)
    text = _joined(columns)
    values = None if known is None else parsed(text, known)
    if values is not None and pattern is None:
        return Times(values, known)
    if len(columns) > 1:
        return _read_parts(columns, text, pattern, known)
    return _read_one(columns[0]) if pattern is None else by_pattern(text, pattern)


def _counted(columns: Sequence[polars.Series], unit: str) -> polars.Series:
    """Dates from one column of numbers since 1970."""
    numbers = _numeric(columns[0]) if len(columns) == 1 else None
    if numbers is None:
        names = ", ".join(column.name for column in columns)
        raise DataError(f"expected one column of {unit} since 1970", names)
    return to_dates(numbers, unit)


def _joined(columns: Sequence[polars.Series]) -> polars.Series:
    """The text of several columns with blanks between."""
    cells = [column.cast(polars.String).str.strip_chars() for column in columns]
    name = ",".join(column.name for column in columns)
    joined: polars.Series = cells[0]
    if len(cells) > 1:
        joined = polars.select(polars.concat_str(cells, separator=" ")).to_series()
    return joined.alias(name)


def _read_one(column: polars.Series) -> Times:
    if not (column.dtype.is_numeric() or column.dtype == polars.String):
        raise DataError(f"expected times, the column holds {column.dtype}", column.name)
    dates = None if column.dtype.is_float() else compact(_joined([column]))
    if dates is not None:
        return dates
    numbers = _numeric(column)
    return recognised(_joined([column])) if numbers is None else Times(numbers, None)


def _read_parts(
    columns: Sequence[polars.Series],
    text: polars.Series,
    pattern: Optional[str],
    known: Optional[str],
) -> Times:
    """Text joined, and numbers beside it by what their columns are called.

    Args:
        text: of all columns.
    """
    found = {column.name: _numeric(column) for column in columns}
    numbers = {name: values for name, values in found.items() if values is not None}
    words = [column for column in columns if found[column.name] is None]
    of_dates = pattern is None or not re.search("%[HI]", pattern)
    if of_dates and words and numbers and all(_is_clock(name) for name in numbers):
        dates = _joined(words).alias(text.name)
        return _beside_a_clock(dates, _named_parts(numbers), pattern, known)
    if pattern is not None:
        return by_pattern(text, pattern)
    if words:  # such as the name of a month beside a year
        return recognised(text)
    return Times(_from_parts(_named_parts(numbers), text.name), None)


def _is_clock(name: str) -> bool:
    return any(name.strip().lower() in _PARTS[part] for part in _CLOCK)


def _beside_a_clock(
    text: polars.Series,
    parts: dict[str, polars.Series],
    pattern: Optional[str],
    known: Optional[str],
) -> Times:
    """Dates as text, and the hour and what is below it as numbers; written as one text."""
    form = None if known is None else known.partition(" %H:%M")[0]
    if pattern is not None:
        by_pattern(text, pattern)
        form = pattern
    values = None if form is None else parsed(text, form)
    if values is None:
        values, form = recognised(text)
    if not values.dtype.is_temporal():
        raise DataError("expected dates and parts of the day beside them", text.name)
    written = None
    if form is not None and "%H" not in form:
        written = form + (" %H:%M:%S" if "second" in parts else " %H:%M")
    return Times(_with_clock(values, parts), written)


def _named_parts(numbers: dict[str, polars.Series]) -> dict[str, polars.Series]:
    """What each column is part of. Beside a month, ``mm`` are minutes."""
    found: dict[str, polars.Series] = {}
    for name, values in numbers.items():
        part = _part(name)
        if name.strip() == "mm" and any(_part(each) == "month" for each in {*numbers} - {name}):
            part = "minute"
        if part in found:
            raise DataError(f"several columns hold the {part}", name)
        found[part] = values
    return found


def _numeric(column: polars.Series) -> Optional[polars.Series]:
    if column.dtype.is_numeric():
        return column
    if column.dtype != polars.String:
        return None
    text = column.str.strip_chars()
    numbers = plain_numbers(text)
    if numbers is not None:
        return numbers
    how = spelling(text)
    return None if how is None or how.decimal is None else spelled_numbers(text, how.decimal)


def _part(name: str) -> str:
    for part, aliases in _PARTS.items():
        if name.strip().lower() in aliases:
            return part
    known = ", ".join(aliases[0] for aliases in _PARTS.values())
    raise DataError(
        f"cannot tell which part of the time these numbers are; expected a name such as {known}",
        name,
    )


def _from_parts(parts: dict[str, polars.Series], name: str) -> polars.Series:
    """Dates from numbers: year, month, and what there is below."""
    held = [part for part in _PARTS if part in parts]
    if not held or all(held != list(known[: len(held)]) for known in _WHOLE):
        raise DataError(
            f"expected year, month and so on without a gap, got {', '.join(held)}", name
        )
    given = {part: parts[part].cast(polars.Int32, strict=False) for part in held}
    values = _dated(given)
    if values.null_count():
        row = int(values.is_null().arg_max() or 0)
        cells = ", ".join(str(parts[part][row]) for part in held)
        raise DataError(f"row {row + 1} ({cells}) is no time", name)
    return values.alias(name) if "hour" in given else values.cast(polars.Date).alias(name)


def _dated(given: dict[str, polars.Series]) -> polars.Series:
    """Null where the parts are no date."""
    year = given["year"]
    short = year.is_between(0, 99)
    if short.any():
        year = year.zip_with(~short, year + 1900 + 100 * (year < _TWO_DIGITS).cast(polars.Int32))
    one = polars.Series([1] * len(year), dtype=polars.Int32)
    month = given["quarter"] * 3 - 2 if "quarter" in given else given.get("month", one)
    day = given.get("day", one)
    text = polars.select(polars.format("{}-{}-{}", year, month, day).alias("text")).to_series()
    values = text.str.to_datetime("%Y-%m-%d", strict=False, time_unit="us")
    if "yearday" in given:
        days = given["yearday"].cast(polars.Int64)
        ahead = ((days - 1) * 86_400_000_000).cast(polars.Duration("us"))
        values = (values + ahead).set(~days.is_between(1, 366), None)
    return _with_clock(values, {part: each for part, each in given.items() if part in _CLOCK})


def _with_clock(dates: polars.Series, parts: dict[str, polars.Series]) -> polars.Series:
    seconds = {"hour": 3600, "minute": 60, "second": 1}
    values: polars.Series = dates.cast(polars.Datetime("us"))
    for part, column in parts.items():
        since = (column.cast(polars.Float64) * seconds[part] * 1e6).round().cast(polars.Int64)
        values = values + since.cast(polars.Duration("us"))
    return values.alias(dates.name)
