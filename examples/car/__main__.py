"""A car kept in its lane by 19 neurons that see where the lane goes, and nothing else."""

from __future__ import annotations

from functools import partial

import gymnasium
import highway_env
import numpy as np
from highway_env.road.lane import SineLane
from highway_env.road.road import Road, RoadNetwork
from matplotlib.figure import Figure

from examples import common
from examples.control import LEARNED, Array, bars, compare
from liquid_neural_networks import wiring
from liquid_neural_networks.benchmark.baselines import LSTM, MLP

gymnasium.register_envs(highway_env)

AHEAD = np.array([4.0, 8.0, 12.0, 16.0, 20.0])  # m, where the policy looks
WIDTH = 4.0  # m, of the lane


class Car:
    """Highway-env's lane keeping with its bicycle model, on winding roads drawn anew.

    Seen: how far to the side the middle of the lane lies at five distances ahead, in units of
    4 m. Action: steering. A drive fails when the middle of the car leaves the lane.
    """

    observations, actions, steps, pace = len(AHEAD), 1, 200, 0.2
    conditions = (LEARNED, "noisy camera", "side wind", "faster")

    def __init__(self) -> None:
        self.env = gymnasium.make("lane-keeping-v0").unwrapped

    def reset(self, rng: np.random.Generator, condition: str) -> Array:
        self.rng, self.noise = rng, 0.5 if condition == "noisy camera" else 0.0
        self.wind = 0.6 if condition == "side wind" else 0.0
        self.gust = 0.0
        self.env.reset(seed=int(rng.integers(2**31)))
        length = rng.uniform(60, 120)
        swing, phase = rng.uniform(0.05, 0.09) * length, rng.uniform(0, 2 * np.pi)
        self.lane = SineLane([0, 0], [600, 0], swing, 2 * np.pi / length, phase, width=WIDTH)
        network = RoadNetwork()
        network.add_lane("a", "b", self.lane)
        self.env.road = Road(network=network, np_random=self.env.np_random)
        self.car = self.env.action_type.vehicle_class(
            self.env.road,
            self.lane.position(10, rng.uniform(-1, 1)),
            heading=self.lane.heading_at(10) + rng.uniform(-0.1, 0.1),
            speed=12.0 if condition == "faster" else 8.3,
        )
        self.env.road.vehicles.append(self.car)
        self.env.vehicle = self.car
        return self._look()

    def step(self, action: Array) -> tuple[Array, float, bool]:
        self.gust = 0.95 * self.gust + 0.31 * self.rng.standard_normal() * self.wind
        self.env.action_type.act(np.clip(action, -1, 1))
        self.env._simulate()
        self.car.position[1] += self.gust / self.env.config["simulation_frequency"]
        aside = self._aside()
        return self._look(), 1 - (2 * aside / WIDTH) ** 2, abs(aside) > WIDTH / 2

    def expert(self) -> Array:
        """Steers for the middle of the lane 8 m ahead: pure pursuit."""
        return np.clip(1.2 * self._points()[1:2] / AHEAD[1], -1, 1)

    def _aside(self) -> float:
        return float(self.lane.local_coordinates(self.car.position)[1])

    def _points(self) -> Array:
        """(5,) m to the side, the middle of the lane ahead, in the car's frame."""
        along = self.lane.local_coordinates(self.car.position)[0]
        ways = np.array([self.lane.position(along + each, 0) for each in AHEAD]) - self.car.position
        heading = self.car.heading
        return ways @ np.array([-np.sin(heading), np.cos(heading)])

    def _look(self) -> Array:
        return self._points() / 4 + self.noise * self.rng.standard_normal(len(AHEAD))


def run(size: common.Size) -> tuple[common.Report, Figure]:
    car = Car()
    rows, _ = compare(
        car,
        {
            "MLP": common.seeded(MLP, car.observations, 19, 1),
            "LSTM": common.seeded(LSTM, car.observations, 19, 1),
            "liquid": partial(
                common.liquid, car.observations, wiring=wiring.ncp(inter=12, command=6, motor=1)
            ),
        },
        size,
        shaken=0.2,
        score=lambda drive: 100 * drive.reward / car.steps,
    )
    label = "lane kept, %"
    return common.Report(
        f"{label}: 100 is its middle for 20 s, 0 its edge", rows, "episodes", 1
    ), bars(rows, label)


main = common.command(run, __file__, __doc__)
if __name__ == "__main__":
    main()
