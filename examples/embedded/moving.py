"""A pole that is kept upright, and the neurons that do it, as a moving picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import torch
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from examples import common
from examples.control import Array, episode, learn
from examples.embedded.__main__ import Pole
from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.plots import BLACK, BLUE, GREY, ORANGE

LENGTH = 0.6  # metres, of the pole
PACE = 25  # pictures a second, as many as there are samples


class Moment(NamedTuple):
    """Where the cart is (metres), how the pole leans (radians), the push, and all states (N,)."""

    cart: float
    lean: float
    push: float
    states: Array


def trained(pole: Pole, size: common.Size) -> LiquidNetwork:
    """The liquid network of the example."""
    shown = [episode(pole, None, seed, shaken=0.1) for seed in range(size(40, 20))]
    network = common.liquid(pole.observations, hidden_size=8, output_size=1, seed=0)
    learn(pole, network, shown, size, epochs=size(60, 40), rounds=size(2, 0))
    return network


def moments(pole: Pole, network: LiquidNetwork, count: int) -> list[Moment]:
    """An episode with knocks, sample by sample; it ends where the pole falls."""
    found: list[Moment] = []
    seen = pole.reset(np.random.default_rng(0), "knocks")
    with network.stream() as live:
        for _ in range(count):
            push = live.step(seen, elapsed_time=pole.pace)
            seen, _, failed = pole.step(push)
            cart, lean = map(float, pole.env.data.qpos)
            found.append(Moment(cart, lean, float(push[0]), np.array(live.state).ravel()))
            if failed:
                break
    return found


def draw(shown: Sequence[Moment], path: Path) -> None:
    """Writes them as a GIF."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    scene, inside = figure.subplots(1, 2, width_ratios=[1, 1.2])
    states = np.array([each.states for each in shown]).T
    most = float(np.abs(states).max()) or 1.0

    def paint(t: int) -> None:
        scene.clear()
        inside.clear()
        _scene(scene, shown[t])
        here = np.where(np.arange(len(shown)) <= t, states, np.nan)
        inside.imshow(here, aspect="auto", cmap="PuOr_r", vmin=-most, vmax=most,
                      extent=(0, len(shown) / PACE, len(states) - 0.5, -0.5))  # fmt: skip
        inside.set(xlabel="seconds", ylabel="neuron", title="states")

    FuncAnimation(figure, paint, frames=len(shown)).save(path, writer=PillowWriter(fps=PACE))


def _scene(axes: Axes, now: Moment) -> None:
    top = now.cart + LENGTH * np.sin(now.lean), LENGTH * np.cos(now.lean)
    axes.axhline(0, color=GREY, linewidth=1)
    axes.plot([now.cart - 0.12, now.cart + 0.12], [0, 0], color=BLACK, linewidth=10)
    axes.plot([now.cart, top[0]], [0, top[1]], color=BLUE, linewidth=4)
    axes.annotate("", (now.cart + 0.4 * now.push, -0.12), (now.cart, -0.12),
                  arrowprops={"arrowstyle": "->", "color": ORANGE, "linewidth": 2})  # fmt: skip
    axes.set(xlim=(-1.1, 1.1), ylim=(-0.3, 0.9), aspect="equal", yticks=[], xlabel="metres")
    axes.spines[["top", "left", "right"]].set_visible(False)


@click.command(name="moving", help=__doc__)
@click.option("--smoke", is_flag=True, help="A reduced size that takes seconds.")
@click.option("--seconds", default=6, show_default=True, help="How long it lasts, at most.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("out/embedded/pole.gif"),
              show_default=True, help="The picture.")  # fmt: skip
def main(smoke: bool, seconds: int, output: Path) -> None:
    torch.set_num_threads(1)
    pole = Pole()
    network = trained(pole, common.Size(1, smoke))
    output.parent.mkdir(parents=True, exist_ok=True)
    draw(moments(pole, network, PACE * seconds), output)
    click.echo(f"Picture: {output}")


if __name__ == "__main__":
    main()
