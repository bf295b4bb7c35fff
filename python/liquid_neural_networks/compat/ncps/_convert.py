"""Trained weights of ``ncps`` as a :class:`~liquid_neural_networks.LiquidNetwork`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional, Union

import torch
from torch import Tensor, nn

from ...dynamics import ClosedFormDynamics
from ...errors import DtypeError, OptionError
from ...network import LiquidNetwork
from ...wiring import Wiring
from ._cells import ACTIVATIONS, MODES, CfCCell, LSTMCell, LTCCell, WiredCfCCell
from ._core import memory_values
from .wirings import Wiring as PeerWiring

OPTIONS: Mapping[str, Any] = {
    "mode": "default",
    "activation": "lecun_tanh",
    "backbone_dropout": 0.0,
    "ode_unfolds": 6,
    "implicit_param_constraints": True,
    "epsilon": 1e-8,
    "batch_first": True,
    "return_sequences": True,
}
"""What a state dict does not say, with the defaults of ``ncps``."""


def from_ncps(source: Union[nn.Module, Mapping[str, Tensor]], **options: Any) -> LiquidNetwork:
    """See :meth:`LiquidNetwork.from_ncps`."""
    for name in options:
        if name not in OPTIONS:
            raise OptionError(f"unknown, expected one of {', '.join(OPTIONS)}", name)
    if isinstance(source, nn.Module):
        found, weights = _options(source), source.state_dict()
    elif isinstance(source, Mapping):
        found, weights = {}, dict(source)
    else:
        raise DtypeError(
            f"expected a module or a state dict of ncps, got {type(source).__name__}", "source"
        )
    chosen = {**OPTIONS, **found, **options}
    weights = {name.replace("rnn_cell.", ""): value.detach() for name, value in weights.items()}
    if "gleak" in weights:
        return _ltc(weights, chosen)
    if "ff1.weight" in weights:
        return _cfc(weights, chosen)
    if "layer_0.ff1.weight" in weights:
        return _wired_cfc(weights, chosen)
    raise OptionError("holds neither an LTC nor a CfC of ncps", "source")


def _options(module: Any) -> dict[str, Any]:
    """What a module of ``ncps``, or of the package beside this file, says of itself."""
    cell = getattr(module, "rnn_cell", module)
    found = {
        name: getattr(module, name)
        for name in ("batch_first", "return_sequences")
        if hasattr(module, name)
    }
    for name in ("ode_unfolds", "implicit_param_constraints", "epsilon"):
        if hasattr(cell, f"_{name}"):
            found[name] = getattr(cell, f"_{name}")
    closed = cell._layers[0] if hasattr(cell, "_layers") else cell
    if hasattr(closed, "mode"):
        found["mode"] = closed.mode
    for layer in getattr(closed, "backbone", None) or ():
        if isinstance(layer, nn.Dropout):
            found["backbone_dropout"] = layer.p
        for name, kind in ACTIVATIONS.items():
            if type(layer).__name__ == kind.__name__:
                found["activation"] = name
    return found


# -- each kind ---------------------------------------------------------------------------------


def _ltc(weights: dict[str, Tensor], options: Mapping[str, Any]) -> LiquidNetwork:
    recurrent, sensory = (
        weights[name] * torch.where(weights[erev] < 0, -1, 1)
        for name, erev in (("sparsity_mask", "erev"), ("sensory_sparsity_mask", "sensory_erev"))
    )
    motor = len(weights["output_w"]) if "output_w" in weights else len(weights["gleak"])
    wiring = Wiring.from_matrices(recurrent.tolist(), sensory.tolist(), motor=motor)
    mapping = {
        end: "affine" if f"{end}_b" in weights else "linear" if f"{end}_w" in weights else None
        for end in ("input", "output")
    }
    cell = LTCCell(
        _built(sensory, recurrent, motor),
        input_mapping=mapping["input"],
        output_mapping=mapping["output"],
        ode_unfolds=options["ode_unfolds"],
        epsilon=options["epsilon"],
        implicit_param_constraints=options["implicit_param_constraints"],
    )
    readout = {
        "scale": weights.get("output_w", torch.ones(motor)),
        "shift": weights.get("output_b", torch.zeros(motor)),
    }
    softplus = options["implicit_param_constraints"]
    network = _network(
        wiring,
        weights,
        options,
        output_size=motor,
        readout="motor",
        unfolds=options["ode_unfolds"],
        constraint="softplus" if softplus else "clip",
    )
    _load(cell, weights)
    values = cell.values()
    for name, lower in network.neurons[0].dynamics.lower_bounds.items():  # type: ignore[union-attr, operator]
        values[name] = values[name].clamp(min=lower)
    return _filled(network, values, weights, readout)


def _cfc(weights: dict[str, Tensor], options: Mapping[str, Any]) -> LiquidNetwork:
    layers = sorted(
        (name for name in weights if name.startswith("backbone.") and name.endswith("weight")),
        key=lambda name: int(name.split(".")[1]),
    )
    hidden = len(weights["ff1.weight"])
    width = weights[layers[0] if layers else "ff1.weight"].shape[1]
    backbone = {
        "backbone_units": len(weights[layers[0]]) if layers else 128,
        "backbone_layers": len(layers),
        "backbone_dropout": options["backbone_dropout"],
    }
    cell = CfCCell(
        width - hidden, hidden, _mode(weights, "", options), options["activation"], **backbone
    )
    given = {"backbone_activation": options["activation"], **backbone} if layers else {}
    network = _network(
        Wiring.from_matrices(torch.ones(hidden, hidden), torch.ones(width - hidden, hidden)),
        weights,
        options,
        dynamics={
            "type": "closed_form",
            "mode": cell.mode,
            "backbone_layers": len(layers),
            **given,
        },
        **_projection(weights, hidden),
    )
    _load(cell, weights)
    return _filled(network, cell.values(), weights, _fc(weights, hidden, hidden))


def _wired_cfc(weights: dict[str, Tensor], options: Mapping[str, Any]) -> LiquidNetwork:
    masks: list[Tensor] = []
    while f"layer_{len(masks)}.sparsity_mask" in weights:
        masks.append(weights[f"layer_{len(masks)}.sparsity_mask"].T)
    sizes = [mask.shape[1] for mask in masks]
    units, motor, inputs = sum(sizes), sizes[-1], len(masks[0]) - sizes[0]
    # There the state is ordered by layer; here motor neurons come first.
    starts = [sum(sizes[layer + 1 :]) for layer in range(len(sizes))]
    members = [list(range(start, start + size)) for start, size in zip(starts, sizes)]
    adjacency = torch.zeros(units, units)
    sensory = torch.zeros(inputs, units)
    sensory[:, members[0]] = masks[0][:inputs]
    for layer, mask in enumerate(masks):
        own = members[layer]
        adjacency[torch.tensor(own)[:, None], torch.tensor(own)] = mask[-len(own) :]
        if layer > 0:
            before = torch.tensor(members[layer - 1])
            adjacency[before[:, None], torch.tensor(own)] = mask[: -len(own)]
    names = (
        ["inter", "command", "motor"]
        if len(sizes) == 3
        else [f"layer_{i}" for i in range(len(sizes))]
    )
    wiring = Wiring.from_matrices(
        adjacency.int().tolist(),
        sensory.int().tolist(),
        motor=motor,
        layers=dict(zip(names if len(sizes) > 1 else ["neurons"], members)),
    )
    network = _network(
        wiring,
        weights,
        options,
        dynamics={
            "type": "closed_form",
            "mode": _mode(weights, "layer_0.", options),
            "backbone_layers": 0,
            "leaky_wiring": True,
        },
        **_projection(weights, motor),
    )
    dynamics = network.neurons[0].dynamics
    assert isinstance(dynamics, ClosedFormDynamics)
    values: dict[str, Tensor] = {}
    for head in dynamics.heads:
        heard, told = torch.zeros(units, inputs), torch.zeros(units, units)
        bias = torch.zeros(units)
        for layer, own in enumerate(members):
            weight = weights[f"layer_{layer}.{head}.weight"]
            here = torch.tensor(own)
            told[here[:, None], here] = weight[:, -len(own) :]
            bias[here] = weights[f"layer_{layer}.{head}.bias"]
            if layer == 0:
                heard[here] = weight[:, :inputs]
            else:
                told[here[:, None], torch.tensor(members[layer - 1])] = weight[:, : -len(own)]
        values |= dynamics.picked(head, heard, told)
        values[f"{head}_b"] = bias
    if dynamics.mode == "pure":
        for name in ("w_tau", "A"):
            values[name] = torch.zeros(units)
            for layer, own in enumerate(members):
                values[name][torch.tensor(own)] = weights[f"layer_{layer}.{name}"].flatten()
    place = torch.cat([torch.tensor(own) for own in members]).argsort()
    return _filled(network, values, weights, _fc(weights, units, motor), place)


# -- what they share ---------------------------------------------------------------------------


def _built(sensory: Tensor, recurrent: Tensor, motor: int) -> PeerWiring:
    return PeerWiring.from_config(
        {
            "units": len(recurrent),
            "adjacency_matrix": recurrent.int().tolist(),
            "sensory_adjacency_matrix": sensory.int().tolist(),
            "input_dim": len(sensory),
            "output_dim": motor,
        }
    )


def _mode(weights: Mapping[str, Tensor], prefix: str, options: Mapping[str, Any]) -> str:
    if f"{prefix}w_tau" in weights:
        return "pure"
    mode: str = options["mode"]
    if mode not in MODES or mode == "pure":
        raise OptionError(f"is {mode!r}, but the weights are of default or no_gate", "mode")
    return mode


def _network(
    wiring: Wiring, weights: Mapping[str, Tensor], options: Mapping[str, Any], **given: Any
) -> LiquidNetwork:
    network = LiquidNetwork(
        wiring.input_size,
        wiring=wiring,
        mixed_memory="lstm.input_map.weight" in weights,
        batch_first=options["batch_first"],
        return_sequences=options["return_sequences"],
        seed=0,
        **given,
    )
    return network.to(next(iter(weights.values())).dtype)


def _load(cell: Union[LTCCell, CfCCell, WiredCfCCell], weights: Mapping[str, Tensor]) -> None:
    cell.load_state_dict({n: v for n, v in weights.items() if not n.startswith(("lstm.", "fc."))})
    cell.to(next(iter(weights.values())).dtype)


def _projection(weights: Mapping[str, Tensor], outputs: int) -> dict[str, Any]:
    if "fc.weight" in weights:
        return {"output_size": len(weights["fc.weight"]), "readout": "dense"}
    return {"output_size": outputs, "readout": "motor"}


def _fc(weights: Mapping[str, Tensor], units: int, read: int) -> dict[str, Tensor]:
    if "fc.weight" not in weights:
        return {"scale": torch.ones(read), "shift": torch.zeros(read)}
    weight = torch.zeros(len(weights["fc.weight"]), units)
    weight[:, :read] = weights["fc.weight"]
    return {"weight": weight, "bias": weights["fc.bias"]}


@torch.no_grad()
def _filled(
    network: LiquidNetwork,
    values: dict[str, Tensor],
    weights: Mapping[str, Tensor],
    readout: Mapping[str, Tensor],
    place: Optional[Tensor] = None,
) -> LiquidNetwork:
    """``place`` says where our neurons stand in the peer's state, if not in the same order."""
    neuron = network.neurons[0]
    if network.state_size > network.hidden_size:
        units = network.hidden_size
        cell = LSTMCell(network.input_size, units)
        cell.load_state_dict(
            {n[len("lstm.") :]: v for n, v in weights.items() if n.startswith("lstm.")}
        )
        for name, value in memory_values(cell):
            if place is not None:
                value = value.reshape(4, units, -1)[:, place].reshape(value.shape)
                value = value[:, place] if name == "W_rec" else value
            values[f"memory.{name}"] = value
    neuron.set_values(values)  # type: ignore[operator]
    for name, parameter in network.readout.named_parameters():
        parameter.copy_(readout[name])
    return network.eval()
