"""Tomorrow's highest temperature in Seattle, from the days before."""

from __future__ import annotations

from functools import partial

import numpy as np
import polars
from matplotlib.figure import Figure
from torch import nn

from examples import common
from liquid_neural_networks.benchmark.baselines import LSTM
from liquid_neural_networks.data import Scaling, Series, Split, windows
from liquid_neural_networks.training import predict

WINDOW = 32
YEAR = 365


def read() -> tuple[np.ndarray, np.ndarray]:
    """(T, 6) features of each day and (T,) its highest temperature, 2012 to 2015."""
    table = polars.read_csv(common.data_folder("weather_seattle") / "seattle-weather.csv")
    season = 2 * np.pi * np.arange(table.height) / 365.25
    columns = [table[name].to_numpy() for name in ("temp_max", "temp_min", "precipitation", "wind")]
    return np.stack([*columns, np.sin(season), np.cos(season)], axis=1), columns[0]


def cut(features: np.ndarray, highest: np.ndarray) -> tuple[Split, float]:
    """Windows of the years before 2014, of 2014 and of 2015, and the unit of the targets.

    The target is the change until tomorrow: a network that knows nothing repeats today.
    """
    change = np.append(np.diff(highest), np.nan)[:, None]
    first, second = len(highest) - 2 * YEAR, len(highest) - YEAR
    scaling = Scaling.of(features[:first])
    unit = float(np.nanstd(change[:first]))
    whole = Series(scaling.apply(features), change / unit, np.ones(len(highest)))
    # A month to warm up stands before the years that are judged; it does not count.
    parts = (whole.rows(0, first), whole.rows(first - WINDOW, second),
             whole.rows(second - WINDOW, len(highest)))  # fmt: skip
    train, *judged = parts
    for part in judged:
        part.targets[:WINDOW] = np.nan
    return Split(
        windows(train, WINDOW, 4, horizon=0),
        *(windows(part, len(part.inputs), horizon=0) for part in judged),
    ), unit


def run(size: common.Size) -> tuple[common.Report, Figure]:
    features, highest = read()
    split, unit = cut(features, highest)
    today = highest[-YEAR:]
    tomorrow = np.append(highest[-YEAR + 1 :], np.nan)

    def forecast(network: nn.Module) -> np.ndarray:
        return today + unit * predict(network, split.test)[0, WINDOW:, 0].double().numpy()

    rows, networks = common.compare(
        {
            "LSTM": common.seeded(LSTM, 6, 7, 1),
            "liquid": partial(_liquid, features.shape[1]),
        },
        split,
        lambda network: {"error": common.rmse(forecast(network), tomorrow)},
        size,
        epochs=size(80, 8),
    )
    usual = _climate(features, highest)[-YEAR:]
    references = [
        common.Row("same as today", 0, {"error": [common.rmse(today, tomorrow)]}),
        common.Row(
            "usual for the season",
            5,
            {"error": [common.rmse(np.append(usual[1:], np.nan), tomorrow)]},
        ),
        common.Row("linear", 7, {"error": [common.rmse(_linear(features, highest), tomorrow)]}),
    ]
    picture, (axes,) = common.figure()
    axes.plot(tomorrow, ".", color=common.COLOURS["reference"], markersize=3, label="measured")
    axes.plot(
        forecast(networks["liquid"]),
        color=common.COLOURS["liquid"],
        lw=1,
        label="liquid, a day ahead",
    )
    axes.set(xlabel="day of 2015", ylabel="highest temperature, °C")
    axes.legend(frameon=False)
    return common.Report(
        "Root mean square error in °C in 2015, lower is better", references + rows
    ), picture


def _liquid(features: int, seed: int) -> nn.Module:
    """19 neurons."""
    return common.liquid(features, seed, hidden_size=7, output_size=1)


def _climate(features: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """(T,) one sine and its overtone over the year, fitted before 2015."""
    sine, cosine = features[:, 4], features[:, 5]
    terms = np.stack([np.ones_like(sine), sine, cosine, sine * cosine, cosine**2], axis=1)
    return terms @ np.linalg.lstsq(terms[:-YEAR], highest[:-YEAR], rcond=None)[0]


def _linear(features: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """Tomorrow from today's features, fitted before 2015."""
    terms = np.column_stack([features, np.ones(len(features))])
    known = len(highest) - YEAR
    weights = np.linalg.lstsq(terms[: known - 1], highest[1:known], rcond=None)[0]
    return terms[known:] @ weights


main = common.command(run, __file__, __doc__)
if __name__ == "__main__":
    main()
