"""Liquid networks after the conventions of scikit-learn, sktime and river.

Each class is imported when it is first asked for, and needs its library:

==========================  ==========================================  ====================
name                        what it is                                  extra
==========================  ==========================================  ====================
``LiquidRegressor``         a regressor of scikit-learn                 ``[scikit-learn]``
``LiquidClassifier``        a classifier of scikit-learn                ``[scikit-learn]``
``LiquidForecaster``        a forecaster of sktime                      ``[sktime]``
``SeriesClassifier``        a time series classifier of sktime          ``[sktime]``
``LiquidOnlineRegressor``   a regressor of river: learns while it runs  ``[river]``
``LiquidOnlineClassifier``  a classifier of river, likewise             ``[river]``
``LiquidOnlineForecaster``  a forecaster of river, likewise             ``[river]``
==========================  ==========================================  ====================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._extras import require

if TYPE_CHECKING:
    from ._river import LiquidOnlineClassifier, LiquidOnlineForecaster, LiquidOnlineRegressor
    from ._scikit_learn import LiquidClassifier, LiquidRegressor
    from ._sktime_classifier import SeriesClassifier
    from ._sktime_forecaster import LiquidForecaster

__all__ = [
    "LiquidClassifier",
    "LiquidForecaster",
    "LiquidOnlineClassifier",
    "LiquidOnlineForecaster",
    "LiquidOnlineRegressor",
    "LiquidRegressor",
    "SeriesClassifier",
]

_HOMES = {
    "LiquidClassifier": ("sklearn", "scikit-learn", "_scikit_learn"),
    "LiquidOnlineClassifier": ("river", "river", "_river"),
    "LiquidOnlineForecaster": ("river", "river", "_river"),
    "LiquidOnlineRegressor": ("river", "river", "_river"),
    "LiquidRegressor": ("sklearn", "scikit-learn", "_scikit_learn"),
    "LiquidForecaster": ("sktime", "sktime", "_sktime_forecaster"),
    "SeriesClassifier": ("sktime", "sktime", "_sktime_classifier"),
}
"""Name -> the library it needs, the extra that brings it, and the module it is in."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    library, extra, module = _HOMES[name]
    require(library, extra)
    return getattr(require(f"{__name__}.{module}", extra), name)


def __dir__() -> list[str]:
    return sorted(__all__)
