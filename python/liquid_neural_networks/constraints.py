"""Constraints: what keeps capacitances, leaks and weights in their domain while training.

``clip`` stores the value itself and moves it back to its bound after every optimiser step,
whichever ``torch.optim`` optimiser takes it; this is how the published networks were trained.
``softplus`` stores an unbounded number whose softplus is the value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any, Callable, NamedTuple, Protocol
from weakref import WeakKeyDictionary, WeakSet, ref

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


class Bounded(Protocol):
    """A module some of whose own parameters have a least value.

    Attributes:
        constraint: a key of :data:`CONSTRAINTS`.
        lower_bounds: parameter name -> the least value it may have.
    """

    constraint: str
    lower_bounds: Mapping[str, float]

    def named_parameters(
        self, prefix: str = "", recurse: bool = True
    ) -> Iterable[tuple[str, Tensor]]: ...

    def parameters(self, recurse: bool = True) -> Iterable[Tensor]: ...


class _Stepped(NamedTuple):
    """The modules that an optimiser steps, found for these parameters and living modules."""

    parameters: set[int]
    living: tuple[int, int]
    modules: list[ref[Any]]


_clipped: WeakSet[Any] = WeakSet()
_added = 0
_found: WeakKeyDictionary[torch.optim.Optimizer, _Stepped] = WeakKeyDictionary()
_lock = Lock()


def project_after_every_step(module: Bounded) -> None:
    """Has the module's clipped parameters moved back to their bounds, in place, whenever an
    optimiser has stepped them, while the module lives."""
    global _added
    if module.constraint == "clip" and module.lower_bounds:
        with _lock:
            _clipped.add(module)
            _added += 1


@torch.no_grad()
def _project_stepped(optimizer: torch.optim.Optimizer, *_: object) -> None:
    # Only what this optimiser moved: writing to anything else, even nothing new, would spoil a
    # backward pass that is under way, in another thread or, with an optimiser for each parameter
    # that steps as soon as its gradient is there, in this one.
    stepped = {id(each) for group in optimizer.param_groups for each in group["params"]}
    for module in _stepped_modules(optimizer, stepped):
        for name, parameter in module.named_parameters(recurse=False):
            if name in module.lower_bounds and id(parameter) in stepped:
                parameter.clamp_(min=module.lower_bounds[name])


def _stepped_modules(optimizer: torch.optim.Optimizer, stepped: set[int]) -> list[Bounded]:
    """The living modules with a parameter among those stepped.

    They are remembered, so that a step costs the same however many networks there are.
    """
    with _lock:
        found, living = _found.get(optimizer), (_added, len(_clipped))
        if found is None or found.parameters != stepped or found.living != living:
            # Parameters of submodules count: pruned or parametrised, a parameter is kept there,
            # and comes back to its module some day.
            concerned = [
                ref(module)
                for module in _clipped
                if not stepped.isdisjoint(map(id, module.parameters()))
            ]
            found = _found[optimizer] = _Stepped(stepped, living, concerned)
    modules = (module() for module in found.modules)
    return [module for module in modules if module is not None]


register_optimizer_step_post_hook(_project_stepped)
