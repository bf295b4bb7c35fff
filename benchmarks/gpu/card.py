"""A card and its limits."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple, Optional

import torch


class Limits(NamedTuple):
    """What a card can do at most, by its data sheet.

    Attributes:
        bytes: a second, to and from its memory.
        clock: of its multiprocessors at best, Hz.
    """

    bytes: float
    clock: float


# NVIDIA's data sheets of the H100 and H200 (SXM) and the A100 (80 GB).
LIMITS = {
    "H200": Limits(4.8e12, 1.98e9),
    "H100": Limits(3.35e12, 1.98e9),
    "A100": Limits(2.04e12, 1.41e9),
}
FLOPS, SPECIAL = 256, 16
"""A cycle and multiprocessor since 2020: operations of 128 multiply-adds, and special functions."""


def limits_of(name: str) -> Optional[Limits]:
    """By a card's name, None where it is not listed."""
    return next((each for key, each in LIMITS.items() if key in name), None)


def describe(device: torch.device) -> dict[str, Any]:
    """The card, what it can do at most and the versions that run on it, as plain data."""
    if device.type != "cuda":
        return {"card": "none: Triton's interpreter on the CPU", "torch": torch.__version__}
    import triton

    properties = torch.cuda.get_device_properties(device)
    described: dict[str, Any] = {
        "card": properties.name,
        "multiprocessors": properties.multi_processor_count,
        "memory_gib": properties.total_memory / 2**30,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "triton": triton.__version__,
        "cudnn": torch.backends.cudnn.version(),
        "copied_bytes_per_second": copied(device),
    }
    limits = limits_of(properties.name)
    if limits is not None:
        rate = properties.multi_processor_count * limits.clock
        described |= {
            "bytes_per_second": limits.bytes,
            "flops_per_second": FLOPS * rate,
            "special_per_second": SPECIAL * rate,
        }
    return described


def copied(device: torch.device) -> float:
    """Bytes a second, read and written, of a large copy."""
    source = torch.randn(2**28, device=device)
    target = torch.empty_like(source)
    time = median(timed(lambda: target.copy_(source), 1, device) for _ in range(7))
    return 2 * source.nbytes / time


def timed(call: Callable[[], Any], repeats: int, device: torch.device) -> float:
    """Seconds of one call, over ``repeats`` in a row; by the card's clock where it runs on one."""
    if device.type != "cuda":
        from time import perf_counter

        start = perf_counter()
        for _ in range(repeats):
            call()
        return (perf_counter() - start) / repeats
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    before.record()  # type: ignore[no-untyped-call]
    for _ in range(repeats):
        call()
    after.record()  # type: ignore[no-untyped-call]
    after.synchronize()  # type: ignore[no-untyped-call]
    return before.elapsed_time(after) / 1e3 / repeats
