"""Conductance dynamics on a GPU: the sensory synapses, then the recurrence."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

from .._sequences import Sequences
from ..dynamics import ConductanceDynamics
from ..memory import MemoryCell
from ..solvers import Method
from . import _recurrence, _sensory


def why_not(dynamics: ConductanceDynamics, method: Method, memory: Optional[MemoryCell]) -> str:
    """Why the kernels cannot compute these dynamics; empty if they can."""
    return _recurrence.why_not(dynamics, method)


def integrate(
    dynamics: ConductanceDynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> Tensor:
    """See :func:`liquid_neural_networks.gpu.integrate`."""
    values, clipped = _recurrence.parameters(dynamics)
    w, sigma, mu, E = (values[f"sensory_{name}"] for name in ("w", "sigma", "mu", "E"))
    inputs = torch.addcmul(values["b"], values["a"], sequences.inputs)
    call = _sensory.Call(inputs, w, sigma, mu, E, sequences.mask)
    sums = _sensory.sensory(dynamics.units, clipped, call, _sensory.synapses_of(dynamics))
    return _recurrence.integrate(
        dynamics, method, "sigmoid", sums, values, clipped, sequences, state, memory
    )
