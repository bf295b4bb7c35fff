"""``LiveForecast``: a forecaster fed row by row, as the rows come in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional

import numpy as np
import numpy.typing as npt

from .._inputs import real_array
from ..errors import DataError, ShapeError

if TYPE_CHECKING:
    from ._forecaster import Forecaster

Array = npt.NDArray[np.float64]


class LiveForecast:
    """One row in, one prediction out; made by :meth:`Forecaster.stream`.

    Predictions are those of :meth:`Forecaster.predict` for the table of all the rows so far.

    Args:
        forecaster: which one.
        state: what :attr:`state` was; to go on from there. Default: no row was seen yet.

    Raises:
        DataError: this is no such state.
    """

    def __init__(self, forecaster: Forecaster, state: Optional[Mapping[str, Any]] = None):
        columns = forecaster.columns
        self.forecaster = forecaster
        self._network = forecaster.network.stream()
        self._size, self._targets = len(columns.features), len(columns.targets)
        changes = columns.targets if forecaster.changes else ()
        self._changed = [columns.features.index(name) for name in changes]
        self._latest = np.full(len(self._changed), np.nan)
        if state is not None:
            self._restore(state)

    def step(self, features: npt.ArrayLike, elapsed_time: float = 1.0) -> Array:
        """Feeds one row and predicts.

        Args:
            features: (I,) numbers in the table's units, in the order of ``columns.features``; NaN
                where one is missing.
            elapsed_time: since the row before, in units of ``columns.time_unit``.

        Returns:
            (O,) values in the table's units, NaN before one is known if the network predicts
            changes; or the probability of each class.

        Raises:
            ShapeError, DtypeError, DomainError: naming the argument; the state is as before.
        """
        inputs = np.array(real_array("features", features), dtype=np.float64)
        if inputs.shape != (self._size,):
            raise ShapeError(f"expected ({self._size},), got {inputs.shape}", "features")
        levels = inputs[self._changed]
        # The first known value has nothing to be compared with: no change.
        before = np.where(np.isnan(self._latest), levels, self._latest)
        inputs[self._changed] = levels - before
        outputs = self._network.step(self.forecaster.inputs.apply(inputs), elapsed_time)
        self._latest = np.where(np.isnan(levels), self._latest, levels)
        if self.forecaster.outputs is None:
            odds = np.exp(outputs.astype(np.float64) - outputs.max())
            return np.asarray(odds / odds.sum())
        values = self.forecaster.outputs.invert(outputs.astype(np.float64))
        return values + self._latest if self._changed else values

    @property
    def state(self) -> dict[str, Any]:
        """Plain data, from which another one goes on."""
        latest = [None if np.isnan(each) else float(each) for each in self._latest]
        return {"network": self._network.state.tolist(), "latest": latest}

    def _restore(self, state: Mapping[str, Any]) -> None:
        if not isinstance(state, Mapping) or set(state) != {"network", "latest"}:
            raise DataError("expected a map of network and latest", "state")
        latest = np.array([np.nan if each is None else each for each in state["latest"]], float)
        if latest.shape != self._latest.shape:
            raise DataError(f"expected {len(self._latest)} latest values", "state")
        self._network.state = state["network"]
        self._latest = latest
