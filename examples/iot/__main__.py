"""Will the person leave the room? Asked of four radio receivers, eight times a second."""

from __future__ import annotations

import csv
import io
import zipfile
from functools import partial
from time import perf_counter

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from examples import common
from liquid_neural_networks.benchmark.baselines import LSTM, MLP
from liquid_neural_networks.data import Split, Windows
from liquid_neural_networks.training import predict

SECONDS = 1 / 8  # between samples; a liquid neuron forgets within about one unit of time
SHARES = np.linspace(0.1, 1.0, 10)  # shares of a walk


def read() -> Split:
    """Three fifths of the walks to train on, one to validate, one to test.

    Each row of a walk is asked for the answer; rows after its end are padding.
    """
    with zipfile.ZipFile(
        common.data_folder("iot_indoor_movement") / "IndoorMovement.zip"
    ) as archive:

        def rows(name: str) -> np.ndarray:
            text = io.StringIO(archive.read(name).decode())
            return np.array([list(map(float, row)) for row in list(csv.reader(text))[1:]])

        answers = rows("dataset/MovementAAL_target.csv")[:, 1] > 0
        walks = [rows(f"dataset/MovementAAL_RSS_{i + 1}.csv") for i in range(len(answers))]
    lengths = torch.tensor([len(walk) for walk in walks])
    inputs = torch.zeros(len(walks), int(lengths.max()), 4)
    for walk, padded in zip(walks, inputs):
        padded[: len(walk)] = torch.tensor(walk)
    present = torch.arange(inputs.shape[1]) < lengths[:, None]
    targets = torch.where(present, torch.tensor(answers).long()[:, None], -1)
    whole = Windows(inputs, targets, torch.full(present.shape, SECONDS), present)
    turn = torch.from_numpy(np.random.RandomState(0).permutation(len(walks)) % 5)
    return Split(whole[turn < 3], whole[turn == 3], whole[turn == 4])


def right(outputs: Tensor, test: Windows, seen: float) -> Tensor:
    """(M,) whether the answer is right after a share of each walk."""
    lengths = (test.targets >= 0).sum(dim=1)
    at = (seen * lengths).ceil().long().clamp(min=1) - 1
    answers = outputs[torch.arange(len(outputs)), at].argmax(dim=-1)
    return answers == test.targets[:, 0]


def run(size: common.Size) -> tuple[common.Report, Figure]:
    split = read()

    def accuracy(network: nn.Module) -> dict[str, float]:
        outputs = predict(network, split.test)
        return {
            "half-way": 100 * float(right(outputs, split.test, 0.5).double().mean()),
            "at the end": 100 * float(right(outputs, split.test, 1.0).double().mean()),
        }

    rows, networks = common.compare(
        {
            "MLP": common.seeded(MLP, 4, 16, 2),
            "LSTM": common.seeded(LSTM, 4, 11, 2),
            "liquid": partial(common.liquid, 4, hidden_size=11, output_size=2),
        },
        split,
        accuracy,
        size,
        epochs=size(100, 15),
    )
    usual = split.train.targets[:, 0].mode().values
    commonest = 100 * float((split.test.targets[:, 0] == usual).double().mean())
    always = {"half-way": [commonest], "at the end": [commonest]}
    rows.insert(0, common.Row("commonest answer", 0, always))

    streamed, microseconds = stream(networks["liquid"], split.test)
    together = predict(networks["liquid"], split.test[:1])[0, : len(streamed)]
    assert torch.allclose(streamed, together, atol=1e-4)

    picture, (axes,) = common.figure(6.5, 4.0)
    for name in ("MLP", "LSTM", "liquid"):
        outputs = predict(networks[name], split.test)
        share = [float(right(outputs, split.test, seen).double().mean()) for seen in SHARES]
        axes.plot(100 * SHARES, np.array(share) * 100, color=common.COLOURS[name], label=name)
    axes.axhline(commonest, color="gray", lw=0.8, ls=":")
    axes.set(xlabel="% of the walk seen", ylabel="right answers, %", ylim=(40, 102))
    axes.legend(frameon=False)
    return common.Report(
        "% of right answers on walks never seen, higher is better", rows, digits=1,
        note=f"Streaming, a sample takes {microseconds:.0f} µs; there are 125,000 between two.",
    ), picture  # fmt: skip


def stream(network: nn.Module, test: Windows) -> tuple[Tensor, float]:
    """The first walk sample by sample, as a device would receive it, and the time of a sample."""
    walk = test.inputs[0][test.targets[0] >= 0].numpy()
    with network.stream() as live:
        started = perf_counter()
        answers = [live.step(sample, elapsed_time=SECONDS) for sample in walk]
        spent = perf_counter() - started
    return torch.tensor(np.array(answers)), 1e6 * spent / len(walk)


main = common.command(run, __file__, __doc__)
if __name__ == "__main__":
    main()
