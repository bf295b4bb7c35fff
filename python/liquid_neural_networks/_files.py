"""Files that are replaced in one step or left as they were."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Union

from .errors import DtypeError, ModelFileError

PathOrName = Union[str, "os.PathLike[str]"]


def regular(path: PathOrName) -> Path:
    """The path with links followed; it must not lead to a directory, device or pipe."""
    try:
        target = Path(os.path.realpath(os.fspath(path)))
    except TypeError:
        raise DtypeError(f"expected a path, got {type(path).__name__}", "path") from None
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        raise ModelFileError("is no regular file", str(path))
    return target


def replace(path: PathOrName, data: bytes) -> None:
    """Writes a file anew, or leaves the old one as it was.

    Raises:
        ModelFileError: the path leads to something that is no regular file.
        OSError: the system could not write it.
    """
    target = regular(path)
    _check_folder(target)
    temporary = _beside(target)
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_directory(target.parent)


def check_writable(path: PathOrName) -> None:
    """Checks that :func:`replace` will be let write here: before the work rather than after it.

    Raises:
        ModelFileError, OSError: it will not.
    """
    target = regular(path)
    _check_folder(target)
    temporary = _beside(target)
    temporary.touch(exist_ok=False)
    temporary.unlink()


def _check_folder(target: Path) -> None:
    if not target.parent.is_dir():  # said before the name of a temporary file would be
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(target.parent))


def _beside(target: Path) -> Path:
    """A new name in the same directory, so that a replacement cannot cross file systems."""
    return target.with_name(f".{secrets.token_hex(8)}.lnn-tmp")


def _sync_directory(directory: Path) -> None:
    """Makes the replacement itself survive a power cut, where directories can be synced."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
