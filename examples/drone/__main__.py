"""A quadrotor flown from target to target by 19 neurons."""

from __future__ import annotations

from functools import partial

import mujoco
import numpy as np
from matplotlib.figure import Figure

from examples import common
from examples.control import LEARNED, Array, bars, compare
from liquid_neural_networks import wiring
from liquid_neural_networks.benchmark.baselines import LSTM, MLP

MASS, ARM, TWIST = 0.5, 0.12, 0.02  # kg, m, N m of yaw for each N of a rotor
MODEL = f"""
<mujoco>
  <option timestep="0.01" density="1.2" viscosity="0.00002" integrator="RK4"/>
  <worldbody>
    <body name="drone">
      <freejoint/>
      <geom type="box" size="{ARM} {ARM} 0.03" mass="{MASS}"/>
      <site name="r0" pos="{ARM} {ARM} 0"/> <site name="r1" pos="{-ARM} {ARM} 0"/>
      <site name="r2" pos="{-ARM} {-ARM} 0"/> <site name="r3" pos="{ARM} {-ARM} 0"/>
    </body>
  </worldbody>
  <actuator>
    <motor site="r0" gear="0 0 1 0 0 {TWIST}" ctrllimited="true" ctrlrange="0 3"/>
    <motor site="r1" gear="0 0 1 0 0 {-TWIST}" ctrllimited="true" ctrlrange="0 3"/>
    <motor site="r2" gear="0 0 1 0 0 {TWIST}" ctrllimited="true" ctrlrange="0 3"/>
    <motor site="r3" gear="0 0 1 0 0 {-TWIST}" ctrllimited="true" ctrlrange="0 3"/>
  </actuator>
</mujoco>
"""
# Rotor thrusts -> lift, roll, pitch and yaw torques.
MIXING = np.array([[1, 1, 1, 1], [ARM, ARM, -ARM, -ARM], [-ARM, ARM, ARM, -ARM],
                   [TWIST, -TWIST, TWIST, -TWIST]])  # fmt: skip
TURN = 4.0  # rad/s in one unit of action; a unit of lift is the drone's weight
REACHED, ARENA = 0.3, 1.5  # m


class Drone:
    """Fly to a target; when it is reached, the next appears.

    Seen: the way to the target (m), the velocity (m/s), the tilt (third row of the rotation
    matrix) and the yaw (rad). Action: lift above hovering and three turn rates, which a rate
    loop follows, as on real racing drones.
    """

    observations, actions, steps, pace = 10, 4, 300, 0.2
    conditions = (LEARNED, "wind", "noisy sensors", "thrown")

    def __init__(self) -> None:
        self.model = mujoco.MjModel.from_xml_string(MODEL)
        self.data = mujoco.MjData(self.model)

    def reset(self, rng: np.random.Generator, condition: str) -> Array:
        mujoco.mj_resetData(self.model, self.data)
        self.rng, self.noise = rng, 0.1 if condition == "noisy sensors" else 0.0
        thrown = 3.0 if condition == "thrown" else 0.3
        self.data.qpos[:3] = rng.uniform(-ARENA, ARENA, 3)
        self.data.qvel[:] = thrown * rng.standard_normal(6)
        self.wind = rng.standard_normal(3) * ([2.5, 2.5, 0.5] if condition == "wind" else 0)
        self.target = self._draw_target()
        mujoco.mj_forward(self.model, self.data)
        return self._look()

    def step(self, action: Array) -> tuple[Array, float, bool]:
        self.model.opt.wind[:] = self.wind * (1 + 0.5 * self.rng.standard_normal())
        lift, rates = MASS * 9.81 * (1 + action[0]), TURN * action[1:]
        for _ in range(2):
            torques = 0.08 * (rates - self.data.qvel[3:])
            self.data.ctrl[:] = np.linalg.solve(MIXING, [lift, *torques])
            mujoco.mj_step(self.model, self.data)
        away = np.linalg.norm(self.target - self.data.qpos[:3])
        reached = away < REACHED
        if reached:
            self.target = self._draw_target()
        failed = not away < 6 * ARENA or self._rotation[2, 2] < 0
        return self._look(), float(reached), bool(failed)

    def expert(self) -> Array:
        """Proportional and derivative, from the position down to the turn rates."""
        way, speed = self.target - self.data.qpos[:3], self.data.qvel[:3]
        wanted = 4.0 * way / max(1.0, np.linalg.norm(way)) - 3.0 * speed + [0, 0, 9.81]
        upward = self._rotation[:, 2]
        turn = self._rotation.T @ np.cross(upward, wanted / np.linalg.norm(wanted))
        turn[2] = -0.25 * self._yaw
        return np.clip(np.append(wanted @ upward / 9.81 - 1, 8 * turn / TURN), -1, 1)

    @property
    def _rotation(self) -> Array:
        return self.data.xmat[1].reshape(3, 3)

    @property
    def _yaw(self) -> float:
        return float(np.arctan2(self._rotation[1, 0], self._rotation[0, 0]))

    def _draw_target(self) -> Array:
        return self.rng.uniform(-ARENA, ARENA, 3)

    def _look(self) -> Array:
        way = self.target - self.data.qpos[:3]
        seen = np.concatenate([way, self.data.qvel[:3], self._rotation[2], [self._yaw]])
        return seen + self.noise * self.rng.standard_normal(len(seen))


def run(size: common.Size) -> tuple[common.Report, Figure]:
    drone = Drone()
    rows, _ = compare(
        drone,
        {
            "MLP": common.seeded(MLP, drone.observations, 32, drone.actions),
            "LSTM": common.seeded(LSTM, drone.observations, 32, drone.actions),
            "liquid": partial(
                common.liquid,
                drone.observations,
                wiring=wiring.ncp(inter=12, command=3, motor=4),
                readout="dense",
                output_size=4,
            ),
        },
        size,
        shaken=0.3,
    )
    return common.Report(
        "Targets reached in 6 seconds, higher is better", rows, over="episodes", digits=2
    ), bars(rows, "targets reached in 6 s")


main = common.command(run, __file__, __doc__)
if __name__ == "__main__":
    main()
