"""The network that is measured, what it is fed, and how far exported C is from float64."""

from __future__ import annotations

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
    for numbers in ("float32", "int16"):
        ranges = inputs if numbers == "int16" else None
        export.c(network(), folder / numbers, name="pilot", numbers=numbers, calibrate=ranges)
    return {numbers: folder / numbers for numbers in ("float32", "int16")}


def errors(folders: dict[str, Path]) -> dict[str, float]:
    """Numbers -> the largest error over all states (int16) or outputs (float32)."""
    inputs, times = sequence()
    seen = ~np.isnan(inputs)
    exact = network().double()
    states = exact.trace(
        torch.tensor(np.where(seen, inputs, 0)),
        elapsed_time=torch.tensor(times),
        mask=torch.tensor(seen),
    ).states.detach()
    made = fixed(design(network()), inputs)
    _, whole = _fixed_run.run(made, inputs, times)
    found = whole[:, 0] / 2.0 ** (made.state_bits + 15)
    subprocess.run(["make", "-s"], cwd=folders["float32"], check=True)
    rows = [",".join(f"{each:.9g}" for each in (t, *u)) for t, u in zip(times, inputs)]
    done = subprocess.run(
        ["./pilot"], cwd=folders["float32"], input="\n".join(rows), text=True, capture_output=True
    )
    outputs = np.array([float(line) for line in done.stdout.split()])
    return {
        "float32": float(np.abs(outputs - states[:, 0].numpy()).max()),
        "int16": float(np.abs(found - states.numpy()).max()),
    }
