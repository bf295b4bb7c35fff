"""A guard in numpy: the compiled one is measured by it, and it runs where nothing is compiled."""

from __future__ import annotations

from typing import Optional

import numpy as np
import numpy.typing as npt

from ._guard import (
    FARTHEST_INPUT,
    LARGEST_TARGET,
    MADE,
    SCORED_ONLY,
    TALLY,
    TO_LEARN,
    UNKNOWN,
    UNSCORED,
    Array,
    Guard,
    Options,
)
from ._scaling import LARGEST, RunningScale, held
from ._skip import Skip


class ReferenceGuard(Guard):
    """See :class:`~._guard.Guard`."""

    def __init__(self, options: Options):
        super().__init__(options)
        self._inputs_scale = RunningScale(self._part("inputs"), options.warm_up)
        self._targets_scale = RunningScale(self._part("targets"), options.warm_up)
        self._skip = Skip(options.skip, self._part("skip"))
        self._inputs = np.zeros(options.inputs)
        self._target = np.zeros(options.outputs)

    def _count(self, **added: float) -> None:
        for name, each in added.items():
            self.arrays["tally"][TALLY.index(name)] += each

    def scaled(self, inputs: Array) -> Optional[Array]:
        self._inputs = inputs.astype(np.float64)
        if np.isinf(self._inputs).any():
            return None
        return self._normal() if self.options.scale else inputs

    @np.errstate(over="ignore", invalid="ignore")
    def _normal(self) -> Array:
        """The inputs in spreads from their centres."""
        scale = self._inputs_scale
        scaled = (self._inputs - scale.center) / scale.spread
        # Of a first value nothing is known.
        scaled = np.where((scale.count == 0) & ~np.isnan(self._inputs), 0.0, scaled)
        return held(scaled, FARTHEST_INPUT)

    @np.errstate(over="ignore", invalid="ignore")
    def answer(
        self, slot: int, network: npt.ArrayLike, frozen: Optional[npt.ArrayLike], keep: bool
    ) -> Array:
        said = held(np.asarray(network, dtype=np.float64), np.finfo(np.float64).max)  # NaN stays
        features, share = self._skip.features(self._normal()), self.share(slot)
        middle, spread = self._middle(), self._targets_scale.spread
        if self.options.changes:  # they count from 0, not from their mean
            spread = np.hypot(spread, self._targets_scale.center)
        spread = spread if self.options.scale else np.maximum(spread, 1.0)
        factor = self._factor(spread)
        base = self._base(middle)
        shadow = self._shadow(frozen, base, factor)
        own = base + factor * _finite(said + self._skip.outputs(features))
        distance = held(own - shadow, self.options.limit * spread)
        if keep:
            for name, each in zip(MADE, (middle, spread, said, shadow, distance)):
                self.arrays[name][slot] = each
            self.arrays["made_known"][slot] = 0
            self.arrays["made_features"][slot] = features
            self.arrays["made_share"][slot] = share if self.warm else UNSCORED
            self._count(remembered=float(self.tally("remembered") < self.options.kept))
        self.arrays["age"] += 1
        self._inputs_scale.update(self._inputs)
        output: Array = shadow + share * distance
        return output

    def _middle(self) -> Array:
        """Where targets lie; NaN: from where a change would count is not known."""
        lies = self.arrays["last"] if self.options.changes else self._targets_scale.center
        middle: Array = lies.copy()
        return middle

    def _base(self, middle: Array) -> Array:
        """Where a network's output of 0 lies."""
        if not (self.options.scale or self.options.changes):
            return np.zeros_like(middle)
        return np.where(np.isnan(middle), 0.0, middle)

    def _factor(self, spread: Array) -> Array:
        """By what a network's output is multiplied."""
        return spread if self.options.scale else np.ones_like(spread)

    def _shadow(self, frozen: Optional[npt.ArrayLike], base: Array, factor: Array) -> Array:
        if frozen is None:
            return np.where(np.isnan(self.arrays["last"]), base, self.arrays["last"])
        reach = self.options.limit if self.options.scale else LARGEST
        return base + factor * held(_finite(np.asarray(frozen, dtype=np.float64)), reach)

    def lesson(self, slot: int, target: npt.ArrayLike) -> tuple[int, Array]:
        self._target[:] = target
        lesson = held(self._rest(slot), LARGEST_TARGET)
        if np.isnan(self._target).all():
            return UNKNOWN, lesson
        return (TO_LEARN if self.warm else SCORED_ONLY), lesson

    @np.errstate(over="ignore", invalid="ignore")
    def _rest(self, slot: int) -> Array:
        """What the network should have said beside the skip."""
        middle, spread, *_ = (self.arrays[name][slot] for name in MADE)
        near = held(self._target - middle, self.options.limit * spread)
        wanted = (near + (middle - self._base(middle))) / self._factor(spread)
        rest: Array = wanted - self._skip.outputs(self.arrays["made_features"][slot])
        return rest

    @np.errstate(over="ignore", invalid="ignore")
    def label(self, slot: int, delay: int) -> None:
        target, known = self._target, ~np.isnan(self._target)
        first = not self.arrays["made_known"][slot].any()
        if first and self.arrays["made_share"][slot] != UNSCORED:
            self._score(slot, target, known)
        if self.warm:
            self._teach(slot)
        fresh = np.where(self.arrays["made_known"][slot], np.nan, target)
        start = self.arrays["made_middle"][slot] if self.options.changes else 0.0
        self._targets_scale.update(fresh - start)
        self.arrays["made_known"][slot][known] = 1
        last, age = self.arrays["last"], self.arrays["age"]
        newer = known & (np.isnan(last) | (delay <= age))
        last[newer], age[newer] = target[newer], delay
        self._count(labels=float(first))

    def _score(self, slot: int, values: Array, known: npt.NDArray[np.bool_]) -> None:
        _, spread, _, shadow, distance = (self.arrays[name][slot][known] for name in MADE)
        error, share = shadow - values[known], float(self.arrays["made_share"][slot])
        size = float(np.minimum(np.abs(error) / spread, LARGEST).sum()) / len(error)
        learner = _excess(error, distance, spread)
        worse = _excess(error, share * distance, spread)
        self._count(shadow_error=size, learner_excess=learner, output_excess=worse, scored=1.0)
        # But for rounding it is already.
        learner = min(max(learner, -self.options.limit), self.options.limit)
        self._share.score(slot, learner)
        self._count(window_excess=learner, window_error=size, window_scored=1.0)

    def _teach(self, slot: int) -> None:
        """The skip learns what the network and it have not said."""
        missing = _finite(self._rest(slot) - self.arrays["made_network"][slot])
        reach = self.options.limit * self.arrays["made_spread"][slot]
        missing = held(missing, reach / self._factor(self.arrays["made_spread"][slot]))
        self._skip.learn(self.arrays["made_features"][slot], missing)


def _finite(values: Array) -> Array:
    """0 in place of NaN, the largest number in place of infinity."""
    return values if np.isfinite(values).all() else np.nan_to_num(values)


def _excess(error: Array, distance: Array, spread: Array) -> float:
    """How much larger an error gets by a distance, in spreads: the mean."""
    size = np.abs(error)
    near = np.abs(error + distance) - size
    # Of far values the difference of two errors would have no digits left.
    found = np.where(size >= np.abs(distance), np.sign(error) * distance, near) / spread
    return float(found.sum() / len(found))
