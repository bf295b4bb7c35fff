"""Simple forecasts that a network is measured against, and that it may start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from ..data import Columns, Series
from ..errors import DataError
from ._linear import Lags, Linear
from ._past import LEAST_PERIOD, FloatArray, IntArray, Past

SEASONS = {"last_day": 86_400.0, "last_week": 7 * 86_400.0, "last_year": 365.25 * 86_400.0}
"""Baseline -> the seconds since the value that it repeats."""

BASELINES = ("latest", *SEASONS, "linear", "mean", "commonest")
"""Every baseline: the newest value known, the value at the same time yesterday, last week or last
year, a linear model of the lags, and the mean or the commonest class of the training rows."""

MOST_LAGGED = 256
"""Lags of features in a linear forecast whose targets are not fed."""


@dataclass(frozen=True)
class Baselines:
    """The baselines that a table allows, with what they learned from its training rows.

    Attributes:
        steps: S rows ahead, one forecast each.
        seasons: baseline -> its period in units of elapsed time, of those that the training rows
            span twice.
        usual: (O,) the mean of each value target, or the share of each class.
        linear: None where there is too little to learn it from.
    """

    steps: tuple[int, ...]
    seasons: Mapping[str, float]
    usual: tuple[float, ...]
    linear: Optional[Linear]

    @classmethod
    def fit(
        cls,
        columns: Columns,
        steps: Sequence[int],
        lags: int,
        recordings: Sequence[Series],
        train: Sequence[slice],
        valid: Sequence[slice],
    ) -> Baselines:
        """Learns from the training rows of some series.

        Args:
            lags: rows before each row that the linear model sees.
            train, valid: rows of each series whose targets may be learned from, and those that
                may choose between models.
        """
        targets = [targets_of(each, columns) for each in recordings]
        pasts = [Past.of(each, own) for each, own in zip(recordings, targets)]
        learned = np.concatenate([own[part] for own, part in zip(targets, train)])
        known = ~np.isnan(learned)
        usual = np.where(known, learned, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        seasons = _seasons(columns, pasts, train)
        anchors = fed_targets(columns)
        lagged = anchors or tuple(range(len(columns.inputs)))
        if not anchors and lags * len(lagged) > MOST_LAGGED:
            lags = 0
        return cls(
            tuple(steps),
            seasons,
            tuple(usual.tolist()),
            Linear.fit(
                Lags(lags, lagged, anchors, tuple(seasons.values()) if anchors else ()),
                steps,
                pasts,
                targets,
                train,
                valid,
            ),
        )

    def names(self, columns: Columns) -> tuple[str, ...]:
        """Those that can be measured, in the order of :data:`BASELINES`."""
        if columns.classes is not None:
            found = {"commonest"} | ({"latest"} if min(self.steps) > 0 else set())
        elif min(self.steps) > 0:
            found = {"latest", *self.seasons}
        else:
            found = {"mean"}
        if self.linear is not None:
            found.add("linear")
        return tuple(name for name in BASELINES if name in found)

    def starts(self, columns: Columns) -> tuple[str, ...]:
        """Those that a network may start from: of values, and known when predicting."""
        if columns.classes is not None:
            return ()
        fed = bool(fed_targets(columns))
        return tuple(name for name in self.names(columns) if name == "linear" or fed)

    def forecast(self, name: str, past: Past, rows: IntArray) -> FloatArray:
        """(R, S, O) forecasts made at these rows, of values or scores of classes; NaN where
        nothing is known yet."""
        shape = (len(rows), len(self.steps), len(self.usual))
        if name == "linear":
            assert self.linear is not None
            return self.linear.forecast(past, rows)
        if name in self.seasons:
            period = self.seasons[name]
            return np.stack([past.season(rows, step, period) for step in self.steps], axis=1)
        constant = name != "latest"
        found = np.array(self.usual) if constant else past.targets[rows][:, None]
        return np.broadcast_to(found, shape)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :meth:`from_dict` reads back."""
        return {
            "steps": list(self.steps),
            "seasons": dict(self.seasons),
            "usual": list(self.usual),
            "linear": None if self.linear is None else self.linear.to_dict(),
        }

    @classmethod
    def from_dict(cls, described: Mapping[str, Any], columns: Columns) -> Baselines:
        """The baselines described by plain data.

        Raises:
            DataError: it is no such description.
        """
        try:
            steps = tuple(map(int, described["steps"]))
            seasons = {name: float(value) for name, value in described["seasons"].items()}
            usual = tuple(map(float, described["usual"]))
            linear = described["linear"]
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise DataError("expected steps, seasons and what is usual", "baselines") from None
        if (
            not steps
            or min(steps) < 0
            or not set(seasons) <= set(SEASONS)
            or not all(LEAST_PERIOD <= period < np.inf for period in seasons.values())
            or len(usual) != columns.outputs
            or not np.isfinite(usual).all()
        ):
            raise DataError("has numbers that do not fit together", "baselines")
        found = None
        if linear is not None:
            found = Linear.from_dict(linear, len(columns.inputs), columns.outputs)
            if found.steps != steps or found.lags.anchors != fed_targets(columns):
                raise DataError("is of other forecasts", "linear")
        return cls(steps, seasons, usual, found)


def targets_of(series: Series, columns: Columns) -> FloatArray:
    """(T, O) values, or for each class whether it is the one; NaN where unknown."""
    if columns.classes is None:
        values: FloatArray = series.targets
        return values
    classes: npt.NDArray[np.int64] = series.targets
    flags = classes[:, None] == np.arange(len(columns.classes))
    return np.where(classes[:, None] < 0, np.nan, flags)


def fed_targets(columns: Columns) -> tuple[int, ...]:
    """Where the targets are among the inputs, if they are values and all of them are fed."""
    if columns.classes is not None or not set(columns.targets) <= set(columns.inputs):
        return ()
    return tuple(columns.inputs.index(name) for name in columns.targets)


def _seasons(columns: Columns, pasts: Sequence[Past], train: Sequence[slice]) -> dict[str, float]:
    """The periods, in units, that hold two rows and more and fit twice into the training rows."""
    if not columns.dates:
        return {}
    spans = [
        past.clock[part.stop - 1] - past.clock[part.start]
        for past, part in zip(pasts, train)
        if part.stop > part.start
    ]
    periods = {name: seconds / columns.time_unit for name, seconds in SEASONS.items()}
    return {name: p for name, p in periods.items() if 2 <= p <= max(spans, default=0.0) / 2}
