"""A simulated robot that walks, sampled irregularly [Hasani et al. 2022]."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..data import Series, Split, windows
from ..data._times import FloatArray
from ._common import without_last_row
from ._task import Task


def paper(folder: Path) -> Split:
    """Shuffled rollouts: 60 test, 40 validate, 300 train. One step in ten is dropped, which
    makes the sampling irregular; the target is the next step before dropping. Windows of 64
    with stride 16; nothing is normalised."""
    with np.load(folder / "walker2d_400_rollouts_f32.npz") as rollouts:
        names = sorted(rollouts.files)
        np.random.RandomState(125487).shuffle(names)
        traces = [rollouts[name] for name in names]
    rng = np.random.RandomState(891374)
    parts = (traces[100:], traces[60:100], traces[:60])
    return Split(
        *(
            windows([without_last_row(_dropped(each, rng)) for each in part], 64, 16, 0, tail=False)
            for part in parts
        )
    )


def _dropped(rollout: FloatArray, rng: np.random.RandomState) -> Series:
    """Nine steps in ten of a rollout, each with the step that follows it."""
    steps = len(rollout) - 1
    kept = np.flatnonzero([rng.rand() < 0.9 for _ in range(steps)])
    elapsed = np.diff(kept, prepend=-1).astype(np.float64)
    values = rollout.astype(np.float64)
    return Series(values[kept], values[kept + 1], elapsed)


TASK = Task(
    name="walker2d",
    summary="next observation of a simulated walking robot, one step in ten dropped",
    size="400 runs of 131 to 1000 steps",
    metric="mse",
    licence="MIT",
    source="https://github.com/raminmh/CfC (data/walker at commit 59f6e01)",
    protocols={"paper": paper},
    published={"LTC": 0.662, "CfC": 0.643, "mixed-memory CfC": 0.617, "ODE-LSTM": 0.883},
    files={
        "walker2d_400_rollouts_f32.npz": (
            "0f87a2c592afae084f1fbc4cc11d5d3cb97da359781d38ec002e1f0e19db136c"
        )
    },
)
