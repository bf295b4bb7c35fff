"""What surrounds the network of a forecaster: the baselines that it starts from, and quantiles."""

from ._baselines import BASELINES, Baselines, fed_targets, targets_of
from ._linear import SEEN, Lags, Linear
from ._past import PLAY, FloatArray, IntArray, Past, latest_known, periods_back
from ._quantiles import Quantiles, check_levels, shifts
from ._start import NO_BASELINE, Start

__all__ = [
    "BASELINES",
    "NO_BASELINE",
    "PLAY",
    "SEEN",
    "Baselines",
    "FloatArray",
    "IntArray",
    "Lags",
    "Linear",
    "Past",
    "Quantiles",
    "Start",
    "check_levels",
    "fed_targets",
    "latest_known",
    "periods_back",
    "shifts",
    "targets_of",
]
