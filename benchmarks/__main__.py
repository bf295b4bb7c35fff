"""The fused step beside its peers: one table, one plot, one file of results.

    python -m benchmarks --output out/bench

Everything is measured in this process, turn about; ratios are medians over the rounds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from liquid_neural_networks import benchmark, fused, wiring
from liquid_neural_networks.benchmark import Case, compare, interleaved
from liquid_neural_networks.fused import _operator as operator
from liquid_neural_networks.network import LiquidNetwork


class Bar(NamedTuple):
    """What a case must reach: the peer's time over ours, at least (or at most, below 1)."""

    case: Case
    peer: str
    forward: float | None
    train: float | None


SPARSE = Case(32, 32, 10, 302, "sparse")
BARS = [
    Bar(Case(32, 32, 10, 32), "ncps LTC", 20, 20),
    Bar(Case(32, 32, 10, 32, "ncp"), "ncps LTC", 50, 40),
    Bar(SPARSE, "ncps LTC", 100, 100),
    Bar(Case(1, 32, 10, 19, "ncp"), "ncps LTC", 100, 60),
    Bar(Case(32, 32, 10, 32, "ncp"), "nn.LSTM", None, 1 / 1.5),
    Bar(Case(32, 32, 10, 302, "full", "dense"), "nn.LSTM", None, 1 / 3),
    Bar(Case(32, 32, 10, 32, "full", "closed_form"), "ncps CfC", None, 3),
    Bar(Case(32, 32, 10, 302, "full", "closed_form"), "ncps CfC", None, 3),
]
SCALED = {"batch": (16, 32, 64, 128), "steps": (16, 32, 64, 128), "unfolds": (2, 4, 8, 16),
          "synapses": (256, 1024, 4096, 16384)}  # fmt: skip


def against_peers(seconds: float) -> list[dict[str, Any]]:
    """Every contestant on every case; the bars are read off these rows."""
    rows = []
    cases = list(dict.fromkeys(bar.case for bar in BARS))
    for case in tqdm(cases, desc="peers"):
        for mode in benchmark.MODES:
            for name, timing in compare(case, mode, seconds=seconds).items():
                rows.append({"case": str(case), "mode": mode, "name": name, **timing._asdict()})
    return rows


def streaming(seconds: float) -> dict[str, dict[str, float]]:
    """A step of 19 neurons, and one of 32 of closed form, from a numpy sample."""
    wired = Case(1, 1, 10, 19, "ncp").build()
    closed = Case(1, 1, 10, 32, "full", "closed_form").build()
    return {
        "conductance": streaming_step(wired, benchmark.ncps_ltc(wired).module.rnn_cell, seconds),
        "closed_form": streaming_step(closed, benchmark.ncps_cfc(closed).peer.rnn_cell, seconds),
    }


def streaming_step(network: LiquidNetwork, cell: nn.Module, seconds: float) -> dict[str, float]:
    """Microseconds of one step, and of a cell of ncps."""
    live, sample = network.stream(), np.random.default_rng(0).normal(size=10).astype(np.float32)
    inputs, state = torch.from_numpy(sample)[None], torch.zeros(1, network.hidden_size)

    def step_peer() -> None:
        with torch.no_grad():
            cell(inputs, state, 1.0)

    times = interleaved({"ours": lambda: live.step(sample), "ncps": step_peer}, seconds)
    ratios = np.divide(times["ncps"], times["ours"])
    return {
        "ours_us": 1e6 * float(np.median(times["ours"])),
        "ncps_us": 1e6 * float(np.median(times["ncps"])),
        "ratio": float(np.median(ratios)),
    }


PEAK = """
import sys
from pathlib import Path
import torch
from benchmarks.__main__ import SPARSE
from liquid_neural_networks import benchmark

def kib(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])

model = benchmark.contestants(SPARSE)[sys.argv[1]]
x = torch.randn(SPARSE.batch, SPARSE.steps, SPARSE.inputs)
model(x[:1, :1]).sum().backward()
Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
before = kib("VmRSS")
model(x).sum().backward()
print((kib("VmHWM") - before) / 1024)
"""


def peak_memory(name: str) -> float:
    """MiB that a training step on the sparse case adds to a fresh process (Linux)."""
    command = [sys.executable, "-c", PEAK, name]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def roofline() -> dict[str, float]:
    """Sigmoids per second, one thread: of the kernel, and of a bare loop of the same build."""
    torch.set_num_threads(1)
    network = SPARSE.build()
    x = torch.randn(SPARSE.batch, SPARSE.steps, SPARSE.inputs)
    numbers, out = torch.randn(8192), torch.empty(8192)
    count = numbers.numel()
    wired = network.wiring
    synapses = network.neurons[0].unfolds * wired.synapse_count + wired.sensory_synapse_count
    kernel = operator.kernel_for(numbers.dtype)

    def bare() -> None:
        operator.built().sigmoid(numbers.data_ptr(), out.data_ptr(), count, kernel)

    def step() -> None:
        with torch.no_grad():
            network(x)

    times = interleaved({"bare": bare, "step": step}, 3.0)
    bare_rate = count / float(np.median(times["bare"]))
    rate = SPARSE.batch * SPARSE.steps * synapses / float(np.median(times["step"]))
    torch.set_num_threads(2)
    return {"bare": bare_rate, "kernel": rate, "share": rate / bare_rate}


def scaling() -> dict[str, list[tuple[int, float]]]:
    """Milliseconds of a training step as one size grows, the others fixed."""
    results: dict[str, list[tuple[int, float]]] = {name: [] for name in SCALED}
    for name, sizes in SCALED.items():
        for size in tqdm(sizes, desc=name):
            units = 128
            share = (size if name == "synapses" else 1024) / units**2
            network = LiquidNetwork(
                10, output_size=1, unfolds=size if name == "unfolds" else 6, seed=0,
                wiring=wiring.random(units, sparsity=1 - share, seed=0),
            )  # fmt: skip
            batch = size if name == "batch" else 32
            steps = size if name == "steps" else 32
            x = torch.randn(batch, steps, 10)
            times = interleaved({"step": lambda n=network, x=x: n(x).sum().backward()}, 0.5)
            results[name].append((size, 1e3 * min(times["step"])))
    return results


def draw(results: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(SCALED), figsize=(13, 3.2), constrained_layout=True)
    for ax, (name, points) in zip(axes, results["scaling"].items()):
        sizes, times = zip(*points)
        ax.loglog(sizes, times, "o-", label="measured")
        ax.loglog(sizes, [times[-1] * s / sizes[-1] for s in sizes], "--", label="linear")
        ax.set_xlabel(name)
    axes[0].set_ylabel("training step (ms)")
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=110)


def report(results: dict[str, Any]) -> None:
    print(results["machine"])
    print(
        f"\n{'case (B, T, I, N)':38}{'mode':9}{'contestant':12}{'ms':>10}{'x ours':>9}{'diff':>9}"
    )
    for row in results["peers"]:
        error = "" if row["error"] is None else f"{row['error']:.0e}"
        print(f"{row['case']:38}{row['mode']:9}{row['name']:12}{row['milliseconds']:10.3f}"
              f"{row['ratio']:9.2f}{error:>9}")  # fmt: skip
    print("\nbars")
    found = {(row["case"], row["mode"], row["name"]): row["ratio"] for row in results["peers"]}
    for bar in BARS:
        for mode, least in (("forward", bar.forward), ("train", bar.train)):
            if least is not None:
                verdict(
                    f"{bar.case} {mode} / {bar.peer}", found[str(bar.case), mode, bar.peer], least
                )
    stream, memory, roof = results["streaming"], results["memory"], results["roofline"]
    wired, closed = stream["conductance"], stream["closed_form"]
    verdict("streaming step / ncps LTCCell", wired["ratio"], 50)
    verdict(f"streaming step {wired['ours_us']:.2f} us, at most 5", 5 / wired["ours_us"], 1)
    verdict(f"streaming step {closed['ours_us']:.2f} us / ncps CfCCell", closed["ratio"], 10)
    verdict(f"memory: {memory['fused']:.1f} MiB, ncps {memory['ncps LTC']:.0f} MiB",
            memory["ncps LTC"] / max(memory["fused"], 0.1), 20)  # fmt: skip
    verdict(f"kernel {roof['kernel'] / 1e9:.2f} G sigmoids/s of {roof['bare'] / 1e9:.2f}",
            roof["share"], 0.6)  # fmt: skip

    for name, points in results["scaling"].items():
        sizes, times = zip(*points)
        power = np.polyfit(np.log(sizes), np.log(times), 1)[0]
        print(f"  a training step takes {name} to the power {power:.2f}")


def verdict(what: str, value: float, least: float) -> None:
    print(f"  {'ok  ' if value >= least else 'MISS'} {value:8.2f} of {least:7.2f}  {what}")


@click.command(help=__doc__.split("\n\n")[0])
@click.option("--output", default="out/bench", show_default=True, type=click.Path(path_type=Path))
@click.option("--seconds", default=4.0, show_default=True, help="For each table of contestants.")
def main(output: Path, seconds: float) -> None:
    if not fused.status().available:
        raise click.ClickException(f"nothing to measure: {fused.status().reason}")
    torch.set_num_threads(2)
    output.mkdir(parents=True, exist_ok=True)
    results = {
        "machine": benchmark.machine(),
        # First: a peer takes 12 GiB, and this process keeps what its turn with it took.
        "memory": {name: peak_memory(name) for name in ("fused", "ncps LTC")},
        "peers": against_peers(seconds),
        "streaming": streaming(seconds),
        "roofline": roofline(),
        "scaling": scaling(),
    }
    (output / "results.json").write_text(json.dumps(results, indent=1))
    draw(results, output / "scaling.png")
    report(results)
    print(f"\nresults and plot: {output}")


if __name__ == "__main__":
    main()
