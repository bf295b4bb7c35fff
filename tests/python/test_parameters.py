"""Parameters: checked before they are set, and before compiled code reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.utils import parametrize, prune

from liquid_neural_networks import LiquidNetwork, LiquidNeuron, fused, wiring
from liquid_neural_networks.errors import DomainError, DtypeError, OptionError, ShapeError

DYNAMICS = ["conductance", "dense", "lrc", "closed_form"]
INPUTS = torch.linspace(-1, 1, 2 * 4 * 3).view(2, 4, 3)


def network(dynamics: str = "conductance", seed: int = 0, **options: object) -> LiquidNetwork:
    return LiquidNetwork(3, 5, 2, dynamics=dynamics, seed=seed, **options)


@pytest.fixture(params=["fused", "reference"])
def path(request: pytest.FixtureRequest) -> Iterator[None]:
    with fused.disabled() if request.param == "reference" else nullcontext():
        yield


# -- before they are used ------------------------------------------------------------------------


@pytest.mark.parametrize("dynamics", DYNAMICS)
@pytest.mark.parametrize("mixed_memory", [False, True])
def test_a_stand_in_of_another_shape_is_refused(
    path: None, dynamics: str, mixed_memory: bool
) -> None:
    net = network(dynamics, mixed_memory=mixed_memory)
    for name, parameter in net.neurons.named_parameters(prefix="neurons"):
        with pytest.raises(ShapeError, match=name.split(".")[-1]):
            functional_call(net, {name: parameter.detach()[..., :-1].clone()}, (INPUTS,))


@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_a_stand_in_of_another_dtype_is_refused(path: None, dynamics: str) -> None:
    net = network(dynamics)
    name, parameter = list(net.neurons.named_parameters(prefix="neurons"))[-1]
    net.load_state_dict({name: parameter.detach().double()}, strict=False, assign=True)
    with pytest.raises(DtypeError, match=r"float64.*convert the whole network"):
        net(INPUTS)


def test_a_stream_refuses_it_too() -> None:
    net = network()
    name = "neurons.0.dynamics.mu"
    net.load_state_dict({name: torch.zeros(25).double()}, strict=False, assign=True)
    with pytest.raises(DtypeError, match="mu"):
        net.stream()


class Doubled(torch.nn.Module):
    def forward(self, original: Tensor) -> Tensor:
        return 2 * original


def test_pruned_and_parametrized_ones_count(path: None) -> None:
    wanted, pruned, made = network(), network(), network()
    dynamics = wanted.neurons[0].dynamics
    kept = (torch.arange(25) % 2).float()
    with torch.no_grad():
        dynamics.w *= kept
        dynamics.mu *= 2
    for net in (pruned, made):
        prune.custom_from_mask(net.neurons[0].dynamics, "w", kept)
    with torch.no_grad():
        pruned.neurons[0].dynamics.mu *= 2
    parametrize.register_parametrization(made.neurons[0].dynamics, "mu", Doubled())
    for net in (pruned, made):
        torch.testing.assert_close(net(INPUTS), wanted(INPUTS))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
        net(INPUTS).sum().backward()
        optimizer.step()
        assert torch.equal(net.neurons[0].dynamics.stored()["w"][::2], torch.zeros(13))


# -- before they are set -------------------------------------------------------------------------


@pytest.mark.parametrize("mixed_memory", [False, True])
def test_values_of_one_network_make_another_the_same(mixed_memory: bool) -> None:
    one, other = (network(seed=seed, mixed_memory=mixed_memory) for seed in (0, 1))
    other.set_values(one.values())
    assert torch.equal(one(INPUTS), other(INPUTS))
    assert set(one.values()) == {
        name.replace(".dynamics", "") for name, _ in one.named_parameters()
    }


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("neurons.0.memory.b", torch.full((20,), float("nan")), DomainError),
        ("neurons.0.memory.b", [0.0] * 20, DtypeError),
        ("neurons.0.memory.W_rec", torch.zeros(20, 4), ShapeError),
        ("neurons.0.memory.gain", torch.zeros(1), OptionError),
        ("neurons.0.w", -torch.ones(25), DomainError),
        ("neurons.1.w", torch.ones(25), OptionError),
        ("readout.bias", torch.tensor([0.0, float("inf")]), DomainError),
        ("readout.bias", torch.zeros(3), ShapeError),
    ],
)
def test_wrong_values_change_nothing(name: str, value: object, error: type[Exception]) -> None:
    net = network(mixed_memory=True)
    before = {name: each.clone() for name, each in net.values().items()}
    fine = {"neurons.0.mu": torch.zeros(25), "readout.weight": torch.zeros(2, 5)}
    with pytest.raises(error):
        net.set_values({**fine, name: value})
    for name, each in net.values().items():
        assert torch.equal(each, before[name]), name


def test_a_neuron_checks_its_memory_first() -> None:
    neuron = LiquidNeuron(3, 5, mixed_memory=True, seed=0)
    before = neuron.dynamics.mu.clone()
    with pytest.raises(DomainError, match="b: contains NaN"):
        neuron.set_values({"mu": torch.zeros(25), "memory.b": torch.full((20,), float("nan"))})
    assert torch.equal(neuron.dynamics.mu, before)


# -- state dicts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dynamics", DYNAMICS[:3])
def test_a_state_dict_of_another_wiring_is_refused(dynamics: str, tmp_path: Path) -> None:
    """As many synapses, elsewhere: every shape fits."""

    def grown(seed: int) -> LiquidNetwork:
        recipe = wiring.random(8, sparsity=0.5, seed=seed)
        return LiquidNetwork(3, output_size=2, wiring=recipe, dynamics=dynamics)

    torch.save(grown(0).state_dict(), tmp_path / "weights.pt")
    state = torch.load(tmp_path / "weights.pt", weights_only=True)
    same = grown(0)
    same.load_state_dict(state)
    assert all(torch.equal(each, state[name]) for name, each in same.state_dict().items())
    with pytest.raises(RuntimeError, match="neurons with other synapses"):
        grown(1).load_state_dict(state)
    grown(1).load_state_dict(dict(state))  # as plain numbers it may be anybody's
