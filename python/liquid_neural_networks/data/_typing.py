"""A table of text becomes one of numbers, flags and times, column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Optional

import polars

from ._header import EMPTY
from ._spelling import (
    Spelling,
    has_only_groups,
    mixes_groups,
    plain_numbers,
    spelled_numbers,
    spelling,
)
from ._time_text import iso_times

PLACEHOLDERS = (
    *("-", "--", "---", ".", "..", "...", "*", ":", "m", "mm", "nd", "n.d.", "n.a.", "n/a", "na"),
    *("nan", "<na>", "null", "(null)", "\\n", "none", "nil", "missing", "no data", "nodata"),
    *("unknown", "not available", "(blank)", "undefined"),
    *("#n/a", "#na", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!"),
)
"""Cells that mean no value where all others of the column are numbers; in either case."""


@dataclass
class Findings:
    """What was found on the way.

    Attributes:
        missing: words that meant no value.
        signs: percent and currency signs left away.
        decimals: the decimal marks of all columns that leave no doubt.
        brackets: whether there were numbers in brackets.
    """

    missing: set[str] = field(default_factory=set)
    signs: set[str] = field(default_factory=set)
    decimals: set[str] = field(default_factory=set)
    brackets: bool = False

    def remarks(self) -> list[str]:
        """In words; a decimal point goes without saying."""
        said = ["',' decimals"] if "," in self.decimals else []
        said += [f"{sign!r} left away" for sign in sorted(self.signs)]
        said += ["numbers in brackets are negative"] if self.brackets else []
        words = ", ".join(repr(word) for word in sorted(self.missing))
        return [*said, f"{words} missing"] if words else said


def typed(
    table: polars.DataFrame,
    *,
    decimal: Optional[str] = None,
    missing: Sequence[str] = (),
    text: Sequence[str] = (),
    usual: Optional[str] = None,
    between_commas: bool = False,
) -> tuple[polars.DataFrame, Findings]:
    """Numbers, flags and ISO 8601 times in place of their text.

    Args:
        decimal: the decimal mark of all numbers. Default: as each column shows it; a column
            that leaves it open (``10,000``) follows the others, or stays text if they disagree.
        missing: words that mean no value in every column, beside the usual ones.
        text: columns to leave as they are.
        usual: the decimal mark where nothing in the table shows one.
        between_commas: whether cells are, where points hardly ever stand between thousands.
    """
    words, absent = (*EMPTY, *missing), _finite_numbers(missing)
    findings = Findings()
    columns: dict[str, polars.Series] = {}
    spellings: dict[str, Spelling] = {}
    for column in table:
        if column.name in text:
            columns[column.name] = _without(column, words, findings)
            continue
        columns[column.name] = _plainly_typed(column, words, absent, findings)
        if columns[column.name].dtype == polars.String:
            columns[column.name], how = _spelled(columns[column.name], findings)
            if how is not None:
                spellings[column.name] = how
    if decimal is None and usual is not None and not _shows_marks(table, columns, spellings):
        decimal = usual
    written_points = _reread_floats(table, columns, decimal, spellings, between_commas)
    marks = {how.decimal for how in spellings.values() if how.decimal and how.marked}
    marks |= written_points
    common = decimal or (marks.pop() if len(marks) == 1 else None)
    for name, how in spellings.items():
        mark = how.decimal or common  # what can be read in one way only is read so
        if mark is not None:
            findings.brackets |= bool(columns[name].str.contains("(", literal=True).any())
            columns[name] = spelled_numbers(columns[name], mark)
            findings.signs.update(how.signs)
            findings.decimals.update(mark if how.marked else "")
    return polars.DataFrame(columns), findings


def _shows_marks(
    table: polars.DataFrame,
    columns: Mapping[str, polars.Series],
    spellings: Mapping[str, Spelling],
) -> bool:
    """Whether some number can be read in one way only, and has a mark in it."""
    if any(how.decimal and how.marked for how in spellings.values()):
        return True
    floats = (name for name, column in columns.items() if column.dtype.is_float())
    return any(not has_only_groups(table[n].set(columns[n].is_null(), None)) for n in floats)


def _reread_floats(
    table: polars.DataFrame,
    columns: dict[str, polars.Series],
    decimal: Optional[str],
    spellings: dict[str, Spelling],
    between_commas: bool,
) -> set[str]:
    """Where commas are decimal, ``1.234`` is a thousand and more; what marks other floats show.

    Where 950 stands beside 1.100 that is left open, as it is for commas; but not between commas.
    """
    commas = decimal == "," or any(how.decimal == "," for how in spellings.values())
    marks = set()
    for name, column in columns.items():
        if not column.dtype.is_float():
            continue
        cells = table[name]
        if column.null_count():
            cells = cells.set(column.is_null(), None)
        if commas and has_only_groups(cells):
            columns[name] = spelled_numbers(cells, ",")
        elif decimal is None and not between_commas and mixes_groups(cells):
            columns[name], spellings[name] = cells, Spelling(None)
        else:
            marks.add(".")
    return marks


def _plainly_typed(
    column: polars.Series, words: Sequence[str], absent: Sequence[float], findings: Findings
) -> polars.Series:
    """Numbers with a decimal point, flags and ISO times; any other text without missing words."""
    numbers = plain_numbers(column)
    if numbers is None:
        column = _without(column, words, findings)
        numbers = plain_numbers(column)
    if numbers is not None:
        return _without_numbers(numbers, absent, findings)
    for read in (_flags, iso_times):
        values = read(column)
        if values is not None:
            return values
    return column


def _without(column: polars.Series, words: Sequence[str], findings: Findings) -> polars.Series:
    """Text with nothing in place of the words that mean so."""
    absent = column.str.strip_chars().is_in(words)
    if not absent.any():
        return column
    findings.missing.update(filter(None, column.filter(absent).str.strip_chars().unique()))
    return column.set(absent, None)


def _without_numbers(
    numbers: polars.Series, absent: Sequence[float], findings: Findings
) -> polars.Series:
    """Numbers with nothing in place of NaN and of the numbers that mean so, such as -999."""
    if numbers.dtype.is_float() and numbers.is_nan().any():
        numbers = numbers.fill_nan(None)
    if not absent:
        return numbers
    found = numbers.cast(polars.Float64).is_in(absent).fill_null(False)
    if not found.any():
        return numbers
    findings.missing.update(f"{value:g}" for value in numbers.filter(found).unique())
    kept = polars.when(~found).then(numbers).alias(numbers.name)
    return numbers.to_frame().select(kept)[numbers.name]


def _finite_numbers(words: Sequence[str]) -> list[float]:
    """Those of the words that are numbers."""
    found = polars.Series(words, dtype=polars.String).cast(polars.Float64, strict=False)
    return [value for value in found.drop_nulls() if isfinite(value)]


def _spelled(column: polars.Series, findings: Findings) -> tuple[polars.Series, Optional[Spelling]]:
    """A column of text, and how its numbers are written if all of it is numbers.

    Dashes and the like between numbers mean that there is none.
    """
    how = spelling(column)
    if how is not None or not column.str.contains(r"\d").any():
        return column, how
    stripped = column.str.strip_chars()
    absent = stripped.str.to_lowercase().is_in(PLACEHOLDERS)
    how = spelling(column.filter(~absent)) if absent.any() else None
    if how is None:
        return column, None
    return _without(column, stripped.filter(absent).unique().to_list(), findings), how


def _flags(column: polars.Series) -> Optional[polars.Series]:
    """Text as true and false if all of it is these words, else None."""
    for cells in (column.head(100), column):
        words = cells.str.to_lowercase()
        if not words.drop_nulls().is_in(["true", "false"]).all():
            return None
    return words == "true"
