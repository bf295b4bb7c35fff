"""Premature heartbeats in raw ECG records: learned from five minutes, found in the next 25."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from examples import common
from liquid_neural_networks import plots
from liquid_neural_networks.benchmark.baselines import LSTM
from liquid_neural_networks.data import Split, Windows
from liquid_neural_networks.training import predict

RECORDS = ("100", "106", "119")
RATE, THINNED = 360, 4  # samples a second; every fourth is read
MINUTES = 5  # of each record to learn from, the last of them to validate
BEFORE, AFTER = 0.36, 0.36  # seconds around the peak of a beat
SAMPLES = 64
# A liquid neuron forgets within about one unit of time, so a beat lasts six.
PACE = 6.4 / SAMPLES


def read(record: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(T,) millivolts, (M,) the sample of each beat, (M,) whether it is premature ventricular."""
    with np.load(common.data_folder("ecg_mitbih") / f"mitdb_{record}.npz") as file:
        return file["ecg"] / 200.0, file["beats"], np.isin(file["beats"], file["pvc"])


def cut(signal: np.ndarray, beats: np.ndarray) -> np.ndarray:
    """(M, L, 1) the signal around each beat, each stretch scaled by itself."""
    around = np.arange(SAMPLES) * THINNED - int(BEFORE * RATE)
    stretch = signal[beats[:, None] + around]
    centred = stretch - stretch.mean(axis=1, keepdims=True)
    return (centred / centred.std(axis=1, keepdims=True))[..., None]


def load() -> Split:
    """The beats of all records, by time: four minutes, one minute, the rest."""
    parts: list[list[tuple[np.ndarray, np.ndarray]]] = [[], [], []]
    for record in RECORDS:
        signal, beats, premature = read(record)
        whole = (beats > BEFORE * RATE) & (beats < len(signal) - AFTER * RATE)
        beats, premature = beats[whole], premature[whole]
        minute = beats / RATE / 60
        part = np.digitize(minute, [MINUTES - 1, MINUTES])
        for i in range(3):
            parts[i].append((cut(signal, beats[part == i]), premature[part == i]))
    return Split(*(
        Windows(
            torch.from_numpy(np.concatenate([beats for beats, _ in each])).float(),
            torch.from_numpy(np.concatenate([labels for _, labels in each])).long(),
            torch.full((sum(len(beats) for beats, _ in each), SAMPLES), PACE),
        )
        for each in parts
    ))  # fmt: skip


def scores(found: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Of the premature beats: F1, how many are found, how many of the found are right."""
    hits = float((found & true).sum())
    return {
        "F1": 100 * 2 * hits / max(found.sum() + true.sum(), 1),
        "sensitivity": 100 * hits / max(true.sum(), 1),
        "precision": 100 * hits / max(found.sum(), 1),
    }


def nearest(split: Split) -> np.ndarray:
    """The label of the most similar training beat."""
    train, test = split.train.inputs.flatten(1), split.test.inputs.flatten(1)
    return split.train.targets[torch.cdist(test, train).argmin(dim=1)].numpy() == 1


def run(size: common.Size) -> tuple[common.Report, Figure]:
    split = load()
    if size.smoke:
        split = Split(split.train[::2], split.valid, split.test[::4])
    true = split.test.targets.numpy() == 1

    def found(network: nn.Module) -> np.ndarray:
        return predict(network, split.test).argmax(dim=-1).numpy() == 1

    rows, networks = common.compare(
        {
            "LSTM": common.seeded(LSTM, 1, 13, 2, return_sequences=False),
            "liquid": partial(
                common.liquid, 1, hidden_size=13, output_size=2, return_sequences=False
            ),
        },
        split,
        lambda network: scores(found(network), true),
        size,
        epochs=size(40, 15),
    )
    everything = {name: [value] for name, value in scores(np.ones_like(true), true).items()}
    alike = {name: [value] for name, value in scores(nearest(split), true).items()}
    references = [
        common.Row("call every beat", 0, everything),
        common.Row("most similar beat", 0, alike),
    ]
    return common.Report(
        "Premature ventricular beats found, in %, higher is better", references + rows, digits=1
    ), draw(networks["liquid"])


def draw(network: nn.Module) -> Figure:
    """Twenty seconds of record 119, ten minutes in, with what was found."""
    signal, beats, premature = read("119")
    picture, (axes,) = common.figure()
    start, stop = 600 * RATE, 620 * RATE
    axes.plot(np.arange(start, stop) / RATE, signal[start:stop], color="gray", lw=0.6)
    shown = (beats > start) & (beats < stop)
    like = next(network.parameters())
    with torch.no_grad():
        outputs = network(torch.from_numpy(cut(signal, beats[shown])).to(like), elapsed_time=PACE)
    called = outputs.argmax(dim=-1).numpy() == 1
    at, true = beats[shown], premature[shown]
    axes.plot(at[true] / RATE, signal[at[true]], "o", mfc="none", color=plots.BLACK, ms=11,
              label="premature, says the cardiologist")  # fmt: skip
    axes.plot(at[called] / RATE, signal[at[called]], "o", color=common.COLOURS["liquid"], ms=5,
              label="premature, says the network")  # fmt: skip
    axes.set(xlabel="seconds into record 119", ylabel="mV")
    axes.legend(frameon=False, loc="lower right")
    return picture


main = common.command(run, __file__, __doc__)
if __name__ == "__main__":
    main()
