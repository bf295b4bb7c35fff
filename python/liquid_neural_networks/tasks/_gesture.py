"""Phases of hand gestures, from the speeds of hands and wrists [Hasani et al. 2021]."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars

from ..data import Scaling, Series, Split, Windows, windows
from ._common import contents, scaled, shuffled
from ._task import UCI, Task


def paper(folder: Path) -> Split:
    """Windows of 32 with stride 16, z-scored over all of them, then shuffled: 60 validate, 90
    test, 455 train. The windows overlap, so 92 % of the test windows share half of their rows
    with a training window; see the honest protocol."""
    order = ("a3", "b1", "b3", "c1", "c3", "a2", "a1")
    recordings = [_recording(folder, name) for name in order]
    whole = [each.rows(0, len(each.inputs) // 32 * 32) for each in recordings]
    cut = windows(whole, 32, 16, 0, tail=False)
    mean, deviation = cut.inputs.mean(dim=(0, 1)), cut.inputs.std(dim=(0, 1), correction=0)
    return shuffled(Windows((cut.inputs - mean) / deviation, cut.targets), 23489)


def honest(folder: Path) -> Split:
    """Split by file: a1, a3, b1 and c1 train, a2 validates, b3 and c3 test. Windows of 32 that
    do not overlap, scaled by the training files."""
    parts = (("a1", "a3", "b1", "c1"), ("a2",), ("b3", "c3"))
    recordings = [[_recording(folder, name) for name in names] for names in parts]
    scaling = Scaling.of(np.concatenate([each.inputs for each in recordings[0]]))
    return Split(
        *(windows([scaled(each, scaling) for each in part], 32, horizon=0) for part in recordings)
    )


def _recording(folder: Path, name: str) -> Series:
    table = polars.read_csv(contents(folder / f"{name}_va3.csv"))
    phases = {letter: index for index, letter in enumerate("DPSHR")}
    labels = np.array([phases[letter] for letter in table["Phase"]])
    return Series(table.drop("Phase").to_numpy(), labels, np.ones(len(labels)))


TASK = Task(
    name="gesture",
    summary="phase of a hand gesture, 5 classes, from speeds of hands and wrists",
    size="7 recordings, 9873 rows of 32 features",
    metric="accuracy",
    licence=UCI,
    source="https://archive.ics.uci.edu/dataset/302/gesture+phase+segmentation",
    protocols={"paper": paper, "honest": honest},
    published={
        "LSTM": 0.6457,
        "CT-RNN": 0.5901,
        "Neural ODE": 0.4697,
        "CT-GRU": 0.6831,
        "LTC": 0.6955,
    },
    files={
        "a1_va3.csv": "df3fcdd481cf746e10e380c02f28d4554d7d67e53eda5bfd8b861dcb2037300c",
        "a2_va3.csv": "3f921cab6fc8395b26ec772874583fe4eb211e15f856b6bfb45627cf4620fa48",
        "a3_va3.csv": "0ef1ae696b179eccfdfc85cdaf6abcf83ff95209060e94185d0b9dfbbed765d3",
        "b1_va3.csv": "fc530377ccf5da9fb8d82df04806d853afe988cc3dfead00608696a4a321875b",
        "b3_va3.csv": "011a99aa42d984a9ad5f31e191fd6b9f6c4e72ae75c63e804c5e8905b896d115",
        "c1_va3.csv": "4f4fe22b7839f696ee0fa8cd50aa6ae8082224db6ddb0767c5d405aa3d98ea42",
        "c3_va3.csv": "032dd63b2a5ca1a0b21bfa3feae06cc09bb9f9cf2d4254c621f87cfff3186c42",
    },
)
