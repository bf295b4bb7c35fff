"""A description counts what the network's own tensors count; currents add up to the drive."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from liquid_neural_networks import LiquidNetwork, wiring
from liquid_neural_networks.cli.inspect import inspect
from liquid_neural_networks.errors import DomainError, OptionError
from liquid_neural_networks.inspection import describe, synapse_currents

NETWORKS = {
    "full": lambda: LiquidNetwork(3, 8, 2, seed=1),
    "ncp": lambda: LiquidNetwork(4, wiring=wiring.ncp(inter=12, command=6, motor=1), seed=1),
    "random": lambda: LiquidNetwork(3, 20, 5, wiring=wiring.random(20, sparsity=0.7), seed=1),
    "dense": lambda: LiquidNetwork(3, 6, 1, dynamics="dense", seed=1),
    "stacked": lambda: LiquidNetwork(2, 5, 1, num_layers=2, bidirectional=True, seed=1),
    "closed form": lambda: LiquidNetwork(3, 6, 1, dynamics="closed_form", seed=1),
    "memory": lambda: LiquidNetwork(3, 6, 1, mixed_memory=True, seed=1),
    "double": lambda: LiquidNetwork(2, 5, 1, constraint="softplus", seed=1).double(),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_counts_are_those_of_the_tensors(name: str) -> None:
    network = NETWORKS[name]()
    description = describe(network)
    tensors = dict(network.named_parameters())
    assert description.parameter_count == sum(each.numel() for each in tensors.values())
    width = 8 if name == "double" else 4
    assert description.size_in_bytes == width * description.parameter_count
    assert len(description.populations) == len(network.neurons)
    inside = sum(sum(each.parameters.values()) for each in description.populations)
    assert inside + sum(description.readout_parameters.values()) == description.parameter_count
    for population, neuron in zip(description.populations, network.neurons):
        grown = neuron.wiring
        assert sum(population.layers.values()) == grown.units
        assert population.inputs == grown.input_size
        for counts, polarity in (
            (population.synapses, grown.polarity),
            (population.sensory_synapses, grown.sensory_polarity),
        ):
            assert sum(counts.values()) == len(polarity)
            if neuron.dynamics.solvable:  # closed-form weights start with either sign
                assert counts["exciting"] == int((polarity == 1).sum())


def test_signs_are_those_of_the_potentials_now() -> None:
    network = LiquidNetwork(3, 4, 1, seed=0)
    network.neurons[0].dynamics.set_values({"E": torch.full((16,), -0.5)})
    assert describe(network).populations[0].synapses == {"exciting": 0, "inhibiting": 16}


def test_time_constants_are_capacitance_over_leak() -> None:
    network = NETWORKS["full"]()
    values = network.neurons[0].dynamics.values()
    expected = np.quantile(
        (values["c"] / values["g"]).detach().double().numpy(), [0, 0.25, 0.5, 0.75, 1]
    )
    shown = describe(network).populations[0].time_constants
    assert list(shown.values()) == pytest.approx(expected, rel=1e-6)


def test_the_table_names_the_layers_and_plain_data_survives_json() -> None:
    description = describe(NETWORKS["ncp"]())
    assert "19: 12 inter, 6 command, 1 motor" in str(description)
    assert f"{description.parameter_count} parameters" in str(description)
    plain = description.to_dict()
    assert json.loads(json.dumps(plain)) == plain


@pytest.mark.parametrize("batched", [True, False])
def test_currents_leak_and_charge_balance(batched: bool) -> None:
    """c dv/dt = leak + currents, with dv/dt taken from the dynamics' own right-hand side."""
    network = NETWORKS["ncp"]().double()
    shape = (2, 7, 4) if batched else (7, 4)
    inputs = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    currents = synapse_currents(network, inputs)
    v = network.trace(inputs).states
    neuron = network.neurons[0]
    values = neuron.dynamics.values()
    total = values["g"] * (values["vleak"] - v)
    total = total.index_add(-1, torch.tensor(neuron.wiring.post), currents.recurrent)
    total = total.index_add(-1, torch.tensor(neuron.wiring.sensory_post), currents.sensory)
    sensory = neuron.dynamics.sensory(values, inputs, None)
    rate, drive = neuron.dynamics.rate_and_drive(values, v, sensory, None)
    torch.testing.assert_close(total / values["c"], drive - rate * v)


def test_currents_of_another_layer() -> None:
    """What the second layer's synapses carry, from its own states and those of the first."""
    network = LiquidNetwork(2, 5, 1, num_layers=2, seed=1).double()
    inputs = torch.linspace(-1, 1, 14, dtype=torch.float64).view(7, 2)
    currents = synapse_currents(network, inputs, population=1)
    below, v = (network.trace(inputs, population=each).states for each in (0, 1))
    values, wired = network.neurons[1].values(), network.neurons[1].wiring
    for found, prefix, sent in ((currents.recurrent, "", v), (currents.sensory, "sensory_", below)):
        w, sigma, mu, reversal = (values[f"{prefix}{name}"] for name in ("w", "sigma", "mu", "E"))
        pre, post = (torch.tensor(getattr(wired, f"{prefix}{end}")) for end in ("pre", "post"))
        opened = w / (1 + torch.exp(-sigma * (sent[:, pre] - mu)))
        torch.testing.assert_close(found, opened * (reversal - v[:, post]))
    with pytest.raises(DomainError, match="population"):
        synapse_currents(network, inputs, population=2)


def test_dense_dynamics_have_no_currents() -> None:
    with pytest.raises(OptionError, match="network: dense dynamics have no synaptic currents"):
        synapse_currents(NETWORKS["dense"](), torch.zeros(5, 3))


def test_the_command_prints_the_table_or_json_and_draws(tmp_path: Path) -> None:
    network = NETWORKS["ncp"]()
    network.save(tmp_path / "pilot.lnn")
    runner = CliRunner()
    table = runner.invoke(inspect, [str(tmp_path / "pilot.lnn")])
    assert table.exit_code == 0 and str(describe(network)) in table.output
    plain = runner.invoke(inspect, [str(tmp_path / "pilot.lnn"), "--json"])
    assert json.loads(plain.output) == describe(network).to_dict()
    picture = tmp_path / "wiring.png"
    runner.invoke(inspect, [str(tmp_path / "pilot.lnn"), "--wiring", str(picture)])
    assert picture.read_bytes().startswith(b"\x89PNG")
