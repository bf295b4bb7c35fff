"""The windows of published tasks."""

from __future__ import annotations

from typing import Optional

import numpy as np

from ..tasks import load
from ._arrays import array_description
from ._calls import Plain, guarded


@guarded
def task_windows(name: str, protocol: Optional[str] = None) -> Plain:
    """Training, validation and test windows of a task, see :func:`tasks.load`."""
    return {
        part: {
            field: array_description(value.numpy().astype(np.uint8) if field == "mask" else value)
            for field, value in vars(windows).items()
            if value is not None
        }
        for part, windows in load(name, protocol)._asdict().items()
    }
