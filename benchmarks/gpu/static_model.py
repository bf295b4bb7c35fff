"""What the GPU engine's kernels are like on cards that are not there.

    python -m benchmarks.gpu.static_model

Every kernel is compiled in each of its size classes for three targets: registers and spills, and
for a Hopper card instructions and by a model of its units the time of each pass. Such times are
predictions of the kernel alone, published beside measurements and never instead:
``python -m benchmarks.gpu.page`` writes them to the page.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Optional

import click
import torch

from liquid_neural_networks import LiquidNeuron, wiring
from liquid_neural_networks._sequences import Layout, Sequences
from liquid_neural_networks.gpu import _closed_form, _closed_form_passes, _conductance, _dense

from .card import LIMITS
from .compiled import TARGETS, Launch, Machine, inspected, recording
from .model import Loop, modelled, time

ENGINES = {"conductance": _conductance, "dense": _dense, "closed_form": _closed_form}
INPUTS = 10
HOPPER = "sm_90"
"""The target whose times are predicted; of the others the record says registers and spills."""
RECORD = Path(__file__).parent / "static_model.json"


def closed_form(**options: Any) -> dict[str, Any]:
    return {"dynamics": {"type": "closed_form", **options}}


NCP = wiring.ncp(inter=12, command=6, motor=1, seed=0)
WIDE_NCP = wiring.auto_ncp(60, motor=4, seed=0)
SPARSE = wiring.random(302, sparsity=0.9, seed=0)
MASKED = {"backbone_layers": 0}

CLASSES: dict[str, dict[str, Any]] = {
    "LTC 19 NCP": {"wiring": NCP},
    "LTC 32 full": {"hidden_size": 32},
    "LTC 64 full": {"hidden_size": 64},
    "LTC 302 sparse": {"wiring": SPARSE},
    "LTC 32, memory": {"hidden_size": 32, "mixed_memory": True},
    "dense 32": {"hidden_size": 32, "dynamics": "dense"},
    "dense 64": {"hidden_size": 64, "dynamics": "dense", "solver": "exponential"},
    "CfC 16, pure": {"hidden_size": 16, **closed_form(mode="pure", **MASKED)},
    "CfC 32, no backbone": {"hidden_size": 32, **closed_form(**MASKED)},
    "CfC 64, no backbone": {"hidden_size": 64, **closed_form(**MASKED)},
    "CfC 19 NCP": {"wiring": NCP, **closed_form()},
    "CfC 60 NCP": {"wiring": WIDE_NCP, **closed_form()},
    "CfC 32, memory": {"hidden_size": 32, "mixed_memory": True, **closed_form(**MASKED)},
    "CfC 32": {"hidden_size": 32, **closed_form()},
    "CfC 64": {"hidden_size": 64, **closed_form()},
    "CfC 32, 2 x 128 units": {"hidden_size": 32, **closed_form(backbone_layers=2)},
}
"""Populations that between them take every kernel through each of its size classes."""


def launches(
    options: dict[str, Any], batch: int = 32, steps: int = 32, target: str = HOPPER
) -> list[Launch]:
    """What a training step of a population launches, forward first; each kernel once."""
    neuron = LiquidNeuron(INPUTS, seed=0, **options)
    sequences = Sequences(
        torch.zeros(batch, steps, INPUTS), None, None, None, None, Layout(True, True)
    )
    engine = ENGINES[neuron.dynamics.name]
    call = (neuron.dynamics, neuron.method, sequences, None, neuron.memory)
    refused = engine.why_not(neuron.dynamics, neuron.method, neuron.memory)
    assert not refused, refused
    with recording(target) as found:
        engine.integrate(*call).sum().backward()
    return list({each.key(): each for each in found}.values())


@cache
def class_launches(name: str, target: str) -> list[Launch]:
    """Those of one of :data:`CLASSES`."""
    return launches(CLASSES[name], target=target)


SHARED = {"sm_80": 163 * 1024, "sm_90": 227 * 1024, "gfx942": 64 * 1024}
"""Bytes of shared memory that a program can have on each target."""


def fits(name: str, target: str) -> bool:
    """Whether the engine runs a class on a target: else it says what shared memory is missing."""
    dynamics: Any = LiquidNeuron(INPUTS, seed=0, **CLASSES[name]).dynamics
    layers = getattr(dynamics, "backbone_layers", 0)
    if not layers:
        return True
    heads, hidden = len(dynamics.heads), dynamics.backbone_units
    needed = _closed_form_passes.shared_bytes(heads, dynamics.units, hidden, layers)
    return needed <= SHARED[target]


def is_recurrent(launch: Launch) -> bool:
    """Whether a kernel goes through time: it has loops over samples, and over unfolds."""
    return launch.kernel.fn.__name__ in ("forward", "backward") and "sensory" not in launch.name


class Found(NamedTuple):
    """A compiled kernel of a class.

    Attributes:
        rows: batch rows that a program has at a time.
        loops: of recurrent kernels, outer ones first.
    """

    kernel: str
    target: str
    warps: int
    rows: int
    machine: Machine
    loops: list[Loop]


def found(name: str, target: str) -> list[Found]:
    """The kernels of a class."""
    kernels = []
    for launch in class_launches(name, target):
        machine = inspected(launch, target)
        loops = [modelled(body) for body in machine.loops] if is_recurrent(launch) else []
        rows = launch.constants.get("ROWS", 1)
        kernels.append(Found(launch.name, target, launch.warps, rows, machine, loops))
    return kernels


def all_found(processes: int) -> dict[str, list[Found]]:
    """The kernels of each class, compiled for every target, in several processes."""
    work = [(name, target) for name in CLASSES for target in TARGETS]
    with ProcessPoolExecutor(processes) as pool:
        each = list(pool.map(found, *zip(*work)))
    results: dict[str, list[Found]] = {name: [] for name in CLASSES}
    for (name, _), kernels in zip(work, each):
        results[name] += kernels
    return results


def elsewhere(name: str, kernels: list[Found]) -> dict[str, Optional[dict[str, int]]]:
    """A kernel's registers and spills on the other targets; None where it does not fit."""
    return {
        each.target: {"registers": each.machine.registers, "spilled": each.machine.spilled}
        if fits(name, each.target)
        else None
        for each in kernels
        if each.target != HOPPER
    }


# -- times -----------------------------------------------------------------------------------------

TIMED = ("LTC 19 NCP", "LTC 32 full", "LTC 64 full", "LTC 302 sparse", "dense 32", "CfC 32")
BATCHES = (1, 32, 1024)
STEPS = 32


def passes(kernel: str, rows: int, unfolds: Optional[int]) -> list[int]:
    """How often a program goes through each loop of a recurrent kernel, with so many tiles of rows
    one after the other: over samples, over unfolds, backward also over tiles."""
    if unfolds is None:
        return [STEPS]
    if kernel == "forward":
        return [STEPS, STEPS * unfolds]
    return [rows, rows * STEPS, rows * STEPS * unfolds, rows * STEPS * unfolds]


def kernel_times(name: str, batch: int, card: str) -> dict[str, dict[str, float]]:
    """Predicted milliseconds of a class's recurrent kernels and their limits; without those that
    have other loops than the model knows."""
    unfolds = LiquidNeuron(INPUTS, seed=0, **CLASSES[name]).unfolds
    times = {}
    for launch in filter(is_recurrent, launches(CLASSES[name], batch, STEPS)):
        machine, kernel = inspected(launch, HOPPER), launch.kernel.fn.__name__
        tiles = -(-batch // int(launch.constants["ROWS"]))
        counts = passes(kernel, -(-tiles // launch.programs), unfolds)
        if len(counts) == len(machine.loops):
            predicted = time(machine, launch.warps, launch.programs, counts, LIMITS[card])
            times[kernel] = predicted._asdict()
    return times


def instructions_per_synapse(name: str, each: Found) -> Optional[float]:
    """Of a thread, for one row, synapse and unfold, backward both its ways through the unfolds;
    None for kernels without unfolds or whose loops the model does not know."""
    kernel = each.kernel.rpartition(".")[2]
    loops = {"forward": each.loops[1:], "backward": each.loops[2:]}.get(kernel, [])
    if each.kernel.startswith("closed_form") or len(loops) != {"forward": 1, "backward": 2}[kernel]:
        return None
    synapses = len(LiquidNeuron(INPUTS, seed=0, **CLASSES[name]).wiring.pre)
    return sum(loop.instructions for loop in loops) * each.warps * 32 / (each.rows * synapses)


def record(processes: int) -> dict[str, Any]:
    """Everything the page shows, as plain data."""
    import triton

    return {
        "triton": triton.__version__,
        "target": HOPPER,
        "kernels": [
            {
                "class": name,
                "kernel": each.kernel,
                "warps": each.warps,
                "registers": each.machine.registers,
                "spilled": each.machine.spilled,
                "elsewhere": elsewhere(name, [k for k in several if k.kernel == each.kernel]),
                "shared": each.machine.shared,
                "per_synapse": instructions_per_synapse(name, each) if each.loops else None,
                "loops": [loop._asdict() for loop in each.loops],
            }
            for name, several in all_found(processes).items()
            for each in several
            if each.target == HOPPER
        ],
        "predicted": [
            {"network": name, "batch": batch, "steps": STEPS, "kernel": kernel, **predicted}
            for name in TIMED
            for batch in BATCHES
            for kernel, predicted in kernel_times(name, batch, "H200").items()
        ],
    }


@click.command(help=__doc__)
@click.option("--output", type=click.Path(path_type=Path), default=RECORD, show_default="beside me")
@click.option("--processes", default=2, show_default=True)
def main(output: Path, processes: int) -> None:
    made = record(processes)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(made, indent=1) + "\n")
    for each in made["kernels"]:
        click.echo(
            f"{each['class']:22} {each['kernel']:28} {each['registers']:4} registers "
            f"{each['spilled']:4} spilled; {each['elsewhere']}"
        )
    for each in made["predicted"]:
        click.echo(
            f"{each['network']:22} {each['batch']:5} x {STEPS} {each['kernel']}: "
            f"{each['predicted']:.3f} ms predicted, {each['limit']:.3f} at least"
        )


if __name__ == "__main__":
    main()
