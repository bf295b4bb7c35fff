"""How much of an output is the learner's and how much the shadow's.

Both are scored by their absolute error. The learner bets against the shadow: with its excess d_t
over the shadow, at most L on either side, and a stake s, in units of L,

    share = min(1, s)
    s <- s - share d_t / L

The error of the weighted output exceeds the shadow's by at most share d_t, as the absolute value is
convex. As share <= s and d_t <= L, the stake never falls below 0: so over any stream whatever the
excesses add up to at most L times all that was ever staked, whatever the learner does. (A bet of a
part of what one has, see Orabona and Pal, *Coin betting and parameter-free online learning*,
NeurIPS 2016; here the part is all of it, but never more than 1.)

What is staked in all is the budget, W = 2 ln 2. It is staked bit by bit, W t / (t + 10) in the
first t samples: so a learner that has only just begun cannot lose it at once, and one that was bad
for long is heard again as soon as it is good. What the stake wins beyond what was staked so far is
given away: so the excesses add up to at most L W over any stretch of the stream too, and a learner
that was good for long loses its share soon after it goes wrong.
"""

from __future__ import annotations

from math import log

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

BUDGET = 2 * log(2)
"""What may be lost in all, in units of the largest excess."""

HALF = 10
"""Samples after which half of it was staked."""


class Share:
    """Stakes of several streams side by side.

    Args:
        arrays: of :meth:`empty`, moved in place.
        limit: L, the largest excess.
    """

    def __init__(self, arrays: dict[str, Array], limit: float):
        self._limit = limit
        self._stake, self._scored = arrays["stake"], arrays["scored"]

    @staticmethod
    def empty(count: int) -> dict[str, Array]:
        """Of ``count`` streams without a sample: labels may come up to ``count`` - 1 samples late,
        and every ``count``-th output has a stake of its own, so that it is up to date whenever
        it is used."""
        return {"stake": np.zeros(count), "scored": np.zeros(count)}

    @staticmethod
    def bound(count: int, limit: float) -> float:
        """What the excesses of the output over the shadow add up to at most."""
        return count * limit * BUDGET

    def of(self, index: int) -> float:
        """The learner's share, from 0 to 1."""
        return min(1.0, float(self._stake[index]))

    def score(self, index: int, excess: float) -> None:
        """Takes into account by how much the learner's error was larger than the shadow's."""
        count = float(self._scored[index])
        left = float(self._stake[index]) - self.of(index) * excess / self._limit
        kept = min(max(left, 0.0), BUDGET * count / (count + HALF))
        self._stake[index] = kept + BUDGET * HALF / ((count + HALF) * (count + HALF + 1))
        self._scored[index] = count + 1

    @staticmethod
    def fits(arrays: dict[str, Array]) -> bool:
        """Whether these can be stakes."""
        stake, scored = arrays["stake"], arrays["scored"]
        if (stake < 0).any() or (scored < 0).any():
            return False
        return bool((stake <= BUDGET * scored / (scored + HALF) * (1 + 1e-9)).all())
