"""Arrays between languages: only an address, a shape and a dtype cross, never the numbers."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterable, Mapping
from math import isnan, prod
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..errors import DtypeError
from ._calls import Plain, guarded, hold, let_go

Array = npt.NDArray[Any]
Given = Union[float, int, Mapping[str, Any], None]
"""A number, or a description ``{"address", "shape", "dtype"}`` of numbers in memory."""

DTYPES = {name: np.dtype(name) for name in ("f8", "f4", "i8", "u1")}


def view(description: Mapping[str, Any]) -> Array:
    """The caller's memory itself, valid as long as the caller keeps it."""
    dtype = DTYPES[description["dtype"]]
    shape = tuple(description["shape"])
    size = prod(shape) * dtype.itemsize
    if size == 0:
        return np.empty(shape, dtype)
    memory = (ctypes.c_char * size).from_address(description["address"])
    array: Array = np.ndarray(shape, dtype, memory)
    return array


def copied(description: Mapping[str, Any]) -> Array:
    """A copy: the caller may use the memory again."""
    return np.array(view(description))


def tensor(
    given: Given, dtype: Optional[torch.dtype] = None, copy: bool = True
) -> Optional[Tensor]:
    """An array or number of the caller as a tensor, of another dtype if one is named.

    Args:
        copy: whether the caller may use the memory again.
    """
    if given is None:
        return None
    if isinstance(given, dict):
        made = torch.from_numpy(copied(given) if copy else view(given))
    else:
        made = torch.tensor(given)
    return made if dtype is None or made.dtype == dtype else made.to(dtype)


def has_nan(values: Tensor) -> bool:
    """Whether any number of a tensor is NaN."""
    # A sum is quicker than a look at each, but infinities may cancel to NaN too.
    return isnan(values.sum().item()) and bool(values.isnan().any())


class _Answers(threading.local):
    """Memory of the caller's for the answer of the call under way in this thread."""

    address = 0
    end = 0


_answers = _Answers()


def answer_in(address: int, size: int) -> None:
    """Has :func:`array_description` use this memory, as far as it goes, in this thread."""
    _answers.address, _answers.end = address, address + size


def take_answer_memory(size: int) -> int:
    """Address of so many bytes of that memory, or 0 if there are not."""
    place = _answers.address
    if place + size > _answers.end:
        return 0
    _answers.address = place + (size + 7) // 8 * 8
    return place


def array_description(values: Union[Tensor, Array]) -> Plain:
    """Describes numbers for the caller to read.

    They are copied to the caller's memory where it has space; else they stay until the caller
    releases their handle.
    """
    if isinstance(values, Tensor):
        values = values.detach().contiguous()
        kind, address = _KINDS.get(values.dtype), values.data_ptr()
    else:
        values = np.ascontiguousarray(values)
        kind, address = values.dtype.str[1:], values.__array_interface__["data"][0]
    if kind not in DTYPES:
        raise DtypeError(f"expected one of {', '.join(DTYPES)}, got {values.dtype}", "array")
    found: Plain = {"address": address, "shape": list(values.shape), "dtype": kind}
    size = int(values.nbytes)
    place = take_answer_memory(size)
    if place:
        ctypes.memmove(place, address, size)
        found["address"] = place
    else:
        found["handle"] = hold(values)
    return found


_KINDS = {torch.float64: "f8", torch.float32: "f4", torch.int64: "i8", torch.uint8: "u1"}


@guarded
def release(handles: Iterable[int]) -> None:
    """Lets go of networks, sessions and arrays; unknown handles are ignored."""
    let_go(handles)
