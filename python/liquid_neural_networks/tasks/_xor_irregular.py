"""Parity of random bits, sampled irregularly [Hasani et al. 2022]; generated, no files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..data import Split, Windows
from ._task import Task


def paper(_: Path) -> Split:
    """2 to 31 random bits; there is one sample for each run of equal bits: its value and, as
    elapsed time / 32, the bits since the run before began. One more closes the sequence. At the
    last sample: is the number of ones odd? Padded at the end to 32 samples.
    100,000 sequences, of which the last 5,000 validate, which the published code does not do, and
    10,000 for the test."""
    train, test = sequences(100_000, 1234984), sequences(10_000, 48736)
    return Split(train[:95_000], train[95_000:], test)


def sequences(count: int, seed: int) -> Windows:
    """Draws in the published order, bit by bit, since a vector of draws would differ."""
    rng = np.random.RandomState(seed)
    values, elapsed = np.zeros((2, count, 32), np.float32)
    ends, odd = np.zeros((2, count), np.int64)
    for row in range(count):
        bits = [rng.randint(0, 2) for _ in range(rng.randint(2, 32))]
        starts = np.flatnonzero(np.diff(bits, prepend=-1))
        # A sample lies where a run begins, with the time since the run before began; what is
        # left of the last run closes the sequence.
        gaps = np.diff(starts, prepend=-1).tolist()
        samples = [bits[start] for start in starts]
        rest = len(bits) - 1 - starts[-1]
        if rest > 0:
            gaps, samples = [*gaps, rest], [*samples, bits[-1]]
        length = len(samples)
        ends[row], odd[row] = length, sum(bits) % 2
        values[row, :length], elapsed[row, :length] = samples, gaps
    return Windows(
        inputs=torch.from_numpy(values)[..., None],
        targets=torch.from_numpy(odd),
        elapsed_time=torch.from_numpy(elapsed / 32),
        mask=torch.from_numpy(np.arange(32) < ends[:, None]),
    )


TASK = Task(
    name="xor_irregular",
    summary="parity of up to 31 random bits, sampled only when they change",
    size="110000 sequences, generated",
    metric="accuracy",
    licence="none needed",
    source="https://github.com/raminmh/CfC (irregular_sampled_datasets.py)",
    protocols={"paper": paper},
    published={"CfC": 0.9942, "mixed-memory CfC": 0.9972, "ODE-LSTM": 0.9889, "LTC": 0.4911},
    files={},
)
