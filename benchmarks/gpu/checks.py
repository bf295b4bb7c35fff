"""Before anything is timed: the right numbers, and the same ones twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from liquid_neural_networks import LiquidNetwork, engines, wiring

TOLERANCE = 1e-4
"""Of float32 against float64, relative to the largest number of a tensor."""


def cases() -> Iterator[dict[str, Any]]:
    """Options of every kind of kernel."""
    for sparse in (False, True):
        for memory in (False, True):
            for dynamics in ("conductance", "dense"):
                for solver in ("fused", "euler", "exponential"):
                    yield {"dynamics": dynamics, "solver": solver, "sparse": sparse,
                           "mixed_memory": memory}  # fmt: skip
            for mode in ("default", "no_gate", "pure"):
                kind = {"type": "closed_form", "mode": mode}
                yield {"dynamics": kind, "sparse": sparse, "mixed_memory": memory}


def network(options: dict[str, Any]) -> LiquidNetwork:
    """A network of 19 neurons with these options."""
    given = dict(options)
    recipe = wiring.ncp(inter=12, command=6, motor=1) if given.pop("sparse") else None
    size, outputs = (None, None) if recipe else (19, 1)
    return LiquidNetwork(10, size, outputs, wiring=recipe, seed=0, **given)


def arguments(batch: int, steps: int, units: int, device: str) -> dict[str, Tensor]:
    """Everything that a call can be given, in float64."""
    generator = torch.Generator().manual_seed(batch)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64).to(device)

    return {
        "inputs": 2 * uniform(batch, steps, 10) - 1,
        "elapsed_time": uniform(batch, steps),
        "mask": (uniform(batch, steps, 10) > 0.2).double(),
        "time_constants": 0.5 + uniform(batch, steps, units),
    }


def results(net: LiquidNetwork, given: dict[str, Tensor]) -> list[Tensor]:
    """Outputs and the gradient of every parameter; zeros where nothing depends on it."""
    net.zero_grad(set_to_none=True)
    outputs = net(**given)
    outputs.square().sum().backward()
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in net.parameters()]
    return [outputs.detach(), *grads]


def worst_error(options: dict[str, Any], device: str, batch: int, steps: int) -> float:
    """The largest difference from the float64 reference engine on the CPU.

    Raises:
        AssertionError: another engine ran, or two runs differ in a bit.
    """
    exact, net = network(options).double(), network(options).to(device)
    given = arguments(batch, steps, net.hidden_size, device)
    single = {name: each.float() for name, each in given.items()}
    with engines.report() as choices:
        got = results(net, single)
    assert choices[0].engine == "gpu", f"{options}: {choices[0]}"
    assert all(map(torch.equal, got, results(net, single))), f"{options}: two runs differ"
    with engines.reference_only():
        wanted = results(exact, {name: each.cpu() for name, each in given.items()})
    largest = max(float(each.abs().max()) for each in wanted)
    return max(
        float((mine.double().cpu() - other).abs().max())
        / max(float(other.abs().max()), 1e-2 * largest)
        for mine, other in zip(got, wanted)
    )
