"""Traffic on an interstate, from weather and time of day [Hasani et al. 2021]."""

from __future__ import annotations

from math import pi
from pathlib import Path

import numpy as np
import polars

from ..data import Series, Split, windows
from ..data._tables import numbers
from ._common import by_time, contents, shuffled, targets_scaled, without_last_row
from ._task import UCI, Task


def paper(folder: Path) -> Split:
    """The same hour's traffic volume from weather and time of day, z-scored over the whole
    file; windows of 32 with stride 4, shuffled. All test rows occur in training windows too;
    see the honest protocol."""
    series = _recording(folder)
    cut = windows(without_last_row(targets_scaled(series, series)), 32, 4, 0, tail=False)
    return shuffled(cut, 23489)


def honest(folder: Path) -> Split:
    """The same features split by time: the first 75 % train, then 10 % validate, the newest
    15 % test. Windows of 32 that do not overlap; features and target scaled by the training
    part."""
    return by_time(_recording(folder), 32, horizon=0, valid=0.10, test=0.15, scale_targets=True)


def _recording(folder: Path) -> Series:
    table = polars.read_csv(contents(folder / "Metro_Interstate_Traffic_Volume.csv"))
    when = table["date_time"].str.to_datetime("%Y-%m-%d %H:%M:%S")
    features = [
        # The published flag compares text with a null, so it is the same on every day.
        np.zeros(table.height),
        numbers(table["temp"]) - numbers(table["temp"]).mean(),
        *(numbers(table[name]) for name in ("rain_1h", "snow_1h", "clouds_all")),
        numbers(when.dt.weekday()) - 1.0,
        np.sin(numbers(when.dt.hour()) * pi / 24),
    ]
    volume = numbers(table["traffic_volume"])[:, None]
    return Series(np.stack(features, axis=1), volume, np.ones(table.height))


TASK = Task(
    name="traffic",
    summary="traffic volume of the same hour from weather and time of day",
    size="48204 hours",
    metric="mse",
    licence=UCI,
    source="https://archive.ics.uci.edu/dataset/492/metro+interstate+traffic+volume",
    protocols={"paper": paper, "honest": honest},
    published={
        "LSTM": 0.169,
        "CT-RNN": 0.224,
        "Neural ODE": 1.512,
        "CT-GRU": 0.389,
        "LTC": 0.099,
    },
    files={
        "Metro_Interstate_Traffic_Volume.csv": (
            "0411ba6c43127a29cefa4d8f39708b9d77979d9dcf895f2d212506fe947b673c"
        )
    },
)
