"""Recipes: how to grow a wiring once the number of inputs is known.

A recipe is a value: a kind, its options (the seed among them), and nothing else. The same
recipe grows the same wiring for the same number of inputs, on every machine.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Optional

import numpy as np

from .._checks import (
    check_choice,
    check_count,
    check_flag,
    check_fraction,
    check_integer,
    check_seed,
)
from .._hints import hint
from ..errors import DomainError, DtypeError, OptionError
from ._wiring import IntArray, Wiring


@dataclass(frozen=True)
class Recipe:
    """A wiring to be grown: ``kind`` and ``options`` are plain data; see :func:`recipe`."""

    kind: str
    options: Mapping[str, Any]
    units: int
    motor: int

    def build(self, input_size: int) -> Wiring:
        """Grows the wiring for ``input_size`` inputs.

        Raises:
            DomainError: ``input_size`` is not a positive integer.
        """
        sketch = _Sketch(check_count("input_size", input_size), self.units)
        layers = _GROW[self.kind](sketch, **self.options)
        return sketch.wiring(self.motor, layers, self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :func:`recipe` reads back."""
        return {"type": self.kind, **self.options}


def recipe(description: Mapping[str, Any]) -> Recipe:
    """The recipe described by plain data, such as ``{"type": "ncp", "inter": 12, ...}``.

    Raises:
        OptionError: the type or one of its options is unknown, or one is missing.
        DtypeError: the description is not a mapping.
    """
    if not isinstance(description, Mapping):
        raise DtypeError(f"expected a mapping, got {type(description).__name__}", "description")
    options = dict(description)
    kind = options.pop("type", None)
    check_choice("type", kind, RECIPES)
    make = RECIPES[str(kind)]
    known = inspect.signature(make).parameters
    for name in options:
        if name not in known:
            raise OptionError(
                f"{kind} wiring takes {', '.join(known)}{hint(name, known)}", str(name)
            )
    for name, parameter in known.items():
        if parameter.default is inspect.Parameter.empty and name not in options:
            raise OptionError(f"{kind} wiring needs this option", name)
    return make(**options)


def fully_connected(
    units: int, motor: int = 0, self_connections: bool = True, seed: int = 0
) -> Recipe:
    """Every input reaches every neuron and every neuron is connected to every other.

    Args:
        units: N, number of neurons.
        motor: number of motor neurons (0: the network reads all neurons out).
        self_connections: whether a neuron is also connected to itself.
        seed: of the polarities; two thirds of the synapses excite.
    """
    units, motor = _check_population(units, motor)
    options = {
        "units": units,
        "motor": motor,
        "self_connections": check_flag("self_connections", self_connections),
        "seed": check_seed(seed),
    }
    return Recipe("fully_connected", options, units, motor)


def random(units: int, motor: int = 0, sparsity: float = 0.5, seed: int = 0) -> Recipe:
    """A random fraction of all synapses, sensory ones included.

    Args:
        units: N, number of neurons.
        motor: number of motor neurons (0: the network reads all neurons out).
        sparsity: fraction of the possible synapses that do not exist, in [0, 1).
        seed: of the choice and of the polarities; two thirds of the synapses excite.
    """
    units, motor = _check_population(units, motor)
    check_fraction("sparsity", sparsity)
    options = {
        "units": units,
        "motor": motor,
        "sparsity": float(sparsity),
        "seed": check_seed(seed),
    }
    return Recipe("random", options, units, motor)


def ncp(
    inter: int,
    command: int,
    motor: int,
    sensory_fanout: Optional[int] = None,
    inter_fanout: Optional[int] = None,
    recurrent_command: Optional[int] = None,
    motor_fanin: Optional[int] = None,
    seed: int = 0,
) -> Recipe:
    """A neural circuit policy: sensory -> inter -> command (recurrent) -> motor.

    The design of Lechner et al., *Neural circuit policies enabling auditable autonomy*
    (Nature Machine Intelligence 2, 2020), methods: fixed fan-outs, then every neuron left
    without a connection gets as many as its neighbours have on average.

    Args:
        inter, command, motor: number of neurons of each layer.
        sensory_fanout: inter neurons each input reaches. Default: half of them.
        inter_fanout: command neurons each inter neuron reaches. Default: half of them.
        recurrent_command: synapses among command neurons. Default: as many as neurons.
        motor_fanin: command neurons connected to each motor neuron. Default: half of them.
        seed: of the choices and of the polarities; half of the synapses excite.

    Raises:
        DomainError: a count is not positive, or a fan-out exceeds the layer it reaches.
    """
    inter, command, motor = (
        check_count(name, size)
        for name, size in (("inter", inter), ("command", command), ("motor", motor))
    )
    options: dict[str, Any] = {"inter": inter, "command": command, "motor": motor}
    for name, value, default, limit in (
        ("sensory_fanout", sensory_fanout, ceil(inter / 2), inter),
        ("inter_fanout", inter_fanout, ceil(command / 2), command),
        ("recurrent_command", recurrent_command, command, command**2),
        ("motor_fanin", motor_fanin, ceil(command / 2), command),
    ):
        options[name] = check_integer(name, default if value is None else value, 1, limit)
    options["seed"] = check_seed(seed)
    return Recipe("ncp", options, inter + command + motor, motor)


def auto_ncp(units: int, motor: int, sparsity: float = 0.5, seed: int = 0) -> Recipe:
    """An :func:`ncp` whose layer sizes and fan-outs follow from three numbers.

    Of the neurons that are not motor neurons, 40 % are command and the rest inter neurons.

    Args:
        units: N, all neurons together.
        motor: number of motor neurons; at most ``units - 2``.
        sparsity: fraction of the possible synapses that do not exist, in [0, 1).
        seed: of the choices and of the polarities.

    Raises:
        DomainError: ``units`` is too small for ``motor``, or ``sparsity`` out of range.
    """
    units = check_count("units", units)
    motor = check_count("motor", motor)
    check_fraction("sparsity", sparsity)
    if motor > units - 2:
        raise DomainError(f"expected at most units - 2 = {units - 2}, got {motor}", "motor")
    command = max(int(0.4 * (units - motor)), 1)
    inter = units - motor - command
    density = 1.0 - sparsity
    return ncp(
        inter=inter,
        command=command,
        motor=motor,
        sensory_fanout=max(int(inter * density), 1),
        inter_fanout=max(int(command * density), 1),
        recurrent_command=max(int(command * density * 2), 1) if command > 1 else 1,
        motor_fanin=max(int(command * density), 1),
        seed=seed,
    )


def c_elegans(motor: int = 0, seed: int = 0) -> Recipe:
    """302 neurons, wired as sparsely as the nematode *Caenorhabditis elegans*.

    A statistical likeness, not the connectome: layers of 83 sensory, 81 inter, 10 command and
    128 motor neurons (White et al. 1986: 302 neurons in all; the ten are the locomotion
    command neurons AVA, AVB, AVD, AVE and PVC), joined by 2,374 chemical connections, which is
    the 2,194 counted among 279 neurons by Varshney et al. (PLoS Computational Biology 7, 2011)
    scaled to 302. Signals go mostly forward through the layers; inputs reach only the sensory
    layer.

    Args:
        motor: how many motor neurons are read out, 0 to 128 (0: the network reads all
            neurons out).
        seed: of the choices and of the polarities; two thirds of the synapses excite.
    """
    layers = _C_ELEGANS_LAYERS
    motor = check_integer("motor", motor, 0, layers["motor"])
    options = {"motor": motor, "seed": check_seed(seed)}
    return Recipe("c_elegans", options, sum(layers.values()), motor)


RECIPES: Mapping[str, Callable[..., Recipe]] = {
    "fully_connected": fully_connected,
    "random": random,
    "ncp": ncp,
    "auto_ncp": auto_ncp,
    "c_elegans": c_elegans,
}

# Neurons in each layer, and how the connections divide over pairs of layers.
_C_ELEGANS_LAYERS = {"motor": 128, "command": 10, "inter": 81, "sensory": 83}
_C_ELEGANS_CONNECTIONS = {
    ("sensory", "inter"): 700,
    ("sensory", "command"): 120,
    ("sensory", "sensory"): 160,
    ("inter", "inter"): 520,
    ("inter", "command"): 200,
    ("inter", "motor"): 200,
    ("command", "command"): 40,
    ("command", "motor"): 260,
    ("motor", "motor"): 174,
}


class _Sketch:
    """A wiring while it grows."""

    def __init__(self, input_size: int, units: int):
        self.recurrent = np.zeros((units, units), dtype=np.int64)
        self.sensory = np.zeros((input_size, units), dtype=np.int64)

    def wiring(
        self, motor: int, layers: Mapping[str, Sequence[int]], recipe: Mapping[str, Any]
    ) -> Wiring:
        plain = Wiring.from_matrices(self.recurrent, self.sensory, motor, layers)
        return Wiring(**{**vars(plain), "recipe": recipe})


def _signs(rng: np.random.RandomState, size: object, exciting: float) -> IntArray:
    return np.where(rng.random_sample(size) < exciting, 1, -1)  # type: ignore[call-overload]


# RandomState rather than Generator below: its streams are frozen, so a seed names the same
# wiring under every numpy to come.


def _grow_fully_connected(
    sketch: _Sketch, units: int, motor: int, self_connections: bool, seed: int
) -> dict[str, Sequence[int]]:
    rng = np.random.RandomState(seed)
    sketch.recurrent[:] = _signs(rng, sketch.recurrent.shape, 2 / 3)
    sketch.sensory[:] = _signs(rng, sketch.sensory.shape, 2 / 3)
    if not self_connections:
        np.fill_diagonal(sketch.recurrent, 0)
    return _plain_layers(units, motor)


def _grow_random(
    sketch: _Sketch, units: int, motor: int, sparsity: float, seed: int
) -> dict[str, Sequence[int]]:
    rng = np.random.RandomState(seed)
    for matrix in (sketch.recurrent, sketch.sensory):
        count = max(round(matrix.size * (1 - sparsity)), 1)
        chosen = rng.choice(matrix.size, size=count, replace=False)
        matrix.flat[chosen] = _signs(rng, count, 2 / 3)
    return _plain_layers(units, motor)


def _plain_layers(units: int, motor: int) -> dict[str, Sequence[int]]:
    if motor in (0, units):
        return {"neurons": range(units)}
    return {"inter": range(motor, units), "motor": range(motor)}


def _grow_ncp(
    sketch: _Sketch,
    inter: int,
    command: int,
    motor: int,
    sensory_fanout: int,
    inter_fanout: int,
    recurrent_command: int,
    motor_fanin: int,
    seed: int,
) -> dict[str, Sequence[int]]:
    rng = np.random.RandomState(seed)
    motors = np.arange(motor)
    commands = motor + np.arange(command)
    inters = motor + command + np.arange(inter)
    inputs = np.arange(len(sketch.sensory))

    _fan_out(rng, sketch.sensory, inputs, inters, sensory_fanout)
    _fan_out(rng, sketch.recurrent, inters, commands, inter_fanout)
    loops = rng.choice(command**2, size=recurrent_command, replace=False)
    sketch.recurrent[commands[loops // command], commands[loops % command]] = _signs(
        rng, recurrent_command, 0.5
    )
    _fan_out(rng, sketch.recurrent.T, motors, commands, motor_fanin)
    return {"inter": inters.tolist(), "command": commands.tolist(), "motor": motors.tolist()}


def _fan_out(
    rng: np.random.RandomState, matrix: IntArray, rows: IntArray, columns: IntArray, fanout: int
) -> None:
    """Joins each row to ``fanout`` columns; columns left alone then get their average share."""
    for row in rows:
        chosen = rng.choice(columns, size=fanout, replace=False)
        matrix[row, chosen] = _signs(rng, fanout, 0.5)
    share = min(max(round(fanout * len(rows) / len(columns)), 1), len(rows))
    for column in columns:
        if not matrix[rows, column].any():
            chosen = rng.choice(rows, size=share, replace=False)
            matrix[chosen, column] = _signs(rng, share, 0.5)


def _grow_c_elegans(sketch: _Sketch, motor: int, seed: int) -> dict[str, Sequence[int]]:
    rng = np.random.RandomState(seed)
    layers: dict[str, IntArray] = {}
    start = 0
    for name, size in _C_ELEGANS_LAYERS.items():
        layers[name] = np.arange(start, start + size)
        start += size
    for (sender, receiver), count in _C_ELEGANS_CONNECTIONS.items():
        senders, receivers = layers[sender], layers[receiver]
        chosen = rng.choice(len(senders) * len(receivers), size=count, replace=False)
        pre, post = senders[chosen // len(receivers)], receivers[chosen % len(receivers)]
        sketch.recurrent[pre, post] = _signs(rng, count, 2 / 3)
    for k in range(len(sketch.sensory)):
        chosen = rng.choice(layers["sensory"], size=_C_ELEGANS_SENSORY_FANOUT, replace=False)
        sketch.sensory[k, chosen] = _signs(rng, len(chosen), 2 / 3)
    return {name: layers[name].tolist() for name in ("sensory", "inter", "command", "motor")}


_C_ELEGANS_SENSORY_FANOUT = 12

_GROW: Mapping[str, Callable[..., dict[str, Sequence[int]]]] = {
    "fully_connected": _grow_fully_connected,
    "random": _grow_random,
    "ncp": _grow_ncp,
    "c_elegans": _grow_c_elegans,
}


def _check_population(units: int, motor: int) -> tuple[int, int]:
    units = check_count("units", units)
    return units, check_integer("motor", motor, 0, units)
