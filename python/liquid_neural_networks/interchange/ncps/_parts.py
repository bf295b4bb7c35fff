"""What networks of ``ncps`` of every kind have: a memory, a projection, and the whole of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import torch
from torch import Tensor

from ..._model import Model
from ..._parameters import Values
from ...wiring import Wiring

_MEMORY = {
    "W_in": "lstm.input_map.weight",
    "W_rec": "lstm.recurrent_map.weight",
    "b": "lstm.input_map.bias",
}
"""Our names for the parameters of the LSTM cell beside a cell."""


def model(
    wiring: Wiring,
    values: Values,
    readout: Values,
    weights: Mapping[str, Tensor],
    options: Mapping[str, Any],
    order: Optional[Tensor] = None,
    **config: Any,
) -> Model:
    """A network of one population.

    Args:
        values: of the neurons, by our names.
        readout: of the read-out, likewise.
        weights: all there are, by the names of ``ncps``.
        options: those of ``ncps``.
        order: (N,) where our neurons stand in the state there, if not in the same order.
        **config: what this kind of cell says of the network.
    """
    memory = _memory(weights, wiring.units, order)
    outputs = readout["scale"] if "scale" in readout else readout["bias"]
    return Model(
        {
            "input_size": wiring.input_size,
            "hidden_size": wiring.units,
            "output_size": len(outputs),
            "solver": None,
            "unfolds": None,
            "constraint": "clip",
            "mixed_memory": bool(memory),
            "num_layers": 1,
            "dropout": 0.0,
            "bidirectional": False,
            "batch_first": options["batch_first"],
            "return_sequences": options["return_sequences"],
            "readout": "motor" if "scale" in readout else "dense",
            **config,
        },
        [wiring],
        {
            **{f"neurons.0.{name}": value for name, value in (values | memory).items()},
            **{f"readout.{name}": value for name, value in readout.items()},
        },
        None,
        {},
    )


def _memory(weights: Mapping[str, Tensor], units: int, order: Optional[Tensor]) -> Values:
    """The parameters of the memory cell by our names, none without one."""
    if _MEMORY["W_in"] not in weights:
        return {}
    values = {name: weights[peer] for name, peer in _MEMORY.items()}
    if order is not None:  # rows are neurons of the four gates, columns of W_rec neurons
        for name, value in values.items():
            values[name] = value.reshape(4, units, -1)[:, order].reshape(value.shape)
        values["W_rec"] = values["W_rec"][:, order]
    return {f"memory.{name}": value for name, value in values.items()}


def projection(weights: Mapping[str, Tensor], units: int, motor: int) -> Values:
    """The read-out of a CfC: its projection of the motor neurons, or these as they are."""
    like = next(iter(weights.values()))
    if "fc.weight" not in weights:
        return {"scale": like.new_ones(motor), "shift": like.new_zeros(motor)}
    weight = torch.zeros(len(weights["fc.weight"]), units, dtype=like.dtype)
    weight[:, :motor] = weights["fc.weight"]
    return {"weight": weight, "bias": weights["fc.bias"]}
