"""Are the eyes open? Fourteen electrodes, a split by time, and a sobering answer."""

from __future__ import annotations

from functools import partial

import numpy as np
import polars
from matplotlib.figure import Figure
from torch import nn

from examples import common
from liquid_neural_networks.benchmark.baselines import LSTM, MLP
from liquid_neural_networks.data import Scaling, Series, Split, windows
from liquid_neural_networks.training import class_metrics, predict

RATE = 128  # samples a second
WINDOW = 128
PACE = 0.1  # elapsed time of a sample: a liquid neuron forgets within about one unit


def read() -> tuple[np.ndarray, np.ndarray]:
    """(T, 14) electrodes in µV, artefacts clipped, and (T,) 1 where the eyes are closed."""
    path = common.data_folder("eeg_eye_state") / "EEG_Eye_State.csv.gz"
    rows = polars.read_csv(path, has_header=False).to_numpy()
    signals = rows[:, :14]
    low, high = np.quantile(signals, [0.001, 0.999], axis=0)
    return signals.clip(low, high), rows[:, 14].astype(np.int64)


def cut(signals: np.ndarray, closed: np.ndarray, order: np.ndarray | None = None) -> Split:
    """60 % of the rows train, 10 % validate, 30 % test: by time, or in a given order."""
    if order is not None:
        signals, closed = signals[order], closed[order]
    first, second = int(0.6 * len(closed)), int(0.7 * len(closed))
    scaled = Scaling.of(signals[:first]).apply(signals).clip(-5, 5)
    whole = Series(scaled, closed, np.full(len(closed), PACE))
    bounds = [(0, first), (first, second), (second, len(closed))]
    return Split(*(windows(whole.rows(*each), WINDOW, WINDOW // 2, 0) for each in bounds))


def score(found: np.ndarray, true: np.ndarray) -> float:
    return 100 * float(class_metrics(found, true, 2)["accuracy"])


def run(size: common.Size) -> tuple[common.Report, Figure]:
    signals, closed = read()
    split = cut(signals, closed)
    true = split.test.targets.numpy()

    def found(network: nn.Module) -> np.ndarray:
        return predict(network, split.test).argmax(dim=-1).numpy()

    column = "later seconds"
    rows, networks = common.compare(
        {
            "MLP": common.seeded(MLP, 14, 20, 2),
            "LSTM": common.seeded(LSTM, 14, 12, 2),
            "liquid": partial(common.liquid, 14, hidden_size=12, output_size=2),
        },
        split,
        lambda network: {column: score(found(network), true)},
        size,
        epochs=size(30, 6),
    )
    majority = np.full_like(true, round(float(split.train.targets.double().mean())))
    rows.insert(0, common.Row("commonest state", 0, {column: [score(majority, true)]}))
    leaked = "shuffled rows"
    mixed = cut(signals, closed, np.random.RandomState(0).permutation(len(closed)))
    rows.append(common.Row("most similar row", 0, {
        column: [score(nearest(split), true)],
        leaked: [score(nearest(mixed), mixed.test.targets.numpy())],
    }))  # fmt: skip
    return common.Report("Accuracy in %, higher is better", rows, digits=1), draw(
        true, found(networks["liquid"])
    )


def draw(true: np.ndarray, found: np.ndarray) -> Figure:
    """The test from end to end: every other window, since they overlap by half."""
    picture, (axes,) = common.figure()
    seconds = np.arange(found[::2].size) / RATE
    axes.plot(
        seconds, true[::2].flatten() - 0.02, color=common.COLOURS["reference"], lw=1, label="true"
    )
    axes.plot(
        seconds, found[::2].flatten() + 0.02, color=common.COLOURS["liquid"], lw=0.5, label="liquid"
    )
    axes.set_yticks([0, 1], ["open", "closed"])
    axes.set_xlabel("seconds of the test")
    axes.legend(frameon=False, ncol=2, loc="center right")
    return picture


def nearest(split: Split) -> np.ndarray:
    """The state of the most similar training row, for each row of the test windows."""
    from sklearn.neighbors import KNeighborsClassifier

    train = split.train.inputs.flatten(0, 1).numpy()
    model = KNeighborsClassifier(1).fit(train, split.train.targets.flatten().numpy())
    test = split.test.inputs
    return model.predict(test.flatten(0, 1).numpy()).reshape(test.shape[:2])


main = common.command(run, __file__, __doc__)
if __name__ == "__main__":
    main()
