"""CfC cells of ``ncps`` without a wiring: closed-form dynamics of one layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import torch
from torch import Tensor

from ..._model import Model
from ..._parameters import Values
from ...dynamics._closed_form import MODES
from ...wiring import Wiring
from ._options import mode_of
from ._parts import model, projection


def read(weights: Mapping[str, Tensor], options: Mapping[str, Any]) -> Model:
    """A network with the weights of a CfC."""
    layers = _layers(weights)
    mode, units = mode_of(weights, "", options), len(weights["ff1.weight"])
    inputs = weights[f"{layers[0] if layers else 'ff1'}.weight"].shape[1] - units
    dynamics = {"type": "closed_form", "mode": mode, "backbone_layers": len(layers)}
    if layers:
        dynamics |= {
            "backbone_units": len(weights[f"{layers[0]}.weight"]),
            "backbone_activation": options["activation"],
            "backbone_dropout": options["backbone_dropout"],
        }
    values = _backbone(weights, layers, inputs)
    for head in MODES[mode]:
        values |= _head(weights, head, inputs if not layers else None)
    if mode == "pure":
        values |= {name: weights[name].flatten() for name in ("w_tau", "A")}
    return model(
        Wiring.from_matrices(torch.ones(units, units), torch.ones(inputs, units)),
        values,
        projection(weights, units, units),
        weights,
        options,
        dynamics=dynamics,
    )


def _layers(weights: Mapping[str, Tensor]) -> list[str]:
    """What the names of the parameters of each layer of the backbone begin with."""
    names = {name.rpartition(".")[0] for name in weights if name.startswith("backbone.")}
    return sorted(names, key=lambda name: int(name.rpartition(".")[2]))


def _backbone(weights: Mapping[str, Tensor], layers: list[str], inputs: int) -> Values:
    """The parameters of a backbone by our names."""
    values: Values = {}
    for index, layer in enumerate(layers):
        weight = weights[f"{layer}.weight"]
        values[f"backbone_{index}_b"] = weights[f"{layer}.bias"]
        if index > 0:
            values[f"backbone_{index}_W"] = weight
        else:
            values |= {
                "backbone_0_W_in": weight[:, :inputs],
                "backbone_0_W_rec": weight[:, inputs:],
            }
    return values


def _head(weights: Mapping[str, Tensor], head: str, inputs: Optional[int]) -> Values:
    """The parameters of a head by our names; ``inputs`` it reads besides the neurons, None behind
    a backbone."""
    weight, bias = weights[f"{head}.weight"], weights[f"{head}.bias"]
    if "sparsity_mask" in weights and head in ("ff1", "ff2"):
        weight = weight * weights["sparsity_mask"]
    if inputs is None:
        return {f"{head}_W": weight, f"{head}_b": bias}
    return {
        f"{head}_W_in": weight[:, :inputs].flatten(),
        f"{head}_W_rec": weight[:, inputs:].flatten(),
        f"{head}_b": bias,
    }
