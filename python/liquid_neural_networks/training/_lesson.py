"""``Lesson``: which loss a network is trained by on a table, and what it then predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from .._checks import check_choice
from .._forecasting import Quantiles, check_levels
from ..data import Columns, Windows
from ..errors import OptionError
from ._losses import LOSSES, Loss, PinballLoss, balanced
from ._losses import cross_entropy as plain_cross_entropy

QUANTILE, CROSS_ENTROPY, BALANCED = "quantile", "cross_entropy", "balanced"

VALUE_LOSSES = (*LOSSES, QUANTILE)
"""What the loss of value targets may be called."""

DEFAULT_LEVELS = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Lesson:
    """A loss by name.

    Attributes:
        name: one of :data:`VALUE_LOSSES`, or of classes ``"cross_entropy"`` or ``"balanced"``.
        levels_wanted: of quantiles; empty without.
        classes: how many there are; None for values.
    """

    name: str
    levels_wanted: tuple[float, ...] = ()
    classes: Optional[int] = None

    @classmethod
    def of(
        cls,
        columns: Columns,
        loss: Optional[str],
        balance: bool,
        quantiles: Optional[Sequence[float]],
    ) -> Lesson:
        """The loss that :func:`fit_table` was asked for.

        Raises:
            OptionError: it does not fit the columns, or its parts contradict each other.
            DtypeError, DomainError: the quantiles are no levels.
        """
        if loss is not None:
            check_choice("loss", loss, VALUE_LOSSES)
        if columns.classes is not None:
            for name, given in (("loss", loss), ("quantiles", quantiles)):
                if given is not None:
                    raise OptionError("is of values, the target holds classes", name)
            return cls(BALANCED if balance else CROSS_ENTROPY, (), len(columns.classes))
        if balance:
            raise OptionError("is of classes, the target holds values", "balance")
        if quantiles is None:
            return cls(loss or "mse", DEFAULT_LEVELS if loss == QUANTILE else ())
        if loss not in (None, QUANTILE):
            raise OptionError(f"are learned by the loss {QUANTILE!r}, not {loss!r}", "quantiles")
        return cls(QUANTILE, check_levels(quantiles))

    @property
    def levels(self) -> int:
        """How many numbers a network puts out for each value, or score."""
        return max(len(self.levels_wanted), 1)

    def loss(self, train: Windows) -> Loss:
        """The loss; balanced by the windows to learn from."""
        if self.classes is not None:
            if self.name == BALANCED:
                return balanced(train.targets, self.classes)
            return plain_cross_entropy
        return PinballLoss(self.levels_wanted) if self.levels_wanted else LOSSES[self.name]

    def quantiles(self, steps: int, targets: int) -> Optional[Quantiles]:
        """The quantiles of so many steps ahead and targets, not shifted yet; None without."""
        if not self.levels_wanted:
            return None
        return Quantiles(self.levels_wanted, np.zeros((steps, targets, len(self.levels_wanted))))
