"""Right-hand sides: the equations term by term, initial ranges, constraints under optimisers."""

from __future__ import annotations

import copy
import gc
import math
import weakref
from functools import partial
from typing import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from core_cases import ALL_DYNAMICS, network, positive, sequences
from liquid_neural_networks import LiquidNetwork, LiquidNeuron, wiring
from liquid_neural_networks.constraints import CONSTRAINTS
from liquid_neural_networks.dynamics import DYNAMICS, ConductanceDynamics, DenseDynamics
from liquid_neural_networks.errors import LiquidError

SPARSE = wiring.random(6, sparsity=0.4, seed=5).build(3)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def numbers(dynamics: torch.nn.Module) -> dict[str, list[float]]:
    return {name: value.tolist() for name, value in dynamics.values().items()}


def test_conductance_equation_synapse_by_synapse() -> None:
    dynamics = ConductanceDynamics(SPARSE).double()
    u, v = sequences(1, 1)[0, 0].tolist(), sequences(1, 1, 6)[0, 0].tolist()
    p = numbers(dynamics)
    rate, drive = list(p["g"]), [g * leak for g, leak in zip(p["g"], p["vleak"])]
    for e, (j, i) in enumerate(zip(SPARSE.pre.tolist(), SPARSE.post.tolist())):
        s = p["w"][e] * sigmoid(p["sigma"][e] * (v[j] - p["mu"][e]))
        rate[i] += s
        drive[i] += s * p["E"][e]
    for e, (k, i) in enumerate(zip(SPARSE.sensory_pre.tolist(), SPARSE.sensory_post.tolist())):
        seen = p["a"][k] * u[k] + p["b"][k]
        r = p["sensory_w"][e] * sigmoid(p["sensory_sigma"][e] * (seen - p["sensory_mu"][e]))
        rate[i] += r
        drive[i] += r * p["sensory_E"][e]
    check_rate_and_drive(
        dynamics,
        u,
        v,
        [a / c for a, c in zip(rate, p["c"])],
        [a / c for a, c in zip(drive, p["c"])],
    )


@pytest.mark.parametrize(("activation", "phi"), [("sigmoid", sigmoid), ("tanh", math.tanh)])
def test_dense_equation_synapse_by_synapse(activation: str, phi: Callable[[float], float]) -> None:
    dynamics = DenseDynamics(SPARSE, activation=activation).double()
    u, v = sequences(1, 1)[0, 0].tolist(), sequences(1, 1, 6)[0, 0].tolist()
    p = numbers(dynamics)
    total = list(p["b"])
    for e, (j, i) in enumerate(zip(SPARSE.pre.tolist(), SPARSE.post.tolist())):
        total[i] += p["W_rec"][e] * v[j]
    for e, (k, i) in enumerate(zip(SPARSE.sensory_pre.tolist(), SPARSE.sensory_post.tolist())):
        total[i] += p["W_in"][e] * u[k]
    f = [phi(x) for x in total]
    check_rate_and_drive(
        dynamics,
        u,
        v,
        [1 / tau + each for tau, each in zip(p["tau"], f)],
        [each * a for each, a in zip(f, p["A"])],
    )


def check_rate_and_drive(
    dynamics: torch.nn.Module, u: list[float], v: list[float], rate: list[float], drive: list[float]
) -> None:
    values = dynamics.values()
    sensory = dynamics.sensory(values, torch.tensor(u, dtype=torch.float64), None)
    state = torch.tensor(v, dtype=torch.float64)
    got_rate, got_drive = dynamics.rate_and_drive(values, state, sensory, None)
    np.testing.assert_allclose(got_rate.detach(), rate, rtol=1e-12)
    np.testing.assert_allclose(got_drive.detach(), drive, rtol=1e-12, atol=1e-14)


PUBLISHED_RANGES = {
    "c": (0.4, 0.6),
    "g": (0.001, 1.0),
    "vleak": (-0.2, 0.2),
    "w": (0.001, 1.0),
    "sigma": (3.0, 8.0),
    "mu": (0.3, 0.8),
    "a": (1.0, 1.0),
    "b": (0.0, 0.0),
}


@pytest.mark.parametrize("constraint", sorted(CONSTRAINTS))
def test_conductance_starts_in_the_published_ranges(constraint: str) -> None:
    wired = wiring.fully_connected(40).build(30)
    values = ConductanceDynamics(wired, constraint).values()
    assert set(values) - {"E", "sensory_E"} == set(PUBLISHED_RANGES) | {
        "sensory_w",
        "sensory_sigma",
        "sensory_mu",
    }
    for name, value in values.items():
        if name.endswith("E"):
            polarity = wired.sensory_polarity if name.startswith("s") else wired.polarity
            assert value.tolist() == polarity.tolist()
            continue
        low, high = PUBLISHED_RANGES[name.removeprefix("sensory_")]
        assert low - 1e-6 <= value.min() and value.max() <= high + 1e-6
        # Uniform over the range, not bunched in a corner of it.
        assert value.max() - value.min() >= 0.8 * (high - low)


def test_dense_starts_in_the_stated_ranges() -> None:
    wired = wiring.random(40, sparsity=0.5).build(30)
    values = DenseDynamics(wired).values()
    for name, polarity in (("W_rec", wired.polarity), ("W_in", wired.sensory_polarity)):
        bound = 2 / math.sqrt(len(polarity) / 40)
        assert (values[name] * torch.tensor(polarity) >= 0).all()
        assert 0.9 * bound < values[name].abs().max() <= bound
    assert (values["tau"] >= 0.5).all() and (values["tau"] <= 2).all()
    assert (values["A"].abs() <= 1).all() and (values["b"] == 0).all()


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_only_existing_synapses_have_parameters(dynamics: str) -> None:
    connected = set(zip(SPARSE.post.tolist(), SPARSE.pre.tolist()))
    with_itself = len(connected | {(i, i) for i in range(6)})
    sizes = {6, SPARSE.synapse_count, SPARSE.sensory_synapse_count, 3}
    if not DYNAMICS[dynamics].solvable:
        sizes.add(with_itself)
    for parameter in LiquidNeuron(3, wiring=SPARSE, dynamics=dynamics).parameters():
        assert parameter.dim() == 1 and len(parameter) in sizes


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_seed_fixes_the_initial_parameters(dynamics: str) -> None:
    def parameters(seed: int) -> Tensor:
        return torch.cat([p.flatten() for p in network(dynamics, seed=seed).parameters()])

    global_state = torch.get_rng_state()
    assert torch.equal(parameters(3), parameters(3))
    assert not torch.equal(parameters(3), parameters(4))
    assert torch.equal(torch.get_rng_state(), global_state)


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
@pytest.mark.parametrize("constraint", sorted(CONSTRAINTS))
def test_set_values_is_what_values_returns(dynamics: str, constraint: str) -> None:
    module = DYNAMICS[dynamics](SPARSE, constraint).double()
    wanted = {
        name: positive(*value.shape, low=1e-3, high=30.0) for name, value in module.values().items()
    }
    module.set_values(wanted)
    for name, value in module.values().items():
        torch.testing.assert_close(value, wanted[name], rtol=1e-12, atol=1e-12)


def test_a_refused_value_changes_nothing() -> None:
    module = ConductanceDynamics(SPARSE)
    before = copy.deepcopy(module.state_dict())
    with pytest.raises(LiquidError):
        module.set_values({"c": torch.full((6,), 0.5), "g": torch.zeros(2)})
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


# -- constraints -------------------------------------------------------------------------------

OPTIMISERS = {
    "sgd": partial(torch.optim.SGD, lr=1e4),
    "sgd_momentum": partial(torch.optim.SGD, lr=10.0, momentum=0.9, nesterov=True),
    "sgd_fused": partial(torch.optim.SGD, lr=1e4, fused=True),
    "adam": partial(torch.optim.Adam, lr=5.0),
    "adam_foreach": partial(torch.optim.Adam, lr=5.0, foreach=True),
    "adam_fused": partial(torch.optim.Adam, lr=5.0, fused=True),
    "adamw": partial(torch.optim.AdamW, lr=5.0),
    "rmsprop": partial(torch.optim.RMSprop, lr=5.0),
    "adagrad": partial(torch.optim.Adagrad, lr=5.0),
    "lbfgs": partial(torch.optim.LBFGS, lr=1.0, max_iter=4),
}


def train(net: LiquidNetwork, optimiser: torch.optim.Optimizer, steps: int = 3) -> None:
    inputs = sequences().to(next(net.parameters()))

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = net(inputs).square().mean()
        for neuron in net.neurons:
            values = neuron.dynamics.values()
            # Pulls every bounded value far below its bound.
            loss = loss + sum((values[n] + 9).square().sum() for n in neuron.dynamics.lower_bounds)
        loss.backward()
        return loss

    for _ in range(steps):
        optimiser.step(closure)


def check_in_domain(net: LiquidNetwork) -> None:
    for neuron in net.neurons:
        stored = dict(neuron.dynamics.named_parameters())
        for name, lower in neuron.dynamics.lower_bounds.items():
            assert torch.isfinite(stored[name]).all()
            assert (neuron.dynamics.values()[name] >= lower).all(), name
            if neuron.dynamics.constraint == "clip":
                assert (stored[name] >= lower).all(), f"{name} was left outside"


@pytest.mark.parametrize("optimiser", sorted(OPTIMISERS))
@pytest.mark.parametrize("constraint", sorted(CONSTRAINTS))
@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_constraints_hold_after_every_step(dynamics: str, constraint: str, optimiser: str) -> None:
    net = network(dynamics, constraint=constraint, num_layers=2)
    train(net, OPTIMISERS[optimiser](net.parameters()))
    check_in_domain(net)


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_copies_are_constrained_too(dynamics: str) -> None:
    copies = copy.deepcopy(network(dynamics))
    train(copies, torch.optim.SGD(copies.parameters(), lr=1e4))
    check_in_domain(copies)


def test_a_value_on_its_bound_can_rise_again() -> None:
    net = network("conductance")
    dynamics = net.neurons[0].dynamics
    dynamics.set_values({"w": torch.zeros_like(dynamics.w)})
    net(sequences()).sum().backward()
    assert (dynamics.w.grad != 0).all()


def test_one_networks_step_leaves_anothers_backward_pass_alone() -> None:
    """As in any training of two networks alternately, such as an actor and a critic."""
    first, second = network(), network(seed=1)
    optimiser = torch.optim.SGD(first.parameters(), lr=0.1)
    loss = second(sequences()).sum()
    first(sequences()).sum().backward()
    optimiser.step()
    loss.backward()
    assert all(p.grad is not None for p in second.neurons.parameters())


def test_constraints_do_not_keep_networks_alive() -> None:
    gone = weakref.ref(network().neurons[0].dynamics)
    gc.collect()
    assert gone() is None
