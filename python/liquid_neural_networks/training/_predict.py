"""Running a trained network on windows, and measuring it there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

import torch
from torch import Tensor, nn

from .._checks import check_count
from .._tensors import array_of
from ..data import Windows
from ..errors import DtypeError
from . import _parallel as parallel
from ._batches import Batch, Batches, indices
from ._losses import Loss
from ._metrics import Metrics, class_metrics, value_metrics


def run(network: nn.Module, batch: Batch) -> Tensor:
    """The outputs for one minibatch, batch first.

    A network whose ``batch_first`` is False is called time first.

    Raises:
        DtypeError: the network does not return one tensor.
    """
    if getattr(network, "batch_first", True) is not False:
        return _one_tensor(network(batch.inputs, **batch.extras))
    extras = {name: value.transpose(0, 1) for name, value in batch.extras.items()}
    outputs = _one_tensor(network(batch.inputs.transpose(0, 1), **extras))
    return outputs.transpose(0, 1) if outputs.dim() == 3 else outputs


def _one_tensor(outputs: object) -> Tensor:
    if not isinstance(outputs, Tensor):
        raise DtypeError(
            f"expected a module that returns its outputs alone, got a {type(outputs).__name__}",
            "network",
        )
    return outputs


@contextmanager
def evaluation(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode, and without gradients; afterwards as it was."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def predict(network: nn.Module, windows: Windows, batch_size: int = 256) -> Tensor:
    """The network's outputs for all windows, on the CPU; dropout is off.

    Args:
        network: called as :func:`fit` calls it; its mode is left as it was.
        batch_size: windows at a time; only memory depends on it.

    Returns:
        (M, L, O): values, or scores of O classes; (M, O) from a network that puts out the
        last sample only.

    Raises:
        DtypeError: these are no windows, or the network does not return one tensor.
    """
    check_count("batch_size", batch_size)
    if not isinstance(windows, Windows):
        raise DtypeError(f"expected Windows, got {type(windows).__name__}", "windows")
    data = Batches(windows, network)
    with evaluation(network):
        parts = torch.split(indices(len(data)), batch_size)
        return torch.cat([run(network, data.batch(chosen)).cpu() for chosen in parts])


def evaluate(network: nn.Module, windows: Windows, batch_size: int = 256) -> Metrics:
    """How well the network predicts the windows' targets, as plain data.

    Returns:
        For value targets ``mse``, ``mae``, ``r2`` and ``count``; for classes ``accuracy``,
        ``macro_f1``, ``f1``, ``confusion`` and ``count``. See
        :func:`~liquid_neural_networks.training.value_metrics` and
        :func:`~liquid_neural_networks.training.class_metrics`.

    Raises:
        ShapeError: outputs and targets do not fit.
        DtypeError: these are no windows, or the network does not return one tensor.
        DomainError: a class is beyond the network's outputs.
        DataError: no target is known.
    """
    outputs = predict(network, windows, batch_size)
    targets = array_of(windows.targets)
    if windows.are_classes:
        return class_metrics(outputs.argmax(dim=-1).numpy(), targets, outputs.shape[-1])
    return value_metrics(outputs.numpy(), targets)


def mean_loss(
    network: nn.Module,
    data: Batches,
    loss: Loss,
    batch_size: int,
    chosen: Optional[Tensor] = None,
) -> float:
    """The loss over some windows, every known target counting the same; dropout is off.

    Each process of a process group measures its share.

    Args:
        batch_size: windows at a time.
        chosen: indices of the windows. Default: all.
    """
    total, weight = 0.0, 0
    own = parallel.share(indices(len(data)) if chosen is None else chosen)
    with evaluation(network):
        for some, count in zip(torch.split(own, batch_size), data.counts(own, batch_size)):
            if count > 0:
                batch = data.batch(some)
                total += float(loss(run(network, batch), batch.targets)) * count
                weight += count
    total, known_targets = parallel.total(total, weight)
    return total / max(known_targets, 1)
