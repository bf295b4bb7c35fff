"""``Past``: what is known at each row of a series, as simple rules look at it."""

from __future__ import annotations

from math import ceil
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..data import Series

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


LEAST_PERIOD = 1.0
"""Units of elapsed time that a season lasts at least."""

PLAY = 0.501
"""Units by which a season may be missed: months and years are no whole number of each other's
parts. A little more than half, so that for times in tenths of a unit rounding decides nothing."""


class Past(NamedTuple):
    """The newest values known at each row.

    Attributes:
        features: (T, I), NaN before the first known value.
        targets: (T, O) likewise.
        clock: (T,) when each row is, in units of elapsed time.
    """

    features: FloatArray
    targets: FloatArray
    clock: FloatArray

    @classmethod
    def of(cls, series: Series, targets: FloatArray) -> Past:
        """Of a series, whose targets may be given otherwise: classes one by one, say."""
        clock = np.cumsum(series.elapsed_time)
        return cls(latest_known(series.inputs), latest_known(targets), clock)

    def season(self, rows: IntArray, step: int, period: float, before: int = 0) -> FloatArray:
        """(R, O) the targets whole periods before the moment ``step`` rows ahead of each row.

        As few periods as lead to what is known at the row, and ``before`` further ones. Where
        the series had not begun, the newest value known at the row.

        Args:
            period: in units of elapsed time, :data:`LEAST_PERIOD` at least.
        """
        due = self.clock[rows] + step - periods_back(step, period, before) * period
        found = np.searchsorted(self.clock, due + PLAY, side="right") - 1
        values = self.targets[np.clip(found, 0, rows)]
        unknown = (found < 0)[:, None] | np.isnan(values)
        return np.where(unknown, self.targets[rows], values)


def periods_back(step: int, period: float, before: int = 0) -> int:
    """How many periods lie between the moment ``step`` rows ahead and the season's value."""
    return max(ceil((step - PLAY) / period), 1) + before


def latest_known(values: npt.NDArray[Any]) -> FloatArray:
    """(T, O) at each row the newest value known by then; NaN before the first one."""
    rows = np.where(np.isnan(values), -1, np.arange(len(values))[:, None])
    newest = np.maximum.accumulate(rows, axis=0)
    found: FloatArray = np.take_along_axis(values, newest.clip(0), axis=0)
    return found
