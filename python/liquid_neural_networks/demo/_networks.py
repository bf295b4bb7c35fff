"""The two networks that are compared, and how both are trained."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Callable

import torch
from torch import Tensor, nn

from ..benchmark.baselines import LSTM
from ..network import LiquidNetwork
from ..training import History, fit
from ..wiring import ncp
from ._task import FloatArray, Task

LEARNING_RATE = 0.04
BATCH_SIZE = 32


def make_liquid(seed: int) -> LiquidNetwork:
    """19 neurons, wired as the lane keeper of Lechner et al. (2020)."""
    return LiquidNetwork(3, wiring=ncp(inter=12, command=6, motor=1), seed=seed)


def make_lstm(seed: int) -> LSTM:
    """7 cells: as near the liquid network's number of parameters as cells allow. The
    elapsed time is one more input."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return LSTM(3, 7, 1, timed=True)


LIQUID = "liquid, 19 neurons"
NETWORKS: Mapping[str, Callable[[int], nn.Module]] = {
    "LSTM, 7 cells": make_lstm,
    LIQUID: make_liquid,
}


def train(
    network: nn.Module,
    task: Task,
    epochs: int,
    seed: int,
    after_epoch: Callable[[float], None] = lambda error: None,
) -> float:
    """Trains in place, keeps the parameters that did best on the validation years.

    Args:
        network: called as ``network(inputs, elapsed_time=...)``.
        task: what to learn.
        epochs: passes over the training windows.
        seed: of the order of the windows.
        after_epoch: called after each epoch with the lowest error so far, as returned.

    Returns:
        The root mean square error on the validation years, ppm.
    """

    def error(history: History) -> float:
        return sqrt(history.best_loss) * task.scale

    history = fit(
        network,
        task.train_windows(),
        task.valid_windows(),
        epochs=epochs,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        schedule="cosine",
        max_gradient_norm=1.0,
        seed=seed,
        progress=False,
        callback=lambda history: after_epoch(error(history)),
    )
    return error(history)


def forecast(network: nn.Module, task: Task) -> FloatArray:
    """(T,) ppm forecast for 13 weeks from now, at every sample, in one pass over the record."""
    inputs, elapsed = as_tensor(task.inputs), as_tensor(task.elapsed_time)
    with torch.no_grad():
        outputs = network(inputs[None], elapsed_time=elapsed[None])
    rise: FloatArray = outputs[0, :, 0].double().numpy() * task.scale
    return task.record.ppm + rise


def as_tensor(values: FloatArray) -> Tensor:
    """In float32, as networks are trained."""
    return torch.from_numpy(values).float()
