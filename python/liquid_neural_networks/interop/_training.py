"""Training by handle, with a callback after every epoch and a flag that stops it."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any, Callable, Optional

import torch
from torch import Tensor

from .. import training
from ..data import Windows
from ..errors import OptionError
from ..network import LiquidNetwork
from ..training import History
from ._arrays import Given, array_description, tensor
from ._calls import Plain, guarded, held
from ._network import MISSING

Progress = Callable[[int, float, Optional[float], int], Any]
"""(epoch, training loss, validation loss or None, best epoch) -> whether to stop."""

CLASSES = torch.int64


@guarded
def train(
    handle: int,
    parts: Mapping[str, Mapping[str, Given]],
    options: Mapping[str, Any],
    progress: Progress,
    stop: int,
) -> Plain:
    """Trains a network; afterwards it has the weights of the best epoch.

    Args:
        parts: ``"train"`` and perhaps ``"valid"``: the fields of :class:`Windows`.
        options: of :func:`training.fit`, and ``save_to``: a ``.lnn`` file that holds the best
            network so far from the first epoch on.
        progress: called after every epoch; training ends when it returns true.
        stop: address of a byte; training ends at the next minibatch when it is not 0.

    Returns:
        The history, and why training ended: ``"finished"``, ``"callback"`` or ``"stopped"``.
    """
    network = held(handle, LiquidNetwork)
    made = {name: _windows(network, part) for name, part in parts.items()}
    options = dict(options)
    path = options.pop("save_to", None)

    def save() -> None:
        if path is not None:
            network.save(path)

    watch = Watch(progress, stop, better=save)
    try:
        history = training.fit(
            network,
            made["train"],
            made.get("valid"),
            **options,
            progress=False,
            callback=watch.epoch,
            interrupted=watch.interrupted,
        )
    finally:
        network.eval()
    save()
    return watch.course(history)


class Watch:
    """What looks on while a network is trained.

    Args:
        progress, stop: as for :func:`train`.
        better: called when an epoch was the best so far.
    """

    def __init__(self, progress: Progress, stop: int, better: Callable[[], None] = lambda: None):
        self.progress, self.better = progress, better
        self.flag = ctypes.c_ubyte.from_address(stop)
        self.ended = "finished"

    def epoch(self, history: History) -> bool:
        """The callback of :func:`training.fit`."""
        if history.best_epoch == history.epochs:
            self.better()
        valid = history.valid_loss[-1] if history.valid_loss else None
        if self.progress(history.epochs, history.train_loss[-1], valid, history.best_epoch):
            self.ended = "callback"
            return True
        return False

    def interrupted(self) -> bool:
        """What :func:`training.fit` asks after every minibatch."""
        if self.flag.value:
            self.ended = "stopped"
        return bool(self.flag.value)

    def course(self, history: History) -> Plain:
        """The history as plain data, with why the training ended."""
        return {
            **history.to_dict(),
            "epochs": history.epochs,
            "best_loss": history.best_loss if history.best_epoch else None,
            "ended": self.ended,
        }


def _windows(network: LiquidNetwork, part: Mapping[str, Given]) -> Windows:
    """The caller's arrays as windows; targets of one rank less than the outputs are classes."""
    for name in part:
        if name not in ("inputs", "targets", "elapsed_time", "mask"):
            raise OptionError("windows hold inputs, targets, elapsed_time and mask", name)
    inputs, mask = tensor(part["inputs"]), tensor(part.get("mask"))
    assert inputs is not None
    described = part["inputs"]
    if isinstance(described, Mapping) and described.get(MISSING) and mask is None:
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
