"""Times that are counted from the beginning of 1970, UTC, as computers do."""

from __future__ import annotations

from typing import Optional

import numpy as np
import polars

from ..errors import DataError

COUNTED = {
    "seconds": 1,
    "milliseconds": 10**3,
    "microseconds": 10**6,
    "nanoseconds": 10**9,
}
"""Values of ``time_format`` -> how many of them are a second."""
_FIRST, _LAST = -9_000_000_000, 9_000_000_000
"""Seconds from 1684 to 2255: what nanoseconds in 64 bits hold."""
_LIKELY = (10**9, 4 * 10**9)
"""Seconds from 2001 to 2096."""


def to_dates(numbers: polars.Series, unit: str) -> polars.Series:
    """Dates from numbers of a unit since 1970; whole numbers exactly.

    Raises:
        DataError: one is no number, or more than 285 years from 1970.
    """
    a_second = COUNTED[unit]
    whole = numbers.dtype.is_integer()
    values = numbers.cast(polars.Int64 if whole else polars.Float64, strict=False)
    within = values.is_between(_FIRST * a_second, _LAST * a_second).fill_null(False)
    far = ~within & numbers.is_not_null()
    if far.any():
        row = int(far.arg_max() or 0)
        raise DataError(
            f"row {row + 1} ({numbers[row]}) is not within 285 years of 1970 in {unit}",
            numbers.name,
        )
    finest = 10**9 if unit == "nanoseconds" else 10**6
    ticks = values * (finest // a_second)
    ticks = ticks if whole else ticks.round().cast(polars.Int64)
    dates: polars.Series = ticks.cast(polars.Datetime("ns" if finest == 10**9 else "us"))
    return dates


def to_numbers(dates: polars.Series, unit: str) -> polars.Series:
    """What :func:`to_dates` read: whole numbers, where they are."""
    finest = {"ns": 10**9, "us": 10**6, "ms": 10**3}[dates.dtype.time_unit]  # type: ignore[attr-defined]
    ticks, per = dates.to_physical(), finest // COUNTED[unit]
    if (ticks % per == 0).all():
        return ticks // per
    return ticks / per


def likely_unit(numbers: polars.Series) -> Optional[str]:
    """The unit in which all numbers are dates of this century, if there is one."""
    if not numbers.dtype.is_numeric() or numbers.null_count() or not len(numbers):
        return None
    low, high = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]
    for unit, a_second in COUNTED.items():
        if np.isfinite(high) and _LIKELY[0] * a_second <= low <= high <= _LIKELY[1] * a_second:
            return unit
    return None
