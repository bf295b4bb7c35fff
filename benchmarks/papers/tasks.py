"""How each task is trained: what the published code fixes, and what it costs us less."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

import numpy as np
import torch
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor
from torch.nn import functional

from liquid_neural_networks.data import Split
from liquid_neural_networks.tasks import TASKS
from liquid_neural_networks.training import evaluate, predict

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Setting:
    """Epochs, minibatch, neurons and loss of a task; what models do otherwise than elsewhere; how
    many units of time its median step is; whether its samples are rows of pixels, and whether
    models learn by how much the input changes.

    Published: 200 epochs at a constant learning rate, batches of 16, 32 units. Here the rate
    falls along a cosine, which needs half the epochs, and fewer where windows overlap so much
    that an epoch sees every row several times.
    """

    epochs: int = 100
    batch_size: int = 16
    units: int = 32
    loss: Optional[Loss] = None
    tuned: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    step: float = 1.0
    pixels: bool = False
    changes: bool = False


def _ozone_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """The published class weights: 1.6 for an ozone day, 0.1 for another."""
    weights = torch.where(targets == 1, 1.6, 0.1)
    costs = functional.cross_entropy(outputs.flatten(0, -2), targets.flatten(), reduction="none")
    return (costs * weights.flatten()).mean()


def _mortality_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """The published class weight: a death counts as 11.69 survivals."""
    return functional.cross_entropy(outputs, targets, outputs.new_tensor([1.0, 11.69]))


SETTINGS: Mapping[str, Setting] = {
    "half_cheetah": Setting(
        # By the validation part, of learning rates .005 to .05 and decays of 0 to 1, for the LSTM
        # and for liquid; 302 neurons are given what liquid is.
        tuned={
            "lstm": {"weight_decay": 0.1},
            "liquid": {"learning_rate": 0.03, "weight_decay": 0.01},
            "liquid 302": {"learning_rate": 0.03, "weight_decay": 0.01},
        }
    ),
    "gesture": Setting(),
    "occupancy": Setting(epochs=15),
    "traffic": Setting(epochs=20),
    "power": Setting(epochs=50),
    "ozone": Setting(epochs=200, loss=_ozone_loss),
    "mnist": Setting(
        epochs=15,
        tuned={
            "lstm": {"learning_rate": 0.003, "weight_decay": 0.1},
            "lstm 46": {"learning_rate": 0.003, "weight_decay": 0.1},
            "closed form": {"learning_rate": 0.001},
            "closed form, memory": {"weight_decay": 0.1},
            "liquid": {"weight_decay": 0.01},
            "liquid, memory": {"weight_decay": 0.05},
        },
        step=0.1,  # the first row is still to be remembered at the last
        pixels=True,
    ),
    "physionet2012": Setting(epochs=20, batch_size=128, units=64, loss=_mortality_loss),
    "xor_irregular": Setting(epochs=60, batch_size=128, units=128),
    "walker2d": Setting(epochs=50, batch_size=64, units=64, changes=True),
}


def error_rate(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.argmax(-1) != targets).double().mean()


def missed_f1(outputs: Tensor, targets: Tensor) -> Tensor:
    """1 - F1 of class 1."""
    found, true = outputs.argmax(-1) == 1, targets == 1
    return 1 - 2 * (found & true).sum() / (found.sum() + true.sum()).clamp(min=1)


SELECTION: Mapping[str, Optional[Loss]] = {
    "mse": None,
    "accuracy": error_rate,
    "f1": missed_f1,
    "auc": None,  # of a minibatch it may not exist
}
"""Metric -> what chooses the best epoch, as published: the metric itself, where it is a mean."""


def score(task: str, network: torch.nn.Module, split: Split) -> float:
    """The task's metric on the test windows."""
    if TASKS[task].metric == "auc":
        scores = predict(network, split.test)
        return float(roc_auc_score(split.test.targets, scores[:, 1] - scores[:, 0]))
    metrics = evaluate(network, split.test)
    metric = TASKS[task].metric
    return float(metrics["f1"][1] or 0.0) if metric == "f1" else float(metrics[metric])


def references(task: str, split: Split) -> dict[str, float]:
    """What rules score on the test windows that look at one sample, or at none."""
    train, test = split.train.targets, split.test.targets
    metric = TASKS[task].metric
    if metric == "auc":
        return {"any order": 0.5}
    if metric == "f1":
        share = float((test == 1).double().mean())
        return {"always 1": 2 * share / (1 + share)}
    if metric == "accuracy":
        commonest = train.flatten().mode().values
        found = {"commonest class": float((test == commonest).double().mean())}
        of_samples = train.shape == split.train.inputs.shape[:2]
        rule = {"one threshold on one feature": _threshold(split)} if of_samples else {}
        return {**found, **rule}
    copied = test.shape == split.test.inputs.shape
    guess = split.test.inputs if copied else train.mean()
    error = float((guess - test).double().square().mean())
    return {"copy" if copied else "mean": error, "least squares": _least_squares(split)}


def _threshold(split: Split) -> float:
    """The accuracy of the best rule of one comparison."""
    (inputs, targets), test = _samples(split)
    return float(
        DecisionTreeClassifier(max_depth=1, random_state=0).fit(inputs, targets).score(*test)
    )


def _least_squares(split: Split) -> float:
    """The error of the best linear map of a sample."""
    (inputs, targets), test = _samples(split)
    guess = LinearRegression().fit(inputs, targets).predict(test[0])
    return float(np.square(guess - test[1]).mean())


def _samples(split: Split) -> list[tuple[Any, Any]]:
    """Features and targets of every sample alone, to learn from and to test on."""
    return [
        (part.inputs.flatten(0, 1).double().numpy(), part.targets.flatten(0, 1).numpy())
        for part in (split.train, split.test)
    ]
