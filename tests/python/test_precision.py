"""Autocast, and modules whose numbers come later: what other code does to a network's tensors."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from liquid_neural_networks import LiquidNetwork, LiquidNeuron, engines
from liquid_neural_networks.compat.ncps.torch import LTC, CfC
from liquid_neural_networks.errors import DtypeError

OPTIONS = [
    {},
    {"dynamics": "dense"},
    {"dynamics": "lrc"},
    {"dynamics": "closed_form", "num_layers": 2},
    {"mixed_memory": True},
    {"dynamics": "closed_form", "mixed_memory": True},
]
INPUTS = torch.linspace(-1, 1, 2 * 5 * 3).view(2, 5, 3)


def gradients(network: nn.Module, outputs: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(outputs.float().sum(), list(network.parameters())))


def read_out_in_half_precision(network: LiquidNetwork) -> Tensor:
    """What autocast may change: the linear read-out, on states of full precision."""
    seen: list[Tensor] = []
    hook = network.readout.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(INPUTS)
    hook.remove()
    lowered = [each.bfloat16() for each in (seen[0], network.readout.weight, network.readout.bias)]
    return nn.functional.linear(*lowered)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_states_under_autocast_are_what_they_are_without(options: dict[str, object]) -> None:
    network = LiquidNetwork(3, 8, 2, seed=0, **options)
    _, state = network(INPUTS, return_state=True)
    wanted = read_out_in_half_precision(network)
    for _ in range(20):  # a kernel that writes where it should not is not always found out at once
        with torch.autocast("cpu", dtype=torch.bfloat16):
            outputs, after = network(INPUTS, return_state=True)
        assert torch.equal(after, state)
        assert torch.equal(outputs, wanted)
    for mine, theirs in zip(gradients(network, outputs), gradients(network, wanted)):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_backward_inside_autocast(options: dict[str, object], reference: bool) -> None:
    """It lowers what autocast lowered forward, the read-out, and nothing of a population."""
    network = LiquidNetwork(3, 8, 2, seed=0, **options)
    inputs = INPUTS.clone().requires_grad_()
    leaves, found = [inputs, *network.neurons.parameters()], []
    for enabled in (False, True):
        engine = engines.reference_only() if reference else nullcontext()
        with engine, torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            _, state = network(inputs, return_state=True)
            found.append(torch.autograd.grad(state.square().sum(), leaves))
            product = torch.ones(2, 2) @ torch.ones(2, 2)
        assert (product.dtype == torch.bfloat16) == enabled  # as it was before
    assert all(map(torch.equal, *found))


def test_backward_of_other_layers_is_left_alone() -> None:
    before, network = nn.Linear(3, 3), LiquidNetwork(3, 8, 2, seed=0)
    seen = []
    with torch.autocast("cpu", dtype=torch.bfloat16):
        lowered = before(INPUTS)
        lowered.grad_fn.register_prehook(lambda _: seen.append(torch.is_autocast_enabled("cpu")))
        network(lowered).float().sum().backward()
    assert seen == [True]


def test_what_other_layers_make_under_autocast_is_welcome() -> None:
    model = nn.Sequential(nn.Linear(3, 3), LiquidNetwork(3, 8, 2, dynamics="dense", seed=0))
    neuron = LiquidNeuron(3, 8, seed=0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model(INPUTS).isfinite().all()
        lowered = model[0](INPUTS)
        assert lowered.dtype == torch.bfloat16
        assert neuron(lowered[:, 0]).dtype == torch.float32
    with pytest.raises(DtypeError, match="inputs"):
        model[1](lowered)


@pytest.mark.parametrize("model", [CfC(3, 8), CfC(3, 8, mode="pure"), LTC(3, 8)], ids=str)
def test_models_of_ncps_under_autocast(model: nn.Module) -> None:
    wanted, _ = model(INPUTS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, _ = model(INPUTS)
    assert torch.equal(outputs, wanted)  # there is nothing in them that autocast lowers


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_numbers_that_come_with_a_state_dict(options: dict[str, object]) -> None:
    full = LiquidNetwork(3, 8, 2, seed=0, **options)
    with torch.device("meta"):
        assigned = LiquidNetwork(3, 8, 2, **options)
        emptied = LiquidNetwork(3, 8, 2, **options)
    assigned.load_state_dict(full.state_dict(), assign=True)
    emptied.to_empty(device="cpu").load_state_dict(full.state_dict())
    for network in (assigned, emptied):
        assert torch.equal(network(INPUTS), full(INPUTS))


def test_a_network_without_numbers_says_so() -> None:
    with torch.device("meta"):
        network = LiquidNetwork(3, 8, 2)
    with pytest.raises(DtypeError, match="the network on meta"):
        network(INPUTS)
