"""What every call has in common: errors become data, and objects are held by number."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from functools import wraps
from itertools import count
from typing import Any, Callable, TypeVar

from .. import errors
from ..errors import DomainError

Plain = dict[str, Any]
Kind = TypeVar("Kind")

FUNCTIONS: dict[str, Callable[..., Plain]] = {}
"""Every function that may be called by name."""

_held: dict[int, object] = {}
_numbers = count(1)


def guarded(function: Callable[..., Any]) -> Callable[..., Plain]:
    """``function`` with what it returns, or raises, as plain data; callable by its name."""

    @wraps(function)
    def call(*arguments: Any) -> Plain:
        try:
            return {"ok": function(*arguments)}
        except BaseException as error:
            return {"error": described(error)}

    FUNCTIONS[function.__name__] = call
    return call


def described(error: BaseException) -> Plain:
    """An exception as plain data."""
    return {
        "type": _kind(error),
        "message": str(error),
        "argument": getattr(error, "argument", None),
        "traceback": traceback.format_exc(),
    }


def _kind(error: BaseException) -> str:
    """The class of :mod:`liquid_neural_networks.errors` that it is, or its own."""
    kinds = type(error).__mro__
    return next((each for each in kinds if each.__module__ == errors.__name__), kinds[0]).__name__


def hold(thing: object) -> int:
    """A handle that keeps ``thing`` alive until :func:`let_go`."""
    handle = next(_numbers)
    _held[handle] = thing
    return handle


def held(handle: int, kind: type[Kind]) -> Kind:
    """What a handle stands for.

    Raises:
        DomainError: nothing of that kind, or no longer.
    """
    thing = _held.get(handle)
    if not isinstance(thing, kind):
        raise DomainError(f"expected the handle of a {kind.__name__}, got {handle!r}", "handle")
    return thing


def let_go(handles: Iterable[int]) -> None:
    """Drops what these handles keep alive."""
    for handle in handles:
        _held.pop(handle, None)
