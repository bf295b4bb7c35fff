"""The fused step: the whole sequence in one call of compiled code, where that can run.

It has the same signature as the reference path, :func:`liquid_neural_networks.solvers.integrate`.
"""

from __future__ import annotations

from typing import Callable

from torch import Tensor

from ..dynamics import Dynamics
from ..solvers import integrate as reference


def choose(dynamics: Dynamics, solver: str, inputs: Tensor) -> Callable[..., Tensor]:
    """The function that integrates: the fused one if it can, else the reference."""
    return reference
