"""Training for people who have data, not a training loop.

:func:`fit_table` takes a table; :func:`fit` takes a network and windows. Plain torch loops need
neither: a network is an ordinary module.
"""

from .. import data as _data  # noqa: F401  (first: it says what is missing)
from .._forecasting import BASELINES
from ._backtest import Backtest, Fold, backtest
from ._divergence import DivergenceError
from ._fit import fit
from ._fit_table import fit_table
from ._forecaster import Forecaster
from ._history import History
from ._live import LiveForecast
from ._losses import PinballLoss
from ._metrics import class_metrics, value_metrics
from ._options import SCHEDULES
from ._parallel import data_parallel
from ._predict import evaluate, predict
from ._scores import best_baseline, verdict

__all__ = [
    "BASELINES",
    "SCHEDULES",
    "Backtest",
    "DivergenceError",
    "Fold",
    "Forecaster",
    "History",
    "LiveForecast",
    "PinballLoss",
    "backtest",
    "best_baseline",
    "class_metrics",
    "data_parallel",
    "evaluate",
    "fit",
    "fit_table",
    "predict",
    "value_metrics",
    "verdict",
]
