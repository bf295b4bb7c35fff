"""How far an export is from its network."""

from __future__ import annotations

import numpy as np
import torch

from .._model import Model
from ..network import LiquidNetwork
from ._design import Array, Design
from ._fixed import Fixed
from ._fixed_run import run
from ._half import rounded


def whole_differences(fixed: Fixed, model: Model, inputs: Array, elapsed_time: Array) -> Array:
    """(T, O) outputs in whole numbers less those of the network, in the units of the outputs."""
    found, _ = run(fixed, inputs, elapsed_time)
    return np.asarray(found - _outputs(fixed.design, model, inputs, elapsed_time))


def half_differences(design: Design, model: Model, inputs: Array, elapsed_time: Array) -> Array:
    """(T, O) outputs with constants in half precision less those of the network, in float64."""
    values = {name: each.double() for name, each in model.values.items()}
    exact = model._replace(values=values)
    found = _outputs(design, rounded(exact), inputs, elapsed_time)
    return np.asarray(found - _outputs(design, exact, inputs, elapsed_time))


def _outputs(design: Design, model: Model, inputs: Array, elapsed_time: Array) -> Array:
    """(T, O), less the latest values where a forecast starts from them."""
    network = LiquidNetwork.from_model(model)
    changes = _changes(design, inputs)
    scaled = changes if design.inputs is None else design.inputs.apply(changes)
    seen = ~np.isnan(scaled)
    like = next(network.parameters())
    with torch.no_grad():
        given = torch.from_numpy(np.where(seen, scaled, 0.0)).to(like)
        times = torch.tensor(elapsed_time).to(like)
        path = network.trace(
            given,
            elapsed_time=times,
            mask=torch.from_numpy(seen),
            population=len(design.populations) - 1,
        ).states
    weight, shift = design.readout
    states = path.double().numpy()
    found = states @ weight.T if design.readout.dense else states[:, : len(shift)] * weight
    return np.asarray(found + shift)


def _changes(design: Design, inputs: Array) -> Array:
    """Inputs, where the network is fed changes these: since the latest known value, at first 0."""
    found: Array = inputs.copy()
    for k in design.change_inputs:
        known = np.flatnonzero(~np.isnan(inputs[:, k]))
        found[known, k] = np.diff(inputs[known, k], prepend=inputs[known[:1], k])
    return found
