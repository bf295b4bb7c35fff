"""A linear skip: what the inputs say by themselves, beside the network."""

from __future__ import annotations

from math import isqrt
from typing import Optional

import numpy as np
import numpy.typing as npt

from ..errors import DomainError
from ._engine import LARGEST_MEMORY
from ._least_squares import first_covariance, gain_of

Array = npt.NDArray[np.float64]

SKIPS = ("gradient", "least_squares")

STEP = 0.05
"""Of the normalised gradient: the share of an error that is taken back at once."""


class Skip:
    """y = A u + b, learned from every error.

    Args:
        kind: ``"gradient"``, normalised least mean squares, or ``"least_squares"``, recursive and
            with forgetting; see Haykin, *Adaptive Filter Theory*. None: it is 0.
        arrays: of :meth:`empty`, moved in place.
    """

    def __init__(self, kind: Optional[str], arrays: dict[str, Array]):
        self._kind = kind
        self._weights, self._covariance = arrays["weights"], arrays["covariance"]

    @staticmethod
    def empty(kind: Optional[str], inputs: int, outputs: int) -> dict[str, Array]:
        """Of one that has learned nothing.

        Raises:
            DomainError: its covariance does not fit into memory.
        """
        size = inputs + 1 if kind == "least_squares" else 0
        if 8 * size**2 > LARGEST_MEMORY:
            most = isqrt(LARGEST_MEMORY // 8) - 1
            raise DomainError(
                f"'least_squares' of {inputs:,} inputs would take more than 1 GiB, expected at "
                f"most {most:,}; 'gradient' takes any number",
                "skip",
            )
        return {
            "weights": np.zeros((outputs, inputs + 1)),
            "covariance": first_covariance(size),
        }

    def features(self, inputs: Array) -> Array:
        """(I + 1,); a missing input is 0, where its scale is centred."""
        return np.append(np.where(np.isnan(inputs), 0.0, inputs), 1.0)

    def outputs(self, features: Array) -> Array:
        found: Array = self._weights @ features
        return found

    def learn(self, features: Array, error: Array) -> None:
        """``error`` (O,) is what was missing in the output, 0 where not known."""
        if self._kind is None:
            return
        if self._kind == "gradient":
            self._weights += np.outer(STEP * error, features) / (features @ features)
            return
        self._weights += np.outer(error, gain_of(self._covariance, features))
