"""Numbers that may mean no value, such as -999.9 among temperatures."""

from __future__ import annotations

import re
from typing import NamedTuple

import polars

_MOST = 3
_LEAST_FILL = 1e20
"""What netCDF, and models of climate, write where there is nothing."""


class Suspect(NamedTuple):
    """A number that stands far from all others of its column."""

    value: float
    rows: int


def suspects(column: polars.Series) -> list[Suspect]:
    """Numbers of nines and the like, further from all others than those are from each other."""
    known = column.drop_nulls()
    if not known.dtype.is_numeric() or len(known) < 3:
        return []
    values = known.cast(polars.Float64)
    found: list[Suspect] = []
    for _ in range(_MOST):
        low, high = values.min(), values.max()
        for value in (low, high):
            if isinstance(value, float) and _is_mark(value):
                others = values.filter(values != value)
                if _is_far(value, others):
                    found.append(Suspect(value, len(values) - len(others)))
                    values = others
                    break
        else:
            break
    return found


def _is_mark(value: float) -> bool:
    return (
        abs(value) >= _LEAST_FILL
        or value == -32768
        or re.fullmatch(r"-?99+(\.9+)?", f"{value:.10g}") is not None
    )


def _is_far(value: float, others: polars.Series) -> bool:
    low, high = others.min(), others.max()
    if not isinstance(low, float) or not isinstance(high, float) or low == high:
        return False
    return min(abs(value - low), abs(value - high)) > high - low


def remarks(column: polars.Series) -> list[str]:
    """In words, and what to do."""
    return [
        f"{column.name}: {value:.10g} stands in {rows:,} of {len(column):,} rows, far from all "
        f"other numbers; if it means that there is none: --missing {value:.10g}"
        for value, rows in suspects(column)
    ]
