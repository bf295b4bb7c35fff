"""``LiquidRegressor`` and ``LiquidClassifier``: one series a row, in scikit-learn's habits."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from .._checks import check_count
from ..data import Scaling
from ..errors import ShapeError
from ..neuron import DynamicsLike, WiringLike
from ._learning import FloatArray, Learned, Options, learn, probabilities


class _OfSeries(Options, BaseEstimator):  # type: ignore[misc]
    """What both have in common: input is (n, steps * I) or (n, steps, I).

    Args:
        steps: T, samples in time that a row of a plain table holds, one after the other, each
            with its I features. Default 1: all columns of a row are features of one sample.
    """

    _learned: Learned

    def __init__(
        self,
        steps: int = 1,
        *,
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
        self.steps = steps

    def _checked(self, X: Any, y: Any, **checks: Any) -> tuple[FloatArray, npt.NDArray[Any]]:
        """Series (n, T, I) to train on, and targets."""
        values, targets = validate_data(self, X, y, **_CHECKS, **checks)
        series = self._series(values)
        self.series_shape_ = series.shape[1:]
        return series, targets

    def _outputs(self, X: Any) -> FloatArray:
        """(n, O) of checked input."""
        check_is_fitted(self)
        series = self._series(validate_data(self, X, reset=False, **_CHECKS))
        if series.shape[1:] != self.series_shape_:
            raise ShapeError(
                f"expected (n, T, I) with (T, I) = {self.series_shape_}, got {series.shape}", "X"
            )
        return self._learned.outputs(series)

    def _series(self, values: FloatArray) -> FloatArray:
        if values.ndim == 3:
            return values
        steps = check_count("steps", self.steps)
        if values.ndim != 2 or values.shape[1] % steps:
            raise ShapeError(
                f"expected (n, T, I), or (n, columns) with a multiple of {steps} columns, one "
                f"sample after the other; got {values.shape}",
                "X",
            )
        return values.reshape(len(values), steps, -1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        return tags


_CHECKS = {"dtype": np.float64, "allow_nd": True, "ensure_all_finite": "allow-nan"}


class LiquidRegressor(RegressorMixin, _OfSeries):  # type: ignore[misc]
    """Values from series, such as the next value from those before.

    Args:
        steps: T, samples in time that a row of a plain table holds, one after the other, each
            with its I features. Default 1: all columns of a row are features of one sample.
        hidden_size: N, neurons, unless the wiring says.
        wiring, dynamics: as for :class:`~liquid_neural_networks.LiquidNetwork`.
        epochs, batch_size, learning_rate: as for :func:`~liquid_neural_networks.training.fit`.
        random_state: of the initial parameters and of the shuffling: an integer, a
            ``numpy.random.RandomState``, or None for numpy's global one.

    ``fit(X, y)`` takes X (n, T, I), or (n, T * I) as ``steps`` says, NaN where a value is
    missing; and y (n,) or (n, O).

    Attributes:
        network_: the trained :class:`~liquid_neural_networks.LiquidNetwork`, in float64; it sees
            scaled features and puts out scaled values.
        series_shape_: (T, I).

    Example:
        >>> import numpy as np
        >>> from liquid_neural_networks.estimators import LiquidRegressor
        >>> waves = np.sin(np.arange(300) / 3)
        >>> past = np.lib.stride_tricks.sliding_window_view(waves[:-1], 12)
        >>> model = LiquidRegressor(12, hidden_size=8, epochs=10, random_state=0)
        >>> model.fit(past, waves[12:]).score(past, waves[12:]) > 0.9
        True
    """

    def fit(self, X: Any, y: Any) -> LiquidRegressor:
        """Trains on series X and values y."""
        series, values = self._checked(X, y, multi_output=True, y_numeric=True)
        self._single = values.ndim == 1
        values = values.astype(np.float64).reshape(len(values), -1)
        self._scaling = Scaling.of(values)
        self._learned = learn(self, series, self._scaling.apply(values), values.shape[1])
        self.network_ = self._learned.network
        return self

    def predict(self, X: Any) -> FloatArray:
        """(n,) or (n, O) values, as they were in training."""
        outputs = self._outputs(X)
        values = self._scaling.invert(outputs)
        return values[:, 0] if self._single else values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class LiquidClassifier(ClassifierMixin, _OfSeries):  # type: ignore[misc]
    """Classes of series, such as what a wearer does, from a stretch of samples.

    Arguments are those of :class:`LiquidRegressor`; ``fit(X, y)`` takes X likewise, and y (n,)
    labels of any kind.

    Attributes:
        network_: the trained :class:`~liquid_neural_networks.LiquidNetwork`, in float64; it sees
            scaled features and puts out one score a class.
        classes_: the labels, in the order of ``predict_proba``.
        series_shape_: (T, I).

    Example:
        >>> import numpy as np
        >>> from liquid_neural_networks.estimators import LiquidClassifier
        >>> rising = np.random.default_rng(0).random(60) > 0.5
        >>> series = np.linspace(-1, 1, 10) * np.where(rising, 1, -1)[:, None]
        >>> model = LiquidClassifier(10, hidden_size=8, epochs=10, random_state=0)
        >>> model.fit(series, rising).score(series, rising)
        1.0
    """

    def fit(self, X: Any, y: Any) -> LiquidClassifier:
        """Trains on series X and labels y."""
        series, labels = self._checked(X, y)
        check_classification_targets(labels)
        self.classes_, indices = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ShapeError("expected labels of at least 2 classes, got one class", "y")
        self._learned = learn(self, series, indices, len(self.classes_))
        self.network_ = self._learned.network
        return self

    def predict_proba(self, X: Any) -> FloatArray:
        """(n, classes) probabilities, in the order of ``classes_``."""
        return probabilities(self._outputs(X))

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """(n,) the most probable labels."""
        found = self.predict_proba(X).argmax(axis=1)
        labels: npt.NDArray[Any] = self.classes_[found]
        return labels
