"""How a dynamics is written in C: what the files of the dynamics have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt

from . import _text as text
from ._design import Population

IntArray = npt.NDArray[Any]


class Part(NamedTuple):
    """One population in C.

    Attributes:
        tables: definitions, as text.
        fields: of the structure ``population`` that refers to them.
    """

    tables: list[str]
    fields: Mapping[str, Any]


class Types(NamedTuple):
    """The C types of indices: of who sends, and of a synapse in its table."""

    sender: str
    synapse: str


class Kind(NamedTuple):
    """How a dynamics is written in C.

    Attributes:
        pieces: the names of its pieces, in order.
        part: makes a population's tables; their names begin with the prefix.
        macros: sizes that the pieces need.
        population: the C type of a population.
        largest_state: what no state exceeds in magnitude, where the pieces rely on that.
    """

    pieces: list[str]
    part: Callable[[Population, str, Types], Part]
    macros: Mapping[str, object] = {}
    population: str = "population"
    largest_state: Optional[float] = None


def starts(post: IntArray, units: int) -> list[int]:
    """Where the synapses of each neuron start, and where the last ones end."""
    return [0, *np.cumsum(np.bincount(post, minlength=units)).tolist()]


def lists(name: str, pre: IntArray, post: IntArray, units: int, types: Types) -> list[str]:
    return [
        text.indices(types.synapse, f"{name}_start", starts(post, units)),
        text.indices(types.sender, f"{name}_from", pre),
    ]
