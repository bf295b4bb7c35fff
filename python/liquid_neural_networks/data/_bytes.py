"""The bytes of a table file, from a path or from standard input, unpacked if gzip packed them."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from pathlib import Path

from ..errors import DataError

STANDARD_INPUT = "-"

FREELY_UNPACKED = 16 * 2**20
"""Bytes that any compressed file may unpack to."""
UNPACKED_RATIO = 100
"""Beyond that: so many times its own size. Recorded tables reach 3 to 50."""

_GZIP, _PARQUET, _ZIP = b"\x1f\x8b", b"PAR1", b"PK\x03\x04"


def contents(source: str) -> bytes:
    """The bytes of a file, or of standard input for ``"-"``; what gzip packed is unpacked.

    What a file holds is told by its first bytes, never by its name.

    Raises:
        DataError: there is no such file, it cannot be read, is a damaged gzip file, or would
            unpack to far more than tables do.
    """
    raw = _read(source)
    if raw.startswith(_ZIP):
        raise DataError("is a zip archive (or an Excel file); unpack or export it first", source)
    return _unpacked(raw, source) if raw.startswith(_GZIP) else raw


def is_parquet(raw: bytes) -> bool:
    """Whether the bytes claim to be a Parquet file."""
    return raw.startswith(_PARQUET)


def _read(source: str) -> bytes:
    try:
        if source == STANDARD_INPUT:
            return sys.stdin.buffer.read()
        return Path(source).read_bytes()
    except FileNotFoundError:
        raise DataError("there is no such file", source) from None
    except IsADirectoryError:
        raise DataError("is a folder; name the files in it", source) from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise DataError(f"cannot be read: {error}", source) from None


def _unpacked(raw: bytes, source: str) -> bytes:
    limit = max(FREELY_UNPACKED, UNPACKED_RATIO * len(raw))
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as packed:
            unpacked = packed.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"is a damaged gzip file: {error}", source) from None
    if len(unpacked) > limit:
        raise DataError(
            f"unpacks to more than {limit // 2**20} MiB, {len(unpacked) // len(raw)} times its "
            "own size and more, as no recorded table does; unpack it yourself if you trust it",
            source,
        )
    return unpacked
