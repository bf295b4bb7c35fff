"""LRC dynamics: liquid resistance and liquid capacitance, both saturated.

    dx_i/dt = epsilon(l_i) (vleak_i tanh(z_i) - sigmoid(f_i) x_i)
    f_i = g_i + sum_j w_ji s_ji + sum_k w'_ki r_ki              what makes the neuron forget
    z_i = g_i + sum_j k_ji s_ji + sum_k k'_ki r_ki              what drives it
    l_i = p_i + sum_j o_ji x_j + sum_k o'_ki (a_k u_k + b_k)    what charges its capacitance
    s_ji = sigmoid(sigma_ji (x_j - mu_ji)),  r_ki = sigmoid(sigma'_ki (a_k u_k + b_k - mu'_ki))
    epsilon(l) = sigmoid(l + v) - sigmoid(l - v)   symmetric
    epsilon(l) = sigmoid(l)                        asymmetric

epsilon is the elastance, the inverse of the capacitance. Source: Farsang, Neubauer, Grosu, *Liquid
Resistance Liquid Capacitance Networks*, 2024, arXiv 2403.08791, and its authors' code.
"""

from __future__ import annotations

from math import sqrt
from typing import Any, Optional

import torch
from torch import Tensor

from .._checks import check_choice
from .._parameters import Values, uniform
from ..wiring import Wiring
from ._base import Sensory, matrix, sum_by_post
from ._ode import OdeDynamics

ELASTANCES = ("symmetric", "asymmetric")
LEAST_ELASTANCE = 1e-9
"""Keeps rates positive and time constants finite where the elastance is nothing."""


class LrcDynamics(OdeDynamics):
    """Saturated liquid time-constant neurons whose capacitance is liquid as well.

    Parameters, all of them only for what exists in the wiring (primes: ``sensory_``):

    ==================  =====  ===========================  ====================================
    name                shape  starts in                    meaning
    ==================  =====  ===========================  ====================================
    ``g``               (N,)   (0.001, 1)                   leak conductance, at least 0
    ``vleak``           (N,)   (-0.2, 0.2)                  leak potential
    ``w``               (E,)   (0.001, 1)                   conductance that forgets, at least 0
    ``k``               (E,)   polarity * (0, sqrt(3 / K))  conductance that drives
    ``sigma``           (E,)   (3, 8)                       steepness of the synapse
    ``mu``              (E,)   (0.3, 0.8)                   the sender's value at half opening
    ``o``               (E,)   (-r, r)                      weight in the elastance
    ``sensory_w`` ...   (S,)   likewise                     the same five of sensory synapses
    ``p``               (N,)   0                            bias of the elastance
    ``v``               (N,)   1                            half width of the symmetric one,
                                                            at least 1e-6
    ``a``, ``b``        (I,)   1, 0                         affine map of the inputs
    ==================  =====  ===========================  ====================================

    K is the mean number of synapses of that kind a neuron receives; r is Glorot's bound. The LRC
    unit (LRCU) of the paper is this with ``solver="euler", unfolds=1``.

    Args:
        elastance: ``"symmetric"`` (default), at its highest where l is 0, or ``"asymmetric"``.

    Raises:
        OptionError: the elastance is unknown.
    """

    name = "lrc"
    of_synapses = ("w", "k", "sigma", "mu", "o")
    of_sensory_synapses = tuple(f"sensory_{each}" for each in of_synapses)
    strengths = ("w", "k", "o", "sensory_w", "sensory_k", "sensory_o")
    lower_bounds = {"g": 0.0, "w": 0.0, "sensory_w": 0.0}

    def _set_options(self, wiring: Wiring, elastance: str = "symmetric") -> None:
        check_choice("elastance", elastance, ELASTANCES)
        self.elastance = elastance
        if elastance == "symmetric":
            self.lower_bounds = {**type(self).lower_bounds, "v": 1e-6}

    def options(self) -> dict[str, Any]:
        return {"elastance": self.elastance}

    def _initial_values(
        self, wiring: Wiring, generator: Optional[torch.Generator]
    ) -> dict[str, Tensor]:
        units = wiring.units
        kinds = (("", wiring.polarity), ("sensory_", wiring.sensory_polarity))
        received = [len(polarity) / units for _, polarity in kinds]
        glorot = sqrt(6.0 / max(sum(received) + received[0], 1.0))
        initial = {
            "g": uniform(units, 0.001, 1.0, generator),
            "vleak": uniform(units, -0.2, 0.2, generator),
        }
        for (prefix, polarity), mean in zip(kinds, received):
            count = len(polarity)
            size = uniform(count, 0.0, sqrt(3.0 / max(mean, 1.0)), generator)
            initial |= {
                f"{prefix}w": uniform(count, 0.001, 1.0, generator),
                f"{prefix}k": size * torch.tensor(polarity, dtype=size.dtype),
                f"{prefix}sigma": uniform(count, 3.0, 8.0, generator),
                f"{prefix}mu": uniform(count, 0.3, 0.8, generator),
                f"{prefix}o": uniform(count, -glorot, glorot, generator),
            }
        initial["p"] = torch.zeros(units)
        if self.elastance == "symmetric":
            initial["v"] = torch.ones(units)
        return initial | {
            "a": torch.ones(wiring.input_size),
            "b": torch.zeros(wiring.input_size),
        }

    def sensory(self, values: Values, inputs: Tensor, mask: Optional[Tensor]) -> Sensory:
        u = values["a"] * inputs + values["b"]
        if mask is not None:
            u = u * mask
        r = self._openings(values, inputs, mask)
        charging = matrix(
            values["sensory_o"], self.sensory_pre, self.sensory_post, self.units, self.input_size
        )
        return (
            sum_by_post(values["sensory_w"] * r, self.sensory_post, self.units),
            sum_by_post(values["sensory_k"] * r, self.sensory_post, self.units),
            torch.nn.functional.linear(u, charging, values["p"]),
        )

    def rate_and_drive(
        self, values: Values, state: Tensor, sensory: Sensory, time_constants: Optional[Tensor]
    ) -> tuple[Tensor, Tensor]:
        charging = matrix(values["o"], self.pre, self.post, self.units, self.units)
        charge = torch.nn.functional.linear(state, charging)
        received = state.index_select(-1, self.pre)
        return self._terms(values, received, charge, sensory, time_constants)

    def sensory_from(self, values: Values, received: Tensor, mask: Optional[Tensor]) -> Sensory:
        u = values["a"][self.sensory_pre] * received + values["b"][self.sensory_pre]
        r = torch.sigmoid(values["sensory_sigma"] * (u - values["sensory_mu"]))
        if mask is not None:
            u, r = u * mask, r * mask
        forgetting, driving, charging = (
            sum_by_post(each, self.sensory_post, self.units)
            for each in (values["sensory_w"] * r, values["sensory_k"] * r, values["sensory_o"] * u)
        )
        return forgetting, driving, charging + values["p"]

    def rate_and_drive_from(
        self,
        values: Values,
        state: Tensor,
        received: Tensor,
        sensory: Sensory,
        time_constants: Optional[Tensor],
    ) -> tuple[Tensor, Tensor]:
        charge = sum_by_post(values["o"] * received, self.post, self.units)
        return self._terms(values, received, charge, sensory, time_constants)

    def _terms(
        self,
        values: Values,
        received: Tensor,
        charge: Tensor,
        sensory: Sensory,
        time_constants: Optional[Tensor],
    ) -> tuple[Tensor, Tensor]:
        """rate and drive, from what synapses receive (..., E) and what they add to the charge."""
        s = torch.sigmoid(values["sigma"] * (received - values["mu"]))
        f = values["g"] + sensory[0] + sum_by_post(values["w"] * s, self.post, self.units)
        z = values["g"] + sensory[1] + sum_by_post(values["k"] * s, self.post, self.units)
        elastance = self._elastance(values, sensory[2] + charge)
        if time_constants is not None:
            elastance = elastance * self.base_time_constants(values) / time_constants
        return elastance * torch.sigmoid(f), elastance * values["vleak"] * torch.tanh(z)

    def _elastance(self, values: Values, charge: Tensor) -> Tensor:
        if self.elastance == "asymmetric":
            return torch.sigmoid(charge).clamp(min=LEAST_ELASTANCE)
        v = values["v"]
        # sigmoid(l + v) - sigmoid(l - v) without the cancellation.
        window = torch.sigmoid(charge + v) * torch.sigmoid(v - charge) * -torch.expm1(-2.0 * v)
        return window.clamp(min=LEAST_ELASTANCE)

    def base_time_constants(self, values: Values) -> Tensor:
        return 1.0 / (self._elastance(values, values["p"]) * torch.sigmoid(values["g"]))

    def _recurrent_openings(self, values: Values, state: Tensor) -> Tensor:
        x_pre = state.index_select(-1, self.pre)
        return torch.sigmoid(values["sigma"] * (x_pre - values["mu"]))

    def _openings(self, values: Values, inputs: Tensor, mask: Optional[Tensor]) -> Tensor:
        u = (values["a"] * inputs + values["b"]).index_select(-1, self.sensory_pre)
        r = torch.sigmoid(values["sensory_sigma"] * (u - values["sensory_mu"]))
        return r if mask is None else r * mask.index_select(-1, self.sensory_pre)

    def activations(self, values: Values, state: Tensor) -> Tensor:
        return values["w"] * self._recurrent_openings(values, state)

    def sensory_activations(self, values: Values, inputs: Tensor, mask: Optional[Tensor]) -> Tensor:
        return values["sensory_w"] * self._openings(values, inputs, mask)

    def polarities(self, values: Values) -> tuple[Tensor, Tensor]:
        return values["k"], values["sensory_k"]
