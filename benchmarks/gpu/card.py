"""A card and its limits."""

from __future__ import annotations

import platform
from datetime import date
from typing import Any, NamedTuple, Optional

import torch

from .measuring import once


class Limits(NamedTuple):
    """What a card can do at most, by its maker's data sheet.

    Attributes:
        bytes: a second, to and from its memory.
        multiprocessors: how many it has.
        clock: their best, Hz.
    """

    bytes: float
    multiprocessors: int
    clock: float

    @property
    def flops(self) -> float:
        """A second, in float32: a multiply-add is two, and a multiprocessor does 128 a cycle."""
        return 256 * self.multiprocessors * self.clock

    @property
    def special(self) -> float:
        """Special functions a second, 16 a cycle and multiprocessor; a sigmoid is two."""
        return 16 * self.multiprocessors * self.clock


LIMITS = {
    "H200": Limits(4.8e12, 132, 1.98e9),
    "H100": Limits(3.35e12, 132, 1.98e9),
    "A100": Limits(2.04e12, 108, 1.41e9),
}
"""NVIDIA's H200, H100 and A100, SXM, the last one with 80 GB."""


def limits_of(card: str) -> Optional[Limits]:
    """By a card's name; None where it is not listed."""
    return next((each for key, each in LIMITS.items() if key in card), None)


def described() -> dict[str, Any]:
    """The card in use and the versions that run on it, as plain data."""
    import triton

    return {
        "card": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "triton": triton.__version__,
        "python": platform.python_version(),
        "date": date.today().isoformat(),
        "copied_bytes_per_second": copied(),
    }


def copied() -> float:
    """Bytes a second, read and written, of a copy of 1 GiB: what memory gives at best."""
    source = torch.randn(2**28, device="cuda")
    target = torch.empty_like(source)
    best = min(once(lambda: target.copy_(source)) for _ in range(8))
    return 2 * source.nbytes / (1e-3 * best)
