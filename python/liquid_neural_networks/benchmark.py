"""Side by side with peers: the same sizes, one process, turn about.

In every round each contestant has its turn, so whatever else the machine does falls on all alike;
what counts is the median over the rounds of the ratio of two times in one round. Used by
``lnn bench`` and by the ``benchmarks`` folder.
"""

from __future__ import annotations

import importlib.util
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Optional, cast

import torch
from torch import Tensor, nn

from . import fused
from .dynamics import ClosedFormDynamics
from .network import LiquidNetwork
from .neuron import LiquidNeuron
from .wiring import Wiring, fully_connected, ncp, random

MIN_ROUNDS = 5
MODES = ("forward", "train")

SLICE = 0.02
"""Seconds a contestant has in a round: a shorter call is repeated, because in a loop of its own it
would not find the caches full of a rival's data each time."""


@dataclass(frozen=True)
class Case:
    """What is measured.

    Attributes:
        batch, steps, inputs, units: B, T, I and N.
        wiring: ``"full"``, ``"ncp"``, or ``"sparse"`` (10 % of the synapses).
        dynamics: as :class:`LiquidNetwork` takes it.
    """

    batch: int
    steps: int
    inputs: int
    units: int
    wiring: str = "full"
    dynamics: str = "conductance"

    def build(self) -> LiquidNetwork:
        """The network of this case, float32."""
        recipe: Any
        if self.wiring == "ncp":
            motor = max(1, self.units // 16)
            command = max(1, (self.units - motor) * 2 // 5)
            recipe = ncp(self.units - motor - command, command, motor, seed=0)
        elif self.wiring == "sparse":
            recipe = random(self.units, sparsity=0.9, seed=0)
        else:
            recipe = fully_connected(self.units)
        return LiquidNetwork(
            self.inputs, output_size=1, wiring=recipe, dynamics=self.dynamics, seed=0
        )

    def __str__(self) -> str:
        sizes = f"{self.batch}, {self.steps}, {self.inputs}, {self.units}"
        return f"{sizes} {self.wiring} {self.dynamics}"


class Timing(NamedTuple):
    """One contestant.

    Attributes:
        milliseconds: median time of one call.
        ratio: median over the rounds of its time by that of the fused step.
        error: largest difference of its outputs from ours, where the model is the same.
    """

    milliseconds: float
    ratio: float
    error: Optional[float]


def contestants(case: Case) -> dict[str, nn.Module]:
    """Name -> module (B, T, I) -> (B, T, N or O). Peers that are not installed are left out."""
    network = case.build()
    found: dict[str, nn.Module] = {"fused": network, "reference": _Reference(network)}
    if importlib.util.find_spec("ncps"):
        if case.dynamics == "conductance":
            found["ncps LTC"] = ncps_ltc(network)
        found["ncps CfC"] = ncps_cfc(network)
    if importlib.util.find_spec("torchdiffeq"):
        found["ODE-RNN"] = OdeRnn(case.inputs, case.units)
    found["nn.LSTM"] = _First(nn.LSTM(case.inputs, case.units, batch_first=True))
    found["nn.GRU"] = _First(nn.GRU(case.inputs, case.units, batch_first=True))
    return found


def compare(
    case: Case,
    mode: str,
    names: Optional[list[str]] = None,
    seconds: float = 2.0,
) -> dict[str, Timing]:
    """Times every contestant, or those in ``names``, for about ``seconds`` in all.

    ``mode`` is ``"forward"`` (no gradients) or ``"train"`` (forward and backward).
    """
    inputs = torch.randn(
        case.batch, case.steps, case.inputs, generator=torch.Generator().manual_seed(0)
    )
    models = contestants(case)
    calls = {
        name: _call(model, inputs, mode)
        for name, model in models.items()
        if names is None or name in names
    }
    same = {"reference", "ncps LTC", "ncps CfC" if case.dynamics == "closed_form" else ""}
    errors = {name: _difference(models, name, inputs) if name in same else None for name in calls}
    times = interleaved(calls, seconds)
    return {
        name: Timing(
            1e3 * median(own),
            median(theirs / ours for theirs, ours in zip(own, times["fused"])),
            errors[name],
        )
        for name, own in times.items()
    }


def interleaved(calls: Mapping[str, Callable[[], Any]], seconds: float) -> dict[str, list[float]]:
    """Seconds per call of each, one per round; see :data:`SLICE`."""
    repeats = {}
    for name, call in calls.items():
        call()
        once = min(timed(call, 1) for _ in range(3))
        repeats[name] = max(1, int(SLICE / once))
    times: dict[str, list[float]] = {name: [] for name in calls}
    start = time.perf_counter()
    rounds = 0
    while rounds < MIN_ROUNDS or time.perf_counter() - start < seconds:
        for name, call in calls.items():
            times[name].append(timed(call, repeats[name]))
        rounds += 1
    return times


def timed(call: Callable[[], Any], repeats: int) -> float:
    """Seconds of one call, over ``repeats`` in a row."""
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def machine() -> str:
    """The machine in one line."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    return (
        f"{name}, {torch.get_num_threads()} threads, {fused.status().instruction_set or 'no C'}, "
        f"torch {torch.__version__}, Python {platform.python_version()}"
    )


def _call(model: nn.Module, inputs: Tensor, mode: str) -> Callable[[], Any]:
    if mode == "forward":

        def forward() -> Any:
            with torch.no_grad():
                return model(inputs)

        return forward

    def train() -> None:
        model.zero_grad()
        model(inputs).square().mean().backward()

    return train


def _difference(models: Mapping[str, nn.Module], name: str, inputs: Tensor) -> float:
    with torch.no_grad():
        return float((models[name](inputs) - models["fused"](inputs)).abs().max())


class _Reference(nn.Module):
    """The same network on the reference path."""

    def __init__(self, network: LiquidNetwork):
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Any:
        with fused.disabled():
            return self.network(inputs)


class _First(nn.Module):
    """The outputs of a module that returns (outputs, state)."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, inputs: Tensor) -> Any:
        return self.module(inputs)[0]


def ncps_ltc(network: LiquidNetwork) -> nn.Module:
    """``ncps.torch.LTC`` with the wiring and weights of a network with a motor read-out."""
    from ncps.torch import LTC

    wired, dynamics = network.wiring, cast(LiquidNeuron, network.neurons[0]).dynamics
    values = dynamics.values()
    # A dense read-out hears every neuron.
    outputs = wired.motor if network.readout_kind == "motor" else wired.units
    wiring = _ncps_wiring(wired, outputs)
    # Weights stored as they are, like our clip.
    peer = LTC(network.input_size, wiring, implicit_param_constraints=False)
    theirs: Any = peer.rnn_cell._params
    pre, post = torch.tensor(wired.pre), torch.tensor(wired.post)
    sensory_pre, sensory_post = torch.tensor(wired.sensory_pre), torch.tensor(wired.sensory_post)
    names = {"c": "cm", "g": "gleak", "vleak": "vleak", "a": "input_w", "b": "input_b"}
    with torch.no_grad():
        for mine, name in names.items():
            theirs[name].copy_(values[mine])
        for mine, name in {"w": "w", "sigma": "sigma", "mu": "mu", "E": "erev"}.items():
            theirs[name][pre, post] = values[mine]
            theirs[f"sensory_{name}"][sensory_pre, sensory_post] = values[f"sensory_{mine}"]
        if network.readout_kind == "motor":
            theirs["output_w"].copy_(network.readout.scale)
            theirs["output_b"].copy_(network.readout.shift)
    if network.readout_kind == "motor":
        return _First(peer)
    return _WithReadout(peer, network.readout)


class _WithReadout(nn.Module):
    """ncps's cell with our dense read-out, so that both compute the same outputs."""

    def __init__(self, peer: nn.Module, readout: nn.Module):
        super().__init__()
        self.peer, self.readout = peer, readout

    def forward(self, inputs: Tensor) -> Any:
        return self.readout(self.peer(inputs)[0])


def _ncps_wiring(wiring: Wiring, outputs: int) -> Any:
    from ncps.wirings import Wiring as Peer

    peer = Peer(wiring.units)
    peer.set_output_dim(outputs)
    peer.adjacency_matrix = wiring.adjacency().astype("int32")
    peer.set_input_dim(wiring.input_size)
    peer.sensory_adjacency_matrix = wiring.sensory_adjacency().astype("int32")
    return peer


def ncps_cfc(network: LiquidNetwork) -> nn.Module:
    """``ncps.torch.CfC`` of the same size; with the same weights if the network is one too."""
    from ncps.torch import CfC

    peer = CfC(network.input_size, network.hidden_size)
    dynamics = cast(LiquidNeuron, network.neurons[0]).dynamics
    if not isinstance(dynamics, ClosedFormDynamics):
        return _First(peer)
    values, cell = dynamics.values(), peer.rnn_cell
    first = torch.cat([values["backbone_0_W_in"], values["backbone_0_W_rec"]], dim=1)
    with torch.no_grad():
        cell.backbone[0].weight.copy_(first)
        cell.backbone[0].bias.copy_(values["backbone_0_b"])
        for head in dynamics.heads:
            getattr(cell, head).weight.copy_(values[f"{head}_W"])
            getattr(cell, head).bias.copy_(values[f"{head}_b"])
    return _WithReadout(peer, network.readout)


class OdeRnn(nn.Module):
    """A GRU cell between samples, an ODE (torchdiffeq, 6 Euler steps) from sample to sample."""

    def __init__(self, inputs: int, units: int):
        super().__init__()
        self.cell = nn.GRUCell(inputs, units)
        self.slope = nn.Sequential(nn.Linear(units, units), nn.Tanh(), nn.Linear(units, units))

    def forward(self, inputs: Tensor) -> Tensor:
        from torchdiffeq import odeint

        state = inputs.new_zeros(len(inputs), self.cell.hidden_size)
        span = torch.linspace(0.0, 1.0, 7)
        states = []
        for sample in inputs.unbind(1):
            state = odeint(lambda _, x: self.slope(x), state, span, method="euler")[-1]
            state = self.cell(sample, state)
            states.append(state)
        return torch.stack(states, dim=1)
