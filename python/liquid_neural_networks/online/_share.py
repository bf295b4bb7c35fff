"""How much of an output is the learner's and how much the shadow's.

Both are scored by their absolute error. With the learner's excess d_t over the shadow, at most L on
either side, and a rate n < 1 / L,

    r <- r (1 - n d_t)      the learner's weight
    q                       the shadow's, which stays as it is
    share = r / (r + q)

The error of the weighted output exceeds the shadow's by at most share * d_t, as the absolute value
is convex, and ln(r + q) changes by ln(1 - n share d_t) <= -n share d_t. So over any stream the
excesses add up to at most ln((r_0 + q_0) / q) / n, whatever the learner does (Sani, Neu and
Lazaric, *Exploiting easy data in online optimization*, NeurIPS 2014). Half of q moves over to r bit
by bit, 1 / ((t + 1)(t + 2)) of it at sample t, which changes neither sum nor bound: so a learner
that was bad for long is heard again as soon as it is good.

With n = 1 / (2 L), r_0 = 0, q_0 = 1 and q = 1/2 at last, the bound is 2 L ln 2.
"""

from __future__ import annotations

from math import log

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LARGEST = 100.0
"""The learner's weight grows no further, which only lowers the sum above: a learner that was good
for long loses its share soon after it goes wrong."""


class Share:
    """Weights of several streams side by side.

    Args:
        arrays: of :meth:`empty`, moved in place.
        limit: L, the largest excess.
    """

    def __init__(self, arrays: dict[str, Array], limit: float):
        self._limit = limit
        self._learner, self._shadow = arrays["learner"], arrays["shadow"]
        self._scored = arrays["scored"]

    @staticmethod
    def empty(count: int) -> dict[str, Array]:
        """Of ``count`` streams without a sample: labels may come up to ``count`` - 1 samples late,
        and every ``count``-th output has weights of its own, so that they are up to date whenever
        they are used."""
        return {
            "learner": np.zeros(count),
            "shadow": np.ones(count),
            "scored": np.zeros(count),
        }

    @staticmethod
    def bound(count: int, limit: float) -> float:
        """What the excesses of the output over the shadow add up to at most."""
        return count * 2 * limit * log(2)

    def of(self, index: int) -> float:
        """The learner's share, from 0 to 1."""
        weight = float(self._learner[index])
        return weight / (weight + float(self._shadow[index]))

    def score(self, index: int, excess: float) -> None:
        """Takes into account by how much the learner's error was larger than the shadow's."""
        count = float(self._scored[index])
        moved = 0.5 / ((count + 1) * (count + 2))
        weight = float(self._learner[index]) * (1 - excess / (2 * self._limit))
        self._learner[index] = min(weight + moved, LARGEST)
        self._shadow[index] -= moved
        self._scored[index] = count + 1

    @staticmethod
    def fits(arrays: dict[str, Array]) -> bool:
        """Whether these can be weights."""
        learner, scored = arrays["learner"], arrays["scored"]
        wanted = (1 + 1 / (np.maximum(scored, 0) + 1)) / 2  # what did not move over yet
        return bool(
            ((learner >= 0) & (learner <= LARGEST)).all()
            and (scored >= 0).all()
            and np.allclose(arrays["shadow"], wanted, rtol=0, atol=1e-9)
        )
