"""Data of which the salient inputs are known, and a network that was trained on them.

The hidden Markov model of FIT (Tonekaboni et al., 2020), as Dynamask and time_interpret use it: two
hidden states, three features; the chance of a label of 1 is the logistic function of twice feature
1 in state 0, of twice feature 2 in state 1. A network learns the labels of every sample; it is
asked about the last one, whose salient input is that feature of that sample.

Area under precision and under recall, over thresholds, of sizes of parts scaled to [0, 1] in each
sequence, as in time_interpret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import captum.attr
import click
import numpy as np
import torch
from sklearn.metrics import auc, precision_recall_curve
from torch import Tensor, nn

from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.inspection import attribute
from liquid_neural_networks.training import fit

STEPS = 40
MEANS = ((0.1, 1.6, 0.5), (-0.1, -0.4, -1.5))
SALIENT = (1, 2)
VARIANCE, COVARIANCE = 0.801, 0.01


class Drawn(NamedTuple):
    """inputs (count, T, 3), labels and their chances (count, T, 1), hidden states (count, T)."""

    inputs: Tensor
    labels: Tensor
    chances: Tensor
    states: Tensor


def drawn(count: int, rng: np.random.Generator) -> Drawn:
    """Sequences of the model."""
    states = np.zeros((count, STEPS), dtype=int)
    for row in states:
        state, stayed = int(rng.random() < 0.5), 0
        for t in range(STEPS):
            chance = 0.95 - stayed / 500 if state == 1 else 0.05
            after = int(rng.random() < chance)
            stayed = stayed + 1 if after == state else 0
            row[t] = state = after
    inputs = np.zeros((count, STEPS, 3))
    for state, mean in enumerate(MEANS):
        here, covariance = states == state, _covariance(state).numpy()
        inputs[here] = rng.multivariate_normal(mean, covariance, size=int(here.sum()))
    chosen = np.take_along_axis(inputs, np.array(SALIENT)[states][..., None], 2)
    chances = 1 / (1 + np.exp(-2 * chosen))
    labels = rng.random(chances.shape) < chances
    made = (torch.from_numpy(each).float() for each in (inputs, labels, chances))
    return Drawn(*made, torch.from_numpy(states))


def trained(dynamics: Any, seed: int, epochs: int) -> tuple[LiquidNetwork, float]:
    """A network, and the share of the variance of chances that it explains elsewhere."""
    rng = np.random.default_rng(seed)
    train, test = drawn(800, rng), drawn(200, rng)
    network = LiquidNetwork(3, 16, 1, dynamics=dynamics, seed=seed)
    fit(network, (train.inputs, train.labels), epochs=epochs, batch_size=32, seed=seed)
    with torch.no_grad():
        missed = (network.eval()(test.inputs) - test.chances).square().mean()
    return network, 1.0 - float(missed / test.chances.var())


class Last(nn.Module):
    """A network as captum wants it: (B, T, I) to (B,), the last sample's output."""

    def __init__(self, network: LiquidNetwork):
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        return self.network(inputs)[:, -1, 0]


class Exact(nn.Module):
    """The chance of the last sample's label given all samples, by the model itself: what a perfect
    network would say. Durations of states hardly matter and are left out."""

    def forward(self, inputs: Tensor) -> Tensor:
        seen = torch.stack([_density(state).log_prob(inputs) for state in (0, 1)], -1)
        stays = torch.tensor([[0.95, 0.05], [0.05, 0.95]], dtype=inputs.dtype).log()
        belief = seen[:, 0]
        for t in range(1, inputs.shape[1]):
            belief = torch.logsumexp(belief.unsqueeze(-1) + stays, 1) + seen[:, t]
        chances = torch.sigmoid(2 * inputs[:, -1][:, list(SALIENT)])
        return (torch.softmax(belief, -1) * chances).sum(-1)


def _density(state: int) -> torch.distributions.MultivariateNormal:
    mean = torch.tensor(MEANS[state])
    return torch.distributions.MultivariateNormal(mean, _covariance(state).float())


def _covariance(state: int) -> Tensor:
    covariance = VARIANCE * torch.eye(3, dtype=torch.float64)
    salient = SALIENT[state]
    covariance[salient, 0] = covariance[0, salient] = COVARIANCE
    return covariance


def in_order(module: nn.Module, inputs: Tensor) -> Tensor:
    """(B, T, I) the same parts as integrated gradients have, of another path that adds up: samples
    take their values one after the other, as they came."""
    gradients, shown = captum.attr.IntegratedGradients(module), torch.zeros_like(inputs)
    parts = torch.zeros_like(inputs)
    for t in range(inputs.shape[1]):
        after = shown.clone()
        after[:, t] = inputs[:, t]
        parts += gradients.attribute(after, baselines=shown, n_steps=20)
        shown = after
    return parts


def methods(network: LiquidNetwork, rng: np.random.Generator) -> dict[str, Callable[..., Tensor]]:
    """Name -> inputs (B, T, I) to parts (B, T, I)."""
    last, attr = Last(network), captum.attr
    background = drawn(20, rng).inputs
    gradient_shap, sampled = attr.GradientShap(last), attr.ShapleyValueSampling(last)
    return {
        "attribute": lambda inputs: attribute(network, inputs).inputs,
        "IntegratedGradients": lambda inputs: attr.IntegratedGradients(last).attribute(inputs),
        "InputXGradient": lambda inputs: attr.InputXGradient(last).attribute(
            inputs.clone().requires_grad_()
        ),
        "Saliency": lambda inputs: attr.Saliency(last).attribute(inputs.clone().requires_grad_()),
        "GradientShap": lambda inputs: gradient_shap.attribute(
            inputs, background, n_samples=50, stdevs=0.0
        ),
        "Occlusion": lambda inputs: attr.Occlusion(last).attribute(inputs, (1, 1)),
        "ShapleyValueSampling": lambda inputs: sampled.attribute(inputs, n_samples=3),
    }


def areas(parts: Tensor, features: Tensor) -> tuple[float, float]:
    """Area under precision and under recall; one feature of the last sample is salient."""
    sizes = parts.detach().abs().double()
    least, most = sizes.amin((1, 2), keepdim=True), sizes.amax((1, 2), keepdim=True)
    scaled = (sizes - least) / (most + 1e-5)
    truth = torch.zeros_like(scaled)
    truth[torch.arange(len(truth)), -1, features] = 1
    precision, recall, thresholds = precision_recall_curve(
        truth.flatten().numpy(), scaled.flatten().numpy()
    )
    return auc(thresholds, precision[:-1]), auc(thresholds, recall[:-1])


def run(dynamics: Any, seed: int, epochs: int, asked: int) -> dict[str, Any]:
    """One network, trained and asked about the ends of as many sequences."""
    network, explained = trained(dynamics, seed, epochs)
    click.echo(f"{dynamics}, seed {seed}: explains {explained:.3f}")
    rng = np.random.default_rng(1000 + seed)
    test = drawn(asked, rng)
    features = torch.tensor(SALIENT)[test.states[:, -1]]
    found = {}
    for name, method in methods(network, rng).items():
        torch.manual_seed(seed)
        precision, recall = areas(method(test.inputs), features)
        found[name] = {"precision": precision, "recall": recall}
        click.echo(f"  {name:22} {precision:.4f} {recall:.4f}")
    return {"dynamics": dynamics, "seed": seed, "explained": explained, "methods": found}


def run_exact(seed: int, asked: int) -> dict[str, Any]:
    """What the methods find where the network would be perfect: how far they themselves go."""
    test = drawn(asked, np.random.default_rng(1000 + seed))
    features = torch.tensor(SALIENT)[test.states[:, -1]]
    exact, attr = Exact(), captum.attr
    named: dict[str, Callable[[Tensor], Tensor]] = {
        "IntegratedGradients": attr.IntegratedGradients(exact).attribute,
        "in order": lambda inputs: in_order(exact, inputs),
        "Occlusion": lambda inputs: attr.Occlusion(exact).attribute(inputs, (1, 1)),
    }
    found = {}
    for name, method in named.items():
        precision, recall = areas(method(test.inputs), features)
        found[name] = {"precision": precision, "recall": recall}
        click.echo(f"exact, seed {seed}  {name:22} {precision:.4f} {recall:.4f}")
    return {"seed": seed, "methods": found}
