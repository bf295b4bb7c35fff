"""Checks of single fields of a document: each raises ModelFileError naming the field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Callable, NoReturn

from .._document import plain
from ..errors import DomainError, DtypeError, ModelFileError

Check = Callable[[str, object], None]
"""(name of the field, its value); raises ModelFileError."""

MAX_SIZE = 2**24
"""No size in a config is larger; keeps every product of two within 64 bits."""

MAX_NAME = 64


def refuse(where: str, expected: str, value: object) -> NoReturn:
    raise ModelFileError(f"expected {expected}, got {shown(value)}", where)


def shown(value: object) -> str:
    """A value in an error message: never long, whatever a file puts there."""
    if isinstance(value, (str, int, float)) or value is None:
        text = repr(value)
        return text if len(text) <= MAX_NAME else f"{text[:MAX_NAME]}..."
    return "a map" if isinstance(value, dict) else f"a {type(value).__name__}"


def as_map(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        refuse(where, "a map", value)
    return value


def map_of(where: str, value: object, fields: Iterable[str]) -> dict[str, Any]:
    """A map of exactly these fields."""
    found = as_map(value, where)
    for name in fields:
        if name not in found:
            raise ModelFileError(f"the field {name} is missing", where)
    for name in found:
        if name not in fields:
            raise ModelFileError(f"has an unknown field {shown(name)}", where)
    return found


def plain_map(where: str, value: object) -> dict[str, Any]:
    """A map of plain data."""
    try:
        checked: dict[str, Any] = plain(as_map(value, where), where)
    except (DtypeError, DomainError) as error:
        raise ModelFileError(str(error)) from None
    return checked


def check_size(where: str, value: object) -> None:
    if type(value) is not int or not 1 <= value <= MAX_SIZE:
        refuse(where, f"an integer from 1 to {MAX_SIZE}", value)


def check_flag(where: str, value: object) -> None:
    if type(value) is not bool:
        refuse(where, "true or false", value)


def check_text(where: str, value: object) -> None:
    if not (isinstance(value, str) and len(value) <= MAX_NAME):
        refuse(where, f"a string of at most {MAX_NAME} characters", value)


def check_number(where: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        refuse(where, "a number", value)


def _or_nil(check: Check) -> Check:
    return lambda where, value: None if value is None else check(where, value)


def _check_dynamics(where: str, value: object) -> None:
    for name, option in as_map(value, where).items():
        if isinstance(option, str):
            check_text(f"{where}.{name}", option)
        elif not isinstance(option, bool):
            check_number(f"{where}.{name}", option)


# Options out of their domain, and ones that contradict each other, are refused when populations
# are made of them, see _fit.py.
_CONFIG: Mapping[str, Check] = {
    "input_size": check_size,
    "hidden_size": check_size,
    "output_size": check_size,
    "dynamics": _check_dynamics,
    "solver": _or_nil(check_text),
    "unfolds": _or_nil(check_size),
    "constraint": check_text,
    "mixed_memory": check_flag,
    "num_layers": check_size,
    "dropout": check_number,
    "bidirectional": check_flag,
    "batch_first": check_flag,
    "return_sequences": check_flag,
    "readout": check_text,
}


def checked_config(value: object) -> dict[str, Any]:
    """The options of a network, each of the right type."""
    config = map_of("config", value, _CONFIG)
    for name, check in _CONFIG.items():
        check(f"config.{name}", config[name])
    return config
