"""The vector files: one MessagePack map a case, arrays as maps of dtype, shape and data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgpack
import numpy as np

VECTORS = Path(__file__).parent / "vectors"

VERSION = 1

DTYPES = {"f8": "<f8", "i4": "<i4", "u1": "|u1"}


def to_plain(value: Any) -> Any:
    """Arrays inside maps and lists -> {"dtype", "shape", "data"}."""
    if isinstance(value, np.ndarray):
        kind = {"f": "f8", "i": "i4", "b": "u1", "u": "u1"}[value.dtype.kind]
        data = np.ascontiguousarray(value).astype(DTYPES[kind]).tobytes()
        return {"dtype": kind, "shape": list(value.shape), "data": data}
    if isinstance(value, dict):
        return {name: to_plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(each) for each in value]
    return value


def from_plain(value: Any) -> Any:
    """The inverse of :func:`to_plain`."""
    if isinstance(value, dict):
        if set(value) == {"dtype", "shape", "data"}:
            return np.frombuffer(value["data"], DTYPES[value["dtype"]]).reshape(value["shape"])
        return {name: from_plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [from_plain(each) for each in value]
    return value


def encode(case: dict[str, Any]) -> bytes:
    """A case as the bytes of its file."""
    packed: bytes = msgpack.packb(to_plain(case))
    return packed


def decode(data: bytes) -> dict[str, Any]:
    """The case in a file."""
    case: dict[str, Any] = from_plain(msgpack.unpackb(data))
    return case


def path_of(name: str, folder: Path = VECTORS) -> Path:
    """Where the case of this name lies."""
    return folder / f"{name}.msgpack"
