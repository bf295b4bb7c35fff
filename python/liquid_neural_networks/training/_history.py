"""``History``: what happened in each epoch, as plain lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from typing import Any, Optional

from ..errors import DataError


@dataclass(repr=False)
class History:
    """The course of a training.

    Attributes:
        train_loss: mean over each epoch's minibatches, while the network was learning.
        valid_loss: after each epoch, or what ``selection`` measured then; empty if there was no
            validation part.
        best_epoch: the epoch, counted from 1, whose weights the network has now: the one with
            the lowest validation loss, or the last one; 0 before the first.
    """

    train_loss: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    best_epoch: int = 0

    def __repr__(self) -> str:
        if not self.epochs:
            return "History(no epoch yet)"
        best = self.best_epoch
        losses = [f"train_loss {self.train_loss[best - 1]:.4g}"]
        if self.valid_loss:
            losses.append(f"valid_loss {self.valid_loss[best - 1]:.4g}")
        epochs = "1 epoch" if self.epochs == 1 else f"{self.epochs} epochs"
        return f"History({epochs}, best {best}: {', '.join(losses)})"

    @property
    def epochs(self) -> int:
        """How many epochs were completed."""
        return len(self.train_loss)

    @property
    def best_loss(self) -> float:
        """The validation loss of the best epoch, infinite before the first; or its training
        loss if there was no validation part."""
        losses = self.valid_loss or self.train_loss
        return losses[self.best_epoch - 1] if self.best_epoch else inf

    def add(self, train_loss: float, valid_loss: Optional[float]) -> bool:
        """Notes one more epoch; returns whether it is the best so far."""
        before = self.best_loss
        self.train_loss.append(train_loss)
        if valid_loss is not None:
            self.valid_loss.append(valid_loss)
            if not valid_loss < before:
                return False
        self.best_epoch = self.epochs
        return True

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :meth:`from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> History:
        """The history described by plain data.

        Raises:
            DataError: it is no such description.
        """
        fields = ("train_loss", "valid_loss", "best_epoch")
        if not isinstance(description, Mapping) or set(description) != set(fields):
            raise DataError(f"expected a map of {', '.join(fields)}", "history")
        train, valid, best = (description[name] for name in fields)
        for name, losses in (("train_loss", train), ("valid_loss", valid)):
            if not (isinstance(losses, list) and all(_is_loss(each) for each in losses)):
                raise DataError("expected a list of finite numbers", name)
        if len(valid) not in (0, len(train)):
            raise DataError(f"expected {len(train)} numbers, one an epoch", "valid_loss")
        if type(best) is not int or not 0 <= best <= len(train):
            raise DataError(f"expected an integer from 0 to {len(train)}", "best_epoch")
        return cls(list(train), list(valid), best)


def _is_loss(value: object) -> bool:
    return isinstance(value, float) and isfinite(value)
