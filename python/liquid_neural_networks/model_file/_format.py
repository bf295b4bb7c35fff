"""What every ``.lnn`` file begins with, and the fields it has."""

from __future__ import annotations

from ..errors import ModelFileError

FORMAT, VERSION, WITH_LEARNER = "lnn", 2, 3
FIELDS = (
    "format",
    "version",
    "library",
    "config",
    "wirings",
    "tensors",
    "scaling",
    "metadata",
)
"""Of version 2; one that keeps a learner has version 3 and the field ``learner``."""

# A map of up to 15 fields, the first of them "format": "lnn". The rest tells files apart.
_MAGIC = b"\xa6format\xa3lnn"

start_size = len(_MAGIC) + 1
"""Bytes that tell whether a file is one."""


def check_magic(start: bytes) -> None:
    """Raises ModelFileError for what does not begin like a ``.lnn`` file."""
    if not (len(start) >= start_size and 0x80 <= start[0] < 0x90 and start[1:].startswith(_MAGIC)):
        raise ModelFileError("is no .lnn file")
