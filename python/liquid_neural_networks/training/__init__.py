"""Training for people who have data, not a training loop.

:func:`fit_table` takes a table; :func:`fit` takes a network and windows. Plain torch loops need
neither: a network is an ordinary module.
"""

from ._fit import SCHEDULES, fit
from ._history import History
from ._metrics import class_metrics, value_metrics
from ._predict import evaluate, predict

__all__ = [
    "SCHEDULES",
    "History",
    "class_metrics",
    "evaluate",
    "fit",
    "predict",
    "value_metrics",
]
