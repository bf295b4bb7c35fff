"""The pieces of C in the folder ``pieces``, and the templates in ``templates``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from string import Template

HELPERS = (
    "not_a_number",
    "magnitude",
    "half",
    "power_within",
    "power_of_two",
    "opening",
    "sigmoid",
    "exponential",
    "exponential_minus_one",
    "hyperbolic_tangent",
    "error_function",
    "connections",
    "synapse_lists",
    "weigh",
    "weigh_states",
    "weigh_pair",
    "dot",
    "dot_seen",
)
"""Pieces that others use by their name, each after those that it uses itself."""

_CALLED = {"half": "of_half"}
"""What the texts call a helper, where it is not its name."""

_FOLDER = Path(__file__).parent


@cache
def piece(name: str) -> str:
    """The text of a piece."""
    return (_FOLDER / "pieces" / f"{name}.c").read_text("utf-8")


def helpers_of(texts: Iterable[str]) -> list[str]:
    """The names of the helpers that these texts use, directly or not, in their order."""
    used: list[str] = []
    seen = "\n".join(texts)
    for name in reversed(HELPERS):
        if re.search(rf"\b{_CALLED.get(name, name)}\b", seen):
            used.insert(0, name)
            seen += piece(name)
    return used


def filled(template: str, values: Mapping[str, object]) -> str:
    """A template with its places filled."""
    text = (_FOLDER / "templates" / template).read_text("utf-8")
    return Template(text).substitute(values)
