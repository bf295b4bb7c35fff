"""Whether the config, the wirings and the values of a model fit together.

Found out before a network is made: populations on the meta device know the names and shapes of
their parameters, and have no memory for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .. import readout as readouts
from .._checks import check_fraction
from .._model import Model
from ..errors import LiquidError, ModelFileError
from ..neuron import LiquidNeuron
from ._fields import map_of, refuse

_OPTIONS = ("dynamics", "solver", "unfolds", "constraint", "mixed_memory")
"""Those of a population."""

Shapes = dict[str, torch.Size]


def check_fit(model: Model) -> None:
    """Everything that :class:`LiquidNetwork` expects of its options and parameters.

    Raises:
        ModelFileError: naming the part that does not fit.
    """
    _check_sizes(model)
    _check_density(model)
    try:
        check_fraction("dropout", model.config["dropout"])
        with torch.device("meta"):
            shapes = _readout_shapes(model.config, model)
            populations = _populations(model)
    except LiquidError as error:
        raise ModelFileError(str(error), "config") from None
    lowest: dict[str, float] = {}
    for index, neuron in enumerate(populations):
        for prefix, module in neuron.parameter_modules().items():
            start = f"neurons.{index}.{prefix}"
            shapes |= {start + name: each.shape for name, each in module.named_parameters()}
            lowest |= {start + name: bound for name, bound in module.lower_bounds.items()}
    _check_values(model.values, shapes, lowest)


def _check_sizes(model: Model) -> None:
    """One wiring a population, each with the inputs that reach it."""
    config = model.config
    directions = 2 if config["bidirectional"] else 1
    expected = config["num_layers"] * directions
    if len(model.wirings) != expected:
        raise ModelFileError(
            f"expected {expected}, one a population, got {len(model.wirings)}", "wirings"
        )
    for index, wiring in enumerate(model.wirings):
        if wiring.units != config["hidden_size"]:
            raise ModelFileError(
                f"is {wiring.units}, but config.hidden_size is {config['hidden_size']}",
                f"wirings[{index}].units",
            )
        inputs = config["input_size"] if index < directions else wiring.units * directions
        if wiring.input_size != inputs:
            raise ModelFileError(
                f"is {wiring.input_size}, but by the config it has {inputs}",
                f"wirings[{index}].input_size",
            )


def _check_density(model: Model) -> None:
    """Refuses weights that no wiring lists and the file does not hold, before anything as large
    as they are is made."""
    if model.config["dynamics"].get("leaky_wiring") is not True:
        return
    held = sum(value.numel() for value in model.values.values())
    needed = 0
    for wiring in model.wirings:
        sizes = [len(ids) for ids in wiring.layers.values()]
        needed += sizes[0] * wiring.input_size + sum(size**2 for size in sizes)
    if needed > held:
        raise ModelFileError(f"need {needed} numbers and more, got {held}", "tensors")


def _populations(model: Model) -> list[LiquidNeuron]:
    options = {name: model.config[name] for name in _OPTIONS}
    populations = [LiquidNeuron(each.input_size, wiring=each, **options) for each in model.wirings]
    for name in ("solver", "unfolds"):
        if options[name] != populations[0].config()[name]:
            refuse(f"config.{name}", "a value for these dynamics", options[name])
    return populations


def _readout_shapes(config: Mapping[str, Any], model: Model) -> Shapes:
    first, outputs, both = model.wirings[0], config["output_size"], config["bidirectional"]
    kind = readouts.kind_for(config["readout"], first, outputs, both)
    width = first.units * (2 if both else 1)
    module = readouts.build(kind, width, outputs, None)
    return {f"readout.{name}": each.shape for name, each in module.named_parameters()}


def _check_values(
    values: Mapping[str, Tensor], shapes: Shapes, lowest: Mapping[str, float]
) -> None:
    """Names and shapes are those of the populations and the read-out, numbers in their domain."""
    map_of("tensors", dict(values), shapes)
    for name, value in values.items():
        where, shape = f"tensors.{name}", shapes[name]
        if value.shape != shape:
            raise ModelFileError(f"expected shape {tuple(shape)}, got {tuple(value.shape)}", where)
        if not bool(torch.isfinite(value).all()):
            raise ModelFileError("contains NaN or infinity", where)
    if len({value.dtype for value in values.values()}) > 1:
        raise ModelFileError("expected all f4 or all f8, got both", "tensors")
    for name, bound in lowest.items():
        value = values[name]
        if bool((value < torch.tensor(bound, dtype=value.dtype)).any()):
            raise ModelFileError(
                f"expected at least {bound:g}, got {float(value.min()):g}", f"tensors.{name}"
            )
