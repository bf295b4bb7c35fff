"""The C extension, loaded once, and what the lower floors need of it.

Tensors reach C by name and are checked there, see ``src/fields.h``; nothing here passes an address.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Optional

import torch
from torch import Tensor, nn

VERSION = 4
"""Of the interface between Python and C; the extension says which one it was built for."""

native: Optional[ModuleType]
"""The C extension, or None where it could not be built."""
try:
    native = import_module("._native", __package__)
except ImportError as error:
    native, MISSING = None, str(error)
else:
    MISSING = ""
    if native.VERSION != VERSION:
        raise ImportError(
            f"the C extension has interface {native.VERSION}, this library needs {VERSION}: "
            "install liquid-neural-networks again"
        )
    native.bind((Tensor, nn.Parameter), torch.float32, torch.float64, torch.strided)

SETS: dict[str, int] = {} if native is None else native.instruction_sets()
"""Instruction sets of this machine, best first, and the number of each one's float32 kernel."""

in_use = next(iter(SETS), "")
"""The instruction set that calls from now on run on."""

_DOUBLE = {torch.float32: 0, torch.float64: 1}


def built() -> ModuleType:
    """The extension, where it is known to be there."""
    assert native is not None
    return native


def kernel_for(dtype: torch.dtype) -> int:
    """The number of the kernel in use. Backward takes the number that forward had: what one kernel
    keeps only that one can read."""
    return SETS[in_use] + _DOUBLE[dtype]


def lowest(tensor: Tensor) -> float:
    """The smallest number in a tensor that is not empty, NaN if any is NaN or infinite.

    One pass in compiled code where that can read the tensor: this runs on every call, and on a
    short sequence torch's three operators would cost as much as the network itself.
    """
    if native is not None:
        least: Optional[float] = native.lowest(tensor)
        if least is not None:
            return least
    low, high = tensor.detach().aminmax()
    # One number crosses from the device: NaN where any is, or where one is infinite.
    return float(low + 0.0 * low + 0.0 * high)
