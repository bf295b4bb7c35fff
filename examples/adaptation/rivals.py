"""The best of river's models on the same streams.

Of linear regression (by Adam, Bayesian with forgetting, passive-aggressive), AMRules, Hoeffding
adaptive trees and adaptive random forests, these did best on seed 0, which is not reported; for
Elec2 on its rows 2,000 to 10,000.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from examples.adaptation.streams import Stream

INSTALLED = find_spec("river") is not None


def model_of(stream: str) -> Any:
    """River's best for a stream."""
    from river import forest, linear_model, optim, preprocessing

    if stream == "Elec2":
        return forest.ARFClassifier(seed=0)
    if stream.startswith("gain"):
        linear = linear_model.LinearRegression(optimizer=optim.Adam(0.01))
        return preprocessing.StandardScaler() | linear
    return linear_model.BayesianLinearRegression(smoothing=0.998)


def errors_of(stream: Stream) -> np.ndarray:
    """Errors after the change, of a model that runs from the beginning."""
    model, errors = model_of(stream.name), []
    for known, target in zip(stream.linear, stream.targets):
        features = dict(enumerate(known.tolist()))
        errors.append(target - model.predict_one(features))
        model.learn_one(features, float(target))
    return np.array(errors[stream.change :])


def classes_of(inputs: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Whether each class was right."""
    model, right = model_of("Elec2"), []
    for given, label in zip(inputs, classes):
        features = dict(enumerate(given.tolist()))
        right.append(model.predict_one(features) == bool(label))
        model.learn_one(features, bool(label))
    return np.array(right)
