"""What a changed import is worth, for docs/migration.org: ``python -m benchmarks.migration``.

Each class of ``ncps`` 1.0.1 beside the drop-in with the same weights, by turns: batch 32, 32 steps,
10 inputs, float32. A cell is the median over the rounds of how many times longer ``ncps`` takes.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
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
    """The drop-in and the original, saying the same."""
    theirs = make(peer, peer_wirings)
    mine = make(ours, wirings)
    mine.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(mine(inputs)[0], theirs(inputs)[0], atol=1e-5, rtol=1e-4)
    return {"ours": mine, "theirs": theirs}


def trained(module: nn.Module, inputs: Tensor) -> None:
    module.zero_grad()
    module(inputs)[0].square().mean().backward()


def ran(module: nn.Module, inputs: Tensor) -> None:
    with torch.no_grad():
        module(inputs)


def times_longer(
    call: Callable[[nn.Module, Tensor], None],
    modules: dict[str, nn.Module],
    inputs: Tensor,
    seconds: float,
) -> float:
    calls = {name: lambda m=module: call(m, inputs) for name, module in modules.items()}
    times = benchmark.interleaved(calls, seconds)
    return median(theirs / mine for mine, theirs in zip(times["ours"], times["theirs"]))


@click.command(help=__doc__)
@click.option("--seconds", default=4.0, show_default=True, help="For each cell of the table.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
def main(seconds: float, threads: int) -> None:
    torch.set_num_threads(threads)
    inputs = torch.randn(32, 32, 10, generator=torch.Generator().manual_seed(0))
    rows = [["module", "training step", "forward"]]
    for name, make in tqdm(CASES.items(), desc="modules"):
        torch.manual_seed(0)
        modules = pair(make, inputs)
        cells = [times_longer(call, modules, inputs, seconds) for call in (trained, ran)]
        rows.append([name, *(f"{cell:.2g}x" for cell in cells)])
    print(benchmark.machine())
    print(org.table(rows))


if __name__ == "__main__":
    main()
