"""How far an export is from its network."""

from __future__ import annotations

import numpy as np
import torch

from .._forecasting import Past
from .._model import Model
from ..data import Series
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
    """(T, O), without what a forecast starts from."""
    network = LiquidNetwork.from_model(model)
    fed = _fed(design, inputs, elapsed_time)
    scaled = fed if design.inputs is None else design.inputs.apply(fed)
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


def _fed(design: Design, inputs: Array, elapsed_time: Array) -> Array:
    """(T, I) inputs with what the network is fed of its start."""
    start = design.start
    if start is None:
        return inputs
    targets = inputs[:, start.changes] if start.changes else np.zeros((len(inputs), 0))
    past = Past.of(Series(inputs, targets, elapsed_time), targets)
    return start.fed(inputs, past, start.forecast(past))
