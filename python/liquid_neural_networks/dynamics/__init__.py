"""The right-hand sides: what a population of liquid neurons does in continuous time.

A dynamics is registered under its name in :data:`DYNAMICS`; networks, files, tests and the
spec all walk that registry.
"""

from __future__ import annotations

from collections.abc import Mapping

from ._base import Dynamics, Sensory, Values
from ._conductance import ConductanceDynamics
from ._dense import DenseDynamics

DYNAMICS: Mapping[str, type[Dynamics]] = {
    dynamics.name: dynamics for dynamics in (ConductanceDynamics, DenseDynamics)
}

__all__ = [
    "DYNAMICS",
    "ConductanceDynamics",
    "DenseDynamics",
    "Dynamics",
    "Sensory",
    "Values",
]
