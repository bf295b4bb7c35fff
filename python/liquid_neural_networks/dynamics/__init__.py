"""Dynamics: what a population of liquid neurons does in continuous time.

A dynamics is registered under its name in :data:`DYNAMICS`; networks, files, tests and the
spec all walk that registry.
"""

from __future__ import annotations

from collections.abc import Mapping

from .._parameters import Values
from ._base import Dynamics, Field, Hear, Sensory, Solve, Storage
from ._closed_form import ClosedFormDynamics
from ._conductance import ConductanceDynamics
from ._dense import DenseDynamics
from ._lrc import LrcDynamics
from ._ode import OdeDynamics

DYNAMICS: Mapping[str, type[Dynamics]] = {
    dynamics.name: dynamics
    for dynamics in (ConductanceDynamics, DenseDynamics, LrcDynamics, ClosedFormDynamics)
}

__all__ = [
    "DYNAMICS",
    "ClosedFormDynamics",
    "ConductanceDynamics",
    "DenseDynamics",
    "Dynamics",
    "Field",
    "Hear",
    "LrcDynamics",
    "OdeDynamics",
    "Sensory",
    "Solve",
    "Storage",
    "Values",
]
