"""The conformance vectors, run by this installation."""

from __future__ import annotations

from typing import Optional

from .. import conformance as vectors
from ._calls import Plain, guarded


@guarded
def conformance(folder: Optional[str] = None) -> list[Plain]:
    """How every vector in a folder went, see :func:`liquid_neural_networks.conformance.run`."""
    return [each._asdict() for each in vectors.run(folder)]
