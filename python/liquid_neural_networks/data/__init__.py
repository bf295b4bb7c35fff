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

from ._choice import choose_columns
from ._columns import Columns, Recording
from ._events import EventSamples, event_samples
from ._order import Order
from ._scaling import Scaling
from ._series import Series
from ._split import cuts, split
from ._tables import Table, TableFiles, read_table
from ._windows import Split, Windows, windows

__all__ = [
    "Columns",
    "EventSamples",
    "Order",
    "Recording",
    "Scaling",
    "Series",
    "Split",
    "Table",
    "TableFiles",
    "Windows",
    "choose_columns",
    "cuts",
    "event_samples",
    "read_table",
    "split",
    "windows",
]
