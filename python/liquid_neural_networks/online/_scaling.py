"""Running scaling: where values lie and how far they spread, from all that came so far."""

from __future__ import annotations

from typing import Union

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

MEMORY = 1000
"""Samples that count: older ones fade."""

FAR = 4.0
"""Spreads from the centre beyond which a value counts as an outlier, taken to be there itself,"""

LASTING = 5
"""unless so many came one after the other."""

LARGEST = 1e100
"""Values beyond it are taken to be there: their squares must stay finite."""


def held(values: Array, reach: Union[Array, float]) -> Array:
    """Values from -reach to reach; NaN stays."""
    # np.clip takes several times as long on so few numbers.
    found: Array = np.minimum(np.maximum(values, -reach), reach)
    return found


class RunningScale:
    """Mean and standard deviation of features that may be NaN.

    Args:
        arrays: of :meth:`empty`, moved in place.
        warm_up: samples up to which all count in full.

    Attributes:
        count: of values of each feature.
        center: their mean.
    """

    def __init__(self, arrays: dict[str, Array], warm_up: int):
        self._warm_up = warm_up
        self.count, self.center = arrays["count"], arrays["center"]
        self._variance, self._outliers = arrays["variance"], arrays["outliers"]

    @staticmethod
    def empty(size: int) -> dict[str, Array]:
        """Of so many features that had no value yet."""
        return {name: np.zeros(size) for name in ("count", "center", "variance", "outliers")}

    def with_more(self, features: int) -> RunningScale:
        """The same, and features that had no value yet."""
        own = self.count, self.center, self._variance, self._outliers
        empty = self.empty(features)
        joined = {name: np.append(each, empty[name]) for name, each in zip(empty, own)}
        return RunningScale(joined, self._warm_up)

    @staticmethod
    def fits(arrays: dict[str, Array]) -> bool:
        """Whether these can be counts and variances."""
        return all(bool((arrays[name] >= 0).all()) for name in ("count", "variance", "outliers"))

    @property
    def spread(self) -> Array:
        """Standard deviation; above 0, also of features that never changed."""
        least = 1e-12 + 1e-9 * np.abs(self.center)
        found: Array = np.maximum(np.sqrt(self._variance), least)
        return found

    def update(self, values: Array) -> None:
        """Takes values (size,) into account; NaN says nothing."""
        known = ~np.isnan(values)
        distance = held(np.where(known, values, self.center), LARGEST) - self.center
        reach = FAR * self.spread
        outlying = known & (np.abs(distance) > reach) & (self.count >= self._warm_up)
        alone = np.where(known, 0, self._outliers)
        self._outliers[:] = np.where(outlying, self._outliers + 1, alone)
        passing = outlying & (self._outliers <= LASTING)
        distance = np.where(passing, held(distance, reach), distance)
        self.count += known
        rate = known / np.minimum(np.maximum(self.count, 1), MEMORY)
        self.center += rate * distance
        self._variance[:] = (1 - rate) * (self._variance + rate * distance**2)
