"""The losses training uses by itself; a target that is not known costs nothing."""

from __future__ import annotations

from typing import Callable

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import ShapeError
from ._batches import known

Loss = Callable[[Tensor, Tensor], Tensor]
"""(outputs, targets) -> the mean loss, a scalar that can be differentiated."""


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error of outputs (..., O) over the targets (..., O) that are not NaN."""
    if outputs.shape != targets.shape:
        raise ShapeError(
            f"expected {tuple(outputs.shape)} like the network's outputs, got "
            f"{tuple(targets.shape)}",
            "targets",
        )
    if not bool(targets.sum().isnan()):  # quicker than a look at each
        return functional.mse_loss(outputs, targets)
    there = known(targets)
    errors = outputs - torch.where(there, targets, outputs)
    return errors.square().sum() / there.sum().clamp(min=1)


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of scores (..., C) over the classes (...) that are not -1."""
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
    total = functional.cross_entropy(
        outputs.flatten(0, -2), targets.flatten(), ignore_index=-1, reduction="sum"
    )
    return total / known(targets).sum().clamp(min=1)
