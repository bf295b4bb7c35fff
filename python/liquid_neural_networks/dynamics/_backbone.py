"""The backbone of closed-form dynamics: a small dense network between [u, x] and the heads.

The first layer is split into what inputs and what states contribute, so that the former is one
matrix product for all time steps. The constants of an activation are multiplied into the matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .._dropout import dropout
from .._parameters import Values


class Activation(NamedTuple):
    """scale * function(slope * y)."""

    function: Callable[[Tensor], Tensor]
    slope: float = 1.0
    scale: float = 1.0


ACTIVATIONS = {
    "lecun_tanh": Activation(torch.tanh, 0.666, 1.7159),
    "tanh": Activation(torch.tanh),
    "relu": Activation(torch.relu),
    "silu": Activation(functional.silu),
    "gelu": Activation(functional.gelu),
}


class Backbone(NamedTuple):
    """Its options; see :class:`~liquid_neural_networks.dynamics.ClosedFormDynamics`."""

    layers: int
    activation: str
    dropout: float

    def matrices(self, values: Values, heads: Sequence[str]) -> Values:
        """``W_in`` (H, I), ``bias`` (H,) and ``recurrent`` (N, H) of the first layer, ``hidden_L``
        (H, H) and ``hidden_bias_L`` of the others, ``heads`` (heads N, H) and ``heads_bias``."""
        _, slope, scale = ACTIVATIONS[self.activation]
        made = {
            "W_in": slope * values["backbone_0_W_in"],
            "bias": slope * values["backbone_0_b"],
            "recurrent": slope * values["backbone_0_W_rec"].t(),
            "heads": scale * torch.cat([values[f"{head}_W"] for head in heads]),
            "heads_bias": torch.cat([values[f"{head}_b"] for head in heads]),
        }
        for layer in range(1, self.layers):
            made[f"hidden_{layer}"] = slope * scale * values[f"backbone_{layer}_W"]
            made[f"hidden_bias_{layer}"] = slope * values[f"backbone_{layer}_b"]
        return made

    def heads(self, values: Values, first: Tensor, training: bool) -> Tensor:
        """(..., heads N) from the pre-activations of the first layer (..., H)."""
        z = self.last(values, first, training)
        return functional.linear(z, values["heads"], values["heads_bias"])

    def last(self, values: Values, first: Tensor, training: bool) -> Tensor:
        """(..., H) what the last layer says, up to a scale that the heads have in them."""
        function = ACTIVATIONS[self.activation].function
        z = function(first)
        for layer in range(1, self.layers):
            weights, bias = values[f"hidden_{layer}"], values[f"hidden_bias_{layer}"]
            z = function(functional.linear(z, weights, bias))
            if self.dropout > 0.0:
                z = dropout(z, self.dropout, training)
        return z

    def linear_path(self, values: Values, head: str) -> tuple[Tensor, Tensor]:
        """(N, N) and (N, I): what a head would take from states and inputs if every layer were
        linear."""
        path = values[f"{head}_W"]
        for layer in reversed(range(1, self.layers)):
            path = path @ values[f"backbone_{layer}_W"]
        return path @ values["backbone_0_W_rec"], path @ values["backbone_0_W_in"]
