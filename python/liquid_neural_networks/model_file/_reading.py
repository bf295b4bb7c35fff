"""From the document of a ``.lnn`` file to plain data, field by field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
import torch

from .._model import Model
from ..errors import LiquidError, ModelFileError
from ..online import check_snapshot
from ..wiring import Wiring
from ..wiring._wiring import SYNAPSE_LISTS, WIRING_FIELDS
from ._fields import (
    MAX_NAME,
    as_map,
    check_size,
    check_text,
    checked_config,
    map_of,
    plain_map,
    refuse,
)
from ._format import FIELDS

Array = npt.NDArray[Any]


def to_model(document: dict[str, Any]) -> Model:
    """What a document holds, its checksum apart.

    Raises:
        ModelFileError: a field is missing, unknown or not what it should be.
    """
    map_of("document", document, [name for name in FIELDS if name != "checksum"])
    check_text("library", document["library"])
    config = checked_config(document["config"])
    if not isinstance(document["wirings"], list):
        refuse("wirings", "a list", document["wirings"])
    scaling = document["scaling"]
    return Model(
        config,
        [_wiring(each, f"wirings[{i}]") for i, each in enumerate(document["wirings"])],
        {
            name: torch.from_numpy(_array(each, f"tensors.{name[:MAX_NAME]}", ("f4", "f8")))
            for name, each in as_map(document["tensors"], "tensors").items()
        },
        None if scaling is None else plain_map("scaling", scaling),
        plain_map("metadata", document["metadata"]),
        _learner(document["learner"]),
    )


def _learner(value: object) -> Optional[bytes]:
    if value is None:
        return None
    if type(value) is not bytes:
        refuse("learner", "bytes or nil", value)
    try:
        check_snapshot(value)
    except ModelFileError as error:
        raise ModelFileError(str(error), "learner") from None
    return value


def _array(value: object, where: str, dtypes: Iterable[str]) -> Array:
    """The array a map {dtype, shape, data} describes, in the machine's byte order."""
    described = map_of(where, value, ("dtype", "shape", "data"))
    dtype, shape, data = described["dtype"], described["shape"], described["data"]
    if dtype not in dtypes:
        refuse(f"{where}.dtype", " or ".join(dtypes), dtype)
    if not (isinstance(shape, list) and len(shape) <= 2):
        refuse(f"{where}.shape", "a list of at most 2 sizes", shape)
    size = 1
    for each in shape:
        if type(each) is not int or not 0 <= each < 2**31:
            refuse(f"{where}.shape", "sizes from 0 to 2147483647", each)
        size *= each
    if not isinstance(data, bytes):
        refuse(f"{where}.data", "bytes", data)
    needed = size * np.dtype(dtype).itemsize
    if len(data) != needed:
        raise ModelFileError(f"shape {shape} needs {needed} bytes, got {len(data)}", where)
    little = np.frombuffer(data, dtype=f"<{dtype}").reshape(shape)
    return little.astype(dtype)


def _wiring(value: object, where: str) -> Wiring:
    fields = map_of(where, value, WIRING_FIELDS)
    for name in ("input_size", "units"):
        check_size(f"{where}.{name}", fields[name])
    if type(fields["motor"]) is not int:
        refuse(f"{where}.motor", "an integer", fields["motor"])
    synapses = {name: _indices(fields[name], f"{where}.{name}") for name in SYNAPSE_LISTS}
    layers = {
        name: _indices(each, f"{where}.layers.{name[:MAX_NAME]}")
        for name, each in as_map(fields["layers"], f"{where}.layers").items()
    }
    members = sum(len(each) for each in layers.values())
    if members != fields["units"]:
        raise ModelFileError(
            f"hold {members} neurons, the wiring has {fields['units']}", f"{where}.layers"
        )
    recipe = fields["recipe"]
    try:
        wiring = Wiring(
            input_size=fields["input_size"],
            units=fields["units"],
            motor=fields["motor"],
            **synapses,
            layers={name: tuple(each.tolist()) for name, each in layers.items()},
            recipe=None if recipe is None else plain_map(f"{where}.recipe", recipe),
        )
    except ModelFileError:
        raise
    except LiquidError as error:
        raise ModelFileError(str(error), where) from None
    _check_sorted(wiring, synapses, where)
    return wiring


def _check_sorted(wiring: Wiring, synapses: dict[str, Array], where: str) -> None:
    """Synapses stand in the order of their parameters: a wiring sorts them, a file must have."""
    for name in SYNAPSE_LISTS:
        if not np.array_equal(getattr(wiring, name), synapses[name]):
            raise ModelFileError("synapses are not sorted by post, then pre", f"{where}.{name}")


def _indices(value: object, where: str) -> Array:
    array = _array(value, where, ("i4",))
    if array.ndim != 1:
        refuse(f"{where}.shape", "one size", list(array.shape))
    return array
