"""Random networks and sequences: by how much the parts of an output miss it."""

from __future__ import annotations

import random
import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from liquid_neural_networks import LiquidNetwork, wiring
from liquid_neural_networks.inspection import Attribution, attribute

TOLERANCE = 1e-6

DYNAMICS: tuple[dict[str, Any], ...] = (
    {"type": "conductance"},
    {"type": "dense"},
    {"type": "dense", "activation": "tanh"},
    {"type": "lrc"},
    {"type": "lrc", "elastance": "asymmetric"},
    {"type": "closed_form"},
    {"type": "closed_form", "mode": "pure"},
    {"type": "closed_form", "mode": "no_gate"},
    {"type": "closed_form", "backbone_layers": 0},
    {"type": "closed_form", "leaky_wiring": True},
    *(
        {"type": "closed_form", "backbone_units": 9, "backbone_activation": each}
        for each in ("tanh", "relu", "silu", "gelu")
    ),
)
SOLVERS = ("fused", "fused", "exponential", "rk4", "euler")


class Drawn(NamedTuple):
    """A network and a call of it."""

    network: LiquidNetwork
    inputs: Tensor
    arguments: dict[str, Any]


class Missed(NamedTuple):
    """By how much the parts of each cut miss the whole, at most over a batch."""

    kind: str
    inputs: float
    synapses: float
    neurons: float
    reached: bool


def drawn(seed: int) -> Drawn:
    """One of each thing there is."""
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    dynamics = DYNAMICS[seed % len(DYNAMICS)]
    mixed = dynamics.get("backbone_units") or dynamics == {"type": "closed_form"}
    units, features, outputs = rng.choice((2, 5, 8)), rng.choice((1, 3, 4)), rng.choice((1, 2))
    grown = rng.choice(
        (wiring.fully_connected(units), wiring.random(units, sparsity=0.4, seed=seed))
        if not mixed
        else (wiring.fully_connected(units),)
    )
    if dynamics["type"] == "closed_form":
        method = {}
    else:
        solver = rng.choice(SOLVERS)
        # Explicit steps diverge where they are too long.
        unfolds = 12 if solver in ("euler", "rk4") else rng.choice((1, 3, 6))
        method = {"solver": solver, "unfolds": unfolds}
    network = LiquidNetwork(
        features,
        output_size=outputs,
        wiring=grown,
        dynamics=dynamics,
        **method,
        num_layers=rng.choice((1, 1, 1, 2)),
        bidirectional=rng.random() < 0.15,
        mixed_memory=rng.random() < 0.2,
        constraint=rng.choice(("clip", "softplus")),
        seed=seed,
    ).double()
    batch, steps = 2, rng.choice((3, 8, 15))

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    arguments: dict[str, Any] = {"baseline": rng.choice((None, 0.5)), "output": 0}
    if outputs == 2:
        arguments["output"] = rng.choice((0, 1, (0, 1)))
    if rng.random() < 0.5:
        arguments["elapsed_time"] = 0.1 + normal(batch, steps).abs()
    kind = rng.choice(("whole", "missing", "ragged"))
    if kind == "missing":
        arguments["mask"] = normal(batch, steps, features) > -0.8
    if kind == "ragged":
        arguments["mask"] = torch.arange(steps) < torch.tensor([[steps], [max(steps // 2, 1)]])
    return Drawn(network, rng.choice((1.0, 3.0)) * normal(batch, steps, features), arguments)


def measured(seed: int) -> Missed:
    """One of the random networks."""
    network, inputs, arguments = drawn(seed)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = attribute(network, inputs, tolerance=TOLERANCE, **arguments)
    own = {name: arguments.get(name) for name in ("elapsed_time", "mask")}
    whole = _whole(network, inputs, arguments, own)
    by_synapse = (found.synapses.sum(2) + found.past_synapses.sum(2)).sum(1)
    return Missed(
        "/".join(str(each) for each in network.config()["dynamics"].values()),
        _largest(found.inputs.sum((1, 2)) - whole),
        _largest(by_synapse - whole),
        _largest(_neurons(network, found) - whole.unsqueeze(1)),
        not said,
    )


@torch.no_grad()
def _whole(
    network: LiquidNetwork, inputs: Tensor, arguments: dict[str, Any], own: dict[str, Any]
) -> Tensor:
    """(B,) what has to be explained, by the network itself."""
    start = torch.full_like(inputs, arguments["baseline"] or 0.0)
    last, compared = (network.eval()(each, **own)[:, -1] for each in (inputs, start))
    change, asked = last - compared, arguments["output"]
    return (
        change[:, asked[0]] - change[:, asked[1]] if isinstance(asked, tuple) else change[:, asked]
    )


def _neurons(network: LiquidNetwork, found: Attribution) -> Tensor:
    """(B, T) what neurons hold after each sample and what inputs add later."""
    held = found.neurons.sum(2) + (0.0 if found.memory is None else found.memory.sum(2))
    if network.bidirectional:
        units = 2 * network.hidden_size
        return found.neurons[:, -1:, -units:].sum(2)  # the last layer, where it is read
    added = found.inputs.sum(2)
    return held + added.sum(1, keepdim=True) - added.cumsum(1)


def _largest(missed: Tensor) -> float:
    return float(missed.abs().max())


def run(count: int) -> list[Missed]:
    """All of them."""
    return [measured(seed) for seed in tqdm(range(count), mininterval=10)]
