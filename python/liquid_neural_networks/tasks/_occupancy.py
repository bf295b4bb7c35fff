"""Is a room occupied? From its sensors [Hasani et al. 2021]."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars
import torch

from ..data import Scaling, Series, Split, windows
from ._common import contents, scaled, without_last_row
from ._task import RAW, UCI, Task


def paper(folder: Path) -> Split:
    """Five sensors, z-scored by the training file; windows of 16, stride 1 in the training file
    (812 of them, chosen at random, validate), stride 8 in the two test files. The rule
    "Light > 365" alone reaches 99 %."""
    names = ("datatraining", "datatest", "datatest2")
    recordings = [_recording(folder, name) for name in names]
    scaling = Scaling.of(recordings[0].inputs)
    train, *test = (without_last_row(scaled(each, scaling)) for each in recordings)
    cut = windows(train, 16, 1, 0)
    order = torch.from_numpy(np.random.RandomState(893429).permutation(len(cut)))
    valid = len(cut) // 10
    return Split(cut[order[valid:]], cut[order[:valid]], windows(test, 16, 8, 0, tail=False))


def _recording(folder: Path, name: str) -> Series:
    # Rows have one cell more than the header: a row number comes first.
    lines = contents(folder / f"{name}.txt").partition(b"\n")[2]
    table = polars.read_csv(io.BytesIO(lines), has_header=False)
    values = table.select(table.columns[2:]).cast(polars.Float64).to_numpy()
    return Series(values[:, :5], values[:, 5].astype(np.int64), np.ones(len(values)))


TASK = Task(
    name="occupancy",
    summary="whether a room is occupied, from temperature, humidity, light and CO2",
    size="3 recordings, 20560 minutes of 5 features",
    metric="accuracy",
    licence=f"none stated by the authors; {UCI}",
    source="https://github.com/LuisM78/Occupancy-detection-data",
    protocols={"paper": paper},
    published={
        "LSTM": 0.9318,
        "CT-RNN": 0.9454,
        "Neural ODE": 0.9015,
        "CT-GRU": 0.9144,
        "LTC": 0.9463,
    },
    files={
        "datatest.txt": "1b92c7c1b2838963464fa891a610cf3c5db4becb7189189b29b330107a584c7f",
        "datatest2.txt": "d026d1bd5aeccd4aff4f3b3710d48e40613bd5fc370db7e61bbdcaa50d985095",
        "datatraining.txt": "b2c4d0ce2b9e4e453c476f7125ef31aeec2d1f5c7f5572d0e80de3df6521ab56",
    },
    download=f"{RAW}/LuisM78/Occupancy-detection-data/ba2b1d7b53a71292ff61b867d3e16f0e539c7eb6/",
)
