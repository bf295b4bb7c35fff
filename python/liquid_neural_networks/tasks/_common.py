"""What several protocols share: reading a file, scaling, and splitting into three parts."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import torch

from ..data import Scaling, Series, Split, Windows, split, windows
from ..data._times import FloatArray


def contents(path: Path) -> bytes:
    """The bytes of a file, which may also be stored as ``NAME.gz``."""
    if path.exists():
        return path.read_bytes()
    with gzip.open(path.with_name(f"{path.name}.gz")) as file:
        return file.read()


def own_target(values: FloatArray) -> Series:
    """A recording (T, I) that is its own target: with a horizon of 1, the next sample."""
    return Series(values.astype(np.float64), values.astype(np.float64), np.ones(len(values)))


def without_last_row(series: Series) -> Series:
    """The published loops stop one start earlier than they could."""
    return series.rows(0, len(series.inputs) - 1)


def scaled(series: Series, scaling: Scaling) -> Series:
    """The series with its inputs scaled."""
    return series._replace(inputs=scaling.apply(series.inputs))


def targets_scaled(series: Series, by: Series) -> Series:
    """The series with its targets scaled by the mean and deviation of those of another."""
    return series._replace(targets=Scaling.of(by.targets).apply(series.targets))


def shuffled(cut: Windows, seed: int) -> Split:
    """10 % validate, 15 % test, 75 % train, in the order of the published permutation."""
    order = torch.from_numpy(np.random.RandomState(seed).permutation(len(cut)))
    first = int(0.10 * len(cut))
    second = first + int(0.15 * len(cut))
    return Split(cut[order[second:]], cut[order[:first]], cut[order[first:second]])


def by_time(
    series: Series,
    length: int,
    horizon: int,
    *,
    valid: float,
    test: float,
    scale_targets: bool = False,
) -> Split:
    """The oldest rows train, the newest test; all are scaled by the training part."""
    parts = split(series, valid, test)
    scaling = Scaling.of(parts[0].inputs)
    ready = [scaled(part, scaling) for part in parts]
    if scale_targets:
        ready = [targets_scaled(part, parts[0]) for part in ready]
    return Split(*(windows(part, length, horizon=horizon) for part in ready))
