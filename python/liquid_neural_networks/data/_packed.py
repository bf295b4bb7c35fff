"""Files packed by gzip, bzip2 or xz, and zip archives of one file."""

from __future__ import annotations

import io
import zipfile
import zlib
from importlib import import_module
from typing import Any

from ..errors import DataError

FREELY_UNPACKED = 16 * 2**20
"""Bytes that any compressed file may unpack to."""
UNPACKED_RATIO = 100
"""Beyond that: so many times its own size. Recorded tables reach 3 to 50."""

_PACKERS = {
    b"\x1f\x8b": ("gzip", "gzip"),
    b"BZh": ("bz2", "bzip2"),
    b"\xfd7zXZ\x00": ("lzma", "xz"),
}
"""How packed files begin, the module that unpacks them, and what they are called."""
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


def unpacked(raw: bytes, source: str) -> bytes:
    """What is in the bytes of a packed file; others as they are.

    Raises:
        DataError: the file is damaged, would unpack to far more than tables do, or is an archive
            of several files, of none, or of a spreadsheet.
    """
    if raw.startswith(_ZIP):
        return _only_member(raw, source)
    for magic, (module, name) in _PACKERS.items():
        if raw.startswith(magic):
            return _stream(raw, module, name, source)
    return raw


def _stream(raw: bytes, module: str, name: str, source: str) -> bytes:
    try:
        packer: Any = import_module(module)
    except ImportError:  # some builds of Python leave one out
        raise DataError(
            f"is packed by {name}, which this Python lacks; unpack it", source
        ) from None
    damaged = (OSError, EOFError, ValueError, zlib.error, getattr(packer, "LZMAError", OSError))
    try:
        with packer.open(io.BytesIO(raw)) as packed:
            content = packed.read(_limit(raw) + 1)
    except damaged as error:
        raise DataError(f"is a damaged {name} file: {error}", source) from None
    return _within_limit(content, raw, source)


def _only_member(raw: bytes, source: str) -> bytes:
    """The only file in a zip archive, but for what a file manager puts beside it."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = [each.filename for each in archive.infolist() if not each.is_dir()]
            with archive.open(_chosen(names, source)) as member:
                content = member.read(_limit(raw) + 1)
    except DataError:  # which is a ValueError too
        raise
    except RuntimeError as error:  # encrypted, or compressed by a method that Python lacks
        raise DataError(f"cannot be unpacked: {error}; unpack it yourself", source) from None
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"is a damaged zip archive: {error}", source) from None
    return _within_limit(content, raw, source)


def _chosen(names: list[str], source: str) -> str:
    if "[Content_Types].xml" in names or "content.xml" in names:
        raise DataError("is a workbook; save the sheet with the table as CSV", source)
    files = [name for name in names if not name.startswith("__MACOSX/")]
    files = [name for name in files if not name.rpartition("/")[2].startswith(".")]
    if len(files) == 1:
        return files[0]
    listed = ", ".join(files[:5]) + (", ..." if len(files) > 5 else "")
    raise DataError(
        f"is a zip archive of {len(files)} files ({listed}); unpack it and name those that hold "
        "the table"
        if files
        else "is a zip archive without a file",
        source,
    )


def _limit(raw: bytes) -> int:
    return max(FREELY_UNPACKED, UNPACKED_RATIO * len(raw))


def _within_limit(content: bytes, raw: bytes, source: str) -> bytes:
    limit = _limit(raw)
    if len(content) > limit:
        raise DataError(
            f"unpacks to more than {limit // 2**20} MiB, {len(content) // len(raw)} times its "
            "own size and more, as no recorded table does; unpack it yourself if you trust it",
            source,
        )
    return content
