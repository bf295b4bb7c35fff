"""Predict the next state of a simulated half cheetah: 17 joint angles and speeds, 32 neurons.

The protocol of Hasani et al., *Liquid Time-constant Networks* (AAAI 2021), whose LTC reached a
test MSE of 2.308: recordings sorted by name, 0-4 to validate, 5-14 to test, 15-24 to train;
windows of 32 steps every 10; the target is the input one step later; raw values; batches of 16;
200 epochs; the weights of the best validation epoch are tested.

    LNN_DATA=/path/to/data python examples/half_cheetah.py

Two things differ from the paper's training, neither from its protocol: the affine maps of the
inputs and the read-out start from the mean and deviation of the training data, and the learning
rate falls along a cosine. About a minute a seed on one core.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from liquid_neural_networks import LiquidNetwork

PUBLISHED = 2.308
LENGTH, STRIDE, BATCH = 32, 10, 16


class Windows(NamedTuple):
    """Inputs and the same one step later, each (W, 32, 17)."""

    inputs: Tensor
    targets: Tensor


class Result(NamedTuple):
    """Test MSE at the best validation epoch."""

    test: float
    valid: float
    epoch: int


def read_windows(folder: Path) -> tuple[Windows, Windows, Windows]:
    """Training, validation and test windows."""
    recordings = [np.load(path).astype(np.float32) for path in sorted(folder.glob("trace_*.npy"))]
    if len(recordings) < 25:
        raise click.ClickException(
            f"{folder}: expected 25 recordings trace_*.npy, found {len(recordings)}; "
            "set LNN_DATA to the folder that holds half_cheetah"
        )
    return cut(recordings[15:25]), cut(recordings[:5]), cut(recordings[5:15])


def cut(recordings: list[np.ndarray]) -> Windows:
    starts = [(r, s) for r in recordings for s in range(0, len(r) - LENGTH - 1, STRIDE)]
    inputs = np.stack([r[s : s + LENGTH] for r, s in starts])
    targets = np.stack([r[s + 1 : s + 1 + LENGTH] for r, s in starts])
    return Windows(torch.from_numpy(inputs), torch.from_numpy(targets))


def build(units: int, train: Windows, seed: int) -> LiquidNetwork:
    """A default network that starts in the units of the data."""
    features = train.inputs.shape[-1]
    network = LiquidNetwork(features, units, features, seed=seed)
    mean, deviation = train.inputs.mean((0, 1)), train.inputs.std((0, 1))
    with torch.no_grad():
        # Synapses open around 0.5, see the initial mu.
        network.neurons[0].dynamics.a.copy_(0.5 / deviation)
        network.neurons[0].dynamics.b.copy_(0.5 - 0.5 * mean / deviation)
        network.readout.weight.mul_(deviation[:, None])
        network.readout.bias.copy_(mean)
    return network


@torch.no_grad()
def error(network: nn.Module, windows: Windows) -> float:
    return nn.functional.mse_loss(network(windows.inputs), windows.targets).item()


def train_one(
    units: int, epochs: int, seed: int, data: tuple[Windows, Windows, Windows]
) -> tuple[LiquidNetwork, Result]:
    train, valid, test = data
    network = build(units, train, seed)
    shuffle = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    batches = len(train.inputs) // BATCH
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * batches)
    best, kept = Result(float("inf"), float("inf"), -1), network
    for epoch in (bar := tqdm(range(epochs), desc=f"seed {seed}")):
        order = torch.randperm(len(train.inputs), generator=shuffle)
        for rows in order[: batches * BATCH].split(BATCH):
            optimizer.zero_grad()
            outputs = network(train.inputs[rows])
            nn.functional.mse_loss(outputs, train.targets[rows]).backward()
            optimizer.step()
            schedule.step()
        now = error(network, valid)
        if now < best.valid:
            best, kept = Result(error(network, test), now, epoch), copy.deepcopy(network)
            bar.set_postfix(valid=f"{best.valid:.3f}", test=f"{best.test:.3f}")
    return kept, best


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--units", default=32, show_default=True, help="Neurons.")
@click.option("--epochs", default=200, show_default=True)
@click.option("--seeds", default=3, show_default=True, help="Runs; seeds 0, 1, ...")
@click.option("--output", type=click.Path(path_type=Path), help="Save the best network here.")
def main(units: int, epochs: int, seeds: int, output: Path | None) -> None:
    torch.set_num_threads(1)  # batches of 16 are one vector wide
    data = read_windows(Path(os.environ.get("LNN_DATA", ".")) / "half_cheetah")
    runs = [train_one(units, epochs, seed, data) for seed in range(seeds)]
    for seed, (_, result) in enumerate(runs):
        print(f"seed {seed}: test MSE {result.test:.3f} (valid {result.valid:.3f}, "
              f"epoch {result.epoch + 1})")  # fmt: skip
    tests = [result.test for _, result in runs]
    print(f"mean {np.mean(tests):.3f} +- {np.std(tests):.3f}; published LTC {PUBLISHED}")
    if output:
        min(runs, key=lambda run: run[1].valid)[0].save(output)


if __name__ == "__main__":
    main()
