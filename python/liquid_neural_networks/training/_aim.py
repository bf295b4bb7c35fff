"""``Aim``: what a network is fed at each row of a series, and what it is to put out there.

A forecast of values may start from a baseline, see ``_forecasting``: the network then puts out how
far the value will be from it. A network that has learned nothing still repeats the baseline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .._checks import check_flag, check_integer
from .._forecasting import NO_BASELINE, Baselines, FloatArray, Past, Start, targets_of
from ..data import Columns, Series
from ..errors import DataError, OptionError

MOST_AHEAD = 2**16
"""Rows from a sample to the target predicted at it."""


class Lookback(NamedTuple):
    """How much of the past a forecast needs: so many rows, and those of so much elapsed time."""

    rows: int
    units: float

    def short(self, clock: FloatArray) -> bool:
        """Whether rows at these times are too few for the forecast made at the last one."""
        return len(clock) < self.rows or clock[-1] - clock[0] + 1 < self.units

    def first(self, clock: FloatArray) -> int:
        """The first row that a forecast made at the last row, or later, may need."""
        since = int(np.searchsorted(clock, clock[-1] - self.units, side="right")) - 1
        return max(min(since, len(clock) - self.rows), 0)


@dataclass(frozen=True)
class Aim:
    """What is to be predicted, from what.

    Attributes:
        columns: which columns of a table are read, and what they mean.
        horizon: rows from a sample to the target predicted at it.
        path: whether every row up to there is predicted, rather than that one.
        baselines: what the network is measured against.
        baseline: the one it starts from, or :data:`NO_BASELINE`.
    """

    columns: Columns
    horizon: int
    path: bool
    baselines: Baselines
    baseline: str = NO_BASELINE

    def __post_init__(self) -> None:
        if self.path and self.columns.classes is not None:
            raise OptionError("is of values, the target holds classes", "path")
        # Counted first: a file may claim any horizon.
        count = self.horizon if self.path else 1
        if len(self.baselines.steps) != count or self.baselines.steps != self.steps:
            raise DataError("looks other steps ahead", "baselines")
        Start.of(self.columns, self.baselines, self.baseline)

    @property
    def steps(self) -> tuple[int, ...]:
        """S rows ahead, in the order of the outputs."""
        return steps_to(self.horizon, self.path)

    @property
    def outputs(self) -> int:
        """What a network must put out at each row: S O values, or one score for each class."""
        return len(self.steps) * self.columns.outputs

    @property
    def _start(self) -> Start:
        return Start(self.columns, self.baselines, self.baseline)

    @property
    def inputs(self) -> int:
        """How many numbers a network is fed at each row."""
        return len(self.input_names)

    @property
    def input_names(self) -> tuple[str, ...]:
        """(I,) what each of those numbers is."""
        return self._start.input_names

    @property
    def lookback(self) -> Lookback:
        """What a forecast needs of the rows up to its own, beside the network's state."""
        if self.baseline in (NO_BASELINE, "latest"):
            return Lookback(2, 0.0)
        if self.baseline != "linear":
            return Lookback(2, self.baselines.seasons[self.baseline])
        assert self.baselines.linear is not None
        lags = self.baselines.linear.lags
        return Lookback(lags.before + 2, 2 * max(lags.periods, default=0.0))

    def past(self, series: Series) -> Past:
        """What is known at each row of a series."""
        return Past.of(series, targets_of(series, self.columns))

    def start(self, past: Past) -> FloatArray:
        """(T, S, O) what is added to the network's outputs, NaN where nothing is known yet."""
        return self._start.forecast(past)

    def fed(self, series: Series, past: Past, start: FloatArray) -> FloatArray:
        """(T, I) what the network is fed, before scaling; NaN where a value is missing."""
        return self._start.fed(series.inputs, past, start)

    def pairs(self, series: Series) -> Series:
        """The first T - ``horizon`` rows, each with what the network is to put out there."""
        past = self.past(series)
        start = self.start(past)
        rows = max(len(series.inputs) - self.horizon, 0)
        inputs, elapsed = self.fed(series, past, start)[:rows], series.elapsed_time[:rows]
        if self.columns.classes is not None:
            return Series(inputs, series.targets[self.horizon :], elapsed)
        targets = (ahead(series.targets, self.steps) - start)[:rows]
        flat = targets.reshape(rows, targets.shape[1] * targets.shape[2])
        return Series(inputs, flat, elapsed)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :meth:`from_dict` reads back."""
        return {
            "columns": self.columns.to_dict(),
            "horizon": self.horizon,
            "path": self.path,
            "baselines": self.baselines.to_dict(),
            "baseline": self.baseline,
        }

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Aim:
        """The aim described by plain data.

        Raises:
            DataError, DomainError, DtypeError, OptionError: it is no such description.
        """
        columns = Columns.from_dict(described["columns"])
        return cls(
            columns,
            check_integer("horizon", described["horizon"], 0, MOST_AHEAD),
            check_flag("path", described["path"]),
            Baselines.from_dict(described["baselines"], columns),
            described["baseline"],
        )


def steps_to(horizon: int, path: bool) -> tuple[int, ...]:
    """The rows ahead that are predicted: all up to the horizon, or that one.

    Raises:
        OptionError: there is none up to the horizon.
    """
    if path and horizon == 0:
        raise OptionError("needs values that are predicted at least one row ahead", "path")
    return tuple(range(1, horizon + 1)) if path else (horizon,)


def ahead(targets: FloatArray, steps: Sequence[int]) -> FloatArray:
    """(T, S, O) the targets so many rows later, NaN where unknown or beyond the end."""
    found = np.full((len(targets), len(steps), targets.shape[1]), np.nan)
    for index, step in enumerate(steps):
        found[: max(len(targets) - step, 0), index] = targets[step:]
    return found


def best_baseline(
    columns: Columns,
    baselines: Baselines,
    recordings: Sequence[Series],
    valid: Sequence[slice],
) -> str:
    """The baseline for a forecast to start from: that with the least squared error over the
    validation rows; without any, the first there is."""
    choices = baselines.starts(columns)
    if not choices:
        return NO_BASELINE
    # Targets that are not fed have no newest value: the network may as well start from nothing.
    rivals = choices if "latest" in choices else (*choices, "mean")
    losses = {name: _loss(name, columns, baselines, recordings, valid) for name in rivals}
    best = min(losses, key=lambda name: losses[name])
    return best if best in choices else NO_BASELINE


def _loss(
    name: str,
    columns: Columns,
    baselines: Baselines,
    recordings: Sequence[Series],
    valid: Sequence[slice],
) -> float:
    """Mean squared error over the validation rows; of several targets, each in its own scale."""
    errors, values = [], []
    for series, part in zip(recordings, valid):
        past = Past.of(series, series.targets)
        rows = np.arange(part.start, max(part.stop, part.start))
        truth = ahead(series.targets, baselines.steps)[rows]
        errors.append(baselines.forecast(name, past, rows) - truth)
        values.append(truth)
    squares, wanted = np.square(np.concatenate(errors)), np.concatenate(values)
    known = ~np.isnan(squares)
    counts = np.maximum(known.sum(axis=(0, 1)), 1)
    means = np.where(known, squares, 0.0).sum(axis=(0, 1)) / counts
    centre = np.where(known, wanted, 0.0).sum(axis=(0, 1)) / counts
    spread = np.where(known, np.square(wanted - centre), 0.0).sum(axis=(0, 1)) / counts
    return float((means / (spread + 1e-300)).mean())
