"""Quantiles of a forecast: how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError, DomainError, DtypeError
from ._past import FloatArray

MOST_DIGITS = 17
"""A float has no more."""


class Quantiles(NamedTuple):
    """Which quantiles are predicted, and what is added to each.

    The pinball loss leaves the levels of a network that has learned its training rows by heart
    too close together; what is added makes the validation rows lie below each level as often as
    it says (Romano, Patterson and Candes, Conformalized quantile regression, NeurIPS 2019).

    Attributes:
        levels: Q numbers between 0 and 1, rising.
        shifts: (S, O, Q) in the table's units.
    """

    levels: tuple[float, ...]
    shifts: FloatArray

    @property
    def middle(self) -> int:
        """Index of the level nearest to the median."""
        return int(np.abs(np.array(self.levels) - 0.5).argmin())

    def names(self, target: str) -> list[str]:
        """What the columns of a target are called: ``predicted_NAME_q10``."""
        return [f"predicted_{target}_q{percent}" for percent in self._percents()]

    def _percents(self) -> list[str]:
        """The levels in percent, with as many digits (6 at least) as tell them apart."""
        for digits in range(6, MOST_DIGITS + 1):
            found = [f"{100 * level:.{digits}g}" for level in self.levels]
            if len(set(found)) == len(found):
                break
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :meth:`from_dict` reads back."""
        return {"levels": list(self.levels), "shifts": self.shifts.tolist()}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Quantiles:
        """The quantiles described by plain data.

        Raises:
            DataError, DomainError, DtypeError: it is no such description.
        """
        try:
            levels = check_levels(described["levels"])
            shifts = np.array(described["shifts"], dtype=np.float64)
        except (KeyError, TypeError, ValueError):
            raise DataError("expected levels and shifts", "quantiles") from None
        if not np.isfinite(shifts).all():
            raise DataError("expected finite numbers", "quantiles")
        return cls(levels, shifts)


def shifts(levels: Sequence[float], forecasts: FloatArray, truth: FloatArray) -> FloatArray:
    """(S, O, Q) what to add to (R, S, O, Q) forecasts so that, of the (R, S, O) values that came
    true, the share below each is its level; 0 where none is known."""
    found = np.zeros(forecasts.shape[1:])
    for step, target in np.ndindex(*truth.shape[1:]):
        for place, level in enumerate(levels):
            errors = truth[:, step, target] - forecasts[:, step, target, place]
            errors = errors[~np.isnan(errors)]
            if len(errors):
                found[step, target, place] = np.quantile(errors, level)
    return found


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """Levels of quantiles: rising numbers between 0 and 1."""
    if isinstance(levels, str) or not isinstance(levels, Sequence):
        raise DtypeError(f"expected numbers between 0 and 1, got {levels!r}", "quantiles")
    for level in levels:
        if isinstance(level, bool) or not isinstance(level, (int, float)):
            raise DtypeError(f"expected numbers between 0 and 1, got {level!r}", "quantiles")
    found = tuple(map(float, levels))
    rising = all(low < high for low, high in zip((0.0, *found), (*found, 1.0)))
    if not (found and rising):
        raise DomainError(f"expected rising numbers between 0 and 1, got {found}", "quantiles")
    return found
