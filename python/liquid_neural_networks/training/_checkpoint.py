"""Checkpoints: all that an interrupted training needs to go on as if nothing had happened."""

from __future__ import annotations

import io
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Union

import torch

from ..errors import ModelFileError, OptionError
from ..model_file import _write

VERSION = 1
FIELDS = ("format", "version", "settings", "network", "best", "optimizer", "history")
FORMAT = "lnn-checkpoint"

Checkpoint = dict[str, Any]
PathOrName = Union[str, "PathLike[str]"]


def write(path: PathOrName, **contents: Any) -> None:
    """Replaces the checkpoint at ``path`` in one step, or leaves the old one as it was."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "version": VERSION, **contents}, buffer)
    _write(path, buffer.getvalue())


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
    for name, value in settings.items():
        if found["settings"].get(name) != value:
            raise OptionError(
                f"{path} was written by a training with {found['settings'].get(name)!r}, this one "
                f"has {value!r}; train as before, or start anew without resuming",
                name,
            )
    return found
