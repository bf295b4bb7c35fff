"""Solvers: their order of accuracy, their agreement, and every gradient, on both paths."""

from __future__ import annotations

import math
from contextlib import nullcontext
from decimal import Decimal, getcontext
from typing import Optional

import pytest
import torch
from torch import Tensor

from core_cases import (
    ALL_DYNAMICS,
    ALL_SOLVERS,
    METHODS,
    ODES,
    engine_of,
    network,
    positive,
    sequences,
)
from liquid_neural_networks import LiquidNetwork, LiquidNeuron, fused, wiring
from liquid_neural_networks.solvers import SOLVERS, FixedStep

pytestmark = pytest.mark.usefixtures("path")

FIXED = [name for name in ALL_SOLVERS if isinstance(SOLVERS[name], FixedStep)]


def states(dynamics: str, solver: str, unfolds: int, elapsed: float = 1.0) -> Tensor:
    """(B, T, N) of one small population; the same parameters for every solver."""
    neuron = LiquidNeuron(3, 5, dynamics=dynamics, solver=solver, unfolds=unfolds, seed=0).double()
    state = positive(4, 5, low=-1.0, high=1.0)
    with torch.no_grad():
        steps = []
        for sample in sequences(steps=3).unbind(1):
            state = neuron(sample, state, elapsed_time=elapsed)
            steps.append(state)
    return torch.stack(steps, dim=1)


@pytest.mark.parametrize("dynamics", ODES)
@pytest.mark.parametrize("solver", FIXED)
def test_order_of_accuracy(solver: str, dynamics: str) -> None:
    """Halving the step divides the error by 2 to the solver's order."""
    with fused.disabled():
        exact = states(dynamics, "rk4", 512)
    errors = [float((states(dynamics, solver, u) - exact).abs().max()) for u in (16, 32, 64)]
    measured = [math.log2(coarse / fine) for coarse, fine in zip(errors, errors[1:])]
    wanted = SOLVERS[solver].order
    assert measured == pytest.approx([wanted] * 2, abs=0.25)


@pytest.mark.parametrize("dynamics", ODES)
def test_adaptive_keeps_to_its_tolerance(dynamics: str) -> None:
    with fused.disabled():
        exact = states(dynamics, "rk4", 512)
    torch.testing.assert_close(states(dynamics, "adaptive", 1), exact, rtol=0, atol=1e-5)


def test_the_adaptive_solver_says_the_order_of_its_method() -> None:
    """Dormand and Prince's 5(4) steps with the fifth-order solution."""
    assert SOLVERS["adaptive"].order == 5


@pytest.mark.parametrize("dynamics", ODES)
def test_adaptive_does_not_use_unfolds(dynamics: str) -> None:
    assert torch.equal(states(dynamics, "adaptive", 1), states(dynamics, "adaptive", 7))


@pytest.mark.parametrize("dynamics", ODES)
@pytest.mark.parametrize("solver", ["fused", "exponential", "adaptive"])
def test_stable_for_long_steps(solver: str, dynamics: str) -> None:
    """Explicit solvers diverge here; these three must not."""
    bound = 1.0 if dynamics == "dense" else 1.2
    assert states(dynamics, solver, 1, elapsed=50.0).abs().max() <= bound


@pytest.mark.parametrize("dynamics", ODES)
def test_exponential_is_exact_for_one_neuron_without_synapses(dynamics: str) -> None:
    """Nothing but a leak is left: x(t) = x_inf + (x0 - x_inf) exp(-t rate)."""
    lonely = wiring.Wiring(1, 1, 0, [], [], [], [0], [0], [1])
    neuron = LiquidNeuron(
        1, wiring=lonely, dynamics=dynamics, solver="exponential", unfolds=1, seed=0
    ).double()
    values = neuron.dynamics.values()
    inputs, start = torch.ones(1, dtype=torch.float64), torch.full((1,), 0.7, dtype=torch.float64)
    sensory = neuron.dynamics.sensory(values, inputs, None)
    rate, drive = neuron.dynamics.rate_and_drive(values, start, sensory, None)
    wanted = drive / rate + (start - drive / rate) * torch.exp(-2.5 * rate)
    torch.testing.assert_close(neuron(inputs, start, elapsed_time=2.5), wanted)


# -- gradients ---------------------------------------------------------------------------------


def small(dynamics: str, solver: Optional[str], **options: object) -> LiquidNetwork:
    wired = wiring.random(4, motor=2, sparsity=0.3, seed=3)
    return network(dynamics, solver, wiring=wired, unfolds=2, **options)


@pytest.mark.parametrize(("dynamics", "solver"), METHODS)
def test_gradients_of_everything(dynamics: str, solver: Optional[str]) -> None:
    """Inputs, initial state, elapsed time, given time constants and every parameter."""
    if solver == "adaptive":
        # Its step sizes depend on the state, which finite differences see: fewer, larger checks.
        check_adaptive_gradients(dynamics)
        return
    net = small(dynamics, solver)
    names = [name for name, _ in net.named_parameters()]
    arguments = [
        sequences(2, 3),
        positive(1, 2, 4, low=-1.0),
        positive(2, 3),
        positive(2, 3, 4, low=0.3),
        *(p.detach().clone() for p in net.parameters()),
    ]

    def run(inputs: Tensor, state: Tensor, elapsed: Tensor, tau: Tensor, *p: Tensor) -> Tensor:
        net_arguments = {"elapsed_time": elapsed, "state": state, "return_state": True}
        outputs, final = torch.func.functional_call(
            net, dict(zip(names, p)), (inputs, tau), net_arguments
        )
        learned = torch.func.functional_call(net, dict(zip(names, p)), (inputs,))
        return torch.cat([outputs.flatten(), final.flatten(), learned.flatten()])

    assert torch.autograd.gradcheck(run, [a.requires_grad_() for a in arguments], fast_mode=True)


def check_adaptive_gradients(dynamics: str) -> None:
    """Against the gradients of a fine fixed-step solution of the same equation."""
    gradients = []
    for solver, unfolds in (("adaptive", 1), ("rk4", 40)):
        net = network(dynamics, solver, unfolds=unfolds)
        net(sequences(2, 3)).square().sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
@pytest.mark.parametrize("constraint", ["clip", "softplus"])
def test_gradients_with_missing_features_padding_and_two_layers(
    constraint: str, dynamics: str
) -> None:
    net = small(dynamics, None, constraint=constraint, num_layers=2)
    missing = torch.rand(2, 3, 3) > 0.4
    padding = torch.tensor([[True, True, False], [True, True, True]])
    for mask in (missing, padding):
        inputs = sequences(2, 3).requires_grad_()
        names = [name for name, _ in net.named_parameters()]

        def run(
            inputs: Tensor, *p: Tensor, mask: Tensor = mask, names: list[str] = names
        ) -> Tensor:
            values = dict(zip(names, p))
            return torch.func.functional_call(net, values, (inputs,), {"mask": mask})

        parameters = [p.detach().clone().requires_grad_() for p in net.parameters()]
        assert torch.autograd.gradcheck(run, [inputs, *parameters], fast_mode=True)
        seen = mask if mask.dim() == 3 else mask.unsqueeze(-1).expand(inputs.shape)
        (gradient,) = torch.autograd.grad(run(inputs, *parameters).sum(), inputs)
        assert (gradient[~seen] == 0).all() and (gradient[seen] != 0).any()


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_float32_follows_float64(dynamics: str) -> None:
    net = network(dynamics)
    wanted = net(sequences())
    got = net.float()(sequences().float())
    torch.testing.assert_close(got, wanted.float(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("dynamics", "solver"), METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_both_paths_agree(dtype: torch.dtype, dynamics: str, solver: Optional[str]) -> None:
    """Values and gradients of the path under test against plain torch in float64."""
    inputs, times = sequences(5, 4), positive(5, 4)
    mask = torch.rand(5, 4, 3) > 0.2
    results = []
    for reference in (False, True):
        kind = torch.float64 if reference else dtype
        net = network(dynamics, solver, wiring=wiring.random(9, sparsity=0.5), dtype=torch.float64)
        net = net.to(dtype).to(kind)
        given = inputs.to(dtype).to(kind).requires_grad_()
        with fused.disabled() if reference else nullcontext():
            outputs = net(given, elapsed_time=times.to(dtype).to(kind), mask=mask)
            outputs.square().sum().backward()
        grads = [given.grad, *(p.grad for p in net.parameters())]
        results.append([outputs.detach(), *grads])
    rtol, atol = (1e-9, 1e-10) if dtype == torch.float64 else (1e-4, 2e-5)
    for got, wanted in zip(*results):
        torch.testing.assert_close(got.double(), wanted, rtol=rtol, atol=atol)


@pytest.mark.parametrize("solver", FIXED)
@pytest.mark.parametrize("dynamics", ODES)
def test_the_named_path_is_the_one_that_runs(dynamics: str, solver: str, path: str) -> None:
    """Otherwise half of this module would test the other half's code."""
    engine = engine_of(network(dynamics, solver), {"inputs": sequences()})
    compiled = (
        path == "fused"
        and dynamics in {"conductance", "dense"}
        and solver in {"fused", "euler", "exponential"}
    )
    assert engine == ("compiled" if compiled else "reference")


@pytest.mark.parametrize("path", ["fused", "reference"])
@pytest.mark.parametrize("bias", [-2.0, -12.0, -30.0])
def test_exponential_where_a_tanh_takes_the_rate_to_nothing(path: str, bias: float) -> None:
    """The rate is 1 + tanh(b), down to exactly 0; the exact solution has a limit there."""
    lonely = wiring.Wiring(1, 1, 0, [], [], [], [0], [0], [1])
    dynamics = {"type": "dense", "activation": "tanh"}
    neuron = LiquidNeuron(1, wiring=lonely, dynamics=dynamics, solver="exponential", seed=0)
    neuron.double().set_values(
        {
            name: torch.full(shape, value, dtype=torch.float64)
            for name, shape, value in [
                ("W_in", (1,), 1.0), ("b", (1,), bias), ("tau", (1,), 1.0), ("A", (1,), 0.5)
            ]
        }
    )  # fmt: skip
    inputs = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    start, elapsed = torch.tensor([0.3], dtype=torch.float64), 1.5
    with fused.disabled() if path == "reference" else nullcontext():
        got = neuron(inputs, start, elapsed_time=elapsed)
        (slope,) = torch.autograd.grad(got, inputs)

    def exact(u: Decimal) -> Decimal:
        getcontext().prec = 60
        y = Decimal(bias) + u
        f = ((2 * y).exp() - 1) / ((2 * y).exp() + 1)
        rate, drive = 1 + f, f / 2
        return drive / rate + (Decimal("0.3") - drive / rate) * (-rate * Decimal(elapsed)).exp()

    assert got.item() == pytest.approx(float(exact(Decimal(0))), rel=1e-13)
    step = Decimal("1e-20")
    wanted = float((exact(step) - exact(-step)) / (2 * step))
    assert slope.item() == pytest.approx(wanted, rel=1e-6, abs=1e-15)
