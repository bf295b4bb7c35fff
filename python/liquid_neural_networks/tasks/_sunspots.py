"""Monthly numbers of sunspots."""

from __future__ import annotations

from pathlib import Path

import polars

from ..data import Split
from ..data._tables import numbers
from ._common import by_time, contents, own_target
from ._task import RAW, Task


def honest(folder: Path) -> Split:
    """Next month's number from the past; the newest 20 % test, 15 % before them validate.
    Inputs are scaled by the training part, targets are not; windows of 64."""
    table = polars.read_csv(contents(folder / "monthly-sunspots.csv"))
    return by_time(own_target(numbers(table["Sunspots"])[:, None]), 64, 1, valid=0.15, test=0.20)


TASK = Task(
    name="sunspots",
    summary="next month's number of sunspots",
    size="2820 months, 1749 to 1983",
    metric="mse",
    licence="none stated",
    source="https://github.com/jbrownlee/Datasets",
    protocols={"honest": honest},
    published={},
    files={
        "monthly-sunspots.csv": "c4ec8cc57d9f6fb6ecdb3e1f37f25b6f4badd5124c55931052b0cd2fc3bc71f3"
    },
    download=f"{RAW}/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f/",
)
