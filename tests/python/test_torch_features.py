"""A liquid network is a torch module like any other: compiled, exported, copied, shared."""

from __future__ import annotations

import copy
import io
import multiprocessing
import shutil
import threading
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from core_cases import ALL_DYNAMICS, network, positive, sequences
from liquid_neural_networks import LiquidNetwork, LiquidNeuron, fused, inspection, wiring
from liquid_neural_networks.dynamics import DYNAMICS

pytestmark = pytest.mark.usefixtures("path")


STEPS = 2
"""Of what is compiled: a graph has every step in it, and one more shows nothing new."""


def arguments() -> dict[str, Any]:
    """Everything forward takes."""
    return {
        "inputs": sequences(4, STEPS),
        "time_constants": positive(4, STEPS, 5),
        "elapsed_time": positive(4, STEPS),
        "mask": torch.rand(4, STEPS, 3, generator=torch.Generator().manual_seed(0)) > 0.3,
        "state": positive(1, 4, 5),
        "return_state": True,
    }


def flat_gradients(net: torch.nn.Module) -> Tensor:
    return torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None])


# -- compile and export ------------------------------------------------------------------------


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
@pytest.mark.parametrize("given", ["inputs alone", "everything"])
def test_compiles_to_one_graph(given: str, dynamics: str, path: str) -> None:
    if path == "fused" and dynamics == "lrc":
        return  # there is no compiled step of it: the graph and the numbers are the other path's
    torch.compiler.reset()
    net = network(dynamics, unfolds=2)
    compiled = torch.compile(copy.deepcopy(net), fullgraph=True, backend="aot_eager")
    assert inspection.describe(compiled) == inspection.describe(net)
    options = {"inputs": sequences(4, STEPS)} if given == "inputs alone" else arguments()
    results = []
    for module in (net, compiled):
        outcome = module(**options)
        outputs = outcome[0] if isinstance(outcome, tuple) else outcome
        outputs.square().sum().backward()
        results.append(outputs.detach())
    torch.testing.assert_close(results[1], results[0])
    torch.testing.assert_close(flat_gradients(compiled), flat_gradients(net))


@pytest.mark.skipif(
    not (shutil.which("g++") or shutil.which("clang++")),
    reason="torch.compile TO MACHINE CODE IS NOT TESTED: no C++ compiler",
)
def test_compiles_to_machine_code() -> None:
    torch.compiler.reset()
    net = network("conductance", "fused", torch.float32, unfolds=2)
    compiled = torch.compile(net, fullgraph=True)
    inputs = sequences(2, STEPS).float()
    with torch.no_grad():
        torch.testing.assert_close(compiled(inputs), net(inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_exports(dynamics: str, path: str) -> None:
    net = network(dynamics, unfolds=2).eval()
    options = arguments()
    exported = torch.export.export(net, (), options).module()
    operators = {str(node.target) for node in exported.graph.nodes}
    assert ("liquid_neural_networks.step.default" in operators) == (
        path == "fused" and dynamics in {"conductance", "dense"}
    )
    wanted, wanted_state = net(**options)
    got, state = exported(**options)
    torch.testing.assert_close(got, wanted)
    torch.testing.assert_close(state, wanted_state)


def test_exports_with_any_batch_size() -> None:
    net = network(unfolds=2).eval()
    batch = torch.export.Dim("batch", min=2, max=64)
    given = (sequences(3, STEPS),)
    exported = torch.export.export(net, given, dynamic_shapes=({0: batch},)).module()
    torch.testing.assert_close(exported(sequences(9, STEPS)), net(sequences(9, STEPS)))


# -- derivatives beyond the first, and functional transforms -----------------------------------


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_second_derivatives_on_plain_torch(dynamics: str) -> None:
    net = network(dynamics, unfolds=1)
    with fused.disabled():
        assert torch.autograd.gradgradcheck(net, sequences(1, 2).requires_grad_(), fast_mode=True)


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_vmap_over_sequences(dynamics: str) -> None:
    net = network(dynamics)
    torch.testing.assert_close(torch.func.vmap(net)(sequences()), net(sequences()))


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_functional_gradients(dynamics: str) -> None:
    net = network(dynamics)
    inputs = sequences()
    net(inputs).square().sum().backward()
    wanted = {name: p.grad for name, p in net.named_parameters()}

    def loss(parameters: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(net, parameters, (inputs,)).square().sum()

    got = torch.func.grad(loss)({name: p.detach() for name, p in net.named_parameters()})
    for name, gradient in wanted.items():
        torch.testing.assert_close(got[name], gradient)


# -- state, copies, dtypes ---------------------------------------------------------------------


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
@pytest.mark.parametrize("constraint", ["clip", "softplus"])
def test_state_dict_round_trip(constraint: str, dynamics: str) -> None:
    options = {"constraint": constraint, "num_layers": 2, "bidirectional": True}
    net, other = network(dynamics, **options), network(dynamics, seed=1, **options)
    assert not torch.allclose(net(sequences()), other(sequences()))
    buffer = io.BytesIO()
    torch.save(net.state_dict(), buffer)
    buffer.seek(0)
    other.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(net(sequences()), other(sequences()))


def test_loading_by_assignment_keeps_the_constraints() -> None:
    net, other = network(), network(seed=1)
    other.load_state_dict(copy.deepcopy(net.state_dict()), assign=True)
    assert torch.equal(other(sequences()), net(sequences()))
    optimiser = torch.optim.SGD(other.parameters(), lr=1e4)
    other.neurons[0].dynamics.values()["g"].sum().backward()
    optimiser.step()
    assert torch.equal(other.neurons[0].dynamics.g, torch.full((5,), 1e-5, dtype=torch.float64))


def test_parameter_names_are_those_of_the_equations() -> None:
    names = [name for name, _ in network("conductance").named_parameters()]
    synapse = ["w", "sigma", "mu", "E"]
    own = ["c", "g", "vleak", *synapse, *(f"sensory_{each}" for each in synapse), "a", "b"]
    assert names == [f"neurons.0.dynamics.{each}" for each in own] + [
        "readout.weight",
        "readout.bias",
    ]
    dense = [name for name, _ in network("dense").named_parameters()]
    assert dense[:5] == [
        f"neurons.0.dynamics.{each}" for each in ("W_rec", "W_in", "b", "tau", "A")
    ]
    assert set(network().state_dict()) == set(names), "constants of the wiring are not state"


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_copies_are_equal_and_independent(dynamics: str) -> None:
    net = network(dynamics, wiring=wiring.ncp(3, 2, 2))
    twin = copy.deepcopy(net)
    wanted = net(sequences()).detach()
    assert torch.equal(twin(sequences()), wanted)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(0.3)
    assert torch.equal(net(sequences()), wanted)
    assert not torch.allclose(twin(sequences()), wanted)


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_changing_the_dtype_back_and_forth(dynamics: str) -> None:
    net = network(dynamics, dtype=torch.float32)
    wanted = net(sequences().float())
    torch.testing.assert_close(net.double()(sequences()).float(), wanted, rtol=1e-5, atol=1e-5)
    assert torch.equal(net.to(torch.float32)(sequences().float()), wanted)


def test_default_dtype_is_obeyed() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        net = LiquidNetwork(3, 5, 2)
    finally:
        torch.set_default_dtype(torch.float32)
    assert {p.dtype for p in net.parameters()} == {torch.float64}
    assert net(sequences()).dtype == torch.float64


def test_parameters_can_be_frozen() -> None:
    net = network()
    for parameter in net.neurons.parameters():
        parameter.requires_grad_(False)
    net(sequences()).sum().backward()
    assert all(p.grad is None for p in net.neurons.parameters())
    assert net.readout.weight.grad is not None


# -- processes and threads ---------------------------------------------------------------------


def run_in_worker(net: LiquidNetwork, inputs: Tensor) -> Any:
    """Runs and trains one step in another process; numpy, for plain pickling."""
    torch.set_num_threads(1)
    optimiser = torch.optim.SGD(net.parameters(), lr=1e4)
    outputs = net(inputs)
    outputs.sum().backward()
    optimiser.step()
    return outputs.detach().numpy(), bool((net.neurons[0].dynamics.g >= 1e-5).all())


def test_travels_to_a_spawned_process(path: str) -> None:
    """Once is enough: the child has its own interpreter and takes the compiled path."""
    net, inputs = network(), sequences()
    if path == "reference":
        # The switch belongs to this process; what travels is the same either way.
        assert torch.equal(copy.deepcopy(net)(inputs), net(inputs))
        return
    wanted = net(inputs).detach()  # now: torch shares the parameters, so the child moves them
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        outputs, constrained = pool.apply(run_in_worker, (net, inputs))
    torch.testing.assert_close(torch.from_numpy(outputs), wanted)
    assert constrained


class Running(Dataset):
    """A data set whose items a network computes, in the worker."""

    def __init__(self, net: LiquidNetwork):
        self.net = net

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Tensor:
        with torch.no_grad():
            outputs: Tensor = self.net(sequences(2, 4, seed=index))
        return outputs


def test_runs_in_data_loader_workers() -> None:
    net = network(num_layers=2)
    net(sequences()).sum().backward()  # the parent's threads are up before it forks
    items = Running(net)
    loader = DataLoader(items, batch_size=2, num_workers=2, multiprocessing_context="fork")
    got = torch.cat(list(loader))
    torch.testing.assert_close(got, torch.stack([items[index] for index in range(8)]))


def test_two_networks_train_in_two_threads(path: str) -> None:
    """Each ends where it ends alone, though both optimisers step all the while."""

    def trained(seed: int) -> Tensor:
        net = network(seed=seed)
        optimiser = torch.optim.Adam(net.parameters(), lr=0.05)
        for step in range(8):
            optimiser.zero_grad()
            net(sequences(seed=step)).square().mean().backward()
            optimiser.step()
        return torch.cat([p.detach().flatten() for p in net.parameters()])

    wanted = [trained(0), trained(1)]
    results: dict[int, Tensor] = {}

    def work(seed: int) -> None:
        if path == "reference":
            with fused.disabled():
                results[seed] = trained(seed)
        else:
            results[seed] = trained(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (0, 1):
        torch.testing.assert_close(results[seed], wanted[seed])


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_the_neuron_compiles_too(dynamics: str, path: str) -> None:
    if path == "fused" and dynamics == "lrc":
        return  # as above
    torch.compiler.reset()
    unfolds = 2 if DYNAMICS[dynamics].solvable else None
    step = LiquidNeuron(3, 5, dynamics=dynamics, unfolds=unfolds, seed=0).double()
    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    inputs, state = sequences(4, 1)[:, 0], positive(4, 5)
    torch.testing.assert_close(
        compiled(inputs, state, elapsed_time=positive(4)),
        step(inputs, state, elapsed_time=positive(4)),
    )
