"""The header of a delimited text: whether the first row names the columns, and how."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Optional

Rows = list[list[str]]
"""The cells of some lines."""

_NUMBER = r"\(?[-+\u2212]?[$€£¥]?\s?(\d{1,3}([ ,.'\u2019]\d{3})+([.,]\d+)?|\d*[.,]?\d+|\d+[.,])"
KNOWN = re.compile(
    rf"""\s*(
      {_NUMBER}(e[-+]?\d+)?\s?[%$€£¥]?\)?   # a number in any spelling
    | [-+]?(nan|inf|infinity)
    | \d{{1,4}}(?P<mark>[-/.])\d{{1,2}}((?P=mark)\d{{1,4}})?   # date, perhaps with a time
      ([T ]+[\d:.,]+\s?([ap]m)?(Z|[-+]\d\d:?\d\d)?)?
    | \d{{1,2}}[- ][a-z]{{3}}[- ]\d{{2,4}}([T ][\d:.]+)?
    | \d+:\d\d(:\d\d)?([.,]\d+)?\s?([ap]m)?                                                  # time
    )\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_YEAR = r"(1[5-9]|20|21)\d{2}"
_TIME = re.compile(
    rf"{_YEAR}[-/M]\d{{1,2}}([-/]\d{{1,2}})?|\d{{1,2}}/\d{{1,2}}/\d{{2,4}}|{_YEAR}-?Q\d"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MOST_FURTHER = 4
"""Rows below the names that may belong to the header."""
EMPTY = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "?")
"""Cells that mean: no value."""


class Header(NamedTuple):
    """What the columns are called.

    Attributes:
        names: distinct, one a column.
        rows: how many rows say so, and are no data.
        remarks: what was found, in words.
    """

    names: tuple[str, ...]
    rows: int
    remarks: list[str]


def find_header(
    rows: Rows,
    width: int,
    wanted: Optional[bool],
    commented: Optional[list[str]],
    missing: Sequence[str],
) -> Header:
    """The names of the columns.

    Args:
        rows: the first of the table, the header included if there is one.
        width: cells of a row.
        wanted: whether the first row is a header; None to find out.
        commented: names in a comment above the table, if there are any.
        missing: words that mean no value.
    """
    remarks: list[str] = []
    if wanted is None:
        wanted = commented is None and _is_header(rows, width, missing)
    if not wanted:
        if commented is None:
            remarks.append("no header: the columns are column_1 and so on")
        found = commented or [f"column_{number + 1}" for number in range(width)]
        return Header(_distinct(found, remarks), 0, remarks)
    names = _distinct(_names(rows[0], rows[1:], width, remarks), remarks)
    if _are_times(names):
        remarks.append("columns are named by times, where a row for each time is expected")
    further = _further_rows(rows[1:], missing)
    if further:
        remarks.append(
            "a second header row left out"
            if further == 1
            else f"{further} more header rows left out"
        )
    return Header(names, 1 + further, remarks)


def _is_header(rows: Rows, width: int, missing: Sequence[str]) -> bool:
    """Whether the first row names the columns, judged by how it differs from those below."""
    first, columns = rows[0], _columns(rows[1:], width)
    if len(first) < width or not columns[0]:
        return len(first) < width or not any(_kind(cell, missing) == "known" for cell in first)
    if stands_out(rows, width, missing) or _counts_columns(first, columns):
        return True
    if _are_times(first) and not _hold_times(columns):
        return True
    for cell, column in zip(first, columns):
        kind = _kind(cell, missing)
        if kind == "known" == _usual_kind(column, missing) or (kind == "text" and cell in column):
            return False
    return True


def stands_out(rows: Rows, width: int, missing: Sequence[str]) -> bool:
    """Whether the first row has text above numbers or dates."""
    return any(
        _kind(cell, missing) == "text" and _usual_kind(column, missing) == "known"
        for cell, column in zip(rows[0], _columns(rows[1:], width))
    )


def _columns(rows: Rows, width: int) -> Rows:
    return [[row[index] for row in rows if len(row) == width] for index in range(width)]


def _usual_kind(column: list[str], missing: Sequence[str]) -> Optional[str]:
    kinds = Counter(filter(None, (_kind(cell, missing) for cell in column)))
    return kinds.most_common(1)[0][0] if kinds else None


def _counts_columns(first: list[str], columns: Rows) -> bool:
    """Whether numbers in a row count the columns, as the names 1, 2, 3 do."""
    numbered = [(i, int(cell)) for i, cell in enumerate(first) if cell.strip().isdigit()]
    for start in (0, 1):
        if len(numbered) > 1 and all(number == i + start for i, number in numbered):
            words = [(c, column) for c, column in zip(first, columns) if not c.strip().isdigit()]
            # A row of data may count up by chance, but not many columns.
            return len(numbered) > 3 or (
                bool(words) and not any(cell in column for cell, column in words)
            )
    return False


def _are_times(names: Sequence[str]) -> bool:
    """Whether the columns of a table are named by times: years, months, days."""
    stripped = [name.strip() for name in names]
    if {name[:3].lower() for name in stripped} >= set(_MONTHS):
        return True
    years = [int(name) for name in stripped if re.fullmatch(_YEAR, name)]
    in_a_row = len(years) > 3 and all(b - a == 1 for a, b in zip(years, years[1:]))
    return in_a_row or sum(_TIME.fullmatch(name) is not None for name in stripped) > 3


def _hold_times(columns: Rows) -> bool:
    """Whether what stands below the first row may be times of the same kind: then that row is
    one like the others."""
    cells = [cell.strip() for column in columns for cell in column]
    numbers = [cell for cell in cells if cell.isdigit()]
    years = sum(re.fullmatch(_YEAR, cell) is not None for cell in numbers)
    return 2 * years > len(numbers) or any(map(_TIME.fullmatch, cells))


def _further_rows(rows: Rows, missing: Sequence[str]) -> int:
    """How many rows of text stand between the names and columns of numbers."""
    return max((n for n in range(1, _MOST_FURTHER + 1) if _are_units(rows, n, missing)), default=0)


def _are_units(rows: Rows, count: int, missing: Sequence[str]) -> bool:
    """Whether so many rows hold no number, and text stands in the last above numbers alone."""
    above, below = rows[:count], rows[count:]
    if len(below) < 2 or any(_kind(cell, missing) == "known" for row in above for cell in row):
        return False
    for column in _columns(rows, len(rows[0])):  # rows of data have words in common
        words = [cell for cell in column[:count] if _kind(cell, missing) == "text"]
        if count > 1 and len(set(words)) < len(words):
            return False
    unlike = 0
    for index, cell in enumerate(above[-1]):
        kinds = {_kind(row[index], missing) for row in below if index < len(row)} - {None}
        unlike += _kind(cell, missing) == "text" and kinds == {"known"}
    return unlike > 0


def _kind(cell: str, missing: Sequence[str]) -> Optional[str]:
    cell = cell.strip()
    if cell in missing:
        return None
    return "known" if KNOWN.fullmatch(cell) else "text"


def _names(first: list[str], below: Rows, width: int, remarks: list[str]) -> list[str]:
    """The names in the header; one that is missing there, or is empty, gets one."""
    names = [name.strip().strip("'") for name in first]
    if len(names) == width - 1:
        if all(not row[-1].strip() for row in below if len(row) == width):
            remarks.append("rows end in a separator")
            names.append("")
        else:
            remarks.append("the first column has no name: it is column_1")
            names.insert(0, "")
    return [name or f"column_{number + 1}" for number, name in enumerate(names)]


def _distinct(names: list[str], remarks: list[str]) -> tuple[str, ...]:
    """Names that are there twice are numbered, so that none is meant by chance."""
    counts, seen, distinct = Counter(names), Counter[str](), []
    for name in names:
        seen[name] += 1
        distinct.append(name if counts[name] == 1 else f"{name} ({seen[name]})")
    for name in sorted(name for name in counts if counts[name] > 1):
        remarks.append(f"{counts[name]} columns are called {name!r}: now '{name} (1)' and so on")
    return tuple(distinct)
