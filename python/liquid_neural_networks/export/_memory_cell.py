"""The memory cell as C."""

from __future__ import annotations

from . import _text as text
from ._design import Population
from ._parts import Part


def memory_part(population: Population, prefix: str) -> Part:
    """The memory cell of a population; a structure ``memory_cell``."""
    names = ("W_in", "W_rec", "b")
    tables = [
        text.floats(f"{prefix}_{name}", population.values[f"memory.{name}"]) for name in names
    ]
    return Part(
        tables,
        {
            "inputs": population.wiring.input_size,
            "W_in": f"{prefix}_W_in",
            "W_rec": f"{prefix}_W_rec",
            "bias": f"{prefix}_b",
        },
    )
