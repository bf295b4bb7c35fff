"""Constraints: what keeps capacitances, leaks and weights in their domain while training.

``clip`` stores the value itself and moves it back to its bound after every optimiser step,
whichever ``torch.optim`` optimiser takes it; this is how the published networks were trained.
``softplus`` stores an unbounded number whose softplus is the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any, Callable, Protocol
from weakref import WeakSet

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook


class Constraint(Protocol):
    """Maps between what is stored (and optimised) and the value the equations see."""

    def value(self, stored: Tensor, lower: float) -> Tensor:
        """The value, never below ``lower``; differentiable."""

    def stored(self, value: Tensor, lower: float) -> Tensor:
        """What to store so that :meth:`value` returns ``value``."""


class Clip:
    """Stored as is. The gradient at the bound is kept, so a clipped value can rise again."""

    def value(self, stored: Tensor, lower: float) -> Tensor:
        return stored.clamp(min=lower)

    def stored(self, value: Tensor, lower: float) -> Tensor:
        return value.clamp(min=lower)


class Softplus:
    """value = lower + softplus(stored)."""

    def value(self, stored: Tensor, lower: float) -> Tensor:
        return lower + torch.nn.functional.softplus(stored)

    def stored(self, value: Tensor, lower: float) -> Tensor:
        # log(exp(y) - 1), written so that neither a large nor a tiny y loses its digits.
        excess = (value - lower).clamp(min=torch.finfo(value.dtype).tiny)
        guess = excess + torch.log(-torch.expm1(-excess))
        # Above 20 torch's softplus is the identity.
        return self._exact(torch.where(excess > 20.0, excess, guess), value, lower)

    def _exact(self, guess: Tensor, value: Tensor, lower: float) -> Tensor:
        """Bisects around ``guess``: a value that can be stored at all comes back bit for bit."""
        margin = 64 * torch.finfo(value.dtype).eps * guess.abs().clamp(min=1.0)
        low, high = guess - margin, guess + margin
        for _ in range(12):
            middle = low + (high - low) / 2
            below = self.value(middle, lower) < value
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return high


CONSTRAINTS: Mapping[str, Callable[[], Constraint]] = {"clip": Clip, "softplus": Softplus}


class Projected(Protocol):
    """A module that can move its stored parameters back into their domain."""

    def project_(self) -> None: ...

    def parameters(self, recurse: bool = True) -> Iterable[Tensor]: ...


_projected: WeakSet[Any] = WeakSet()
_lock = Lock()


def project_after_every_step(module: Projected) -> None:
    """Has ``module.project_()`` called after every step of every optimiser, while it lives."""
    with _lock:
        _projected.add(module)


def _project_stepped(optimizer: torch.optim.Optimizer, *_: object) -> None:
    # Only what this optimiser moved: writing to other networks, even nothing new, would spoil
    # a backward pass they are in the middle of, perhaps in another thread.
    stepped = {id(p) for group in optimizer.param_groups for p in group["params"]}
    for module in _living():
        if any(id(p) in stepped for p in module.parameters(recurse=False)):
            module.project_()


def _living() -> list[Any]:
    with _lock:
        return list(_projected)


register_optimizer_step_post_hook(_project_stepped)
