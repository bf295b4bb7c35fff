"""Lines below a table that are no rows: sources, notes, what a terminal left."""

from __future__ import annotations

import re

import polars

from ._header import EMPTY, KNOWN

_MOST = 50
_SAMPLE = 100
_SHARE = 0.9


def _is_note(cell: str) -> bool:
    """Whether there are words in it, or no digit: ``10+`` and ``A12`` are rows without values."""
    cell = cell.strip()
    if KNOWN.fullmatch(cell) or cell in EMPTY:
        return False
    return re.search(r"[^\W\d_]{2}|\s", cell) is not None or re.search(r"\d", cell) is None


def without_footer(cells: polars.DataFrame) -> tuple[polars.DataFrame, int]:
    """The table without the last lines of one cell of text, and how many these were.

    Only below a first column of numbers or dates: a name without values is a row.
    """
    if cells.width < 2:
        return cells, 0
    last = cells.tail(_MOST)
    alone = last.select(polars.all_horizontal(polars.all().exclude(cells.columns[0]).is_null()))
    lines = 0
    for cell, is_alone in zip(reversed(last.to_series(0).to_list()), reversed(alone.to_series())):
        if not is_alone or cell is None or not _is_note(cell):
            break
        lines += 1
    table = cells.head(cells.height - lines)
    first = table.to_series(0).head(_SAMPLE).drop_nulls().to_list()
    known = sum(KNOWN.fullmatch(cell) is not None for cell in first)
    if not lines or known < _SHARE * len(first) or not first:
        return cells, 0
    return table, lines
