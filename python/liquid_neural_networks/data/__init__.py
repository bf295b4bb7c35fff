"""From tables and recordings to windows: what a network is trained on.

>>> import numpy as np
>>> from liquid_neural_networks.data import Series, split, windows
>>> wave = np.sin(np.arange(200.0))[:, None]
>>> train, valid, test = split(Series(wave, wave, np.ones(200)))
>>> len(windows(train, length=20)), len(windows(test, length=20))
(7, 2)
"""

try:
    import polars as _polars  # noqa: F401
except ImportError:
    from .._extras import missing

    raise missing("polars", "tables") from None

from ._events import EventSamples, event_samples
from ._scaling import Scaling
from ._series import Columns, Series, choose_columns, split
from ._tables import Table, read_table
from ._windows import Split, Windows, windows

__all__ = [
    "Columns",
    "EventSamples",
    "Scaling",
    "Series",
    "Split",
    "Table",
    "Windows",
    "choose_columns",
    "event_samples",
    "read_table",
    "split",
    "windows",
]
