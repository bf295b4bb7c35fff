"""Data as torch keeps it, as windows to train on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..data import Windows
from ..errors import DataError, DtypeError

Data = Union[Windows, Sequence[Any], Mapping[str, Any], "Dataset[Any]", "DataLoader[Any]"]
"""What :func:`as_windows` takes."""

FIELDS = ("inputs", "targets", "elapsed_time", "mask")


def as_windows(data: Data, name: str) -> Windows:
    """Windows as they are, or whatever else holds inputs and targets.

    Args:
        data: windows; a tuple of tensors or arrays in the order of :data:`FIELDS`, the last two
            of which may be left out, or a dictionary of them; a ``Dataset`` of such tuples or
            dictionaries, one a sequence; or a ``DataLoader`` of batches of them. A loader is read
            once, from its first batch to its last.
        name: of the argument, for errors.

    Raises:
        DtypeError: it is nothing of that kind.
        DataError: it is empty.
        ShapeError: its parts do not belong together.
    """
    if isinstance(data, Windows):
        return data
    if isinstance(data, Dataset):
        data = DataLoader(data, batch_size=256)
    if not isinstance(data, DataLoader):
        return _of_parts(data, name)
    batches = [_of_parts(batch, name) for batch in data]
    if not batches:
        raise DataError("is empty", name)
    return Windows(*(_joined([getattr(batch, field) for batch in batches]) for field in FIELDS))


def _joined(parts: list[Any]) -> Any:
    return None if parts[0] is None else torch.cat(parts)


def _of_parts(parts: object, name: str) -> Windows:
    if isinstance(parts, (tuple, list)) and 2 <= len(parts) <= len(FIELDS):
        parts = dict(zip(FIELDS, parts))
    if not (isinstance(parts, Mapping) and {"inputs", "targets"} <= set(parts) <= set(FIELDS)):
        raise DtypeError(
            "expected Windows, a tuple (inputs, targets), a Dataset or a DataLoader of such, got "
            f"{type(parts).__name__}",
            name,
        )
    for field, each in parts.items():
        if not (each is None or isinstance(each, (Tensor, np.ndarray))):
            said = f"expected a tensor or an array as {field}, got {type(each).__name__}"
            raise DtypeError(said, name)
    tensors: list[Any] = [parts.get(field) for field in FIELDS]
    return Windows(*(None if each is None else torch.as_tensor(each) for each in tensors))  # type: ignore[arg-type]
