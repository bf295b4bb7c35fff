"""The times of a table, in one column or in several that hold a part each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import polars

from ..errors import DataError
from ._spelling import plain_numbers, spelled_numbers, spelling
from ._time_text import Times, by_pattern, compact, parsed, recognised

_PARTS = {
    "year": ("year", "yr", "yyyy"),
    "month": ("month", "mon", "mnth", "mo", "mm"),
    "day": ("day", "dd", "dom"),
    "hour": ("hour", "hr", "hh", "h"),
    "minute": ("minute", "min", "mi"),
    "second": ("second", "sec", "s"),
}


def read_times(
    columns: Sequence[polars.Series], pattern: Optional[str] = None, known: Optional[str] = None
) -> Times:
    """The times in one column, or in several that hold a part each.

    Args:
        columns: one of any kind; or several of text, which are joined, or of numbers called
            year, month, day, hour, minute, second.
        pattern: a strptime pattern of the text, from the user. Default: recognised.
        known: the pattern of an earlier table, tried first.

    Raises:
        DataError: a time is missing, in another form than the others, or can be read in two
            ways.
        OptionError: the pattern is none.
    """
    if len(columns) == 1 and columns[0].dtype.is_temporal() and columns[0].dtype != polars.Time:
        return Times(columns[0], None)
    text = _joined(columns)
    if pattern is not None:
        return by_pattern(text, pattern)
    values = None if known is None else parsed(text, known)
    if values is not None:
        return Times(values, known)
    return _read_one(columns[0]) if len(columns) == 1 else _read_parts(columns, text.name)


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


def _read_parts(columns: Sequence[polars.Series], name: str) -> Times:
    """Text joined, and numbers beside it by what their columns are called."""
    numbers = {column.name: _numeric(column) for column in columns}
    words = [column for column in columns if numbers[column.name] is None]
    parts = {_part(each): values for each, values in numbers.items() if values is not None}
    if not words:
        return Times(_from_parts(parts, name), None)
    found = recognised(_joined(words).alias(name))
    if not parts:
        return found
    if not set(parts) <= {"hour", "minute", "second"} or not found.values.dtype.is_temporal():
        raise DataError("expected dates and parts of the day beside them", name)
    return Times(_with_clock(found.values, parts), found.format)


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
    order = list(_PARTS)
    held = [part for part in order if part in parts]
    if held != order[: len(held)] or not held:
        raise DataError(
            f"expected year, month and so on without a gap, got {', '.join(held)}", name
        )
    whole = [parts[part].cast(polars.Int32, strict=False) for part in held]
    given = dict(zip(held, whole))
    one = polars.Series([1] * len(whole[0]), dtype=polars.Int32)
    values = _dated(given.get("year"), given.get("month", one), given.get("day", one), given)
    if values.null_count():
        row = int(values.is_null().arg_max() or 0)
        cells = ", ".join(str(parts[part][row]) for part in held)
        raise DataError(f"row {row + 1} ({cells}) is no time", name)
    return values.alias(name) if "hour" in given else values.cast(polars.Date).alias(name)


def _dated(year: Any, month: Any, day: Any, given: dict[str, polars.Series]) -> polars.Series:
    """Null where the parts are no date."""
    text = polars.select(polars.format("{}-{}-{}", year, month, day).alias("text")).to_series()
    values = text.str.to_datetime("%Y-%m-%d", strict=False, time_unit="us")
    return _with_clock(
        values, {p: v for p, v in given.items() if p in ("hour", "minute", "second")}
    )


def _with_clock(dates: polars.Series, parts: dict[str, polars.Series]) -> polars.Series:
    seconds = {"hour": 3600, "minute": 60, "second": 1}
    values: polars.Series = dates.cast(polars.Datetime("us"))
    for part, column in parts.items():
        since = (column.cast(polars.Float64) * seconds[part] * 1e6).round().cast(polars.Int64)
        values = values + since.cast(polars.Duration("us"))
    return values.alias(dates.name)
