"""Attributions add up on every dynamics, agree with captum where it can say something, and find
what was planted."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from liquid_neural_networks import LiquidNetwork, inspection, wiring
from liquid_neural_networks.dynamics import DYNAMICS
from liquid_neural_networks.errors import DomainError, DtypeError, OptionError, ShapeError
from liquid_neural_networks.inspection import Attribution, attribute
from liquid_neural_networks.inspection._quadrature import (
    KRONROD,
    Integral,
    Pieces,
    integrate,
    uncertainty,
)
from liquid_neural_networks.solvers import SOLVERS

NCP = wiring.ncp(inter=5, command=3, motor=2)
NETWORKS: dict[str, dict[str, Any]] = {
    **{name: {"hidden_size": 6, "dynamics": name} for name in DYNAMICS},
    **{f"{name} ncp": {"wiring": NCP, "dynamics": name} for name in DYNAMICS},
    **{
        f"conductance {name}": {"hidden_size": 5, "solver": name, "unfolds": 3}
        for name in SOLVERS
        if name != "adaptive"
    },
    "pure": {"hidden_size": 6, "dynamics": {"type": "closed_form", "mode": "pure"}},
    "no gate": {"wiring": NCP, "dynamics": {"type": "closed_form", "mode": "no_gate"}},
    "leaky": {"wiring": NCP, "dynamics": {"type": "closed_form", "leaky_wiring": True}},
    "deep": {
        "hidden_size": 4,
        "dynamics": {"type": "closed_form", "backbone_layers": 2, "backbone_units": 8},
    },
    "tanh": {"hidden_size": 5, "dynamics": {"type": "dense", "activation": "tanh"}},
    "asymmetric": {"hidden_size": 5, "dynamics": {"type": "lrc", "elastance": "asymmetric"}},
    "memory": {"hidden_size": 5, "mixed_memory": True},
    "layers": {"hidden_size": 5, "num_layers": 2, "dropout": 0.3},
    "both ways": {"hidden_size": 5, "bidirectional": True},
    "layers both ways": {"hidden_size": 4, "num_layers": 2, "bidirectional": True},
    "softplus": {"hidden_size": 5, "constraint": "softplus"},
}
NOT_BY_SYNAPSE = ("memory", "layers", "leaky", "both ways", "layers both ways")
"""Networks in which neurons hold more than what the synapses of one direction bring."""

TOLERANCE = 1e-9


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small steps, one after the other: a second thread has nothing to do but wait."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made(name: str, **options: Any) -> LiquidNetwork:
    return LiquidNetwork(3, output_size=2, seed=1, **NETWORKS[name], **options).double()


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def later(found: Attribution) -> Tensor:
    """(B, T) what inputs after each sample add."""
    added = found.inputs.sum(2)
    return added.sum(1, keepdim=True) - added.cumsum(1)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_cut_adds_up(name: str) -> None:
    network, inputs = made(name), drawn(2, 6, 3)
    elapsed, mask = torch.rand(2, 6) + 0.1, torch.rand(2, 6, 3) > 0.2
    arguments = {"elapsed_time": elapsed, "mask": mask}
    found = attribute(
        network, inputs, output=(1, 0), baseline=0.3, tolerance=TOLERANCE, **arguments
    )
    outputs, compared = (
        network.eval()(each, **arguments)[:, -1] for each in (inputs, torch.full_like(inputs, 0.3))
    )
    close = {"rtol": 0, "atol": 1e-12}
    torch.testing.assert_close(found.output, outputs[:, 1] - outputs[:, 0], **close)
    torch.testing.assert_close(found.baseline_output, compared[:, 1] - compared[:, 0], **close)
    whole = found.output - found.baseline_output
    assert whole.abs().min() > 100 * TOLERANCE
    assert float(found.error.max()) < TOLERANCE
    within = {"rtol": 0, "atol": TOLERANCE}
    torch.testing.assert_close(found.inputs.sum((1, 2)), whole, **within)
    torch.testing.assert_close((found.synapses.sum(2) + found.past_synapses.sum(2)).sum(1), whole,
                               **within)  # fmt: skip
    assert found.inputs[~mask].abs().max() == 0
    if network.bidirectional:
        *_, top = found.neurons[:, -1].chunk(network.num_layers, 1)
        torch.testing.assert_close(top.sum(1), whole, **within)
        return
    held = found.neurons.sum(2) + (0 if found.memory is None else found.memory.sum(2))
    expected = whole.unsqueeze(1).expand(-1, 6)
    torch.testing.assert_close(held + later(found), expected, **within)


@pytest.mark.parametrize("name", [n for n in NETWORKS if n not in NOT_BY_SYNAPSE])
def test_what_synapses_bring_and_take_is_what_neurons_hold(name: str) -> None:
    network = made(name)
    wired = network.wiring
    found = attribute(network, drawn(2, 6, 3), output=1)
    pre, post = torch.tensor(wired.pre), torch.tensor(wired.post)
    before = torch.cat([torch.zeros_like(found.neurons[:, :1]), found.neurons[:, :-1]], 1)
    brought = before.index_add(2, torch.tensor(wired.sensory_post), found.synapses)
    brought = brought.index_add(2, post, found.recurrent)
    expected = brought.index_add(2, pre, -found.recurrent)
    torch.testing.assert_close(found.neurons, expected, rtol=0, atol=1e-12)
    by_input = torch.zeros_like(found.inputs)
    by_input = by_input.index_add(2, torch.tensor(wired.sensory_pre), found.synapses)
    torch.testing.assert_close(by_input, found.inputs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["conductance", "dense", "lrc ncp", "closed_form", "both ways"])
def test_inputs_and_neurons_are_captums_with_many_steps(name: str) -> None:
    attr = pytest.importorskip("captum.attr", reason="CAPTUM IS NOT TESTED: it is not there")
    network, inputs = made(name, return_sequences=False), drawn(2, 5, 3)
    network.requires_grad_(False)  # captum asks for gradients of inputs alone
    found = attribute(network, inputs, output=1, tolerance=1e-9)
    gradients = attr.IntegratedGradients(network).attribute(inputs, target=1, n_steps=200)
    torch.testing.assert_close(found.inputs, gradients, rtol=0, atol=1e-6)
    if network.bidirectional:
        return
    layer = attr.LayerConductance(network, network.neurons[0])
    held = layer.attribute(inputs, target=1, n_steps=200)  # by differences from step to step
    torch.testing.assert_close(found.neurons[:, -1], held[:, -1], rtol=1e-3, atol=1e-5)


def test_one_sequence_and_float32_networks_are_exact_too() -> None:
    network = LiquidNetwork(3, 6, 1, seed=1, batch_first=False)
    inputs = torch.randn(9, 2, 3)
    found = attribute(network, inputs)
    one = attribute(network, inputs[:, 1])
    assert found.inputs.shape == (2, 9, 3) and one.inputs.shape == (9, 3)
    assert one.output.shape == () and one.inputs.dtype == torch.float64
    torch.testing.assert_close(found.inputs[1], one.inputs, rtol=0, atol=1e-9)
    for each in (found, one):
        whole = (each.output - each.baseline_output).sum()
        assert float((each.inputs.sum() - whole).abs()) < 2e-6
    expected = network(inputs)[-1, :, 0]
    torch.testing.assert_close(found.output.float(), expected, rtol=0, atol=1e-6)


def test_ragged_sequences_end_where_they_end() -> None:
    network, inputs = made("closed_form"), drawn(2, 7, 3)
    valid = torch.tensor([[True] * 7, [True] * 4 + [False] * 3])
    found = attribute(network, inputs, mask=valid)
    alone = attribute(network, inputs[1, :4])
    torch.testing.assert_close(found.inputs[1, :4], alone.inputs, rtol=0, atol=1e-9)
    assert found.inputs[1, 4:].abs().max() == 0
    torch.testing.assert_close(found.output[1], alone.output)


def test_another_sample_another_start_and_given_time_constants() -> None:
    network, inputs = made("conductance"), drawn(1, 6, 3)
    state = drawn(1, 1, 6)
    arguments = {"time_constants": 2.0, "state": state}
    found = attribute(network, inputs, output=1, at=3, **arguments)
    torch.testing.assert_close(found.output, network(inputs, **arguments)[:, 3, 1])
    assert found.inputs[:, 4:].abs().max() == 0
    chances = attribute(network, inputs, output=lambda outputs: outputs.softmax(-1)[:, 0])
    torch.testing.assert_close(chances.output, network(inputs)[:, -1].softmax(-1)[:, 0])
    whole = chances.output - chances.baseline_output
    torch.testing.assert_close(chances.inputs.sum((1, 2)), whole, rtol=0, atol=1e-6)


# -- planted truths ------------------------------------------------------------------------------


def test_an_input_that_no_synapse_hears_has_no_part() -> None:
    sensory = np.ones((3, 5), dtype=int)
    sensory[1] = 0
    grown = wiring.Wiring.from_matrices(np.ones((5, 5), dtype=int), sensory)
    for name in DYNAMICS:
        network = LiquidNetwork(3, output_size=1, wiring=grown, dynamics=name, seed=2)
        found = attribute(network, torch.randn(2, 6, 3))
        assert found.inputs[..., 1].abs().max() == 0
        assert found.inputs[..., 0].abs().max() > 1e-6


def test_the_one_synapse_that_matters_has_the_largest_part() -> None:
    network = LiquidNetwork(3, 6, 1, seed=3).double()
    weights = torch.full((18,), 1e-3, dtype=torch.float64)
    weights[7] = 2.0
    network.neurons[0].dynamics.set_values({"sensory_w": weights})
    found = attribute(network, drawn(4, 8, 3))
    parts = found.synapses.abs().sum(1)
    assert bool((parts.argmax(1) == 7).all())
    assert float((parts[:, 7] / parts.sum(1)).min()) > 0.8


@pytest.mark.parametrize("lag", [0, 1, 4])
def test_a_delay_shows_at_its_lag(lag: int) -> None:
    """A chain of neurons, each of which takes over within a sample what the one before it had."""
    units = lag + 1
    chain, sensory = np.eye(units, k=1, dtype=int), np.zeros((1, units), dtype=int)
    sensory[0, 0] = 1
    grown = wiring.Wiring.from_matrices(chain, sensory)
    network = LiquidNetwork(1, output_size=1, wiring=grown, dynamics="dense", unfolds=1).double()
    network.neurons[0].dynamics.set_values(
        {
            "W_rec": torch.full((lag,), 4.0),
            "W_in": torch.full((1,), 4.0),
            "b": torch.full((units,), -2.0),
            "tau": torch.full((units,), 1e-3),
            "A": torch.full((units,), 1e3),
        }
    )
    last = torch.zeros(1, units)
    last[0, -1] = 1.0
    network.set_values({"readout.weight": last})
    parts = attribute(network, 1 + drawn(1, 9, 1).abs()).inputs[0, :, 0].abs()
    assert int(parts.argmax()) == 8 - lag
    assert float(parts[8 - lag] / parts.sum()) > 0.95


# -- what cannot be answered ---------------------------------------------------------------------


def test_a_tolerance_out_of_reach_is_said() -> None:
    network, inputs = made("conductance"), 30 * drawn(1, 6, 3)
    with pytest.warns(RuntimeWarning, match="sums are off by up to .* raise most_pieces"):
        found = attribute(network, inputs, most_pieces=1, tolerance=1e-12)
    whole = found.output - found.baseline_output
    missed = (found.inputs.sum((1, 2)) - whole).abs()
    torch.testing.assert_close(found.error, missed, rtol=0, atol=1e-13)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attribute(network, inputs, tolerance=1e-9)


def test_arguments_are_named() -> None:
    network, inputs = made("conductance"), drawn(2, 4, 3)
    refused: list[tuple[dict[str, Any], type[Exception]]] = [
        ({"output": 2}, DomainError),
        ({"output": (0, 1, 1)}, DtypeError),
        ({"output": "first"}, DtypeError),
        ({"at": 4}, DomainError),
        ({"baseline": drawn(3, 3)}, ShapeError),
        ({"baseline": float("nan")}, DomainError),
        ({"baseline": "mean"}, DtypeError),
        ({"tolerance": 0}, DomainError),
        ({"most_pieces": 0}, DomainError),
        ({"state": drawn(1, 3, 6)}, ShapeError),
    ]
    for arguments, kind in refused:
        (name,) = arguments
        with pytest.raises(kind, match=f"^{name}: "):
            attribute(network, inputs, **arguments)
    packed = torch.nn.utils.rnn.pack_sequence([inputs[0]])
    with pytest.raises(DtypeError, match=r"inputs: .* mask \(B, T\)"):
        attribute(network, packed)
    adaptive = LiquidNetwork(3, 4, 1, solver="adaptive").double()
    with pytest.raises(OptionError, match="solver: "):
        attribute(adaptive, inputs)


def test_functions_of_outputs_give_one_number_a_sequence() -> None:
    network, inputs = made("conductance"), drawn(2, 4, 3)
    found = attribute(network, inputs, lambda outputs: outputs.sum(1))
    alone = attribute(network, inputs[0], lambda outputs: outputs.sum())
    torch.testing.assert_close(alone.inputs, found.inputs[0], rtol=0, atol=1e-6)
    assert float(alone.output) == pytest.approx(float(found.output[0]))
    refused: list[tuple[Any, type[Exception]]] = [
        (lambda outputs: outputs, ShapeError),
        (lambda outputs: outputs.sum(), ShapeError),
        (lambda outputs: 3.0, DtypeError),
        (lambda outputs: torch.ones(len(outputs)), DtypeError),
    ]
    for output, kind in refused:
        with pytest.raises(kind, match=r"^output: expected a function"):
            attribute(network, inputs, output)
        if kind is ShapeError:
            with pytest.raises(kind, match=r"^output: "):
                inspection.occlusion(network, inputs, output)
    with pytest.raises(DtypeError, match="window: expected samples and features"):
        inspection.occlusion(network, inputs, window=2)  # type: ignore[arg-type]


def test_plain_data() -> None:
    found = inspection.attribute(made("conductance"), drawn(4, 3))
    plain = found.to_dict()
    assert plain["memory"] is None and len(plain["inputs"]) == 4
    assert plain["output"] == float(found.output)


@pytest.mark.parametrize("at_once", [1, 1000])
def test_paths_are_cut_where_they_have_kinks(at_once: int) -> None:
    """Two parts of each path, one smooth and one that jumps at a place of its own."""
    jumps = torch.tensor([0.3, 0.77], dtype=torch.float64)

    def whole(at: Tensor, row: Tensor) -> Tensor:
        return at.sin() + (at - jumps[row]).clamp(min=0)

    def measure(pieces: Pieces) -> Integral:
        at, row = pieces.positions(), pieces.rows.unsqueeze(1)
        parts = torch.stack([at.cos(), (at > jumps[row]).double()], 2)
        lengths = pieces.ends - pieces.starts
        sums = torch.einsum("p,q,pqk->pk", lengths / 2, KRONROD, parts)
        ends = whole(pieces.ends, pieces.rows) - whole(pieces.starts, pieces.rows)
        return Integral((sums,), ends - sums.sum(1), uncertainty(parts, lengths))

    found, count = integrate(2, torch.device("cpu"), measure, 1e-9, 500, at_once)
    expected = torch.stack([torch.ones(2).double().sin(), 1 - jumps], 1)
    torch.testing.assert_close(found.parts[0], expected, rtol=0, atol=1e-7)
    assert float(found.missed.abs().max()) < 1e-9
    assert float(found.uncertain.max()) < 1e-7
    assert 20 < count < 400
