"""Closed-form dynamics and the memory: what is connected, what is refused, and torch's own LSTM."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn

from core_cases import ALL_DYNAMICS, RECIPES, network, sequences
from liquid_neural_networks import LiquidNetwork, LiquidNeuron, wiring
from liquid_neural_networks.cli import main
from liquid_neural_networks.dynamics import DYNAMICS
from liquid_neural_networks.errors import DomainError, OptionError

MODES = ("default", "pure", "no_gate")


def closed(mode: str = "default", **options: Any) -> dict[str, Any]:
    return {"type": "closed_form", "mode": mode, **options}


# -- the wiring --------------------------------------------------------------------------------


def who_matters(neuron: LiquidNeuron) -> tuple[Tensor, Tensor]:
    """(N, I) and (N, N) of bool: which input, which old state changes which new state."""
    inputs, state = sequences(1, 1)[0, 0], sequences(1, 1, neuron.hidden_size)[0, 0]
    slopes = torch.func.jacrev(lambda u, x: neuron(u, x, elapsed_time=0.7), argnums=(0, 1))
    return tuple(each != 0 for each in slopes(inputs, state))  # type: ignore[return-value]


def reachable(wired: wiring.Wiring, steps_in_order: bool) -> tuple[Tensor, Tensor]:
    """The same, walked along the synapses: earlier layers speak within the step."""
    layer_of = {i: depth for depth, ids in enumerate(wired.layers.values()) for i in ids}
    inputs = torch.zeros(wired.units, wired.input_size, dtype=torch.bool)
    states = torch.eye(wired.units, dtype=torch.bool)
    for k, i in zip(wired.sensory_pre, wired.sensory_post):
        inputs[i, k] = True
    order = sorted(range(wired.units), key=lambda i: layer_of[i])
    connected = set(zip(wired.pre.tolist(), wired.post.tolist()))
    for i in order:
        for j in range(wired.units):
            if (j, i) not in connected:
                continue
            if steps_in_order and layer_of[j] < layer_of[i]:
                inputs[i] |= inputs[j]
                states[i] |= states[j]
            else:
                states[i, j] = True
    return inputs, states


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_no_signal_without_a_synapse(name: str, mode: str) -> None:
    dynamics = closed(mode, backbone_layers=0)
    neuron = LiquidNeuron(3, wiring=RECIPES[name], dynamics=dynamics, seed=0).double()
    for got, wanted in zip(who_matters(neuron), reachable(neuron.wiring, True)):
        assert torch.equal(got, wanted)


def test_published_code_leaks() -> None:
    """As the published cell does: each neuron's gates receive all of the layer before."""
    wired = RECIPES["ncp"]
    strict = LiquidNeuron(3, wiring=wired, dynamics=closed(), seed=0).double()
    leaky = LiquidNeuron(3, wiring=wired, dynamics=closed(leaky_wiring=True), seed=0).double()
    for less, more in zip(who_matters(strict), who_matters(leaky)):
        assert (more | ~less).all() and more.sum() > less.sum()


# -- numbers worked out by hand ----------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_one_neuron_by_hand(mode: str) -> None:
    neuron = LiquidNeuron(1, 1, dynamics=closed(mode, backbone_layers=0), seed=3).double()
    p = {name: float(value) for name, value in neuron.dynamics.values().items()}
    u, x, dt = 0.8, -0.3, 1.7

    def head(name: str) -> float:
        return p[f"{name}_W_in"] * u + p[f"{name}_W_rec"] * x + p[f"{name}_b"]

    if mode == "pure":
        f = head("ff1")
        wanted = p["A"] - p["A"] * f * math.exp(-dt * (abs(p["w_tau"]) + abs(f)))
    else:
        gate = 1 / (1 + math.exp(-(head("time_a") * dt + head("time_b"))))
        first, second = math.tanh(head("ff1")), math.tanh(head("ff2"))
        wanted = gate * second + (first if mode == "no_gate" else first * (1 - gate))
    given = [torch.tensor([each], dtype=torch.float64) for each in (u, x)]
    assert neuron(*given, elapsed_time=dt).item() == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("backbone", [0, 2])
def test_the_time_constant_is_that_of_the_gate(backbone: int) -> None:
    """In one time constant the odds of the gate change by a factor e."""
    dynamics = closed(backbone_layers=backbone)
    net = LiquidNetwork(2, 4, 1, dynamics=dynamics, seed=1).double()
    population = net.neurons[0].dynamics
    values = population.prepare(population.values())
    inputs, state = sequences(1, 1, 2)[0, 0], torch.zeros(1, 4).double()
    (term,) = population.sensory(values, inputs.unsqueeze(0), None)
    tau = population.effective_time_constants(values, state, (term,), None)
    through = population.backbone
    heads = term if through is None else through.heads(values, term, training=False)
    time_a, time_b = heads[:, 8:12], heads[:, 12:]
    odds = [torch.exp(time_a * dt + time_b) for dt in (0.4, 0.4 + tau)]
    torch.testing.assert_close((odds[1] / odds[0]).log().abs(), torch.ones(1, 4).double())


@pytest.mark.parametrize("dynamics", ["conductance", "dense"])
def test_the_memory_is_an_lstm(dynamics: str) -> None:
    """Where no time passes the liquid part stands still, and torch's LSTM is left."""
    net = network(dynamics, mixed_memory=True)
    cell, peer = net.neurons[0].memory, nn.LSTM(3, 5, batch_first=True).double()
    order = torch.cat([torch.arange(5) + 5 * block for block in (1, 2, 0, 3)])  # i, f, g, o
    with torch.no_grad():
        peer.weight_ih_l0.copy_(cell.W_in[order])
        peer.weight_hh_l0.copy_(cell.W_rec[order])
        peer.bias_ih_l0.copy_(cell.b[order])
        peer.bias_hh_l0.zero_()
        peer.bias_hh_l0[5:10] = 1.0
    wanted, (h, c) = peer(sequences())
    trace = net.trace(sequences(), elapsed_time=0.0)
    _, state = net(sequences(), elapsed_time=0.0, return_state=True)
    torch.testing.assert_close(trace.states, wanted)
    torch.testing.assert_close(state, torch.cat([h, c], -1))


ODES = [name for name in ALL_DYNAMICS if DYNAMICS[name].solvable]


@pytest.mark.parametrize("dynamics", ODES)
def test_a_memory_lets_gradients_through_long_gaps(dynamics: str) -> None:
    """After a long time the state of an ODE has forgotten; the memory has not.

    Closed forms make no such promise: their gates, not the elapsed time alone, say what is kept.
    """
    slopes = []
    for mixed in (False, True):
        net = network(dynamics, mixed_memory=mixed)
        inputs = sequences(1, 30).requires_grad_()
        net(inputs, elapsed_time=50.0)[:, -1].sum().backward()
        slopes.append(float(inputs.grad[:, 0].abs().max()))
    assert slopes[1] > 10 * slopes[0]


# -- options -----------------------------------------------------------------------------------


def test_there_is_nothing_to_solve() -> None:
    config = LiquidNetwork(3, 4, 1, dynamics="closed_form").config()
    assert config["solver"] is None and config["unfolds"] is None
    for option in ({"solver": "fused"}, {"unfolds": 6}):
        with pytest.raises(OptionError, match=f"{next(iter(option))}: .*leave it out"):
            LiquidNetwork(3, 4, 1, dynamics="closed_form", **option)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"mode": "fast"}, OptionError),
        ({"backbone_layers": -1}, DomainError),
        ({"backbone_layers": 65}, DomainError),
        ({"backbone_units": 0}, DomainError),
        ({"backbone_units": 1.5}, TypeError),
        ({"backbone_activation": "swish"}, OptionError),
        ({"backbone_dropout": 1.0}, DomainError),
        ({"leaky_wiring": 1}, TypeError),
        ({"backbone_layers": 0, "backbone_units": 3}, OptionError),
        ({"backbone_layers": 1, "leaky_wiring": True}, OptionError),
        ({"size": 3}, OptionError),
    ],
    ids=str,
)
def test_options_that_are_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        LiquidNetwork(3, 4, 1, dynamics={"type": "closed_form", **options})


def test_a_backbone_needs_a_full_wiring() -> None:
    with pytest.raises(OptionError, match=r"backbone_layers: .*fully connected"):
        network(closed(backbone_layers=1), wiring=RECIPES["ncp"])
    for recipe, layers in ((wiring.fully_connected(5), 1), (RECIPES["ncp"], 0)):
        built = network(closed(), wiring=recipe)
        assert built.config()["dynamics"]["backbone_layers"] == layers


def test_dropout_of_the_backbone() -> None:
    net = network(closed(backbone_layers=2, backbone_dropout=0.5))
    assert not torch.equal(net.train()(sequences()), net(sequences()))
    assert torch.equal(net.eval()(sequences()), net(sequences()))


def test_from_the_command_line(tmp_path: Path) -> None:
    table, model = tmp_path / "wave.csv", tmp_path / "wave.lnn"
    table.write_text("wave\n" + "\n".join(str(math.sin(row / 3)) for row in range(200)) + "\n")
    arguments = ["train", str(table), "--target", "wave", "--output", str(model), "--epochs", "2"]
    arguments += ["--dynamics", "closed_form:mode=pure,backbone_units=8", "--mixed-memory"]
    run = CliRunner().invoke(main, [*arguments, "--hidden-size", "6", "--quiet"])
    assert run.exit_code == 0, run.output
    config = json.loads(CliRunner().invoke(main, ["inspect", str(model), "--json"]).output)[
        "config"
    ]
    assert config["mixed_memory"] is True and config["solver"] is None
    assert config["dynamics"]["backbone_units"] == 8
    refused = CliRunner().invoke(main, [*arguments, "--solver", "rk4"])
    assert refused.exit_code != 0 and "leave it out" in refused.output
    for text in ("closed_form:mode=", "magic", "dense:activation=relu"):
        assert CliRunner().invoke(main, [*arguments[:-3], "--dynamics", text]).exit_code != 0
