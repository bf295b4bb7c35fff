"""``LiquidForecaster``: a forecaster of sktime."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
from sktime.forecasting.base import BaseForecaster

from .._checks import check_count
from .._forecasting import latest_known
from ..data import Scaling
from ..errors import DataError
from ..neuron import DynamicsLike, WiringLike
from ._learning import FloatArray, Options, learn


class LiquidForecaster(Options, BaseForecaster):  # type: ignore[misc]
    """Forecasts of one or several series by a network that reads how much they changed.

    It puts out, at each sample, by how much each series will have changed at every step of the
    forecasting horizon. A series is read from its beginning in one run; :meth:`update` adds new
    samples to it, and trains anew unless ``update_params=False``.

    Args:
        window: samples of each stretch that it is trained on; fewer where a series is shorter.
        hidden_size: N, neurons, unless the wiring says.
        wiring, dynamics: as for :class:`~liquid_neural_networks.LiquidNetwork`.
        epochs, batch_size, learning_rate: as for :func:`~liquid_neural_networks.training.fit`.
        random_state: of the initial parameters and of the shuffling: an integer, a
            ``numpy.random.RandomState``, or None for numpy's global one.

    Attributes:
        network_: the trained :class:`~liquid_neural_networks.LiquidNetwork`, in float64; it sees
            scaled changes and puts out scaled ones.

    Example:
        >>> from sktime.datasets import load_airline  # doctest: +SKIP
        >>> from liquid_neural_networks.estimators import LiquidForecaster
        >>> model = LiquidForecaster(random_state=0)  # doctest: +SKIP
        >>> forecast = model.fit(load_airline(), fh=[1, 2, 3]).predict()  # doctest: +SKIP
    """

    _tags = {
        "y_inner_mtype": "pd.DataFrame",
        "capability:multivariate": True,
        "capability:exogenous": False,
        "capability:insample": False,
        "capability:missing_values": True,
        "capability:update": True,
        "requires-fh-in-fit": True,
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }

    def __init__(
        self,
        window: int = 32,
        hidden_size: Optional[int] = 16,
        wiring: Optional[WiringLike] = None,
        dynamics: DynamicsLike = "conductance",
        epochs: int = 100,
        batch_size: int = 8,
        learning_rate: float = 0.01,
        random_state: Any = None,
    ):
        self.window = window
        super().__init__(
            hidden_size, wiring, dynamics, epochs, batch_size, learning_rate, random_state
        )

    def _fit(self, y: Any, X: Any, fh: Any) -> LiquidForecaster:
        self._table = y
        self._learn(fh)
        return self

    def _update(self, y: Any, X: Any = None, update_params: bool = True) -> LiquidForecaster:
        self._table = y.combine_first(self._table)
        if update_params:
            self._learn(self._fh)
        return self

    def _learn(self, fh: Any) -> None:
        values = self._table.to_numpy(dtype=np.float64)
        self._steps = fh.to_relative(self.cutoff).to_numpy().astype(int)
        changes, ahead = _changes(values), _ahead(values, self._steps)
        if not (~np.isnan(ahead)).any():
            furthest = max(self._steps)
            raise DataError(f"{len(values)} samples are too few to look {furthest} ahead", "y")
        self._scaling = Scaling.of(ahead)
        length = min(check_count("window", self.window), len(values))
        starts = _starts(len(values), length)
        cut = starts[:, None] + np.arange(length)
        targets = self._scaling.apply(ahead)
        known = (~np.isnan(targets[cut])).any(axis=(1, 2))  # the last stretch may have no target
        self._learned = learn(
            self, changes[cut][known], targets[cut][known], ahead.shape[1], return_sequences=True
        )
        self.network_ = self._learned.network

    def _predict(self, fh: Any, X: Any) -> Any:
        values = self._table.to_numpy(dtype=np.float64)
        outputs = self._learned.outputs(_changes(values)[None])[0, -1:]
        changes = self._scaling.invert(outputs).reshape(len(self._steps), values.shape[1])
        index = fh.to_absolute_index(self.cutoff)
        return type(self._table)(_latest(values)[-1] + changes, index, self._table.columns)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Options that sktime's own checks use."""
        return [
            {"hidden_size": 4, "epochs": 2, "random_state": 0},
            {"window": 5, "hidden_size": 4, "epochs": 1, "dynamics": "closed_form"},
        ]


def _latest(values: FloatArray) -> FloatArray:
    """(T, C) the newest value known at each sample; before the first known one that one."""
    newest = latest_known(values)
    first = np.take_along_axis(values, np.argmax(~np.isnan(values), axis=0)[None], axis=0)
    return np.where(np.isnan(newest), first, newest)


def _changes(values: FloatArray) -> FloatArray:
    """(T, C) by how much each value differs from the newest before; NaN where it is missing."""
    before = _latest(values)
    found: FloatArray = values - np.concatenate([before[:1], before[:-1]])
    return found


def _ahead(values: FloatArray, steps: Any) -> FloatArray:
    """(T, steps * C) by how much each value will have changed; NaN where nobody knows."""
    later = np.full((len(steps), *values.shape), np.nan)
    for each, step in zip(later, steps):
        if step < len(values):
            each[: len(values) - step] = values[step:]
    found: FloatArray = (later - _latest(values)).transpose(1, 0, 2)
    return found.reshape(len(values), -1)


def _starts(rows: int, length: int) -> Any:
    """Where stretches begin: most of one is in the next too, and the last ends at the last row."""
    return np.unique(np.append(np.arange(0, rows - length, max(length // 4, 1)), rows - length))
