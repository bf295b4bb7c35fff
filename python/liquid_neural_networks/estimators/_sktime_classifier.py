"""``SeriesClassifier``: a time series classifier of sktime."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import numpy.typing as npt
from sktime.classification.base import BaseClassifier

from ..neuron import DynamicsLike, WiringLike
from ._learning import FloatArray, Options, learn, probabilities


class SeriesClassifier(Options, BaseClassifier):  # type: ignore[misc]
    """Classes of series, with one or several channels and values that may be missing.

    Args:
        hidden_size: N, neurons, unless the wiring says.
        wiring, dynamics: as for :class:`~liquid_neural_networks.LiquidNetwork`.
        epochs, batch_size, learning_rate: as for :func:`~liquid_neural_networks.training.fit`.
        random_state: of the initial parameters and of the shuffling: an integer, a
            ``numpy.random.RandomState``, or None for numpy's global one.

    Attributes:
        network_: the trained :class:`~liquid_neural_networks.LiquidNetwork`, in float64; it sees
            scaled channels and puts out one score a class.

    Example:
        >>> from sktime.datasets import load_unit_test  # doctest: +SKIP
        >>> from liquid_neural_networks.estimators import SeriesClassifier
        >>> X, y = load_unit_test("train")  # doctest: +SKIP
        >>> labels = SeriesClassifier(random_state=0).fit(X, y).predict(X)  # doctest: +SKIP
    """

    _tags = {
        "X_inner_mtype": "numpy3D",
        "capability:multivariate": True,
        "capability:missing_values": True,
        "capability:predict_proba": True,
        "capability:categorical_in_X": False,
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }

    def __init__(
        self,
        hidden_size: Optional[int] = 16,
        wiring: Optional[WiringLike] = None,
        dynamics: DynamicsLike = "conductance",
        epochs: int = 50,
        batch_size: int = 16,
        learning_rate: float = 0.01,
        random_state: Any = None,
    ):
        super().__init__(
            hidden_size, wiring, dynamics, epochs, batch_size, learning_rate, random_state
        )

    def _fit(self, X: FloatArray, y: npt.NDArray[Any]) -> SeriesClassifier:
        indices = np.searchsorted(self.classes_, y)
        self._learned = learn(self, _time_second(X), indices, len(self.classes_))
        self.network_ = self._learned.network
        return self

    def _predict_proba(self, X: FloatArray) -> FloatArray:
        return probabilities(self._learned.outputs(_time_second(X)))

    def _predict(self, X: FloatArray) -> npt.NDArray[Any]:
        labels: npt.NDArray[Any] = np.asarray(self.classes_)[self._predict_proba(X).argmax(axis=1)]
        return labels

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Options that sktime's own checks use."""
        return [
            {"hidden_size": 4, "epochs": 2, "random_state": 0},
            {"hidden_size": 4, "epochs": 1, "dynamics": "closed_form", "random_state": 0},
        ]


def _time_second(series: FloatArray) -> FloatArray:
    """(n, I, T) -> (n, T, I)."""
    return np.ascontiguousarray(series.transpose(0, 2, 1), dtype=np.float64)
