"""The losses training uses by name; a target that is not known costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional

import torch
from torch import Tensor
from torch.nn import functional

from .._forecasting import check_levels
from ..errors import ShapeError
from ._batches import known

Loss = Callable[[Tensor, Tensor], Tensor]
"""(outputs, targets) -> the mean loss, a scalar that can be differentiated."""


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error of outputs (..., O) over the targets (..., O) that are not NaN."""
    _check_same(outputs, targets)
    if not bool(targets.sum().isnan()):  # quicker than a look at each
        return functional.mse_loss(outputs, targets)
    errors, count = _errors(outputs, targets)
    return errors.square().sum() / count


def absolute_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute error, likewise: its best forecast is the median."""
    _check_same(outputs, targets)
    errors, count = _errors(outputs, targets)
    return errors.abs().sum() / count


def huber(outputs: Tensor, targets: Tensor) -> Tensor:
    """Half the squared error up to an error of 1, growing linearly beyond: few far values count
    less."""
    _check_same(outputs, targets)
    errors, count = _errors(outputs, targets)
    return functional.huber_loss(errors, torch.zeros_like(errors), reduction="sum") / count


LOSSES: dict[str, Loss] = {"mse": squared_error, "mae": absolute_error, "huber": huber}
"""Name -> loss of value targets."""


@dataclass(frozen=True)
class PinballLoss:
    """Learns quantiles: the outputs are as many for each target as there are levels.

    Of an error, the share ``level`` counts where the value lies above the output, and
    1 - ``level`` below; its best forecast is exceeded by the share 1 - ``level`` of the values
    (Koenker and Bassett, Regression quantiles, Econometrica 46, 1978).

    Args:
        levels: Q numbers between 0 and 1, rising.

    Raises:
        DtypeError, DomainError: they are none.

    Example:
        >>> import torch
        >>> from liquid_neural_networks.training import PinballLoss
        >>> loss = PinballLoss((0.1, 0.9))
        >>> loss(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0]]))  # .1 and .9 of 1
        tensor(0.5000)
    """

    levels: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", check_levels(self.levels))

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean over outputs (..., O Q), of each target its levels in turn, and targets
        (..., O)."""
        count = len(self.levels)
        wanted = (*targets.shape[:-1], targets.shape[-1] * count)
        if tuple(outputs.shape) != wanted:
            raise ShapeError(
                f"expected {wanted}, {count} levels of every target, got {tuple(outputs.shape)}",
                "outputs",
            )
        levels = outputs.new_tensor(self.levels)
        there = known(targets).unsqueeze(-1)
        outputs = outputs.reshape(*targets.shape, count)
        errors = torch.where(there, targets.unsqueeze(-1), outputs) - outputs
        costs = torch.maximum(levels * errors, (levels - 1) * errors)
        return costs.sum() / (there.sum() * count).clamp(min=1)


@dataclass(frozen=True, eq=False)
class CrossEntropy:
    """Mean cross-entropy of scores (..., C) over the classes (...) that are not -1.

    Args:
        weights: (C,) what each class counts. Default: all the same.
    """

    weights: Optional[tuple[float, ...]] = None

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        _check_classes(outputs, targets)
        weights = None if self.weights is None else outputs.new_tensor(self.weights)
        total = functional.cross_entropy(
            outputs.flatten(0, -2), targets.flatten(), weights, ignore_index=-1, reduction="sum"
        )
        return total / known(targets).sum().clamp(min=1)


cross_entropy = CrossEntropy()


def balanced(targets: Tensor, classes: int) -> CrossEntropy:
    """The cross-entropy in which every class counts the same, however rare it is in ``targets``."""
    counts = torch.bincount(targets[targets >= 0], minlength=classes)
    present = counts.clamp(min=1).double()
    return CrossEntropy(tuple((counts.sum() / (classes * present)).tolist()))


def _errors(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Errors, 0 where the target is unknown, and how many are known."""
    there = known(targets)
    return outputs - torch.where(there, targets, outputs), there.sum().clamp(min=1)


def _check_same(outputs: Tensor, targets: Tensor) -> None:
    if outputs.shape != targets.shape:
        raise ShapeError(
            f"expected {tuple(outputs.shape)} like the network's outputs, got "
            f"{tuple(targets.shape)}",
            "targets",
        )


def _check_classes(outputs: Tensor, targets: Tensor) -> None:
    if outputs.shape[:-1] != targets.shape:
        raise ShapeError(
            f"expected classes {tuple(outputs.shape[:-1])}, one for each of the network's "
            f"outputs {tuple(outputs.shape)}, got {tuple(targets.shape)}",
            "targets",
        )
    highest = int(targets.max())
    if highest >= outputs.shape[-1] or int(targets.min()) < -1:
        raise ShapeError(
            f"the network has {outputs.shape[-1]} outputs, so expected classes from 0 to "
            f"{outputs.shape[-1] - 1}, or -1 where unknown",
            "targets",
        )
