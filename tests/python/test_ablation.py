"""A network without a synapse is one that was built without it, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from liquid_neural_networks import LiquidNetwork, wiring
from liquid_neural_networks.dynamics import DYNAMICS
from liquid_neural_networks.errors import DomainError, DtypeError, OptionError

NCP = wiring.ncp(inter=5, command=3, motor=2, seed=4)
BACKBONE = {"type": "closed_form", "backbone_units": 8}
LEAKY = {"type": "closed_form", "leaky_wiring": True}


def network(**options: Any) -> LiquidNetwork:
    return LiquidNetwork(3, seed=1, **{"output_size": 2, "wiring": NCP, **options}).eval()


def without(whole: LiquidNetwork, synapse: tuple[int, int], sensory: tuple[int, int]) -> Tensor:
    """Outputs of a network grown from matrices in which two synapses do not exist."""
    grown = whole.wiring
    here, there = grown.adjacency(), grown.sensory_adjacency()
    here[synapse], there[sensory] = 0, 0
    made = wiring.Wiring.from_matrices(here, there, grown.motor, grown.layers)
    dynamics = whole.config()["dynamics"]
    built = LiquidNetwork(3, output_size=2, wiring=made, dynamics=dynamics).eval()
    values = {}
    old = whole.neurons[0].dynamics.pairs()
    new = built.neurons[0].dynamics.pairs()
    for name, value in whole.values().items():
        own = name.rpartition(".")[2]
        if own in old:
            kept = [i for i, pair in enumerate(old[own].tolist()) if pair in set(new[own].tolist())]
            value = value[kept]
        values[name] = value.detach()
    built.set_values(values)
    return built(sequences())


def sequences() -> Tensor:
    return torch.randn(3, 7, 3, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", DYNAMICS)
def test_it_is_the_network_in_which_the_synapse_does_not_exist(name: str, tmp_path: Path) -> None:
    whole = network(dynamics=name)
    grown = whole.wiring
    synapse = (int(grown.pre[3]), int(grown.post[3]))
    sensory = (int(grown.sensory_pre[2]), int(grown.sensory_post[2]))
    assert synapse[0] != synapse[1]
    part = whole.ablate(synapses=[synapse], sensory_synapses=[sensory])
    outputs = part(sequences())
    assert torch.equal(outputs, without(whole, synapse, sensory))
    assert not torch.equal(outputs, whole(sequences()))
    assert part.wiring.synapse_count == grown.synapse_count - 1
    part.save(tmp_path / "part.lnn")
    assert torch.equal(LiquidNetwork.load(tmp_path / "part.lnn")(sequences()), outputs)


@pytest.mark.parametrize(
    "options",
    [
        *({"dynamics": name} for name in DYNAMICS),
        {"dynamics": BACKBONE, "wiring": wiring.fully_connected(6)},
        {"dynamics": LEAKY},
        {"mixed_memory": True},
        {"num_layers": 2, "wiring": wiring.fully_connected(6), "dynamics": BACKBONE},
        {"num_layers": 2, "bidirectional": True, "wiring": wiring.random(6, sparsity=0.3)},
        {"readout": "dense"},
    ],
    ids=str,
)
def test_nobody_hears_a_neuron_that_is_gone(options: dict[str, Any]) -> None:
    """Whatever it does: its own parameters no longer change an output."""
    whole = network(**options)
    part = whole.ablate(neurons=[1, 4])
    outputs = part(sequences())
    assert not torch.allclose(outputs, whole(sequences()))
    # They start elsewhere, and nothing is different but for themselves.
    shape = (len(part.neurons), 3, part.state_size)
    start = torch.zeros(shape)
    start[0, :, [1, 4]] = 5.0
    torch.testing.assert_close(part(sequences(), state=start), outputs, rtol=0, atol=0)


def test_what_is_not_there_is_refused() -> None:
    whole = network()
    with pytest.raises(DomainError, match="neurons: "):
        whole.ablate(neurons=[10])
    with pytest.raises(OptionError, match="synapses: there is no synapse from 0 to 9"):
        whole.ablate(synapses=[(0, 9)])
    with pytest.raises(DtypeError, match="sensory_synapses: expected pairs"):
        whole.ablate(sensory_synapses=[3])
    for pairs in ([(0.9, 1.2)], ["01"], [(0, 1, 2)], 3):
        with pytest.raises(DtypeError, match="synapses: expected "):
            whole.ablate(synapses=pairs)
    with pytest.raises(DtypeError, match="neurons: expected a list"):
        whole.ablate(neurons=5)
    with pytest.raises(DomainError, match="population: "):
        whole.ablate(population=1)
    mixed = network(dynamics=BACKBONE, wiring=wiring.fully_connected(6))
    with pytest.raises(OptionError, match="synapses: a backbone"):
        mixed.ablate(synapses=[(0, 1)])
    with pytest.raises(OptionError, match="synapses: a backbone"):
        network(dynamics=LEAKY).ablate(sensory_synapses=[(0, 9)])
