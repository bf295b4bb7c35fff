"""Losses of one output; in C as well. A target that is NaN costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, Optional

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]


def _mse(error: Array) -> tuple[Array, Array]:
    return error**2, 2 * error


def _mae(error: Array) -> tuple[Array, Array]:
    return np.abs(error), np.sign(error)


def _huber(error: Array) -> tuple[Array, Array]:
    size = np.abs(error)
    return np.where(size <= 1, error**2 / 2, size - 0.5), np.clip(error, -1, 1)


ERRORS: Mapping[str, Callable[[Array], tuple[Array, Array]]] = {
    "mse": _mse,
    "mae": _mae,
    "huber": _huber,
}
"""Name -> errors to losses and slopes, one each."""

LOSSES = (*ERRORS, "cross_entropy")
"""Names; of values, the mean over those known, and of classes."""


def loss_and_slope(name: str, outputs: Array, target: Array) -> Optional[tuple[float, Array]]:
    """The loss and its derivative by the outputs (O,), or None where no target is known.

    Args:
        name: one of :data:`LOSSES`.
        outputs: (O,); of ``cross_entropy`` logits.
        target: (O,), NaN where not known; of ``cross_entropy`` a probability for each class.
    """
    outputs = outputs.astype(np.float64)
    known = ~np.isnan(target)
    if name == "cross_entropy":
        if not known.all():
            return None
        logits = outputs - outputs.max()
        powers = np.exp(logits)
        loss = float((target * (np.log(powers.sum()) - logits)).sum())
        return loss, powers / powers.sum() - target
    if not known.any():
        return None
    losses, slopes = ERRORS[name](np.where(known, outputs - np.where(known, target, 0), 0))
    count = known.sum()
    return float(losses[known].sum() / count), slopes * known / count
