"""What tensors look like in a ``repr``: their shapes, not their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def of(tensors: Mapping[str, Any]) -> str:
    """Such as ``states (4, 20, 32), time_constants (4, 20, 32)``; None is left away."""
    shapes = {name: tuple(each.shape) for name, each in tensors.items() if each is not None}
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())
