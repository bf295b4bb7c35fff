"""The dialect of a delimited text: what separates cells, which lines are comments, the header.

The separator is the one under which the first lines have equally many cells of known kinds, the
measure of van den Burg, Nazabal and Sutton, "Wrangling messy CSV files by detecting row and type
patterns" (2019), reduced to the separators of recorded data. Their package, clevercsv, finds
neither comments nor missing names nor decimal commas, and needs more than this file to do so.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from ..errors import DataError, OptionError
from ._text import plural

BLANKS = " "
"""The separator of columns that stand apart by runs of blanks."""

SEPARATORS = (",", ";", "\t", "|", BLANKS)
_COMMENTS = ("#", "%", "//")
_SAMPLE = 2**18  # characters
_LINES = 200

_NUMBER = r"[-+\u2212]?[$€£¥]?\s?(\d{1,3}([ ,.'\u2019]\d{3})+([.,]\d+)?|\d*[.,]?\d+|\d+[.,])"
_KNOWN = re.compile(
    rf"""\s*(
      {_NUMBER}(e[-+]?\d+)?\s?[%$€£¥]?   # a number in any spelling
    | [-+]?(nan|inf|infinity)
    | \d{{1,4}}([-/.])\d{{1,2}}(\5\d{{1,4}})?([T ]+[\d:.,]+\s?([ap]m)?(Z|[-+]\d\d:?\d\d)?)?  # date
    | \d{{1,2}}[- ][a-z]{{3}}[- ]\d{{2,4}}([T ][\d:.]+)?
    | \d+:\d\d(:\d\d)?([.,]\d+)?\s?([ap]m)?                                                  # time
    )\s*""",
    re.VERBOSE | re.IGNORECASE,
)
EMPTY = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "?")
"""Cells that mean: no value."""


@dataclass(frozen=True)
class Dialect:
    """How a text is laid out.

    Attributes:
        separator: between cells; :data:`BLANKS` for runs of blanks.
        quote: around cells.
        comment: what begins a line that is no row; None if nothing does.
        names: of the columns, distinct.
        rows_at: number of the line, from 0, at which the rows begin.
        remarks: what else was found, in words.
    """

    separator: str
    quote: str
    comment: Optional[str]
    names: tuple[str, ...]
    rows_at: int
    remarks: tuple[str, ...] = ()


def find_dialect(
    text: str,
    source: str,
    *,
    separator: Optional[str] = None,
    comment: Optional[str] = None,
    header: Optional[bool] = None,
    missing: Sequence[str] = (),
) -> Dialect:
    """The dialect of a text that begins like this.

    Args:
        separator, comment: as in :class:`Dialect`. Default: found.
        header: whether the first row holds names. Default: found.
        missing: further words that mean no value.

    Raises:
        DataError: there is no row.
        OptionError: the separator is no single character.
    """
    if separator is not None and len(separator) != 1:
        raise OptionError(f"expected one character, got {separator!r}", "separator")
    _check_is_no_markup(text, source)
    lines = text[:_SAMPLE].split("\n")
    if len(text) > _SAMPLE:
        lines.pop()  # cut in the middle
    comment = _comment(lines) if comment is None else comment or None
    told = re.match(r"sep=(.)\r?$", lines[0])  # Excel writes, and reads, such a first line
    numbered = [
        (number, line.rstrip("\r"))
        for number, line in enumerate(lines)
        if line.strip() and not (comment and line.startswith(comment)) and (number or not told)
    ][:_LINES]
    if told and separator is None:
        separator = told[1]
    if not numbered:
        raise DataError("has no rows", source)
    quote = _quote(numbered)
    separator = _separator(numbered, quote) if separator is None else separator
    rows = _cells(numbered, separator, quote)
    numbers = _first_lines(numbered, rows)
    width = _width(rows)
    empty = (*EMPTY, *missing)
    above = _lines_above(rows, width, empty)
    if above < 0 or len(rows) <= above:
        raise DataError("has no rows of equal length", source)
    numbers, rows = numbers[above:], rows[above:]
    commented = _names_in_comment(lines[: numbers[0]], comment, separator, quote, width)
    remarks = [plural(above, "line") + " above the table left out"] if above else []
    if header is None:
        header = commented is None and _is_header(rows, width, empty)
    if not header:
        names = commented or [f"column_{number + 1}" for number in range(width)]
        if commented is None:
            remarks.append("no header: the columns are column_1 and so on")
        return Dialect(
            separator, quote, comment, _distinct(names, remarks), numbers[0], tuple(remarks)
        )
    names = _names(rows[0], rows[1:], width, remarks)
    begin = 1
    if _is_units(rows[1:], empty):
        remarks.append("a second header row left out")
        begin = 2
    if len(rows) <= begin:
        raise DataError("has no rows", source)
    return Dialect(
        separator, quote, comment, _distinct(names, remarks), numbers[begin], tuple(remarks)
    )


def _check_is_no_markup(text: str, source: str) -> None:
    begin = text[:200].lstrip().lower()
    for kind, starts in (("HTML or XML", ("<!doctype", "<html", "<?xml")), ("JSON", ("{", "[{"))):
        if begin.startswith(starts):
            raise DataError(f"is {kind}, expected rows of cells", source)


def _comment(lines: list[str]) -> Optional[str]:
    """What begins the first line, if it is a usual mark and other lines do not begin so."""
    filled = [line for line in lines if line.strip()][:_LINES]
    for mark in _COMMENTS:
        marked = [line.startswith(mark) for line in filled]
        if any(marked[:1]) and not all(marked):
            return mark
    return None


def _quote(numbered: list[tuple[int, str]]) -> str:
    """Single quotes, if names or cells stand in them and double ones are nowhere."""
    first = numbered[0][1].strip()
    single = first.startswith("'") and first.count("'") % 2 == 0
    return "'" if single and not any('"' in line for _, line in numbered) else '"'


def _cells(numbered: list[tuple[int, str]], separator: str, quote: str) -> list[list[str]]:
    lines = [line.strip() if separator == BLANKS else line for _, line in numbered]
    if separator == BLANKS:
        lines = [line.replace("\t", " ") for line in lines]
    reader = csv.reader(
        io.StringIO("\n".join(lines)),
        delimiter=separator,
        quotechar=quote,
        skipinitialspace=separator == BLANKS,
    )
    try:
        return list(reader)
    except csv.Error:
        return [[line] for line in lines]


def _separator(numbered: list[tuple[int, str]], quote: str) -> str:
    """The likeliest separator."""
    rows = {each: _cells(numbered, each, quote) for each in SEPARATORS}
    found = max(SEPARATORS, key=lambda each: _likelihood(rows[each], each))
    if found == "," and _is_one_column_of_decimals(rows[found]):
        return ";"
    return found


def _is_one_column_of_decimals(rows: list[list[str]]) -> bool:
    """Whether the commas below a name without one are decimal, and no row numbers before them."""
    first, below = rows[0], rows[1:]
    if len(first) != 1 or not below or any(len(row) > 2 for row in below):
        return False
    if not all(re.fullmatch(r"[-+]?\d+", row[0].strip()) for row in below):
        return False
    if not all(re.fullmatch(r"\d*", row[-1].strip()) for row in below):
        return False
    numbers = [int(row[0]) for row in below]
    return any(after - before != 1 for before, after in zip(numbers, numbers[1:]))


def _first_lines(numbered: list[tuple[int, str]], rows: list[list[str]]) -> list[int]:
    """The number of the line at which each row begins; cells in quotes may hold line breaks."""
    starts, line = [], 0
    for row in rows:
        starts.append(numbered[line][0])
        line += 1 + sum(cell.count("\n") for cell in row)
    return starts


def _likelihood(rows: list[list[str]], separator: str) -> float:
    """Share of lines of the usual width, squared, times share of known cells in these."""
    width = _width(rows)
    usual = [row for row in rows if len(row) == width]
    cells = [cell for row in usual for cell in row]
    known = sum(bool(cell.strip() in EMPTY or _KNOWN.fullmatch(cell)) for cell in cells)
    several = (width - 1) / width if width > 1 else 1e-3
    if separator == BLANKS:
        several /= 2  # blanks stand within cells as well
    return (len(usual) / len(rows)) ** 2 * several * max(known / len(cells), 0.01)


def _width(rows: list[list[str]]) -> int:
    """The commonest number of cells; of several, the one that the later lines have."""
    counts = Counter(len(row) for row in rows)
    most = max(counts.values())
    return next(len(row) for row in reversed(rows) if counts[len(row)] == most)


def _lines_above(rows: list[list[str]], width: int, missing: Sequence[str]) -> int:
    """Lines before the table; the header may lack the name of the first column."""
    first = next((i for i, row in enumerate(rows) if len(row) == width), -1)
    if first > 0 and len(rows[first - 1]) == width - 1:
        return first if _stands_out(rows[first:], width, missing) else first - 1
    return first


def _kind(cell: str, missing: Sequence[str]) -> Optional[str]:
    cell = cell.strip()
    if cell in missing:
        return None
    return "known" if _KNOWN.fullmatch(cell) else "text"


def _is_header(rows: list[list[str]], width: int, missing: Sequence[str]) -> bool:
    """Whether the first row names the columns, judged by how it differs from those below."""
    first, columns = rows[0], _columns(rows[1:], width)
    if len(first) < width or not columns[0]:
        return len(first) < width or not any(_kind(cell, missing) == "known" for cell in first)
    if _stands_out(rows, width, missing) or _counts_columns(first, columns):
        return True
    for cell, column in zip(first, columns):
        kind = _kind(cell, missing)
        if kind == "known" == _usual_kind(column, missing) or (kind == "text" and cell in column):
            return False
    return True


def _stands_out(rows: list[list[str]], width: int, missing: Sequence[str]) -> bool:
    """Whether the first row has text above numbers or dates."""
    return any(
        _kind(cell, missing) == "text" and _usual_kind(column, missing) == "known"
        for cell, column in zip(rows[0], _columns(rows[1:], width))
    )


def _columns(rows: list[list[str]], width: int) -> list[list[str]]:
    return [[row[index] for row in rows if len(row) == width] for index in range(width)]


def _usual_kind(column: list[str], missing: Sequence[str]) -> Optional[str]:
    kinds = Counter(filter(None, (_kind(cell, missing) for cell in column)))
    return kinds.most_common(1)[0][0] if kinds else None


def _counts_columns(first: list[str], columns: list[list[str]]) -> bool:
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


def _is_units(rows: list[list[str]], missing: Sequence[str]) -> bool:
    """Whether a row of text stands between the names and columns of numbers."""
    if len(rows) < 3:
        return False
    first, below = rows[0], rows[1:]
    unlike = 0
    for index, cell in enumerate(first):
        if _kind(cell, missing) == "known":
            return False
        kinds = {_kind(row[index], missing) for row in below if index < len(row)} - {None}
        unlike += _kind(cell, missing) == "text" and kinds == {"known"}
    return unlike > 0


def _names(first: list[str], below: list[list[str]], width: int, remarks: list[str]) -> list[str]:
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


def _names_in_comment(
    above: list[str], comment: Optional[str], separator: str, quote: str, width: int
) -> Optional[list[str]]:
    """Names in the last comment before the table, where numpy.savetxt and gnuplot put them."""
    if comment is None or not above or not above[-1].startswith(comment):
        return None
    text = above[-1].lstrip(comment).strip()
    names = [name.strip() for name in _cells([(0, text)], separator, quote)[0]]
    if len(names) != width or not all(names) or any(_KNOWN.fullmatch(name) for name in names):
        return None
    return names


def _distinct(names: list[str], remarks: list[str]) -> tuple[str, ...]:
    """Names that are there twice are numbered, so that none is meant by chance."""
    counts, seen, distinct = Counter(names), Counter[str](), []
    for name in names:
        seen[name] += 1
        distinct.append(name if counts[name] == 1 else f"{name} ({seen[name]})")
    for name in sorted(name for name in counts if counts[name] > 1):
        remarks.append(f"{counts[name]} columns are called {name!r}: now '{name} (1)' and so on")
    return tuple(distinct)
