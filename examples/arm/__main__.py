"""A two-jointed arm reaches for targets, its policy blind to its own speed."""

from __future__ import annotations

from functools import partial

import gymnasium
import numpy as np
from matplotlib.figure import Figure

from examples import common
from examples.control import LEARNED, Array, bars, compare
from liquid_neural_networks import wiring
from liquid_neural_networks.benchmark.baselines import LSTM, MLP

SCALE = 5.0  # metres are small numbers here


class Arm:
    """Gymnasium's Reacher, without the joint speeds.

    Seen: cosines and sines of the two joints, and the way from the fingertip to the target.
    Action: the two torques.
    """

    observations, actions, steps, pace = 6, 2, 50, 0.2
    conditions = (LEARNED, "noisy sensors", "heavy arm", "thrown")

    def __init__(self) -> None:
        self.env = gymnasium.make("Reacher-v5").unwrapped
        model = self.env.model
        self.light = model.body_mass.copy(), model.body_inertia.copy()

    def reset(self, rng: np.random.Generator, condition: str) -> Array:
        self.rng, self.noise = rng, 0.1 if condition == "noisy sensors" else 0.0
        heavy = 5.0 if condition == "heavy arm" else 1.0
        self.env.model.body_mass[:] = heavy * self.light[0]
        self.env.model.body_inertia[:] = heavy * self.light[1]
        self.env.reset(seed=int(rng.integers(2**31)))
        if condition == "thrown":
            speed = self.env.data.qvel.copy()
            speed[:2] = 8 * rng.standard_normal(2)
            self.env.set_state(self.env.data.qpos, speed)
        return self._look()

    def step(self, action: Array) -> tuple[Array, float, bool]:
        _, reward, *_ = self.env.step(np.clip(action, -1, 1))
        return self._look(), float(reward), False

    def expert(self) -> Array:
        """The way to the target through the transposed Jacobian, damped by the joints' speed."""
        one, two = self.env.data.qpos[:2]
        a, b = 0.1, 0.11
        jacobian = np.array([
            [-a * np.sin(one) - b * np.sin(one + two), -b * np.sin(one + two)],
            [a * np.cos(one) + b * np.cos(one + two), b * np.cos(one + two)],
        ])  # fmt: skip
        return np.clip(20 * jacobian.T @ self._way() - 0.06 * self.env.data.qvel[:2], -1, 1)

    def _way(self) -> Array:
        tip, target = (self.env.get_body_com(name) for name in ("fingertip", "target"))
        return np.asarray(target - tip)[:2]

    def _look(self) -> Array:
        joints = self.env.data.qpos[:2]
        seen = np.concatenate([np.cos(joints), np.sin(joints), SCALE * self._way()])
        return seen + self.noise * self.rng.standard_normal(len(seen))


def run(size: common.Size) -> tuple[common.Report, Figure]:
    arm = Arm()
    rows, _ = compare(
        arm,
        {
            "MLP": common.seeded(MLP, arm.observations, 32, arm.actions),
            "LSTM": common.seeded(LSTM, arm.observations, 32, arm.actions),
            "liquid": partial(
                common.liquid,
                arm.observations,
                wiring=wiring.ncp(inter=12, command=5, motor=2),
                readout="dense",
                output_size=2,
            ),
        },
        size,
        shaken=0.2,
        episodes=80,
        epochs=(60, 80),
        trials=40,
    )
    return common.Report(
        "Return of Reacher-v5, higher is better", rows, over="episodes", digits=2
    ), bars(rows, "return")


main = common.command(run, __file__, __doc__)
if __name__ == "__main__":
    main()
