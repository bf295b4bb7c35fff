"""``Wiring``: the synapses of one population, as plain sorted arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Optional

import numpy as np
import numpy.typing as npt

from .._checks import check_count, check_integer
from .._extras import require
from ..errors import DomainError, DtypeError, ShapeError

if TYPE_CHECKING:
    import networkx

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Wiring:
    """Which neuron listens to which, and whether a synapse excites or inhibits.

    Synapses are stored as lists of those that exist, sorted by receiving (``post``) neuron and
    then by sending (``pre``) neuron; a synapse that is not listed has no parameters and costs
    nothing.

    Args:
        input_size: I, number of inputs (sensory neurons).
        units: N, number of neurons.
        motor: O, number of motor neurons; they are neurons ``0 .. motor-1``.
        pre, post, polarity: (E,) recurrent synapses ``pre -> post``; polarity is +1 or -1.
        sensory_pre, sensory_post, sensory_polarity: (S,) synapses from input to neuron.
        layers: layer name -> neuron indices, in the order signals travel. Default: one layer
            named ``"neurons"``.
        recipe: plain data saying how the wiring was grown, or None.

    Raises:
        DomainError: a count is not positive, an index is out of range, a synapse appears
            twice, or a polarity is not +1 or -1.
        ShapeError: lists that belong together differ in length, or layers do not cover every
            neuron exactly once.
    """

    input_size: int
    units: int
    motor: int
    pre: IntArray
    post: IntArray
    polarity: IntArray
    sensory_pre: IntArray
    sensory_post: IntArray
    sensory_polarity: IntArray
    layers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    recipe: Optional[Mapping[str, Any]] = None

    def __post_init__(self) -> None:
        units = check_count("units", self.units)
        for name, size in (
            ("input_size", check_count("input_size", self.input_size)),
            ("units", units),
            ("motor", check_integer("motor", self.motor, 0, units)),
        ):
            object.__setattr__(self, name, size)
        self._settle("", self.units)
        self._settle("sensory_", self.input_size)
        object.__setattr__(self, "layers", _layers(self.layers, self.units))
        if not (self.recipe is None or isinstance(self.recipe, Mapping)):
            raise DtypeError(f"expected a mapping, got {type(self.recipe).__name__}", "recipe")

    def _settle(self, prefix: str, senders: int) -> None:
        """Checks one synapse list, sorts it and makes it read-only."""
        names = [prefix + part for part in ("pre", "post", "polarity")]
        pre, post, polarity = (_int_array(name, getattr(self, name)) for name in names)
        if not len(pre) == len(post) == len(polarity):
            raise ShapeError(
                f"lengths differ: {len(pre)}, {len(post)}, {len(polarity)}", ", ".join(names)
            )
        for name, index, size in ((names[0], pre, senders), (names[1], post, self.units)):
            if len(index) and not (index.min() >= 0 and index.max() < size):
                raise DomainError(f"expected indices from 0 to {size - 1}", name)
        if not np.isin(polarity, (-1, 1)).all():
            raise DomainError("expected +1 (excites) or -1 (inhibits)", names[2])
        order = np.lexsort((pre, post))
        pairs = post[order] * senders + pre[order]
        if (np.diff(pairs) == 0).any():
            raise DomainError("a synapse is listed twice", names[0])
        for name, values in zip(names, (pre[order], post[order], polarity[order])):
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    # -- construction from and conversion to other forms -------------------------------------

    @classmethod
    def from_matrices(
        cls,
        adjacency: npt.ArrayLike,
        sensory_adjacency: npt.ArrayLike,
        motor: int = 0,
        layers: Optional[Mapping[str, Iterable[int]]] = None,
    ) -> Wiring:
        """A wiring from signed adjacency matrices, rows sending, columns receiving.

        Args:
            adjacency: (N, N) of -1, 0, +1.
            sensory_adjacency: (I, N) of -1, 0, +1.
            motor: number of motor neurons.
            layers: layer name -> neuron indices.

        Raises:
            ShapeError, DomainError: a matrix has another shape, or other numbers.
        """
        recurrent = _array("adjacency", adjacency)
        sensory = _array("sensory_adjacency", sensory_adjacency)
        if recurrent.ndim != 2 or recurrent.shape[0] != recurrent.shape[1]:
            raise ShapeError(f"expected a square matrix, got {recurrent.shape}", "adjacency")
        if sensory.ndim != 2 or sensory.shape[1] != recurrent.shape[0]:
            raise ShapeError(
                f"expected (input_size, {recurrent.shape[0]}), got {sensory.shape}",
                "sensory_adjacency",
            )
        for name, matrix in (("adjacency", recurrent), ("sensory_adjacency", sensory)):
            if not np.isin(matrix, (-1, 0, 1)).all():
                raise DomainError(
                    "expected +1 (excites), -1 (inhibits) and 0 (no synapse) alone", name
                )
        pre, post = np.nonzero(recurrent)
        sensory_pre, sensory_post = np.nonzero(sensory)
        return cls(
            input_size=sensory.shape[0],
            units=recurrent.shape[0],
            motor=motor,
            pre=pre,
            post=post,
            polarity=recurrent[pre, post],
            sensory_pre=sensory_pre,
            sensory_post=sensory_post,
            sensory_polarity=sensory[sensory_pre, sensory_post],
            layers={name: tuple(ids) for name, ids in (layers or {}).items()},
        )

    def adjacency(self) -> IntArray:
        """(N, N) signed matrix, rows sending, columns receiving."""
        matrix = np.zeros((self.units, self.units), dtype=np.int64)
        matrix[self.pre, self.post] = self.polarity
        return matrix

    def sensory_adjacency(self) -> IntArray:
        """(I, N) signed matrix, rows inputs, columns receiving neurons."""
        matrix = np.zeros((self.input_size, self.units), dtype=np.int64)
        matrix[self.sensory_pre, self.sensory_post] = self.sensory_polarity
        return matrix

    def to_dict(self) -> dict[str, Any]:
        """Plain data (ints, strings, lists, dicts): what files store."""
        return {
            "input_size": self.input_size,
            "units": self.units,
            "motor": self.motor,
            **{name: getattr(self, name).tolist() for name in SYNAPSE_LISTS},
            "layers": {name: list(ids) for name, ids in self.layers.items()},
            "recipe": dict(self.recipe) if self.recipe else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Wiring:
        """The wiring that :meth:`to_dict` described."""
        if not isinstance(data, Mapping):
            raise DtypeError(f"expected a mapping, got {type(data).__name__}", "data")
        for name in WIRING_FIELDS:
            if name not in data:
                raise ShapeError("this field is missing", name)
        return cls(**{name: data[name] for name in WIRING_FIELDS})

    def graph(self) -> networkx.MultiDiGraph:
        """A networkx graph: nodes ``("input", k)`` and ``("neuron", i)``, one edge a synapse.

        Nodes carry ``layer``, edges carry ``polarity``.
        """
        networkx = require("networkx", "plots")
        graph = networkx.MultiDiGraph()
        graph.add_nodes_from((("input", k), {"layer": "sensory"}) for k in range(self.input_size))
        for name, ids in self.layers.items():
            graph.add_nodes_from((("neuron", i), {"layer": name}) for i in ids)
        for kind, prefix in (("input", "sensory_"), ("neuron", "")):
            columns = (getattr(self, prefix + part) for part in ("pre", "post", "polarity"))
            for pre, post, polarity in zip(*columns):
                graph.add_edge((kind, int(pre)), ("neuron", int(post)), polarity=int(polarity))
        return graph

    # -- questions ---------------------------------------------------------------------------

    @property
    def synapse_count(self) -> int:
        """E, number of recurrent synapses."""
        return len(self.pre)

    @property
    def sensory_synapse_count(self) -> int:
        """S, number of sensory synapses."""
        return len(self.sensory_pre)

    @property
    def is_full(self) -> bool:
        """Whether every neuron receives from every neuron (itself included) and every input."""
        return (
            self.synapse_count == self.units**2
            and self.sensory_synapse_count == self.units * self.input_size
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Wiring) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        layers = " + ".join(f"{len(ids)} {name}" for name, ids in self.layers.items())
        return (
            f"Wiring({self.input_size} inputs -> {layers}; {self.synapse_count} recurrent and "
            f"{self.sensory_synapse_count} sensory synapses)"
        )


SYNAPSE_LISTS = ("pre", "post", "polarity", "sensory_pre", "sensory_post", "sensory_polarity")
WIRING_FIELDS = ("input_size", "units", "motor", *SYNAPSE_LISTS, "layers", "recipe")


def _layers(given: object, units: int) -> dict[str, tuple[int, ...]]:
    if not isinstance(given, Mapping):
        raise DtypeError(f"expected a mapping, got {type(given).__name__}", "layers")
    if not given:
        return {"neurons": tuple(range(units))}
    layers = {str(name): tuple(_int_array("layers", ids).tolist()) for name, ids in given.items()}
    members = [i for ids in layers.values() for i in ids]
    if len(members) != units or set(members) != set(range(units)):
        raise ShapeError("every neuron must be in exactly one layer", "layers")
    return layers


def _array(name: str, values: object) -> npt.NDArray[Any]:
    try:
        return np.asarray(values)
    except ValueError:
        raise DtypeError("expected numbers in rows of equal length", name) from None


def _int_array(name: str, values: npt.ArrayLike) -> IntArray:
    array = _array(name, values)
    if array.size == 0:
        return np.zeros(0, dtype=np.int64)
    if array.ndim != 1:
        raise ShapeError(f"expected a flat list, got shape {array.shape}", name)
    whole = array.dtype.kind in "iu" or (
        array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.round(array)).all()
    )
    if not whole:
        raise DtypeError(f"expected integers, got {array.dtype}", name)
    return array.astype(np.int64)
