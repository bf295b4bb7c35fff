"""Random networks over all options that an export knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from liquid_neural_networks import LiquidNetwork, wiring


def random_networks(numbers: Iterable[int]) -> Iterator[tuple[str, LiquidNetwork]]:
    """(name, network) for each number."""
    for number in numbers:
        yield f"net_{number}", random_network(number)


def random_network(number: int) -> LiquidNetwork:
    rng = Random(number)
    inputs, units = rng.randint(1, 6), rng.randint(2, 9)
    dynamics = _dynamics(rng)
    solver = None
    if dynamics["type"] != "closed_form":
        solver = rng.choice(["fused", "exponential", "rk4", "euler"])
    return LiquidNetwork(
        inputs,
        output_size=rng.randint(1, units),
        wiring=_recipe(rng, units, dynamics),
        dynamics=dynamics,
        solver=solver,
        # Explicit steps have to be short where gaps are long.
        unfolds=None if solver is None else rng.randint(24, 40),
        mixed_memory=rng.random() < 0.3,
        num_layers=rng.choice([1, 1, 2, 3]),
        readout=rng.choice(["dense", "motor"]),
        constraint=rng.choice(["clip", "softplus"]),
        seed=number,
    )


def _dynamics(rng: Random) -> dict[str, Any]:
    kind = rng.choice(["conductance", "dense", "lrc", "closed_form", "closed_form"])
    options: dict[str, Any] = {"type": kind}
    if kind == "dense":
        options["activation"] = rng.choice(["sigmoid", "tanh"])
    if kind == "lrc":
        options["elastance"] = rng.choice(["symmetric", "asymmetric"])
    if kind == "closed_form":
        options["mode"] = rng.choice(["default", "pure", "no_gate"])
        options["backbone_layers"] = rng.choice([0, 0, 1, 3])
        if options["backbone_layers"]:
            options["backbone_units"] = rng.randint(1, 12)
            activations = ["lecun_tanh", "tanh", "relu", "silu", "gelu"]
            options["backbone_activation"] = rng.choice(activations)
        else:
            options["leaky_wiring"] = rng.random() < 0.3
    return options


def _recipe(rng: Random, units: int, dynamics: dict[str, Any]) -> wiring.Recipe:
    full = wiring.fully_connected(units)
    if dynamics.get("backbone_layers"):
        return full
    return rng.choice(
        [
            full,
            wiring.random(units, sparsity=0.5),
            wiring.ncp(inter=units, command=2, motor=units - 1),
        ]
    )
