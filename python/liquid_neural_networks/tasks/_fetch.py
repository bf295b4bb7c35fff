"""Finding a task's files, and downloading what is missing."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from urllib.request import urlopen

from .._files import replace
from ..errors import DataError
from ._task import Task

ENVIRONMENT = "LNN_DATA"
"""The environment variable that names a folder with one folder per task."""


def cache() -> Path:
    """The folder that downloads are kept in, one folder per task."""
    home = Path.home()
    if sys.platform == "win32":
        place = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        place = home / "Library" / "Caches"
    else:
        place = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return place / "liquid-neural-networks"


def folder_of(task: Task, download: bool) -> Path:
    """The folder with a task's files; see :func:`~liquid_neural_networks.tasks.find`."""
    places = [cache() / task.name]
    if os.environ.get(ENVIRONMENT):
        places.insert(0, Path(os.environ[ENVIRONMENT]) / task.name)
    for folder in places:
        if all(_is_there(folder, file) for file in task.files):
            return folder
    if task.download is None or not download:
        raise DataError(
            f"not found in {' or '.join(map(str, places))}; get {_listed(task)} from "
            f"{task.source}, put them in a folder named {task.name}, and set {ENVIRONMENT} to the "
            "folder above it",
            task.name,
        )
    for file in task.files:
        _download(task, file)
    return places[-1]


def _is_there(folder: Path, file: str) -> bool:
    return (folder / file).is_file() or (folder / f"{file}.gz").is_file()


def _listed(task: Task) -> str:
    files = list(task.files)
    return ", ".join(files) if len(files) <= 8 else f"{files[0]} to {files[-1]}"


def _download(task: Task, file: str) -> None:
    try:
        with urlopen(f"{task.download}{file}", timeout=60) as answer:
            content = answer.read()
        found = hashlib.sha256(content).hexdigest()
        if found != task.files[file]:
            raise ValueError(f"its checksum is {found}, not {task.files[file]}")
        folder = cache() / task.name
        folder.mkdir(parents=True, exist_ok=True)
        replace(folder / file, content)
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0][:300]
        raise DataError(
            f"downloading {file} failed: {reason}; try again, or get {_listed(task)} from "
            f"{task.source} and set {ENVIRONMENT} to the folder above a folder named {task.name}",
            task.name,
        ) from None
