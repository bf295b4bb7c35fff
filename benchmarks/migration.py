"""What a changed import is worth, for docs/migration.org: ``python -m benchmarks.migration``.

Each class of ``ncps`` 1.0.1 beside the drop-in with the same weights, by turns: batch 32, 32 steps,
10 inputs, float32. A cell is the median over the rounds of how many times longer ``ncps`` takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import ncps.torch as peer
import ncps.wirings as peer_wirings
import torch
from torch import Tensor, nn
from tqdm import tqdm

from benchmarks import org
from liquid_neural_networks import benchmark
from liquid_neural_networks.compat import ncps as ours
from liquid_neural_networks.compat.ncps import wirings

RECORD = Path(__file__).with_name("migration.json")
PAGE = Path(__file__).parents[1] / "docs" / "migration.org"

CASES: dict[str, Callable[[Any, Any], nn.Module]] = {
    "=LTC(10, 32)=": lambda lib, _: lib.LTC(10, 32),
    "=LTC(10, AutoNCP(32, 4))=": lambda lib, wired: lib.LTC(10, wired.AutoNCP(32, 4)),
    "=LTC(10, 32)=, mixed memory": lambda lib, _: lib.LTC(10, 32, mixed_memory=True),
    "=CfC(10, 32)=": lambda lib, _: lib.CfC(10, 32),
    "=CfC(10, 302)=": lambda lib, _: lib.CfC(10, 302),
    '=CfC(10, 32, mode="pure")=': lambda lib, _: lib.CfC(10, 32, mode="pure"),
    "=CfC(10, AutoNCP(32, 4))=": lambda lib, wired: lib.CfC(10, wired.AutoNCP(32, 4)),
    "=CfC(10, 32)=, mixed memory": lambda lib, _: lib.CfC(10, 32, mixed_memory=True),
}


def pair(make: Callable[[Any, Any], nn.Module], inputs: Tensor) -> dict[str, nn.Module]:
    """The drop-in and the original, which give the same outputs."""
    theirs = make(peer, peer_wirings)
    mine = make(ours, wirings)
    mine.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(mine(inputs)[0], theirs(inputs)[0], atol=1e-5, rtol=1e-4)
    return {"ours": mine, "theirs": theirs}


def training_step(module: nn.Module, inputs: Tensor) -> None:
    module.zero_grad()
    module(inputs)[0].square().mean().backward()


def forward(module: nn.Module, inputs: Tensor) -> None:
    with torch.no_grad():
        module(inputs)


CALLS = {"training step": training_step, "forward": forward}


def measure(seconds: float) -> dict[str, dict[str, float]]:
    """Module -> call -> how many times longer ``ncps`` takes."""
    inputs = torch.randn(32, 32, 10, generator=torch.Generator().manual_seed(0))
    found: dict[str, dict[str, float]] = {}
    for name, make in tqdm(CASES.items(), desc="modules"):
        torch.manual_seed(0)
        modules = pair(make, inputs)
        found[name] = {}
        for kind, call in CALLS.items():
            calls = {who: lambda m=module, c=call: c(m, inputs) for who, module in modules.items()}
            times = benchmark.interleaved(calls, seconds)
            found[name][kind] = benchmark.ratio(times["theirs"], times["ours"])
    return found


def cells(ratios: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """The table of the page."""
    rows = [[name, *(f"{ratio[kind]:.2g}x" for kind in CALLS)] for name, ratio in ratios.items()]
    return [["module", *CALLS], *rows]


@click.command(help=__doc__)
@click.option("--seconds", default=4.0, show_default=True, help="For each cell of the table.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
def main(seconds: float, threads: int) -> None:
    torch.set_num_threads(threads)
    record = {"machine": benchmark.machine(), "ratios": measure(seconds)}
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    table = cells(record["ratios"])
    PAGE.write_text(org.with_table(PAGE.read_text(), "drop-in", table))
    print(record["machine"])
    print(org.table(table))


if __name__ == "__main__":
    main()
