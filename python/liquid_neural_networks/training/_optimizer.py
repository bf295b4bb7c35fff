"""The optimiser training uses by itself."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import unwrap
from typing import Any, Callable

import torch
from torch import nn

OptimizerFactory = Callable[..., torch.optim.Optimizer]
"""``torch.optim.Adam``, or anything called like it: (parameters, lr=...)."""


class Adam(torch.optim.Adam):
    """``torch.optim.Adam``, the same numbers, without what torch wraps around its methods: their
    first call would import all that ``torch.compile`` is made of, which takes seconds."""

    add_param_group = unwrap(torch.optim.Adam.add_param_group)
    zero_grad = unwrap(torch.optim.Adam.zero_grad)
    state_dict = unwrap(torch.optim.Adam.state_dict)
    load_state_dict = unwrap(torch.optim.Adam.load_state_dict)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step of every parameter that has a gradient."""
        return _step(self, closure)


_step = unwrap(torch.optim.Adam.step)


def adam(parameters: Iterable[nn.Parameter], lr: float) -> torch.optim.Adam:
    """:class:`Adam`, whose step is one call where torch can do that."""
    trained = list(parameters)
    return Adam(trained, lr=lr, fused=all(map(_can_be_fused, trained)) or None)


def _can_be_fused(parameter: nn.Parameter) -> bool:
    # torch's fused step reads memory from a tensor's first number to its last, gaps or not.
    return (
        parameter.device.type in ("cpu", "cuda")
        and parameter.is_floating_point()
        and parameter.layout == torch.strided
        and parameter.is_contiguous()
    )
