"""The registry: how each dynamics is written in C."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ._closed_form import closed_form
from ._design import Design
from ._ode import conductance, dense, lrc
from ._parts import Kind

KINDS: Mapping[str, Callable[[Design], Kind]] = {
    "conductance": conductance,
    "dense": dense,
    "lrc": lrc,
    "closed_form": closed_form,
}


def kind_of(design: Design) -> Kind:
    """How the dynamics of a design are written."""
    return KINDS[design.dynamics["type"]](design)
