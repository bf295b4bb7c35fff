"""``Linear``: a linear forecast from the lags, by least squares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import numpy as np

from ..errors import DataError
from ._past import LEAST_PERIOD, FloatArray, IntArray, Past

PENALTIES = (1e-9, 1e-6, 1e-4, 1e-2, 1.0)
"""Ridge penalties on standardised columns; the validation rows choose."""

MOST_ROWS = 50_000
"""Rows that are fitted; of more, evenly spaced ones."""

MOST_WEIGHTS = 20_000
"""Numbers that a model file is to hold for it."""

MOST_BEFORE = 2**16
"""Lags that a model file may ask for."""

SEEN = ((1, 0), (1, 1), (0, 0))
"""Values of a season that are seen: before the moment that is predicted, as near as is known and
one more period back; and before the row itself."""

CHUNK = 65_536
"""Rows at a time."""


class Lags(NamedTuple):
    """What a linear forecast sees at each row.

    Attributes:
        before: rows before each row.
        lagged: columns of the features of which those rows are seen.
        anchors: for each target its column of the features, and its newest value is what the
            forecast starts from; or none, if the targets are not fed.
        periods: seasons, in units of elapsed time; only with anchors.
    """

    before: int
    lagged: tuple[int, ...]
    anchors: tuple[int, ...]
    periods: tuple[float, ...]

    @property
    def width(self) -> int:
        """Columns beside those of the features themselves."""
        return self.before * len(self.lagged) + len(SEEN) * len(self.periods) * len(self.anchors)

    def start(self, past: Past, rows: IntArray, outputs: int) -> FloatArray:
        """(R, O) what the forecasts start from."""
        if not self.anchors:
            return np.zeros((len(rows), outputs))
        return past.targets[rows]

    def columns(self, past: Past, rows: IntArray, step: int) -> FloatArray:
        """(R, F) what is seen, NaN where nothing is known."""
        features = past.features
        levels = features[rows]
        now = levels[:, self.lagged]
        parts = [levels]
        for lag in range(1, self.before + 1):
            parts.append(features[np.maximum(rows - lag, 0)][:, self.lagged] - now)
        if self.anchors:
            start = past.targets[rows]
            for period in self.periods:
                for ahead, before in SEEN:
                    parts.append(past.season(rows, ahead * step, period, before) - start)
        return np.concatenate(parts, axis=1)


@dataclass(frozen=True)
class Linear:
    """Weights of the columns that :class:`Lags` describes, for every step ahead.

    Attributes:
        steps: rows ahead, one forecast each.
        mean, deviation: (S, F) of the columns in the training rows.
        weights: (S, F + 1, O), the last of each the constant.
    """

    lags: Lags
    steps: tuple[int, ...]
    mean: FloatArray
    deviation: FloatArray
    weights: FloatArray

    @classmethod
    def fit(
        cls,
        lags: Lags,
        steps: Sequence[int],
        pasts: Sequence[Past],
        targets: Sequence[FloatArray],
        train: Sequence[slice],
        valid: Sequence[slice],
    ) -> Optional[Linear]:
        """Least squares over the training rows of some series; the validation rows choose how
        strongly the weights are held down.

        Args:
            targets: (T, O) of each series, NaN where unknown.
            train, valid: rows of each series whose forecasts may be compared with its targets.

        Returns:
            None if there are fewer training rows than outputs, or too many weights to keep.
        """
        width = pasts[0].features.shape[1] + lags.width + 1
        if len(steps) * (width * (targets[0].shape[1] + 2)) > MOST_WEIGHTS:
            return None
        fitted = []
        for step in steps:
            seen, wanted = _gather(lags, step, pasts, targets, train)
            if len(wanted) <= targets[0].shape[1]:
                return None
            check = _gather(lags, step, pasts, targets, valid)
            fitted.append(_ridge(seen, wanted, check))
        mean, deviation, weights = (np.stack(each) for each in zip(*fitted))
        return cls(lags, tuple(steps), mean, deviation, weights)

    def forecast(self, past: Past, rows: IntArray) -> FloatArray:
        """(R, S, O) made at these rows; NaN where no anchor is known yet."""
        outputs = self.weights.shape[-1]
        found = np.empty((len(rows), len(self.steps), outputs))
        for first in range(0, len(rows), CHUNK):
            some = rows[first : first + CHUNK]
            start = self.lags.start(past, some, outputs)
            for index, step in enumerate(self.steps):
                seen = self.lags.columns(past, some, step)
                scaled = np.nan_to_num((seen - self.mean[index]) / self.deviation[index])
                weights = self.weights[index]
                found[first : first + CHUNK, index] = start + scaled @ weights[:-1] + weights[-1]
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :meth:`from_dict` reads back."""
        arrays = ("mean", "deviation", "weights")
        return {
            "before": self.lags.before,
            "lagged": list(self.lags.lagged),
            "anchors": list(self.lags.anchors),
            "periods": list(self.lags.periods),
            "steps": list(self.steps),
            **{name: getattr(self, name).tolist() for name in arrays},
        }

    @classmethod
    def from_dict(cls, described: Mapping[str, Any], features: int, outputs: int) -> Linear:
        """The forecast described by plain data, for so many features and outputs.

        Raises:
            DataError: it is no such description.
        """
        try:
            lags = Lags(
                int(described["before"]),
                tuple(map(int, described["lagged"])),
                tuple(map(int, described["anchors"])),
                tuple(map(float, described["periods"])),
            )
            steps = tuple(map(int, described["steps"]))
            arrays = [
                np.array(described[name], dtype=np.float64)
                for name in ("mean", "deviation", "weights")
            ]
        except (KeyError, TypeError, ValueError, OverflowError):
            raise DataError("expected lags and weights", "linear") from None
        width, count = features + lags.width, len(steps)
        shapes = [(count, width), (count, width), (count, width + 1, outputs)]
        indices = (*lags.lagged, *lags.anchors)
        if (
            not 0 <= lags.before <= (MOST_BEFORE if lags.lagged else 0)
            or [each.shape for each in arrays] != shapes
            or not all(np.isfinite(each).all() for each in arrays)
            or not (arrays[1] > 0).all()
            or not all(0 <= index < features for index in indices)
            or (lags.lagged and lags.lagged != (lags.anchors or tuple(range(features))))
            or not all(LEAST_PERIOD <= period < np.inf for period in lags.periods)
        ):
            raise DataError("has numbers that do not fit together", "linear")
        return cls(lags, steps, *arrays)


def _gather(
    lags: Lags,
    step: int,
    pasts: Sequence[Past],
    targets: Sequence[FloatArray],
    parts: Sequence[slice],
) -> tuple[FloatArray, FloatArray]:
    """(R, F) what is seen and (R, O) how far the target will be from where the forecast starts,
    at the rows at which both are known."""
    stride = max(sum(part.stop - part.start for part in parts) // MOST_ROWS, 1)
    seen, wanted = [], []
    for past, own, part in zip(pasts, targets, parts):
        rows = np.arange(part.start, min(part.stop, len(own) - step), stride)
        # The first rows of a series lack some of what is seen; they teach little but that.
        rows = rows[np.searchsorted(rows, lags.before) :] if len(own) > 4 * lags.before else rows
        ahead = own[rows + step] - lags.start(past, rows, own.shape[1])
        known = ~np.isnan(ahead).any(axis=1)
        seen.append(lags.columns(past, rows[known], step))
        wanted.append(ahead[known])
    return np.concatenate(seen), np.concatenate(wanted)


def _ridge(
    seen: FloatArray, wanted: FloatArray, check: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean and deviation of the columns, and the weights that do best on the check."""
    known = ~np.isnan(seen)
    counts = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, seen, 0.0).sum(axis=0) / counts
    spread = np.sqrt((np.where(known, seen - mean, 0.0) ** 2).sum(axis=0) / counts)
    deviation = np.where(spread > 1e-12 * np.maximum(abs(mean), 1.0), spread, 1.0)
    scaled = np.nan_to_num((seen - mean) / deviation)
    constant = wanted.mean(axis=0)
    gram = scaled.T @ scaled / len(scaled)
    values, vectors = np.linalg.eigh(gram)
    values = values.clip(0)
    aims = vectors.T @ (scaled.T @ (wanted - constant) / len(scaled))
    unseen = np.nan_to_num((check[0] - mean) / deviation)
    best, least = None, np.inf
    for penalty in PENALTIES:
        found = vectors @ (aims / (values + penalty)[:, None])
        errors = (unseen @ found + constant - check[1]) / (wanted.std(axis=0) + 1e-300)
        loss = float(np.square(errors).mean()) if len(errors) else abs(penalty - 1e-2)
        if best is None or loss < least:
            best, least = found, loss
    return mean, deviation, np.concatenate([best, constant[None]])
