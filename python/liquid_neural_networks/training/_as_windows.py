"""Data as torch keeps it, as windows to train on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..data import Windows
from ..errors import DataError, DtypeError, ShapeError

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
    return Windows(*(_joined(batches, field, name) for field in FIELDS))


def _joined(batches: Sequence[Windows], field: str, name: str) -> Any:
    """One field of all batches; those without it get ones, which is what its absence means."""
    parts = [getattr(batch, field) for batch in batches]
    given = next((part for part in parts if part is not None), None)
    if given is None:
        return None
    for index, (part, batch) in enumerate(zip(parts, batches)):
        if part is None:
            shape = batch.inputs.shape[: given.dim()]
            part = parts[index] = torch.ones(shape, dtype=given.dtype, device=given.device)
        if part.shape[1:] != given.shape[1:]:
            shapes = f"{tuple(given.shape)} and {tuple(part.shape)}"
            raise ShapeError(
                f"its batches hold {field} of different shapes, {shapes}; sequences of several "
                "lengths are padded to one, with a mask that is False at padding",
                name,
            )
    return torch.cat(parts)


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
