"""Several trainings that differ in their seed only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from .._files import PathOrName
from ._divergence import DivergenceError
from ._forecaster import Forecaster


def best_of(
    train: Callable[[int, Optional[Path]], Forecaster],
    seed: int,
    seeds: int,
    checkpoint: Optional[PathOrName],
) -> Forecaster:
    """The forecaster with the least loss in validation, of so many seeds from ``seed`` on.

    Args:
        train: the forecaster of a seed, with its own checkpoint.

    Raises:
        DivergenceError: every training diverged; of the last one.
    """
    if seeds == 1:
        return train(seed, None if checkpoint is None else Path(checkpoint))
    found: dict[int, Forecaster] = {}
    for each in range(seed, seed + seeds):
        try:
            found[each] = train(each, checkpoint_of(checkpoint, each))
        except DivergenceError:
            if each == seed + seeds - 1 and not found:
                raise
    best = min(found.values(), key=lambda forecaster: forecaster.history.best_loss)
    if best.test is None:
        return best
    return replace(best, test={**best.test, "seeds": _spread(found, best.measure)})


def checkpoint_of(checkpoint: Optional[PathOrName], seed: int) -> Optional[Path]:
    """Where a training with this seed keeps its own."""
    return None if checkpoint is None else Path(f"{checkpoint}-{seed}")


def _spread(found: dict[int, Forecaster], measure: str) -> dict[str, list[Any]]:
    """How each seed did in validation and in the test."""
    return {
        "seed": list(found),
        "valid_loss": [each.history.best_loss for each in found.values()],
        measure: [each.test[measure] for each in found.values() if each.test is not None],
    }
