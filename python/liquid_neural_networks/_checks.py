"""Checks of arguments, shared by every room: each raises a typed error naming the argument."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from math import isfinite

from .errors import DomainError, DtypeError, OptionError


def check_count(name: str, value: object) -> None:
    """A positive integer."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise DtypeError(f"expected a positive integer, got {value!r}", name)
    if int(value) < 1:
        raise DomainError(f"expected a positive integer, got {value!r}", name)


def check_fraction(name: str, value: object) -> None:
    """A number in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DtypeError(f"expected a number from 0 to below 1, got {value!r}", name)
    if not 0.0 <= value < 1.0:
        raise DomainError(f"expected a number from 0 to below 1, got {value!r}", name)


def check_positive(name: str, value: object) -> None:
    """A finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DtypeError(f"expected a positive number, got {value!r}", name)
    if not (isfinite(value) and value > 0):
        raise DomainError(f"expected a positive finite number, got {value!r}", name)


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """One of ``choices``; the error lists them and guesses at what was meant."""
    known = list(choices)
    if value not in known:
        close = get_close_matches(str(value), known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise OptionError(f"unknown {value!r}, expected one of {', '.join(known)}{hint}", name)
