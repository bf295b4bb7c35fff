"""``Task``: what is known of a published task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from ..data import Split

Protocol = Callable[[Path], Split]
"""The folder with a task's files -> its windows."""


@dataclass(frozen=True)
class Task:
    """A published task.

    Attributes:
        name: also the name of its folder.
        summary: what is predicted.
        size: of the raw data, in words.
        metric: ``"mse"``, ``"accuracy"``, ``"f1"`` or ``"auc"``.
        licence: of the data.
        source: web page or repository to get or cite it from.
        protocols: name -> how the files become windows; the first is the default.
        published: system -> value of the metric under the ``paper`` protocol, where comparable.
        files: name -> SHA-256 of the uncompressed file, which may also be stored as ``NAME.gz``;
            empty if the task is generated.
        download: address each file's name is appended to; None if the files as they are used
            here cannot be downloaded one by one.
    """

    name: str
    summary: str
    size: str
    metric: str
    licence: str
    source: str
    protocols: Mapping[str, Protocol]
    published: Mapping[str, float]
    files: Mapping[str, str]
    download: Optional[str] = None


UCI = "CC BY 4.0 as listed by the UCI repository"
RAW = "https://raw.githubusercontent.com"
