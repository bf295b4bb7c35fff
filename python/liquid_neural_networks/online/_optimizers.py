"""Optimisers on flat arrays, with the equations and constants of ``torch.optim``; in C as well."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]


class Optimizer(ABC):
    """Turns gradients into steps.

    Attributes:
        first, second: (P,) running moments of the gradient and of its square.
    """

    def __init__(self, like: Array):
        self.first, self.second = np.zeros_like(like), np.zeros_like(like)

    @abstractmethod
    def step(self, gradient: Array, rate: float, count: int) -> Array:
        """What is to be subtracted at update number ``count``, from 1 on."""


class RmsProp(Optimizer):
    """Decay .99."""

    def step(self, gradient: Array, rate: float, count: int) -> Array:
        self.second *= 0.99
        self.second += 0.01 * gradient**2
        return rate * gradient / (np.sqrt(self.second) + 1e-8)


class Adam(Optimizer):
    """Decays .9 and .999 (Kingma and Ba, ICLR 2015)."""

    def step(self, gradient: Array, rate: float, count: int) -> Array:
        self.first *= 0.9
        self.first += 0.1 * gradient
        self.second *= 0.999
        self.second += 0.001 * gradient**2
        root = np.sqrt(self.second) / sqrt(1 - 0.999**count) + 1e-8
        return rate / (1 - 0.9**count) * self.first / root


class Sgd(Optimizer):
    """Without momentum."""

    def step(self, gradient: Array, rate: float, count: int) -> Array:
        return rate * gradient


OPTIMIZERS: Mapping[str, type[Optimizer]] = {"rmsprop": RmsProp, "adam": Adam, "sgd": Sgd}


def norm(gradient: Array) -> float:
    """Its Euclidean norm, also where its square would be beyond what floats hold; infinity if any
    number is NaN or infinite."""
    largest = float(np.abs(gradient).max(initial=0.0))
    if not np.isfinite(largest):
        return np.inf
    if largest == 0:
        return 0.0
    return largest * sqrt(float(np.square(gradient.astype(np.float64) / largest).sum()))


def clipped(gradient: Array, largest_norm: float) -> Array:
    """The gradient, made shorter where it is longer than this."""
    factor = largest_norm / (norm(gradient) + 1e-6)
    return gradient * factor if factor < 1 else gradient
