"""One call for everything: text in, text out, and small arrays through the caller's memory.

A crossing between languages costs more than the work of a small network, so there is one for
each call: the arguments come as one string, the answer leaves as one, and what the caller no
longer needs is let go of on the way.
"""

from __future__ import annotations

import json
from typing import Any, Callable

from ._arrays import answering_in
from ._calls import FUNCTIONS, let_go

_decode: Callable[[str], Any] = json.JSONDecoder(strict=False).decode
# JSON with spaces for colons and commas is EDN, and the encoder of JSON is quick.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(" ", " "), default=float).encode


def call(request: str) -> str:
    """Calls a function of this package.

    Args:
        request: JSON, ``[function, arguments, handles, memory]``: the function's name and
            positional arguments, handles to let go of first, and memory of the caller's for
            arrays of the answer, ``[address, size in bytes]``; what it cannot hold gets a handle.

    Returns:
        The answer, see :func:`edn`.
    """
    function, arguments, handles, memory = _decode(request)
    let_go(handles)
    with answering_in(*memory):
        return edn(FUNCTIONS[function](*arguments))


def edn(value: Any) -> str:
    """Plain data as EDN, with the symbols ``null``, ``NaN``, ``Infinity`` and ``-Infinity``."""
    return _encode(value)
