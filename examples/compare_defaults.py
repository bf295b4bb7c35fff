"""Are the defaults good? Each alternative to a default, untuned, on several tasks.

One thing at a time differs from ``LiquidNetwork(input_size, hidden_size, output_size)``. Every
network predicts the next sample of windows of 32, with the same training for all: Adam, batches
of 16, the epoch with the best validation error is tested.

    LNN_DATA=/path/to/data python examples/compare_defaults.py
"""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
import polars
import torch
from torch import Tensor, nn
from tqdm import tqdm

from liquid_neural_networks import LiquidNetwork, wiring

LENGTH, BATCH, UNITS = 32, 16, 32
Split = dict[str, tuple[Tensor, Tensor]]

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "dense dynamics": {"dynamics": "dense"},
    "closed-form dynamics": {"dynamics": "closed_form"},
    "half the synapses": {"wiring": wiring.random(UNITS, sparsity=0.5, seed=0)},
    "NCP wiring": {"wiring": wiring.ncp(inter=18, command=12, motor=2, seed=0)},
    "exponential solver": {"solver": "exponential"},
    "3 unfolds": {"unfolds": 3},
    "softplus": {"constraint": "softplus"},
}


def half_cheetah(data: Path) -> list[np.ndarray]:
    paths = sorted((data / "half_cheetah").glob("trace_*.npy"))
    recordings = [np.load(path) for path in paths]
    return [np.concatenate(part) for part in (recordings[15:], recordings[:5], recordings[5:15])]


def series(path: Path, column: int) -> list[np.ndarray]:
    """One column of a table, its first 60 %, next 20 % and last 20 %."""
    table = polars.read_csv(path, infer_schema_length=0)
    values = table[:, column].cast(polars.Float64, strict=False).drop_nulls().to_numpy()[:, None]
    cuts = [int(len(values) * share) for share in (0.6, 0.8)]
    return np.split(values, cuts)


TASKS = {
    "half_cheetah": half_cheetah,
    "vix": lambda data: series(data / "finance_vix" / "vix-daily.csv", 4),
    "seattle": lambda data: series(data / "weather_seattle" / "seattle-weather.csv", 2),
    "sunspots": lambda data: series(data / "sunspots" / "monthly-sunspots.csv", 1),
    "melbourne": lambda data: series(
        data / "weather_melbourne_min_temp" / "daily-min-temperatures.csv", 1
    ),
}


def split(parts: list[np.ndarray]) -> Split:
    """Windows of each part, standardised by the first, which is the training part."""
    mean, deviation = parts[0].mean(0), parts[0].std(0)
    windows: Split = {}
    for name, part in zip(("train", "valid", "test"), parts):
        rows = torch.from_numpy(((part - mean) / deviation).astype(np.float32))
        cut = rows.unfold(0, LENGTH + 1, 8).transpose(1, 2)
        windows[name] = (cut[:, :-1].contiguous(), cut[:, 1:].contiguous())
    return windows


@torch.no_grad()
def error(network: nn.Module, part: tuple[Tensor, Tensor]) -> float:
    return nn.functional.mse_loss(network(part[0]), part[1]).item()


def run(options: dict[str, Any], data: Split, epochs: int, seed: int) -> float:
    """Test error at the best validation epoch."""
    inputs, targets = data["train"]
    features = inputs.shape[-1]
    units = None if "wiring" in options else UNITS
    network = LiquidNetwork(features, units, features, readout="dense", seed=seed, **options)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    shuffle = torch.Generator().manual_seed(seed)
    best = (float("inf"), float("inf"))
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs), generator=shuffle).split(BATCH):
            optimizer.zero_grad()
            nn.functional.mse_loss(network(inputs[rows]), targets[rows]).backward()
            optimizer.step()
        best = min(best, (error(network, data["valid"]), error(network, data["test"])))
    return best[1]


@click.command(help="Each alternative to a default, untuned, on several tasks.")
@click.option("--epochs", default=20, show_default=True)
@click.option("--seeds", default=3, show_default=True, help="Runs of each; the median counts.")
def main(epochs: int, seeds: int) -> None:
    torch.set_num_threads(1)
    folder = Path(os.environ.get("LNN_DATA", "."))
    scores: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with tqdm(total=len(TASKS) * len(VARIANTS) * seeds) as bar:
        for task, read in TASKS.items():
            data = split(read(folder))
            for name, options in VARIANTS.items():
                runs = []
                for seed in range(seeds):
                    bar.set_description(f"{task}, {name}")
                    runs.append(run(options, data, epochs, seed))
                    bar.update()
                scores[name].append(median(runs))
    print(f"{'test MSE, standardised':24}" + "".join(f"{task:>14}" for task in TASKS))
    for name, row in scores.items():
        print(f"{name:24}" + "".join(f"{score:14.4f}" for score in row))


if __name__ == "__main__":
    main()
