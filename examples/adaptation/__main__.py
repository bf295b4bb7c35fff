"""The rules change while a network runs: which ways of learning follow, and how fast?"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import torch
from matplotlib.figure import Figure

from examples import common
from examples.adaptation import rivals, streams
from examples.adaptation.streams import Stream
from liquid_neural_networks import LiquidNetwork, plots
from liquid_neural_networks.online import Learner

Array = np.ndarray

# All of these were chosen on seed 0 (and for Elec2 on rows 2,000 to 10,000 with it); what is
# reported has seeds from 1 on, and rows after 10,000.
RATES = (1e-2, 3e-3)  # in the first and the second half before the change
RATE = 3e-3  # after it
FORGETTING = 0.998
LEAST_SHARE = 0.1
REMEMBERED = 2000  # samples before the change that least squares have seen at it
ELEC2_RATE = 5e-3

METHODS: dict[str, dict[str, str]] = {
    "read-out": {"method": "readout"},
    "read-out, least squares": {"method": "readout", "optimizer": "least_squares"},
    "SnAp-1": {"method": "snap1"},
    "exact": {"method": "exact"},
}
BOTH, FILTER, RIVER = "exact + least squares", "linear filter", "river's best"
ROWS = ["last value", "frozen", FILTER, *([RIVER] if rivals.INSTALLED else []), *METHODS, BOTH]
STREAMS: dict[str, Callable[..., Stream]] = {
    "tones": streams.tones,
    "Mackey-Glass": streams.mackey_glass,
    "gain x 4": partial(streams.plant, gain=4.0),
    "gain x 6": partial(streams.plant, gain=6.0),
}
ELEC2 = "Elec2"
WARM = 10_000  # rows of Elec2 that do not count


class LeastSquares:
    """Recursive least squares with forgetting; Haykin, Adaptive Filter Theory."""

    def __init__(self, weights: Array):
        self.weights = weights
        self._covariance = np.eye(len(weights)) * 10

    def learn(self, features: Array, error: float) -> None:
        along = self._covariance @ features
        gain = along / (FORGETTING + features @ along)
        self.weights = self.weights + gain * error
        self._covariance = (self._covariance - np.outer(gain, along)) / FORGETTING
        self._covariance = (self._covariance + self._covariance.T) / 2
        largest = self._covariance.diagonal().max()
        if largest > 1e6:  # nothing new for long
            self._covariance *= 1e6 / largest


def build(inputs: int, outputs: int, seed: int, scale: int = 1) -> LiquidNetwork:
    wiring = {"type": "ncp", "inter": 12 * scale, "command": 6 * scale, "motor": outputs}
    return LiquidNetwork(inputs, output_size=outputs, wiring=wiring, readout="dense", seed=seed)


# -- values --------------------------------------------------------------------------------------


def before_the_change(stream: Stream, seed: int) -> tuple[LiquidNetwork, Array]:
    """A network that learned, exactly, up to the change, and its state then."""
    network = build(stream.inputs.shape[1], 1, seed)
    learner = network.learner("exact")
    for sample in range(stream.change):
        learner.learning_rate = RATES[2 * sample // stream.change]
        learner.step(stream.inputs[sample])
        learner.learn(float(stream.targets[sample]))
    learner.commit()
    return network, learner.state


def alone(stream: Stream, learner: Learner, learns: bool = True) -> Array:
    """Errors after the change, of a learner by itself.

    Least squares know what came before the change as well, or they would be told when it was.
    """
    errors = []
    if learner.options["optimizer"] == "least_squares":
        learner.reset()
        for sample in range(stream.change - REMEMBERED, stream.change):
            learner.step(stream.inputs[sample])
            learner.learn(float(stream.targets[sample]))
    for inputs, target in _after(stream, stream.inputs):
        errors.append(target - float(learner.step(inputs)[0]))
        if learns:
            learner.learn(float(target))
    return np.array(errors)


def together(stream: Stream, learner: Learner) -> Array:
    """The same with least squares on top: of the network's output and the last values.

    What the learner should have said is what would have made the whole right; a share of its output
    near 0 does not keep it from learning, or it would stay there.
    """
    start = np.zeros(stream.linear.shape[1] + 2)
    start[0] = 1.0
    linear, errors = LeastSquares(start), []
    learner.reset()
    for sample in range(stream.change - REMEMBERED, len(stream.targets)):
        output = float(learner.step(stream.inputs[sample])[0])
        features = np.concatenate([[output], stream.linear[sample], [1.0]])
        share = linear.weights[0]
        errors.append(stream.targets[sample] - linear.weights @ features)
        linear.learn(features, errors[-1])
        if sample >= stream.change:
            missing = errors[-1] / np.copysign(max(abs(share), LEAST_SHARE), share)
            learner.learn(float(np.clip(output + missing, -4, 4)))
    return np.array(errors[REMEMBERED:])


def linear_filter(stream: Stream) -> Array:
    """Errors after the change of recursive least squares that runs from the beginning."""
    filtered, errors = LeastSquares(np.zeros(stream.linear.shape[1] + 1)), []
    for known, target in zip(stream.linear, stream.targets):
        features = np.append(known, 1.0)
        errors.append(target - filtered.weights @ features)
        filtered.learn(features, errors[-1])
    return np.array(errors[stream.change :])


def _after(stream: Stream, values: Array) -> zip[tuple[Array, float]]:
    return zip(values[stream.change :], stream.targets[stream.change :])


def errors_of(name: str, seed: int, before: int, after: int) -> dict[str, Array]:
    """Row -> absolute errors after the change, of one stream with one seed."""
    torch.set_num_threads(1)
    stream = STREAMS[name](before, after, seed)
    network, state = before_the_change(stream, seed)

    def learner(**options: str) -> Learner:
        made = network.learner(**options, learning_rate=RATE)
        made.state = state
        return made

    last = np.append(stream.targets[stream.change - 1], stream.targets[stream.change :][:-1])
    found = {
        "last value": stream.targets[stream.change :] - last,
        "frozen": alone(stream, learner(method="readout"), learns=False),
        FILTER: linear_filter(stream),
        **({RIVER: rivals.errors_of(stream)} if rivals.INSTALLED else {}),
        **{row: alone(stream, learner(**options)) for row, options in METHODS.items()},
        BOTH: together(stream, learner(method="exact")),
    }
    return {row: np.abs(errors) for row, errors in found.items()}


# -- classes -------------------------------------------------------------------------------------


def elec2_of(row: str, seed: int, rows: int) -> Array:
    """Whether each class was right, of one way to learn from the first row on."""
    torch.set_num_threads(1)
    inputs, classes = streams.elec2(rows)
    if row == "last value":
        return inputs[:, -1] * (2 * classes - 1) > 0
    if row == FILTER:
        return _linear_classes(inputs, classes)
    if row == RIVER:
        return rivals.classes_of(inputs, classes)
    options = METHODS["exact" if row == "frozen" else row]
    network = build(inputs.shape[1], 2, seed, scale=2)
    learner = network.learner(**options, learning_rate=ELEC2_RATE, loss="cross_entropy")
    right = np.zeros(len(classes), dtype=bool)
    for sample, label in enumerate(classes):
        scores = learner.step(inputs[sample])
        right[sample] = (scores[1] > scores[0]) == (label == 1)
        if row != "frozen" or sample < WARM:
            learner.learn(int(label))
    return right


def _linear_classes(inputs: Array, classes: Array) -> Array:
    linear, right = LeastSquares(np.zeros(inputs.shape[1] + 1)), []
    for given, label in zip(inputs, classes):
        features = np.append(given, 1.0)
        score = linear.weights @ features
        right.append((score > 0) == (label == 1))
        linear.learn(features, 2 * label - 1 - score)
    return np.array(right)


ELEC2_ROWS = [row for row in ROWS if row not in ("read-out, least squares", BOTH)]


# -- the report ----------------------------------------------------------------------------------


def run(size: common.Size) -> tuple[common.Report, Figure]:
    before, after = size(8000, 3000), size(8000, 1500)
    rows = {name: common.Row(name, 0, {}) for name in ROWS}
    seeds = range(1, size.seeds + 1)
    with ProcessPoolExecutor() as pool:
        values = {
            (name, seed): pool.submit(errors_of, name, seed, before, after)
            for name in STREAMS
            for seed in seeds
        }
        classes = {
            (row, seed): pool.submit(elec2_of, row, seed, size(45_312, 3000))
            for row in ELEC2_ROWS
            for seed in seeds
        }
        curves: dict[str, list[dict[str, Array]]] = {}
        for (name, _), job in values.items():
            found = job.result()
            curves.setdefault(name, []).append(found)
            for row, errors in found.items():
                scores = rows[row].scores
                soon, late = f"{name}, soon", f"{name}, late"
                scores.setdefault(soon, []).append(float(errors[200:2000].mean()))
                scores.setdefault(late, []).append(float(errors[-size(4000, 400) :].mean()))
        right = {key: job.result() for key, job in classes.items()}
    for (row, _), each in right.items():
        counted = each[size(WARM, 1000) :]
        rows[row].scores.setdefault(ELEC2, []).append(100 * float(counted.mean()))
    for name in ("frozen", *METHODS, BOTH):
        rows[name].parameters = sum(p.numel() for p in build(10, 1, 0).parameters())
    for name in (FILTER, RIVER):
        if name in rows:
            rows[name].parameters = streams.LAGS + 1
    note = (
        "Soon: samples 200 to 2,000 after the change, late: the last 4,000. Parameters are those "
        "for tones and Mackey-Glass; of Elec2 the network is twice as large."
        + ("" if rivals.INSTALLED else " RIVER IS NOT INSTALLED: its best is missing.")
    )
    return common.Report(
        "Mean absolute error after the change, lower is better; Elec2: % of right answers after "
        "row 10,000, higher is better",
        list(rows.values()),
        note=note,
    ), _picture(curves, right)


COLOURS = {
    "frozen": plots.BLACK,
    "read-out": plots.ORANGE,
    "exact": plots.BLUE,
    BOTH: plots.GREEN,
    FILTER: "0.6",
}


def _picture(curves: dict[str, list[dict[str, Array]]], right: dict) -> Figure:
    shown = [name for name in curves if name != "gain x 6"]
    picture, axes = common.figure(13.0, 3.6, len(shown) + 1)
    for name, own in zip(shown, axes):
        for row, colour in COLOURS.items():
            mean = np.mean([each[row] for each in curves[name]], axis=0)
            own.semilogy(*_smooth(mean, 100), color=colour, label=row, lw=1.2)
        own.set(title=name, xlabel="samples since the change")
    axes[0].set_ylabel("absolute error")
    axes[0].legend(frameon=False, fontsize=7)
    last = axes[-1]
    for row in (FILTER, "frozen", "read-out", "exact"):
        lines = [each for (name, _), each in right.items() if name == row]
        at, share = _smooth(100 * np.mean(lines, axis=0), max(len(lines[0]) // 20, 1))
        last.plot(at, share, color=COLOURS[row], lw=1.2)
    last.set(title=ELEC2, xlabel="row", ylabel="right answers, %")
    return picture


def _smooth(values: Array, width: int) -> tuple[Array, Array]:
    """Means over stretches, and where these end."""
    count = len(values) // width
    return np.arange(1, count + 1) * width, values[: count * width].reshape(count, width).mean(1)


main = common.command(run, __file__, __doc__)
if __name__ == "__main__":
    main()
