"""Metrics as plain data, of what is known: rows whose target is missing do not count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError, DomainError, ShapeError

Array = npt.NDArray[Any]
Metrics = dict[str, Any]
"""Name -> number, or lists of numbers; plain data."""


def value_metrics(predictions: Array, targets: Array) -> Metrics:
    """How far predicted values are from the true ones.

    Args:
        predictions: (..., O).
        targets: (..., O), NaN where unknown.

    Returns:
        ``mse``, ``mae`` and ``r2`` over all values known, and their ``count``. ``r2`` is the
        share of the targets' variance (each output about its own mean) that is explained; it
        is None if they do not vary.

    Raises:
        ShapeError: the two differ in shape.
        DataError: no target is known.
    """
    predictions, targets = np.asarray(predictions), np.asarray(targets)
    _check_same("predictions", predictions.shape, targets.shape)
    known = ~np.isnan(targets)
    _check_any(known)
    errors = (predictions - targets)[known].astype(np.float64)
    rest = targets - np.nanmean(targets, axis=tuple(range(targets.ndim - 1)), keepdims=True)
    variation = float(np.square(rest[known], dtype=np.float64).sum())
    squares = float(np.square(errors).sum())
    return {
        "mse": squares / len(errors),
        "mae": float(np.abs(errors).mean()),
        "r2": 1.0 - squares / variation if variation > 0 else None,
        "count": len(errors),
    }


def class_metrics(predictions: Array, targets: Array, classes: int) -> Metrics:
    """How often the predicted class is the true one.

    Args:
        predictions: (...) class indices.
        targets: (...) class indices, -1 where unknown.
        classes: C, how many there are.

    Returns:
        ``accuracy``; ``f1`` of each class (a list of C; None for a class neither predicted nor
        true) and ``macro_f1``, the mean of those; ``confusion``, C lists of C counts, one list
        per true class; and the ``count`` of targets known.

    Raises:
        ShapeError: the two differ in shape.
        DomainError: a class is beyond C.
        DataError: no target is known.
    """
    predictions, targets = np.asarray(predictions), np.asarray(targets)
    _check_same("predictions", predictions.shape, targets.shape)
    known = targets >= 0
    _check_any(known)
    for name, found in (("predictions", predictions[known]), ("targets", targets[known])):
        if found.min() < 0 or found.max() >= classes:
            given = f"{found.min()} to {found.max()}"
            raise DomainError(f"expected classes from 0 to {classes - 1}, got {given}", name)
    pairs = targets[known].astype(np.int64) * classes + predictions[known].astype(np.int64)
    confusion = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    hits = confusion.diagonal()
    involved = confusion.sum(axis=0) + confusion.sum(axis=1)
    f1 = [2.0 * int(hit) / int(all_) if all_ else None for hit, all_ in zip(hits, involved)]
    present = [score for score in f1 if score is not None]
    return {
        "accuracy": float(hits.sum() / confusion.sum()),
        "macro_f1": sum(present) / len(present),
        "f1": f1,
        "confusion": confusion.tolist(),
        "count": int(confusion.sum()),
    }


def _check_same(name: str, shape: Sequence[int], wanted: Sequence[int]) -> None:
    if tuple(shape) != tuple(wanted):
        raise ShapeError(f"expected {tuple(wanted)} like the targets, got {tuple(shape)}", name)


def _check_any(known: Array) -> None:
    if not known.any():
        raise DataError("none is known, so nothing can be measured", "targets")
