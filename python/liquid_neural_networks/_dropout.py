"""Dropout that can draw from random generators of the caller's.

torch's own dropout draws from one random state that all threads share. Inside
:func:`drawing_from` the dropout here draws from the generators given there, in this thread alone;
everywhere else it is torch's own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

import torch
from torch import Tensor, nn
from torch.nn import functional


class Generators:
    """One random generator a device, each of the same seed, made when it is first asked for."""

    def __init__(self, seed: int):
        self._seed = seed
        self._made: dict[torch.device, torch.Generator] = {}

    def on(self, device: torch.device) -> torch.Generator:
        """The generator of a device."""
        if device not in self._made:
            self._made[device] = torch.Generator(device).manual_seed(self._seed)
        return self._made[device]


class _Drawing(threading.local):
    """What the current thread draws from; None for torch's global random state."""

    generators: Optional[Generators] = None


_drawing = _Drawing()


@contextmanager
def drawing_from(generators: Generators) -> Iterator[None]:
    """Has :func:`dropout` draw from these generators in the current thread, inside the block.

    Code made by ``torch.compile`` draws from torch's global random state here too, so that it
    does not depend on the generators.
    """
    before, _drawing.generators = _drawing.generators, generators
    try:
        yield
    finally:
        _drawing.generators = before


def dropout(x: Tensor, p: float, training: bool) -> Tensor:
    """``x`` with each value set to 0 with probability ``p``, and the others divided by 1 - p.

    Outside of training, ``x`` itself. On the CPU a generator gives the numbers that
    ``torch.nn.functional.dropout`` gives with the same seed.
    """
    generators = None if torch.compiler.is_compiling() else _drawing.generators
    if generators is None or not training or p in (0.0, 1.0):
        return functional.dropout(x, p, training)  # which draws nothing where nothing is random
    kept = torch.empty_like(x).bernoulli_(1.0 - p, generator=generators.on(x.device))
    return x * kept.div_(1.0 - p)


class Dropout(nn.Dropout):
    """``torch.nn.Dropout`` by :func:`dropout`."""

    def __init__(self, p: float):
        super().__init__(p)

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p, self.training)
