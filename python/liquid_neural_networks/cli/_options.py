"""Option values that click does not know: text -> value, to be used as ``type=``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import click

from .._checks import check_choice
from ..errors import OptionError

# The registries themselves are in modules that import torch, which takes seconds: too long for
# --help and for the completion of a command line.
SOLVERS = ("adaptive", "euler", "exponential", "fused", "rk4")
DYNAMICS = ("conductance", "dense", "lrc", "closed_form")
WIRINGS = ("fully_connected", "random", "ncp", "auto_ncp", "c_elegans")


def names(text: str) -> tuple[str, ...]:
    """Names of columns with commas between them."""
    listed = tuple(name.strip() for name in text.split(","))
    if not all(listed):
        raise click.BadParameter(f"expected names with single commas between them, got {text!r}")
    return listed


def wiring(text: str) -> dict[str, Any]:
    """A wiring such as ``ncp:inter=12,command=6``, as plain data."""
    return _described(text, WIRINGS, "NUMBER")


def dynamics(text: str) -> dict[str, Any]:
    """Dynamics such as ``closed_form:mode=pure``, as plain data."""
    return _described(text, DYNAMICS, "VALUE")


def _described(text: str, kinds: Iterable[str], wanted: str) -> dict[str, Any]:
    """Plain data from KIND[:OPTION=VALUE,...]; a value may be a bare word if so wanted."""
    kind, _, options = text.partition(":")
    try:
        check_choice("kind", kind, kinds)
    except OptionError as error:
        raise click.BadParameter(str(error)) from None
    description: dict[str, Any] = {"type": kind}
    for part in filter(None, options.split(",")):
        name, _, value = part.partition("=")
        try:
            description[name.strip()] = json.loads(value)
        except json.JSONDecodeError:
            if wanted == "NUMBER" or not value.strip():
                raise click.BadParameter(f"expected OPTION={wanted}, got {part!r}") from None
            description[name.strip()] = value.strip()
    return description
