"""River's three series, forecast one value ahead and learned value by value, beside its models.

    python -m benchmarks.river_series

Mean absolute errors after the first values of each (24, 100 and 200). Of river's forecasters the
best of three settings in hindsight counts; ours has its defaults, and its parts by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click
import numpy as np
from river import datasets, linear_model, optim, preprocessing, time_series

from liquid_neural_networks.estimators import LiquidOnlineForecaster

SERIES: dict[str, tuple[Callable[[], Any], int, int]] = {
    "AirlinePassengers": (datasets.AirlinePassengers, 12, 24),
    "TrumpApproval": (datasets.TrumpApproval, 12, 100),
    "WaterFlow": (datasets.WaterFlow, 24, 200),
}
"""Name to the data, its season and the values that do not count."""


class Persistence:
    """The last value."""

    def __init__(self) -> None:
        self._last = 0.0

    def learn_one(self, y: float) -> None:
        self._last = y

    def forecast(self, horizon: int) -> list[float]:
        return [self._last] * horizon


def snarimax(season: int, **orders: int) -> time_series.SNARIMAX:
    linear = linear_model.LinearRegression(
        optimizer=optim.SGD(0.01), intercept_init=110, intercept_lr=0.3
    )
    none = dict.fromkeys(("p", "d", "q"), 0)
    return time_series.SNARIMAX(
        **{**none, **orders}, m=season, regressor=preprocessing.StandardScaler() | linear
    )


def holt_winters(season: int, **options: Any) -> time_series.HoltWinters:
    return time_series.HoltWinters(alpha=0.3, beta=0.1, gamma=0.6, seasonality=season, **options)


def liquid(season: int, **options: Any) -> LiquidOnlineForecaster:
    return LiquidOnlineForecaster(lags=season, **options)


FORECASTERS: dict[str, list[Callable[[int], Any]]] = {
    "last value": [lambda season: Persistence()],
    "SNARIMAX, the best of three": [
        partial(snarimax, sp=3, sq=6),
        partial(snarimax, p=3, d=1),
        partial(snarimax, p=3, sp=3),
    ],
    "Holt-Winters, the best of three": [
        partial(holt_winters, multiplicative=True),
        partial(holt_winters, multiplicative=False),
        lambda season: time_series.HoltWinters(alpha=0.9, beta=0.1),
    ],
    "liquid, with least squares": [liquid],
    "liquid, linear by gradient": [partial(liquid, skip="gradient")],
    "liquid alone": [partial(liquid, skip=None)],
    "least squares, network as made": [partial(liquid, learning_rate=1e-12)],
}
"""Name to what may be made of it for a season; the best in hindsight counts."""


def error(name: str, made: Callable[[int], Any]) -> float:
    """Mean absolute error one value ahead."""
    make, season, begin = SERIES[name]
    model, errors = made(season), []
    for count, (_, y) in enumerate(make()):
        ahead = model.forecast(1)[0] if count > season else 0.0
        errors.append(abs(ahead - float(y)))
        model.learn_one(float(y))
    return float(np.mean(errors[begin:]))


@click.command(help=__doc__.split("\n\n")[0])
def main() -> None:
    print(f"{'':32}" + "".join(f"{name:>20}" for name in SERIES))
    for forecaster, kinds in FORECASTERS.items():
        found = [min(error(name, made) for made in kinds) for name in SERIES]
        print(f"{forecaster:32}" + "".join(f"{each:20.4g}" for each in found))


if __name__ == "__main__":
    main()
