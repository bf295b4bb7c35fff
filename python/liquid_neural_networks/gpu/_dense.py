"""Dense dynamics on a GPU: what the inputs contribute is a matrix product, then the recurrence."""

from __future__ import annotations

from typing import Optional

from torch import Tensor

from .._sequences import Sequences
from ..dynamics import DenseDynamics
from ..memory import MemoryCell
from ..solvers import Method
from . import _recurrence


def why_not(dynamics: DenseDynamics, method: Method, memory: Optional[MemoryCell]) -> str:
    """Why the kernels cannot compute these dynamics; empty if they can."""
    return _recurrence.why_not(dynamics, method)


def integrate(
    dynamics: DenseDynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> Tensor:
    """See :func:`liquid_neural_networks.gpu.integrate`."""
    values, clipped = _recurrence.parameters(dynamics)
    (terms,) = dynamics.sensory(values, sequences.inputs, sequences.mask)
    return _recurrence.integrate(
        dynamics, method, dynamics.activation, terms, values, clipped, sequences, state, memory
    )
