"""Copies of a network's modules, whose parameters move as one flat array."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..neuron import LiquidNeuron
from ._engine import LEARNED, NOT_FINITE, UNKNOWN_TARGET, Array, Arrays, Lesson
from ._losses import loss_and_slope
from ._optimizers import OPTIMIZERS, clipped, norm


class Copies:
    """Populations and a read-out that learn apart from the network they come from.

    Args:
        populations: with what the names of their parameters begin with.
        readout: of the last one's neurons.
        trainable: names of parameters that move.
        loss, optimizer: by name.
    """

    def __init__(
        self,
        populations: Sequence[tuple[str, LiquidNeuron]],
        readout: nn.Module,
        trainable: set[str],
        loss: str,
        optimizer: str,
    ):
        self._loss = loss
        self.neurons = [each.frozen() for _, each in populations]
        self.readout = deepcopy(readout).requires_grad_(False)
        self.all: dict[str, Tensor] = {
            prefix + inner + name: each
            for (prefix, _), neuron in zip(populations, self.neurons)
            for inner, module in neuron.parameter_modules().items()
            for name, each in module.stored().items()
        }
        self.all |= {f"readout.{name}": each for name, each in self.readout.named_parameters()}
        self.moving = [
            each.requires_grad_() for name, each in self.all.items() if name in trainable
        ]
        self.names = [name for name in self.all if name in trainable]
        self.flat: Array = np.concatenate([_numbers(each) for each in self.moving])
        self._lower = self._bounds(populations)
        self.optimizer = OPTIMIZERS[optimizer](self.flat)
        self.gradient: Array = np.zeros_like(self.flat)

    def _bounds(self, populations: Sequence[tuple[str, LiquidNeuron]]) -> Array:
        """(P,) what clipping keeps parameters from."""
        bounds = {
            prefix + inner + name: bound
            for prefix, neuron in populations
            for inner, module in neuron.parameter_modules().items()
            for name, bound in module.lower_bounds.items()
            if neuron.dynamics.constraint == "clip"
        }
        parts = [
            np.full(each.numel(), bounds.get(name, -np.inf), self.flat.dtype)
            for name, each in zip(self.names, self.moving)
        ]
        return np.concatenate(parts)

    @np.errstate(over="ignore", invalid="ignore")
    def learn(self, outputs: Array, gradient_of: Any, lesson: Lesson) -> tuple[int, float]:
        """One lesson; ``gradient_of`` takes the derivative by the outputs to that by the flat
        parameters."""
        target = np.broadcast_to(np.asarray(lesson.target, dtype=np.float64), outputs.shape)
        found = loss_and_slope(self._loss, outputs, target)
        if found is None:
            return UNKNOWN_TARGET, 0.0
        loss, slope = found
        self.gradient = gradient_of(slope.astype(self.flat.dtype))
        if not np.isfinite(norm(self.gradient)):
            return NOT_FINITE, loss
        gradient = clipped(self.gradient, lesson.largest_norm)
        self.flat -= self.optimizer.step(gradient, lesson.rate, lesson.number)
        np.maximum(self.flat, self._lower, out=self.flat)
        self.write()
        return LEARNED, loss

    @torch.no_grad()
    def write(self) -> None:
        """Brings the modules up to the flat array."""
        start = 0
        for each in self.moving:
            part = self.flat[start : start + each.numel()]
            each.copy_(torch.from_numpy(part).view(each.shape))
            start += each.numel()

    def gradients(self) -> Arrays:
        found, start = {}, 0
        for name, each in zip(self.names, self.moving):
            found[name] = self.gradient[start : start + each.numel()].reshape(tuple(each.shape))
            start += each.numel()
        return found

    def stored(self) -> dict[str, Tensor]:
        return {name: each.detach().cpu().clone() for name, each in self.all.items()}

    def arrays(self) -> Arrays:
        return {
            "parameters": self.flat.copy(),
            "gradient": self.gradient.copy(),
            "first_moment": self.optimizer.first.copy(),
            "second_moment": self.optimizer.second.copy(),
        }

    def misfit(self, arrays: Arrays) -> str:
        """See :class:`~._engine.Engine`."""
        if (arrays["second_moment"] < 0).any():
            return "second_moment"
        # A bound rounded to float32 and back may lie a hair below itself.
        return "parameters" if (arrays["parameters"] < self._lower * (1 - 1e-6)).any() else ""

    def restore(self, arrays: Arrays) -> None:
        self.flat[:] = arrays["parameters"]
        self.gradient = arrays["gradient"].copy()
        self.optimizer.first[:] = arrays["first_moment"]
        self.optimizer.second[:] = arrays["second_moment"]
        self.write()


class OnCopies(ABC):
    """What engines in torch have in common: modules of their own, and a state beside them."""

    _copies: Copies
    _state: Tensor

    @abstractmethod
    def arrays(self) -> Arrays: ...

    @abstractmethod
    def restore(self, arrays: Arrays) -> None: ...

    def marked(self) -> Arrays:
        return self.arrays()

    def go_back(self, marked: Arrays) -> None:
        self.restore(marked)

    def gradients(self) -> Arrays:
        return self._copies.gradients()

    def stored(self) -> dict[str, Tensor]:
        return self._copies.stored()

    def state(self) -> Array:
        state: Array = self._state.cpu().numpy().copy()
        return state

    @torch.inference_mode(False)
    def set_state(self, state: Array) -> None:
        self._state = torch.from_numpy(np.array(state)).to(self._state)


def run(
    neurons: Sequence[LiquidNeuron],
    state: Tensor,
    sample: Tensor,
    elapsed_time: float,
    mask: Optional[npt.NDArray[np.bool_]],
    time_constants: Optional[Array],
) -> Tensor:
    """(populations, N) the states after one sample, from those before it."""
    states = []
    for neuron, own in zip(neurons, state):
        after = neuron(sample, own, time_constants, elapsed_time=elapsed_time, mask=mask)
        states.append(after)
        sample, mask = after[: neuron.hidden_size], None
    return torch.stack(states)


def seen(
    sample: npt.NDArray[Any], like: Tensor
) -> Optional[tuple[Tensor, Optional[npt.NDArray[np.bool_]]]]:
    """A sample without its NaN, and which features are there (None: all); None if it is beyond the
    dtype."""
    mask = ~np.isnan(sample)
    values = np.where(mask, sample, 0.0).astype(np.float64)
    if (np.abs(values) > torch.finfo(like.dtype).max).any():
        return None
    return torch.from_numpy(values).to(like), None if mask.all() else mask


def _numbers(parameter: Tensor) -> Array:
    array: Array = parameter.detach().cpu().numpy().reshape(-1).copy()
    return array
