"""A guard in numpy: the compiled one is measured by it, and it runs where nothing is compiled."""

from __future__ import annotations

from typing import Optional

import numpy as np
import numpy.typing as npt

from ._guard import (
    FARTHEST_INPUT,
    LABELLED,
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
        self._inputs = self._scaled = np.zeros(options.inputs)

    def _count(self, **added: float) -> None:
        for name, each in added.items():
            self.arrays["tally"][TALLY.index(name)] += each

    def scaled(self, inputs: Array) -> Array:
        self._inputs = self._scaled = inputs
        if self.options.scale:
            scale = self._inputs_scale
            scaled = (inputs - scale.center) / scale.spread
            # Of a first value nothing is known.
            scaled = np.where((scale.count == 0) & ~np.isnan(inputs), 0.0, scaled)
            self._scaled = held(scaled, FARTHEST_INPUT)
        return self._scaled

    @np.errstate(over="ignore", invalid="ignore")
    def answer(self, slot: int, network: npt.ArrayLike, frozen: Optional[npt.ArrayLike]) -> Array:
        said = held(np.asarray(network, dtype=np.float64), np.finfo(np.float64).max)  # NaN stays
        features, share = self._skip.features(self._scaled), self.share(slot)
        middle, spread = self._middle(), self._targets_scale.spread
        if self.options.changes:  # they count from 0, not from their mean
            spread = np.hypot(spread, self._targets_scale.center)
        factor = spread if self.options.scale else np.ones_like(spread)
        spread = spread if self.options.scale else np.maximum(spread, 1.0)
        shadow = self._shadow(frozen, self._base(middle), factor)
        own = self._base(middle) + factor * _finite(said + self._skip.outputs(features))
        distance = held(own - shadow, self.options.limit * spread)
        for name, each in zip(MADE, (middle, factor, spread, said, shadow, distance)):
            self.arrays[name][slot] = each
        self.arrays["made_features"][slot] = features
        self.arrays["made_share"][slot] = share if self.warm else UNSCORED
        self._count(remembered=float(self.tally("remembered") < self.options.kept))
        self._inputs_scale.update(self._inputs)
        output: Array = shadow + share * distance
        return output

    def _middle(self) -> Array:
        """Where targets lie."""
        if self.options.changes:
            return np.where(np.isnan(self.arrays["last"]), 0.0, self.arrays["last"])
        center: Array = self._targets_scale.center.copy()
        return center

    def _base(self, middle: Array) -> Array:
        """Where a network's output of 0 lies."""
        return middle if self.options.scale or self.options.changes else np.zeros_like(middle)

    def _shadow(self, frozen: Optional[npt.ArrayLike], base: Array, factor: Array) -> Array:
        if frozen is None:
            return np.where(np.isnan(self.arrays["last"]), base, self.arrays["last"])
        reach = self.options.limit if self.options.scale else LARGEST
        return base + factor * held(_finite(np.asarray(frozen, dtype=np.float64)), reach)

    @np.errstate(over="ignore", invalid="ignore")
    def label(self, slot: int, target: npt.ArrayLike) -> tuple[int, Array]:
        values = np.empty(self.options.outputs)
        values[:] = target
        known = ~np.isnan(values)
        if not known.any():
            return UNKNOWN, values
        share = self.arrays["made_share"]
        if share[slot] >= 0:
            self._score(slot, values, known)
        first, share[slot] = share[slot] != LABELLED, LABELLED
        warm = self.warm
        lesson = self._teach(slot, values, known) if warm else values
        last = self.arrays["last"]
        self._targets_scale.update(values - last if self.options.changes else values)
        last[known] = values[known]
        self._count(labels=float(first))
        return (TO_LEARN if warm else SCORED_ONLY), lesson

    def _score(self, slot: int, values: Array, known: npt.NDArray[np.bool_]) -> None:
        _, _, spread, _, shadow, distance = (self.arrays[name][slot][known] for name in MADE)
        error, share = shadow - values[known], float(self.arrays["made_share"][slot])
        size = float(np.minimum(np.abs(error) / spread, LARGEST).sum()) / len(error)
        learner = _excess(error, distance, spread)
        worse = _excess(error, share * distance, spread)
        self._count(shadow_error=size, learner_excess=learner, output_excess=worse, scored=1.0)
        # But for rounding it is already.
        learner = min(max(learner, -self.options.limit), self.options.limit)
        self._share.score(slot, learner)
        self._count(window_excess=learner, window_error=size, window_scored=1.0)

    def _teach(self, slot: int, values: Array, known: npt.NDArray[np.bool_]) -> Array:
        """What the network is to learn; the skip learns what both have not said."""
        middle, factor, spread, network, _, _ = (self.arrays[name][slot] for name in MADE)
        features, reach = self.arrays["made_features"][slot], self.options.limit * spread
        near = held(values - middle, reach) + (middle - self._base(middle))
        rest = near / factor - self._skip.outputs(features)
        missing = np.where(known, rest - network, 0.0)
        self._skip.learn(features, held(_finite(missing), reach / factor))
        return held(rest, LARGEST_TARGET)


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
