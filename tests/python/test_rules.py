"""Rules say what is known to be so, and how faithful they are elsewhere."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.errors import (
    DataError,
    DomainError,
    MissingDependencyError,
    OptionError,
    ShapeError,
)
from liquid_neural_networks.inspection import formula, rules

sklearn_tree = pytest.importorskip("sklearn.tree", reason="RULES ARE NOT TESTED: no scikit-learn")


def network() -> LiquidNetwork:
    """Input 1 alone opens a synapse, at 0.5, onto every neuron."""
    made = LiquidNetwork(3, 4, 2, seed=0).double()
    strong = torch.zeros(12)
    strong[1::3] = 20.0
    made.neurons[0].set_values(
        {
            "sensory_w": strong,
            "sensory_sigma": torch.full((12,), 60.0),
            "sensory_mu": torch.full((12,), 0.5),
            "sensory_E": torch.ones(12),
            "w": torch.zeros(16),
        }
    )
    return made


def sequences(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(*(shape or (30, 12, 3)), generator=generator, dtype=torch.float64)


def test_the_planted_rule_is_found_and_holds_elsewhere() -> None:
    found = rules(
        network(), sequences(), neuron=2, ask=["inputs"], names=["wind", "sun", "rain"], depth=2
    )
    assert found.asked[0] == "sun" and found.names == ("wind", "sun", "rain")
    assert found.tree.tree_.threshold[0] == pytest.approx(0.5, abs=0.1)
    assert found.fidelity > 0.85
    assert "sun" in found.text and f"fidelity {found.fidelity:.3f}" in str(found)


def test_fidelity_is_that_of_the_tree_on_sequences_it_has_not_seen() -> None:
    made, inputs = network(), sequences()
    found = rules(made, inputs, output=1, depth=3, held_out=0.5)
    assert len(found.names) == 3 + 4 and found.leaves <= 8
    states = made.trace(inputs).states
    before = torch.cat([torch.zeros(30, 1, 4), states[:, :-1]], 1)
    columns = torch.cat([inputs, before], -1).detach()
    answers = made(inputs)[..., 1].detach()
    scores = [found.tree.score(c.numpy(), a.numpy()) for c, a in zip(columns, answers)]
    assert 0.5 < found.fidelity <= found.training_fidelity
    assert min(scores) < found.fidelity < max(scores)


def test_classes_and_missing_values() -> None:
    made, inputs = network(), sequences()
    mask = torch.rand(30, 12, 3) > 0.2
    found = rules(made, inputs, "class", mask=mask)
    assert 0.5 < found.fidelity <= 1.0
    assert hasattr(found.tree, "classes_")
    alone = rules(made, inputs[0], 0)
    assert alone.leaves <= 8


def test_a_formula_finds_the_weights_of_the_readout() -> None:
    """In no time states stay as they are, so an output is the read-out of those before."""
    made, inputs = LiquidNetwork(3, 4, 2, seed=0).double(), sequences()
    state = torch.randn(1, 30, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = formula(made, inputs, 1, terms=7, elapsed_time=1e-9, state=state)
    assert found.fidelity > 1 - 1e-9 and found.training_fidelity > 1 - 1e-9
    own = dict(zip(found.asked, found.weights))
    for i, weight in enumerate(made.readout.weight[1].tolist()):
        assert own[f"neuron {i}"] == pytest.approx(weight, abs=1e-5)
    assert found.constant == pytest.approx(float(made.readout.bias[1].detach()), abs=1e-5)
    short = formula(made, inputs, 1, terms=1, elapsed_time=1e-9, state=state, ask=["states"])
    spread = made.readout.weight[1].detach().abs() * state[0].std(dim=0)
    assert short.asked == (f"neuron {int(spread.argmax())}",)
    assert short.text.startswith("output 1 = ") and f" * {short.asked[0]}" in short.text
    assert str(short).endswith(f"fidelity {short.fidelity:.3f}, 1 term")


def test_a_formulas_fidelity_is_that_of_its_sum_on_sequences_it_has_not_seen() -> None:
    made, inputs = network(), sequences()
    mask = torch.rand(30, 12, 3, generator=torch.Generator().manual_seed(3)) > 0.2
    found = formula(
        made, inputs, neuron=2, terms=3, mask=mask, held_out=0.5, names=["wind", "sun", "rain"]
    )
    assert found.asked[0] == "sun" and found.text.startswith("neuron 2 = ")
    states = made.trace(inputs, mask=mask).states.detach().numpy()
    before = np.concatenate([np.zeros((30, 1, 4)), states[:, :-1]], 1)
    tried = np.random.default_rng(0).permutation(30)[:15]
    learned = np.setdiff1d(np.arange(30), tried)
    seen = np.where(mask.numpy(), inputs.numpy(), np.nan)
    means = np.nanmean(seen[learned], axis=(0, 1))
    columns = np.concatenate([np.where(np.isnan(seen), means, seen), before], 2)
    places = [found.names.index(name) for name in found.asked]
    answers = columns[..., places] @ np.array(found.weights) + found.constant
    for rows, fidelity in ((tried, found.fidelity), (learned, found.training_fidelity)):
        left = np.square(states[rows, :, 2] - answers[rows]).mean()
        assert 1 - left / states[rows, :, 2].var() == pytest.approx(fidelity, abs=1e-9)
    # The best sum of these terms.
    table = np.c_[columns[learned][..., places].reshape(-1, 3), np.ones(15 * 12)]
    best = np.linalg.lstsq(table, states[learned, :, 2].ravel(), rcond=None)[0]
    np.testing.assert_allclose(best, [*found.weights, found.constant], atol=1e-9)


def test_what_never_moves_has_no_term() -> None:
    made = network()
    still = torch.full((6, 5, 3), 0.25, dtype=torch.float64)
    found = formula(made, still, ask=["inputs"])
    assert found.asked == () and 0 <= found.training_fidelity < 1e-9
    silent = LiquidNetwork(2, 3, 1, seed=0).double()
    torch.nn.init.zeros_(silent.readout.weight)
    constant = formula(silent, torch.randn(6, 5, 2, dtype=torch.float64))
    assert constant.fidelity == 1.0 and constant.asked == ()


def test_what_does_not_fit_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    made, inputs = network(), sequences()
    with pytest.raises(OptionError, match="neuron: "):
        rules(made, inputs, 0, neuron=1)
    with pytest.raises(OptionError, match="ask: unknown 'weights'"):
        rules(made, inputs, ask=["weights"])
    with pytest.raises(ShapeError, match="names: expected 3"):
        rules(made, inputs, names=["a"])
    with pytest.raises(DomainError, match="output: "):
        rules(made, inputs, 2)
    for ask in (rules, formula):
        with pytest.raises(DataError, match="too few samples"):
            ask(made, inputs[0, :2])
    with pytest.raises(OptionError, match="neuron: "):
        formula(made, inputs, 0, neuron=1)
    with pytest.raises(DomainError, match="output: "):
        formula(made, inputs, 2)
    with pytest.raises(DomainError, match="terms: "):
        formula(made, inputs, terms=0)
    monkeypatch.setitem(sys.modules, "sklearn.tree", None)
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    for ask in (rules, formula):
        with pytest.raises(MissingDependencyError, match=r"\[scikit-learn\]"):
            ask(made, inputs)
