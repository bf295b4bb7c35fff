"""The plane of two neurons: where states go from each point of it."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple, Optional

import torch
from torch import Tensor

from .._checks import check_integer, check_items
from .._inputs import as_reals, check_finite, real_array
from .._sequences import Number
from ..errors import DomainError, ShapeError
from ..network import LiquidNetwork
from ._field import stacked
from ._subject import asks


class PhasePortrait(NamedTuple):
    """How two neurons change on a grid, all others held.

    Attributes:
        neurons: which two.
        first, second: (K,) the states of either on the grid.
        first_speed, second_speed: (K, K) how fast either changes, row by state of the first, column
            by state of the second; 0 along a nullcline. By time of a flow, by sample of a map.
        around: (N,) the state of the others.
        kind: ``"flow"`` or ``"map"``, see :class:`FixedPoints`.
    """

    neurons: tuple[int, int]
    first: Tensor
    second: Tensor
    first_speed: Tensor
    second_speed: Tensor
    around: Tensor
    kind: str


@asks
@torch.no_grad()
def phase_portrait(
    network: LiquidNetwork,
    inputs: Number,
    neurons: tuple[int, int] = (0, 1),
    time_constants: Optional[Number] = None,
    *,
    around: Optional[Number] = None,
    span: Optional[tuple[float, float]] = None,
    size: int = 25,
    elapsed_time: float = 1.0,
    mask: Optional[Number] = None,
    population: int = 0,
) -> PhasePortrait:
    """Where two neurons go from every point of their plane while the input is held.

    Args:
        neurons: which two.
        around: (N,) the state of the others, with a memory (2 N,). Default: where the population
            settles from zero.
        span: the least and the most on both axes. Default: each neuron's own bounds.
        size: K, points along an axis.

    The other arguments and the errors are those of :func:`fixed_points`.
    """
    subject = stacked(network, inputs, time_constants, elapsed_time, mask, population)
    units = network.hidden_size
    pair = check_items("neurons", neurons, "two neurons", 2)
    one, other = (check_integer("neurons", each, 0, units - 1) for each in pair)
    if one == other:
        raise DomainError("expected two different ones", "neurons")
    check_integer("size", size, 2)
    if around is None:
        centre = subject.settled()[0]
    else:
        centre = as_reals("around", around, subject.populations[0].inputs)
        check_finite("around", centre)
        if tuple(centre.shape) != (subject.size,):
            raise ShapeError(f"expected ({subject.size},), got {tuple(centre.shape)}", "around")
    low, high = subject.bounds()
    if span is not None:
        low, high = (torch.full_like(low, end) for end in _ends(span))
    axes = [
        torch.linspace(float(low[i]), float(high[i]), size, dtype=torch.float64).to(low.device)
        for i in (one, other)
    ]
    grid = centre.expand(size, size, -1).clone()
    grid[..., one], grid[..., other] = axes[0].unsqueeze(1), axes[1].unsqueeze(0)
    speed = subject.speed(grid.view(size * size, -1)).view(size, size, -1)
    return PhasePortrait(
        (one, other), axes[0], axes[1], speed[..., one], speed[..., other], centre, subject.kind
    )


def _ends(span: tuple[float, float]) -> list[float]:
    wanted = "two finite numbers, the lower first"
    ends = [real_array("span", each) for each in check_items("span", span, wanted, 2)]
    if any(each.ndim for each in ends):
        raise ShapeError(f"expected {wanted}, got {span!r}", "span")
    low, high = map(float, ends)
    if not (isfinite(low) and isfinite(high) and low < high):
        raise DomainError(f"expected {wanted}, got {span!r}", "span")
    return [low, high]
