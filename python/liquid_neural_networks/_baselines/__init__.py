"""Simple forecasts from the past of a series: what networks are measured against and start from."""

from ._forecasts import BASELINES, Baselines, fed_targets, targets_of
from ._linear import Lags, Linear
from ._past import FloatArray, IntArray, Past, latest_known
from ._start import NO_BASELINE, Start

__all__ = [
    "BASELINES",
    "NO_BASELINE",
    "Baselines",
    "FloatArray",
    "IntArray",
    "Lags",
    "Linear",
    "Past",
    "Start",
    "fed_targets",
    "latest_known",
    "targets_of",
]
