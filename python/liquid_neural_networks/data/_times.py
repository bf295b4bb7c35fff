"""Times: text in many forms becomes exact instants; steps between them; text again.

A recording's times are one polars column: dates, durations, or plain numbers. Differences are
taken between integers, so that nanoseconds stay exact however far from 1970.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, Optional

import numpy as np
import numpy.typing as npt
import polars

from ..errors import DataError, OptionError
from ._spelling import plain_numbers, spelled_numbers, spelling

FloatArray = npt.NDArray[np.float64]

_DATES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"\d{4}-\d{1,2}-\d{1,2}", ("%Y-%m-%d",)),
    (r"\d{4}/\d{1,2}/\d{1,2}", ("%Y/%m/%d",)),
    (r"\d{4}\.\d{1,2}\.\d{1,2}", ("%Y.%m.%d",)),
    (r"\d{1,2}/\d{1,2}/\d{4}", ("%d/%m/%Y", "%m/%d/%Y")),
    (r"\d{1,2}-\d{1,2}-\d{4}", ("%d-%m-%Y", "%m-%d-%Y")),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", ("%d.%m.%Y", "%m.%d.%Y")),
    (r"\d{1,2}/\d{1,2}/\d{2}", ("%d/%m/%y", "%m/%d/%y")),
    (r"\d{1,2}-\d{1,2}-\d{2}", ("%d-%m-%y", "%m-%d-%y", "%y-%m-%d")),
    (r"\d{1,2}\.\d{1,2}\.\d{2}", ("%d.%m.%y", "%m.%d.%y")),
    (r"\d{1,2}-[A-Za-z]{3}-\d{4}", ("%d-%b-%Y",)),
    (r"\d{1,2}-[A-Za-z]{3}-\d{2}", ("%d-%b-%y",)),
    (r"\d{1,2} [A-Za-z]{3} \d{4}", ("%d %b %Y",)),
    (r"\d{1,2} [A-Za-z]{3} \d{2}", ("%d %b %y",)),
    (r"\d{1,2} [A-Za-z]{4,} \d{4}", ("%d %B %Y",)),
    (r"[A-Za-z]{3} \d{1,2}, \d{4}", ("%b %d, %Y",)),
    (r"[A-Za-z]{4,} \d{1,2}, \d{4}", ("%B %d, %Y",)),
    (r"[A-Za-z]{3}-\d{4}", ("%b-%Y",)),
    (r"[A-Za-z]{3} \d{4}", ("%b %Y",)),
    (r"[A-Za-z]{3}-\d{2}", ("%b-%y",)),
    (r"\d{4}-[A-Za-z]{3}", ("%Y-%b",)),
    (r"\d{4}-\d{1,2}", ("%Y-%m",)),
    (r"\d{4}/\d{1,2}", ("%Y/%m",)),
    (r"\d{1,2}/\d{4}", ("%m/%Y",)),
    (r"\d{8}", ("%Y%m%d",)),
)
_CLOCKS = (
    (r"\d{1,2}:\d{2}", "%H:%M"),
    (r"\d{1,2}:\d{2}:\d{2}", "%H:%M:%S"),
    (r"\d{1,2}:\d{2}:\d{2}\.\d+", "%H:%M:%S.%f"),
    (r"\d{6}", "%H%M%S"),
    (r"\d{4}", "%H%M"),
    (r"\d{1,2}", "%H"),
)

_COMPACT = (
    ("%Y%m%d", r"^(1[89]|20|21)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"),
    ("%Y%m", r"^(1[89]|20|21)\d{2}(0[1-9]|1[0-2])$"),
    ("%Y%m%d%H%M", r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d$"),
    ("%Y%m%d%H%M%S", r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])[0-2]\d([0-5]\d){2}$"),
)  # fmt: skip
"""Whole numbers that are dates if all of a column look so."""

_STOPWATCH = re.compile(r"^\d+:\d{2}(:\d{2})?([.,]\d+)?$")

_PARTS = {
    "year": ("year", "yr", "yyyy"),
    "month": ("month", "mon", "mnth", "mo", "mm"),
    "day": ("day", "dd", "dom"),
    "hour": ("hour", "hr", "hh", "h"),
    "minute": ("minute", "min", "mi"),
    "second": ("second", "sec", "s"),
}


class Times(NamedTuple):
    """Times of rows.

    Attributes:
        values: dates, durations or numbers, one a row.
        format: the strptime pattern that reads their text; None for numbers, times
            of day, ISO 8601, and columns that came as dates.
    """

    values: polars.Series
    format: Optional[str]


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
    if len(columns) == 1:
        return _read_one(columns[0], pattern, known)
    name = ",".join(column.name for column in columns)
    numbers = {column.name: _numeric(column) for column in columns}
    words = [column for column in columns if numbers[column.name] is None or pattern is not None]
    parts = {_part(n): v for n, v in numbers.items() if v is not None and pattern is None}
    if not words:
        return Times(_from_parts(parts, name), None)
    text = polars.select(
        polars.concat_str([column.cast(polars.String) for column in words], separator=" ")
    ).to_series()
    found = _read_one(text.alias(name), pattern, known)
    if not parts:
        return found
    if not set(parts) <= {"hour", "minute", "second"} or not found.values.dtype.is_temporal():
        raise DataError("expected dates and parts of the day beside them", name)
    return Times(_with_clock(found.values, parts), found.format)


def _read_one(column: polars.Series, pattern: Optional[str], known: Optional[str]) -> Times:
    if column.dtype.is_temporal() and column.dtype != polars.Time:
        return Times(column, None)
    if pattern is not None:
        return _by_pattern(column.cast(polars.String).str.strip_chars(), pattern)
    if known is not None:
        values = _parsed(column.cast(polars.String).str.strip_chars(), known)
        if values is not None:
            return Times(values, known)
    if column.dtype.is_integer() or column.dtype == polars.String:
        text = column.cast(polars.String).str.strip_chars()
        for form, shape in _COMPACT:
            if text.drop_nulls().len() and text.drop_nulls().str.contains(shape).all():
                values = _parsed(text, form)
                if values is not None:
                    return Times(values, form)
    if column.dtype.is_numeric():
        return Times(column, None)
    if column.dtype != polars.String:
        raise DataError(f"expected times, the column holds {column.dtype}", column.name)
    numbers = _numeric(column)
    if numbers is not None:
        return Times(numbers, None)
    return _recognised(_pointed(column.str.strip_chars()))


def _by_pattern(text: polars.Series, pattern: str) -> Times:
    _check_pattern(pattern)
    values = _parsed(text, pattern)
    if values is None:
        wrong = _first_unread(text, pattern)
        raise DataError(
            f"row {wrong + 1} is {text[wrong]!r}, which {pattern} does not read", text.name
        )
    return Times(values, pattern)


def _check_pattern(pattern: str) -> None:
    """Raises OptionError unless strptime knows it."""
    try:
        datetime.strptime("", pattern)
    except ValueError as error:
        if "bad directive" not in str(error) and "stray" not in str(error) and "%" in pattern:
            return  # it merely does not read the empty text
    raise OptionError(f"expected a strptime pattern, got {pattern!r}", "time_format")


def _recognised(text: polars.Series) -> Times:
    """Text in one of the usual forms; month and day that could change places are refused."""
    first = next((each for each in text if each is not None), None)
    if first is None:
        raise DataError("holds no time", text.name)
    if _STOPWATCH.match(first):
        return Times(_stopwatch(text), None)
    readings: dict[str, polars.Series] = {}
    for form in _forms(first):
        values = _parsed(text, form)
        if values is not None and not any(values.equals(each) for each in readings.values()):
            readings[form] = values
    if len(readings) > 1:
        raise DataError(_both_readings(text, readings), text.name)
    if readings:
        form, values = next(iter(readings.items()))
        return Times(values, form)
    forms = _forms(first)
    wrong = 0 if not forms else min(_first_unread(text, form) for form in forms)
    raise DataError(
        f"expected numbers or dates as times, row {wrong + 1} is {text[wrong]!r}"
        + (f", unlike {first!r}" if text[wrong] != first else "")
        + "; --time-format says how to read them, such as %d.%m.%Y %H:%M",
        text.name,
    )


def _pointed(text: polars.Series) -> polars.Series:
    """Fractions of seconds after a point, where ISO 8601 allows a comma too."""
    if not text.str.contains(r":\d{2},\d").any():
        return text
    return text.str.replace(r"(:\d{2}),(\d)", "$1.$2")


def _forms(sample: str) -> list[str]:
    """The patterns that could read a time, by its shape."""
    forms = []
    for shape, dates in _DATES:
        date = re.match(shape, sample)
        rest = _clock_pattern(sample[date.end() :], compact=dates == ("%Y%m%d",)) if date else None
        if rest is not None:
            forms += [pattern + rest for pattern in dates]
    return forms


def _clock_pattern(text: str, compact: bool) -> Optional[str]:
    """The pattern of what follows the date: nothing, or a time and perhaps its zone."""
    if not text:
        return ""
    found = re.fullmatch(
        r"(?P<between>T| +|)(?P<clock>[\d:]+(\.\d+)?)(?P<half> ?[AaPp][Mm])?"
        r"(?P<zone>Z| ?UTC| ?[-+]\d{2}:?\d{2})?",
        text,
    )
    if not found or not (found["between"] or compact):
        return None
    clock = next((p for shape, p in _CLOCKS if re.fullmatch(shape, found["clock"])), None)
    if clock is None:
        return None
    half = found["half"] or ""
    if half:
        clock = clock.replace("%H", "%I") + half[:-2] + "%p"
    zone = found["zone"] or ""
    if zone[-1:].isdigit():
        zone = zone[: zone.index(zone.strip()[0])] + "%z"
    return found["between"] + clock + zone


def _parsed(text: polars.Series, form: str) -> Optional[polars.Series]:
    """Dates and times, None if one does not follow the pattern; nanoseconds where there are any."""
    if text.null_count() == text.len():
        return None
    fine = "%f" in form and text.str.contains(r"\.\d{7,}").any()
    values = _to_datetime(text, form, "ns" if fine else "us")
    if values is None or values.null_count() > text.null_count():
        return None
    return values if re.search(r"%[HIMSTRXpsc]", form) else values.cast(polars.Date)


def _to_datetime(
    text: polars.Series, form: str, unit: Literal["ns", "us"] = "us"
) -> Optional[polars.Series]:
    """Polars' reading of a strptime pattern, null where it does not fit."""
    if re.search("%[HI]", form) and "%M" not in form:
        text, form = text + ":00", form + ":%M"  # polars wants minutes beside hours
    form = form.replace(".%f", "%.f").replace("%z", "%#z")
    try:
        return text.str.to_datetime(form, strict=False, time_unit=unit)
    except polars.exceptions.PolarsError:
        return None


def _first_unread(text: polars.Series, form: str) -> int:
    read = _to_datetime(text, form)
    if read is None:
        return 0
    return int((read.is_null() & text.is_not_null()).arg_max() or 0)


def _both_readings(text: polars.Series, readings: dict[str, polars.Series]) -> str:
    """The first time that the patterns read differently, as each of them does."""
    (one, first), (other, second) = list(readings.items())[:2]
    row = int((first != second).arg_max() or 0)
    spoken = [_spoken(values[row]) for values in (first, second)]
    return (
        f"row {row + 1} is {text[row]!r}: {spoken[0]} or {spoken[1]}? "
        f"--time-format '{one}' or '{other}' says it"
    )


def _spoken(value: Any) -> str:
    return f"{value.day} {value:%B %Y}"


def iso_times(text: polars.Series) -> Optional[polars.Series]:
    """Text as dates or times if all of it is ISO 8601, else None."""
    first = next((each for each in text.head(100) if each is not None), None)
    if first is None or not re.match(r"\d{4}-\d{2}-\d{2}([T ]|$)", first):
        return None
    text = _pointed(text)
    readings = (_parsed(text, form) for form in _forms(text[text.is_not_null().arg_true()[0]]))
    return next((values for values in readings if values is not None), None)


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


def _stopwatch(text: polars.Series) -> polars.Series:
    """H:MM, H:MM:SS or, where there are fractions, M:SS.FFF as durations.

    Raises:
        DataError: a row is in another form.
    """
    pattern = r"^(?:(\d+):)?(\d+):(\d{2})(?:[.,](\d+))?$"
    parts = text.str.extract_groups(pattern).struct.unnest()
    first, second, third, fraction = (parts[name] for name in parts.columns)
    unread = second.is_null() & text.is_not_null()
    if unread.any():
        row = int(unread.arg_max() or 0)
        raise DataError(
            f"row {row + 1} is {text[row]!r}, expected a time such as 12:30:00", text.name
        )
    whole = [each.cast(polars.Int64) for each in (first.fill_null("0"), second, third)]
    seconds = whole[0] * 3600 + whole[1] * 60 + whole[2]
    if first.is_null().all() and fraction.is_null().all():
        seconds = seconds * 60  # 12:30 is hours and minutes
    digits = fraction.fill_null("0").str.pad_end(9, "0").str.slice(0, 9).cast(polars.Int64)
    since: polars.Series = (seconds * 1_000_000_000 + digits).cast(polars.Duration("ns"))
    return since.alias(text.name)


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


def instants(column: polars.Series) -> npt.NDArray[Any]:
    """(T,) when each sample was taken, rising: numbers as they are, dates as ticks since 1970.

    Raises:
        DataError: a time is missing or infinite, is text, or is not after the one before.
    """
    times = unordered_instants(column)
    late = np.flatnonzero(times[1:] <= times[:-1])
    if len(late):
        raise DataError(_why_not_rising(column, int(late[0])), column.name)
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
        raise DataError(f"row {row_number(missing)} has no time", column.name)
    return times


def _why_not_rising(column: polars.Series, row: int) -> str:
    """What is wrong between a row and the next, and what helps."""
    before, after = column[row], column[row + 1]
    said = f"row {row + 2} ({after}) is not after row {row + 1} ({before})"
    if isinstance(after, datetime) and after.tzinfo is None and _is_clock_change(before, after):
        return (
            f"{said}: clocks were put back an hour there; write the times in UTC or with their "
            "offset, or leave the hour out by --duplicates first after --sort"
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
    """An hour back, or a repeated hour, in a night of spring or autumn."""
    back = (before - after).total_seconds()
    return 0 <= back <= 3600 and after.hour <= 3 and after.month in (3, 4, 9, 10, 11) and back > 0


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


def written(times: polars.Series, form: Optional[str]) -> polars.Series:
    """Times as text, by the pattern that read them, else in ISO 8601."""
    text: polars.Series
    if times.dtype.is_temporal():
        text = times.dt.to_string("iso" if form is None else form.replace(".%f", "%.f"))
    elif times.dtype.is_float() and (times == times.round()).all():
        text = times.cast(polars.Int64).cast(polars.String)
    else:
        text = times.cast(polars.String)
    return text


def spoken_time(seconds: float) -> str:
    """A length of time in the largest unit that says it in few digits.

    >>> spoken_time(1800), spoken_time(5400), spoken_time(86400 * 365)
    ('30 minutes', '1.5 hours', '365 days')
    """
    for name, length in (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0)):
        if seconds >= length:
            count = seconds / length
            return f"{count:.3g} {name}" + ("" if count == 1 else "s")
    return f"{seconds:.3g} second" + ("" if seconds == 1 else "s")
