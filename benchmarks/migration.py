"""What a changed import is worth, for docs/migration.org: ``python -m benchmarks.migration``.

Each class of ``ncps`` 1.0.1 beside the drop-in with the same weights, alternately: batch 32, 32
steps, 10 inputs, float32. A cell is the median over the rounds of how many times longer ``ncps``
takes.

Then the drop-in beside ``LiquidNetwork`` with the same weights: one sequence of 32 steps, one
thread, where what Python does before and after the compiled engine weighs most.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional

import click
import ncps.torch as peer
import ncps.wirings as peer_wirings
import torch
from torch import Tensor, nn
from tqdm import tqdm

from benchmarks import org
from liquid_neural_networks import LiquidNetwork, benchmark
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


def clipped_ltc(units: Any, **options: Any) -> nn.Module:
    return ours.LTC(10, units, implicit_param_constraints=False, **options)


NETWORK_CASES: dict[str, Callable[[], nn.Module]] = {
    "=LTC(10, AutoNCP(19, 1))=": lambda: ours.LTC(10, wirings.AutoNCP(19, 1)),
    "=LTC(10, AutoNCP(19, 1))=, clipped": lambda: clipped_ltc(wirings.AutoNCP(19, 1)),
    "=LTC(10, 32)=, clipped": lambda: clipped_ltc(32),
    "=LTC(10, AutoNCP(19, 1))=, clipped, mixed memory": lambda: clipped_ltc(
        wirings.AutoNCP(19, 1), mixed_memory=True
    ),
    "=CfC(20, 50)=": lambda: ours.CfC(20, 50),
    '=CfC(20, 50, mode="pure")=': lambda: ours.CfC(20, 50, mode="pure"),
    "=CfC(10, AutoNCP(19, 1))=": lambda: ours.CfC(10, wirings.AutoNCP(19, 1)),
    "=CfC(10, AutoNCP(19, 1))=, mixed memory": lambda: ours.CfC(
        10, wirings.AutoNCP(19, 1), mixed_memory=True
    ),
}


def training_step(module: nn.Module, inputs: Tensor) -> None:
    module.zero_grad()
    found = module(inputs)
    outputs = found[0] if isinstance(found, tuple) else found
    outputs.square().mean().backward()


def forward(module: nn.Module, inputs: Tensor) -> None:
    with torch.no_grad():
        module(inputs)


CALLS = {"training step": training_step, "forward": forward}


Ratios = dict[str, dict[str, float]]
"""Module -> call -> a ratio of times."""


def beside_ncps(seconds: float) -> Ratios:
    """How many times longer ``ncps`` takes than the drop-in."""
    inputs = torch.randn(32, 32, 10, generator=torch.Generator().manual_seed(0))
    found: Ratios = {}
    for name, make in tqdm(CASES.items(), desc="beside ncps"):
        torch.manual_seed(0)
        modules = pair(make, inputs)
        found[name] = ratios(modules["theirs"], modules["ours"], inputs, seconds)
    return found


def beside_network(seconds: float) -> Ratios:
    """How many times longer the drop-in takes than ``LiquidNetwork``."""
    found: Ratios = {}
    for name, make in tqdm(NETWORK_CASES.items(), desc="beside LiquidNetwork"):
        torch.manual_seed(0)
        module = make()
        network = LiquidNetwork.from_ncps(module).train()
        inputs = torch.randn(1, 32, network.input_size)
        with torch.no_grad():
            torch.testing.assert_close(module(inputs)[0], network(inputs), atol=1e-5, rtol=1e-4)
        found[name] = ratios(module, network, inputs, seconds)
    return found


def ratios(one: nn.Module, other: nn.Module, inputs: Tensor, seconds: float) -> dict[str, float]:
    """For each kind of call, the time of the first module as a multiple of the second's."""
    found: dict[str, float] = {}
    for kind, call in CALLS.items():
        modules = {"one": one, "other": other}
        calls = {who: lambda m=module, c=call: c(m, inputs) for who, module in modules.items()}
        times = benchmark.interleaved(calls, seconds)
        found[kind] = benchmark.ratio(times["one"], times["other"])
    return found


def cells(found: Mapping[str, Mapping[str, float]], digits: int = 2) -> list[list[str]]:
    """A table of the page."""
    rows = [
        [name, *(f"{ratio[kind]:.{digits}g}x" for kind in CALLS)] for name, ratio in found.items()
    ]
    return [["module", *CALLS], *rows]


def written(page: str, record: Mapping[str, Any]) -> str:
    """The page with its tables as they were measured."""
    page = org.with_table(page, "drop-in", cells(record["ratios"]))
    return org.with_table(page, "drop-in-network", cells(record["network"]["ratios"], digits=3))


@click.command(help=__doc__)
@click.option("--seconds", default=4.0, show_default=True, help="For each cell of the table.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@click.option("--beside", type=click.Choice(["ncps", "network"]), help="Only beside this one.")
def main(seconds: float, threads: int, beside: Optional[str]) -> None:
    record = json.loads(RECORD.read_text())
    torch.set_num_threads(threads)
    if beside != "network":
        record |= {"machine": benchmark.machine(), "ratios": beside_ncps(seconds)}
    torch.set_num_threads(1)
    if beside != "ncps":
        record["network"] = {"machine": benchmark.machine(), "ratios": beside_network(seconds)}
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    PAGE.write_text(written(PAGE.read_text(), record))
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
