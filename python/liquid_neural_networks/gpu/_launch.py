"""How kernels are compiled and launched."""

from __future__ import annotations

from typing import Any

import torch

COMPILED = {"num_stages": 1, "enable_fp_fusion": True}
"""Nothing copied ahead, multiplications and additions fused."""
CROWDED = 16
"""Warps of a program so large that a multiprocessor holds one of them."""


def launch(kernel: Any, programs: tuple[int, ...], warps: int, arguments: dict[str, Any]) -> None:
    """Runs a kernel, giving it those of the arguments that it has."""
    given = {name: arguments[name] for name in kernel.arg_names}
    with torch.cuda.device_of(given[kernel.arg_names[0]]):
        kernel[programs](**given, num_warps=warps, **registers(warps), **COMPILED)


def registers(warps: int) -> dict[str, int]:
    """An option that gives a large program's threads all registers there are.

    Else the compiler moves some numbers to memory to let one more program in.
    """
    if warps < CROWDED or torch.version.hip:
        return {}
    return {"maxnreg": 65536 // (32 * warps)}
