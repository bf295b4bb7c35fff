"""Option values that click does not know: text -> value, to be used as ``type=``."""

from __future__ import annotations

import json
from typing import Any

import click

from .._checks import check_choice
from ..errors import OptionError
from ..wiring import RECIPES


def names(text: str) -> tuple[str, ...]:
    """Names of columns with commas between them."""
    listed = tuple(name.strip() for name in text.split(","))
    if not all(listed):
        raise click.BadParameter(f"expected names with single commas between them, got {text!r}")
    return listed


def wiring(text: str) -> dict[str, Any]:
    """A wiring such as ``ncp:inter=12,command=6``, as plain data."""
    kind, _, options = text.partition(":")
    try:
        check_choice("kind", kind, RECIPES)
    except OptionError as error:
        raise click.BadParameter(str(error)) from None
    description: dict[str, Any] = {"type": kind}
    for part in filter(None, options.split(",")):
        name, _, value = part.partition("=")
        try:
            description[name.strip()] = json.loads(value)
        except json.JSONDecodeError:
            raise click.BadParameter(f"expected OPTION=NUMBER, got {part!r}") from None
    return description
