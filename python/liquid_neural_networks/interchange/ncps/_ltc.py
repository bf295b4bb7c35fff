"""LTC cells of ``ncps``: conductance dynamics with parameters in matrices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..._model import Model
from ..._parameters import Values
from ...dynamics import ConductanceDynamics
from ...wiring import Wiring
from ._parts import model

NEURONS = {"c": "cm", "g": "gleak", "vleak": "vleak"}
"""Our names for the parameters of neurons, and those of ``ncps``."""

SYNAPSES = {
    "w": "w",
    "sigma": "sigma",
    "mu": "mu",
    "E": "erev",
    "sensory_w": "sensory_w",
    "sensory_sigma": "sensory_sigma",
    "sensory_mu": "sensory_mu",
    "sensory_E": "sensory_erev",
}
"""Likewise of synapses: matrices there, (N, N) and (I, N), a row each sender."""


def lower_bounds(softplus: bool) -> dict[str, float]:
    """The least value of each parameter that must not be negative; a capacitance that was moved to
    0, where softplus does not keep it away from it, is divided by."""
    return {"c": 0.0 if softplus else 1e-6, "g": 0.0, "w": 0.0, "sensory_w": 0.0}


def entering(stored: Values, softplus: bool, epsilon: float) -> Values:
    """The values that enter the equations of conductance dynamics.

    Args:
        stored: parameters by our names, those of synapses for the existing ones alone, (E,), (S,).
        softplus: whether softplus makes them positive; otherwise what lies below its bound counts
            as the bound.
        epsilon: what ``ncps`` adds to the denominator of a step: a leak towards 0.
    """
    values = dict(stored)
    for name, lower in lower_bounds(softplus).items():
        value = values[name]
        values[name] = functional.softplus(value) if softplus else value.clamp(min=lower)
    if epsilon != 0.0:
        leak = values["g"]
        values["g"] = leak + epsilon
        values["vleak"] = leak * values["vleak"] / values["g"]
    return values


def read(weights: Mapping[str, Tensor], options: Mapping[str, Any]) -> Model:
    """A network with the weights of an LTC."""
    recurrent, sensory = (
        weights[name] * torch.where(weights[erev] < 0, -1, 1)
        for name, erev in (("sparsity_mask", "erev"), ("sensory_sparsity_mask", "sensory_erev"))
    )
    units = len(weights["gleak"])
    motor = len(weights["output_w"]) if "output_w" in weights else units
    wiring = Wiring.from_matrices(recurrent.tolist(), sensory.tolist(), motor=motor)
    softplus = options["implicit_param_constraints"]
    values = entering(_stored(weights, wiring), softplus, options["epsilon"])
    for name, lower in ConductanceDynamics.lower_bounds.items():
        values[name] = values[name].clamp(min=lower)
    ones, zeros = (weights["gleak"].new_full((motor,), number) for number in (1.0, 0.0))
    return model(
        wiring,
        values,
        {"scale": weights.get("output_w", ones), "shift": weights.get("output_b", zeros)},
        weights,
        options,
        dynamics={"type": "conductance"},
        solver="fused",
        unfolds=options["ode_unfolds"],
        constraint="softplus" if softplus else "clip",
    )


def _stored(weights: Mapping[str, Tensor], wiring: Wiring) -> Values:
    """By our names, those of synapses where the wiring has one."""
    stored = {name: weights[peer] for name, peer in NEURONS.items()}
    for name, peer in SYNAPSES.items():
        prefix = "sensory_" if name.startswith("sensory_") else ""
        pre, post = (torch.tensor(getattr(wiring, f"{prefix}{end}")) for end in ("pre", "post"))
        stored[name] = weights[peer][pre, post]
    inputs = wiring.input_size
    stored["a"] = weights.get("input_w", stored["c"].new_ones(inputs))
    stored["b"] = weights.get("input_b", stored["c"].new_zeros(inputs))
    return stored
