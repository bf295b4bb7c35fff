"""How far whole numbers are from float."""

from __future__ import annotations

import numpy as np
import torch

from .._model import Model
from ..network import LiquidNetwork
from ._design import Array
from ._fixed import Fixed
from ._fixed_run import run


def differences(fixed: Fixed, model: Model, inputs: Array, elapsed_time: Array) -> Array:
    """(T, O) outputs in whole numbers less those of the network, in the units of the outputs."""
    found, _ = run(fixed, inputs, elapsed_time)
    network, design = LiquidNetwork.from_model(model), fixed.design
    scaled = inputs if design.inputs is None else design.inputs.apply(inputs)
    seen = ~np.isnan(scaled)
    like = next(network.parameters())
    with torch.no_grad():
        given = torch.from_numpy(np.where(seen, scaled, 0.0)).to(like)
        times = torch.tensor(elapsed_time).to(like)
        path = network.trace(
            given,
            elapsed_time=times,
            mask=torch.from_numpy(seen),
            population=len(fixed.populations) - 1,
        ).states
    weight, shift = design.readout
    states = path.double().numpy()
    wanted = states @ weight.T if design.readout.dense else states[:, : len(shift)] * weight
    return np.asarray(found - (wanted + shift))
