"""Dense dynamics: the liquid time-constant equation with an ordinary neural-network drive.

    f(x, u) = phi(W_in u + W_rec x + b)
    dx/dt   = -(1/tau + f(x, u)) x + f(x, u) A

Source: Hasani et al., *Liquid Time-constant Networks*, AAAI 2021, equations 1 to 3.
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

ACTIVATIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh}


class DenseDynamics(OdeDynamics):
    """A neural network inside the time constant.

    ===========  =====  ============================  ====================================
    name         shape  starts in                     meaning
    ===========  =====  ============================  ====================================
    ``W_rec``    (E,)   polarity * (0, 2 / sqrt(K))   weights of the recurrent synapses
    ``W_in``     (S,)   polarity * (0, 2 / sqrt(K))   weights of the sensory synapses
    ``b``        (N,)   0                             bias
    ``tau``      (N,)   (0.5, 2)                      base time constant, at least 1e-6
    ``A``        (N,)   (-1, 1)                       reversal: where f pulls the state
    ===========  =====  ============================  ====================================

    K is the mean number of synapses of that kind a neuron receives.

    Args:
        activation: phi, ``"sigmoid"`` (default) or ``"tanh"``. The bounds on time constants
            and states (theorems 1 and 2 of the paper) hold for the sigmoid; with tanh f can
            be negative and the rate with it.

    Raises:
        OptionError: the activation is unknown.
    """

    name = "dense"
    of_synapses, of_sensory_synapses = ("W_rec",), ("W_in",)
    strengths = ("W_rec", "W_in")
    lower_bounds = {"tau": 1e-6}

    def _set_options(self, wiring: Wiring, activation: str = "sigmoid") -> None:
        check_choice("activation", activation, ACTIVATIONS)
        self.activation = activation

    def options(self) -> dict[str, Any]:
        return {"activation": self.activation}

    def _initial_values(
        self, wiring: Wiring, generator: Optional[torch.Generator]
    ) -> dict[str, Tensor]:
        units = wiring.units

        def weights(polarity: Any) -> Tensor:
            scale = 2.0 / sqrt(max(len(polarity) / units, 1.0))
            size = uniform(len(polarity), 0.0, scale, generator)
            return size * torch.tensor(polarity, dtype=size.dtype)

        return {
            "W_rec": weights(wiring.polarity),
            "W_in": weights(wiring.sensory_polarity),
            "b": torch.zeros(units),
            "tau": uniform(units, 0.5, 2.0, generator),
            "A": uniform(units, -1.0, 1.0, generator),
        }

    def input_map(self, values: Values) -> tuple[Tensor, Tensor]:
        """The matrix (N, I) and the bias (N,) with which inputs enter f."""
        w_in = matrix(
            values["W_in"], self.sensory_pre, self.sensory_post, self.units, self.input_size
        )
        return w_in, values["b"]

    def sensory(self, values: Values, inputs: Tensor, mask: Optional[Tensor]) -> Sensory:
        seen = inputs if mask is None else inputs * mask
        return (torch.nn.functional.linear(seen, *self.input_map(values)),)

    def rate_and_drive(
        self, values: Values, state: Tensor, sensory: Sensory, time_constants: Optional[Tensor]
    ) -> tuple[Tensor, Tensor]:
        w_rec = matrix(values["W_rec"], self.pre, self.post, self.units, self.units)
        recurrent = torch.nn.functional.linear(state, w_rec)
        return self._terms(values, sensory[0] + recurrent, time_constants)

    def sensory_from(self, values: Values, received: Tensor, mask: Optional[Tensor]) -> Sensory:
        seen = received if mask is None else received * mask
        sent = sum_by_post(values["W_in"] * seen, self.sensory_post, self.units)
        return (sent + values["b"],)

    def rate_and_drive_from(
        self,
        values: Values,
        state: Tensor,
        received: Tensor,
        sensory: Sensory,
        time_constants: Optional[Tensor],
    ) -> tuple[Tensor, Tensor]:
        recurrent = sum_by_post(values["W_rec"] * received, self.post, self.units)
        return self._terms(values, sensory[0] + recurrent, time_constants)

    def _terms(
        self, values: Values, drive: Tensor, time_constants: Optional[Tensor]
    ) -> tuple[Tensor, Tensor]:
        f = ACTIVATIONS[self.activation](drive)
        tau = values["tau"] if time_constants is None else time_constants
        return 1.0 / tau + f, f * values["A"]

    def base_time_constants(self, values: Values) -> Tensor:
        return values["tau"]

    def activations(self, values: Values, state: Tensor) -> Tensor:
        return values["W_rec"] * state.index_select(-1, self.pre)

    def sensory_activations(self, values: Values, inputs: Tensor, mask: Optional[Tensor]) -> Tensor:
        seen = inputs if mask is None else inputs * mask
        return values["W_in"] * seen.index_select(-1, self.sensory_pre)

    def polarities(self, values: Values) -> tuple[Tensor, Tensor]:
        return values["W_rec"], values["W_in"]
