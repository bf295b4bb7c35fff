"""Text in the usual forms of dates and times as exact instants."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Literal, NamedTuple, Optional

import polars

from ..errors import DataError, OptionError

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


class Times(NamedTuple):
    """Times of rows.

    Attributes:
        values: dates, durations or numbers, one a row.
        format: the strptime pattern that reads their text; None for numbers, times
            of day, ISO 8601, and columns that came as dates.
    """

    values: polars.Series
    format: Optional[str]


def by_pattern(text: polars.Series, pattern: str) -> Times:
    """Text by a strptime pattern.

    Raises:
        DataError: a row does not follow it.
        OptionError: it is no pattern.
    """
    _check_pattern(pattern)
    values = parsed(text, pattern)
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


def compact(text: polars.Series) -> Optional[Times]:
    """Digits that are dates if all of a column look so, such as 20240131 or 199012; else None."""
    for form, shape in _COMPACT:
        if text.null_count() < len(text) and text.drop_nulls().str.contains(shape).all():
            values = parsed(text, form)
            if values is not None:
                return Times(values, form)
    return None


def recognised(text: polars.Series) -> Times:
    """Text in one of the usual forms.

    Raises:
        DataError: it is in none, in several, or month and day could change places.
    """
    text = _pointed(text)
    first = next((each for each in text if each is not None), None)
    if first is None:
        raise DataError("holds no time", text.name)
    if _STOPWATCH.match(first):
        return Times(_stopwatch(text), None)
    readings: dict[str, polars.Series] = {}
    for form in _forms(first):
        values = parsed(text, form)
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


def parsed(text: polars.Series, form: str) -> Optional[polars.Series]:
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
    if re.search("%[mbB]", form) and "%d" not in form:
        text, form = text + " 01", form + " %d"  # and without a day two digits of a month
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
    readings = (parsed(text, form) for form in _forms(text[text.is_not_null().arg_true()[0]]))
    return next((values for values in readings if values is not None), None)


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
