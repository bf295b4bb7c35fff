"""Networks inside the explainers of captum and shap, as they are; the same numbers from here."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from liquid_neural_networks import LiquidNetwork, wiring
from liquid_neural_networks.dynamics import DYNAMICS
from liquid_neural_networks.errors import DomainError, ShapeError
from liquid_neural_networks.inspection import (
    attribute,
    gradient_times_input,
    integrated_gradients,
    occlusion,
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(dynamics: str = "conductance") -> LiquidNetwork:
    """An output for the last sample alone, as explainers want it."""
    made = LiquidNetwork(
        2, 6, 2, dynamics=dynamics, wiring=wiring.random(6, sparsity=0.2), seed=1,
        return_sequences=False,
    )  # fmt: skip
    return made.double().eval()


def sequences(count: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(count, 5, 2, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_the_usual_attributions_are_captums(dynamics: str) -> None:
    attr = pytest.importorskip("captum.attr", reason="CAPTUM IS NOT TESTED: it is not there")
    made, inputs = network(dynamics), sequences()
    close = {"rtol": 0, "atol": 1e-7}  # captum's weights and results are float32 in part
    theirs = attr.InputXGradient(made).attribute(inputs.requires_grad_(), target=1)
    inputs = inputs.detach()
    torch.testing.assert_close(gradient_times_input(made, inputs, 1), theirs.detach(), **close)
    theirs = attr.IntegratedGradients(made).attribute(inputs, 0.2, target=1, n_steps=20)
    ours = integrated_gradients(made, inputs, 1, baseline=0.2, steps=20)
    torch.testing.assert_close(ours, theirs.double(), **close)
    for window in ((1, 1), (2, 2), (3, 1)):
        theirs = attr.Occlusion(made).attribute(inputs, window, baselines=0.2, target=1)
        ours = occlusion(made, inputs, 1, baseline=0.2, window=window)
        torch.testing.assert_close(ours, theirs.double(), **close)


def test_the_usual_attributions_take_what_a_call_takes() -> None:
    attr = pytest.importorskip("captum.attr", reason="CAPTUM IS NOT TESTED: it is not there")
    made, inputs = network(), sequences()
    given = {"time_constants": 2.0, "elapsed_time": 0.5}
    close = {"rtol": 0, "atol": 1e-7}

    def call(values: torch.Tensor) -> torch.Tensor:
        return made(values, **given)

    theirs = attr.InputXGradient(call).attribute(inputs.requires_grad_(), target=1)
    inputs = inputs.detach()
    ours = gradient_times_input(made, inputs, 1, **given)
    torch.testing.assert_close(ours, theirs.detach(), **close)
    theirs = attr.IntegratedGradients(call).attribute(inputs, target=1, n_steps=20)
    ours = integrated_gradients(made, inputs, 1, steps=20, **given)
    torch.testing.assert_close(ours, theirs.double(), **close)
    theirs = attr.Occlusion(call).attribute(inputs, (2, 1), target=1)
    ours = occlusion(made, inputs, 1, window=(2, 1), **given)
    torch.testing.assert_close(ours, theirs.double(), **close)


def test_a_function_is_asked_about_the_batch_as_it_was_given() -> None:
    """So it may ask about another output of each sequence, as with captum's list of targets."""
    made, inputs = network(), sequences()
    wanted = torch.tensor([1, 0, 1])

    def each(outputs: Tensor) -> Tensor:
        return outputs[torch.arange(3), wanted]

    for function in (integrated_gradients, occlusion, gradient_times_input):
        ours = function(made, inputs, each)
        expected = torch.stack(
            [function(made, inputs, k)[i] for i, k in enumerate(wanted.tolist())]
        )
        torch.testing.assert_close(ours, expected)


def test_one_number_at_a_time_is_hidden_unless_said_otherwise() -> None:
    made, inputs = network(), sequences()
    whole = made(inputs)[:, 0]
    expected = torch.zeros_like(inputs)
    for t, k in ((0, 0), (2, 1), (4, 0)):
        hidden = inputs.clone()
        hidden[:, t, k] = 0
        expected[:, t, k] = whole - made(hidden)[:, 0]
    there = expected != 0
    torch.testing.assert_close(occlusion(made, inputs)[there], expected[there])


def test_explainers_of_captum_run_and_add_up() -> None:
    attr = pytest.importorskip("captum.attr", reason="CAPTUM IS NOT TESTED: it is not there")
    made, inputs = network(), sequences()
    whole = (made(inputs) - made(torch.zeros_like(inputs)))[:, 1].detach()
    _, missed = attr.IntegratedGradients(made).attribute(
        inputs, target=1, n_steps=100, return_convergence_delta=True
    )
    assert float(missed.abs().max()) < 1e-6
    exact = attribute(made, inputs, 1).inputs
    close = {"rtol": 0, "atol": 1e-6}
    found = attr.IntegratedGradients(made).attribute(inputs, target=1, n_steps=100)
    torch.testing.assert_close(found, exact, **close)
    sampled = attr.ShapleyValueSampling(made).attribute(inputs, target=1, n_samples=3)
    torch.testing.assert_close(sampled.sum((1, 2)).double(), whole, rtol=0, atol=1e-6)
    held = attr.LayerConductance(made, made.neurons[0]).attribute(inputs, target=1, n_steps=200)
    torch.testing.assert_close(held[:, -1].sum(1), whole, rtol=1e-3, atol=1e-5)
    assert attr.Occlusion(made).attribute(inputs, (1, 2), target=1).shape == inputs.shape
    trained = made.train()  # gradients in training mode are the same: nothing is dropped
    again = attr.IntegratedGradients(trained).attribute(inputs, target=1, n_steps=100)
    torch.testing.assert_close(again, found)


def test_explainers_of_shap_run_and_add_up() -> None:
    shap = pytest.importorskip("shap", reason="SHAP IS NOT TESTED: it is not there")
    made, inputs = network(), sequences(4)
    gradients = shap.GradientExplainer(network().float(), torch.zeros(1, 5, 2))
    values = np.asarray(gradients.shap_values(inputs.float(), nsamples=400, rseed=0))
    exact = attribute(made, inputs, 1).inputs.numpy()
    assert values.shape == (4, 5, 2, 2)
    np.testing.assert_allclose(values[..., 1], exact, atol=0.2 * np.abs(exact).max())

    def outputs(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        with torch.no_grad():
            return made(torch.from_numpy(rows).view(-1, 5, 2))[:, 1].numpy()

    flat = inputs.reshape(4, 10).numpy()
    kernel = shap.KernelExplainer(outputs, np.zeros((1, 10)))
    explained = kernel.shap_values(flat, nsamples=300, silent=True)
    whole = outputs(flat) - outputs(np.zeros((1, 10)))
    np.testing.assert_allclose(explained.sum(1), whole, rtol=0, atol=1e-8)


def test_windows_have_to_fit() -> None:
    made, inputs = network(), sequences()
    with pytest.raises(DomainError, match="window: expected an integer from 1 to 5"):
        occlusion(made, inputs, window=(6, 1))
    with pytest.raises(ShapeError, match="window: expected samples and features"):
        occlusion(made, inputs, window=(1,))
    with pytest.raises(DomainError, match="steps: "):
        integrated_gradients(made, inputs, steps=0)
