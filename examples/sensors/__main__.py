"""What is the wearer doing? Asked of a sensor without a battery that speaks when it can."""

from __future__ import annotations

import tarfile
from functools import partial

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from examples import common
from liquid_neural_networks.benchmark.baselines import LSTM, MLP
from liquid_neural_networks.data import Scaling, Series, Split, windows
from liquid_neural_networks.training import class_metrics, predict

ACTIVITIES = ("sits on bed", "sits on chair", "lies", "walks")
LONGEST = 10.0  # seconds; whatever happened in a longer silence is over


def read() -> list[Series]:
    """A recording of each trial: accelerations, signal strength and antenna, as they came in."""
    recordings = []
    with tarfile.open(common.data_folder("activity_wearable_S1") / "S1_Dataset.tar.gz") as archive:
        for name in sorted(each for each in archive.getnames() if "/d1p" in each):
            rows = np.loadtxt(archive.extractfile(name), delimiter=",")
            antenna = np.eye(4)[rows[:, 4].astype(int) - 1]
            inputs = np.column_stack([rows[:, 1:4], rows[:, 5], antenna])
            elapsed = np.diff(rows[:, 0], prepend=rows[0, 0]).clip(0, LONGEST)
            recordings.append(Series(inputs, rows[:, 8].astype(np.int64) - 1, elapsed))
    return recordings


def run(size: common.Size) -> tuple[common.Report, Figure]:
    recordings = read()
    order = np.random.RandomState(0).permutation(len(recordings))
    shares = np.split(order, [int(0.6 * len(order)), int(0.8 * len(order))])
    scaling = Scaling.of(np.concatenate([recordings[i].inputs for i in shares[0]]))
    parts = [
        [
            each._replace(inputs=scaling.apply(each.inputs))
            for each in (recordings[i] for i in share)
        ]
        for share in shares
    ]
    length = 64
    split = Split(*(
        windows([each for each in part if len(each.inputs) >= length], length, horizon=0)
        for part in parts
    ))  # fmt: skip
    true = split.test.targets.numpy()

    def score(found: np.ndarray) -> dict[str, float]:
        metrics = class_metrics(found, true, len(ACTIVITIES))
        return {"macro F1": 100 * metrics["macro_f1"], "accuracy": 100 * metrics["accuracy"]}

    def answers(network: nn.Module) -> np.ndarray:
        return predict(network, split.test).argmax(dim=-1).numpy()

    features, classes = len(scaling.mean), len(ACTIVITIES)
    rows, networks = common.compare(
        {
            "MLP": common.seeded(MLP, features, 24, classes, timed=True),
            "LSTM": common.seeded(LSTM, features, 16, classes, timed=True),
            "liquid": partial(common.liquid, features, hidden_size=16, output_size=classes),
        },
        split,
        lambda network: score(answers(network)),
        size,
        epochs=size(30, 4),
    )
    commonest = np.full_like(true, np.bincount(split.train.targets.flatten().numpy()).argmax())
    lying = common.Row("lies", 0, {name: [value] for name, value in score(commonest).items()})
    return common.Report(
        "% on trials never seen, higher is better", [lying, *rows], digits=1
    ), draw(networks["liquid"], max(parts[2], key=lambda each: len(set(each.targets))))


def draw(network: nn.Module, recording: Series) -> Figure:
    """A trial, what the wearer did and what the network says, at every reading."""
    picture, (axes,) = common.figure()
    seconds = np.cumsum(recording.elapsed_time)
    with torch.no_grad():
        outputs = network(
            torch.from_numpy(recording.inputs).float()[None],
            elapsed_time=torch.from_numpy(recording.elapsed_time).float()[None],
        )
    found = outputs[0].argmax(dim=-1).numpy()
    axes.plot(
        seconds, recording.targets, "|", color=common.COLOURS["reference"], ms=16, label="true"
    )
    axes.plot(seconds, found, "|", color=common.COLOURS["liquid"], ms=8, label="liquid")
    axes.set_yticks(range(len(ACTIVITIES)), ACTIVITIES)
    axes.set(xlabel="seconds; a mark is a reading", ylim=(-0.5, 3.9))
    axes.legend(frameon=False, ncol=2)
    return picture


main = common.command(run, __file__, __doc__)
if __name__ == "__main__":
    main()
