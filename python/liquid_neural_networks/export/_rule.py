"""``Rule``: what a forecast starts from, as one linear rule of the past."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple, Optional

import numpy as np
import numpy.typing as npt

from .._forecasting import PLAY, SEEN, Linear, Start, periods_back
from ..errors import OptionError

Array = npt.NDArray[np.float64]

MOST_ROWS = 2**20
"""Rows that a state may keep."""

CLOSEST = 0.8
"""Units of time between rows, on average, for which enough of them are kept: the usual time between
two is one unit."""


class Rule(NamedTuple):
    """To the newest value of each target comes a constant, and what some columns weigh; or there
    are no columns, and it is the value of the season, if there is one.

    The columns, in this order: the newest known value of each watched input, or none of them; of
    each row before, the nearest first, by how much the kept inputs differed from their newest
    values; of each season, by how much the targets differed. What is unknown weighs nothing.

    Attributes:
        watched: the inputs whose newest known values are kept; first those of the targets.
        changes: how many of the watched are targets; all of these or none.
        kept: how many of the watched, from the first on, are kept of earlier rows too.
        before: rows before that are columns.
        ages: (S, V) how old the values of the seasons are at least, rising.
        mean: (S, C) what is taken from each column.
        weight: (S, C, O)
        constant: (S, O)
    """

    watched: tuple[int, ...]
    changes: int
    kept: int
    before: int
    ages: Array
    mean: Array
    weight: Array
    constant: Array

    @classmethod
    def of(cls, start: Start) -> Rule:
        """Of what a forecast starts from."""
        if start.name == "linear":
            assert start.baselines.linear is not None
            return _linear(start.baselines.linear, start)
        steps, targets = start.baselines.steps, start.columns.outputs
        none = np.zeros((len(steps), 0, targets))
        ages, kept = none[:, :, 0], 0
        if start.is_seen:
            period = start.baselines.seasons[start.name]
            ages, kept = np.array([[_age(step, period, 0)] for step in steps]), targets
        constant = np.zeros((len(steps), targets))
        return cls(start.changes, targets, kept, 0, ages, none[:, :, 0], none, constant)

    @property
    def steps(self) -> int:
        """S rows ahead, a start for each."""
        return int(self.constant.shape[0])

    @property
    def targets(self) -> int:
        return int(self.constant.shape[1])

    @property
    def columns(self) -> int:
        """C"""
        return int(self.mean.shape[1])

    @property
    def seasons(self) -> int:
        return int(self.ages.shape[1])

    @property
    def oldest(self) -> float:
        """How old the oldest value of a season is at least."""
        return float(self.ages.max(initial=0.0))

    @property
    def levels(self) -> bool:
        """Whether the newest values are columns."""
        others = self.before * self.kept + self.seasons * self.targets
        return self.columns > others

    def rows(self, elapsed_time: Optional[float]) -> int:
        """How many rows a state keeps, the newest among them; 0 if no more than newest values.

        Args:
            elapsed_time: between all rows, or None: :data:`CLOSEST` at least on average.

        Raises:
            OptionError: too many.
        """
        if not (self.before or self.seasons):
            return 0
        apart, needed = CLOSEST if elapsed_time is None else elapsed_time, self.before + 1
        if apart and self.seasons:
            far = min(self.oldest / apart, float(MOST_ROWS))  # which may be infinite
            needed = max(needed, ceil(far) + 2)  # one more, for what is rounded
        if needed > MOST_ROWS:
            raise OptionError(
                f"a forecast like this needs more than the last {MOST_ROWS:,} samples; train with "
                "'latest'",
                "baseline",
            )
        return needed


def _age(step: int, period: float, before: int) -> float:
    """How old, at a row, the season's value for ``step`` rows ahead is at least."""
    return periods_back(step, period, before) * period - step - PLAY


def _linear(linear: Linear, start: Start) -> Rule:
    lags, targets = linear.lags, start.columns.outputs
    earlier = lags.lagged or lags.anchors
    size, kept = len(start.columns.inputs), len(earlier)
    watched = tuple(dict.fromkeys([*earlier, *range(size)]))
    first = size + lags.before * kept
    fixed = [*watched, *range(size, first)]
    ages, columns = [], []
    for step in linear.steps:
        found = [
            _age(step if ahead else 0, period, before)
            for period in lags.periods
            for ahead, before in SEEN
        ]
        order = np.argsort(found, kind="stable")
        ages.append(np.array(found)[order])
        own = [first + targets * season + target for season in order for target in range(targets)]
        columns.append([*fixed, *own])
    taken = np.array(columns)
    weight = linear.weights[:, :-1] / linear.deviation[:, :, None]
    return Rule(
        watched,
        len(lags.anchors),
        kept,
        lags.before,
        np.array(ages),
        np.take_along_axis(linear.mean, taken, 1),
        np.take_along_axis(weight, taken[:, :, None], 1),
        linear.weights[:, -1],
    )
