"""Synapses as padded lists, and the sizes that kernels are compiled for.

A kernel works on tiles whose sizes are powers of 2. So synapses are arranged as L lists of K
places, stored as (K, L): a list is one lane's work. All synapses of a list belong to one neuron,
its owner; a neuron with more than K of them owns several lists, one after the other. The cost of an
unfold follows K L, so K is chosen such that this comes near the number of synapses, however unequal
the neurons are.
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

Indices = npt.NDArray[np.int64]

MOST_NEURONS = 1024
"""Neurons of a population, and inputs, at most."""

SMALLEST = 16
"""Neurons and lists of a tile, at least."""

MOST_SHUFFLED = 64
"""Up to as many neurons, and lists, a gather goes through the registers of a warp; it costs a
shuffle for every 32 of them. Beyond, through shared memory, where numbers wait for their bank."""

PLACES = 4
"""Sensory synapses of a neuron that are worked on at a time."""

WARPS = 16
"""Of a program, at most."""

MOST_PLACES = 32 * 32 * WARPS
"""Of a population's lists, at most: 32 a thread. Up to 8 a thread all numbers stay in registers."""

PROGRAMS = 2048
"""Warps of a backward kernel, about as many as a large GPU has at work at the same time. Each
program has its share of the parameters' gradients, so more would cost memory."""


class Lists(NamedTuple):
    """The synapses of a population, by one of their ends.

    Attributes:
        entries: (K, L) which synapse, times ``MOST_NEURONS``, plus the neuron at its other end;
            of synapse -1 and neuron 0 where there is none.
        owner: (L,) whose list it is, 0 for a list of nobody.
        first, counts: (neurons,) the first list of a neuron, and how many it has.
    """

    entries: Tensor
    owner: Tensor
    first: Tensor
    counts: Tensor

    @property
    def places(self) -> int:
        """K L."""
        return self.entries.numel()

    def to(self, device: torch.device) -> Lists:
        return Lists(*(each.to(device) for each in self))


def power_of_2(number: int) -> int:
    """The least that is not below a number."""
    return 1 << (max(number, 1) - 1).bit_length()


def tile(units: int) -> int:
    """Neurons of a tile."""
    return max(power_of_2(units), SMALLEST)


def gates(weights: Tensor, neurons: int) -> Tensor:
    """A memory's weights (4 N, N) of the neurons by gate, receiver and sender, (4, neurons,
    neurons), 0 beyond the neurons there are; see :mod:`._memory_cell`."""
    units = weights.shape[1]
    beyond = neurons - units
    return functional.pad(weights.view(4, units, units), (0, beyond, 0, beyond))


def warps(places: int, each: int = 16) -> int:
    """Of a program that works on so many places, ``each`` a thread if there are threads enough."""
    return min(power_of_2(-(-places // (32 * each))), WARPS)


def backward_warps(places: int, neurons: int, regular: bool, memory: bool) -> int:
    """Of a backward kernel: with fewer places a thread where others need more registers."""
    roomy = not memory and (neurons <= 32 or neurons > MOST_SHUFFLED or regular)
    return warps(places, 16 if roomy else 8)


def balanced(owners: Indices, others: Indices, units: int) -> tuple[Lists, int]:
    """Synapses (E,) from ``others`` to ``owners``, or the other way round, as lists by owner.

    Returns:
        The lists and how many a neuron has at most. If that is 1, list i is of neuron i.
    """
    fan = np.bincount(owners, minlength=units)
    length = min((1 << i for i in range(11)), key=lambda length: _cycles(fan, length))
    most = max(int(_count(fan, length).max()), 1)
    return lists(owners, others, units, length, is_regular(units, length, most)), most


def lists(
    owners: Indices, others: Indices, units: int, length: int, regular: bool = False
) -> Lists:
    """The same with K given; if ``regular``, a synapse from or to neuron k has place k."""
    fan = np.bincount(owners, minlength=units)
    count = _count(fan, length)
    total = _lists(count)
    first = np.arange(units) if count.max() <= 1 else np.cumsum(count) - count
    order = np.argsort(owners, kind="stable")
    place = np.arange(len(owners)) - np.repeat(np.cumsum(fan) - fan, fan)
    column = first[owners[order]] + place // length
    if regular:
        place = others[order]
    entries = np.full((length, total), -MOST_NEURONS)
    owner = np.zeros(total, dtype=np.int64)
    entries[place % length, column] = order * MOST_NEURONS + others[order]
    owner[column] = owners[order]
    padding = (0, tile(units) - units)
    arrays = (entries, owner, np.pad(first, padding), np.pad(count, padding))
    return Lists(*(torch.tensor(each, dtype=torch.int32) for each in arrays))


def is_regular(units: int, length: int, most: int) -> bool:
    """Whether balanced lists are regular: each has a place for every neuron."""
    return most <= 1 and length >= units


def longest(owners: Indices) -> int:
    """The length of lists such that each owner needs one, a multiple of ``PLACES``."""
    most = int(np.bincount(owners).max()) if len(owners) else 0
    return max(-(-most // PLACES), 1) * PLACES


def _count(fan: Indices, length: int) -> Indices:
    """Lists of each neuron."""
    return -(-fan // length)


def _lists(count: Indices) -> int:
    """L: at least one for each neuron of a tile."""
    return max(power_of_2(int(count.sum())), tile(len(count)))


def _cycles(fan: Indices, length: int) -> float:
    """What an unfold of one row costs a warp, by the units that limit it.

    A sigmoid takes 16 cycles of the special-function unit. A shuffle takes 4 and moves 32 numbers
    from one register; a load takes 4 and moves 32 from anywhere.
    """
    count = _count(fan, length)
    total, neurons = _lists(count), tile(len(fan))
    shuffled = neurons <= MOST_SHUFFLED
    if shuffled and total > max(neurons, 32):
        return inf  # a register more for each list, and shuffles for each of them
    synapses = length * total / 32 * (16 + 4 * (neurons / 32 if shuffled else 1))
    if count.max() <= 1:
        return synapses
    gathers = 2 * int(count.max()) * neurons / 32 * (total / 32 if shuffled else 1)
    return synapses + 4 * gathers + 30
