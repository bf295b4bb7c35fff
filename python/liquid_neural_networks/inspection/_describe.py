"""What a network is made of: neurons, synapses, parameters, time constants."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Optional

import torch
from torch import Tensor

from ..network import LiquidNetwork
from ..neuron import LiquidNeuron
from ._subject import asks

QUANTILES = {
    "shortest": 0.0,
    "lower quartile": 0.25,
    "median": 0.5,
    "upper quartile": 0.75,
    "longest": 1.0,
}


@dataclass(frozen=True)
class Population:
    """One layer of a network, in one direction.

    Attributes:
        layers: layer name -> number of neurons, in the order signals travel.
        inputs: number of inputs (sensory neurons).
        synapses, sensory_synapses: kind -> count, kinds ``"exciting"`` and ``"inhibiting"``:
            a conductance synapse by the sign of its reversal potential now, a dense one by
            the sign of its weight now.
        parameters: name -> number of values.
        time_constants: quantile name -> base time constant, in the unit of the elapsed time.
    """

    layers: dict[str, int]
    inputs: int
    synapses: dict[str, int]
    sensory_synapses: dict[str, int]
    parameters: dict[str, int]
    time_constants: dict[str, float]


@dataclass(frozen=True)
class Description:
    """What a network is made of; ``str()`` of it is a table, :meth:`to_dict` plain data.

    Attributes:
        config: the options of the network, see :meth:`LiquidNetwork.config`.
        populations: one entry a layer and direction, in the order of the network's state.
        readout_parameters: name -> number of values.
        parameter_count: of everything that is trained.
        size_in_bytes: of those parameters in memory.
    """

    config: dict[str, Any]
    populations: tuple[Population, ...]
    readout_parameters: dict[str, int]
    parameter_count: int
    size_in_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data: dicts, lists, strings and numbers."""
        return {**asdict(self), "populations": [asdict(each) for each in self.populations]}

    def __str__(self) -> str:
        config = self.config
        rows = [
            ("dynamics", _options(config["dynamics"])),
            ("solver", _solver(config["solver"], config["unfolds"])),
            ("inputs, outputs", f"{config['input_size']}, {config['output_size']}"),
            ("read-out", f"{config['readout']}, {_sizes(self.readout_parameters)}"),
        ]
        for number, each in enumerate(self.populations):
            which = f" {number}" if len(self.populations) > 1 else ""
            constants = ", ".join(f"{v:.3g} {name}" for name, v in each.time_constants.items())
            rows += [
                (f"neurons{which}", f"{sum(each.layers.values())}: {_parts(each.layers)}"),
                (f"synapses{which}", _signs(each.synapses)),
                (f"sensory synapses{which}", _signs(each.sensory_synapses)),
                (f"time constants{which}", constants),
                (f"parameters{which}", _sizes(each.parameters)),
            ]
        rows.append(("total", f"{self.parameter_count} parameters, {self.size_in_bytes} bytes"))
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


@asks
def describe(network: LiquidNetwork) -> Description:
    """What ``network`` is made of: neurons, synapses, parameters, time constants, size.

    Example:
        >>> from liquid_neural_networks import LiquidNetwork, inspection, wiring
        >>> pilot = LiquidNetwork(4, wiring=wiring.ncp(inter=12, command=6, motor=1))
        >>> inspection.describe(pilot).populations[0].layers
        {'inter': 12, 'command': 6, 'motor': 1}
    """
    parameters = list(network.parameters())
    return Description(
        config=network.config(),
        populations=tuple(_population(neuron) for _, neuron in network.populations()),
        readout_parameters={n: p.numel() for n, p in network.readout.named_parameters()},
        parameter_count=sum(each.numel() for each in parameters),
        size_in_bytes=sum(each.numel() * each.element_size() for each in parameters),
    )


@torch.no_grad()
def _population(neuron: LiquidNeuron) -> Population:
    wiring, dynamics = neuron.wiring, neuron.dynamics
    values = dynamics.values()
    base = dynamics.base_time_constants(values).double()
    recurrent, sensory = (_count_signs(each) for each in dynamics.polarities(values))
    return Population(
        layers={name: len(ids) for name, ids in wiring.layers.items()},
        inputs=wiring.input_size,
        synapses=recurrent,
        sensory_synapses=sensory,
        parameters={name: value.numel() for name, value in neuron.values().items()},
        time_constants={name: float(base.quantile(q)) for name, q in QUANTILES.items()},
    )


def _count_signs(strength: Tensor) -> dict[str, int]:
    exciting = int((strength > 0).sum())
    return {"exciting": exciting, "inhibiting": strength.numel() - exciting}


def _signs(counts: dict[str, int]) -> str:
    return f"{sum(counts.values())}: {_parts(counts)}"


def _parts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _sizes(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _solver(name: Optional[str], unfolds: Optional[int]) -> str:
    if name is None:
        return "none needed"
    return name if name == "adaptive" else f"{name}, {unfolds} unfolds a sample"


def _options(description: dict[str, Any]) -> str:
    extras = ", ".join(f"{k} {v}" for k, v in description.items() if k != "type")
    return f"{description['type']}, {extras}" if extras else str(description["type"])
