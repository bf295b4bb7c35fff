"""A pole balanced 25 times a second by a network whose file fits a microcontroller."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter

import gymnasium
import numpy as np
from matplotlib.figure import Figure
from torch import nn

from examples import common
from examples.control import LEARNED, Array, bars, compare
from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.benchmark.baselines import LSTM, MLP

SCALE = np.array([1.0, 10.0])  # metres and radians, to numbers of order 1
GAINS = np.array([0.5, 15.0, 1.0, 2.0])  # of the expert
FORCE = 3.0  # of the simulator's units, in one unit of action


class Pole:
    """Gymnasium's InvertedPendulum, without the speeds.

    Seen: where the cart is and how the pole leans. Action: the push on the cart. An episode
    fails when the pole leans more than 0.2 rad.
    """

    observations, actions, steps, pace = 2, 1, 250, 0.3
    conditions = (LEARNED, "noisy sensors", "knocks", "heavy pole")

    def __init__(self) -> None:
        self.env = gymnasium.make("InvertedPendulum-v5").unwrapped
        model = self.env.model
        self.body = model.body("pole").id
        self.light = model.body_mass[self.body], model.body_inertia[self.body].copy()

    def reset(self, rng: np.random.Generator, condition: str) -> Array:
        self.rng, self.noise = rng, 0.05 if condition == "noisy sensors" else 0.0
        self.knock = 0.6 if condition == "knocks" else 0.0
        heavy = 2.0 if condition == "heavy pole" else 1.0
        self.env.model.body_mass[self.body] = heavy * self.light[0]
        self.env.model.body_inertia[self.body] = heavy * self.light[1]
        self.env.reset(seed=int(rng.integers(2**31)))
        self.env.set_state(rng.uniform([-0.5, -0.08], [0.5, 0.08]), rng.uniform(-0.1, 0.1, 2))
        return self._look()

    def step(self, action: Array) -> tuple[Array, float, bool]:
        if self.rng.random() < 0.04:  # once a second
            self.env.data.qvel[1] += self.knock * self.rng.standard_normal()
        _, _, failed, *_ = self.env.step(np.clip(FORCE * action, -3, 3))
        return self._look(), self.env.dt, bool(failed)

    def expert(self) -> Array:
        """Linear feedback of all four states."""
        state = np.concatenate([self.env.data.qpos, self.env.data.qvel])
        return np.clip(np.array([GAINS @ state]) / FORCE, -1, 1)

    def _look(self) -> Array:
        return SCALE * self.env.data.qpos + self.noise * self.rng.standard_normal(2)


def run(size: common.Size) -> tuple[common.Report, Figure]:
    pole = Pole()
    rows, networks = compare(
        pole,
        {
            "MLP": common.seeded(MLP, pole.observations, 16, 1),
            "LSTM": common.seeded(LSTM, pole.observations, 12, 1),
            "liquid": partial(common.liquid, pole.observations, hidden_size=8, output_size=1),
        },
        size,
        shaken=0.1,
    )
    kilobytes, microseconds = deploy(networks["liquid"])
    label = "seconds balanced of 10"
    note = (
        f"As a file, the liquid network has {kilobytes:.1f} kB; a step of it takes "
        f"{microseconds:.0f} µs here, of the 40,000 there are."
    )
    return common.Report(f"{label}, higher is better", rows, "episodes", 1, note), bars(rows, label)


def deploy(network: nn.Module) -> tuple[float, float]:
    """Size of the file, and time of a step of the network in it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pole.lnn"
        network.save(path)
        kilobytes = path.stat().st_size / 1000
        live = LiquidNetwork.load(path).stream()
    seen = np.zeros(Pole.observations)
    started = perf_counter()
    for _ in range(1000):
        live.step(seen, elapsed_time=Pole.pace)
    return kilobytes, 1000 * (perf_counter() - started)


main = common.command(run, __file__, __doc__)
if __name__ == "__main__":
    main()
