"""From plain data to the document of a ``.lnn`` file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .._document import plain
from .._model import Model
from .._tensors import array_of
from .._version import VERSION as LIBRARY
from ..errors import DomainError, DtypeError
from ..wiring import Wiring
from ..wiring._wiring import SYNAPSE_LISTS
from ._format import FORMAT, VERSION


def to_document(model: Model) -> dict[str, Any]:
    """The document that holds a model.

    Raises:
        DtypeError: a value is no float32 or float64 tensor, or something is not plain data.
        DomainError: a value is NaN or infinite.
    """
    for name, given in (("scaling", model.scaling), ("metadata", model.metadata)):
        if not (isinstance(given, Mapping) or (given is None and name == "scaling")):
            raise DtypeError(f"expected a dict, got {type(given).__name__}", name)
    if model.learner is not None and not isinstance(model.learner, bytes):
        raise DtypeError(f"expected bytes, got {type(model.learner).__name__}", "learner")
    _check_values(model.values)
    return {
        "format": FORMAT,
        "version": VERSION,
        "library": LIBRARY,
        "config": plain(model.config, "config"),
        "wirings": [_wiring_to_map(each) for each in model.wirings],
        "tensors": {name: _tensor_to_map(value) for name, value in model.values.items()},
        "scaling": plain(model.scaling, "scaling"),
        "metadata": plain(model.metadata, "metadata"),
        "learner": model.learner,
    }


def _check_values(values: Mapping[str, Tensor]) -> None:
    dtypes = {value.dtype for value in values.values()}
    if len(dtypes) > 1 or not dtypes <= {torch.float32, torch.float64}:
        kinds = ", ".join(sorted(str(each) for each in dtypes))
        raise DtypeError(f"expected all float32 or all float64, got {kinds}", "values")
    for name, value in values.items():
        if not bool(torch.isfinite(value).all()):
            raise DomainError("contains NaN or infinity", f"values.{name}")


def _wiring_to_map(wiring: Wiring) -> dict[str, Any]:
    """The wiring's plain data, with its long lists as arrays."""
    described = wiring.to_dict()
    lists = {name: _indices_to_map(described.pop(name)) for name in SYNAPSE_LISTS}
    layers = {name: _indices_to_map(ids) for name, ids in described.pop("layers").items()}
    recipe = described.pop("recipe")
    return {
        **plain(described, "wiring"),
        **lists,
        "layers": layers,
        "recipe": plain(recipe, "wiring.recipe"),
    }


def _indices_to_map(indices: list[int]) -> dict[str, Any]:
    return _array_to_map(np.array(indices, dtype=np.int32))


def _tensor_to_map(value: Tensor) -> dict[str, Any]:
    return _array_to_map(array_of(value))


def _array_to_map(array: npt.NDArray[Any]) -> dict[str, Any]:
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return {
        "dtype": little.dtype.str[1:],
        "shape": list(array.shape),
        "data": little.tobytes(),
    }
