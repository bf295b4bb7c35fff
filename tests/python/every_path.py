"""Cases over everything a network can be and be called with, for ``test_every_path``.

A case has one value in each of :data:`DIMENSIONS`. Cases are drawn by a fixed seed such that every
value occurs, and most pairs of values; the registries give the values, so what is registered is
drawn the day it is added.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from liquid_neural_networks import fused
from liquid_neural_networks.constraints import CONSTRAINTS
from liquid_neural_networks.dynamics import DYNAMICS
from liquid_neural_networks.readout import READOUTS
from liquid_neural_networks.solvers import SOLVERS
from liquid_neural_networks.wiring import RECIPES, Recipe

Case = dict[str, Any]

OUTPUTS = 2
C_ELEGANS = 302

OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "conductance": {},
    "dense": {"activation": ("sigmoid", "tanh")},
    "lrc": {"elastance": ("symmetric", "asymmetric")},
    "closed_form": {
        "mode": ("default", "no_gate", "pure"),
        "backbone_layers": (0, 0, 1, 2, 3),
        "backbone_units": (1, 8, 9),
        "backbone_activation": ("lecun_tanh", "tanh", "relu", "silu", "gelu"),
        "backbone_dropout": (0.0, 0.4),
        "leaky_wiring": (False, True),
    },
}
"""The options of every dynamics and their values; a test holds this against the registry."""

DIMENSIONS: dict[str, tuple[Any, ...]] = {
    # Closed forms have more options than the others.
    "dynamics": (*sorted(DYNAMICS), "closed_form"),
    **{
        f"{dynamics}.{option}": values
        for dynamics, options in OPTIONS.items()
        for option, values in options.items()
    },
    "solver": tuple(sorted(SOLVERS)),
    "unfolds": (1, 2, 5),
    "constraint": tuple(sorted(CONSTRAINTS)),
    # The worm's wiring is large: once in a while is enough.
    "recipe": (*(name for name in RECIPES if name != "c_elegans"),) * 3 + ("c_elegans",),
    "units": (1, 2, 5, 8, 9, 17),
    "inputs": (1, 3, 8, 9),
    "layers": (1, 2, 3),
    "bidirectional": (False, True),
    "memory": (False, True),
    "readout": READOUTS,
    "batch_first": (True, False),
    "return_sequences": (True, False),
    "dropout": (0.0, 0.4),
    "training": (False, True),
    # Around the widths of vectors: 4 and 8 float64, 8 and 16 float32. None is one sequence.
    "batch": (None, 1, 2, 7, 8, 9, 16, 17, 33),
    "steps": (1, 2, 5),
    "dtype": ("float64", "float32"),
    "size": ("ordinary", "huge inputs", "huge parameters"),
    "strided": (False, True),
    "state": (False, True),
    "mask": (None, "features", "padding", "packed"),
    "elapsed_time": (None, "number", "(T,)", "(B, T)", "long"),
    "time_constants": (None, "number", "(N,)", "(B, N)", "(B, T, N)"),
    "instruction_set": tuple(fused.instruction_sets()) or (None,),
}


def settled(case: Case) -> Case:
    """The nearest case that can be: what excludes another value comes first."""
    case = dict(case)
    dynamics = case["dynamics"]
    for name in case:
        if "." in name and not name.startswith(f"{dynamics}."):
            case[name] = None
    if not DYNAMICS[dynamics].solvable:
        case |= {"solver": None, "unfolds": None}
    if dynamics == "closed_form":
        _settle_backbone(case)
    if case["solver"] == "adaptive":
        # Exact within its tolerance only, so errors must not add up; and slow in the reference.
        case |= {"size": "ordinary", "unfolds": 1, "layers": 1, "steps": min(case["steps"], 2)}
        case |= {"units": min(case["units"], 5), "bidirectional": False}
    _settle_wiring(case)
    if case["training"]:  # what is dropped then is compared from engine to engine
        case["dropout"] = 0.0
        if case.get("closed_form.backbone_dropout"):
            case["closed_form.backbone_dropout"] = 0.0
    if case["bidirectional"]:
        case |= {"readout": "dense", "layers": min(case["layers"], 2)}
    _settle_call(case)
    return case


def _settle_backbone(case: Case) -> None:
    if case["closed_form.backbone_layers"] == 0:
        for option in ("units", "activation", "dropout"):
            case[f"closed_form.backbone_{option}"] = None
    else:
        case |= {"closed_form.leaky_wiring": None, "recipe": "fully_connected"}


def _settle_wiring(case: Case) -> None:
    if case["recipe"] == "c_elegans":
        if case["solver"] == "adaptive":
            case["solver"] = "fused"
        if case["dynamics"] == "closed_form":
            case["closed_form.leaky_wiring"] = False
        batch = case["batch"] if case["batch"] in (None, 1) else 2
        case |= {"units": C_ELEGANS, "layers": 1, "bidirectional": False, "memory": False}
        case |= {"batch": batch, "steps": min(case["steps"], 2)}
        if case["unfolds"]:
            case["unfolds"] = min(case["unfolds"], 2)
    elif case["recipe"] in ("ncp", "auto_ncp"):
        case["units"] = max(case["units"], 5)
    elif case["readout"] == "motor":
        case["units"] = max(case["units"], OUTPUTS)


def _settle_call(case: Case) -> None:
    if case["batch"] is None:
        if case["mask"] == "packed":
            case["mask"] = "padding"
        if case["time_constants"] == "(B, N)":
            case["time_constants"] = "(N,)"
    # Explicit solvers diverge over long times; a negative rate, which tanh allows, grows there.
    forgets = case["solver"] in (None, "fused", "exponential")
    if case["elapsed_time"] == "long" and not (forgets and case["dense.activation"] != "tanh"):
        case["elapsed_time"] = "(B, T)"
    # The pure solution is as large as what a neuron receives where no time passes.
    grows = case["closed_form.mode"] == "pure" and case["size"] != "ordinary"
    if grows and case["elapsed_time"] == "(B, T)":
        case["elapsed_time"] = "long"


def pairs(case: Case) -> Iterator[tuple[Any, ...]]:
    """Every two of its values, with their dimensions."""
    return combinations(case.items(), 2)


def drawn(source: random.Random) -> Case:
    """Any case."""
    return settled({name: source.choice(values) for name, values in DIMENSIONS.items()})


def chosen(count: int, candidates: int = 8) -> list[Case]:
    """So many cases, each the one of a few candidates that brings most pairs not yet seen."""
    source, seen, cases = random.Random(0), set(), []
    for _ in range(count):
        best = max(
            (drawn(source) for _ in range(candidates)),
            key=lambda case: sum(pair not in seen for pair in pairs(case)),
        )
        seen.update(pairs(best))
        cases.append(best)
    return cases


def recipe(case: Case, seed: int) -> Recipe:
    """What grows a population's wiring."""
    units, motor = case["units"], OUTPUTS if case["readout"] == "motor" else 0
    if case["closed_form.backbone_layers"]:
        motor = 0  # a backbone needs neurons of one kind
    options: dict[str, dict[str, Any]] = {
        "fully_connected": {"units": units, "motor": motor},
        "random": {"units": units, "motor": motor, "sparsity": 0.4},
        "ncp": {"inter": units // 2 - 1, "command": units - units // 2 - 1, "motor": 2},
        "auto_ncp": {"units": units, "motor": 2, "sparsity": 0.4},
        "c_elegans": {"motor": motor},
    }
    return RECIPES[case["recipe"]](**options[case["recipe"]], seed=seed)


def description(case: Case) -> dict[str, Any]:
    """The dynamics as plain data."""
    options = {
        name.split(".")[1]: value
        for name, value in case.items()
        if "." in name and value is not None
    }
    return {"type": case["dynamics"], **options}


def name(case: Case) -> str:
    """What tells a case from others at a glance."""
    shown = ("dynamics", "solver", "recipe", "units", "batch", "steps", "dtype", "size")
    return "-".join(str(case[each]) for each in shown if case[each] is not None).replace(" ", "_")
