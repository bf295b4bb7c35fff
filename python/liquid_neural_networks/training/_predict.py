"""Running a trained network on windows, and measuring it there."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .._checks import check_count
from ..data import Windows
from . import _parallel as parallel
from ._losses import Loss, known
from ._metrics import Metrics, class_metrics, value_metrics


def run(network: nn.Module, batch: Windows) -> Tensor:
    """The outputs for one minibatch that is on the network's device."""
    extras = {"elapsed_time": batch.elapsed_time, "mask": batch.mask}
    outputs: Tensor = network(
        batch.inputs, **{name: value for name, value in extras.items() if value is not None}
    )
    return outputs


@torch.no_grad()
def predict(network: nn.Module, windows: Windows, batch_size: int = 256) -> Tensor:
    """The network's outputs for all windows, on the CPU; dropout is off.

    Args:
        network: called as :func:`fit` calls it; its mode is left as it was.
        batch_size: windows at a time; only memory depends on it.

    Returns:
        (M, L, O): values, or scores of O classes; (M, O) from a network that puts out the
        last sample only.
    """
    check_count("batch_size", batch_size)
    like = next(network.parameters())
    training = network.training
    network.eval()
    try:
        outputs = [run(network, batch.to(like)).cpu() for batch in windows.batches(batch_size)]
    finally:
        network.train(training)
    return torch.cat(outputs)


def evaluate(network: nn.Module, windows: Windows, batch_size: int = 256) -> Metrics:
    """How well the network predicts the windows' targets, as plain data.

    Returns:
        For value targets ``mse``, ``mae``, ``r2`` and ``count``; for classes ``accuracy``,
        ``macro_f1``, ``f1``, ``confusion`` and ``count``. See
        :func:`~liquid_neural_networks.training.value_metrics` and
        :func:`~liquid_neural_networks.training.class_metrics`.

    Raises:
        ShapeError: outputs and targets do not fit.
        DataError: no target is known.
    """
    outputs = predict(network, windows, batch_size)
    targets = windows.targets.cpu().numpy()
    if windows.are_classes:
        return class_metrics(outputs.argmax(dim=-1).numpy(), targets, outputs.shape[-1])
    return value_metrics(outputs.numpy(), targets)


@torch.no_grad()
def mean_loss(network: nn.Module, windows: Windows, loss: Loss, batch_size: int) -> float:
    """The loss over all windows, every known target counting the same.

    Each process of a process group measures its share.
    """
    like = next(network.parameters())
    training = network.training
    network.eval()
    total, weight = 0.0, 0
    try:
        for batch in windows.batches(batch_size, parallel.share(torch.arange(len(windows)))):
            batch = batch.to(like)
            count = known(batch.targets)
            total += float(loss(run(network, batch), batch.targets)) * count
            weight += count
    finally:
        network.train(training)
    total, known_targets = parallel.total(total, weight)
    return total / max(known_targets, 1)
