"""Do whole numbers decide and control as float32 does?

    python -m benchmarks.edge.agreement          # needs the data of lnn data occupancy, and mujoco

Classes: the occupancy of a room, a decision at the end of each window of 16 minutes of the two test
recordings. Control: the drone and the pole of the examples, 60 episodes each, the same for all
numbers. Everything runs as exported C on this machine.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars
import torch

from examples import common, control
from liquid_neural_networks import LiquidNetwork, wiring
from liquid_neural_networks.tasks import find, load
from liquid_neural_networks.training import fit

from .exported import Exported

NUMBERS = ("float32", "float16", "int16", "int8")
EPISODES = 60
KEPT = Path("out/edge")
"""Where controllers are kept that have learned."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["occupancy", "pole", "drone"])
    only = parser.parse_args().only
    for name, measure in (("occupancy", occupancy), ("pole", pole), ("drone", drone)):
        if only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                measure(Path(folder))


# -- decisions -----------------------------------------------------------------------------------


def occupancy(folder: Path) -> None:
    split = load("occupancy")
    recipe = wiring.ncp(inter=12, command=6, motor=2)
    network = LiquidNetwork(5, wiring=recipe, output_size=2, seed=0)
    fit(network, split.train, split.valid, epochs=6, batch_size=64,
        learning_rate=0.02, seed=0, progress=False)  # fmt: skip
    inputs, actual = _windows()
    table = split.train.inputs.reshape(-1, 5).numpy()
    found = {}
    for numbers in NUMBERS:
        device = Exported(network, numbers, table, folder / numbers)
        found[numbers] = np.array([_decision(device, window) for window in inputs])
        same = (found[numbers] == found["float32"]).mean()
        right = (found[numbers] == actual).mean()
        print(f"occupancy {numbers}: {len(inputs)} windows, as float32 {same:.2%}, "
              f"accuracy {right:.2%}", flush=True)  # fmt: skip


def _decision(device: Exported, window: Any) -> int:
    device.reset()
    for sample in window:
        outputs = device.step(sample, 1.0)
    return int(np.argmax(outputs))


def _windows() -> tuple[Any, Any]:
    """(B, 16, 5) of the test recordings, one every 4 minutes, scaled by the training file."""
    train, *test = (_recording(name) for name in ("datatraining", "datatest", "datatest2"))
    mean, deviation = train[:, :5].mean(axis=0), train[:, :5].std(axis=0)
    cut = [each[start : start + 16] for each in test for start in range(0, len(each) - 16, 4)]
    rows = np.stack(cut)
    return (rows[..., :5] - mean) / deviation, rows[:, -1, 5].astype(int)


def _recording(name: str) -> Any:
    text = (find("occupancy") / f"{name}.txt").read_bytes().partition(b"\n")[2]
    table = polars.read_csv(io.BytesIO(text), has_header=False)
    return table.select(table.columns[2:]).cast(polars.Float64).to_numpy()


# -- control -------------------------------------------------------------------------------------


def pole(folder: Path) -> None:
    from examples.embedded.__main__ import Pole

    build = partial(common.liquid, 2, hidden_size=8, output_size=1)
    _control("pole", Pole(), build(0), folder, shaken=0.1, succeeded=lambda each: not each.failed)


def drone(folder: Path) -> None:
    from examples.drone.__main__ import Drone

    network = common.liquid(
        10, 0, wiring=wiring.ncp(inter=12, command=3, motor=4), readout="dense", output_size=4
    )
    _control("drone", Drone(), network, folder, shaken=0.3, succeeded=lambda each: each.reward >= 2)


def _control(
    name: str, plant: Any, network: LiquidNetwork, folder: Path, *, shaken: float, succeeded: Any
) -> None:
    """Learns as the examples do, and counts the episodes that succeed."""
    shown = [control.episode(plant, None, seed, shaken=shaken) for seed in range(40)]
    kept = KEPT / f"{name}.lnn"
    if kept.exists():
        network = LiquidNetwork.load(kept)
    else:
        torch.manual_seed(0)
        size = common.Size(seeds=1, smoke=False)
        control.learn(plant, network, shown, size, epochs=60, rounds=2)
        kept.parent.mkdir(parents=True, exist_ok=True)
        network.save(kept)
    table = np.concatenate([each.observations for each in shown])
    for numbers in NUMBERS:
        device = Exported(network, numbers, table, folder / numbers)
        episodes = []
        for trial in range(EPISODES):
            device.reset()
            act = partial(device.step, elapsed_time=plant.pace)
            episodes.append(control.episode(plant, act, 1_000_000 + trial))
        share = np.mean([succeeded(each) for each in episodes])
        reward = np.mean([each.reward for each in episodes])
        print(f"{name} {numbers}: {EPISODES} episodes, succeeded {share:.1%}, "
              f"mean reward {reward:.3f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
