"""What is measured beside the cases of bars.py: streaming, memory, the roofline, and scaling."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from benchmarks.bars import CASES, SPARSE
from liquid_neural_networks import LiquidNetwork, _kernel, benchmark, wiring
from liquid_neural_networks.benchmark import Case, compare, interleaved


def against_peers(seconds: float) -> list[dict[str, Any]]:
    """Every contestant on every case."""
    rows = []
    for case in tqdm(CASES, desc="peers"):
        for mode in benchmark.MODES:
            for name, timing in compare(case, mode, seconds).items():
                rows.append({"case": str(case), "mode": mode, "name": name, **timing._asdict()})
    return rows


def streaming(seconds: float) -> dict[str, dict[str, float]]:
    """A step of 19 neurons, and one of 32 of closed form, from a numpy sample."""
    wired = Case(1, 1, 10, 19, "ncp").build()
    closed = Case(1, 1, 10, 32, "full", "closed_form").build()
    return {
        "conductance": _streaming_step(wired, benchmark.ncps_ltc(wired), seconds),
        "closed_form": _streaming_step(closed, benchmark.ncps_cfc(closed), seconds),
    }


def _streaming_step(network: LiquidNetwork, rival: nn.Module, seconds: float) -> dict[str, float]:
    """Microseconds of one step, and of the rival's cell."""
    live, sample = network.stream(), np.random.default_rng(0).normal(size=10).astype(np.float32)
    inputs, state = torch.from_numpy(sample)[None], torch.zeros(1, network.hidden_size)
    cell = rival.peer.rnn_cell

    def step_peer() -> None:
        with torch.no_grad():
            cell(inputs, state, 1.0)

    times = interleaved({"ours": lambda: live.step(sample), "ncps": step_peer}, seconds)
    return {
        "ours_us": 1e6 * float(np.median(times["ours"])),
        "ncps_us": 1e6 * float(np.median(times["ncps"])),
        "ratio": benchmark.ratio(times["ncps"], times["ours"]),
    }


def peak_memory(name: str) -> float:
    """MiB that a training step of a contestant adds to a fresh process."""
    command = [sys.executable, "-m", "benchmarks.peak_memory", name]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


ROOFS = {
    "a loop of nothing but the sigmoid": ("sigmoid_rate", 2048, 4096),
    "a loop that also loads each synapse's parameters and adds up": ("synapse_rate", 512, 1024),
}
"""What is timed in C; how many numbers or synapses long, for the nearest cache to hold them; and
how often before the clock is read again."""


def roofline(seconds: float = 6.0) -> dict[str, Any]:
    """Sigmoids a second of a whole network on one thread, and of two loops in C that do less.

    The first roof is the sigmoid and nothing else, which no network can reach: it reads one number
    and writes one. The second also loads the parameters of a synapse and adds its conductance and
    current up, as the kernel must; what is missing from there to the network is the rest of it.
    """
    inputs = torch.randn(SPARSE.batch, SPARSE.steps, SPARSE.inputs)
    network, kernel = SPARSE.build(), _kernel.kernel_for(inputs.dtype)
    rates: dict[str, list[float]] = {roof: [] for roof in ROOFS}

    def forward() -> None:
        with torch.no_grad():
            network(inputs)

    def loop(roof: str) -> None:
        name, count, repeats = ROOFS[roof]
        rates[roof].append(getattr(_kernel.built(), name)(count, repeats, kernel))

    calls = {roof: lambda roof=roof: loop(roof) for roof in ROOFS}
    with threads(1):
        times = interleaved({"network": forward, **calls}, seconds)
    wired = network.wiring
    synapses = network.neurons[0].unfolds * wired.synapse_count + wired.sensory_synapse_count
    return {
        "network": SPARSE.batch * SPARSE.steps * synapses / float(np.median(times["network"])),
        "roofs": {roof: float(np.median(found)) for roof, found in rates.items()},
    }


SCALED = {
    "batch": (16, 32, 64, 128),
    "steps": (16, 32, 64, 128),
    "unfolds": (2, 4, 8, 16),
    "synapses": (256, 1024, 4096, 16384),
}


def scaling() -> dict[str, list[tuple[int, float]]]:
    """Milliseconds of a training step as one size grows, the others fixed."""
    return {
        name: [(size, _training_step(**{name: size})) for size in tqdm(sizes, desc=name)]
        for name, sizes in SCALED.items()
    }


def _training_step(
    batch: int = 32, steps: int = 32, unfolds: int = 6, synapses: int = 1024
) -> float:
    units = 128
    network = LiquidNetwork(
        10,
        output_size=1,
        unfolds=unfolds,
        wiring=wiring.random(units, sparsity=1 - synapses / units**2, seed=0),
        seed=0,
    )
    inputs = torch.randn(batch, steps, 10)
    times = interleaved({"step": lambda: network(inputs).sum().backward()}, 0.5)
    return 1e3 * min(times["step"])


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads of torch inside the ``with`` block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
