"""CfC cells of ``ncps`` with a wiring: a masked cell for each of its layers.

There the state is ordered by layer, first inter, then command, then motor neurons; here motor
neurons come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..._model import Model
from ..._parameters import Values
from ...dynamics._closed_form import MODES
from ...dynamics._head_layout import HeadLayout
from ...wiring import Wiring
from ._options import mode_of
from ._parts import model, projection

Members = list[Tensor]
"""The neurons of each layer, by our numbers."""


def read(weights: Mapping[str, Tensor], options: Mapping[str, Any]) -> Model:
    """A network with the weights of a wired CfC."""
    masks = _masks(weights)
    members = _members([mask.shape[1] for mask in masks])
    wiring = _wiring(masks, members)
    mode = mode_of(weights, "layer_0.", options)
    return model(
        wiring,
        _values(weights, wiring, members, mode),
        projection(weights, wiring.units, wiring.motor),
        weights,
        options,
        order=torch.cat(members).argsort(),
        dynamics={
            "type": "closed_form",
            "mode": mode,
            "backbone_layers": 0,
            "leaky_wiring": True,
        },
    )


def _masks(weights: Mapping[str, Tensor]) -> list[Tensor]:
    """One a layer: (senders, neurons), the senders being those before the layer, then its own."""
    masks: list[Tensor] = []
    while f"layer_{len(masks)}.sparsity_mask" in weights:
        masks.append(weights[f"layer_{len(masks)}.sparsity_mask"].T)
    return masks


def _members(sizes: list[int]) -> Members:
    """The last layer first."""
    starts = [sum(sizes[layer + 1 :]) for layer in range(len(sizes))]
    return [torch.arange(start, start + size) for start, size in zip(starts, sizes)]


def _wiring(masks: list[Tensor], members: Members) -> Wiring:
    inputs, units = len(masks[0]) - len(members[0]), sum(map(len, members))
    adjacency, sensory = torch.zeros(units, units), torch.zeros(inputs, units)
    _place(masks, members, sensory, adjacency)
    names = ["inter", "command", "motor"]
    if len(masks) != 3:
        names = [f"layer_{index}" for index in range(len(masks))] if len(masks) > 1 else ["neurons"]
    return Wiring.from_matrices(
        adjacency.int().tolist(),
        sensory.int().tolist(),
        motor=len(members[-1]),
        layers={name: ids.tolist() for name, ids in zip(names, members)},
    )


def _place(blocks: list[Tensor], members: Members, sensory: Tensor, recurrent: Tensor) -> None:
    """Puts one block a layer, (senders, neurons), where it stands among all inputs (I, N) and among
    all neurons (N, N)."""
    inputs = len(sensory)
    for layer, (block, own) in enumerate(zip(blocks, members)):
        if layer == 0:
            sensory[:, own] = block[:inputs]
        else:
            recurrent[members[layer - 1][:, None], own] = block[: -len(own)]
        recurrent[own[:, None], own] = block[-len(own) :]


def _values(weights: Mapping[str, Tensor], wiring: Wiring, members: Members, mode: str) -> Values:
    """The parameters of the heads by our names, for the pairs of neurons that have one."""
    layout = HeadLayout(wiring, MODES[mode], leaky=True)
    like = weights["layer_0.ff1.weight"]
    values: Values = {}
    for head, pairs in layout.pairs.items():
        sensory = like.new_zeros(wiring.input_size, wiring.units)
        recurrent = like.new_zeros(wiring.units, wiring.units)
        blocks = [weights[f"layer_{layer}.{head}.weight"].T for layer in range(len(members))]
        _place(blocks, members, sensory, recurrent)
        values |= {
            f"{head}_W_in": sensory[tuple(map(torch.from_numpy, pairs.sensory))],
            f"{head}_W_rec": recurrent[tuple(map(torch.from_numpy, pairs.recurrent))],
            f"{head}_b": _by_neuron(weights, f"{head}.bias", members),
        }
    if mode == "pure":
        values |= {name: _by_neuron(weights, name, members) for name in ("w_tau", "A")}
    return values


def _by_neuron(weights: Mapping[str, Tensor], name: str, members: Members) -> Tensor:
    """(N,) by our numbers, from a parameter that each layer has."""
    parts = [weights[f"layer_{layer}.{name}"].flatten() for layer in range(len(members))]
    return torch.cat(parts)[torch.cat(members).argsort()]
