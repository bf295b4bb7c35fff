"""Streams whose rules change: what comes in at each sample, and what is to be said then."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass

import numpy as np

from examples import common

LAGS = 10


@dataclass(frozen=True)
class Stream:
    """What a network is fed at each sample, and what it should have said.

    Attributes:
        inputs: (T, I).
        linear: (T, F), what a linear adaptive filter sees beside: the last values.
        targets: (T,), scaled by how they were before the change.
        change: the sample from which on the rules are others.
        name: of the stream.
    """

    inputs: np.ndarray
    linear: np.ndarray
    targets: np.ndarray
    change: int
    name: str


def tones(change: int, after: int, seed: int) -> Stream:
    """Three tones in noise; at the change others come, whose pitch drifts. The next value."""
    source = np.random.default_rng(seed)
    count = change + after + 1
    before, new = np.exp(source.uniform(np.log(0.02), np.log(0.12), (2, 3)))
    frequencies = np.tile(before, (count, 1))
    drift = np.cumsum(source.normal(size=(count - change, 3)) * 1e-3, axis=0)
    frequencies[change:] = new * np.exp(drift)
    phases = 2 * np.pi * (np.cumsum(frequencies, axis=0) + source.random(3))
    values = np.sin(phases).sum(axis=1) / np.sqrt(1.5)
    return _next_value(values + 0.05 * source.normal(size=count), change, "tones")


def mackey_glass(change: int, after: int, seed: int) -> Stream:
    """dx/dt = .2 x' / (1 + x'^10) - .1 x, with x' = x(t - delay), every 2 units of time; at the
    change the delay goes from 17 to 30. The next value."""
    step, every, warm_up = 0.1, 20, 3000
    count = change + after + 1
    x = np.full(warm_up + count * every, 1.2)
    x[:301] += 0.1 * np.random.default_rng(seed).normal()
    for now in range(300, len(x) - 1):
        delay = 170 if now < warm_up + change * every else 300
        past = x[now - delay]
        x[now + 1] = x[now] + step * (0.2 * past / (1 + past**10) - 0.1 * x[now])
    return _next_value(x[warm_up::every], change, "Mackey-Glass")


def plant(change: int, after: int, seed: int, gain: float) -> Stream:
    """dy/dt = (gain u - y) / 5 with steps of u; at the change the gain goes from 1 to another.

    A network sees u alone, a linear filter the y before it as well.
    """
    source = np.random.default_rng(seed)
    count = change + after
    u = np.repeat(source.uniform(-1, 1, count // 10 + 1), 10)[:count]
    y, now = np.zeros(count), 0.0
    for sample in range(count):
        now += ((1.0 if sample < change else gain) * u[sample] - now) / 5
        y[sample] = now + 0.02 * source.normal()
    y /= y[:change].std()
    known = np.stack([u, np.append(0.0, y[:-1])], axis=1)
    return Stream(u[:, None], known, y, change, f"gain x {gain:g}")


def elec2(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """(T, I) features, each scaled by what came before, and the last label; (T,) classes."""
    with gzip.open(common.data_folder("elec2") / "elec2.csv.gz", "rt") as file:
        table = np.array(list(csv.reader(file))[1 : rows + 1], dtype=float)
    features, classes = table[:, :-1], table[:, -1].astype(int)
    counts = np.arange(1, len(features) + 1)[:, None]
    means = np.cumsum(features, axis=0) / counts
    variances = np.cumsum(features**2, axis=0) / counts - means**2
    scaled = np.clip((features - means) / np.sqrt(np.maximum(variances, 0) + 1e-4), -10, 10)
    last = np.append(0.0, 2.0 * classes[:-1] - 1)
    return np.column_stack([scaled, last]), classes


def _next_value(values: np.ndarray, change: int, name: str) -> Stream:
    values = (values - values[:change].mean()) / values[:change].std()
    known = [np.append(np.zeros(lag), values[: len(values) - 1 - lag]) for lag in range(LAGS)]
    lags = np.stack(known, axis=1)
    return Stream(lags, lags, values[1:], change, name)
