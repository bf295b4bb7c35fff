"""Recursive least squares with forgetting; see Haykin, *Adaptive Filter Theory*."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

FORGETTING = 0.999
"""How much a sample counts beside the one after it."""

FIRST_COVARIANCE = 100.0
LARGEST_COVARIANCE = 1e6


def first_covariance(size: int) -> Array:
    """(size, size), of features of which nothing is known yet."""
    return np.eye(size) * FIRST_COVARIANCE


def gain_of(covariance: Array, features: Array) -> Array:
    """(size,) by how much an error moves each weight; the covariance is moved in place."""
    along = covariance @ features
    divisor = FORGETTING + features @ along
    if not divisor >= FORGETTING:  # rounding left it no covariance
        covariance[:] = first_covariance(len(features))
        return np.zeros_like(features)
    gain = along / divisor
    moved = (covariance - np.outer(gain, along)) / FORGETTING
    # Where samples say nothing new it would grow without end.
    largest = np.abs(np.diag(moved)).max()
    covariance[:] = moved * min(1.0, LARGEST_COVARIANCE / largest)
    found: Array = gain
    return found
