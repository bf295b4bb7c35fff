"""Msgpack documents that may come from strangers: plain data in, plain data out.

A document is first surveyed, header by header, building nothing; only one that keeps to the
limits is decoded. So neither a length that promises gigabytes nor a thousand nested lists
costs more than the bytes that were really sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack
import numpy as np

from .errors import DomainError, DtypeError, ModelFileError

MAX_OBJECTS = 65_536
"""Values and keys in one document, containers included."""

MAX_DEPTH = 16
"""How deep lists and maps may nest."""

# First byte of a msgpack value -> bytes that follow it.
_NUMBERS = {
    **dict.fromkeys((*range(0x00, 0x80), *range(0xE0, 0x100)), 0),  # small integers
    **{0xC0: 0, 0xC2: 0, 0xC3: 0},  # nil, false, true
    **{0xCA: 4, 0xCB: 8},  # floats
    **{0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8},  # integers
}
# First byte -> bytes of the length that follows it.
_BLOBS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_CONTAINERS = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}  # and values per entry


def pack(document: Mapping[str, Any]) -> bytes:
    """The document as msgpack.

    Raises:
        DomainError: it exceeds the limits and could not be read back.
    """
    data: bytes = msgpack.packb(document)
    try:
        _survey(data)
    except ModelFileError as error:
        raise DomainError(f"the file {error}; keep less metadata or scaling with it") from None
    return data


def unpack(data: bytes) -> Any:
    """The one value in ``data``: plain data and bytes, every map with distinct string keys.

    Raises:
        ModelFileError: the bytes are not msgpack, end too early or too late, nest deeper than
            :data:`MAX_DEPTH`, hold more than :data:`MAX_OBJECTS` values, an extension type, a
            repeated key or a string that is not UTF-8.
    """
    _survey(data)
    try:
        return msgpack.unpackb(data, strict_map_key=True, object_pairs_hook=_as_map)
    except ModelFileError:
        raise
    except UnicodeDecodeError:
        raise ModelFileError("holds a string that is not UTF-8") from None
    except ValueError as error:
        raise ModelFileError(f"is not readable: {error}") from None


def plain(value: Any, name: str, depth: int = 0) -> Any:
    """A copy of ``value`` as files keep it: tuples become lists, numpy numbers plain ones.

    Raises:
        DtypeError: something in it is no plain data.
        DomainError: it nests too deep (or contains itself), an integer exceeds 64 bits, or a
            string holds half a surrogate pair.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, str):
        return _utf8(value, name)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise DomainError("integers of more than 64 bits do not fit in a file", name)
        return value
    if isinstance(value, (list, tuple, Mapping)) and depth > MAX_DEPTH - 2:
        raise DomainError(f"nests deeper than {MAX_DEPTH - 1} levels", name[:60])
    if isinstance(value, (list, tuple)):
        return [plain(each, f"{name}[{i}]", depth + 1) for i, each in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise DtypeError(f"expected strings as keys, got {key!r}", name)
        return {
            _utf8(key, name): plain(each, f"{name}.{key}", depth + 1) for key, each in value.items()
        }
    raise DtypeError(
        f"expected plain data (None, booleans, numbers, strings, lists, dicts), "
        f"got {type(value).__name__}",
        name,
    )


def _utf8(text: str, name: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DomainError("is text that UTF-8 cannot hold", name) from None
    return str(text)


def _survey(data: bytes) -> None:
    position, announced = 0, 1
    waiting = [1]  # how many values are still to come at each depth
    while waiting:
        if waiting[-1] == 0:
            waiting.pop()
            continue
        waiting[-1] -= 1
        position, children = _pass_header(data, position)
        announced += children
        if announced > MAX_OBJECTS:
            raise ModelFileError(f"holds more than {MAX_OBJECTS} values")
        if children:
            waiting.append(children)
        if len(waiting) > MAX_DEPTH + 1:
            raise ModelFileError(f"nests deeper than {MAX_DEPTH} levels")
    if position != len(data):
        raise ModelFileError(f"has {len(data) - position} bytes after its end")


def _pass_header(data: bytes, position: int) -> tuple[int, int]:
    """Where the next header starts, and how many values this one announces."""
    first = data[position] if position < len(data) else None
    position += 1
    children = 0
    if first is None:
        raise ModelFileError("ends too early")
    if first in _NUMBERS:
        position += _NUMBERS[first]
    elif 0xA0 <= first < 0xC0:  # short string
        position += first - 0xA0
    elif first in _BLOBS:
        start = position + _BLOBS[first]
        position = start + int.from_bytes(data[position:start], "big")
    elif 0x80 <= first < 0xA0:  # short map, short list
        children = 2 * (first - 0x80) if first < 0x90 else first - 0x90
    elif first in _CONTAINERS:
        size, each = _CONTAINERS[first]
        children = each * int.from_bytes(data[position : position + size], "big")
        position += size
    else:
        raise ModelFileError(f"holds a byte 0x{first:02x} where a plain value should start")
    if position > len(data):
        raise ModelFileError("ends too early")
    return position, children


def _as_map(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if not isinstance(key, str):
            raise ModelFileError(f"has a map key that is no string: {str(key)[:40]}")
        if key in result:
            raise ModelFileError(f"has the key {key[:40]!r} twice in one map")
        result[key] = value
    return result
