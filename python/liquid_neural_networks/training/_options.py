"""The options of a training that are numbers, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable, Optional

from .._checks import check_choice, check_count, check_flag, check_positive, check_seed

SCHEDULES: Mapping[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
}
"""Name -> factor on the learning rate when this share of the epochs, 0 to below 1, is done."""


@dataclass(frozen=True)
class Options:
    """What :func:`fit` says about each.

    Raises:
        DomainError, DtypeError, OptionError: naming the option at fault.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str
    max_gradient_norm: Optional[float]
    patience: Optional[int]
    drop_last: bool
    seed: int

    def __post_init__(self) -> None:
        check_positive("learning_rate", self.learning_rate)
        check_choice("schedule", self.schedule, SCHEDULES)
        if self.max_gradient_norm is not None:
            check_positive("max_gradient_norm", self.max_gradient_norm)
        check_flag("drop_last", self.drop_last)
        # Whole numbers of numpy become Python's, which a checkpoint can hold.
        counts = {name: getattr(self, name) for name in ("epochs", "batch_size", "patience")}
        for name, value in counts.items():
            if value is not None or name != "patience":
                object.__setattr__(self, name, check_count(name, value))
        object.__setattr__(self, "seed", check_seed(self.seed))

    def rate(self, done: int) -> float:
        """The learning rate after so many epochs."""
        return self.learning_rate * SCHEDULES[self.schedule](done / self.epochs)

    def fixed(self) -> dict[str, Any]:
        """What a resumed training must have in common with the interrupted one.

        More epochs, or more patience, only continue a training whose learning rate is constant.
        """
        settings = {
            "batch_size": self.batch_size,
            "drop_last": self.drop_last,
            "learning_rate": float(self.learning_rate),
            "schedule": self.schedule,
            "max_gradient_norm": self.max_gradient_norm,
            "seed": self.seed,
        }
        return settings if self.schedule == "constant" else {**settings, "epochs": self.epochs}
