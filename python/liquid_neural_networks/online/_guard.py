"""What a guard computes at every sample: scaling, the weighted output, scores and lessons."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt
import torch

from ._engine import check_memory
from ._scaling import RunningScale
from ._share import Share
from ._skip import Skip

Array = npt.NDArray[np.float64]
Arrays = dict[str, Array]

LARGEST_TARGET = 1e6
"""Of the network, scaled and without what the skip says."""

FARTHEST_INPUT = 5.0
"""Spreads from the centre beyond which an input reaches the network as if it were there."""

UNSCORED = -1.0
"""In place of a share: the output is not to be scored."""

UNKNOWN, SCORED_ONLY, TO_LEARN = range(3)
"""What becomes of a label: nothing is known; nothing is to be learned yet; it is a lesson."""

TALLY = (
    "shadow_error", "learner_excess", "output_excess", "scored",
    "window_excess", "window_error", "window_scored",
    "labels", "remembered",
)  # fmt: skip
"""Sums and counts; see :class:`~._guarded.Scores`. Those of a window begin anew after it."""
_PLACES = {name: place for place, name in enumerate(TALLY)}


class Options(NamedTuple):
    """What a guard is made with; see :class:`~._guarded.Guarded`.

    Attributes:
        inputs, outputs: I, O.
        kept: outputs that may wait for a label, K.
        scale, warm_up, skip, changes, limit: as there.
        frozen: whether the shadow is a frozen network.
    """

    inputs: int
    outputs: int
    kept: int
    scale: bool
    warm_up: int
    skip: Optional[str]
    changes: bool
    frozen: bool
    limit: float


class Guard(ABC):
    """The arithmetic of a guard, which lives in arrays of its own.

    An output is kept in a slot, from 0 to K - 1, until its label comes. Of each are kept, (K, O),
    where targets lay (``made_middle``) and how far they spread (``made_spread``), the network's
    output (``made_network``), the shadow's (``made_shadow``), how far the learner's is from it
    (``made_distance``) and whether its target is known (``made_known``); (K, I + 1) what the skip
    was fed; and (K,) the learner's share, or :data:`UNSCORED`. ``last`` (O,) is the newest target
    known, ``age`` how many samples ago its output was made.

    Args:
        options: see :class:`Options`.

    Raises:
        DomainError: so many outputs do not fit into memory.
    """

    def __init__(self, options: Options):
        self.options = options
        kept, outputs, inputs = options.kept, options.outputs, options.inputs
        check_memory(kept, 6 * outputs + inputs + 5, torch.zeros(0, dtype=torch.float64))
        moved = {
            **_named("inputs", RunningScale.empty(inputs)),
            "last": np.full(outputs, np.nan),
            "age": np.zeros(outputs),
            "tally": np.zeros(len(TALLY)),
        }
        starts = {
            **moved,
            **_named("targets", RunningScale.empty(outputs)),
            **_named("skip", Skip.empty(options.skip, inputs, outputs)),
            **_named("share", Share.empty(kept)),
            **dict.fromkeys(MADE, np.ones((kept, outputs))),  # spreads are above 0
            "made_known": np.zeros((kept, outputs)),
            "made_features": np.zeros((kept, inputs + 1)),
            "made_share": np.zeros(kept),
        }
        # One after the other in memory, first what an answer moves: see marked.
        self._numbers = np.concatenate([each.ravel() for each in starts.values()])
        self._moved = self._numbers[: sum(each.size for each in moved.values())]
        self.arrays: Arrays = {}
        at = 0
        for name, each in starts.items():
            self.arrays[name] = self._numbers[at : at + each.size].reshape(each.shape)
            at += each.size
        self._share = Share(self._part("share"), options.limit)
        # Single numbers come out of it several times faster than out of an array.
        self._tally = self.arrays["tally"].data

    def _part(self, name: str) -> Arrays:
        return _within(self.arrays, name)

    @abstractmethod
    def scaled(self, inputs: Array) -> Optional[Array]:
        """(I,) as the network is to see them, valid until the next call; None if one is
        infinite."""

    @abstractmethod
    def answer(
        self, slot: int, network: npt.ArrayLike, frozen: Optional[npt.ArrayLike], keep: bool
    ) -> Array:
        """(O,) from what the network, and a frozen one, say of the inputs that were scaled.

        Args:
            slot: whose share the learner has.
            keep: it waits there for its label.
        """

    @abstractmethod
    def lesson(self, slot: int, target: npt.ArrayLike) -> tuple[int, Array]:
        """What becomes of a target, NaN where not known, of the output in a slot; nothing moves.

        Returns:
            One of :data:`UNKNOWN`, :data:`SCORED_ONLY`, :data:`TO_LEARN`, and (O,) what the network
            is to learn then; valid until the next call.
        """

    @abstractmethod
    def label(self, slot: int, delay: int) -> None:
        """Takes the target that :meth:`lesson` was asked of into account.

        Of an output with several labels the first is scored, and each output's first counts for
        the scaling; ``last`` never goes back in time.

        Args:
            delay: how many samples ago the output was made.
        """

    # -- what it says of itself ------------------------------------------------------------------

    def tally(self, name: str) -> float:
        """One of :data:`TALLY`."""
        found: float = self._tally[_PLACES[name]]
        return found

    def end_window(self) -> None:
        for name in TALLY:
            if name.startswith("window"):
                self.arrays["tally"][TALLY.index(name)] = 0

    @property
    def warm(self) -> bool:
        return self.tally("labels") >= self.options.warm_up

    def share(self, slot: int) -> float:
        """How much of the next output, to be kept in a slot, is the learner's."""
        return self._share.of(slot) if self.warm else 0.0

    def assume(self, target: Array) -> None:
        """The last known target is this one, where it is not NaN."""
        known = ~np.isnan(target)
        np.copyto(self.arrays["last"], target, where=known)
        np.copyto(self.arrays["age"], 0, where=known)

    def forget(self) -> None:
        """Labels of the outputs so far teach nothing."""
        self.arrays["tally"][TALLY.index("remembered")] = 0

    # -- state -----------------------------------------------------------------------------------

    def marked(self) -> Array:
        """A copy of what answers that are not kept move, for :meth:`go_back`."""
        moved: Array = self._moved.copy()
        return moved

    def go_back(self, marked: Array) -> None:
        self._moved[:] = marked

    def copies(self) -> Arrays:
        """Everything it needs to go on."""
        return {name: each.copy() for name, each in self.arrays.items()}

    def restore(self, arrays: Mapping[str, Any]) -> None:
        """What :meth:`copies` returned."""
        for name, each in self.arrays.items():
            each[...] = arrays[name]

    def misfit(self, arrays: Mapping[str, Any], samples: int) -> str:
        """Which of such arrays, of the right names and shapes, holds numbers that none has.

        Args:
            samples: how many the learner had.
        """
        for part, fits in (
            ("inputs", RunningScale.fits),
            ("targets", RunningScale.fits),
            ("share", Share.fits),
        ):
            if not fits(_within(arrays, part)):
                return part
        share, known = arrays["made_share"], arrays["made_known"]
        if not (((share >= 0) & (share <= 1)) | (share == UNSCORED)).all():
            return "made_share"
        if not np.isin(known, (0, 1)).all():
            return "made_known"
        if (arrays["made_spread"] <= 0).any():
            return "made_spread"
        reach = self.options.limit * arrays["made_spread"] * (1 + 1e-9)
        if (np.abs(arrays["made_distance"]) > reach).any():
            return "made_distance"
        if (arrays["age"] < 0).any():
            return "age"
        tally = dict(zip(TALLY, arrays["tally"].tolist()))
        signed = ("learner_excess", "output_excess", "window_excess")
        wrong = [name for name, each in tally.items() if name not in signed and each < 0]
        remembered, labels = tally["remembered"], tally["labels"]
        whole = remembered == int(remembered) <= min(self.options.kept, samples)
        return "" if whole and labels <= samples and not wrong else "tally"


MADE = (
    "made_middle",
    "made_spread",
    "made_network",
    "made_shadow",
    "made_distance",
)
"""What is kept of every output, (K, O)."""


def _named(part: str, arrays: Arrays) -> Arrays:
    return {f"{part}_{name}": each for name, each in arrays.items()}


def _within(arrays: Mapping[str, Any], part: str) -> Arrays:
    start = f"{part}_"
    return {name[len(start) :]: each for name, each in arrays.items() if name.startswith(start)}
