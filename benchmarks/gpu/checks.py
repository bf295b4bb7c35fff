"""Before anything is timed: the GPU engine gives the numbers of the float64 reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from liquid_neural_networks import LiquidNetwork, conformance, engines, gpu, solvers, wiring
from spec.encoding import VECTORS

TOLERANCE = 1e-4
"""Of float32, as the conformance vectors have it."""


class Wrong(Exception):
    """An engine that gives other numbers than the reference: nothing is worth timing."""


# -- the vectors -----------------------------------------------------------------------------------


def vectors(device: torch.device, only: str = "") -> dict[str, Any]:
    """Every vector with ``only`` in its name that the engine runs.

    Returns:
        How many it ran, and the largest error.

    Raises:
        Wrong: one is outside its tolerance.
    """
    errors = {}
    for path in sorted(VECTORS.glob(f"*{only}*.msgpack")):
        case = conformance.read(path)
        if "refused" not in case:
            network = conformance.build(case["model"], torch.float32).to(device)
            if _is_run(network, case, device):
                errors[path.stem] = _vector_error(network, case, device)
    worst = max(errors, key=lambda name: errors[name])
    if not errors[worst] <= 1.0:
        raise Wrong(f"vector {worst}: {errors[worst]:.1f} times what is allowed")
    return {"vectors": len(errors), "worst": worst, "of_tolerance": errors[worst]}


def _is_run(network: LiquidNetwork, case: Any, device: torch.device) -> bool:
    with torch.no_grad(), engines.report() as choices:
        network(**_arguments(case, device))
    return all(choice.engine == gpu.NAME for choice in choices)


def _vector_error(network: LiquidNetwork, case: Any, device: torch.device) -> float:
    """The largest, by what is allowed."""
    worst = 0.0
    with torch.device(device):
        compared = conformance._compared(case, network, _arguments(case, device), torch.float32)
        for _, got, expected in compared:
            if expected.size:
                error = np.abs(got - expected).max() / max(1.0, np.abs(expected).max())
                worst = max(worst, float(error) / case["tolerance"]["f4"])
    return worst


def _arguments(case: Any, device: torch.device) -> dict[str, Any]:
    return {
        name: each.detach().to(device).requires_grad_(each.requires_grad)
        if isinstance(each, Tensor)
        else each
        for name, each in conformance._arguments(case["arguments"], torch.float32).items()
    }


# -- other sizes -----------------------------------------------------------------------------------

RECIPES: dict[str, Any] = {
    "1": wiring.fully_connected(1),
    "7": wiring.fully_connected(7),
    "19 ncp": wiring.ncp(inter=12, command=6, motor=1, seed=0),
    "32": wiring.fully_connected(32),
    "37 sparse": wiring.random(37, sparsity=0.7, seed=3),
    "64": wiring.fully_connected(64),
    "302 sparse": wiring.random(302, sparsity=0.9, seed=0),
}
DYNAMICS: list[tuple[Any, dict[str, Any]]] = [
    ("conductance", {}),
    ("conductance", {"solver": "exponential"}),
    ("conductance", {"mixed_memory": True}),
    ("dense", {}),
    ("closed_form", {}),
    ({"type": "closed_form", "mode": "pure"}, {}),
    ("closed_form", {"mixed_memory": True}),
]


def sizes(device: torch.device, names: list[str], batch: int, steps: int) -> dict[str, Any]:
    """Every dynamics on wirings of these names, states and all gradients.

    Returns:
        How many populations were compared and how many the engine left to the reference, with why,
        and the largest error by the largest number expected.

    Raises:
        Wrong: one is off by more than :data:`TOLERANCE`.
    """
    errors, left = {}, {}
    for name in names:
        for dynamics, options in DYNAMICS:
            network = LiquidNetwork(
                3, output_size=2, wiring=RECIPES[name], dynamics=dynamics, seed=1, **options
            )
            label = f"{name} {dynamics} {options}"
            inputs = torch.randn(batch, steps, 3, generator=torch.Generator().manual_seed(0))
            elapsed = torch.rand(batch, steps, generator=torch.Generator().manual_seed(1))
            with engines.report() as choices:
                got = list(_gradients(network.to(device), inputs.to(device), elapsed.to(device)))
            if choices[0].engine != gpu.NAME:
                left[label] = choices[0].reasons[gpu.NAME]
                continue
            network, inputs = network.to("cpu", torch.float64), inputs.double()
            wanted = list(_gradients(network, inputs, elapsed.double()))
            errors[label] = max(_error(mine, other) for mine, other in zip(got, wanted))
    worst = max(errors, key=lambda label: errors[label])
    if not errors[worst] <= TOLERANCE:
        raise Wrong(f"{worst}: off by {errors[worst]:.1e}")
    return {"populations": len(errors), "worst": worst, "error": errors[worst], "left": left}


def _gradients(network: LiquidNetwork, inputs: Tensor, elapsed: Tensor) -> Iterator[Tensor]:
    """Outputs, then the gradient of inputs, elapsed time and every parameter."""
    leaves = [inputs.clone().requires_grad_(), elapsed.clone().requires_grad_()]
    outputs = network(leaves[0], elapsed_time=leaves[1])
    weights = torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype, device=outputs.device)
    leaves += network.parameters()
    loss = (outputs * weights.view_as(outputs)).sum()
    yield outputs.detach()
    for leaf, grad in zip(leaves, torch.autograd.grad(loss, leaves, allow_unused=True)):
        yield torch.zeros_like(leaf) if grad is None else grad


def _error(got: Tensor, wanted: Tensor) -> float:
    if not wanted.numel():
        return 0.0
    return float((got.cpu().double() - wanted).abs().max() / wanted.abs().max().clamp(min=1.0))


# -- what torch does with it -----------------------------------------------------------------------


def repeated(network: LiquidNetwork, inputs: Tensor) -> bool:
    """Whether two training steps agree bit for bit."""
    elapsed = torch.rand_like(inputs[..., 0])
    first, second = (list(_gradients(network, inputs, elapsed)) for _ in range(2))
    return all(torch.equal(one, other) for one, other in zip(first, second))


def features(network: LiquidNetwork, inputs: Tensor) -> dict[str, str]:
    """Each of torch's ways to run a network: "ok", or what went wrong."""
    with torch.no_grad():
        wanted = network(inputs)
    tried = {
        "torch.compile": _compiled,
        "CUDA graph": _captured,
        "autocast": _autocast,
        "another stream": _other_stream,
        "reference engine": _reference,
    }
    found = {}
    for name, run in tried.items():
        try:
            error = _error(run(network, inputs), wanted.cpu().double())
            found[name] = "ok" if error <= TOLERANCE else f"off by {error:.1e}"
        except Exception as problem:
            found[name] = f"{type(problem).__name__}: {problem}"[:300]
    return found


@torch.no_grad()
def _compiled(network: LiquidNetwork, inputs: Tensor) -> Tensor:
    outputs: Tensor = torch.compile(network, fullgraph=True, backend="aot_eager")(inputs)
    return outputs


@torch.no_grad()
def _captured(network: LiquidNetwork, inputs: Tensor) -> Tensor:
    outputs, graph = captured(network, inputs)
    outputs.zero_()
    graph.replay()
    return outputs


def captured(network: torch.nn.Module, inputs: Tensor) -> tuple[Tensor, Any]:
    """Outputs that a graph writes, and the graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        network(inputs)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        outputs = network(inputs)
    return outputs, graph


@torch.no_grad()
def _autocast(network: LiquidNetwork, inputs: Tensor) -> Tensor:
    with torch.autocast(inputs.device.type, dtype=torch.bfloat16):
        states = network.trace(inputs).states
    if states.dtype != torch.float32:
        raise Wrong(f"states of {states.dtype}")
    outputs: Tensor = network(inputs)
    return outputs


@torch.no_grad()
def _other_stream(network: LiquidNetwork, inputs: Tensor) -> Tensor:
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        outputs: Tensor = network(inputs)
    torch.cuda.current_stream().wait_stream(stream)
    return outputs


@torch.no_grad()
def _reference(network: LiquidNetwork, inputs: Tensor) -> Tensor:
    with reference_engine():
        outputs: Tensor = network(inputs)
    return outputs


class reference_engine:
    """Runs populations on the reference engine inside the ``with`` block."""

    def __enter__(self) -> None:
        self.before = engines.ENGINES
        engines.ENGINES = (solvers,)

    def __exit__(self, *raised: Any) -> None:
        engines.ENGINES = self.before
