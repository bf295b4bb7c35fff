"""Evaluation parallel in time: the same numbers and gradients, and a way back where it has none."""

from __future__ import annotations

from typing import Any, Callable

import pytest
import torch
from torch import Tensor

from core_cases import ALL_DYNAMICS, METHODS, RECIPES, network, positive, sequences
from liquid_neural_networks import LiquidNetwork, fused, parallel_time
from liquid_neural_networks.parallel_time import linear_recurrence

KINDS: list[Any] = [
    *ALL_DYNAMICS,
    {"type": "lrc", "elastance": "asymmetric"},
    {"type": "closed_form", "mode": "pure"},
    {"type": "closed_form", "mode": "no_gate"},
    {"type": "closed_form", "backbone_layers": 1, "backbone_units": 32},
]
STEPS = 40


def with_gradients(net: LiquidNetwork, **given: Any) -> list[Tensor]:
    """Outputs, final state, and the gradients of everything that has one."""
    inputs = sequences(3, STEPS).requires_grad_()
    state = (0.3 * sequences(1, 3, net.state_size)).requires_grad_()
    leaves = [inputs, state, *(v for v in given.values() if v.is_floating_point())]
    for leaf in leaves:
        leaf.requires_grad_()
    outputs, final = net(inputs, state=state, return_state=True, **given)
    weights = sequences(*outputs.shape)
    loss = (outputs * weights).sum() + final.square().sum()
    return [
        outputs.detach(),
        final.detach(),
        *torch.autograd.grad(
            loss, [*leaves, *net.parameters()], allow_unused=True, materialize_grads=True
        ),
    ]


def both(net: LiquidNetwork, **given: Any) -> parallel_time.Report:
    """Compares the two paths to 1e-9."""
    wanted = with_gradients(net, **given)
    with parallel_time.enabled() as report:
        found = with_gradients(net, **given)
    for got, expected in zip(found, wanted):
        # Relative to the whole tensor: sums of many steps cancel in single numbers.
        scale = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(got / scale, expected / scale, rtol=0.0, atol=1e-9)
    return report


@pytest.mark.parametrize("dynamics", KINDS, ids=str)
def test_agrees_with_the_sequential_path(dynamics: Any) -> None:
    report = both(network(dynamics), elapsed_time=positive(3, STEPS))
    assert (report.parallel, report.sequential) == (2, 0), report
    assert 1 < report.iterations <= parallel_time.MAX_ITERATIONS


@pytest.mark.parametrize(("dynamics", "solver"), [m for m in METHODS if m[1] != "adaptive"])
def test_with_every_solver(dynamics: str, solver: str) -> None:
    # Steps short enough for the explicit ones to be stable.
    report = both(network(dynamics, solver, unfolds=4), elapsed_time=positive(3, STEPS, high=0.2))
    assert (report.parallel, report.sequential) == (2, 0), report


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize("dynamics", ["lrc", "closed_form"])
def test_with_every_wiring(dynamics: str, recipe: str) -> None:
    report = both(network(dynamics, wiring=RECIPES[recipe]))
    assert (report.parallel, report.sequential) == (2, 0), report


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_with_masks_given_time_constants_layers_and_directions(dynamics: str) -> None:
    ragged = torch.arange(STEPS) < torch.tensor([[STEPS], [50], [1]])
    missing = sequences(3, STEPS) > 0
    for mask in (ragged, missing):
        both(network(dynamics), mask=mask, time_constants=positive(3, STEPS, 5, low=0.5))
    net = network(dynamics, num_layers=2, bidirectional=True)
    inputs = sequences(3, STEPS)
    with parallel_time.enabled() as report:
        found = net(inputs, mask=ragged)
    torch.testing.assert_close(found, net(inputs, mask=ragged), rtol=1e-9, atol=1e-9)
    assert (report.parallel, report.sequential) == (4, 0)


def test_falls_back_where_it_does_not_come_to_rest() -> None:
    net = network({"type": "closed_form", "mode": "no_gate"})
    values = net.neurons[0].dynamics.values()
    net.neurons[0].dynamics.set_values(
        {name: 12.0 * value for name, value in values.items() if name.endswith("W_rec")}
    )
    inputs = sequences(3, 200)
    with parallel_time.enabled() as report:
        found = net(inputs)
    assert (report.parallel, report.sequential) == (0, 1)
    assert list(report.reasons) == ["no rest within 64 iterations"]
    assert torch.equal(found, net(inputs))


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_gradients_fall_back_too(dynamics: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = network(dynamics)
    inputs = sequences(3, 20)
    net(inputs).square().sum().backward()
    wanted = [p.grad for p in net.parameters()]
    net.zero_grad()
    with parallel_time.enabled() as report:
        outputs = net(inputs)
    monkeypatch.setattr(parallel_time, "MAX_ITERATIONS", 1)
    outputs.square().sum().backward()
    assert (report.parallel, report.sequential) == (1, 1)
    for p, expected in zip(net.parameters(), wanted):
        torch.testing.assert_close(p.grad, expected, rtol=1e-9, atol=1e-9)


def test_single_precision_without_gradients_and_long_sequences() -> None:
    net = network("lrc", dtype=torch.float32)
    inputs = sequences(2, 3000).float()
    with torch.inference_mode(), parallel_time.enabled() as report:
        found = net(inputs)
    assert (report.parallel, report.sequential) == (1, 0)
    torch.testing.assert_close(found, net(inputs).detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"mixed_memory": True}, "memory"),
        ({"solver": "adaptive"}, "adaptive"),
        ({"dynamics": {"type": "closed_form", "backbone_layers": 2, "backbone_dropout": 0.5}},
         "dropout"),
    ],
)  # fmt: skip
def test_says_what_it_cannot_do(options: dict[str, Any], reason: str) -> None:
    net = network(**options)
    with parallel_time.enabled() as report:
        net(sequences())
    assert report.parallel == 0 and report.sequential == 1 and reason in next(iter(report.reasons))


@pytest.mark.parametrize("transform", [torch.func.vmap, torch.compile])
def test_transforms_take_the_sequential_path(transform: Callable[..., Any]) -> None:
    net = network("lrc")
    inputs = sequences()
    run = transform(net) if transform is torch.func.vmap else torch.compile(net, backend="eager")
    with parallel_time.enabled() as report:
        found = run(inputs)
    assert report.parallel == 0
    torch.testing.assert_close(found, net(inputs))


def test_ends_with_its_block() -> None:
    with pytest.raises(KeyError), parallel_time.enabled():
        raise KeyError
    with parallel_time.enabled() as outer:
        with parallel_time.enabled() as inner:
            network()(sequences())
        network()(sequences())
    network()(sequences())
    assert (outer.parallel, inner.parallel) == (1, 1)
    assert fused.status().reason != "switched off by fused.disabled()"


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 8, 100])
def test_associative_scan(steps: int) -> None:
    slope, offset = sequences(2, steps, 4), sequences(2, steps, 4, seed=2)
    state = sequences(1, 2, 4)[0]
    x, wanted = state, []
    for t in range(steps):
        x = slope[:, t] * x + offset[:, t]
        wanted.append(x)
    found = linear_recurrence(slope, offset, state)
    torch.testing.assert_close(found, torch.stack(wanted, 1), rtol=1e-10, atol=1e-12)
