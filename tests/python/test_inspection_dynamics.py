"""Fixed points: planted ones are found, Jacobians are difference quotients; what neurons did."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from liquid_neural_networks import LiquidNetwork, wiring
from liquid_neural_networks.dynamics import DYNAMICS
from liquid_neural_networks.errors import DomainError, DtypeError, ShapeError
from liquid_neural_networks.inspection import (
    activity,
    fixed_points,
    phase_portrait,
    slow_points,
)

HELD = [0.4, -0.6]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def switches(count: int) -> LiquidNetwork:
    """Neurons that excite only themselves: each rests near 0 or near 0.8, or balances between."""
    alone = torch.eye(count, dtype=torch.long).numpy()
    silent = wiring.Wiring.from_matrices(alone, torch.zeros(1, count, dtype=torch.long).numpy())
    network = LiquidNetwork(1, output_size=1, wiring=silent).double()
    network.neurons[0].set_values(
        {
            "g": torch.ones(count),
            "vleak": torch.zeros(count),
            "w": torch.full((count,), 4.0),
            "sigma": torch.full((count,), 20.0),
            "mu": torch.full((count,), 0.4),
        }
    )
    return network


def test_all_planted_attractors_are_found() -> None:
    network = switches(3)
    points = fixed_points(network, [0.0], starts=512)
    assert float(points.speeds.max()) < 1e-10
    assert len(points) == 27 and int(points.stable.sum()) == 8
    stable = points.states[points.stable]
    found = {tuple(state) for state in (stable > 0.4).int().tolist()}
    assert found == set(product((0, 1), repeat=3))
    # Each attracts what starts near it; what is unstable does not.
    for state, is_stable in zip(points.states, points.stable.tolist()):
        near = state + 1e-3 * torch.tensor([1.0, -1.0, 1.0])
        _, after = network(torch.zeros(400, 1).double(), state=near.unsqueeze(0), return_state=True)
        assert bool((after[0] - state).abs().max() < 1e-6) == is_stable


def made(dynamics: Any = "conductance", **options: Any) -> LiquidNetwork:
    return LiquidNetwork(2, 6, 1, dynamics=dynamics, seed=3, **options).double()


def speed_of(network: LiquidNetwork, states: Tensor) -> Tensor:
    """(K, P S) as its own neurons say it, one sample at a time."""
    inputs = torch.tensor(HELD, dtype=torch.float64).expand(len(states), -1)
    width, size = network.directions, network.state_size
    speeds: list[Tensor] = []
    heard: list[Tensor] = []
    for index, (_, neuron) in enumerate(network.populations()):
        if index and index % width == 0:
            inputs = torch.cat([each[:, : network.hidden_size] for each in heard[-width:]], 1)
        own = states[:, index * size : (index + 1) * size]
        if not neuron.dynamics.solvable or neuron.memory is not None:
            after = neuron(inputs, own)
            speeds.append(after - own)
            heard.append(after)
            continue
        values = neuron.dynamics.values()
        rate, drive = neuron.dynamics.rate_and_drive(
            values, own, neuron.dynamics.sensory(values, inputs, None), None
        )
        speeds.append(drive - rate * own)
        heard.append(own)
    return torch.cat(speeds, 1)


MEMORY: dict[str, Any] = {"dynamics": "dense", "mixed_memory": True}
DEEP: list[dict[str, Any]] = [
    {"num_layers": 3},
    {"num_layers": 2, "bidirectional": True},
    {"num_layers": 2, **MEMORY},
    {"num_layers": 2, "dynamics": "closed_form", "bidirectional": True},
]


@pytest.mark.parametrize(
    "options", [*({"dynamics": name} for name in DYNAMICS), MEMORY, *DEEP], ids=str
)
@torch.no_grad()
def test_jacobians_are_difference_quotients(options: dict[str, Any]) -> None:
    network = made(**options)
    points = fixed_points(network, HELD, starts=32)
    assert len(points) > 0
    torch.testing.assert_close(
        speed_of(network, points.states), torch.zeros_like(points.states), rtol=0, atol=1e-10
    )
    step = 1e-6
    for index in range(points.states.shape[1]):
        moved = torch.zeros_like(points.states)
        moved[:, index] = step
        difference = speed_of(network, points.states + moved)
        difference = difference - speed_of(network, points.states - moved)
        torch.testing.assert_close(
            points.jacobians[:, :, index], difference / (2 * step), rtol=1e-5, atol=1e-7
        )
    smooth = options.get("dynamics", "conductance") in ("conductance", "dense", "lrc")
    assert points.kind == ("flow" if smooth and "mixed_memory" not in options else "map")
    assert points.outputs is not None
    size, width = network.state_size, network.directions
    top = [
        points.states[:, first : first + 6] for first in range(0, size * len(network.neurons), size)
    ]
    torch.testing.assert_close(points.outputs, network.readout(torch.cat(top[-width:], 1)))
    # A call that starts there, with the input held, stays there.
    start = points.states.view(len(points), -1, size).transpose(0, 1)[:, points.stable]
    held = torch.tensor(HELD, dtype=torch.float64).expand(start.shape[1], 9, 2)
    outputs, state = network(held, state=start, return_state=True)
    torch.testing.assert_close(state, start, rtol=0, atol=1e-9)
    torch.testing.assert_close(outputs[:, 4], points.outputs[points.stable], rtol=0, atol=1e-9)
    assert points.to_dict()["stable"] == points.stable.tolist()


@torch.no_grad()
def test_layers_rest_where_each_does_given_those_below() -> None:
    network = made(num_layers=2)
    whole = fixed_points(network, HELD, starts=32)
    lower = fixed_points(network, HELD, starts=32, population=0)
    assert lower.outputs is None and len(whole) == len(lower) == 1
    torch.testing.assert_close(whole.states[:, :6], lower.states, rtol=0, atol=1e-9)
    upper = fixed_points(network, lower.states[0], starts=32, population=1)
    torch.testing.assert_close(whole.states[:, 6:], upper.states, rtol=0, atol=1e-9)
    assert upper.outputs is not None
    torch.testing.assert_close(upper.outputs, whole.outputs)
    own = torch.cat([lower.eigenvalues[0], upper.eigenvalues[0]])
    apart = (whole.eigenvalues[0].unsqueeze(1) - own).abs()
    assert float(apart.amin(1).max()) < 1e-6 and float(apart.amin(0).max()) < 1e-6


def test_every_pair_of_switches_in_two_layers_is_found() -> None:
    """The upper layer hears nothing, so each of its states goes with each of the lower one's."""
    network = switches(2)
    alone = network.wiring
    silent = wiring.Wiring.from_matrices(
        torch.eye(2, dtype=torch.long).numpy(), torch.zeros(2, 2, dtype=torch.long).numpy()
    )
    deep = LiquidNetwork(1, output_size=1, wiring=[alone, silent], num_layers=2).double()
    values = network.neurons[0].values()
    for neuron in deep.neurons:
        neuron.set_values({name: values[name] for name in ("g", "vleak", "w", "sigma", "mu")})
    points = fixed_points(deep, [0.0], starts=2048)
    assert float(points.speeds.max()) < 1e-10
    assert len(points) == 3**4 and int(points.stable.sum()) == 2**4
    assert int(points.found.sum()) == 2049


def test_a_point_that_nearly_is_one_is_slow() -> None:
    """Just past the end of the two states of a switch, it passes its old place slowly."""
    network = switches(1)
    network.neurons[0].set_values({"vleak": torch.tensor([0.24]), "w": torch.tensor([1.0])})
    fixed = fixed_points(network, [0.0], starts=64)
    assert len(fixed) == 1 and float(fixed.states[0, 0]) > 0.5
    slow = slow_points(network, [0.0], speed=1.0, starts=64)
    assert len(slow) == 1
    v = float(slow.states[0, 0])
    assert 0.2 < v < 0.4

    def speed(at: float) -> float:
        state = torch.tensor([[at]], dtype=torch.float64)
        core = network.neurons[0].dynamics
        values = core.values()
        rate, drive = core.rate_and_drive(
            values, state, core.sensory(values, torch.zeros(1, 1).double(), None), None
        )
        return float((drive - rate * state).detach())

    assert 0 < speed(v) < min(speed(v - 0.03), speed(v + 0.03))
    assert float(slow.speeds[0]) == pytest.approx(speed(v))


@torch.no_grad()
def test_a_phase_portrait_is_the_speed_on_a_grid() -> None:
    network = made("conductance")
    found = phase_portrait(network, HELD, (1, 4), size=5)
    assert found.first_speed.shape == (5, 5)
    state = found.around.clone()
    state[1], state[4] = found.first[3], found.second[2]
    speed = speed_of(network, state.unsqueeze(0))[0]
    assert float(found.first_speed[3, 2]) == pytest.approx(float(speed[1]), abs=1e-12)
    assert float(found.second_speed[3, 2]) == pytest.approx(float(speed[4]), abs=1e-12)
    spanned = phase_portrait(network, HELD, span=(-1.0, 1.0), size=3)
    assert spanned.first.tolist() == [-1.0, 0.0, 1.0]


@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_activity_is_that_of_the_trace(dynamics: str) -> None:
    grown = wiring.random(6, sparsity=0.3, seed=2)
    network = made(dynamics, wiring=grown)
    inputs = torch.randn(2, 9, 2, dtype=torch.float64)
    valid = torch.ones(2, 9, dtype=torch.bool)
    valid[1, 5:] = False
    found = activity(network, inputs, mask=valid)
    trace = network.trace(inputs, mask=valid)
    torch.testing.assert_close(found.highest, trace.states[valid].amax(0).detach())
    torch.testing.assert_close(found.mean, trace.states[valid].mean(0).detach())
    torch.testing.assert_close(found.time_constants, trace.time_constants.detach())
    assert found.quantiles["longest"] == float(trace.time_constants[valid].max())
    assert len(found.rows()) == 6 and set(found.rows()[0]) >= {"lowest", "fastest", "saturated"}
    assert float(found.openings.max()) <= 1 and len(found.openings) == network.wiring.synapse_count


def test_what_never_opens_and_what_saturates_is_found() -> None:
    network = made("conductance")
    values = network.neurons[0].values()
    mu, w = values["sensory_mu"].clone(), values["sensory_w"].clone()
    mu[3], w[4] = 50.0, 0.0
    strong = values["w"].clone()
    strong[:6] = 1e4  # neuron 0 receives so much that it sits between its reversal potentials
    network.neurons[0].set_values(
        {"sensory_mu": mu, "sensory_w": w, "w": strong, "E": torch.ones(36)}
    )
    inputs = 1 + torch.rand(2, 9, 2, dtype=torch.float64)
    found = activity(network, inputs)
    wired = network.wiring
    pairs = [(int(wired.sensory_pre[i]), int(wired.sensory_post[i])) for i in (3, 4)]
    assert set(pairs) <= set(found.sensory_never_open)
    assert float(found.saturated[0]) > 0.8 > float(found.saturated[1:].min())


def test_what_does_not_fit_is_said() -> None:
    network = made("conductance")
    with pytest.raises(ShapeError, match=r"inputs: expected one sample \(I,\) = \(2,\)"):
        fixed_points(network, [1.0])
    with pytest.raises(ShapeError, match="mask: "):
        fixed_points(network, HELD, mask=[True])
    with pytest.raises(DomainError, match="elapsed_time: "):
        fixed_points(network, HELD, elapsed_time=0.0)
    with pytest.raises(DomainError, match="starts: "):
        fixed_points(network, HELD, starts=0)
    with pytest.raises(DomainError, match="neurons: expected two different"):
        phase_portrait(network, HELD, (1, 1))
    with pytest.raises(ShapeError, match="around: "):
        phase_portrait(network, HELD, around=[0.0])
    with pytest.raises(DomainError, match="opening: "):
        activity(network, torch.zeros(3, 2).double(), opening=2.0)
    with pytest.raises(ShapeError, match="time_constants: "):
        fixed_points(network, HELD, torch.ones(3))
    for neurons, kind in ((0, DtypeError), ((0, 1, 2), ShapeError)):
        with pytest.raises(kind, match="neurons: "):
            phase_portrait(network, HELD, neurons)  # type: ignore[arg-type]
    for span, refused in (
        ((1.0,), ShapeError),
        ((0.0, float("inf")), DomainError),
        ((1.0, 0.0), DomainError),
        ("ab", DtypeError),
    ):
        with pytest.raises(refused, match="span: "):
            phase_portrait(network, HELD, span=span)  # type: ignore[arg-type]


def test_quantiles_are_torchs_where_torch_has_them() -> None:
    found = activity(made("conductance"), torch.randn(5, 2, dtype=torch.float64))
    values = found.time_constants.flatten()
    assert found.quantiles["lower quartile"] == pytest.approx(float(values.quantile(0.25)))
    assert found.quantiles["longest"] == float(values.max())
