"""The bytes of a table file, from a path or from standard input, unpacked if they are packed."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import DataError
from ._packed import unpacked

STANDARD_INPUT = "-"

_PARQUET = b"PAR1"
_AS_TEXT = "write the table as CSV or Parquet"
_REFUSED = {
    b"\x28\xb5\x2f\xfd": "is packed by zstd; unpack it first, such as by unzstd",
    b"7z\xbc\xaf\x27\x1c": "is a 7z archive; unpack it and name the files that hold the table",
    b"Rar!": "is a rar archive; unpack it and name the files that hold the table",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook; save the sheet with the table as CSV",
    b"ARROW1": "is an Arrow (Feather) file; polars.read_ipc and write_parquet make it Parquet",
    b"\x89HDF": f"is an HDF5 or netCDF file; {_AS_TEXT}",
    **{b"CDF" + version: f"is a netCDF file; {_AS_TEXT}" for version in (b"\1", b"\2", b"\5")},
    b"\x93NUMPY": "is an array of numpy; fit_table takes what numpy.load gives",
    b"SQLite format 3": f"is an SQLite database; {_AS_TEXT}",
    b"%PDF-": f"is a PDF; {_AS_TEXT}",
    **{
        bytes([0x80, version]): f"is a pickle, which could run anything; {_AS_TEXT}"
        for version in range(2, 6)
    },
}
"""How files begin that are neither text nor Parquet, and what to do with them."""


def contents(source: str) -> bytes:
    """The bytes of a file, or of standard input for ``"-"``, unpacked if they are packed.

    What a file holds is told by its first bytes, never by its name.

    Raises:
        DataError: there is no such file, it cannot be read or unpacked, or is of a kind that
            is not read here.
    """
    raw = unpacked(_read(source), source)
    for magic, said in _REFUSED.items():
        if raw.startswith(magic):
            raise DataError(said, source)
    if raw[257:262] == b"ustar":
        raise DataError("is a tar archive; unpack it and name the files with the table", source)
    return raw


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
