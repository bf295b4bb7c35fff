"""Conductance dynamics: leaky neurons joined by synapses that open with the sender's voltage.

    c_i dv_i/dt = g_i (vleak_i - v_i) + sum_j s_ji (E_ji - v_i) + sum_k r_ki (E'_ki - v_i)
    s_ji = w_ji sigmoid(sigma_ji (v_j - mu_ji))           recurrent synapse j -> i
    r_ki = w'_ki sigmoid(sigma'_ki (a_k u_k + b_k - mu'_ki))   sensory synapse k -> i

Source: Hasani et al., *Liquid Time-constant Networks*, AAAI 2021, section 5 and supplement;
Lechner et al., Nature Machine Intelligence 2, 2020.
"""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

from .._parameters import Values, uniform
from ..wiring import Wiring
from ._base import Sensory, sum_by_post
from ._ode import OdeDynamics


class ConductanceDynamics(OdeDynamics):
    """The dynamics of every published LTC and NCP result.

    Parameters, all of them only for what exists in the wiring (primes: ``sensory_``):

    ==================  =====  ==============  ==========================================
    name                shape  starts in       meaning
    ==================  =====  ==============  ==========================================
    ``c``               (N,)   (0.4, 0.6)      membrane capacitance, at least 1e-6
    ``g``               (N,)   (0.001, 1)      leak conductance, at least 1e-5
    ``vleak``           (N,)   (-0.2, 0.2)     leak potential
    ``w``               (E,)   (0.001, 1)      maximal synaptic conductance, at least 0
    ``sigma``           (E,)   (3, 8)          steepness of the synapse
    ``mu``              (E,)   (0.3, 0.8)      the sender's voltage at half opening
    ``E``               (E,)   +1 or -1        reversal potential, from the polarity
    ``sensory_w`` ...   (S,)   likewise        the same four of the sensory synapses
    ``a``, ``b``        (I,)   1, 0            affine map of the inputs
    ==================  =====  ==============  ==========================================
    """

    name = "conductance"
    of_synapses = ("w", "sigma", "mu", "E")
    of_sensory_synapses = tuple(f"sensory_{each}" for each in of_synapses)
    strengths = ("w", "sensory_w")
    lower_bounds = {"c": 1e-6, "g": 1e-5, "w": 0.0, "sensory_w": 0.0}

    def _initial_values(
        self, wiring: Wiring, generator: Optional[torch.Generator]
    ) -> dict[str, Tensor]:
        units = wiring.units
        initial = {
            "c": uniform(units, 0.4, 0.6, generator),
            "g": uniform(units, 0.001, 1.0, generator),
            "vleak": uniform(units, -0.2, 0.2, generator),
        }
        for prefix, polarity in (("", wiring.polarity), ("sensory_", wiring.sensory_polarity)):
            initial |= {
                f"{prefix}w": uniform(len(polarity), 0.001, 1.0, generator),
                f"{prefix}sigma": uniform(len(polarity), 3.0, 8.0, generator),
                f"{prefix}mu": uniform(len(polarity), 0.3, 0.8, generator),
                f"{prefix}E": torch.tensor(polarity, dtype=torch.get_default_dtype()),
            }
        return initial | {
            "a": torch.ones(wiring.input_size),
            "b": torch.zeros(wiring.input_size),
        }

    def sensory(self, values: Values, inputs: Tensor, mask: Optional[Tensor]) -> Sensory:
        r = self.sensory_activations(values, inputs, mask)
        return (
            sum_by_post(r, self.sensory_post, self.units),
            sum_by_post(r * values["sensory_E"], self.sensory_post, self.units),
        )

    def rate_and_drive(
        self, values: Values, state: Tensor, sensory: Sensory, time_constants: Optional[Tensor]
    ) -> tuple[Tensor, Tensor]:
        received = state.index_select(-1, self.pre)
        return self.rate_and_drive_from(values, state, received, sensory, time_constants)

    def sensory_from(self, values: Values, received: Tensor, mask: Optional[Tensor]) -> Sensory:
        u = values["a"][self.sensory_pre] * received + values["b"][self.sensory_pre]
        r = self._sensory_openings(values, u)
        r = r if mask is None else r * mask
        return (
            sum_by_post(r, self.sensory_post, self.units),
            sum_by_post(r * values["sensory_E"], self.sensory_post, self.units),
        )

    def rate_and_drive_from(
        self,
        values: Values,
        state: Tensor,
        received: Tensor,
        sensory: Sensory,
        time_constants: Optional[Tensor],
    ) -> tuple[Tensor, Tensor]:
        c = values["c"]
        g = values["g"] if time_constants is None else c / time_constants
        s = values["w"] * torch.sigmoid(values["sigma"] * (received - values["mu"]))
        conductance = g + sensory[0] + sum_by_post(s, self.post, self.units)
        current = (
            g * values["vleak"] + sensory[1] + sum_by_post(s * values["E"], self.post, self.units)
        )
        return conductance / c, current / c

    def base_time_constants(self, values: Values) -> Tensor:
        return values["c"] / values["g"]

    def activations(self, values: Values, state: Tensor) -> Tensor:
        v_pre = state.index_select(-1, self.pre)
        return values["w"] * torch.sigmoid(values["sigma"] * (v_pre - values["mu"]))

    def sensory_activations(self, values: Values, inputs: Tensor, mask: Optional[Tensor]) -> Tensor:
        u = (values["a"] * inputs + values["b"]).index_select(-1, self.sensory_pre)
        r = self._sensory_openings(values, u)
        return r if mask is None else r * mask.index_select(-1, self.sensory_pre)

    def _sensory_openings(self, values: Values, u: Tensor) -> Tensor:
        """(..., S) from the mapped inputs that each synapse receives."""
        opened = torch.sigmoid(values["sensory_sigma"] * (u - values["sensory_mu"]))
        return values["sensory_w"] * opened

    def currents(
        self, values: Values, state: Tensor, activations: Tensor, sensory_activations: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(..., E) and (..., S) the current s_ji (E_ji - v_i) through every synapse, at states
        (..., N) and activations (..., E) and (..., S)."""
        recurrent = values["E"] - state.index_select(-1, self.post)
        sensory = values["sensory_E"] - state.index_select(-1, self.sensory_post)
        return activations * recurrent, sensory_activations * sensory

    def polarities(self, values: Values) -> tuple[Tensor, Tensor]:
        return values["E"], values["sensory_E"]
