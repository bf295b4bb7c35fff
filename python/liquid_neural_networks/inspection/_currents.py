"""Which current flows through each synapse."""

from __future__ import annotations

from typing import NamedTuple, Optional

import torch
from torch import Tensor

from .._checks import check_integer
from .._sequences import Number
from ..dynamics import ConductanceDynamics
from ..errors import OptionError
from ..network import LiquidNetwork
from ._subject import asks


class Currents(NamedTuple):
    """Synaptic currents into the receiving neurons; a leading B when the inputs were batched.

    Attributes:
        recurrent: (B, T, E), in the order of the wiring's ``pre`` and ``post``.
        sensory: (B, T, S), in the order of ``sensory_pre`` and ``sensory_post``.
    """

    recurrent: Tensor
    sensory: Tensor


@asks
@torch.no_grad()
def synapse_currents(
    network: LiquidNetwork,
    inputs: Tensor,
    time_constants: Optional[Number] = None,
    *,
    elapsed_time: Optional[Number] = None,
    mask: Optional[Number] = None,
    state: Optional[Tensor] = None,
    population: int = 0,
) -> Currents:
    """The current through every synapse while the network runs, see
    :meth:`~liquid_neural_networks.dynamics.ConductanceDynamics.currents`.

    A positive current raises the receiving neuron's potential. Arguments are those of
    :meth:`LiquidNetwork.trace`.

    Raises:
        OptionError: the dynamics are not conductance dynamics, which alone have currents.
        ShapeError, DtypeError, DomainError: naming the argument.
    """
    check_integer("population", population, 0, len(network.neurons) - 1)
    dynamics = network.populations()[population][1].dynamics
    if not isinstance(dynamics, ConductanceDynamics):
        raise OptionError(
            f"{dynamics.name} dynamics have no synaptic currents; conductance dynamics do",
            "network",
        )
    trace = network.trace(
        inputs,
        time_constants,
        elapsed_time=elapsed_time,
        mask=mask,
        state=state,
        population=population,
        synapses=True,
    )
    assert trace.activations is not None and trace.sensory_activations is not None
    return Currents(
        *dynamics.currents(
            dynamics.values(), trace.states, trace.activations, trace.sensory_activations
        )
    )
