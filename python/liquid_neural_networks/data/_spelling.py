"""Numbers as people write them in text files: ``10,5``, ``$10,000``, ``65%``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

import polars

from ..errors import OptionError

_CURRENCIES = "$€£¥"
_SAMPLE = 1000
"""Cells that tell text from numbers at once."""
_SIGN = r"^[+-]?"
_DIGITS_AND_MARKS = r"^[+-]?[\d.,]*\d[\d.,]*(e[+-]?\d+)?$"
_COMMA_GROUPS = _SIGN + r"([1-9]\d{0,2}(,\d{3})+(\.\d*)?|\d+\.?\d*|\.\d+)(e[+-]?\d+)?$"
_POINT_GROUPS = _SIGN + r"([1-9]\d{0,2}(\.\d{3})+(,\d*)?|\d+,?\d*|,\d+)(e[+-]?\d+)?$"

_BRACKETED = r"^\s*\(\d+\)\s*$"
_UP_TO_GROUPS = re.compile(_SIGN + r"([1-9]\d{0,2}(\.\d{3})+|\d{1,3})$")


@dataclass(frozen=True)
class Spelling:
    """How the numbers of a column are written.

    Attributes:
        decimal: ``"."``, ``","``, or None where both can be meant (``10,000``).
        signs: percent and currency signs around the numbers.
        marked: whether there is any mark in them.
    """

    decimal: Optional[str]
    signs: str = ""
    marked: bool = True


def check_decimal(decimal: Optional[str]) -> None:
    """Raises OptionError unless it is a decimal mark, or None."""
    if decimal not in (None, ".", ","):
        raise OptionError(f"expected '.' or ',', got {decimal!r}", "decimal")


def plain_numbers(column: polars.Series) -> Optional[polars.Series]:
    """Text as numbers if all of it reads as such with a decimal point, else None."""
    known = column.null_count()
    for dtype in (polars.Int64, polars.Float64):
        found: polars.Series = column.cast(dtype, strict=False)
        if found.null_count() == known:
            return found
    return None


def bare(column: polars.Series) -> polars.Series:
    """Text without the signs around numbers, and the blanks and apostrophes within."""
    if _is_bare(column):
        return column
    return (
        column.str.replace_all(r"[\s\u{00a0}\u{2009}\u{202f}]", "")
        .str.replace("\u2212", "-", literal=True)  # a minus sign
        .str.replace(r"^\(([^()+-]+)\)$", "-$1")  # as accountants write what is owed
        .str.replace(rf"^([+-]?)[{_CURRENCIES}]", "$1")
        .str.replace(rf"[%{_CURRENCIES}]$", "")
        .str.replace_all(r"['\u{2019}](\d{3})", "$1")
        .str.to_lowercase()
    )


def _is_bare(column: polars.Series) -> bool:
    """Whether all cells are digits and marks already; most columns are."""
    return bool(column.str.contains(_DIGITS_AND_MARKS).all())


def spelling(column: polars.Series) -> Optional[Spelling]:
    """How the numbers in a column of text are written; None if they are not all numbers.

    Blanks in the middle of a number count only where they stand before three digits.
    """
    if column.null_count() == column.len():
        return None
    if column.len() > _SAMPLE and spelling(column[:_SAMPLE].drop_nulls()) is None:
        return None
    signs = "" if _is_bare(column) else _signs(column)
    if signs is None or column.str.contains(r"\d\s+(\d{1,2}\b|\d{4,})").any():
        return None
    if column.str.contains(_BRACKETED).all():  # so are notes numbered, rather than debts
        return None
    cells = bare(column)
    if not _is_bare(cells):
        return None
    readings = [
        decimal
        for decimal, pattern in ((".", _COMMA_GROUPS), (",", _POINT_GROUPS))
        if cells.str.contains(pattern).all()
    ]
    if not readings:
        return None
    if not cells.str.contains("[.,]").any():
        return Spelling(".", signs, marked=False)
    return Spelling(readings[0] if len(readings) == 1 else None, signs)


def _signs(column: polars.Series) -> Optional[str]:
    """The one percent or currency sign of a column, none, or None for a mixture of them."""
    for sign in ("%", *_CURRENCIES):
        found = column.str.contains(sign, literal=True)
        if found.any():
            zero = column.str.contains(r"^\s*0[.,]?0*\s*$")
            others = [each for each in ("%", *_CURRENCIES) if each != sign]
            mixed = any(column.str.contains(each, literal=True).any() for each in others)
            return None if mixed or not (found | zero).all() else sign
    return ""


def spelled_numbers(column: polars.Series, decimal: str) -> polars.Series:
    """Text as numbers, with this decimal mark; the other mark groups thousands."""
    cells = bare(column)
    if decimal == ",":
        cells = cells.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    else:
        cells = cells.str.replace_all(",", "", literal=True)
    found = plain_numbers(cells)
    return cells.cast(polars.Float64, strict=False) if found is None else found


def has_only_groups(column: polars.Series) -> bool:
    """Whether points in a column of numbers can all stand between thousands, as in ``1.234``."""
    return bool(bare(column).drop_nulls().str.contains(_POINT_GROUPS).all())


def mixes_groups(column: polars.Series) -> bool:
    """Whether some of these numbers have a point before three digits, and the others, of three
    digits at most, have none: 950 beside 1.100 is more likely a thousand than decimals."""
    # In most tables the first cells tell, and there may be thousands of columns.
    if not all(cell is None or _UP_TO_GROUPS.match(cell.strip()) for cell in column.head(8)):
        return False
    cells = column.drop_nulls().str.strip_chars()
    pointed = cells.str.contains(".", literal=True)
    return bool(
        pointed.any() and not pointed.all() and cells.str.contains(_UP_TO_GROUPS.pattern).all()
    )


def looks_numeric(column: polars.Series) -> polars.Series:
    """For each cell whether it is a number in some spelling; False where it is missing."""
    return bare(column).str.contains(_DIGITS_AND_MARKS).fill_null(False)
