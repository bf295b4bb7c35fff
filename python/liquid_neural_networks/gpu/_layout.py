"""Synapses as padded lists, and the sizes that kernels are compiled for.

A kernel works on tiles whose sizes are powers of 2. So synapses are arranged as L lists of K places,
stored as (K, L): a list is one lane's work. All synapses of a list belong to one neuron, its owner;
a neuron with more than K of them owns several lists, one after the other. The cost of an unfold
follows K L, so K is chosen such that this comes near the number of synapses, however unequal the
neurons are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Indices = npt.NDArray[np.int64]

SMALLEST = 16
"""Neurons and lists of a tile, at least."""

MOST_SHUFFLED = 128
"""Up to as many neurons a gather goes through the registers of a warp; it costs a shuffle for every
32 of them. Beyond, through memory."""


class Lists(NamedTuple):
    """The synapses of a population, by one of their ends.

    Attributes:
        synapse: (K, L) which synapse, -1 where there is none.
        other: (K, L) the neuron at its other end, 0 where there is none.
        owner: (L,) whose list it is, 0 for a list of nobody.
        first, count: (neurons,) the first list of a neuron, and how many it has.
        most: the largest count. If it is 1, list i belongs to neuron i.
    """

    synapse: Tensor
    other: Tensor
    owner: Tensor
    first: Tensor
    count: Tensor
    most: int


def power_of_2(number: int) -> int:
    """The least that is not below a number."""
    return 1 << (max(number, 1) - 1).bit_length()


def tile(units: int) -> int:
    """Neurons of a tile."""
    return max(power_of_2(units), SMALLEST)


def lists(owners: Indices, others: Indices, units: int, device: torch.device) -> Lists:
    """Synapses (E,) from ``others`` to ``owners``, or the other way round, as lists by owner."""
    length = _best_length(np.bincount(owners, minlength=units), tile(units))
    order = np.argsort(owners, kind="stable")
    fan = np.bincount(owners, minlength=units)
    count = -(-fan // length)
    most = max(int(count.max()), 1)
    if most == 1:
        first, total = np.arange(units), tile(units)
    else:
        first = np.cumsum(count) - count
        total = max(power_of_2(int(count.sum())), SMALLEST)
    place = np.arange(len(owners)) - np.repeat(np.cumsum(fan) - fan, fan)
    column = first[owners[order]] + place // length
    synapse = np.full((length, total), -1)
    other = np.zeros((length, total), dtype=np.int64)
    synapse[place % length, column] = order
    other[place % length, column] = others[order]
    owner = np.zeros(total, dtype=np.int64)
    owner[column] = owners[order]

    def tensor(values: Indices, size: int = 0) -> Tensor:
        padded = np.pad(values, (0, size - len(values))) if size else values
        return torch.tensor(padded, dtype=torch.int32, device=device)

    return Lists(
        tensor(synapse),
        tensor(other),
        tensor(owner),
        tensor(first, tile(units)),
        tensor(count, tile(units)),
        most,
    )


def _best_length(fan: Indices, neurons: int) -> int:
    """K, by what an unfold of one row costs a warp, in cycles."""
    return min((1 << i for i in range(17)), key=lambda length: _cycles(fan, length, neurons))


def _cycles(fan: Indices, length: int, neurons: int) -> float:
    count = -(-fan // length)
    many = int(count.max()) > 1
    total = max(power_of_2(int(count.sum())), SMALLEST) if many else neurons
    # A sigmoid takes 16 cycles of the special-function unit; a shuffle takes 4, and one moves 32.
    synapses = length * total / 32 * (16 + 4 * neurons / 32)
    if not many:
        return synapses
    gathers = 2 * int(count.max()) * neurons / 32
    return synapses + gathers * 4 * total / 32 + 30
