"""Small trainings that several test modules use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.data import Windows
from liquid_neural_networks.training import (
    fit,
)


def waves(count: int = 12, length: int = 10, seed: int = 0) -> Windows:
    """Sines of random phase: each sample's target is the next one."""
    phase = torch.rand(count, 1, generator=torch.Generator().manual_seed(seed)) * 6
    wave = torch.sin(phase + torch.arange(length + 1) * 0.5).unsqueeze(-1)
    return Windows(wave[:, :-1], wave[:, 1:])


def network(seed: int = 0, **options: Any) -> LiquidNetwork:
    return LiquidNetwork(1, 6, options.pop("outputs", 1), seed=seed, **options)


quiet = partial(fit, progress=False)


def same(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(value, second[name]) for name, value in first.items())
