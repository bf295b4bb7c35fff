"""One C function for everything: text in, text out, and small arrays through the caller's memory.

A crossing between languages costs more than the work of a small network, so there is one for
each call: the arguments come as one text, the answer leaves as one, and what the caller no
longer needs is let go of on the way.
"""

from __future__ import annotations

import ctypes
import json
import struct
from typing import Any, Callable

from ._arrays import answer_in, take_answer_memory
from ._calls import FUNCTIONS, hold, let_go

_decode: Callable[[str], tuple[Any, int]] = json.JSONDecoder(strict=False).raw_decode
# JSON with spaces for colons and commas is EDN, and the encoder of JSON is quick.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(" ", " "), default=float).encode


# What stands before a request: address, size and handle of the answer, and address and size of
# memory for it.
_HEAD, _ANSWER = struct.Struct("=5q"), struct.Struct("=3q")


def _call(address: int, size: int) -> None:
    given = ctypes.string_at(address, _HEAD.size + size)
    *_, memory, memory_size = _HEAD.unpack_from(given)
    try:
        answer_in(memory, memory_size)
        answer = call(given[_HEAD.size :].decode()).encode("utf-8", "replace")
        place, handle = take_answer_memory(len(answer)), 0
    finally:
        answer_in(0, 0)
    if place:
        ctypes.memmove(place, answer, len(answer))
    else:
        kept = ctypes.create_string_buffer(answer, len(answer))
        place, handle = ctypes.addressof(kept), hold(kept)
    ctypes.memmove(address, _ANSWER.pack(place, len(answer), handle), _ANSWER.size)


_entry = ctypes.CFUNCTYPE(None, ctypes.c_size_t, ctypes.c_size_t)(_call)


def entry() -> int:
    """Address of a C function, from any thread, of a request's address and its size in bytes.

    A request is UTF-8, see :func:`call`. Five integers of eight bytes stand before it, which the
    size leaves out: space for the address, size and handle of the answer (0 if there is nothing
    to release), and the address and size of memory for it and for arrays.
    """
    return ctypes.cast(_entry, ctypes.c_void_p).value or 0


def call(request: str) -> str:
    """Calls a function of this package.

    Args:
        request: JSON, ``[function, arguments, handles]``: the function's name and positional
            arguments, and handles to let go of first.

    Returns:
        The answer, see :func:`edn`.
    """
    (function, arguments, handles), _ = _decode(request)
    if handles:
        let_go(handles)
    return edn(FUNCTIONS[function](*arguments))


def edn(value: Any) -> str:
    """Plain data as EDN, with the symbols ``null``, ``NaN``, ``Infinity`` and ``-Infinity``."""
    return _encode(value)
