"""The models of the tables; a new one is one entry."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Callable, NamedTuple, Optional

import torch
from torch import Tensor, nn

from benchmarks.papers import images
from liquid_neural_networks import LiquidNetwork, wiring
from liquid_neural_networks.benchmark import baselines
from liquid_neural_networks.data import Windows


class Shape(NamedTuple):
    """What a task asks of a model: ``timed`` if samples are unevenly spaced."""

    inputs: int
    units: int
    outputs: int
    timed: bool
    sequences: bool


class Model(NamedTuple):
    """How to build a model, its learning rate and weight decay, the mean and deviation its inputs
    are given, the longest gradient it follows, its epochs if not those of the task, and whether it
    is for images only."""

    build: Callable[[Shape, int], nn.Module]
    learning_rate: float
    weight_decay: float = 0.0
    centre: float = 0.0
    spread: float = 1.0
    max_gradient_norm: Optional[float] = None
    epochs: Optional[int] = None
    of_images: bool = False


def liquid(
    shape: Shape, seed: int, make_wiring: Callable[[Shape], Any] | None = None, **options: Any
) -> nn.Module:
    return LiquidNetwork(
        shape.inputs,
        None if make_wiring else shape.units,
        shape.outputs,
        wiring=make_wiring(shape) if make_wiring else None,
        readout="dense",
        return_sequences=shape.sequences,
        seed=seed,
        **options,
    )


def ncp(shape: Shape) -> Any:
    """Half the units inter neurons, a third command neurons, the rest motor neurons."""
    inter, command = shape.units // 2, shape.units // 3
    return wiring.ncp(inter=inter, command=command, motor=shape.units - inter - command, seed=0)


def closed_form(shape: Shape, seed: int) -> nn.Module:
    """With the backbone published for mixed memory, two layers of two units a neuron, but silu."""
    backbone = {
        "backbone_layers": 2,
        "backbone_units": 2 * shape.units,
        "backbone_activation": "silu",
    }
    return liquid(shape, seed, dynamics={"type": "closed_form", **backbone})


class WithElapsedTime(nn.Module):
    """A network that is also fed the time since the last sample, as the baselines are."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor, *, elapsed_time: Tensor, **options: Any) -> Tensor:
        # A quarter: several steps are then as large as the other features.
        fed = torch.cat([inputs, elapsed_time.unsqueeze(-1) / 4], dim=-1)
        outputs: Tensor = self.network(fed, elapsed_time=elapsed_time, **options)
        return outputs


def closed_form_memory(shape: Shape, seed: int) -> nn.Module:
    """With a memory cell in place of a backbone, no more units than published with one, and fed the
    elapsed time where it varies."""
    given = shape._replace(inputs=shape.inputs + shape.timed, units=min(shape.units, 64))
    dynamics = {"type": "closed_form", "backbone_layers": 0}
    network = liquid(given, seed, mixed_memory=True, dynamics=dynamics)
    return WithElapsedTime(network) if shape.timed else network


def c_elegans(_: Shape) -> Any:
    """302 neurons, whatever the task says."""
    return wiring.c_elegans()


def behind_convolutions(make: Callable[..., nn.Module], shape: Shape, seed: int) -> nn.Module:
    """A model of sequences behind a convolutional head that is made with it."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return images.RowByRow(make(shape._replace(inputs=images.features(shape.inputs)), seed))


def thousand(shape: Shape, seed: int) -> nn.Module:
    """1,000 neurons, about 16 synapses to each."""
    return liquid(shape, seed, make_wiring=lambda _: wiring.random(1000, sparsity=0.985, seed=0))


def convolutional(shape: Shape, seed: int) -> nn.Module:
    """As many rows as columns."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return images.AllAtOnce(shape.inputs, shape.inputs, 128, shape.outputs)


def baseline(kind: type[baselines.Baseline], shape: Shape, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return kind(
            shape.inputs,
            shape.units,
            shape.outputs,
            timed=shape.timed,
            return_sequences=shape.sequences,
        )


def lstm(shape: Shape, seed: int, units: int | None = None) -> nn.Module:
    """As many cells as the task has units, or so many."""
    return baseline(baselines.LSTM, shape._replace(units=units or shape.units), seed)


# Conductance synapses open around 0.5, see the initial mu.
CONDUCTANCE = {"learning_rate": 0.01, "centre": 0.5, "spread": 0.5}

MODELS: Mapping[str, Model] = {
    "linear": Model(partial(baseline, baselines.Linear), 0.01),
    "ct-rnn": Model(partial(baseline, baselines.CTRNN), 0.005),
    "ode-rnn": Model(partial(baseline, baselines.ODERNN), 0.005),
    "lstm": Model(lstm, 0.005),
    # With as many parameters as 32 units beside a memory cell.
    "lstm 46": Model(partial(lstm, units=46), 0.005),
    "gru": Model(partial(baseline, baselines.GRU), 0.005),
    "liquid dense": Model(partial(liquid, dynamics="dense"), 0.01),
    "liquid ncp": Model(partial(liquid, make_wiring=ncp), **CONDUCTANCE),
    "closed form": Model(closed_form, 0.005, max_gradient_norm=1.0),
    "closed form, memory": Model(closed_form_memory, 0.003, max_gradient_norm=0.1),
    "liquid 302": Model(partial(liquid, make_wiring=c_elegans), **CONDUCTANCE),
    "liquid, memory": Model(
        partial(liquid, mixed_memory=True), **CONDUCTANCE, max_gradient_norm=1.0
    ),
    "liquid": Model(liquid, **CONDUCTANCE),
    "convolutions": Model(convolutional, 0.002, epochs=6, of_images=True),
    "convolutions, lstm": Model(
        partial(behind_convolutions, partial(lstm, units=128)), 0.002, epochs=6, of_images=True
    ),
    "convolutions, liquid 1000": Model(
        partial(behind_convolutions, thousand), 0.005, epochs=6, of_images=True
    ),
}


class InUnitsOf(nn.Module):
    """A model between two fixed affine maps, from the units of the training windows and back.

    Every model is given the same: scaled inputs, ``pixels`` all alike; times in which the median
    step is ``step``; and outputs that start at the mean and deviation of the targets, or of their
    ``changes`` from the inputs, which are then added. The loss stays in the units of the data.
    """

    def __init__(
        self,
        model: nn.Module,
        train: Windows,
        centre: float,
        spread: float,
        *,
        step: float = 1.0,
        pixels: bool = False,
        changes: bool = False,
    ):
        super().__init__()
        self.model, self.changes = model, changes
        mean, deviation = _statistics(train.inputs, (0, 1, 2) if pixels else (0, 1), train.mask)
        self.register_buffer("scale", spread / deviation)
        self.register_buffer("shift", centre - spread * mean / deviation)
        if train.are_classes:
            mean, deviation = torch.zeros(1), torch.ones(1)
        else:
            learned = train.targets - train.inputs if changes else train.targets
            mean, deviation = _statistics(learned, tuple(range(learned.dim() - 1)))
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        elapsed = torch.ones(1) if train.elapsed_time is None else train.elapsed_time
        self.register_buffer("pace", step / elapsed[elapsed > 0].median())

    def forward(
        self, inputs: Tensor, *, elapsed_time: Tensor | None = None, **others: Any
    ) -> Tensor:
        elapsed = torch.ones_like(inputs[..., 0]) if elapsed_time is None else elapsed_time
        scaled = inputs * self.scale + self.shift
        outputs = self.model(scaled, elapsed_time=elapsed * self.pace, **others)
        values: Tensor = outputs * self.deviation + self.mean
        return inputs + values if self.changes else values


def _statistics(
    values: Tensor, over: tuple[int, ...], seen: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each feature where it was seen; a constant one keeps deviation 1."""
    weight = torch.ones_like(values)
    if seen is not None:
        weight *= seen if seen.dim() == values.dim() else seen.unsqueeze(-1)
    count = weight.sum(over).clamp(min=1)
    mean = (values * weight).sum(over) / count
    deviation = (((values - mean) * weight).square().sum(over) / count).sqrt()
    return mean, torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation))
