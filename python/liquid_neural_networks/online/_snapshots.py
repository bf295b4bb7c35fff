"""Snapshots: a learner as bytes, from which it goes on; msgpack, nothing in them is executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from .._document import pack, unpack
from ..errors import DtypeError, LiquidError, ModelFileError, OptionError
from ._engine import Arrays

FORMAT, VERSION = "lnn-learner", 1
_FIELDS = {
    "format": str,
    "version": int,
    "kind": str,
    "network": int,
    "options": dict,
    "counts": dict,
    "arrays": dict,
    "inner": bytes,
}
_DTYPES = ("f4", "f8")


def dumps(
    kind: str,
    network: int,
    options: Mapping[str, Any],
    counts: Mapping[str, int],
    arrays: Arrays,
    inner: bytes = b"",
) -> bytes:
    """A snapshot.

    Args:
        kind: which class can read it.
        network: a number that tells networks of other shapes apart.
        options: plain data; what to make the learner with.
        counts: whole numbers.
        arrays: float32 or float64.
        inner: a snapshot within this one.
    """
    return pack(
        {
            "format": FORMAT,
            "version": VERSION,
            "kind": kind,
            "network": network,
            "options": dict(options),
            "counts": dict(counts),
            "arrays": {name: _described(each) for name, each in arrays.items()},
            "inner": inner,
        }
    )


def loads(data: object) -> dict[str, Any]:
    """The fields of a snapshot, arrays as arrays.

    Raises:
        DtypeError: this is not bytes.
        ModelFileError: they are no snapshot, or one of an unknown version.
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise DtypeError(f"expected bytes, got {type(data).__name__}", "snapshot")
    document = unpack(bytes(data))
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ModelFileError("is no snapshot of a learner", "snapshot")
    if type(document.get("version")) is not int or document["version"] != VERSION:
        raise ModelFileError(f"this library reads version {VERSION}", "snapshot.version")
    if set(document) != set(_FIELDS):
        raise ModelFileError("has other fields than a snapshot", "snapshot")
    for name, kind in _FIELDS.items():
        if type(document[name]) is not kind:
            raise ModelFileError(f"expected {kind.__name__}", f"snapshot.{name}")
    for name, count in document["counts"].items():
        if type(count) is not int or not 0 <= count < 2**63:
            raise ModelFileError("expected a count", f"snapshot.counts.{name[:60]}")
    document["arrays"] = {
        name: _array(each, f"snapshot.arrays.{name[:60]}")
        for name, each in document["arrays"].items()
    }
    return document


def check_snapshot(data: object) -> None:
    """Whether bytes have the form of a snapshot, and those within it.

    Raises:
        DtypeError: this is not bytes.
        ModelFileError: they are no snapshot, or one of an unknown version.
    """
    inner = loads(data)["inner"]
    if inner and loads(inner)["inner"]:
        raise ModelFileError("holds a snapshot within one within one", "snapshot.inner")


def check_origin(found: Mapping[str, Any], kind: str, network: int) -> None:
    """Raises ModelFileError for a snapshot of something else."""
    if found["kind"] != kind:
        raise ModelFileError(f"is a snapshot of a {found['kind'][:20]}, not a {kind}", "snapshot")
    if found["network"] != network:
        raise ModelFileError("is a snapshot of a learner of another network", "snapshot")


def check_options(
    given: Mapping[str, Any], own: Mapping[str, Any], changing: Sequence[str] = ()
) -> None:
    """Raises OptionError for one that is missing or another than one's own, but for those that
    change while a learner runs."""
    for name in {**own, **given}:
        if name not in given or name not in own:
            raise ModelFileError("has other options than this learner", "snapshot.options")
        if name not in changing and given[name] != own[name]:
            raise OptionError(f"the snapshot has {given[name]!r}, this one {own[name]!r}", name)


def check_arrays(
    given: Arrays,
    own: Arrays,
    missing: Sequence[str] = (),
    where: str = "snapshot.arrays",
    wrong: type[LiquidError] = ModelFileError,
) -> None:
    """Whether arrays can take the place of others.

    Raises:
        wrong: a name, a shape or a dtype differs, or a number is not finite; those
            in ``missing`` may be NaN.
    """
    if set(given) != set(own):
        raise wrong("holds other arrays than this learner has", where)
    for name, each in own.items():
        value = given[name]
        if value.shape != each.shape or value.dtype != each.dtype:
            raise wrong(
                f"expected {each.dtype} {each.shape}, got {value.dtype} {value.shape}",
                f"{where}.{name}",
            )
        if not (np.isfinite(value) | (np.isnan(value) & (name in missing))).all():
            raise wrong("contains NaN or infinity", f"{where}.{name}")


def _described(array: Any) -> dict[str, Any]:
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return {
        "dtype": little.dtype.str[1:],
        "shape": list(array.shape),
        "data": little.tobytes(),
    }


def _array(value: object, where: str) -> Any:
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data"}:
        raise ModelFileError("expected dtype, shape and data", where)
    dtype, shape, data = value["dtype"], value["shape"], value["data"]
    if dtype not in _DTYPES or type(data) is not bytes:
        raise ModelFileError("expected f4 or f8 and bytes", where)
    if type(shape) is not list or len(shape) > 3:
        raise ModelFileError("expected at most 3 sizes", where)
    count = 1
    for size in shape:
        if type(size) is not int or not 0 <= size < 2**31:
            raise ModelFileError("expected sizes from 0 to 2147483647", where)
        count *= size
    if not count and prod(filter(None, shape)) >= 2**31:  # more than numpy takes
        raise ModelFileError("expected smaller sizes", where)
    if len(data) != count * int(dtype[1]):
        raise ModelFileError(f"expected {count} numbers", where)
    array = np.frombuffer(data, f"<{dtype}").reshape(shape)
    return array.astype(array.dtype.newbyteorder("="))
