"""The cases of fixed-point.org: networks, ranges of their inputs, and sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .cases import Draw, as_single, model
from .encoding import VERSION, decode, encode
from .fixed_point import constants_of, forward, whole_inputs

VECTORS = Path(__file__).parent / "fixed-vectors"
STEPS = 24

CASES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "int16-full": ("every neuron receives from every other", 16, {}),
    "int16-ncp": ("neurons that receive from inputs alone", 16, {"kind": "ncp", "units": 9}),
    "int16-auto-ncp": ("the same, otherwise wired", 16, {"kind": "auto-ncp", "units": 9}),
    "int16-random": ("some of each", 16, {"kind": "random", "units": 7, "readout": "dense"}),
    "int16-two-layers": ("a layer as the inputs of the next", 16, {"num_layers": 2}),
    "int16-one-neuron": ("N = 1, one unfold", 16, {"units": 1, "outputs": 1, "unfolds": 1}),
    "int16-unfolds": ("40 unfolds", 16, {"kind": "ncp", "units": 6, "unfolds": 40}),
    "int16-capacitances": ("that differ by factors of a million", 16, {"kind": "ncp", "units": 9}),
    "int16-steep": ("sigmoids that end at once", 16, {}),
    "int16-small": ("potentials about 0.05", 16, {}),
    "int16-large": ("potentials about 40", 16, {}),
    "int16-leaks": ("on their bound, where whole numbers raise them", 16, {"kind": "ncp"}),
    "int16-raised-leak": (
        "a raised leak that lowers the exponent",
        16,
        {"kind": "ncp", "outputs": 1},
    ),
    "int8-full": ("constants of 8 bits", 8, {}),
    "int8-ncp": ("neurons that receive from inputs alone", 8, {"kind": "ncp", "units": 9}),
    "int8-random": ("some of each", 8, {"kind": "random", "units": 7, "readout": "dense"}),
    "int8-two-layers": ("a layer as the inputs of the next", 8, {"num_layers": 2}),
    "int8-capacitances": ("that differ by factors of a million", 8, {"kind": "ncp", "units": 9}),
}


def _changed(name: str, draw: Draw, made: dict[str, Any]) -> None:
    """What the name of a case promises of its values."""
    what, tensors = name.split("-", 1)[1], made["tensors"]
    for each in tensors:
        parameter = each.split(".")[-1]
        if what == "capacitances" and parameter == "c":
            tensors[each] = as_single(10 ** draw(-6, 0, len(tensors[each])))
        if what == "leaks" and parameter == "g":
            tensors[each] = as_single(tensors[each] * 0 + 1e-5)
        if what == "leaks" and parameter in ("w", "sensory_w"):
            tensors[each] = as_single(tensors[each] * 20)
        if what == "steep" and parameter in ("sigma", "sensory_sigma"):
            tensors[each] = as_single(tensors[each] * 25)
        if what == "brim" and parameter == "g":
            tensors[each] = as_single(tensors[each] * 0 + 1e-5)
        if what == "brim" and parameter == "vleak":
            tensors[each] = as_single(tensors[each] * 0 + 400)
        factor = {"small": 0.05, "large": 40.0}.get(what)
        if factor and parameter in ("E", "sensory_E", "vleak"):
            tensors[each] = as_single(tensors[each] * factor)


def _filled(made: dict[str, Any]) -> None:
    """Rates of every neuron add up to just below a power of two in units of its exponent."""
    tensors, (wiring,) = made["tensors"], made["wirings"]
    for i in range(wiring["units"]):
        total, count = 0.0, 0
        for start in ("", "sensory_"):
            mine = wiring[f"{start}post"] == i
            total += float(tensors[f"neurons.0.{start}w"][mine].sum())
            count += int(mine.sum())
        tensors["neurons.0.c"][i] = total / (32766 - count) * 2**15
    tensors["neurons.0.c"] = as_single(tensors["neurons.0.c"])


def _times(draw: Draw) -> np.ndarray[Any, Any]:
    """From 2^-20 to about 100, and 0, and longer than a time can be."""
    exponents = draw(0, 27, STEPS)
    times = np.floor(2.0**exponents).astype(np.int64)
    times[4::9], times[7] = 0, 2**31 - 1
    return times


def fixed_files() -> dict[str, dict[str, Any]]:
    """Case name -> what its file holds."""
    return {name: decode(encode(_case(name))) for name in CASES}


def _case(name: str) -> dict[str, Any]:
    description, bits, options = CASES[name]
    draw = Draw(name)
    made = model(draw, **options)
    _changed(name, draw, made)
    if name == "int16-brim":
        _filled(made)
    size = made["config"]["input_size"]
    values = draw(-1, 1.5, STEPS, size)
    ranges = as_single(np.stack([values.min(axis=0), values.max(axis=0)]))
    values[draw.chosen(0.1, STEPS, size)] = np.nan
    values[3], values[5] = 50.0, -50.0  # beyond the range
    constants = constants_of(made, ranges, bits)
    inputs, times = whole_inputs(ranges, values), _times(draw)
    outputs, states = forward(made, constants, inputs, times)
    return {
        "version": VERSION,
        "name": name,
        "description": description,
        "model": made,
        "bits": bits,
        "ranges": ranges,
        "constants": constants,
        "inputs": inputs,
        "elapsed_time": times,
        "expected": {"outputs": outputs, "states": states},
    }
