"""Times the GPU engine beside ncps, cuDNN, our reference engine and our CPU engine.

    python -m benchmarks.gpu --output out/gpu

Equality with the float64 reference comes first, then medians of turns, the most telling sizes
before the rest; what does not fit into --seconds is left out and said. Results are written after
every row.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, Optional

import click
import torch
from torch import nn

from liquid_neural_networks import LiquidNetwork, engines, wiring

from . import checks
from .measuring import Call, forward, recorded, side_by_side, training

INPUTS = 10


class Size(NamedTuple):
    """One row: a network and how much runs through it."""

    network: str
    batch: int
    steps: int


NETWORKS = {
    "LTC 19 NCP": {"wiring": wiring.ncp(inter=12, command=6, motor=1)},
    "LTC 32 full": {"hidden_size": 32, "output_size": 2},
    "LTC 64 full": {"hidden_size": 64, "output_size": 2},
    "LTC 302 sparse": {"wiring": wiring.random(302, sparsity=0.9, motor=2)},
    "dense 32": {"hidden_size": 32, "output_size": 2, "dynamics": "dense"},
    "CfC 32": {"hidden_size": 32, "output_size": 2, "dynamics": "closed_form"},
    "CfC 64": {"hidden_size": 64, "output_size": 2, "dynamics": "closed_form"},
}


def sizes() -> Iterator[Size]:
    """The most telling first."""
    for network in ("LTC 32 full", "LTC 19 NCP", "CfC 32", "LTC 302 sparse", "dense 32"):
        yield Size(network, 32, 32)
        yield Size(network, 1024, 32)
    for network in ("LTC 19 NCP", "LTC 32 full", "CfC 32", "LTC 64 full", "CfC 64"):
        for batch, steps in ((1, 32), (4096, 32), (256, 32)):
            yield Size(network, batch, steps)
    for batch in (1, 256, 4096):
        yield Size("LTC 302 sparse", batch, 32)
    for network in ("LTC 19 NCP", "LTC 32 full", "CfC 32", "LTC 64 full", "CfC 64"):
        for batch, steps in ((32, 1024), (1024, 256), (1, 1024)):
            yield Size(network, batch, steps)


def ours(network: str) -> LiquidNetwork:
    return LiquidNetwork(INPUTS, seed=0, **NETWORKS[network])


def of_ncps(network: str, like: LiquidNetwork) -> Optional[nn.Module]:
    """The same network in ncps, if that is installed."""
    try:
        from ncps.torch import LTC, CfC
        from ncps.wirings import FullyConnected, Random
    except ImportError:
        return None
    if network.startswith("CfC"):
        return CfC(INPUTS, like.hidden_size)
    if network.startswith("dense"):
        return None
    if "NCP" in network:
        from ncps.wirings import NCP

        return LTC(INPUTS, NCP(12, 6, 1, 8, 4, 5, 4, seed=0))
    if "sparse" in network:
        return LTC(INPUTS, Random(like.hidden_size, 2, sparsity_level=0.9))
    return LTC(INPUTS, FullyConnected(like.hidden_size, 2))


def peers(size: Size, mode: str) -> dict[str, Call]:
    """Calls by name; the reference engine on small sizes only."""
    measure = forward if mode == "forward" else training
    inputs = torch.randn(size.batch, size.steps, INPUTS, device="cuda")
    net = ours(size.network).cuda()
    calls = {"gpu": measure(net, inputs)}
    theirs = of_ncps(size.network, net)
    if theirs is not None:
        calls["ncps"] = measure(theirs.cuda(), inputs)
    if size.steps <= 32:
        calls["gpu, recorded"] = recorded(calls["gpu"])
        if "ncps" in calls and size.batch == 32:
            calls["ncps, recorded"] = recorded(calls["ncps"])
    for name, kind in (("nn.LSTM", nn.LSTM), ("nn.GRU", nn.GRU)):
        calls[name] = measure(kind(INPUTS, net.hidden_size, batch_first=True).cuda(), inputs)
    if size.batch <= 32 and size.steps <= 32:
        reference = measure(ours(size.network).cuda(), inputs)

        def by_reference() -> None:
            with engines.reference_only():
                reference()

        calls["reference engine"] = by_reference
    return calls


def cpu_milliseconds(size: Size, mode: str) -> Optional[float]:
    """Of our own engine on the CPU, where the C extension is there."""
    measure = forward if mode == "forward" else training
    net = ours(size.network)
    inputs = torch.randn(size.batch, size.steps, INPUTS)
    with engines.report() as choices:
        call = measure(net, inputs)
        call()
    if choices[0].engine != "compiled" or size.batch * size.steps > 40_000:
        return None
    times = []
    for _ in range(5):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return sorted(times)[2]


def row(size: Size, mode: str) -> dict[str, Any]:
    """Costs of every peer; ncps is left out where it does not fit the card's memory."""
    calls = peers(size, mode)
    too_large = size.batch * ours(size.network).hidden_size ** 2 > 40_000_000
    if (too_large and mode == "training") or size.batch * size.steps > 70_000:
        calls.pop("ncps", None)
    costs = {name: cost._asdict() for name, cost in side_by_side(calls, 150.0).items()}
    return {**size._asdict(), "mode": mode, "costs": costs, "cpu": cpu_milliseconds(size, mode)}


def shown(found: dict[str, Any]) -> str:
    """One line of the table."""
    base = found["costs"]["gpu"]
    ratios = "  ".join(
        f"{name} {cost['milliseconds'] / base['milliseconds']:.1f}x"
        for name, cost in found["costs"].items()
        if name != "gpu"
    )
    cpu = "" if found["cpu"] is None else f"  cpu {found['cpu'] / base['milliseconds']:.1f}x"
    return (
        f"{found['network']:15} {found['batch']:5} x {found['steps']:<5} {found['mode']:9}"
        f"{base['milliseconds']:9.3f} ms {base['mebibytes']:8.1f} MiB  {ratios}{cpu}"
    )


def machine() -> dict[str, str]:
    import triton

    return {
        "card": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "triton": triton.__version__,
        "python": platform.python_version(),
        "date": date.today().isoformat(),
    }


def check(device: str, smoke: bool) -> dict[str, float]:
    """The worst errors by kind; stops loudly at the first that is too large."""
    errors: dict[str, float] = {}
    for options in checks.cases():
        error = checks.worst_error(options, device, *((2, 2) if smoke else (33, 7)))
        name = ", ".join(str(each) for each in options.values())
        errors[name] = error
        if not error <= checks.TOLERANCE:
            sys.exit(f"{name}: differs from the reference by {error:.1e}")
        if smoke:
            click.echo(f"{name}: {error:.1e}")
    return errors


@click.command(help=__doc__)
@click.option("--output", type=click.Path(path_type=Path), default=Path("out/gpu"))
@click.option("--seconds", default=230.0, show_default=True, help="Time for everything.")
@click.option("--smoke", is_flag=True, help="Only the checks, tiny, on Triton's interpreter.")
def main(output: Path, seconds: float, smoke: bool) -> None:
    if smoke:
        check("cpu", smoke=True)
        return
    start, results = time.perf_counter(), output / "results.json"
    output.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"machine": machine(), "rows": [], "left_out": []}
    click.echo(" ".join(found["machine"].values()))
    found["errors"] = check("cuda", smoke=False)
    worst = max(found["errors"].values())
    click.echo(f"{len(found['errors'])} kinds equal the reference to {worst:.1e}, twice to the bit")
    found["checked_s"] = time.perf_counter() - start
    for size in sizes():
        for mode in ("forward", "training"):
            if time.perf_counter() - start > seconds:
                found["left_out"].append([*size, mode])
                continue
            try:
                found["rows"].append(row(size, mode))
            except RuntimeError as error:  # out of memory, or what a graph cannot record
                found["left_out"].append([*size, mode, str(error)[:200]])
                torch.cuda.empty_cache()
                continue
            click.echo(shown(found["rows"][-1]))
            results.write_text(json.dumps(found, indent=1))
    results.write_text(json.dumps(found, indent=1))
    click.echo(
        f"left out: {len(found['left_out'])} of {len(found['left_out']) + len(found['rows'])}"
    )


if __name__ == "__main__":
    main()
