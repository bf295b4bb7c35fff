"""Tasks: published data sets, where their files are, and how they become windows."""

from __future__ import annotations

import os
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

import polars

from .._checks import check_choice
from ..errors import DataError
from . import _protocols as protocols
from ._checksums import CHECKSUMS
from ._protocols import Split

ENVIRONMENT = "LNN_DATA"
"""Names the environment variable that names a folder with one folder per task."""


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
        download: address each file's name is appended to; None if the files as they are used
            here cannot be downloaded one by one.
        protocols: name -> how the files become windows; the first is the default.
        published: system -> value of the metric under the ``paper`` protocol, where comparable.
    """

    name: str
    summary: str
    size: str
    metric: str
    licence: str
    source: str
    download: Optional[str]
    protocols: Mapping[str, Callable[[Path], Split]]
    published: Mapping[str, float]

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files; each may also lie there as ``NAME.gz``."""
        return tuple(CHECKSUMS[self.name])


_UCI = "CC BY 4.0 as listed by the UCI repository"
_RAW = "https://raw.githubusercontent.com"
_LTC = "raminmh/liquid_time_constant_networks/4a8a4fa22a91c4067b6944a264819ff30a4aae9d"

TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task(
            name="half_cheetah",
            summary="next observation of a simulated running robot, 17 joint positions and speeds",
            size="31 runs of 1000 steps",
            metric="mse",
            licence="Apache-2.0",
            source="https://github.com/raminmh/liquid_time_constant_networks",
            download=f"{_RAW}/{_LTC}/experiments_with_ltcs/data/cheetah/",
            protocols={"paper": protocols.half_cheetah},
            published={
                "LSTM": 2.500,
                "CT-RNN": 2.838,
                "Neural ODE": 3.805,
                "CT-GRU": 3.014,
                "LTC": 2.308,
            },
        ),
        Task(
            name="walker2d",
            summary="next observation of a simulated walking robot, one step in ten dropped",
            size="400 runs of 131 to 1000 steps",
            metric="mse",
            licence="MIT",
            source="https://github.com/raminmh/CfC (data/walker at commit 59f6e01)",
            download=None,
            protocols={"paper": protocols.walker2d},
            published={"LTC": 0.662, "CfC": 0.643, "mixed-memory CfC": 0.617, "ODE-LSTM": 0.883},
        ),
        Task(
            name="gesture",
            summary="phase of a hand gesture, 5 classes, from speeds of hands and wrists",
            size="7 recordings, 9873 rows of 32 features",
            metric="accuracy",
            licence=_UCI,
            source="https://archive.ics.uci.edu/dataset/302/gesture+phase+segmentation",
            download=None,
            protocols={"paper": protocols.gesture, "honest": protocols.gesture_honest},
            published={
                "LSTM": 0.6457,
                "CT-RNN": 0.5901,
                "Neural ODE": 0.4697,
                "CT-GRU": 0.6831,
                "LTC": 0.6955,
            },
        ),
        Task(
            name="occupancy",
            summary="whether a room is occupied, from temperature, humidity, light and CO2",
            size="3 recordings, 20560 minutes of 5 features",
            metric="accuracy",
            licence="none stated by the authors; " + _UCI,
            source="https://github.com/LuisM78/Occupancy-detection-data",
            download=f"{_RAW}/LuisM78/Occupancy-detection-data/"
            "ba2b1d7b53a71292ff61b867d3e16f0e539c7eb6/",
            protocols={"paper": protocols.occupancy},
            published={
                "LSTM": 0.9318,
                "CT-RNN": 0.9454,
                "Neural ODE": 0.9015,
                "CT-GRU": 0.9144,
                "LTC": 0.9463,
            },
        ),
        Task(
            name="traffic",
            summary="traffic volume of the same hour from weather and time of day",
            size="48204 hours",
            metric="mse",
            licence=_UCI,
            source="https://archive.ics.uci.edu/dataset/492/metro+interstate+traffic+volume",
            download=None,
            protocols={"paper": protocols.traffic, "honest": protocols.traffic_honest},
            published={
                "LSTM": 0.169,
                "CT-RNN": 0.224,
                "Neural ODE": 1.512,
                "CT-GRU": 0.389,
                "LTC": 0.099,
            },
        ),
        Task(
            name="power",
            summary="electric power of a household (first 26 days of the published four years)",
            size="37283 minutes of 7 readings",
            metric="mse",
            licence=_UCI,
            source="https://archive.ics.uci.edu/dataset/235/"
            "individual+household+electric+power+consumption (its first 37283 rows)",
            download=None,
            protocols={"honest": protocols.power_honest, "paper": protocols.power},
            published={},
        ),
        Task(
            name="ozone",
            summary="whether a day has high ozone, from 72 weather readings, many missing",
            size="2534 days",
            metric="f1",
            licence=_UCI,
            source="https://archive.ics.uci.edu/dataset/172/ozone+level+detection",
            download="https://archive.ics.uci.edu/ml/machine-learning-databases/ozone/",
            protocols={"paper": protocols.ozone, "honest": protocols.ozone_honest},
            published={
                "LSTM": 0.284,
                "CT-RNN": 0.236,
                "Neural ODE": 0.168,
                "CT-GRU": 0.260,
                "LTC": 0.302,
            },
        ),
        Task(
            name="sunspots",
            summary="next month's number of sunspots",
            size="2820 months, 1749 to 1983",
            metric="mse",
            licence="none stated",
            source="https://github.com/jbrownlee/Datasets",
            download=f"{_RAW}/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f/",
            protocols={"honest": protocols.sunspots},
            published={},
        ),
        Task(
            name="mnist",
            summary="handwritten digits, read row by row (the 10,000 published test images)",
            size="10000 images of 28 x 28 pixels",
            metric="accuracy",
            licence="CC BY-SA 3.0 as usually stated",
            source="http://yann.lecun.com/exdb/mnist/",
            download=None,
            protocols={"paper": protocols.mnist},
            published={
                "LSTM": 0.9841,
                "CT-RNN": 0.9673,
                "Neural ODE": 0.9761,
                "CT-GRU": 0.9827,
                "LTC": 0.9757,
            },
        ),
        Task(
            name="physionet2012",
            summary="death in hospital, from two days of measurements in intensive care",
            size="1500 of the 4000 published patients, 40 features",
            metric="auc",
            licence="ODC-BY 1.0",
            source="https://physionet.org/content/challenge-2012/1.0.0/ (the 1500 lowest RecordIDs "
            "of set-a, as files set-a/RECORD.txt in set-a-first1500.tar.gz)",
            download=None,
            protocols={"paper": protocols.physionet2012},
            published={"CfC": 0.839, "mixed-memory CfC": 0.834, "ODE-RNN": 0.833, "LTC": 0.648},
        ),
        Task(
            name="xor_irregular",
            summary="parity of up to 31 random bits, told only when they change",
            size="110000 sequences, made here",
            metric="accuracy",
            licence="none needed",
            source="https://github.com/raminmh/CfC (irregular_sampled_datasets.py)",
            download=None,
            protocols={"paper": protocols.xor_irregular},
            published={
                "CfC": 0.9942,
                "mixed-memory CfC": 0.9972,
                "ODE-LSTM": 0.9889,
                "LTC": 0.4911,
            },
        ),
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
            data the network could not have seen. Default: the task's first.

    Raises:
        OptionError: there is no such task or protocol.
        DataError: the files are not here and cannot be downloaded, or are damaged.

    Example:
        >>> from liquid_neural_networks import data
        >>> train, valid, test = data.load("half_cheetah")  # doctest: +SKIP
        >>> train.inputs.shape  # doctest: +SKIP
        torch.Size([970, 32, 17])
    """
    task = _task(name)
    chosen = next(iter(task.protocols)) if protocol is None else protocol
    check_choice("protocol", chosen, task.protocols)
    folder = find(name)
    try:
        return task.protocols[chosen](folder)
    except _DAMAGE as e:
        reason = str(e).partition("\n")[0][:200]
        raise DataError(f"the files in {folder} are damaged: {reason}", name) from None


def find(name: str, download: bool = True) -> Path:
    """The folder with a task's files.

    Looks in the folder named by the environment variable ``LNN_DATA``, then in your cache;
    then downloads the files into the cache and checks them.

    Args:
        name: a name in ``TASKS``.
        download: False never goes to the network.

    Raises:
        OptionError: there is no such task.
        DataError: the files are nowhere, or a download failed; says what to do.
    """
    task = _task(name)
    places = [cache() / name]
    if os.environ.get(ENVIRONMENT):
        places.insert(0, Path(os.environ[ENVIRONMENT]) / name)
    for folder in places:
        if all(_is_there(folder, file) for file in task.files):
            return folder
    if task.download is None or not download:
        raise DataError(
            f"not found in {' or '.join(map(str, places))}; get {_listed(task.files)} from "
            f"{task.source}, put them in a folder named {name}, and set {ENVIRONMENT} to the "
            "folder above it",
            name,
        )
    for file in task.files:
        _download(task, file)
    return places[-1]


def cache() -> Path:
    """The folder that downloads are kept in, one folder per task."""
    import pooch

    return Path(pooch.os_cache("liquid-neural-networks"))


def _task(name: str) -> Task:
    check_choice("task", name, TASKS)
    return TASKS[name]


def _is_there(folder: Path, file: str) -> bool:
    return (folder / file).is_file() or (folder / f"{file}.gz").is_file()


def _listed(files: tuple[str, ...]) -> str:
    return ", ".join(files) if len(files) <= 8 else f"{files[0]} to {files[-1]}"


def _download(task: Task, file: str) -> None:
    # Imported here: most who train on their own tables never download anything.
    import pooch
    import requests

    try:
        pooch.retrieve(
            f"{task.download}{file}",
            known_hash=f"sha256:{CHECKSUMS[task.name][file]}",
            fname=file,
            path=cache() / task.name,
            downloader=pooch.HTTPDownloader(timeout=60),
        )
    except (requests.RequestException, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0][:300]
        raise DataError(
            f"downloading {file} failed: {reason}; try again, or get {_listed(task.files)} from "
            f"{task.source} and set {ENVIRONMENT} to the folder above a folder named {task.name}",
            task.name,
        ) from None
