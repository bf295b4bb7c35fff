"""What every ``.lnn`` file begins and ends with, and the fields it has."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from .._document import pack, unpack
from ..errors import ModelFileError
from ._fields import map_of, shown

FORMAT, VERSION = "lnn", 3
FIELDS = (
    "format",
    "version",
    "library",
    "config",
    "wirings",
    "tensors",
    "scaling",
    "metadata",
    "learner",
    "checksum",
)
UNSEALED = 2
"""The version before, which has neither a learner nor a checksum."""

# A map of up to 15 fields, the first of them "format": "lnn". The rest tells files apart.
_MAGIC = b"\xa6format\xa3lnn"

# The last field: an integer of 32 bits, which stands in the last four bytes whatever it is.
_INTEGER, _ANY = b"\xce", 2**32 - 1

start_size = len(_MAGIC) + 1
"""Bytes that tell whether a file is one."""


def check_magic(start: bytes) -> None:
    """Raises ModelFileError for what does not begin like a ``.lnn`` file."""
    if not (len(start) >= start_size and 0x80 <= start[0] < 0x90 and start[1:].startswith(_MAGIC)):
        raise ModelFileError("is no .lnn file")


def seal(document: dict[str, Any]) -> bytes:
    """The bytes of a document, which end with their checksum.

    Raises:
        DomainError: it exceeds the limits of a document.
    """
    start = pack({**document, "checksum": _ANY})[:-4]
    return start + crc32(start).to_bytes(4, "big")


def unsealed(data: bytes) -> dict[str, Any]:
    """The document in these bytes, as of this version but without the checksum.

    Raises:
        ModelFileError: it is of an unknown version, or its bytes do not give its checksum.
    """
    check_magic(data)
    document: dict[str, Any] = unpack(data)
    version = document.get("version")
    if type(version) is not int or version not in (UNSEALED, VERSION):
        raise ModelFileError(
            f"this library reads {UNSEALED} and {VERSION}, got {shown(version)}", "version"
        )
    if version == UNSEALED:
        return {**map_of("document", document, FIELDS[:-2]), "learner": None}
    kept = document.pop("checksum", None)
    if data[-5:-4] != _INTEGER or kept != crc32(data[:-4]):
        raise ModelFileError("is not that of the bytes: the file is damaged", "checksum")
    return document
