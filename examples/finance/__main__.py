"""Tomorrow's VIX: can anything beat "the same as today"?"""

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

WINDOW = 64
MODELS = {
    "LSTM": common.seeded(LSTM, 4, 7, 1),
    "liquid": partial(common.liquid, 4, hidden_size=8, output_size=1),
}


def read() -> tuple[np.ndarray, np.ndarray]:
    """(T, 4) features of each trading day since 1990, and (T,) the logarithm of the close."""
    table = polars.read_csv(common.data_folder("finance_vix") / "vix-daily.csv")
    high, low, close = (np.log(table[name].to_numpy()) for name in ("HIGH", "LOW", "CLOSE"))
    features = [np.diff(close, prepend=close[0]), high - close, close - low, close - close.mean()]
    return np.stack(features, axis=1), close


def cut(features: np.ndarray, close: np.ndarray) -> tuple[Split, float, int]:
    """Split by time, 65 % to 15 % to 20 %; the target is tomorrow's change."""
    change = np.append(np.diff(close), np.nan)[:, None]
    first, second = int(0.65 * len(close)), int(0.8 * len(close))
    unit = float(np.nanstd(change[:first]))
    scaled = Scaling.of(features[:first]).apply(features)
    whole = Series(scaled, change / unit, np.ones(len(close)))
    valid, test = whole.rows(first, second), whole.rows(second, len(close))
    return Split(
        windows(whole.rows(0, first), WINDOW, 16, horizon=0),
        *(windows(part, len(part.inputs), horizon=0) for part in (valid, test)),
    ), unit, second  # fmt: skip


def gain_interval(
    forecast: np.ndarray, today: np.ndarray, tomorrow: np.ndarray
) -> tuple[float, float]:
    """95 % interval of the gain over "same as today", in % of RMSE.

    Blocks of 20 trading days are drawn with replacement, since bad days come together.
    """
    errors = np.stack([(forecast - tomorrow) ** 2, (today - tomorrow) ** 2])[:, :-1]
    blocks = errors[:, : errors.shape[1] // 20 * 20].reshape(2, -1, 20).mean(axis=2)
    rng = np.random.default_rng(0)
    drawn = blocks[:, rng.integers(blocks.shape[1], size=(2000, blocks.shape[1]))].mean(axis=2)
    low, high = np.quantile(100 * (1 - np.sqrt(drawn[0] / drawn[1])), [0.025, 0.975])
    return float(low), float(high)


def run(size: common.Size) -> tuple[common.Report, Figure]:
    features, close = read()
    split, unit, second = cut(features, close)
    today, tomorrow = close[second:], np.append(close[second + 1 :], np.nan)

    def forecast(network: nn.Module) -> np.ndarray:
        return today + unit * predict(network, split.test)[0, :, 0].double().numpy()

    rows, networks = common.compare(
        MODELS,
        split,
        lambda network: {"RMSE": common.rmse(forecast(network), tomorrow)},
        size,
        epochs=size(40, 8),
    )
    terms = np.column_stack([features, np.ones(len(features))])
    weights = np.linalg.lstsq(terms[: second - 1], np.diff(close)[: second - 1], rcond=None)[0]
    references = [
        common.Row("same as today", 0, {"RMSE": [common.rmse(today, tomorrow)]}),
        common.Row(
            "linear", 5, {"RMSE": [common.rmse(today + terms[second:] @ weights, tomorrow)]}
        ),
    ]
    best = forecast(networks["liquid"])
    low, high = gain_interval(best, today, tomorrow)
    picture, (left, right) = common.figure(columns=2)
    left.plot(tomorrow[-120:], ".", color=common.COLOURS["reference"], ms=4, label="measured")
    left.plot(best[-120:], color=common.COLOURS["liquid"], lw=1, label="liquid, a day ahead")
    left.set(xlabel="the latest 120 trading days", ylabel="log of the VIX close")
    right.plot(best - today, tomorrow - today, ".", color=common.COLOURS["liquid"], ms=2)
    right.set(xlabel="change forecast", ylabel="change that came")
    left.legend(frameon=False)
    return common.Report(
        "RMSE of the log close a day ahead, lower is better", references + rows, digits=4,
        note="The liquid network best in validation gains over \"same as today\" between "
        f"{low:+.1f} % and {high:+.1f} % (95 % interval).",
    ), picture  # fmt: skip


main = common.command(run, __file__, __doc__)
if __name__ == "__main__":
    main()
