"""Torch's other ways to run a network on a card: each tried once beside a plain call."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from liquid_neural_networks import LiquidNetwork

from .checks import TOLERANCE


def tried(network: LiquidNetwork, inputs: Tensor) -> dict[str, str]:
    """By name: "ok", by how much the outputs are off, or what was raised."""
    with torch.no_grad():
        wanted = network(inputs)
    found = {}
    for name, run in WAYS.items():
        try:
            with torch.no_grad():
                error = float((run(network, inputs) - wanted).abs().max())
            found[name] = "ok" if error <= TOLERANCE else f"off by {error:.1e}"
        except Exception as problem:
            found[name] = f"{type(problem).__name__}: {problem}"[:300]
    return found


def compiled(network: LiquidNetwork, inputs: Tensor) -> Tensor:
    outputs: Tensor = torch.compile(network, fullgraph=True)(inputs)
    return outputs


def graphed(network: nn.Module, inputs: Tensor) -> Callable[[], Tensor]:
    """The same call as a CUDA graph: returns its outputs, computed anew."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side), torch.no_grad():
        network(inputs)  # kernels are compiled before they are captured
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph), torch.no_grad():
        outputs = network(inputs)

    def replay() -> Tensor:
        graph.replay()
        return outputs

    return replay


def captured(network: LiquidNetwork, inputs: Tensor) -> Tensor:
    replay = graphed(network, inputs)
    replay().zero_()
    return replay()


def under_autocast(network: LiquidNetwork, inputs: Tensor) -> Tensor:
    """The states in float32 all the same, and from them the outputs."""
    with torch.autocast(inputs.device.type, dtype=torch.bfloat16):
        states = network.trace(inputs).states
    outputs: Tensor = network.readout(states)
    return outputs


def on_another_stream(network: LiquidNetwork, inputs: Tensor) -> Tensor:
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        outputs: Tensor = network(inputs)
    torch.cuda.current_stream().wait_stream(stream)
    return outputs


def copied(network: LiquidNetwork, inputs: Tensor) -> Tensor:
    outputs: Tensor = copy.deepcopy(network)(inputs)
    return outputs


def replicated(network: LiquidNetwork, inputs: Tensor) -> Tensor:
    """As DistributedDataParallel has it, with one process."""
    from torch import distributed

    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        outputs: Tensor = nn.parallel.DistributedDataParallel(network)(inputs)
    finally:
        distributed.destroy_process_group()
    return outputs


WAYS: dict[str, Any] = {
    "torch.compile": compiled,
    "CUDA graph": captured,
    "autocast": under_autocast,
    "another stream": on_another_stream,
    "a copy": copied,
    "DistributedDataParallel": replicated,
}
