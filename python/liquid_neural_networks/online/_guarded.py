"""``Guarded``: a learner that takes raw numbers and is never much worse than a shadow beside it."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple, NoReturn, Optional

import numpy as np
import numpy.typing as npt

from .._checks import check_choice, check_flag, check_integer, check_positive
from .._kernel import native
from .._live import Live
from .._samples import BEYOND, Sample
from .._sequences import Number
from ..errors import DomainError, DtypeError, ModelFileError, OptionError
from ._engine import Array as LearnerArray
from ._engine import Arrays
from ._guard import TO_LEARN, UNKNOWN, Guard, Options
from ._guard_compiled import CompiledGuard
from ._guard_reference import ReferenceGuard
from ._learner import Event, Learner, Target
from ._lookaheads import Lookahead, Lookaheads, Mark
from ._share import Share
from ._skip import SKIPS
from ._snapshots import check_arrays, check_options, check_origin, dumps, loads

Array = npt.NDArray[np.float64]

SHADOWS = ("last_value", "frozen")

LARGEST_LIMIT = 1e6
"""Spreads: with more a bound says nothing."""


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


class Guarded(Live):
    """A :class:`Learner` for raw streams: scaled as they run, and watched.

    Inputs and targets are scaled by what came so far; until ``warm_up`` targets are known, weights
    stay and outputs are the shadow's. From then on an output is a weighted mean of the learner's
    and the shadow's, weighted by how they did.

    *The bound.* Over any stream whatever, the absolute errors of the outputs, each divided by the
    target's spread at that sample (and averaged over the outputs known), add up to at most 2 ln 2
    ``limit`` (``max_delay`` + 1) more than the shadow's: :attr:`bound`. With the defaults and
    no delay that is 5.6 spreads in all, however long the stream; and no more from any sample to
    any other.

    When the learner's errors were more than half as large again as the shadow's over ``window``
    samples, its weights go back to those after the last window in which they were smaller;
    :attr:`events` says so.

    As a context manager it resets at the end.

    Args:
        learner: of values (not ``cross_entropy``), new: without samples; it belongs to this guard
            from now on.
        scale: scale inputs and targets. If not, they reach the network as they are; the bound is
            in spreads of the target then, too, each at least 1.
        warm_up: targets to be known before anything is learned.
        skip: learn a linear map of the inputs beside the network: ``"gradient"`` (default) or
            ``"least_squares"``; None: do not.
        changes: the network says by how much the target changes from the last one known, rather
            than where it is; the spread is that of the changes, from 0.
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

    The weighting is a bet, see Orabona and Pal, *Coin betting and parameter-free online learning*,
    NeurIPS 2016.

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
        self._options: dict[str, Any] = {
            "scale": check_flag("scale", scale),
            "warm_up": check_integer("warm_up", warm_up, 1, 2**20),
            "skip": skip,
            "changes": check_flag("changes", changes),
            "shadow": shadow,
            "limit": _limit(limit),
            "window": check_integer("window", window, 1, 2**20),
        }
        self._late = learner.options["max_delay"] + 1
        self._frozen, self._frozen_weights = None, 0
        if shadow == "frozen":
            self._frozen, self._frozen_weights = learner.frozen(), learner.weights_digest()
        self._good: Optional[Arrays] = None
        self._lookaheads = Lookaheads()
        self._guard = _guard_for(learner, self._options)

    def __repr__(self) -> str:
        return (
            f"Guarded({self.learner!r}, shadow {self._options['shadow']}, share {self.share:.2f})"
        )

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
        return self._guard.share(self.learner.samples % self._late)

    @property
    def scores(self) -> Scores:
        """Errors so far."""
        tally = self._guard.tally
        errors = tally("shadow_error"), tally("learner_excess"), tally("output_excess")
        return Scores(*errors, int(tally("scored")))

    @property
    def bound(self) -> float:
        return Share.bound(self._late, self._options["limit"])

    @property
    def options(self) -> dict[str, Any]:
        """What it was made with besides the learner, as plain data."""
        return dict(self._options)

    # -- running and learning --------------------------------------------------------------------

    def step(
        self,
        inputs: Sample,
        elapsed_time: float = 1.0,
        time_constants: Optional[Number] = None,
    ) -> Array:
        """Feeds one sample and returns the output, in the unit of the targets.

        Args:
            inputs: (I,) numbers, unscaled; NaN marks a missing feature.
            elapsed_time: time since the previous sample, at least 0. Default 1.
            time_constants: a number or (N,), see :meth:`LiquidNetwork.forward`.

        Returns:
            (O,) array of doubles.

        Raises:
            ShapeError, DtypeError, DomainError: naming the argument; all is as before.
        """
        values = self.learner.checked_inputs(inputs)
        slot = self.learner.samples % self._late
        scaled = self._guard.scaled(values)
        if scaled is None:
            raise DomainError(BEYOND, "inputs")
        network = self.learner.step(scaled, elapsed_time, time_constants)
        frozen = None
        if self._frozen is not None:
            frozen = self._frozen.step(scaled, elapsed_time, time_constants)
        return self._guard.answer(slot, network, frozen, not self.learner.ahead)

    def learn(self, target: Target, delay: int = 0) -> Optional[float]:
        """Scores an output, and moves the weights by what it should have been.

        Args:
            target: (O,) numbers, or one for a single output, unscaled; NaN where not known; None:
                nothing is known.
            delay: how many samples ago the output was made, up to ``max_delay``.

        Returns:
            The learner's loss of that output, scaled; None if the weights did not move: see
            :meth:`Learner.learn`. Of several labels of one output the first is scored, and counts
            for the scaling.

        Raises:
            ShapeError, DtypeError, DomainError: naming the argument; all is as before.
            OptionError: it is looking ahead.
        """
        if type(delay) is not int or not 0 <= delay < self._late:
            check_integer("delay", delay, 0, self._late - 1)
        self.learner.check_settled()
        if target is None:
            return None
        values = self.learner.checked_target(target)
        samples = self.learner.samples
        if delay >= samples:
            raise DomainError(f"only {samples} samples have come", "delay")
        if delay >= self._guard.tally("remembered"):
            return None
        slot, loss = (samples - 1 - delay) % self._late, None
        found, lesson = self._guard.lesson(slot, values)
        if found == UNKNOWN:
            return None
        if found == TO_LEARN:  # one number by itself is checked faster
            loss = self.learner.learn(lesson if len(lesson) > 1 else float(lesson[0]), delay)
        self._guard.label(slot, delay)
        if self._guard.tally("window_scored") >= self._options["window"]:
            self._watch()
        return loss

    def lookahead(self) -> Lookahead[Guarded]:
        """See :meth:`Learner.lookahead`."""
        return Lookahead(self, self._begin, self._end)

    def _begin(self) -> tuple[Mark, Lookahead[Learner]]:
        frozen = None if self._frozen is None else self._frozen.state
        mark = self._lookaheads.opened((self._guard.marked(), frozen))
        inner = self.learner.lookahead()
        inner.__enter__()
        return mark, inner

    def _end(self, begun: tuple[Mark, Lookahead[Learner]]) -> None:
        mark, inner = begun
        inner.__exit__()
        before, frozen = self._lookaheads.closed(mark)
        self._guard.go_back(before)
        if self._frozen is not None:
            self._frozen.state = frozen

    def assume(self, target: Sample) -> None:
        """Within :meth:`lookahead`: takes a target as come true, and learns nothing from it.

        For forecasts of several steps: the next output's last known target is this one.

        Args:
            target: (O,) numbers, or one for a single output, unscaled; NaN where not known.

        Raises:
            ShapeError, DtypeError, DomainError: naming the argument.
            OptionError: it is not looking ahead.
        """
        if not self.learner.ahead:
            raise OptionError(
                "can be assumed within lookahead() only; learn what is true", "target"
            )
        self._guard.assume(np.asarray(self.learner.checked_target(target)))

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
        self._guard.forget()

    def reset(self) -> None:
        """Back to the zero state, as :meth:`Learner.reset`; a frozen shadow too."""
        self.state = np.zeros_like(self.learner.state)

    # -- the guard -------------------------------------------------------------------------------

    def _watch(self) -> None:
        """After every window: keeps the weights if the learner did better, else goes back."""
        tally = self._guard.tally
        excess, shadow, count = (
            tally("window_excess"),
            tally("window_error"),
            tally("window_scored"),
        )
        self._guard.end_window()
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
        """Everything it needs to go on, the learner included; no pickle.

        Raises:
            OptionError: it is looking ahead.
        """
        return dumps("guarded", self.learner.network, self._options, self._counts(),
                     self._arrays(), self.learner.snapshot())  # fmt: skip

    def _counts(self) -> dict[str, int]:
        return {} if self._frozen is None else {"frozen_weights": self._frozen_weights}

    def _arrays(self) -> Arrays:
        found: Arrays = dict(self._guard.copies())
        if self._frozen is not None:
            found["frozen_state"] = self._frozen.state
        return found | {f"good.{name}": each for name, each in (self._good or {}).items()}

    def restore(self, snapshot: bytes) -> None:
        """Goes on from a snapshot of one with the same options on the same network.

        Raises:
            ModelFileError: the bytes are no such snapshot; nothing changes.
            OptionError: it was made with another option, or this one is looking ahead; nothing
                changes.
            DtypeError: these are not bytes.
        """
        found = loads(snapshot)
        check_origin(found, "guarded", self.learner.network)
        check_options(found["options"], self._options)
        if found["counts"] != self._counts():
            raise ModelFileError(
                "is of a frozen network with other weights; resume it on the network as it was",
                "snapshot.counts",
            )
        arrays, good = _apart(found["arrays"])
        if good is not None:
            self.learner.check_weights(good, "snapshot.arrays.good", ModelFileError)
        check_arrays(arrays, _apart(self._arrays())[0], missing=_UNKNOWN)
        inner = loads(found["inner"])["counts"].get("samples", 0)
        wrong = self._guard.misfit(arrays, inner)
        if wrong:
            raise ModelFileError("is out of range", f"snapshot.arrays.{wrong}")
        self.learner.restore(found["inner"])
        self._guard.restore(arrays)
        self._good = good
        if self._frozen is not None:
            self._frozen.state = arrays["frozen_state"]


def _limit(limit: object) -> float:
    found = check_positive("limit", limit)
    if found > LARGEST_LIMIT:
        raise DomainError(f"expected at most {LARGEST_LIMIT:g}, got {limit!r}", "limit")
    return found


_UNKNOWN = ("last", "made_network", "made_middle")
"""Arrays in which a number may be NaN: there is none yet."""


def _guard_for(learner: Learner, options: dict[str, Any]) -> Guard:
    own = Options(
        learner.input_size,
        learner.output_size,
        learner.options["max_delay"] + 1,
        options["scale"],
        options["warm_up"],
        options["skip"],
        options["changes"],
        options["shadow"] == "frozen",
        options["limit"],
    )
    return ReferenceGuard(own) if native is None else CompiledGuard(own)


def _apart(arrays: Arrays) -> tuple[Arrays, Optional[Arrays]]:
    """What is the guard's, and the good weights if there are any."""
    good = {name[5:]: each for name, each in arrays.items() if name.startswith("good.")}
    own = {name: each for name, each in arrays.items() if not name.startswith("good.")}
    return own, good or None
