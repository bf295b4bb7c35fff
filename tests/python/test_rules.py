"""Rules say what is known to be so, and how faithful they are elsewhere."""

from __future__ import annotations

import sys

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
from liquid_neural_networks.inspection import rules

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
    with pytest.raises(DataError, match="too few samples"):
        rules(made, inputs[0, :2])
    monkeypatch.setitem(sys.modules, "sklearn.tree", None)
    with pytest.raises(MissingDependencyError, match=r"\[scikit-learn\]"):
        rules(made, inputs)
