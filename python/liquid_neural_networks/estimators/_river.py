"""``LiquidOnlineRegressor``, ``LiquidOnlineClassifier`` and ``LiquidOnlineForecaster``: one sample
at a time, in river's habits."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping, Sequence
from math import isinf
from operator import sub
from typing import Any, Callable, Optional, Union

import numpy as np
import numpy.typing as npt
from river import base
from river.time_series.base import Forecaster

from .. import model_file
from .._checks import check_integer
from ..errors import DomainError, DtypeError, ShapeError
from ..network import LiquidNetwork
from ..neuron import DynamicsLike, WiringLike
from ..online import Guarded, Learner, resume
from ..online._scaling import RunningScale, held

Array = npt.NDArray[np.float64]
Live = Union[Learner, Guarded]
Features = Mapping[Any, Any]

FEWEST = 4
"""Inputs to begin with."""
WARM_UP = 50
"""Values of a feature before one may count as an outlier."""
FARTHEST = 10.0
"""Spreads from the centre beyond which a feature counts as if it were there."""


class _Session:
    """A learner and its network, which pickle together.

    Args:
        network, live: the learner's network, and the learner.
    """

    def __init__(self, network: LiquidNetwork, live: Live):
        self.network: Any = network
        self.live = live

    def output(self, given: Array) -> Array:
        """(O,) for the next sample, which has not come yet."""
        with self.live.lookahead():
            return self.live.step(given).astype(np.float64)

    def learn(self, given: Array, target: float) -> None:
        """Takes a sample and what should have been put out."""
        learner = self.live.learner if isinstance(self.live, Guarded) else self.live
        learner.checked_target(target)  # nothing is fed with a target that is refused
        self.live.step(given)
        self.live.learn(target)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "model": model_file.dumps(self.network.to_model()),
            "snapshot": self.live.snapshot(),
        }

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.network = LiquidNetwork.from_model(model_file.loads(state["model"]))
        self.live = resume(self.network, state["snapshot"])


class _Options:
    """Options of every one of them, as they were given."""

    def __init__(
        self,
        wiring: Optional[WiringLike],
        dynamics: DynamicsLike,
        method: str,
        learning_rate: float,
        seed: int,
    ):
        self.wiring = wiring
        self.dynamics = dynamics
        self.method = method
        self.learning_rate = learning_rate
        self.seed = seed
        self._session: Optional[_Session] = None

    def _open(self, inputs: int, outputs: int, guard: Callable[[Learner], Live]) -> _Session:
        wiring = self.wiring
        if wiring is None:
            wiring = {"type": "ncp", "inter": 12, "command": 6, "motor": max(outputs, 1)}
        network = LiquidNetwork(
            inputs,
            output_size=outputs,
            wiring=wiring,
            dynamics=self.dynamics,
            readout="dense",
            seed=self.seed,
        )
        loss = "mse" if guard is not _unguarded else "cross_entropy"
        learner = network.learner(self.method, learning_rate=self.learning_rate, loss=loss)
        return _Session(network, guard(learner))


def _unguarded(learner: Learner) -> Live:
    return learner


class _OfFeatures(_Options):
    """What the regressor and the classifier have in common: features by name."""

    def __init__(
        self,
        wiring: Optional[WiringLike],
        dynamics: DynamicsLike,
        method: str,
        learning_rate: float,
        seed: int,
    ):
        super().__init__(wiring, dynamics, method, learning_rate, seed)
        self._places: dict[Any, int] = {}
        self._inputs = 0

    def _given(self, x: Features) -> Array:
        """(I,) the features in their places, NaN where one is not there."""
        given = np.full(self._inputs, np.nan)
        for name, value in _numbers(x).items():
            place = self._places.get(name)
            if place is not None:
                given[place] = value
        return given

    def _make_places(self, x: Features) -> None:
        """Gives new features a place; if there is none left, all begins anew with more."""
        _numbers(x)  # features that are refused get none
        for name in sorted(x, key=str):  # their order says nothing
            self._places.setdefault(name, len(self._places))
        if not self._inputs or len(self._places) > self._inputs:
            self._inputs = max(FEWEST, 2 * len(self._places))
            self._session = None


class LiquidOnlineRegressor(_OfFeatures, base.Regressor):  # type: ignore[misc]
    """A number from a stream of features, learned from every sample, as river's regressors do.

    The network is a :class:`~liquid_neural_networks.online.Guarded` learner: features and target
    are scaled by what came so far, a linear map of the features is learned beside it, and its
    answers are never much worse than the last value. Its state moves when it learns; predictions
    move nothing, however many there are.

    A feature that is missing, None or NaN has no influence. One that appears later takes an input
    kept for that, of which there are as many as features at first; when none is left, learning
    begins anew with twice as many.

    Args:
        wiring, dynamics: as for :class:`~liquid_neural_networks.LiquidNetwork`; by default 12
            inter, 6 command and a motor neuron.
        method, learning_rate: as for :meth:`LiquidNetwork.learner`.
        skip: ``"gradient"``, ``"least_squares"`` or None: how the linear map is learned.
        seed: of the initial parameters.

    Example:
        >>> from liquid_neural_networks.estimators import LiquidOnlineRegressor
        >>> model = LiquidOnlineRegressor()
        >>> for number in range(100):
        ...     x = {"now": number % 7, "before": (number - 1) % 7}
        ...     guess = model.predict_one(x)
        ...     model.learn_one(x, (number + 1) % 7)
    """

    def __init__(
        self,
        wiring: Optional[WiringLike] = None,
        dynamics: DynamicsLike = "conductance",
        method: str = "auto",
        learning_rate: float = 1e-3,
        skip: Optional[str] = "gradient",
        seed: int = 0,
    ):
        super().__init__(wiring, dynamics, method, learning_rate, seed)
        self.skip = skip

    def _live(self) -> _Session:
        if self._session is None:
            self._session = self._open(
                self._inputs, 1, lambda learner: Guarded(learner, skip=self.skip)
            )
        return self._session

    def predict_one(self, x: Features) -> float:
        """The target of features; 0 before anything was learned."""
        if self._inputs == 0:
            return 0.0
        return float(self._live().output(self._given(x))[0])

    def learn_one(self, x: Features, y: float) -> None:
        """Learns the target of features."""
        target = _number("y", y)
        self._make_places(x)
        self._live().learn(self._given(x), target)


class LiquidOnlineClassifier(_OfFeatures, base.Classifier):  # type: ignore[misc]
    """A label from a stream of features, learned from every sample, as river's classifiers do.

    Features are as for :class:`LiquidOnlineRegressor`, scaled by what came so far. When a label
    appears and there is no output left for it, learning begins anew with twice as many. A label
    that is None or NaN says nothing.

    Args:
        wiring, dynamics: as for :class:`~liquid_neural_networks.LiquidNetwork`; by default 12
            inter and 6 command neurons, and a motor neuron for each output.
        method, learning_rate: as for :meth:`LiquidNetwork.learner`.
        seed: of the initial parameters.

    Example:
        >>> from liquid_neural_networks.estimators import LiquidOnlineClassifier
        >>> model = LiquidOnlineClassifier()
        >>> for number in range(20):
        ...     model.learn_one({"number": number % 2}, "odd" if number % 2 else "even")
        >>> sorted(model.predict_proba_one({"number": 1}))
        ['even', 'odd']
    """

    def __init__(
        self,
        wiring: Optional[WiringLike] = None,
        dynamics: DynamicsLike = "conductance",
        method: str = "auto",
        learning_rate: float = 1e-2,
        seed: int = 0,
    ):
        super().__init__(wiring, dynamics, method, learning_rate, seed)
        self._labels: list[Hashable] = []
        self._outputs = 2
        self._scale = RunningScale(RunningScale.empty(0), WARM_UP)

    @property
    def _multiclass(self) -> bool:
        return True

    def _live(self) -> _Session:
        if self._session is None:
            self._session = self._open(self._inputs, self._outputs, _unguarded)
        return self._session

    def predict_proba_one(self, x: Features) -> dict[Hashable, float]:
        """The probability of each label seen so far."""
        if not self._labels:
            return {}
        scores = self._live().output(self._scaled(self._given(x)))[: len(self._labels)]
        odds = np.exp(scores - scores.max())
        return dict(zip(self._labels, (odds / odds.sum()).tolist()))

    def learn_one(self, x: Features, y: Hashable) -> None:
        """Learns the label of features."""
        known = _is_label(y)
        self._make_places(x)
        if known and y not in self._labels:
            self._labels.append(y)
        if len(self._labels) > self._outputs:
            self._outputs, self._session = 2 * self._outputs, None
        given = self._given(x)
        scaled = self._scaled(given)
        self._live().learn(scaled, float(self._labels.index(y)) if known else np.nan)
        self._scale.update(given)

    def _scaled(self, given: Array) -> Array:
        """In spreads from their centres, by what came so far."""
        more = self._inputs - len(self._scale.count)
        if more:
            self._scale = self._scale.with_more(more)
        spread = np.where(self._scale.count > 1, self._scale.spread, 1.0)
        return held((given - self._scale.center) / spread, FARTHEST)


class LiquidOnlineForecaster(_Options, Forecaster):  # type: ignore[misc]
    """The next values of a series, learned from every value, as river's forecasters do.

    The network sees the last value, the changes up to it and what else is known of the moment, and
    says how far the next one is from the last; a linear map of the same is learned beside it.
    Further ahead, forecasts are fed back as if they had come true.

    Args:
        lags: last changes that it sees; of a season, as many as it is long.
        wiring, dynamics: as for :class:`~liquid_neural_networks.LiquidNetwork`; by default 12
            inter, 6 command and a motor neuron.
        method, learning_rate: as for :meth:`LiquidNetwork.learner`.
        skip: ``"least_squares"``, ``"gradient"`` or None: how the linear map is learned.
        seed: of the initial parameters.

    Example:
        >>> from liquid_neural_networks.estimators import LiquidOnlineForecaster
        >>> model = LiquidOnlineForecaster(lags=4)
        >>> for number in range(200):
        ...     model.learn_one(number % 4)
        >>> [round(value) for value in model.forecast(4)]
        [0, 1, 2, 3]
    """

    def __init__(
        self,
        lags: int = 12,
        wiring: Optional[WiringLike] = None,
        dynamics: DynamicsLike = "conductance",
        method: str = "auto",
        learning_rate: float = 1e-3,
        skip: Optional[str] = "least_squares",
        seed: int = 0,
    ):
        super().__init__(wiring, dynamics, method, learning_rate, seed)
        self.lags = check_integer("lags", lags, 1, 2**16)
        self.skip = skip
        self._last: deque[float] = deque(maxlen=self.lags + 1)
        self._names: Optional[list[Any]] = None

    def learn_one(self, y: float, x: Optional[Features] = None) -> None:
        """Learns the next value, and what is known of its moment.

        ``x`` has the names it had at first; one that is missing has no influence, others are
        left out.
        """
        target = _number("y", y)
        _numbers({} if x is None else x)
        if self._session is None:
            names = [] if x is None else list(x)
            self._session = self._open(self.lags + 1 + len(names), 1, self._guard)
            self._names = names
        self._session.learn(self._given(self._last, x), target)
        self._last.append(target)

    def _guard(self, learner: Learner) -> Guarded:
        return Guarded(learner, skip=self.skip, warm_up=max(2, self.lags), changes=True)

    def forecast(self, horizon: int, xs: Optional[Sequence[Features]] = None) -> list[float]:
        """The next ``horizon`` values; ``xs`` is what is known of each moment."""
        check_integer("horizon", horizon, 0, 2**20)
        if xs is not None and len(xs) != horizon:
            raise ShapeError(f"expected {horizon}, one for each moment, got {len(xs)}", "xs")
        if self._session is None:
            return [0.0] * horizon
        live, last = self._session.live, self._last.copy()
        found: list[float] = []
        assert isinstance(live, Guarded)
        with live.lookahead():
            for step in range(horizon):
                if found:
                    live.assume(found[-1])
                    last.append(found[-1])
                given = self._given(last, None if xs is None else xs[step])
                found.append(float(live.step(given)[0]))
        return found

    def _given(self, last: deque[float], x: Optional[Features]) -> Array:
        values = [np.nan] * (self.lags + 1 - len(last)) + list(last)
        changes = map(sub, values[1:], values)
        known = [np.nan if x is None else _feature(n, x.get(n)) for n in self._names or ()]
        return np.array([*changes, values[-1], *known])


def _numbers(x: Features) -> dict[Any, float]:
    return {name: _feature(name, value) for name, value in x.items()}


def _feature(name: Any, value: Any) -> float:
    return np.nan if value is None else _number(name, value)


def _is_label(y: object) -> bool:
    """Whether a label says anything: None and NaN do not.

    Raises:
        DtypeError: it can be no key of the probabilities.
    """
    try:
        hash(y)
    except TypeError:
        raise DtypeError(
            f"expected a label that can be hashed, such as a text or a number, got "
            f"{type(y).__name__}",
            "y",
        ) from None
    return y is not None and y == y


def _number(name: Any, value: Any) -> float:
    """NaN where it is missing."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise DtypeError(f"expected a number, got {value!r}", str(name)) from None
    if isinf(number):
        raise DomainError("is infinite; expected a number, or NaN where it is missing", str(name))
    return number
