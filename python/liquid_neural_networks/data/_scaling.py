"""``Scaling``: mean and deviation of each feature, learned once and kept with the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from ..errors import DataError, ShapeError
from ._times import FloatArray


@dataclass(frozen=True)
class Scaling:
    """Brings each feature to mean 0 and deviation 1, and back.

    Args:
        mean: (I,) of each feature.
        deviation: (I,) of each feature, positive.

    Raises:
        DataError: the lists differ in length, or hold something else than such numbers.

    Example:
        >>> import numpy as np
        >>> from liquid_neural_networks.data import Scaling
        >>> scaling = Scaling.of(np.array([[1.0], [3.0]]))
        >>> scaling.apply(np.array([[5.0]]))
        array([[3.]])
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("mean", "deviation"):
            values = getattr(self, name)
            if not all(_is_real(value) for value in values):
                raise DataError(f"expected finite numbers, got {values!r}", name)
            object.__setattr__(self, name, tuple(float(value) for value in values))
        if len(self.mean) != len(self.deviation):
            raise DataError(f"expected {len(self.mean)}, one a feature", "deviation")
        if any(value <= 0 for value in self.deviation):
            raise DataError("expected positive numbers", "deviation")

    @classmethod
    def of(cls, values: FloatArray) -> Scaling:
        """Learns from (T, I) values; NaN, a missing value, is left out.

        A feature that never changes, or was never seen, keeps a deviation of 1. Learn from the
        training part only: statistics of the others would show the network the future.
        """
        _check_columns(values, None)
        means, deviations = [], []
        for column in values.T:
            seen = column[~np.isnan(column)]
            deviation = float(seen.std()) if len(seen) else 0.0
            means.append(float(seen.mean()) if len(seen) else 0.0)
            # Rounding leaves a constant column with a deviation of a few last digits.
            negligible = 1e-12 * max(abs(means[-1]), 1.0)
            deviations.append(deviation if deviation > negligible else 1.0)
        return cls(tuple(means), tuple(deviations))

    def apply(self, values: FloatArray) -> FloatArray:
        """(..., I) in the data's units -> scaled; NaN stays NaN."""
        _check_columns(values, len(self.mean))
        scaled: FloatArray = (values - np.array(self.mean)) / np.array(self.deviation)
        return scaled

    def invert(self, values: FloatArray) -> FloatArray:
        """(..., I) scaled -> in the data's units."""
        _check_columns(values, len(self.mean))
        restored: FloatArray = values * np.array(self.deviation) + np.array(self.mean)
        return restored

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :meth:`from_dict` reads back."""
        return {"mean": list(self.mean), "deviation": list(self.deviation)}

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> Scaling:
        """The scaling described by plain data.

        Raises:
            DataError: it is no such description.
        """
        fields = ("mean", "deviation")
        if not isinstance(description, Mapping) or set(description) != set(fields):
            raise DataError(f"expected a map of {' and '.join(fields)}", "scaling")
        lists = [description[name] for name in fields]
        if not all(isinstance(each, (list, tuple)) for each in lists):
            raise DataError("expected lists of numbers", "scaling")
        return cls(*(tuple(each) for each in lists))


def _is_real(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _check_columns(values: FloatArray, expected: object) -> None:
    if (values.ndim < 2 and expected is None) or values.ndim < 1:
        raise ShapeError(f"expected (T, I), got {values.shape}", "values")
    if expected is not None and values.shape[-1] != expected:
        raise ShapeError(f"expected {expected} features, got {values.shape[-1]}", "values")
