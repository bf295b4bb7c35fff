"""The registry of tasks: a new one is one file and one entry here."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Optional

import polars

from .._checks import check_choice
from ..data import Split
from ..errors import DataError
from . import (
    _gesture,
    _half_cheetah,
    _mnist,
    _occupancy,
    _ozone,
    _physionet2012,
    _power,
    _sunspots,
    _traffic,
    _walker2d,
    _xor_irregular,
)
from ._fetch import folder_of
from ._task import Task

TASKS: Mapping[str, Task] = {
    module.TASK.name: module.TASK
    for module in (
        _half_cheetah,
        _walker2d,
        _gesture,
        _occupancy,
        _traffic,
        _power,
        _ozone,
        _sunspots,
        _mnist,
        _physionet2012,
        _xor_irregular,
    )
}

_DAMAGE = (
    polars.exceptions.PolarsError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    KeyError,
    OSError,
    EOFError,
)
"""What reading a damaged file may raise."""


def load(name: str, protocol: Optional[str] = None) -> Split:
    """The windows of a task, ready for :func:`~liquid_neural_networks.training.fit`.

    Args:
        name: a name in ``TASKS``.
        protocol: ``"paper"``, as published where the data allow, or ``"honest"``, tested on
            data the network cannot have seen. Default: the task's first.

    Raises:
        OptionError: there is no such task or protocol.
        DataError: the files are missing and cannot be downloaded, or are damaged.

    Example:
        >>> from liquid_neural_networks import tasks
        >>> train, valid, test = tasks.load("half_cheetah")  # doctest: +SKIP
        >>> train.inputs.shape  # doctest: +SKIP
        torch.Size([970, 32, 17])
    """
    task = _task(name)
    chosen = next(iter(task.protocols)) if protocol is None else protocol
    check_choice("protocol", chosen, task.protocols)
    folder = find(name)
    try:
        return task.protocols[chosen](folder)
    except _DAMAGE as error:
        reason = str(error).partition("\n")[0][:200]
        raise DataError(f"the files in {folder} are damaged: {reason}", name) from None


def find(name: str, download: bool = True) -> Path:
    """The folder with a task's files.

    Looks in the folder named by the environment variable ``LNN_DATA``, then in your cache;
    then downloads the files into the cache and checks them.

    Args:
        name: a name in ``TASKS``.
        download: False never uses the network.

    Raises:
        OptionError: there is no such task.
        DataError: the files are nowhere, or a download failed; the message says what to do.
    """
    return folder_of(_task(name), download)


def _task(name: str) -> Task:
    check_choice("task", name, TASKS)
    return TASKS[name]
