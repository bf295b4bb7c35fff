"""``Guarded``: a learner that takes raw numbers and is never much worse than a shadow beside it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, NoReturn, Optional

import numpy as np
import numpy.typing as npt

from .._checks import check_choice, check_flag, check_integer
from .._inputs import real_array
from .._samples import BEYOND, Sample
from ..errors import DomainError, DtypeError, ModelFileError, OptionError, ShapeError
from ._engine import Array as LearnerArray
from ._engine import Arrays
from ._learner import Event, Learner, Target, positive
from ._scaling import RunningScale, held
from ._share import Share
from ._skip import SKIPS, Skip
from ._snapshots import check_arrays, check_options, check_origin, dumps, loads

Array = npt.NDArray[np.float64]

SHADOWS = ("last_value", "frozen")

LARGEST_TARGET = 1e6
"""Of the network, scaled and without what the skip says."""

FARTHEST_INPUT = 5.0
"""Spreads from the centre beyond which an input reaches the network as if it were there."""


UNSCORED, LABELLED = -1.0, -2.0
"""In place of a share."""


class Scores(NamedTuple):
    """Absolute errors since the warm-up, in spreads of the target, added up.

    Attributes:
        shadow: of the shadow.
        learner: how much larger that of the learner was, held within ``limit`` spreads of the
            shadow.
        output: how much larger that of what :meth:`Guarded.step` returned was.
        samples: how many were scored.
    """

    shadow: float
    learner: float
    output: float
    samples: int


class _Made(NamedTuple):
    """What is remembered of an output until its label comes.

    Attributes:
        base, spread: where a scaled target of 0 lies, and how far one of 1 lies from it; (O,).
        network: its outputs (O,).
        features: what the skip was fed.
        shadow: (O,) in the unit of the target.
        distance: (O,) of the learner from it.
        share: the learner's; :data:`UNSCORED` if the output is not to be scored, :data:`LABELLED`
            once a label came.
    """

    base: Array
    spread: Array
    network: Array
    features: Array
    shadow: Array
    distance: Array
    share: Array


class Guarded:
    """A :class:`Learner` for raw streams: scaled as they run, and watched.

    Inputs and targets are scaled by what came so far; until ``warm_up`` targets are known, weights
    stay and outputs are the shadow's. From then on an output is a weighted mean of the learner's
    and the shadow's, weighted by how they did.

    *The bound.* Over any stream whatever, the absolute errors of the outputs, each divided by the
    target's spread at that sample (and averaged over the outputs known), add up to at most 2 ln 2
    ``limit`` (``max_delay`` + 1) more than the shadow's: :attr:`bound`. With the defaults and
    no delay that is 5.6 spreads in all, however long the stream.

    When the learner's errors were more than half as large again as the shadow's over ``window``
    samples, its weights go back to those after the last window in which they were smaller;
    :attr:`events` says so.

    As a context manager it resets at the end.

    Args:
        learner: of values (not ``cross_entropy``), new: without samples; it belongs to this guard
            from now on.
        scale: scale inputs and targets. If not, they reach the network as they are, and the spread
            is 1.
        warm_up: targets to be known before anything is learned.
        skip: learn a linear map of the inputs beside the network: ``"gradient"`` (default) or
            ``"least_squares"``; None: do not.
        changes: the network says by how much the target changes from the last one known, rather
            than where it is.
        shadow: ``"last_value"``, the last target known, or ``"frozen"``, the network with the
            weights it has now.
        limit: spreads by which the learner's output may differ from the shadow's, and scaled
            targets from 0.
        window: samples, see above.

    Attributes:
        learner: the one within.
        scores: errors so far.
        bound: see above.

    Raises:
        OptionError, DomainError, DtypeError: naming the option.

    Source of the weighting: Sani, Neu and Lazaric, *Exploiting easy data in online optimization*,
    NeurIPS 2014.

    Example:
        >>> from liquid_neural_networks import LiquidNetwork
        >>> from liquid_neural_networks.online import Guarded
        >>> guarded = Guarded(LiquidNetwork(2, 8, 1, seed=0).learner())
        >>> for reading in (20.5, 20.7, 21.0):
        ...     forecast = guarded.step([reading, 0.3])
        ...     loss = guarded.learn(reading + 0.1)
        >>> guarded.scores.samples  # none, until it knows how targets are scaled
        0
    """

    def __init__(
        self,
        learner: Learner,
        *,
        scale: bool = True,
        warm_up: int = 50,
        skip: Optional[str] = "gradient",
        changes: bool = False,
        shadow: str = "last_value",
        limit: float = 4.0,
        window: int = 500,
    ):
        if skip is not None:
            check_choice("skip", skip, SKIPS)
        check_choice("shadow", shadow, SHADOWS)
        if not isinstance(learner, Learner):
            raise DtypeError(
                f"expected a Learner, got {type(learner).__name__}; network.learner() opens one",
                "learner",
            )
        if learner.samples:
            raise OptionError(
                f"has had {learner.samples} samples, which the guard has not seen; open a new one",
                "learner",
            )
        if learner.options["loss"] == "cross_entropy":
            raise OptionError("of classes cannot be guarded; learn 0 and 1 as values", "loss")
        self.learner = learner
        self._guard: dict[str, Any] = {
            "scale": check_flag("scale", scale),
            "warm_up": check_integer("warm_up", warm_up, 1, 2**20),
            "skip": skip,
            "changes": check_flag("changes", changes),
            "shadow": shadow,
            "limit": positive("limit", limit),
            "window": check_integer("window", window, 1, 2**20),
        }
        self._limit, self._changes = float(limit), changes
        self._late = learner.options["max_delay"] + 1
        inputs, outputs = learner.input_size, learner.output_size
        self._inputs_scale = RunningScale(inputs, warm_up)
        self._targets_scale = RunningScale(outputs, warm_up)
        self._skip = Skip(skip, inputs, outputs)
        self._share = Share(self._late, self._limit)
        self._frozen = learner.frozen() if shadow == "frozen" else None
        self._last = np.full(outputs, np.nan)
        self._sums, self._labels = np.zeros(4), np.zeros(1)
        self._window = np.zeros(3)  # excess, the shadow's errors, samples scored
        self._good: Optional[Arrays] = None
        self._made: deque[_Made] = deque(maxlen=self._late)

    def __repr__(self) -> str:
        return f"Guarded({self.learner!r}, shadow {self._guard['shadow']}, share {self.share:.2f})"

    def __reduce__(self) -> NoReturn:
        raise OptionError(
            "a learner is a live session and cannot be copied or pickled; keep its snapshot()",
            "learner",
        )

    # -- what it says of itself ------------------------------------------------------------------

    @property
    def events(self) -> deque[Event]:
        """The latest things the learner and its guard did on their own, oldest first."""
        return self.learner.events

    @property
    def share(self) -> float:
        """How much of the next output is the learner's, from 0 to 1."""
        if not self._warm:
            return 0.0
        return self._share.of(self.learner.samples % self._late)

    @property
    def _warm(self) -> bool:
        return bool(self._labels[0] >= self._guard["warm_up"])

    @property
    def scores(self) -> Scores:
        """Errors so far."""
        shadow, learner, output, count = self._sums.tolist()
        return Scores(shadow, learner, output, int(count))

    @property
    def bound(self) -> float:
        return Share.bound(self._late, self._limit)

    @property
    def options(self) -> dict[str, Any]:
        """What it was made with besides the learner, as plain data."""
        return dict(self._guard)

    # -- running and learning --------------------------------------------------------------------

    @np.errstate(over="ignore")
    def step(self, inputs: Sample, elapsed_time: float = 1.0) -> Array:
        """Feeds one sample and returns the output, in the unit of the targets.

        Args:
            inputs: (I,) numbers, unscaled; NaN marks a missing feature.
            elapsed_time: time since the previous sample, at least 0. Default 1.

        Returns:
            (O,) array of doubles.

        Raises:
            ShapeError, DtypeError, DomainError: naming the argument; all is as before.
        """
        values = self._checked(inputs)
        scaled = self._scaled_inputs(values)
        heard, share = self._warm, self.share
        network = self.learner.step(scaled, elapsed_time).astype(np.float64)
        base, spread = self._base()
        features = self._skip.features(scaled)
        shadow = self._shadow(scaled, elapsed_time, base, spread)
        own = base + spread * _finite(network + self._skip.outputs(features))
        distance = held(own - shadow, self._limit * spread)
        used = np.array([share if heard else UNSCORED])
        self._made.append(_Made(base, spread, network, features, shadow, distance, used))
        if self._guard["scale"]:
            self._inputs_scale.update(values)
        output: Array = shadow + share * distance
        return output

    def _checked(self, inputs: Sample) -> Array:
        values = real_array("inputs", inputs).astype(np.float64)
        if values.shape != (self.learner.input_size,):
            raise ShapeError(f"expected ({self.learner.input_size},), got {values.shape}", "inputs")
        if np.isinf(values).any():
            raise DomainError(BEYOND, "inputs")
        return values

    def _scaled_inputs(self, values: Array) -> Array:
        if not self._guard["scale"]:
            return values
        scale = self._inputs_scale
        scaled = (values - scale.center) / scale.spread
        # Of a first value nothing is known.
        scaled = np.where((scale.count == 0) & ~np.isnan(values), 0.0, scaled)
        return held(scaled, FARTHEST_INPUT)

    def _base(self) -> tuple[Array, Array]:
        """Where a scaled target of 0 lies, and how far one of 1 lies from it."""
        scale = self._targets_scale
        spread = scale.spread if self._guard["scale"] else np.ones_like(scale.center)
        if self._changes:
            return np.where(np.isnan(self._last), 0.0, self._last), spread
        center = scale.center if self._guard["scale"] else np.zeros_like(spread)
        return center, spread

    def _shadow(self, scaled: Array, elapsed_time: float, base: Array, spread: Array) -> Array:
        if self._frozen is None:
            return np.where(np.isnan(self._last), base, self._last)
        network = self._frozen.step(scaled, elapsed_time).astype(np.float64)
        return base + spread * held(_finite(network), self._limit)

    @np.errstate(over="ignore")
    def learn(self, target: Target, delay: int = 0) -> Optional[float]:
        """Scores an output, and moves the weights by what it should have been.

        Args:
            target: (O,) numbers, or one for a single output, unscaled; NaN where not known; None:
                nothing is known.
            delay: how many samples ago the output was made, up to ``max_delay``.

        Returns:
            The learner's loss of that output, scaled; None if the weights did not move: see
            :meth:`Learner.learn`.

        Raises:
            ShapeError, DtypeError, DomainError: naming the argument; all is as before.
        """
        check_integer("delay", delay, 0, self._late - 1)
        if target is None:
            return None
        values = np.empty_like(self._last)
        values[:] = self.learner.checked_target(target)
        if delay >= self.learner.samples:
            raise DomainError(f"only {self.learner.samples} samples have come", "delay")
        known = ~np.isnan(values)
        if delay >= len(self._made) or not known.any():
            return None
        made = self._made[-1 - delay]
        if made.share[0] >= 0:
            self._score(made, values, known, delay)
        first, made.share[0] = made.share[0] != LABELLED, LABELLED
        warm = self._warm
        loss = self._teach(made, values, known, delay) if warm else None
        self._remember(values, known)
        self._labels += first
        if warm:
            self._watch()
        return loss

    def _score(self, made: _Made, values: Array, known: npt.NDArray[np.bool_], delay: int) -> None:
        error = (made.shadow - values)[known]
        spread, distance = made.spread[known], made.distance[known]
        shadow = float(np.minimum(np.abs(error) / spread, 1e100).sum()) / len(error)
        share = float(made.share[0])
        learner = _excess(error, distance, spread)
        self._sums += (shadow, learner, _excess(error, share * distance, spread), 1.0)
        excess = min(max(learner, -self._limit), self._limit)  # but for rounding it is already
        self._share.score((self.learner.samples - 1 - delay) % self._late, excess)
        self._window += (excess, shadow, 1.0)

    def _teach(
        self, made: _Made, values: Array, known: npt.NDArray[np.bool_], delay: int
    ) -> Optional[float]:
        scaled = (values - made.base) / made.spread
        scaled = held(scaled, self._limit)
        skipped = self._skip.outputs(made.features)
        loss = self.learner.learn(held(scaled - skipped, LARGEST_TARGET), delay)
        missing = np.where(known, scaled - skipped - made.network, 0.0)
        self._skip.learn(made.features, held(_finite(missing), self._limit))
        return loss

    def _remember(self, values: Array, known: npt.NDArray[np.bool_]) -> None:
        if self._guard["scale"]:
            self._targets_scale.update(values - self._last if self._changes else values)
        self._last = np.where(known, values, self._last)

    # -- state -----------------------------------------------------------------------------------

    @property
    def state(self) -> LearnerArray:
        """The learner's, see :attr:`Learner.state`. Set, a frozen shadow goes on from there too,
        and labels of outputs before it teach nothing; scaling, scores and weights stay."""
        return self.learner.state

    @state.setter
    def state(self, state: Sample) -> None:
        self.learner.state = state
        if self._frozen is not None:
            self._frozen.state = self.learner.state
        self._made.clear()

    def reset(self) -> None:
        """Back to the zero state, as :meth:`Learner.reset`; a frozen shadow too."""
        self.state = np.zeros_like(self.learner.state)

    def __enter__(self) -> Guarded:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.reset()

    # -- the guard -------------------------------------------------------------------------------

    def _watch(self) -> None:
        """After every window: keeps the weights if the learner did better, else goes back."""
        excess, shadow, count = self._window.tolist()
        if count < self._guard["window"]:
            return
        self._window[:] = 0
        if excess <= 0:
            weights = self.learner.weights()
            if all(np.isfinite(each).all() for each in weights.values()):
                self._good = weights
        elif self._good is not None and excess > shadow / 2:
            self.learner.set_weights(self._good)
            # They were good once: if they no longer are, learning goes on from where it is.
            self._good = None
            self.learner.note(
                "rolled_back",
                f"the learner did worse than the shadow over {int(count)} samples, by "
                f"{excess / count:.2g} spreads a sample; its weights are again those after the "
                "last window in which it did better",
            )

    def commit(self) -> None:
        """Writes the network's weights into the network; scaling and skip stay here.

        Raises:
            OptionError: as :meth:`Learner.commit`.
        """
        self.learner.commit()

    def gradients(self) -> dict[str, Any]:
        """See :meth:`Learner.gradients`; of the scaled loss."""
        return self.learner.gradients()

    # -- snapshots -------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """Everything it needs to go on, the learner included; no pickle."""
        return dumps("guarded", self.learner.network, self._guard, {}, self._arrays(),
                     self.learner.snapshot())  # fmt: skip

    def restore(self, snapshot: bytes) -> None:
        """Goes on from a snapshot of one with the same options on the same network.

        Raises:
            ModelFileError: the bytes are no such snapshot; nothing changes.
            OptionError: it was made with another option; nothing changes.
            DtypeError: these are not bytes.
        """
        found = loads(snapshot)
        check_origin(found, "guarded", self.learner.network)
        check_options(found["options"], self._guard)
        arrays, good = _apart(found["arrays"])
        if good is not None:
            self.learner.check_weights(good, "snapshot.arrays.good", ModelFileError)
        made = arrays.pop("made.count", None)
        if made is None or made.shape != (1,) or not 0 <= made[0] <= self._late:
            raise ModelFileError("expected a count of outputs", "snapshot.arrays.made")
        own = self._arrays(int(made[0]))
        own.pop("made.count")
        check_arrays(arrays, {name: each for name, each in own.items() if name[:5] != "good."},
                     missing=("last",))  # fmt: skip
        for part in ("inputs", "targets", "share"):
            if not self._parts()[part].fits(_within(arrays, part)):
                raise ModelFileError("are out of range", f"snapshot.arrays.{part}")
        wrong = _misfit(arrays)
        if wrong:
            raise ModelFileError("is out of range", f"snapshot.arrays.{wrong}")
        self.learner.restore(found["inner"])
        self._take(arrays, int(made[0]))
        self._good = good

    def _parts(self) -> Mapping[str, Any]:
        return {
            "inputs": self._inputs_scale,
            "targets": self._targets_scale,
            "skip": self._skip,
            "share": self._share,
        }

    def _arrays(self, made: Optional[int] = None) -> Arrays:
        """All of it; with as many outputs remembered as asked for, for their shapes."""
        found: Arrays = {
            f"{part}.{name}": each
            for part, owner in self._parts().items()
            for name, each in owner.arrays().items()
        }
        count = len(self._made) if made is None else made
        outputs, inputs = len(self._last), self.learner.input_size
        shapes = dict.fromkeys(_Made._fields, outputs)
        shapes |= {"features": inputs + 1, "share": 1}
        for name, size in shapes.items():
            rows = [getattr(each, name) for each in self._made]
            found[f"made.{name}"] = np.array(rows if made is None else np.zeros((count, size)))
            found[f"made.{name}"] = found[f"made.{name}"].reshape(count, size)
        found |= {"made.count": np.array([float(count)]), "last": self._last.copy()}
        found |= {"sums": self._sums.copy(), "labels": self._labels.copy()}
        found["window"] = self._window.copy()
        if self._frozen is not None:
            found["frozen"] = self._frozen.state
        if self._good is not None:
            found |= {f"good.{name}": each for name, each in self._good.items()}
        return found

    def _take(self, arrays: Arrays, count: int) -> None:
        for part, owner in self._parts().items():
            owner.restore(_within(arrays, part))
        self._made.clear()
        for index in range(count):
            self._made.append(_Made(*(arrays[f"made.{n}"][index].copy() for n in _Made._fields)))
        self._last, self._sums = arrays["last"].copy(), arrays["sums"].copy()
        self._window, self._labels = arrays["window"].copy(), arrays["labels"].copy()
        if self._frozen is not None:
            self._frozen.state = arrays["frozen"]


def _misfit(arrays: Arrays) -> str:
    """Which of a guard's own arrays holds numbers that it never has."""
    share = arrays["made.share"]
    if not (((share >= 0) & (share <= 1)) | np.isin(share, (UNSCORED, LABELLED))).all():
        return "made.share"
    if (arrays["made.spread"] <= 0).any():
        return "made.spread"
    if (arrays["sums"][[0, 3]] < 0).any():
        return "sums"
    if arrays["labels"][0] < 0:
        return "labels"
    return "window" if (arrays["window"][1:] < 0).any() else ""


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


def _within(arrays: Arrays, part: str) -> Arrays:
    start = f"{part}."
    return {name[len(start) :]: each for name, each in arrays.items() if name.startswith(start)}


def _apart(arrays: Arrays) -> tuple[Arrays, Optional[Arrays]]:
    """What is the guard's, and the good weights if there are any."""
    good = {name[5:]: each for name, each in arrays.items() if name.startswith("good.")}
    own = {name: each for name, each in arrays.items() if not name.startswith("good.")}
    return own, good or None
