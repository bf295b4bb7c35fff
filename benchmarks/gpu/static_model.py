"""What the GPU engine's kernels are like on cards that are not there.

    python -m benchmarks.gpu.static_model --output out/static_model.json

Every kernel is compiled in each of its size classes: registers, instructions, and by a model of a
Hopper card's units the time of each forward pass. Such times are predictions of the kernel alone,
published beside measurements and never instead.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Optional

import click
import torch

from liquid_neural_networks import LiquidNeuron, wiring
from liquid_neural_networks._sequences import Layout, Sequences
from liquid_neural_networks.gpu import _closed_form, _conductance, _dense

from .card import LIMITS
from .compiled import Launch, Machine, inspected, recording
from .model import Loop, modelled, time

ENGINES = {"conductance": _conductance, "dense": _dense, "closed_form": _closed_form}
INPUTS = 10


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
    "LTC 32, exponential": {"hidden_size": 32, "solver": "exponential"},
    "LTC 32, memory": {"hidden_size": 32, "mixed_memory": True},
    "dense 32": {"hidden_size": 32, "dynamics": "dense"},
    "dense 64": {"hidden_size": 64, "dynamics": "dense"},
    "CfC 16, no backbone": {"hidden_size": 16, **closed_form(**MASKED)},
    "CfC 32, no backbone": {"hidden_size": 32, **closed_form(**MASKED)},
    "CfC 64, no backbone": {"hidden_size": 64, **closed_form(**MASKED)},
    "CfC 19 NCP": {"wiring": NCP, **closed_form()},
    "CfC 60 NCP": {"wiring": WIDE_NCP, **closed_form()},
    "CfC 64, pure": {"hidden_size": 64, **closed_form(mode="pure", **MASKED)},
    "CfC 32, memory": {"hidden_size": 32, "mixed_memory": True, **closed_form(**MASKED)},
    "CfC 32": {"hidden_size": 32, **closed_form()},
    "CfC 64": {"hidden_size": 64, **closed_form()},
    "CfC 32, 2 x 128 units": {"hidden_size": 32, **closed_form(backbone_layers=2)},
}
"""Populations that between them take every kernel through each of its size classes."""


def launches(options: dict[str, Any], batch: int = 32, steps: int = 32) -> list[Launch]:
    """What a training step of a population launches, forward first; each kernel once."""
    neuron = LiquidNeuron(INPUTS, seed=0, **options)
    sequences = Sequences(
        torch.zeros(batch, steps, INPUTS), None, None, None, None, Layout(True, True)
    )
    engine = ENGINES[neuron.dynamics.name]
    call = (neuron.dynamics, neuron.method, sequences, None, neuron.memory)
    refused = engine.why_not(neuron.dynamics, neuron.method, neuron.memory)
    assert not refused, refused
    with recording() as found:
        engine.integrate(*call).sum().backward()
    return list({each.key(): each for each in found}.values())


def is_recurrent(launch: Launch) -> bool:
    """Whether a kernel goes through time: it has loops over samples, and over unfolds."""
    return launch.kernel.fn.__name__ in ("forward", "backward") and "sensory" not in launch.name


class Found(NamedTuple):
    """A compiled kernel of a class.

    Attributes:
        loops: of the forward pass of recurrent kernels, outer ones first.
    """

    kernel: str
    target: str
    warps: int
    machine: Machine
    loops: list[Loop]


def found(name: str, target: str) -> list[Found]:
    """The kernels of a class."""
    kernels = []
    for launch in launches(CLASSES[name]):
        machine = inspected(launch, target)
        loops = [modelled(body) for body in machine.loops] if is_recurrent(launch) else []
        kernels.append(Found(launch.name, target, launch.warps, machine, loops))
    return kernels


def all_found(targets: dict[str, list[str]], processes: int = 2) -> dict[str, list[Found]]:
    """The kernels of classes by name, each compiled for its targets, in several processes."""
    work = [(name, target) for name, chosen in targets.items() for target in chosen]
    with ProcessPoolExecutor(processes) as pool:
        each = list(pool.map(found, *zip(*work)))
    results: dict[str, list[Found]] = {name: [] for name in targets}
    for (name, _), kernels in zip(work, each):
        results[name] += kernels
    return results


# -- times -----------------------------------------------------------------------------------------


def forward_time(name: str, batch: int, steps: int, card: str) -> Optional[dict[str, float]]:
    """Predicted milliseconds of a class's forward kernel and their limit; None if its loops are
    not one over samples and perhaps one over unfolds."""
    neuron = LiquidNeuron(INPUTS, seed=0, **CLASSES[name])
    launch = next(
        each
        for each in launches(CLASSES[name], batch, steps)
        if is_recurrent(each) and each.kernel.fn.__name__ == "forward"
    )
    machine = inspected(launch, "sm_90")
    passes = [steps] if neuron.unfolds is None else [steps, steps * neuron.unfolds]
    if len(machine.loops) != len(passes):
        return None
    predicted = time(machine, launch.warps, launch.programs, passes, LIMITS[card])
    return predicted._asdict()


TIMED = ("LTC 19 NCP", "LTC 32 full", "LTC 64 full", "dense 32", "CfC 32", "CfC 64")
BATCHES = (1, 32, 256, 1024, 4096)


def record(processes: int) -> dict[str, Any]:
    """Everything the page shows, as plain data."""
    import triton

    kernels = all_found({name: ["sm_90"] for name in CLASSES}, processes)
    return {
        "triton": triton.__version__,
        "kernels": [
            {
                "class": name,
                "kernel": each.kernel,
                "warps": each.warps,
                "registers": each.machine.registers,
                "spilled": each.machine.spilled,
                "shared": each.machine.shared,
                "loops": [loop._asdict() for loop in each.loops],
            }
            for name, several in kernels.items()
            for each in several
        ],
        "forward": [
            {"network": name, "batch": batch, "steps": 32, **predicted}
            for name in TIMED
            for batch in BATCHES
            if (predicted := forward_time(name, batch, 32, "H200")) is not None
        ],
    }


@click.command(help=__doc__)
@click.option("--output", type=click.Path(path_type=Path), default=Path("out/static_model.json"))
@click.option("--processes", default=2, show_default=True)
def main(output: Path, processes: int) -> None:
    made = record(processes)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(made, indent=1) + "\n")
    for each in made["kernels"]:
        loops = ", ".join(
            f"{loop['instructions']} instructions {loop['latency']} cycles"
            for loop in each["loops"]
        )
        click.echo(
            f"{each['class']:22} {each['kernel']:28} {each['registers']:4} registers "
            f"{each['spilled']:4} spilled  {loops}"
        )
    for each in made["forward"]:
        click.echo(
            f"{each['network']:22} {each['batch']:5} x {each['steps']} forward: "
            f"{each['predicted']:.3f} ms predicted, {each['limit']:.3f} at least"
        )


if __name__ == "__main__":
    main()
