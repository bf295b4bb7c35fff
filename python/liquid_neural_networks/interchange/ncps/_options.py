"""What a state dict of ``ncps`` does not say, and where its modules say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ...errors import OptionError

OPTIONS: Mapping[str, Any] = {
    "mode": "default",
    "activation": "lecun_tanh",
    "backbone_dropout": 0.0,
    "ode_unfolds": 6,
    "implicit_param_constraints": True,
    "epsilon": 1e-8,
    "batch_first": True,
    "return_sequences": True,
}
"""With the defaults of ``ncps``."""

_ACTIVATIONS = {
    "LeCun": "lecun_tanh",
    "Tanh": "tanh",
    "ReLU": "relu",
    "SiLU": "silu",
    "GELU": "gelu",
}
"""The class of an activation between the layers of a backbone -> its name."""


def options_of(module: Any) -> dict[str, Any]:
    """The options of a module of ``ncps``, or of one of :mod:`compat.ncps`."""
    cell = getattr(module, "rnn_cell", module)
    found = {
        name: getattr(module, name)
        for name in ("batch_first", "return_sequences")
        if hasattr(module, name)
    }
    for name in ("ode_unfolds", "implicit_param_constraints", "epsilon"):
        if hasattr(cell, f"_{name}"):
            found[name] = getattr(cell, f"_{name}")
    closed = getattr(cell, "layer_0", cell)
    if hasattr(closed, "mode"):
        found["mode"] = closed.mode
    for layer in getattr(closed, "backbone", None) or ():
        if isinstance(layer, nn.Dropout):
            found["backbone_dropout"] = layer.p
        elif type(layer).__name__ in _ACTIVATIONS:
            found["activation"] = _ACTIVATIONS[type(layer).__name__]
    return found


def mode_of(weights: Mapping[str, Tensor], prefix: str, options: Mapping[str, Any]) -> str:
    """The mode of a CfC whose cell's parameters begin with ``prefix``; weights tell pure ones.

    Raises:
        OptionError: the mode asked for has other weights.
    """
    if f"{prefix}w_tau" in weights:
        return "pure"
    mode: str = options["mode"]
    if mode not in ("default", "no_gate"):
        raise OptionError(f"is {mode!r}, but the weights are of default or no_gate", "mode")
    return mode
