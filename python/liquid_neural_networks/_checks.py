"""Checks of arguments, shared by all modules: each raises a typed error naming the argument."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from math import inf, isfinite
from numbers import Real
from typing import Any, Optional

from ._hints import hint
from .errors import DomainError, DtypeError, OptionError, ShapeError


def told(value: object) -> str:
    """What was given, for a message: as it is written, or of what is long its type."""
    try:
        text = repr(value)
    except Exception:  # a stranger's
        text = ""
    return text if 0 < len(text) <= 60 and "\n" not in text else f"a {type(value).__name__}"


def check_integer(name: str, value: object, low: int, high: Optional[int] = None) -> int:
    """An integer from ``low`` to ``high``, both included; numpy's become Python's."""
    wanted = f"at least {low}" if high is None else f"from {low} to {high}"
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise DtypeError(f"expected an integer {wanted}, got {told(value)}", name) from None
    if isinstance(value, bool):
        raise DtypeError(f"expected an integer {wanted}, got {told(value)}", name)
    if number < low or (high is not None and number > high):
        raise DomainError(f"expected an integer {wanted}, got {told(value)}", name)
    return number


def check_count(name: str, value: object) -> int:
    """A positive integer."""
    return check_integer(name, value, 1)


def check_items(name: str, value: object, wanted: str, count: Optional[int] = None) -> list[Any]:
    """What is in a list, a tuple or the like, so many if ``count`` is given; a set has no order."""
    if isinstance(value, (str, bytes, set, frozenset)) or not isinstance(value, Iterable):
        raise DtypeError(f"expected {wanted}, got {told(value)}", name)
    try:
        items = list(value)
    except TypeError:  # such as an array of no dimension
        raise DtypeError(f"expected {wanted}, got {told(value)}", name) from None
    if count is not None and len(items) != count:
        raise ShapeError(f"expected {wanted}, got {told(value)}", name)
    return items


def check_seed(value: object) -> int:
    """An integer that numpy and torch both take as a seed."""
    return check_integer("seed", value, 0, 2**32 - 1)


def check_flag(name: str, value: object) -> bool:
    """True or False, and nothing that merely looks like one."""
    if not isinstance(value, bool):
        raise DtypeError(f"expected True or False, got {told(value)}", name)
    return value


def check_fraction(name: str, value: object) -> None:
    """A number in [0, 1)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DtypeError(f"expected a number from 0 to below 1, got {told(value)}", name)
    if not 0.0 <= value < 1.0:
        raise DomainError(f"expected a number from 0 to below 1, got {told(value)}", name)


def check_positive(name: str, value: object) -> float:
    """A finite number above 0; numpy's become Python's."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise DtypeError(f"expected a positive number, got {told(value)}", name)
    try:
        number = float(value)
    except OverflowError:
        number = inf
    if not (isfinite(number) and number > 0):
        raise DomainError(f"expected a positive finite number, got {told(value)}", name)
    return number


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """One of ``choices``; the error lists them and says what was probably meant."""
    known = list(choices)
    if isinstance(value, str) and value in known:
        return
    meant = hint(value, known) if isinstance(value, str) else ""
    raise OptionError(f"unknown {told(value)}, expected one of {', '.join(known)}{meant}", name)


def check_text(name: str, value: object) -> str:
    """Text."""
    if not isinstance(value, str):
        raise DtypeError(f"expected text, got {told(value)}", name)
    return value


def check_names(name: str, value: object, count: int, each: str) -> list[str]:
    """So many names, one for ``each`` of something; what is no text becomes it."""
    names = check_items(name, value, f"a list of {count}, one for each {each}")
    if len(names) != count:
        raise ShapeError(f"expected {count}, one for each {each}, got {len(names)}", name)
    return [str(own) for own in names]
