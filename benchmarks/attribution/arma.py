"""Data of which the salient inputs are known, and a network that was trained on them.

Rare features as in the ARMA experiments of Dynamask (Crabbé and van der Schaar, 2021) and
time_interpret: 50 features of an autoregressive process, of which 5, always the same, matter; what
is to be regressed is the sum of their squares at each sample. A network learns that from sequences;
it is asked about single samples, whose salient inputs are the 5 features at that sample.

Area under precision and under recall, over thresholds, of sizes of parts scaled to [0, 1] in each
sequence, as in time_interpret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import captum.attr
import click
import numpy as np
import torch
from sklearn.metrics import auc, precision_recall_curve
from torch import Tensor, nn

from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.inspection import attribute
from liquid_neural_networks.training import fit

FEATURES, STEPS, SALIENT = 50, 50, 5
AR = (0.25, 0.1, 0.05)
"""x_t = e_t - 0.25 x_{t-1} - 0.1 x_{t-2} - 0.05 x_{t-3}: the lag polynomial (2, 0.5, 0.2, 0.1)
with a moving average of (2)."""


def sequences(count: int, rng: np.random.Generator) -> Tensor:
    """(count, T, features)."""
    noise = rng.standard_normal((count, STEPS, FEATURES))
    series = np.zeros_like(noise)
    for t in range(STEPS):
        series[:, t] = noise[:, t] - sum(
            weight * series[:, t - lag] for lag, weight in enumerate(AR, 1) if t >= lag
        )
    return torch.from_numpy(series).float()


def salient(seed: int) -> list[int]:
    """The features that matter."""
    return np.random.default_rng(seed).permutation(FEATURES)[:SALIENT].tolist()


def trained(dynamics: Any, seed: int, epochs: int) -> tuple[LiquidNetwork, float]:
    """A network and its share of explained variance on other sequences."""
    rng, chosen = np.random.default_rng(seed), salient(seed)
    inputs = sequences(1200, rng)
    targets = inputs[..., chosen].square().sum(-1, keepdim=True)
    network = LiquidNetwork(FEATURES, 32, 1, dynamics=dynamics, seed=seed)
    train, valid = (inputs[:1000], targets[:1000]), (inputs[1000:], targets[1000:])
    fit(network, train, valid, epochs=epochs, batch_size=32, seed=seed, schedule="cosine")
    with torch.no_grad():
        missed = (network.eval()(inputs[1000:]) - targets[1000:]).square().mean()
    return network, 1.0 - float(missed / targets[1000:].var())


class Last(nn.Module):
    """A network as captum wants it: (B, T, I) to (B,), the last sample's output."""

    def __init__(self, network: LiquidNetwork):
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        return self.network(inputs)[:, -1, 0]


def methods(network: LiquidNetwork, rng: np.random.Generator) -> dict[str, Callable[..., Tensor]]:
    """Name -> inputs (B, T, I) to parts (B, T, I)."""
    last, attr = Last(network), captum.attr
    background = sequences(20, rng)[:, : STEPS // 2]
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


def areas(parts: Tensor, chosen: list[int]) -> tuple[float, float]:
    """Area under precision and under recall; only the last sample of these features matters."""
    sizes = parts.detach().abs().double()
    least, most = sizes.amin((1, 2), keepdim=True), sizes.amax((1, 2), keepdim=True)
    scaled = (sizes - least) / (most + 1e-5)
    truth = torch.zeros_like(scaled)
    truth[:, -1, chosen] = 1
    precision, recall, thresholds = precision_recall_curve(
        truth.flatten().numpy(), scaled.flatten().numpy()
    )
    return auc(thresholds, precision[:-1]), auc(thresholds, recall[:-1])


def run(dynamics: Any, seed: int, epochs: int, asked: int) -> dict[str, Any]:
    """One network, trained and asked about samples in the middle of as many sequences."""
    network, explained = trained(dynamics, seed, epochs)
    click.echo(f"{dynamics}, seed {seed}: R2 {explained:.3f}")
    rng, chosen = np.random.default_rng(1000 + seed), salient(seed)
    inputs = sequences(asked, rng)[:, : STEPS // 2]
    found = {}
    for name, method in methods(network, rng).items():
        torch.manual_seed(seed)
        precision, recall = areas(method(inputs), chosen)
        found[name] = {"precision": precision, "recall": recall}
        click.echo(f"  {name:22} {precision:.4f} {recall:.4f}")
    return {"dynamics": dynamics, "seed": seed, "explained": explained, "methods": found}
