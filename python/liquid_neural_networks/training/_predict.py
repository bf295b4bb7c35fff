"""Running a trained network on windows, and measuring it there."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .._checks import check_count
from ..data import Windows
from ..errors import DtypeError
from . import _parallel as parallel
from ._losses import Loss, known
from ._metrics import Metrics, class_metrics, value_metrics


def run(network: nn.Module, batch: Windows) -> Tensor:
    """The outputs for one minibatch that is on the network's device.

    A network whose ``batch_first`` is False gets it and answers time first.

    Raises:
        DtypeError: the network does not answer with one tensor.
    """
    time_first = getattr(network, "batch_first", True) is False
    given = {"elapsed_time": batch.elapsed_time, "mask": batch.mask}
    extras = {name: value for name, value in given.items() if value is not None}
    if not time_first:
        return _one_tensor(network(batch.inputs, **extras))
    turned = {name: value.transpose(0, 1) for name, value in extras.items()}
    outputs = _one_tensor(network(batch.inputs.transpose(0, 1), **turned))
    return outputs.transpose(0, 1) if outputs.dim() == 3 else outputs


def _one_tensor(outputs: object) -> Tensor:
    if not isinstance(outputs, Tensor):
        raise DtypeError(
            f"expected a module that returns its outputs alone, got a {type(outputs).__name__}",
            "network",
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
    if not isinstance(windows, Windows):
        raise DtypeError(f"expected Windows, got {type(windows).__name__}", "windows")
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
        DtypeError: these are no windows, or the network does not answer with one tensor.
        DomainError: a class is beyond the network's outputs.
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
