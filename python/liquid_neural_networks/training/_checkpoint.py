"""Checkpoints: all that an interrupted training needs to go on as if nothing had happened."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from .._files import PathOrName, regular, replace
from ..errors import DataError, ModelFileError, OptionError

VERSION = 1
FIELDS = ("format", "version", "settings", "network", "best", "optimizer", "history")
FORMAT = "lnn-checkpoint"

Checkpoint = dict[str, Any]


def write(path: PathOrName, **contents: Any) -> None:
    """Replaces the checkpoint at ``path`` in one step, or leaves the old one as it was."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "version": VERSION, **contents}, buffer)
    replace(path, buffer.getvalue())


def check_place(path: PathOrName) -> None:
    """Checks that there is a folder to write to: before hours of training rather than after.

    Raises:
        DtypeError, ModelFileError, DataError: there is none.
    """
    folder = regular(path).parent
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}", "checkpoint")


def read(path: PathOrName, settings: Mapping[str, Any]) -> Checkpoint:
    """The checkpoint at ``path``; nothing in the file is executed.

    Raises:
        ModelFileError: it is damaged, or no checkpoint.
        OptionError: it belongs to a training with other settings.
        OSError: the system could not read it.
    """
    data = Path(path).read_bytes()
    try:
        found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many classes here, and documents none of them
        reason = str(error).partition("\n")[0][:200]
        raise ModelFileError(f"is no checkpoint, or a damaged one: {reason}", str(path)) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT or set(found) != set(FIELDS):
        raise ModelFileError("is no checkpoint", str(path))
    if found["version"] != VERSION:
        raise ModelFileError(f"this library reads version {VERSION}", str(path))
    if found["settings"].get("network") != settings["network"]:
        raise ModelFileError("does not fit this network: its options or wiring differ", str(path))
    for name, value in settings.items():
        before = found["settings"].get(name)
        if before != value:
            other = "other data" if name == "data" else f"{before!r}, this one has {value!r}"
            raise OptionError(
                f"{path} was written by a training with {other}; train as before, or start anew "
                "without resuming",
                name,
            )
    return found
