"""What the control examples share: learning from an expert, and driving in the closed loop.

A network learns from episodes in which noise shakes the expert's actions, so that it sees how to
recover, and then from episodes it drives itself while the expert says what it would have done
(DAgger, Ross et al. 2011). It is judged in episodes it drives alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

from examples.common import COLOURS, LIQUID_RATE, RATE, Build, Row, Size, figure
from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.benchmark.baselines import parameters
from liquid_neural_networks.data import Windows
from liquid_neural_networks.training import fit

Array = npt.NDArray[np.float64]
LEARNED = "as learned"
"""The condition every network learns under."""


PIECE = 50
"""Steps of a lesson; divides the length of every episode."""


class Plant(Protocol):
    """Something to control, with an expert who sees all of its state.

    Attributes:
        observations, actions: how many numbers a policy reads and puts out, each of order 1.
        steps: of an episode.
        pace: elapsed time of a step, as given to liquid networks.
        conditions: names of the conditions, :data:`LEARNED` first.
    """

    observations: int
    actions: int
    steps: int
    pace: float
    conditions: tuple[str, ...]

    def reset(self, rng: np.random.Generator, condition: str) -> Array:
        """A new episode; the first observation."""

    def expert(self) -> Array:
        """What the expert would do now."""

    def step(self, action: Array) -> tuple[Array, float, bool]:
        """Next observation, reward, and whether the episode failed."""


@dataclass
class Episode:
    """(T, observations) seen, (T, actions) of the expert, rewards summed, failed or not."""

    observations: Array
    expert: Array
    reward: float
    failed: bool


Policy = Callable[[Array], Array]


def policy(network: nn.Module, pace: float) -> Policy:
    """A network that remembers: one observation in, one action out; start one an episode."""
    if isinstance(network, LiquidNetwork):
        live = network.stream()
        return lambda seen: np.asarray(live.step(seen, elapsed_time=pace), dtype=float)
    state: Any = None

    @torch.no_grad()
    def act(seen: Array) -> Array:
        nonlocal state
        sample = torch.from_numpy(seen).float()[None, None]
        action, state = network(sample, state=state, return_state=True)
        return action[0, 0].double().numpy()

    return act


def episode(
    plant: Plant, act: Policy | None, seed: int, condition: str = LEARNED, shaken: float = 0.0
) -> Episode:
    """One episode.

    Args:
        act: None lets the expert drive.
        shaken: deviation of slow noise on the actions.
    """
    rng = np.random.default_rng(seed)
    seen = plant.reset(rng, condition)
    observations, wanted, total, failed = [], [], 0.0, False
    push = np.zeros(plant.actions)
    while len(observations) < plant.steps and not failed:
        expert = plant.expert()
        observations.append(seen)
        wanted.append(expert)
        push = 0.9 * push + 0.44 * shaken * rng.standard_normal(plant.actions)
        seen, reward, failed = plant.step((act(seen) if act else expert) + push)
        total += reward
    return Episode(np.array(observations), np.array(wanted), total, failed)


def demonstrations(plant: Plant, episodes: list[Episode]) -> Windows:
    """Episodes cut into pieces, which gives more to learn from in the same time; what is missing
    after a failure counts for nothing."""
    inputs = torch.zeros(len(episodes), plant.steps, plant.observations)
    targets = torch.full((len(episodes), plant.steps, plant.actions), torch.nan)
    for i, each in enumerate(episodes):
        inputs[i, : len(each.observations)] = torch.from_numpy(each.observations)
        targets[i, : len(each.expert)] = torch.from_numpy(each.expert)
    inputs, targets = (each.reshape(-1, PIECE, each.shape[-1]) for each in (inputs, targets))
    cut = Windows(inputs, targets, torch.full(inputs.shape[:2], plant.pace))
    return cut[~targets[:, 0, 0].isnan()]


def learn(
    plant: Plant, network: nn.Module, shown: list[Episode], size: Size, *, epochs: int, rounds: int
) -> None:
    """Imitates the episodes shown, then corrects itself in its own; in place."""
    episodes = list(shown)
    rate = LIQUID_RATE if isinstance(network, LiquidNetwork) else RATE
    for turn in range(rounds + 1):
        if turn:
            seeds = range(10_000 * turn, 10_000 * turn + len(shown) // 2)
            episodes += [episode(plant, policy(network, plant.pace), seed) for seed in seeds]
        fit(network, demonstrations(plant, episodes), epochs=epochs, batch_size=16, seed=turn,
            learning_rate=rate, schedule="cosine", progress=not size.smoke)  # fmt: skip


def compare(
    plant: Plant,
    models: Mapping[str, Build],
    size: Size,
    *,
    shaken: float,
    episodes: int = 40,
    epochs: tuple[int, int] = (60, 40),
    rounds: int = 2,
    trials: int = 20,
    score: Callable[[Episode], float] = lambda each: each.reward,
) -> tuple[list[Row], dict[str, nn.Module]]:
    """Doing nothing, the expert and each model, alone under every condition.

    Args:
        shaken: deviation of the noise on the expert's actions while it shows.
        epochs: in the full and in the smoke size.
        trials: episodes under each condition for each seed's network; the same for all.
        score: of an episode.

    Returns:
        Rows with the score of every episode, and each model's network of the last seed.
    """

    def judge(name: str, start: Callable[[], Policy | None]) -> dict[str, list[float]]:
        return {
            condition: [
                float(score(episode(plant, start(), 1_000_000 + trial, condition)))
                for trial in range(size(trials, 3))
            ]
            for condition in tqdm(plant.conditions, desc=name, disable=size.smoke)
        }

    shown = [
        episode(plant, None, seed, shaken=shaken) for seed in range(size(episodes, episodes // 2))
    ]
    rows = [
        Row("nothing", 0, judge("nothing", lambda: lambda seen: np.zeros(plant.actions))),
        Row("expert", 0, judge("expert", lambda: None)),
    ]
    networks = {}
    for name, build in models.items():
        row = Row(name, 0, {condition: [] for condition in plant.conditions})
        for seed in range(size.seeds):
            network = build(seed)
            learn(plant, network, shown, size, epochs=size(*epochs), rounds=size(rounds, 0))
            found = judge(name, partial(policy, network, plant.pace))
            for condition, scores in found.items():
                row.scores[condition] += scores
        row.parameters, networks[name] = parameters(network), network
        rows.append(row)
    return rows, networks


def bars(rows: list[Row], label: str) -> Figure:
    """Each condition's scores, model beside model, with 95 % intervals."""
    picture, (axes,) = figure(8.0, 3.6)
    rows = [row for row in rows if row.name != "nothing"]
    conditions = list(rows[0].scores)
    width = 0.8 / len(rows)
    for i, row in enumerate(rows):
        scores = [np.array(row.scores[condition]) for condition in conditions]
        axes.bar(
            np.arange(len(conditions)) + (i - (len(rows) - 1) / 2) * width,
            [each.mean() for each in scores],
            width,
            yerr=[1.96 * each.std() / len(each) ** 0.5 for each in scores],
            color=COLOURS.get(row.name, "lightgray"),
            label=row.name,
            error_kw={"lw": 1},
        )
    axes.set_xticks(np.arange(len(conditions)), conditions)
    axes.set_ylabel(label)
    axes.legend(frameon=False, ncol=len(rows), loc="lower left", bbox_to_anchor=(0, 1))
    return picture
