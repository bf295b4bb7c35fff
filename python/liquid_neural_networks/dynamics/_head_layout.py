"""Where the weights of closed-form heads stand in the matrices of a step, without a backbone.

A head has one weight for each synapse of the wiring and for each neuron's own past, in lists sorted
by receiver, then sender. A step needs matrices: their rows are ordered by layer of the wiring, then
head, then neuron, so that what one layer needs is one slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .._indices import Index, IndexLists
from .._parameters import Values
from ..wiring import Wiring


class Pairs(NamedTuple):
    """Who sends and who receives, sorted by receiver, then sender."""

    pre: Index
    post: Index


class HeadPairs(NamedTuple):
    """The pairs that one head has weights for."""

    sensory: Pairs
    recurrent: Pairs


class HeadLayout:
    """The layers of a wiring, and for each head the pairs it has weights for.

    Attributes:
        sizes: neurons in each layer of the wiring, in the order in which the layers act in a step.
        pairs: head -> its pairs.
        links: (receiving layer, sending layer) where a layer listens to an earlier one.
    """

    def __init__(self, wiring: Wiring, heads: Sequence[str], leaky: bool):
        self.units, self.inputs, self.head_count = wiring.units, wiring.input_size, len(heads)
        members = [np.array(ids) for ids in wiring.layers.values()]
        if len(members) == 1:
            members = [np.arange(wiring.units)]
        self.sizes = [len(ids) for ids in members]
        self.pairs = {head: _head_pairs(wiring, members, head, leaky) for head in heads}
        rows = self._rows(members)
        order = np.concatenate(members)
        self._indices = IndexLists(
            sensory_places=self._places([each.sensory for each in self.pairs.values()], rows,
                                        wiring.input_size),
            recurrent_places=self._places([each.recurrent for each in self.pairs.values()], rows,
                                          wiring.units),
            bias_places=np.argsort(rows.ravel()),
            order=order,
            back=np.argsort(order),
        )  # fmt: skip
        self.links = self._links(members)

    def _rows(self, members: list[Index]) -> Index:
        """(heads, N) the row of each head of each neuron."""
        rows = np.zeros((self.head_count, self.units), dtype=np.int64)
        start = 0
        for ids in members:
            block = np.arange(self.head_count * len(ids)).reshape(self.head_count, -1)
            rows[:, ids] = start + block
            start += block.size
        return rows

    def _places(self, pairs: list[Pairs], rows: Index, senders: int) -> Index:
        """Where each weight stands in a flat matrix (heads N, senders)."""
        places = [rows[head, each.post] * senders + each.pre for head, each in enumerate(pairs)]
        return np.concatenate(places)

    def _links(self, members: list[Index]) -> list[tuple[int, int]]:
        layer = np.empty(self.units, dtype=np.int64)
        for number, ids in enumerate(members):
            layer[ids] = number
        recurrent = [each.recurrent for each in self.pairs.values()]
        joined = {(int(layer[to]), int(layer[of]))
                  for each in recurrent for of, to in zip(each.pre, each.post)}  # fmt: skip
        return sorted((to, of) for to, of in joined if of < to)

    # -- neurons by layer ------------------------------------------------------------------------

    @property
    def one_layer(self) -> bool:
        """Whether all neurons act at once."""
        return len(self.sizes) == 1

    def order(self, device: torch.device) -> Tensor:
        """(N,) the neurons layer by layer."""
        return self._indices.tensor("order", device)

    def back(self, device: torch.device) -> Tensor:
        """(N,) where each neuron stands in :meth:`order`."""
        return self._indices.tensor("back", device)

    def members(self, device: torch.device) -> list[Tensor]:
        """The neurons of each layer."""
        return list(torch.split(self.order(device), self.sizes))

    def earlier(self, layer: int, device: torch.device) -> Tensor:
        """(N,) whether a neuron is in a layer that acts before this one."""
        return self.back(device) < sum(self.sizes[:layer])

    def by_layer(self, values: Tensor) -> list[Tensor]:
        """(..., N) in the order of the neurons, split into the layers."""
        if self.one_layer:
            return [values]
        ordered = values.index_select(-1, self.order(values.device))
        return list(torch.split(ordered, self.sizes, -1))

    def joined(self, layers: list[Tensor]) -> Tensor:
        """(..., N) in the order of the neurons, from the layers."""
        if self.one_layer:
            return layers[0]
        return torch.cat(layers, -1).index_select(-1, self.back(layers[0].device))

    def heads_by_layer(self, heads: Tensor, dim: int = -1) -> list[Tensor]:
        """Rows of the matrices, split into those of each layer."""
        return list(torch.split(heads, [self.head_count * n for n in self.sizes], dim))

    # -- matrices --------------------------------------------------------------------------------

    def matrices(self, values: Values, heads: Sequence[str]) -> Values:
        """The matrices of a step.

        Returns:
            ``W_in`` (heads N, I), ``bias`` (heads N,), ``recurrent`` (N, heads N) from the states
            before the step, ``recurrent_all`` likewise with what earlier layers send, and for each
            of :attr:`links` ``between_TO_FROM``, what a layer takes from the new states of an
            earlier one.
        """

        def placed(suffix: str, places: str, columns: int) -> Tensor:
            weights = torch.cat([values[f"{head}_{suffix}"] for head in heads])
            rows = self.head_count * self.units
            if self.one_layer and len(weights) == rows * columns:
                return weights.view(rows, columns)  # sorted by receiver, then sender: in place
            empty = weights.new_zeros(rows * columns)
            index = self._indices.tensor(places, weights.device)
            return empty.index_put((index,), weights).view(rows, columns)

        bias = torch.cat([values[f"{head}_b"] for head in heads])
        if not self.one_layer:
            bias = bias[self._indices.tensor("bias_places", bias.device)]
        recurrent = placed("W_rec", "recurrent_places", self.units)
        made = {
            "W_in": placed("W_in", "sensory_places", self.inputs),
            "bias": bias,
            "recurrent_all": recurrent.t(),
            "recurrent": recurrent.t(),
        }
        return made if self.one_layer else {**made, **self._between(recurrent)}

    def _between(self, recurrent: Tensor) -> Values:
        """What goes from layer to layer within a step, cut out of the recurrent matrix."""
        made: Values = {}
        blocks = self.heads_by_layer(recurrent, 0)
        members = list(torch.split(self.order(recurrent.device), self.sizes))
        for to, of in self.links:
            made[f"between_{to}_{of}"] = blocks[to].index_select(1, members[of]).t()
        for to in {to for to, _ in self.links}:
            earlier = [members[of] for receiver, of in self.links if receiver == to]
            blocks[to] = blocks[to].index_fill(1, torch.cat(earlier), 0.0)
        return {**made, "recurrent": torch.cat(blocks).t()}

    def between_layers(self, values: Values) -> Tensor:
        """(heads N, N) all ``between_TO_FROM`` in one matrix, senders layer by layer."""
        like = values["recurrent"]
        rows = []
        for to, size in enumerate(self.sizes):
            columns = [
                values.get(f"between_{to}_{of}", like.new_zeros(n, self.head_count * size))
                for of, n in enumerate(self.sizes)
            ]
            rows.append(torch.cat(columns).t())
        return torch.cat(rows)


def _head_pairs(wiring: Wiring, layers: list[Index], head: str, leaky: bool) -> HeadPairs:
    units, inputs = wiring.units, wiring.input_size
    sensory = wiring.sensory_post * inputs + wiring.sensory_pre
    synapses = wiring.post * units + wiring.pre
    if not leaky:
        itself = np.arange(units) * (units + 1)
        return HeadPairs(_pairs(sensory, inputs), _pairs(np.union1d(synapses, itself), units))
    everything = head.startswith("time")
    if everything:
        sensory = _all_pairs(np.arange(inputs), layers[0], inputs)
    else:
        sensory = sensory[np.isin(wiring.sensory_post, layers[0])]
    recurrent = [_all_pairs(here, here, units) for here in layers]
    for before, here in zip(layers, layers[1:]):
        between = _all_pairs(before, here, units)
        recurrent.append(between if everything else np.intersect1d(between, synapses))
    return HeadPairs(_pairs(sensory, inputs), _pairs(np.concatenate(recurrent), units))


def _all_pairs(pre: Index, post: Index, senders: int) -> Index:
    """Every pair of these, as post * senders + pre."""
    return (post[:, None] * senders + pre).ravel()


def _pairs(places: npt.NDArray[np.int64], senders: int) -> Pairs:
    post, pre = np.divmod(np.sort(places), senders)
    return Pairs(pre, post)
