"""Rows that arrive line by line, as CSV or as JSON."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from math import isinf, nan
from typing import Any, Optional, Protocol, Union

from ..data._header import EMPTY
from ..errors import DataError

Row = Mapping[str, Any]
"""Column -> text, or a value of JSON."""


class Format(Protocol):
    """How rows are read and answers are written."""

    columns: Optional[list[str]]
    """The names, where one line has them for all rows."""

    def row(self, line: str) -> Row:
        """The row in a line.

        Raises:
            DataError: there is none.
        """

    def heading(self, names: Sequence[str]) -> Optional[str]:
        """The first line of the answers, or None."""

    def answer(self, names: Sequence[str], values: Sequence[Any]) -> str:
        """One line of them."""


class Csv:
    """Lines of values with commas between them; ``header`` is the first one, with the names."""

    columns: Optional[list[str]]

    def __init__(self, header: str):
        self.columns = _cells(header)
        if len(set(self.columns)) < len(self.columns):
            raise DataError("names a column twice", "header")

    def row(self, line: str) -> Row:
        cells = _cells(line)
        assert self.columns is not None
        if len(cells) != len(self.columns):
            raise DataError(f"expected {len(self.columns)} values, got {len(cells)}")
        return dict(zip(self.columns, cells))

    def heading(self, names: Sequence[str]) -> Optional[str]:
        return _joined(names)

    def answer(self, names: Sequence[str], values: Sequence[Any]) -> str:
        return _joined(["" if value is None else value for value in values])


class Json:
    """Lines of one object each."""

    columns: Optional[list[str]] = None

    def row(self, line: str) -> Row:
        try:
            found = json.loads(line)
        except ValueError as error:
            raise DataError(f"is no JSON: {error}") from None
        except RecursionError:
            raise DataError(TOO_DEEP) from None
        if line.count("[") + line.count("{") > DEEPEST and _is_deep(found):
            raise DataError(TOO_DEEP)
        if not isinstance(found, dict):
            raise DataError('expected an object such as {"name": 1.5}')
        if "\\u" in line:
            _check_characters(found)
        return found

    def heading(self, names: Sequence[str]) -> Optional[str]:
        return None

    def answer(self, names: Sequence[str], values: Sequence[Any]) -> str:
        return json.dumps(dict(zip(names, values)), ensure_ascii=False)


DEEPEST = 100
"""Levels of JSON, at most: Python cannot even write those near its limit, about 1000."""

TOO_DEEP = f"is nested more than {DEEPEST} levels deep"


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for each in level
            if isinstance(each, (dict, list))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


Line = Optional[str]
"""None in place of a line that is longer than :data:`LONGEST`."""

LONGEST = 2**24
"""Bytes in a line, at most: no row is so long, and an endless line must not fill the memory."""


def lines_at_hand(file: Any) -> Iterator[list[Line]]:
    """The lines of a text file, as many at a time as are there without waiting for more.

    A byte order mark before the first one is left out.
    """

    def decoded(line: Union[bytes, bytearray]) -> Line:
        return line.decode(file.encoding, "replace") if len(line) <= LONGEST else None

    rest, mark = bytearray(), codecs.BOM_UTF8
    while found := file.buffer.read1(2**16):
        end, *more = found.split(b"\n")
        if len(rest) <= LONGEST:
            rest += end
        if more:
            first = rest.removeprefix(mark)
            rest, mark = bytearray(more.pop()), b""
            yield [decoded(line) for line in (first, *more)]
    if rest:
        yield [decoded(rest.removeprefix(mark))]


def format_of(first: Line) -> Format:
    """What the first line is a line of.

    Raises:
        DataError: it is too long to be one.
    """
    first = checked(first)
    return Json() if first.lstrip().startswith("{") else Csv(first)


def _check_characters(row: Row) -> None:
    """Refuses halves of characters, which JSON can spell but no answer can repeat."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise DataError(f"holds half a character, {half!r}") from None


def checked(line: Line) -> str:
    """The line.

    Raises:
        DataError: it was too long to be kept.
    """
    if line is None:
        raise DataError(f"is longer than {LONGEST >> 20} MiB")
    return line


def _cells(line: str) -> list[str]:
    try:
        found = next(csv.reader([line.rstrip("\r\n")], strict=True), [])
    except csv.Error as error:
        raise DataError(f"is no CSV: {error}") from None
    return [cell.strip() for cell in found]


def _joined(values: Sequence[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(values)
    return out.getvalue()


def number(row: Row, name: str) -> float:
    """The number in a column; NaN where it is missing.

    Raises:
        DataError: the column is not there, or holds something else.
    """
    if name not in row:
        raise DataError("the column is missing", name)
    value = row[name]
    if value is None or (isinstance(value, str) and value in EMPTY):
        return nan
    try:
        found = float("" if isinstance(value, bool) else value)
    except (TypeError, ValueError):
        raise DataError(f"expected a number, got {value!r}", name) from None
    except OverflowError:
        raise DataError("is beyond the largest number, about 1.8e308", name) from None
    if isinf(found):
        raise DataError("is infinite", name)
    return found


def number_or_none(row: Row, name: str) -> Optional[float]:
    """The same, None where it is missing."""
    found = number(row, name)
    return None if found != found else found


def without(row: Row, words: Sequence[str]) -> Row:
    """The row with nothing in the cells that hold one of these words, or numbers."""
    if not words:
        return row
    numbers = {found for found in map(_float, words) if found is not None}
    return {
        name: None if str(value).strip() in words or _float(value) in numbers else value
        for name, value in row.items()
    }


def _float(value: object) -> Optional[float]:
    try:
        return float(value) if isinstance(value, (str, int, float)) else None
    except (ValueError, OverflowError):
        return None


def instant(row: Row, name: str, dates: bool) -> float:
    """The time in a column: a number as it is, a date in seconds.

    Raises:
        DataError: there is none.
    """
    if not dates:
        found = number(row, name)
        if found != found:
            raise DataError("the time is missing", name)
        return found
    text = str(row.get(name, ""))
    try:
        moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    except ValueError:
        # What fromisoformat of older Pythons does not know, and all the other ways to write one.
        return _written_otherwise(text, name)
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def _written_otherwise(text: str, name: str) -> float:
    """A date in any way that tables may have it, in seconds."""
    import polars

    from ..data._time_columns import read_times
    from ..data._times import ticks, ticks_per_second

    try:
        times = read_times([polars.Series(name, [text])]).values
        if not times.dtype.is_temporal() or times.null_count():
            raise DataError("is no date")
    except DataError:
        raise DataError(f"expected a date such as 2024-01-31 08:30, got {text!r}", name) from None
    return int(ticks(times)[0]) / ticks_per_second(times)


def looks_like_a_number(row: Row, name: str) -> bool:
    """Whether a column holds a number, rather than a date."""
    try:
        number(row, name)
    except DataError:
        return False
    return True
