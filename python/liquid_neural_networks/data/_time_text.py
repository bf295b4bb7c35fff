"""Text in the usual forms of dates and times as exact instants."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
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
    (r"\d{1,2}/[A-Za-z]{3}/\d{4}", ("%d/%b/%Y",)),
    (r"\d{1,2} [A-Za-z]{3,} \d{4}", ("%d %b %Y", "%d %B %Y")),
    (r"\d{1,2} [A-Za-z]{3} \d{2}", ("%d %b %y",)),
    (r"\d{1,2}[A-Za-z]{3}\d{4}", ("%d%b%Y",)),
    (r"[A-Za-z]{3,} \d{1,2}, \d{4}", ("%b %d, %Y", "%B %d, %Y")),
    (r"[A-Za-z]{3,} \d{1,2} \d{4}", ("%b %d %Y", "%B %d %Y")),
    (r"[A-Za-z]{3}-\d{1,2}-\d{4}", ("%b-%d-%Y",)),
    (r"[A-Za-z]{3}-\d{4}", ("%b-%Y",)),
    (r"[A-Za-z]{3,} \d{4}", ("%b %Y", "%B %Y")),
    (r"[A-Za-z]{3}-\d{2}", ("%b-%y",)),
    (r"\d{4}-[A-Za-z]{3}-\d{1,2}", ("%Y-%b-%d",)),
    (r"\d{4} [A-Za-z]{3,} \d{1,2}", ("%Y %b %d", "%Y %B %d")),
    (r"\d{4}-[A-Za-z]{3}", ("%Y-%b",)),
    (r"\d{4} [A-Za-z]{3,}", ("%Y %b", "%Y %B")),
    (r"\d{4}M\d{1,2}", ("%YM%m",)),
    (r"\d{4} M\d{1,2}", ("%Y M%m",)),
    (r"\d{4}-W\d{2}-\d", ("%G-W%V-%u",)),
    (r"\d{4}-W\d{2}", ("%G-W%V",)),
    (r"\d{4}W\d{2}", ("%GW%V",)),
    (r"\d{4}Q\d", ("%YQ%q",)),
    (r"\d{4}-Q\d", ("%Y-Q%q",)),
    (r"\d{4} Q\d", ("%Y Q%q",)),
    (r"Q\d-\d{4}", ("Q%q-%Y",)),
    (r"Q\d/\d{4}", ("Q%q/%Y",)),
    (r"Q\d \d{4}", ("Q%q %Y",)),
    (r"\d{4}-\d{3}", ("%Y-%j",)),
    (r"\d{4}-\d{1,2}", ("%Y-%m",)),
    (r"\d{4}/\d{1,2}", ("%Y/%m",)),
    (r"\d{1,2}/\d{4}", ("%m/%Y",)),
    (r"\d{8}", ("%Y%m%d",)),
)
"""Shapes of dates with the patterns that may read them. ``%q`` is the quarter, which no
strptime knows: see :func:`_by_quarters`."""
_WEEKDAY = re.compile(r"([A-Za-z]{3}|[A-Za-z]{6,9})(,? )(?=[A-Za-z\d])")
_WEEKDAYS = tuple(
    name[:length].lower()
    for name in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    for length in (3, len(name))
)
_CLOCKS = (
    (r"\d{1,2}:\d{2}", "%H:%M"),
    (r"\d{1,2}:\d{2}:\d{2}", "%H:%M:%S"),
    (r"\d{1,2}:\d{2}:\d{2}\.\d+", "%H:%M:%S.%f"),
    (r"\d{6}", "%H%M%S"),
    (r"\d{4}", "%H%M"),
    (r"\d{1,2}", "%H"),
)

_YEAR, _MONTH, _DAY = r"^(1[89]|20|21)\d{2}", r"(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])"
_RECENT_DATE = r"^(19|20)\d{2}" + _MONTH + _DAY
_COMPACT = (
    ("%Y%m%d", _YEAR + _MONTH + _DAY + "$"),
    ("%Y%m", _YEAR + _MONTH + "$"),
    ("%Y%j", r"^(19|20)\d{2}(0(0[1-9]|[1-9]\d)|[12]\d{2}|3[0-5]\d|36[0-6])$"),
    ("%Y%m%d%H", _RECENT_DATE + r"([01]\d|2[0-4])$"),
    ("%Y%m%d%H%M", _RECENT_DATE + r"(([01]\d|2[0-3])[0-5]\d|2400)$"),
    ("%Y%m%d%H%M%S", _RECENT_DATE + r"[0-2]\d([0-5]\d){2}$"),
)
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
    first = _fullest(text)
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
    raise DataError(_unread(text, first), text.name)


def _fullest(text: polars.Series) -> Optional[str]:
    """The first time; one with a clock, or fractions of seconds, if others leave these away."""
    for mark in (r":\d{2}\.\d", r"\d:\d{2}", ""):
        found = text.filter(text.str.contains(mark).fill_null(False))
        if len(found):
            return str(found[0])
    return None


def _unread(text: polars.Series, first: str) -> str:
    """Which row no pattern reads, and what helps."""
    known = int(text.is_not_null().arg_max() or 0)
    wrong = max((_first_unread(text, form) for form in _forms(first)), default=known)
    cell = text[wrong]
    said = f"expected numbers or dates as times, row {wrong + 1} is {cell!r}"
    if cell == first:
        return f"{said}; --time-format says how to read them, such as '%d.%m.%Y %H:%M'"
    if not re.search(r"\d", cell):
        return f"{said}, unlike {first!r}: delete that line if it is no row of the table"
    return (
        f"{said}, unlike {first!r}: correct it, delete that line if it is no row of the table, or "
        "say by --time-format how to read all of them"
    )


def _pointed(text: polars.Series) -> polars.Series:
    """Fractions of seconds after a point, where ISO 8601 allows a comma too."""
    if not text.str.contains(r":\d{2},\d").any():
        return text
    return text.str.replace(r"(:\d{2}),(\d)", "$1.$2")


def _forms(sample: str) -> list[str]:
    """The patterns that could read a time, by its shape."""
    forms = []
    weekday = _WEEKDAY.match(sample)
    start, before = 0, ""
    if weekday and weekday[1].lower() in _WEEKDAYS:
        start, before = weekday.end(), ("%a" if len(weekday[1]) == 3 else "%A") + weekday[2]
    for shape, dates in _DATES:
        date = re.compile(shape).match(sample, start)
        rest = _clock_pattern(sample[date.end() :], compact=dates == ("%Y%m%d",)) if date else None
        # A clock follows a day; after a month or a quarter it is the rest of another date.
        if rest == "" or (rest and re.search("%[dju]", dates[0])):
            forms += [before + pattern + rest for pattern in dates]
    return forms


def _clock_pattern(text: str, compact: bool) -> Optional[str]:
    """The pattern of what follows the date: nothing, or a time and perhaps its zone."""
    if not text:
        return ""
    found = re.fullmatch(
        r"(?P<between>T| +|[_:-]|, |)(?P<clock>[\d:]+(\.\d+)?)(?P<half> ?[AaPp][Mm])?"
        r"(?P<zone>Z| ?UTC| ?GMT| ?[-+]\d{2}(:?\d{2})?)?",
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
    """Polars' reading of a strptime pattern, null where it does not fit.

    24:00 is the end of a day, and a date alone among dates with a clock is its midnight.
    """
    values = _by_polars(text, form, unit)
    clock = re.search(r"[T _:,-]*%H(:?%M)?(:?%S(\.%f)?)?$", form)
    if values is None or clock is None or values.null_count() == text.null_count():
        return values
    below = (":?00" if clock[1] else "") + (":?00(?:[.]0+)?" if clock[2] else "")
    ends = rf"(\D|\d{{8}})24({below})$"
    late = text.str.contains(ends).fill_null(False)
    if late.any():
        begun = _by_polars(text.str.replace(ends, "${1}00$2"), form, unit)
        if begun is not None:
            values = values.zip_with(~late, begun + timedelta(days=1))
    if values.null_count() > text.null_count() and clock[0][:1] != "%":
        alone = text.set(values.is_not_null(), None)
        midnights = _by_polars(alone, form[: clock.start()], unit)
        if midnights is not None:
            values = values.zip_with(values.is_not_null(), midnights)
    return values


def _by_polars(
    text: polars.Series, form: str, unit: Literal["ns", "us"]
) -> Optional[polars.Series]:
    """As polars reads it, once the pattern has all that polars wants."""
    text, form = _by_quarters(text, form)
    if re.search("%[HI]", form) and "%M" not in form:
        text, form = text + ":00", form + ":%M"  # polars wants minutes beside hours
    if re.search("%[mbB]", form) and "%d" not in form:
        text, form = text + " 01", form + " %d"  # and without a day two digits of a month
    if "%V" in form and "%u" not in form:
        text, form = text + " 1", form + " %u"  # and a day of the week
    form = form.replace(".%f", "%.f").replace("%z", "%#z")
    try:
        return text.str.to_datetime(form, strict=False, time_unit=unit)
    except polars.exceptions.PolarsError:
        return None


def _by_quarters(text: polars.Series, form: str) -> tuple[polars.Series, str]:
    """Months, of which each quarter begins with one, in place of the quarters."""
    if "%q" not in form:
        return text, form
    for quarter in (4, 3, 2, 1):
        text = text.str.replace(f"Q{quarter}", f"M{3 * quarter - 2:02}", literal=True)
    return text, form.replace("Q%q", "M%m")


def _first_unread(text: polars.Series, form: str) -> int:
    read = _to_datetime(text, form)
    unread = text.is_not_null() if read is None else read.is_null() & text.is_not_null()
    return int(unread.arg_max() or 0)


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
    text = _pointed(text.str.strip_chars())
    readings = (parsed(text, form) for form in _forms(_fullest(text) or first))
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
