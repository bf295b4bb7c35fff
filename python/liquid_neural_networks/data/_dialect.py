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
from ._arff import COMMENT as ARFF_COMMENT
from ._arff import declared
from ._header import EMPTY, KNOWN, Rows, find_header, stands_out
from ._text import plural

BLANKS = " "
"""The separator of columns that stand apart by runs of blanks."""

SEPARATORS = (",", ";", "\t", "|", BLANKS)
_COMMENTS = ("#", "%", "//")
SAMPLE = 2**23
"""Bytes that are enough to tell, whatever is in them."""
_LINES = 200
_FEW_LINES = 8
_ENOUGH = 2**17
"""Characters from which a few lines are enough: tables may have thousands of columns."""


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
    lines = text.split("\n")
    if len(lines) > 1:
        lines.pop()  # perhaps cut in the middle, else empty
    arff = declared(lines, source)
    if comment is None:
        comment = _comment(lines) if arff is None else ARFF_COMMENT
    told = re.match(r"sep=(.)\r?$", lines[0])  # Excel writes, and reads, such a first line
    numbered = _numbered(lines, comment or None, arff.rows_at if arff else 1 if told else 0)
    if not numbered:
        raise DataError("has no rows", source)
    quote = _quote(numbered)
    if separator is None:
        separator = told[1] if told else _separator(numbered, quote)
    rows, words = _cells(numbered, separator, quote), (*EMPTY, *missing)
    numbers, width = _first_lines(numbered, rows), _width(rows)
    above = _lines_above(rows, width, words)
    if arff is not None and len(arff.names) != width:
        raise DataError(
            f"declares {plural(len(arff.names), 'attribute')}, its rows have {width} cells", source
        )
    outside = (
        arff.names
        if arff is not None
        else _names_in_comment(lines[: numbers[above]], comment, separator, quote, width)
    )
    found = find_header(rows[above:], width, header, outside, words)
    first = above + found.rows
    if first >= len(rows):
        raise DataError("has no rows", source)
    remarks = [plural(above, "line") + " above the table left out"] if above else []
    if above and not found.rows and outside is None and len(rows[above - 1]) > 1:
        remarks.append(f"no header: {len(rows[above - 1])} names stand above {width} columns")
    return Dialect(
        separator, quote, comment or None, found.names, numbers[first], (*remarks, *found.remarks)
    )


def _numbered(lines: list[str], comment: Optional[str], from_line: int) -> list[tuple[int, str]]:
    """The first lines that are rows, with their numbers."""
    rows: list[tuple[int, str]] = []
    size = 0
    for number, line in enumerate(lines[from_line:], from_line):
        if line.strip() and not (comment is not None and line.startswith(comment)):
            rows.append((number, line.rstrip("\r")))
            size += len(line)
        if len(rows) >= (_LINES if size < _ENOUGH else _FEW_LINES):
            break
    return rows


def _check_is_no_markup(text: str, source: str) -> None:
    begin = text[:200].lstrip().lower()
    if begin.startswith(("<!doctype", "<html", "<?xml")):
        raise DataError(
            "is HTML or XML, expected rows of cells; was a page saved in place of the file?", source
        )


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


def _cells(numbered: list[tuple[int, str]], separator: str, quote: str) -> Rows:
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


def _is_one_column_of_decimals(rows: Rows) -> bool:
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


def _first_lines(numbered: list[tuple[int, str]], rows: Rows) -> list[int]:
    """The number of the line at which each row begins; cells in quotes may hold line breaks."""
    starts, line = [], 0
    for row in rows:
        starts.append(numbered[line][0])
        line += 1 + sum(cell.count("\n") for cell in row)
    return starts


def _likelihood(rows: Rows, separator: str) -> float:
    """Share of lines of the usual width, squared, times share of known cells in these."""
    width = _width(rows)
    usual = [row for row in rows if len(row) == width]
    cells = [cell for row in usual for cell in row]
    known = sum(bool(cell.strip() in EMPTY or KNOWN.fullmatch(cell)) for cell in cells)
    several = (width - 1) / width if width > 1 else 1e-3
    if separator == BLANKS:
        several /= 2  # blanks stand within cells as well
    return (len(usual) / len(rows)) ** 2 * several * max(known / len(cells), 0.01)


def _width(rows: Rows) -> int:
    """The commonest number of cells; of several, the one that the later lines have."""
    counts = Counter(len(row) for row in rows)
    most = max(counts.values())
    return next(len(row) for row in reversed(rows) if counts[len(row)] == most)


def _lines_above(rows: Rows, width: int, missing: Sequence[str]) -> int:
    """Lines before the table; the header may lack the name of the first column."""
    first = next(i for i, row in enumerate(rows) if len(row) == width)
    if first > 0 and len(rows[first - 1]) == width - 1:
        return first if stands_out(rows[first:], width, missing) else first - 1
    return first


def _names_in_comment(
    above: list[str], comment: Optional[str], separator: str, quote: str, width: int
) -> Optional[list[str]]:
    """Names in the last comment before the table, where numpy.savetxt and gnuplot put them.

    A comment below the names that has units has some of them twice.
    """
    found: list[list[str]] = []
    for line in reversed(above):
        if not comment or not line.startswith(comment):
            break
        text = line.lstrip(comment).strip()
        names = [name.strip() for name in _cells([(0, text)], separator, quote)[0]] if text else []
        if names and not names[0]:
            names[0] = comment  # the first column itself is called #
        if len(names) != width or not all(names) or any(KNOWN.fullmatch(name) for name in names):
            break
        found.append(names)
    distinct = (names for names in found if len(set(names)) == width)
    return next(distinct, found[0] if found else None)
