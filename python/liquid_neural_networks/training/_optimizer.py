"""The optimiser training uses by itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable

import torch
from torch import nn

OptimizerFactory = Callable[..., torch.optim.Optimizer]
"""``torch.optim.Adam``, or anything called like it: (parameters, lr=...)."""


def adam(parameters: Iterable[nn.Parameter], lr: float) -> torch.optim.Adam:
    """``torch.optim.Adam``, whose step is one call where torch can do that."""
    trained = list(parameters)
    return torch.optim.Adam(trained, lr=lr, fused=all(map(_can_be_fused, trained)) or None)


def _can_be_fused(parameter: nn.Parameter) -> bool:
    # torch's fused step reads memory from a tensor's first number to its last, gaps or not.
    return (
        parameter.device.type in ("cpu", "cuda")
        and parameter.is_floating_point()
        and parameter.layout == torch.strided
        and parameter.is_contiguous()
    )
