"""Training by handle, epoch by epoch, with a flag that stops it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, Optional

import torch
from torch import Tensor

from .. import training
from ..data import Windows
from ..errors import OptionError
from ..network import LiquidNetwork
from ._arrays import Given, array_description, has_nan, tensor
from ._calls import Plain, guarded, held
from ._epochs import Watch, started
from ._network import sharing_parameters

CLASSES = torch.int64


@guarded
def train(
    handle: int, parts: Mapping[str, Mapping[str, Given]], options: Mapping[str, Any], stop: int
) -> int:
    """Starts to train a network, which has the weights of the best epoch afterwards.

    The network stays in evaluation mode meanwhile: what is trained is a second one with the
    same parameters.

    Args:
        parts: ``"train"`` and perhaps ``"valid"``: the fields of :class:`Windows`.
        options: of :func:`training.fit`, and ``save_to``: a ``.lnn`` file that holds the best
            network so far from the first epoch on.
        stop: address of a byte; training ends at the next minibatch when it is not 0.

    Returns:
        The handle for :func:`next_epoch`, whose result is the history, and why the training
        ended: ``"finished"``, ``"callback"`` or ``"stopped"``.
    """
    network = held(handle, LiquidNetwork)
    made = {name: _windows(network, part) for name, part in parts.items()}
    options = dict(options)
    path = options.pop("save_to", None)

    def save() -> None:
        if path is not None:
            network.save(path)

    watch = Watch(stop, better=save)

    def run() -> Callable[[], Plain]:
        history = training.fit(
            sharing_parameters(network),
            made["train"],
            made.get("valid"),
            **options,
            progress=False,
            callback=watch.epoch,
            interrupted=watch.interrupted,
        )
        save()
        return lambda: watch.course(history)

    return started(watch, run)


def _windows(network: LiquidNetwork, part: Mapping[str, Given]) -> Windows:
    """The caller's arrays as windows; targets of one rank less than the outputs are classes."""
    for name in part:
        if name not in ("inputs", "targets", "elapsed_time", "mask"):
            raise OptionError("windows hold inputs, targets, elapsed_time and mask", name)
    inputs, mask = tensor(part["inputs"]), tensor(part.get("mask"))
    assert inputs is not None
    if mask is None and has_nan(inputs):
        mask = ~inputs.isnan()
        inputs = torch.where(mask, inputs, 0.0)
    elapsed = tensor(part.get("elapsed_time"))
    if elapsed is not None and elapsed.dim() < 2:
        elapsed = elapsed.expand(inputs.shape[:2])
    return Windows(inputs, _targets(network, part.get("targets"), inputs), elapsed, _flags(mask))


def _targets(network: LiquidNetwork, given: Given, inputs: Tensor) -> Tensor:
    targets = tensor(given)
    if targets is None:  # to be predicted
        return inputs.new_zeros(len(inputs))
    if targets.dim() == (2 if network.return_sequences else 1):
        known = (
            torch.where(targets.isnan(), -1.0, targets) if targets.is_floating_point() else targets
        )
        return known.to(CLASSES)
    return targets if targets.is_floating_point() else targets.double()


def _flags(mask: Optional[Tensor]) -> Optional[Tensor]:
    return None if mask is None else mask != 0


@guarded
def predict(handle: int, part: Mapping[str, Given], batch_size: int = 256) -> Plain:
    """The outputs for all windows."""
    network = held(handle, LiquidNetwork)
    return array_description(training.predict(network, _windows(network, part), batch_size))


@guarded
def evaluate(handle: int, part: Mapping[str, Given], batch_size: int = 256) -> Plain:
    """How well the network predicts the windows' targets."""
    network = held(handle, LiquidNetwork)
    return dict(training.evaluate(network, _windows(network, part), batch_size))
