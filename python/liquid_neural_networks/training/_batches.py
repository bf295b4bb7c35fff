"""Minibatches: some of the windows, as a network is called with them."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple, Optional

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..data import Windows


class Batch(NamedTuple):
    """One minibatch.

    Attributes:
        inputs, targets: as in :class:`~liquid_neural_networks.data.Windows`.
        extras: ``elapsed_time`` and ``mask``, as far as the windows have them.
    """

    inputs: Tensor
    targets: Tensor
    extras: dict[str, Tensor]


class Batches:
    """Windows, which are checked already, and what of them a network is given at a time.

    Args:
        windows: on any device.
        network: minibatches come in the dtype of its parameters and on their device.
    """

    def __init__(self, windows: Windows, network: nn.Module):
        self._like = like(network)
        self._inputs, self._targets = windows.inputs, windows.targets
        extras = {"elapsed_time": windows.elapsed_time, "mask": windows.mask}
        self._extras = {name: value for name, value in extras.items() if value is not None}

    def __len__(self) -> int:
        """How many windows there are."""
        return len(self._inputs)

    def batch(self, chosen: Tensor) -> Batch:
        """The windows with these indices."""
        return Batch(
            self._some(self._inputs, chosen),
            self._some(self._targets, chosen),
            {name: self._some(value, chosen) for name, value in self._extras.items()},
        )

    def _some(self, values: Tensor, chosen: Tensor) -> Tensor:
        found = values.index_select(0, chosen.to(values.device))
        if self._like is None:
            return found
        # Classes and masks stay what they are.
        return found.to(self._like if found.is_floating_point() else self._like.device)

    def counts(self, order: Tensor, size: int) -> list[int]:
        """How many targets are known in each minibatch of ``size`` windows, taken in this order:
        what it weighs in a mean."""
        starts = np.arange(0, len(order), size)
        counts: list[int] = np.add.reduceat(self._counts[order.numpy()], starts).tolist()
        return counts

    @cached_property
    def _counts(self) -> npt.NDArray[np.int64]:
        there = known(self._targets)
        counts: npt.NDArray[np.int64] = there.reshape(len(there), -1).sum(1).cpu().numpy()
        return counts


def known(targets: Tensor) -> Tensor:
    """Which targets are known: values that are not NaN, classes that are not -1."""
    return ~targets.isnan() if targets.is_floating_point() else targets >= 0


def like(network: nn.Module) -> Optional[Tensor]:
    """A parameter whose dtype and device data for the network have, if it has one."""
    return next((each for each in network.parameters() if each.is_floating_point()), None)


def indices(count: int) -> Tensor:
    """0 to ``count`` - 1, on the CPU whatever torch's default device is."""
    return torch.arange(count, device="cpu")
