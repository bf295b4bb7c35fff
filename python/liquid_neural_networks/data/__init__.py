"""From tables and recordings to windows: what a network is trained on.

>>> import numpy as np
>>> from liquid_neural_networks.data import Series, split, windows
>>> wave = np.sin(np.arange(200.0))[:, None]
>>> train, valid, test = split(Series(wave, wave, np.ones(200)))
>>> len(windows(train, length=20)), len(windows(test, length=20))
(7, 2)

:func:`find` and :func:`load` fetch published tasks; ``TASKS`` lists them.
"""

from ._events import EventSamples, event_samples
from ._protocols import Split
from ._scaling import Scaling
from ._series import Columns, Series, choose_columns, split
from ._tables import Table, read_table
from ._tasks import TASKS, Task, cache, find, load
from ._windows import Windows, windows

__all__ = [
    "TASKS",
    "Columns",
    "EventSamples",
    "Scaling",
    "Series",
    "Split",
    "Table",
    "Task",
    "Windows",
    "cache",
    "choose_columns",
    "event_samples",
    "find",
    "load",
    "read_table",
    "split",
    "windows",
]
