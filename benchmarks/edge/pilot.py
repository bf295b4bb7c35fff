"""The network that is measured, what it is fed, and how far exported C is from float64."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch

from liquid_neural_networks import LiquidNetwork, export, wiring
from liquid_neural_networks.export import _fixed_run
from liquid_neural_networks.export._design import design
from liquid_neural_networks.export._fixed import fixed

STEPS = 1000
NUMBERS = ("float32", "float16", "int16", "int8")


def network() -> LiquidNetwork:
    """NCP 12 + 6 + 1 with 10 inputs: 48 recurrent and 60 sensory synapses, 6 unfolds."""
    return LiquidNetwork(10, wiring=wiring.ncp(inter=12, command=6, motor=1), seed=0)


def sequence() -> tuple[Any, Any]:
    """Inputs, 5 % missing, and elapsed times from .01 to 10, some 0."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(STEPS, 10)).astype(np.float32).astype(np.float64)
    inputs[rng.random(inputs.shape) < 0.05] = np.nan
    times = 10 ** rng.uniform(-2, 1, STEPS)
    times[::17] = 0
    return inputs, times.astype(np.float32).astype(np.float64)


def sources(folder: Path) -> dict[str, Path]:
    """Numbers -> the folder of an export."""
    inputs, _ = sequence()
    for numbers in NUMBERS:
        ranges = inputs if numbers.startswith("int") else None
        export.c(network(), folder / numbers, name="pilot", numbers=numbers, calibrate=ranges)
    return {numbers: folder / numbers for numbers in NUMBERS}


def whole_inputs(values: Any) -> Any:
    """Whole numbers that are about what the exports take."""
    return np.where(np.isnan(values), -32768, np.rint(values * 4096)).astype(np.int16)


def errors(folders: dict[str, Path]) -> dict[str, float]:
    """Numbers -> the largest error over all states."""
    inputs, times = sequence()
    seen = ~np.isnan(inputs)
    exact = network().double()
    states = exact.trace(
        torch.tensor(np.where(seen, inputs, 0)),
        elapsed_time=torch.tensor(times),
        mask=torch.tensor(seen),
    ).states.detach()
    found = {numbers: _states(folders[numbers]) for numbers in ("float32", "float16")}
    for numbers, bits in (("int16", 16), ("int8", 8)):
        made = fixed(design(network()), inputs, bits)
        _, whole = _fixed_run.run(made, inputs, times)
        found[numbers] = whole[:, 0] / 2.0 ** (made.state_bits + 15)
    return {numbers: float(np.abs(each - states.numpy()).max()) for numbers, each in found.items()}


def _states(folder: Path) -> Any:
    """(T, N) of the float32 code, compiled for this machine."""
    command = ["cc", "-std=c99", "-O2", "-shared", "-fPIC", "pilot.c", "-o", "pilot.so"]
    subprocess.run(command, cwd=folder, check=True)
    library, floats = ctypes.CDLL(str(folder / "pilot.so")), ctypes.POINTER(ctypes.c_float)
    state, outputs = np.zeros(19, np.float32), np.zeros(1, np.float32)
    inputs, times = sequence()
    path = []
    for values, time in zip(inputs.astype(np.float32), times):
        library.pilot_step(
            state.ctypes.data_as(floats),
            values.ctypes.data_as(floats),
            ctypes.c_float(time),
            outputs.ctypes.data_as(floats),
        )
        path.append(state.copy())
    return np.array(path)
