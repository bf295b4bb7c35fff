"""Kinds of option values that click does not know."""

from __future__ import annotations

import json
from typing import Any, Optional

import click

from .._checks import check_choice
from ..errors import OptionError
from ..wiring import RECIPES


class Names(click.ParamType):
    """Names of columns with commas between them."""

    name = "NAMES"

    def convert(
        self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]
    ) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in str(value).split(","))
        if not all(names):
            self.fail(f"expected names with single commas between them, got {value!r}", param, ctx)
        return names


class WiringText(click.ParamType):
    """A wiring such as ``ncp:inter=12,command=6``."""

    name = "KIND[:OPTION=VALUE,...]"

    def convert(
        self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]
    ) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        kind, _, rest = str(value).partition(":")
        try:
            check_choice("wiring", kind, RECIPES)
        except OptionError as error:
            self.fail(str(error), param, ctx)
        description: dict[str, Any] = {"type": kind}
        for part in filter(None, rest.split(",")):
            name, equals, text = part.partition("=")
            try:
                description[name.strip()] = json.loads(text)
            except json.JSONDecodeError:
                self.fail(f"expected OPTION=NUMBER, got {part!r}", param, ctx)
        return description
