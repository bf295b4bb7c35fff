"""The valid cases: models and calls, drawn at random from a seed of their own.

Only uniform numbers are drawn, which numpy makes alike on every platform, and all are rounded to
float32, so a case is the same case in either precision.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Union
from zlib import crc32

import numpy as np

from .reference import Array, Model, pairs

INPUTS, UNITS, OUTPUTS, BATCH, STEPS = 2, 5, 2, 2, 3

DYNAMICS = {
    "conductance": {"type": "conductance"},
    "dense-sigmoid": {"type": "dense", "activation": "sigmoid"},
    "dense-tanh": {"type": "dense", "activation": "tanh"},
    "lrc-symmetric": {"type": "lrc", "elastance": "symmetric"},
    "lrc-asymmetric": {"type": "lrc", "elastance": "asymmetric"},
}
CLOSED_FORMS = {
    f"closed-form-{mode.replace('_', '-')}": {
        "type": "closed_form",
        "mode": mode,
        "backbone_layers": 0,
        "leaky_wiring": False,
    }
    for mode in ("default", "pure", "no_gate")
}
BACKBONES = {
    f"closed-form-backbone-{activation.replace('_', '-')}": {
        "type": "closed_form",
        "mode": mode,
        "backbone_layers": layers,
        "backbone_units": 3,
        "backbone_activation": activation,
        "backbone_dropout": 0.0,
    }
    for activation, mode, layers in (
        ("lecun_tanh", "default", 1),
        ("tanh", "pure", 2),
        ("relu", "no_gate", 1),
        ("silu", "default", 3),
        ("gelu", "no_gate", 2),
    )
}
ALL = {**DYNAMICS, **CLOSED_FORMS, **BACKBONES}
SOLVERS = ("fused", "exponential", "euler", "rk4", "adaptive")
WIRINGS = ("full", "random", "ncp", "auto-ncp")


class Case(NamedTuple):
    """A call that succeeds, before the reference has answered it."""

    name: str
    description: str
    model: Model
    arguments: dict[str, Any]


class Draw:
    """Random numbers of one case, named by the case."""

    def __init__(self, name: str):
        self._rng = np.random.Generator(np.random.PCG64(crc32(name.encode())))

    def __call__(self, low: float, high: float, *shape: int) -> Array:
        return as_single(low + (high - low) * self._rng.random(shape))

    def signs(self, *shape: int) -> Array:
        return np.where(self._rng.random(shape) < 0.6, 1, -1)

    def chosen(self, probability: float, *shape: int) -> Array:
        return self._rng.random(shape) < probability


def as_single(values: Any) -> Array:
    """float64 numbers that float32 can hold."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


# -- wirings -----------------------------------------------------------------------------------


def wiring(draw: Draw, kind: str, inputs: int, units: int, motor: int) -> dict[str, Any]:
    """Plain data of a wiring of this kind; neurons 0 to motor - 1 are the motor neurons."""
    recurrent = np.ones((units, units), dtype=bool)
    sensory = np.ones((units, inputs), dtype=bool)
    layers = {"neurons": np.arange(units)}
    if kind == "random":
        recurrent, sensory = draw.chosen(0.5, units, units), draw.chosen(0.6, units, inputs)
        recurrent[0], sensory[-1, -1] = False, True  # neuron 0 receives from no other
    elif kind in ("ncp", "auto-ncp"):
        layers = _layers(units, motor, command=1 if kind == "auto-ncp" else 2)
        recurrent, sensory = _circuit(draw, layers, units, inputs, 0.6 if kind == "ncp" else 0.4)
    return from_masks(draw, recurrent, sensory, motor, layers)


def _layers(units: int, motor: int, command: int) -> dict[str, Array]:
    return {
        "inter": np.arange(motor + command, units),
        "command": np.arange(motor, motor + command),
        "motor": np.arange(motor),
    }


def _circuit(
    draw: Draw, layers: dict[str, Array], units: int, inputs: int, density: float
) -> tuple[Array, Array]:
    """Inputs -> inter -> command, itself recurrent -> motor; nothing is left without a sender."""
    recurrent = np.zeros((units, units), dtype=bool)
    sensory = np.zeros((units, inputs), dtype=bool)
    sensory[layers["inter"]] = _dense_enough(draw, density, len(layers["inter"]), inputs)
    for receiver, sender in (("command", "inter"), ("command", "command"), ("motor", "command")):
        block = np.ix_(layers[receiver], layers[sender])
        recurrent[block] = _dense_enough(draw, density, *recurrent[block].shape)
    return recurrent, sensory


def _dense_enough(draw: Draw, density: float, rows: int, columns: int) -> Array:
    chosen = draw.chosen(density, rows, columns)
    chosen[np.arange(rows), np.arange(rows) % columns] = True
    return chosen


def from_masks(
    draw: Draw, recurrent: Array, sensory: Array, motor: int, layers: dict[str, Array]
) -> dict[str, Any]:
    """recurrent (N, N) and sensory (N, I) say who receives (rows) from whom (columns)."""
    # nonzero walks rows first: sorted by post, then pre, as a wiring has to be.
    post, pre = np.nonzero(recurrent)
    sensory_post, sensory_pre = np.nonzero(sensory)
    return {
        "input_size": sensory.shape[1],
        "units": len(recurrent),
        "motor": motor,
        "pre": pre,
        "post": post,
        "polarity": draw.signs(len(pre)),
        "sensory_pre": sensory_pre,
        "sensory_post": sensory_post,
        "sensory_polarity": draw.signs(len(sensory_pre)),
        "layers": layers,
        "recipe": None,
    }


# -- parameters --------------------------------------------------------------------------------


def parameters(draw: Draw, dynamics: dict[str, Any], wired: dict[str, Any]) -> dict[str, Array]:
    """Values for one population, away from their bounds."""
    if dynamics["type"] == "closed_form":
        return _closed_form(draw, dynamics, wired)
    units, synapses, sensory = wired["units"], len(wired["pre"]), len(wired["sensory_pre"])
    if dynamics["type"] == "dense":
        return {
            "W_rec": draw(-1, 1, synapses),
            "W_in": draw(-1, 1, sensory),
            "b": draw(-0.5, 0.5, units),
            # Below 1, so that the rate stays positive with tanh as well.
            "tau": draw(0.3, 0.8, units),
            "A": draw(-1, 1, units),
        }
    if dynamics["type"] == "lrc":
        return _lrc(draw, dynamics, wired)
    values = {
        "c": draw(0.4, 0.6, units),
        "g": draw(0.2, 1, units),
        "vleak": draw(-0.2, 0.2, units),
    }
    for prefix, count, polarity in (
        ("", synapses, wired["polarity"]),
        ("sensory_", sensory, wired["sensory_polarity"]),
    ):
        values |= {
            f"{prefix}w": draw(0.05, 0.6, count),
            f"{prefix}sigma": draw(2, 6, count),
            f"{prefix}mu": draw(0.1, 0.6, count),
            f"{prefix}E": as_single(polarity * draw(0.7, 1.2, count)),
        }
    inputs = wired["input_size"]
    return values | {"a": draw(0.7, 1.3, inputs), "b": draw(-0.3, 0.3, inputs)}


def _lrc(draw: Draw, dynamics: dict[str, Any], wired: dict[str, Any]) -> dict[str, Array]:
    units, inputs = wired["units"], wired["input_size"]
    values = {"g": draw(0.2, 1, units), "vleak": draw(-1, 1, units), "p": draw(-0.5, 0.5, units)}
    if dynamics["elastance"] == "symmetric":
        values["v"] = draw(0.5, 1.5, units)
    for prefix, polarity in (("", wired["polarity"]), ("sensory_", wired["sensory_polarity"])):
        count = len(polarity)
        values |= {
            f"{prefix}w": draw(0.05, 0.6, count),
            f"{prefix}k": as_single(polarity * draw(0.2, 1.2, count)),
            f"{prefix}sigma": draw(2, 6, count),
            f"{prefix}mu": draw(0.1, 0.6, count),
            f"{prefix}o": draw(-1, 1, count),
        }
    return values | {"a": draw(0.7, 1.3, inputs), "b": draw(-0.3, 0.3, inputs)}


def _closed_form(draw: Draw, dynamics: dict[str, Any], wired: dict[str, Any]) -> dict[str, Array]:
    units, inputs = wired["units"], wired["input_size"]
    layers, hidden = dynamics["backbone_layers"], dynamics.get("backbone_units", 0)
    values: dict[str, Array] = {}
    for layer in range(layers):
        start = f"backbone_{layer}"
        if layer == 0:
            values[f"{start}_W_in"] = draw(-1, 1, hidden, inputs)
            values[f"{start}_W_rec"] = draw(-1, 1, hidden, units)
        else:
            values[f"{start}_W"] = draw(-1, 1, hidden, hidden)
        values[f"{start}_b"] = draw(-0.5, 0.5, hidden)
    pure = dynamics["mode"] == "pure"
    for head in ["ff1"] if pure else ["ff1", "ff2", "time_a", "time_b"]:
        if layers:
            values[f"{head}_W"] = draw(-1, 1, units, hidden)
        else:
            sensory, recurrent = pairs(wired, head, dynamics["leaky_wiring"])
            values[f"{head}_W_in"] = draw(-1, 1, len(sensory))
            values[f"{head}_W_rec"] = draw(-1, 1, len(recurrent))
        values[f"{head}_b"] = draw(0.5, 1.5, units) * draw.signs(units)
    if pure:
        values |= {"w_tau": draw(0.3, 1, units) * draw.signs(units), "A": draw(-1, 1, units)}
    return {name: as_single(value) for name, value in values.items()}


def _memory(draw: Draw, wired: dict[str, Any]) -> dict[str, Array]:
    units, inputs = wired["units"], wired["input_size"]
    return {
        "memory.W_in": draw(-1, 1, 4 * units, inputs),
        "memory.W_rec": draw(-1, 1, 4 * units, units),
        "memory.b": draw(-0.5, 0.5, 4 * units),
    }


def model(
    draw: Draw,
    *,
    dynamics: Union[str, dict[str, Any]] = "conductance",
    kind: str = "full",
    inputs: int = INPUTS,
    units: int = UNITS,
    outputs: int = OUTPUTS,
    readout: Optional[str] = None,
    wired: Optional[dict[str, Any]] = None,
    **options: Any,
) -> Model:
    """A model whose options are the defaults but for those named."""
    motor = 0 if kind == "full" else outputs
    config: dict[str, Any] = {
        "input_size": inputs,
        "hidden_size": units,
        "output_size": outputs,
        "dynamics": dynamics if isinstance(dynamics, dict) else ALL[dynamics],
        "solver": "fused",
        "unfolds": 3,
        "constraint": "clip",
        "mixed_memory": False,
        "num_layers": 1,
        "dropout": 0.0,
        "bidirectional": False,
        "batch_first": True,
        "return_sequences": True,
        "readout": readout or ("motor" if motor else "dense"),
        **options,
    }
    if config["dynamics"]["type"] == "closed_form":
        config |= {"solver": None, "unfolds": None}
    directions = 2 if config["bidirectional"] else 1
    wirings = [
        wired or wiring(draw, kind, inputs if depth == 0 else units * directions, units, motor)
        for depth in range(config["num_layers"])
        for _ in range(directions)
    ]
    tensors = {
        f"neurons.{index}.{name}": value
        for index, each in enumerate(wirings)
        for name, value in parameters(draw, config["dynamics"], each).items()
    }
    if config["mixed_memory"]:
        tensors |= {
            f"neurons.{index}.{name}": value
            for index, each in enumerate(wirings)
            for name, value in _memory(draw, each).items()
        }
    if config["readout"] == "motor":
        tensors |= {
            "readout.scale": draw(0.5, 1.5, outputs),
            "readout.shift": draw(-1, 1, outputs),
        }
    else:
        tensors |= {
            "readout.weight": draw(-1, 1, outputs, units * directions),
            "readout.bias": draw(-1, 1, outputs),
        }
    return {"config": config, "wirings": wirings, "tensors": tensors}


def arguments(draw: Draw, made: Model, **given: Any) -> dict[str, Any]:
    """A call's arguments: random inputs and state, defaults else, unless given."""
    config, populations = made["config"], len(made["wirings"])
    numbers = config["hidden_size"] * (2 if config["mixed_memory"] else 1)
    return {
        "inputs": draw(-1, 1.5, BATCH, STEPS, config["input_size"]),
        "time_constants": None,
        "elapsed_time": draw(0.1, 0.9, BATCH, STEPS),
        "mask": None,
        "state": draw(-0.5, 0.5, populations, BATCH, numbers),
        **given,
    }
