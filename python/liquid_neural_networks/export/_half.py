"""Half precision: constants of synapses that are stored in 16 bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from .._model import Model
from ..errors import DomainError, OptionError
from ._design import Array, Design

LOG2E = 1 / np.log(2.0)


def check_half(design: Design) -> None:
    """Raises OptionError where a network has no such constants."""
    if design.dynamics["type"] != "conductance":
        raise OptionError("float16 is for conductance dynamics; take float32", "numbers")


def to_half(values: Array, where: str) -> Array:
    """What half precision makes of numbers.

    Raises:
        DomainError: one is beyond its range.
    """
    with np.errstate(over="ignore"):
        found = values.astype(np.float16)
    if not np.isfinite(found).all():
        worst = float(np.abs(values).max())
        raise DomainError(f"{worst:g} is beyond the range of float16; take float32", where)
    return found.astype(np.float64)


def half_words(columns: Sequence[Array], where: str) -> list[list[str]]:
    """Rows of the bits of half-precision numbers, one column a field."""
    halves = np.column_stack([to_half(each, where) for each in columns]).astype(np.float16)
    return [[f"0x{bits:04x}" for bits in row] for row in halves.view(np.uint16).tolist()]


def rounded(model: Model) -> Model:
    """The model whose parameters become the constants that are stored."""
    values = dict(model.values)
    for index in range(len(model.wirings)):
        for start in ("", "sensory_"):
            prefix = f"neurons.{index}.{start}"
            sigma, mu, weight, potential = (
                _array(values[prefix + each]) for each in ("sigma", "mu", "w", "E")
            )
            shift, scale = np.zeros_like(mu), np.ones_like(mu)
            if start:
                pre = model.wirings[index].sensory_pre
                scale = _array(values[f"neurons.{index}.a"])[pre]
                shift = _array(values[f"neurons.{index}.b"])[pre]
            slope = to_half(-sigma * scale * LOG2E, "sigma")
            offset = to_half(-sigma * (shift - mu) * LOG2E, "sigma")
            rate, drive = to_half(weight, "w"), to_half(weight * potential, "E")
            sigma = -slope / LOG2E
            changed = {
                "sigma": sigma,
                "mu": np.divide(offset, sigma * LOG2E, out=np.zeros_like(mu), where=sigma != 0),
                "w": rate,
                "E": np.divide(drive, rate, out=np.zeros_like(mu), where=rate != 0),
            }
            values |= {prefix + name: torch.from_numpy(each) for name, each in changed.items()}
        if f"neurons.{index}.a" in values:
            size = values[f"neurons.{index}.a"].shape
            values[f"neurons.{index}.a"] = torch.ones(size, dtype=torch.float64)
            values[f"neurons.{index}.b"] = torch.zeros(size, dtype=torch.float64)
    return model._replace(values=values)


def _array(value: torch.Tensor) -> Array:
    return value.detach().cpu().double().numpy()
