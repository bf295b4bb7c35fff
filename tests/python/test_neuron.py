"""``LiquidNeuron``: one population, one step."""

from __future__ import annotations

from typing import Optional

import pytest
import torch

from core_cases import ALL_DYNAMICS, METHODS, RECIPES, positive, sequences
from liquid_neural_networks import LiquidNeuron

pytestmark = pytest.mark.usefixtures("path")


def neuron(dynamics: str = "conductance", **options: object) -> LiquidNeuron:
    return LiquidNeuron(3, 5, dynamics=dynamics, seed=0, **options).double()


@pytest.mark.parametrize(("dynamics", "solver"), METHODS)
def test_one_sample_is_a_row_of_a_batch(dynamics: str, solver: Optional[str]) -> None:
    step = neuron(dynamics, solver=solver)
    inputs, state = sequences(4, 1)[:, 0], positive(4, 5, low=-1.0)
    times, taus, mask = positive(4), positive(4, 5), torch.rand(4, 3) > 0.3
    together = step(inputs, state, taus, elapsed_time=times, mask=mask)
    assert together.shape == (4, 5)
    for row in range(4):
        alone = step(inputs[row], state[row], taus[row], elapsed_time=times[row], mask=mask[row])
        # The adaptive solver chooses its steps for a batch as a whole.
        atol = 1e-5 if solver == "adaptive" else 1e-10
        torch.testing.assert_close(alone, together[row], rtol=0, atol=atol)


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_defaults_are_a_zero_state_and_unit_time(dynamics: str) -> None:
    step, inputs = neuron(dynamics), sequences(4, 1)[:, 0]
    zeros = torch.zeros(4, 5, dtype=torch.float64)
    assert torch.equal(step(inputs), step(inputs, zeros, elapsed_time=1.0))
    assert torch.equal(step(inputs), step(inputs, elapsed_time=[1.0] * 4))


def test_one_time_constant_for_all_neurons_or_one_each() -> None:
    step, inputs = neuron(), sequences(4, 1)[:, 0]
    torch.testing.assert_close(
        step(inputs, time_constants=0.5), step(inputs, time_constants=[0.5] * 5)
    )
    torch.testing.assert_close(
        step(inputs, time_constants=positive(5)),
        step(inputs, time_constants=positive(5).expand(4, 5)),
    )


def test_mask_may_be_a_list_and_hides_nan() -> None:
    step = neuron()
    hole = torch.tensor([0.3, torch.nan, 0.1], dtype=torch.float64)
    filled = torch.tensor([0.3, 7.0, 0.1], dtype=torch.float64)
    seen = [True, False, True]
    assert torch.equal(step(hole, mask=seen), step(filled, mask=torch.tensor(seen)))


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_takes_any_wiring(name: str) -> None:
    step = LiquidNeuron(3, wiring=RECIPES[name])
    assert step(torch.zeros(2, 3)).shape == (2, RECIPES[name].units)
    assert step.hidden_size == RECIPES[name].units


def test_says_what_it_is() -> None:
    text = repr(LiquidNeuron(3, 5, solver="rk4", unfolds=2))
    assert "3 inputs" in text and "rk4" in text and "unfolds=2" in text
