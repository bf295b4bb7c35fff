"""Is it a day of high ozone? From weather readings [Hasani et al. 2021]."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars

from ..data import Series, Split, Windows, windows
from ..data._tables import numbers
from ._common import by_time, contents, shuffled
from ._task import UCI, Task


def paper(folder: Path) -> Split:
    """As the published script really trained: missing values are 0, one mean and deviation for
    all features, and, time and batch being swapped, 32 sequences of every fourth day. Published
    with class weights 0.1 and 1.6; see the honest protocol."""
    series = _recording(folder)
    values = np.nan_to_num(series.inputs, nan=0.0)
    values = (values - values.mean()) / values.std()
    cut = windows(series._replace(inputs=values), 32, 4, 0, tail=False)
    swapped = Windows(cut.inputs.transpose(0, 1).contiguous(), cut.targets.T.contiguous())
    return shuffled(swapped, 23489)


def honest(folder: Path) -> Split:
    """Days in order, split by time; missing values are masked; each feature scaled by the
    training part; windows of 32; missing days are elapsed time."""
    return by_time(_recording(folder), 32, horizon=0, valid=0.15, test=0.15)


def _recording(folder: Path) -> Series:
    raw = contents(folder / "eighthr.data")
    table = polars.read_csv(
        raw, has_header=False, null_values="?", infer_schema_length=None, try_parse_dates=False
    )
    days = table[table.columns[0]].str.to_date("%m/%d/%Y").cast(polars.Int64)
    values = np.stack([numbers(table[name]) for name in table.columns[1:]], axis=1)
    elapsed = np.diff(numbers(days), prepend=float(days[0]) - 1.0)
    return Series(values[:, :-1], values[:, -1].astype(np.int64), elapsed)


TASK = Task(
    name="ozone",
    summary="whether a day has high ozone, from 72 weather readings, many missing",
    size="2534 days",
    metric="f1",
    licence=UCI,
    source="https://archive.ics.uci.edu/dataset/172/ozone+level+detection",
    protocols={"paper": paper, "honest": honest},
    published={
        "LSTM": 0.284,
        "CT-RNN": 0.236,
        "Neural ODE": 0.168,
        "CT-GRU": 0.260,
        "LTC": 0.302,
    },
    files={"eighthr.data": "9a24c3e5c43570148869fec02edcd44dd1cb06e97c2bbc0b6ab24ebdd21de37e"},
    download="https://archive.ics.uci.edu/ml/machine-learning-databases/ozone/",
)
