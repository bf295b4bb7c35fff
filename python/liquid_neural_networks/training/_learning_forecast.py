"""``LearningForecast``: a live forecaster whose network goes on learning from the rows."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Union

import numpy as np

from .._forecasting import FloatArray
from ..data import Series
from ..errors import DataError, LiquidError, OptionError
from ..online import Guarded, resume
from ._live import LiveForecast, Row
from ._run import Array, Outputs

if TYPE_CHECKING:
    from ._forecaster import Forecaster

FARTHEST = 1e6
"""Spreads from the centre beyond which a label counts as if it were there."""


class Made(NamedTuple):
    """A forecast that waits for its label; all (O,) and in the table's units.

    Attributes:
        start: what the network's output was added to.
        output: the forecast.
        frozen: what the network would have forecast had it never learned.
    """

    start: FloatArray
    output: FloatArray
    frozen: FloatArray


class LearningForecast(LiveForecast):
    """One row in, one forecast out; then the label of an earlier forecast is learned.

    Scaling is the forecaster's own, and the shadow is its network as it was trained: see
    :class:`~liquid_neural_networks.online.Guarded`.

    Args:
        forecaster: of values of one series, not a path and not quantiles; its network stays as
            it is until ``guarded.commit()``.
        state: what :attr:`state` was; to go on from there.

    Raises:
        OptionError: the forecaster predicts something else.
        DataError: this is no such state.

    Attributes:
        guarded: the learner.
    """

    def __init__(
        self,
        forecaster: Forecaster,
        state: Optional[Mapping[str, Any]] = None,
    ):
        _check(forecaster)
        self._frozen = forecaster.network.stream()
        learner = forecaster.network.learner(max_delay=forecaster.horizon)
        self.guarded = Guarded(learner, scale=False, shadow="frozen")
        self._made: deque[Made] = deque(maxlen=forecaster.horizon + 1)
        super().__init__(forecaster, state)

    def steps(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """See :meth:`LiveForecast.steps`; those before a row at fault have been fed."""
        return [super(LearningForecast, self).steps([row])[0] for row in rows]

    def _run(self, series: Series, first: int, state: Optional[Array]) -> Outputs:
        aim, scaling = self.forecaster.aim, self.forecaster.outputs
        assert scaling is not None
        past = aim.past(series)
        start = aim.start(past)
        fed = self.forecaster.inputs.apply(aim.fed(series, past, start)[-1:])[0]
        elapsed_time, own_start = float(series.elapsed_time[-1]), start[-1, 0]
        output = scaling.invert(self.guarded.step(fed, elapsed_time)) + own_start
        frozen = self._frozen.step(fed, elapsed_time).astype(np.float64)
        self._made.append(Made(own_start, output, scaling.invert(frozen) + own_start))
        return Outputs(output[None, None], self.guarded.learner.state)

    def waiting(self) -> Optional[Made]:
        """The forecast for the newest row; None if it was not yet made so early."""
        return self._made[0] if len(self._made) > self.forecaster.horizon else None

    def learn(self, labels: FloatArray) -> None:
        """Learns the targets (O,) of the newest row, NaN where not known."""
        made, scaling = self.waiting(), self.forecaster.outputs
        if made is None or scaling is None:
            return
        target = np.clip(scaling.apply(labels - made.start), -FARTHEST, FARTHEST)
        self.guarded.learn(target, self.forecaster.horizon)

    @property
    def state(self) -> dict[str, Any]:
        """Plain data, from which another one goes on."""
        return {
            "series": super().state,
            "learner": text_of(self.guarded),
            "frozen": self._frozen.state.tolist(),
            "made": [[part.tolist() for part in each] for each in self._made],
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        wrong = DataError("is no state of this forecaster while it learns", "state")
        if set(state) != {"series", "learner", "frozen", "made"}:
            raise wrong
        super()._restore(state["series"])
        self.guarded = resumed(self.forecaster.network, state["learner"], wrong)
        try:
            self._frozen.state = np.array(state["frozen"])
            for each in state["made"]:
                self._made.append(Made(*(np.array(part, dtype=float) for part in each)))
            wanted = (self.forecaster.aim.outputs,)
            if any(part.shape != wanted or np.isinf(part).any() for m in self._made for part in m):
                raise ValueError
            if len(state["made"]) > (self._made.maxlen or 0):
                raise ValueError
        except (TypeError, ValueError, OverflowError, LiquidError):
            raise wrong from None


def text_of(guarded: Guarded) -> str:
    """A snapshot as text, for :func:`resumed`."""
    return b64encode(guarded.snapshot()).decode()


def resumed(network: Any, snapshot: Union[str, object], wrong: DataError) -> Guarded:
    """The guarded learner in the text of a state.

    Raises:
        DataError: ``wrong``, if there is none.
    """
    try:
        found = resume(network, b64decode(snapshot, validate=True))  # type: ignore[arg-type]
    except (TypeError, ValueError, LiquidError):
        raise wrong from None
    if not isinstance(found, Guarded):
        raise wrong
    return found


def _check(forecaster: Forecaster) -> None:
    columns = forecaster.columns
    reasons = {
        "classes": columns.classes is not None,
        "quantiles": forecaster.quantiles is not None,
        "every row up to the horizon": forecaster.aim.path,
        "several series in one table": columns.group is not None,
    }
    for what, found in reasons.items():
        if found:
            raise OptionError(
                f"the model predicts {what}; only values of one series are learned while running",
                "learn",
            )
