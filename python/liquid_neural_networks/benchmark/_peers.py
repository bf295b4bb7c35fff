"""The contestants: our network, the same on the reference path, and its peers."""

from __future__ import annotations

import importlib.util
from typing import Any, cast

import torch
from torch import Tensor, nn

from .. import fused
from ..dynamics import ClosedFormDynamics, ConductanceDynamics, Dynamics
from ..network import LiquidNetwork
from ..neuron import LiquidNeuron
from ..wiring import Wiring
from .baselines import ODERNN


def contestants(network: LiquidNetwork) -> dict[str, nn.Module]:
    """Name -> module (B, T, I) -> (B, T, N or O). Peers that are not installed are left out."""
    inputs, units = network.input_size, network.hidden_size
    found: dict[str, nn.Module] = {"fused": network, "reference": _Reference(network)}
    if importlib.util.find_spec("ncps"):
        if isinstance(_dynamics(network), ConductanceDynamics):
            found["ncps LTC"] = ncps_ltc(network)
        found["ncps CfC"] = ncps_cfc(network)
    if importlib.util.find_spec("torchdiffeq"):
        found["ODE-RNN"] = ODERNN(inputs, units, units)
    found["nn.LSTM"] = _First(nn.LSTM(inputs, units, batch_first=True))
    found["nn.GRU"] = _First(nn.GRU(inputs, units, batch_first=True))
    return found


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

    def __init__(self, peer: nn.Module):
        super().__init__()
        self.peer = peer

    def forward(self, inputs: Tensor) -> Any:
        return self.peer(inputs)[0]


class _WithReadout(_First):
    """The same, through our dense read-out, so that both compute the same outputs."""

    def __init__(self, peer: nn.Module, readout: nn.Module):
        super().__init__(peer)
        self.readout = readout

    def forward(self, inputs: Tensor) -> Any:
        return self.readout(super().forward(inputs))


def ncps_ltc(network: LiquidNetwork) -> nn.Module:
    """``ncps.torch.LTC``, as attribute ``peer``, with the wiring and weights of a network."""
    from ncps.torch import LTC

    wired, values = network.wiring, _dynamics(network).values()
    # A dense read-out reads every neuron.
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


def _ncps_wiring(wiring: Wiring, outputs: int) -> Any:
    from ncps.wirings import Wiring as Peer

    peer = Peer(wiring.units)
    peer.set_output_dim(outputs)
    peer.adjacency_matrix = wiring.adjacency().astype("int32")
    peer.set_input_dim(wiring.input_size)
    peer.sensory_adjacency_matrix = wiring.sensory_adjacency().astype("int32")
    return peer


def ncps_cfc(network: LiquidNetwork) -> nn.Module:
    """``ncps.torch.CfC``, as attribute ``peer``, of a network's size; with the same weights if the
    network is one too."""
    from ncps.torch import CfC

    peer = CfC(network.input_size, network.hidden_size)
    dynamics = _dynamics(network)
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


def _dynamics(network: LiquidNetwork) -> Dynamics:
    return cast(LiquidNeuron, network.neurons[0]).dynamics
