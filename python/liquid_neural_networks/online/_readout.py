"""The read-out only: neurons run as they are, what is read from them is learned."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from ..errors import OptionError
from ..neuron import LiquidNeuron
from ..streaming import Stream
from ._copies import Copies, seen
from ._engine import (
    LEARNED,
    NOT_FINITE,
    UNKNOWN_TARGET,
    Array,
    Arrays,
    Lesson,
    check_memory,
)
from ._least_squares import first_covariance, gain_of

LEAST_SQUARES = "least_squares"


class Readout:
    """See :class:`~._engine.Engine`.

    Args:
        populations, readout, loss, optimizer: see :class:`Copies`; the optimiser may also be
            ``"least_squares"``.
        kept: how many outputs wait for a label.

    Raises:
        OptionError: the read-out has no parameters, or least squares cannot learn them.
    """

    NAME = "readout"

    def __init__(
        self,
        populations: Sequence[tuple[str, LiquidNeuron]],
        readout: nn.Module,
        loss: str,
        optimizer: str,
        kept: int,
    ):
        own = dict(readout.named_parameters(recurse=False))
        names = {f"readout.{name}" for name in own}
        if not any(each.requires_grad for each in own.values()):
            raise OptionError("the read-out has no parameters to learn", "method")
        squares = optimizer == LEAST_SQUARES
        if squares and not (isinstance(readout, nn.Linear) and readout.bias is not None):
            raise OptionError("needs a dense read-out with a bias", "optimizer")
        if squares and loss != "mse":
            raise OptionError(f"learns the mean squared error, not {loss}", "optimizer")
        self._copies = Copies(populations, readout, names, loss, "sgd" if squares else optimizer)
        self.parameters = len(self._copies.flat)
        self._like = populations[0][1].dynamics.like.detach()
        self._stream = Stream([each for _, each in populations], nn.Identity())
        self._units = populations[-1][1].hidden_size
        self._motor = not isinstance(readout, nn.Linear)
        self._biased = self._motor or readout.bias is not None
        self._count = self.parameters // (2 if self._motor else self._units + self._biased)
        self._covariance: Optional[npt.NDArray[np.float64]] = None
        if squares:
            self._covariance = first_covariance(self._units + 1)
        self._learned = np.concatenate(
            [
                np.full(each.numel(), own[name[len("readout.") :]].requires_grad)
                for name, each in zip(self._copies.names, self._copies.moving)
            ]
        )
        if squares and not self._learned.all():
            raise OptionError("learns all of the read-out, of which a part is fixed", "optimizer")
        check_memory(kept, self._units, self._like)
        nothing: Array = np.zeros(self._units, self._copies.flat.dtype)
        self._kept: deque[Array] = deque([nothing] * max(kept, 1), maxlen=max(kept, 1))

    def step(
        self, sample: npt.NDArray[Any], elapsed_time: float, time_constants: Optional[Array]
    ) -> Optional[Array]:
        if seen(sample, self._like) is None:
            return None
        neurons = self._stream.step(sample, elapsed_time, time_constants)
        self._kept.append(neurons)
        return self._outputs(neurons)

    def _outputs(self, neurons: Array) -> Array:
        flat, count = self._copies.flat, self._count
        shift = flat[-count:] if self._biased else np.zeros(count, flat.dtype)
        if self._motor:
            return flat[:count] * neurons[:count] + shift
        return flat[: count * self._units].reshape(count, -1) @ neurons + shift

    def learn(self, lesson: Lesson) -> tuple[int, float]:
        neurons = self._kept[-1 - lesson.delay]
        outputs = self._outputs(neurons)
        if self._covariance is not None:
            return self._least_squares(neurons, outputs, lesson)

        def gradient_of(slope: Array) -> Array:
            if self._motor:
                by_weight: Array = slope * neurons[: self._count]
            else:
                by_weight = np.multiply.outer(slope, neurons).ravel()
            found = np.concatenate([by_weight, slope]) if self._biased else by_weight
            return np.where(self._learned, found, 0)

        return self._copies.learn(outputs, gradient_of, lesson)

    @np.errstate(over="ignore", invalid="ignore")
    def _least_squares(self, neurons: Array, outputs: Array, lesson: Lesson) -> tuple[int, float]:
        assert self._covariance is not None
        target = np.broadcast_to(np.asarray(lesson.target, dtype=np.float64), outputs.shape)
        known = ~np.isnan(target)
        if not known.any():
            return UNKNOWN_TARGET, 0.0
        error = np.where(known, np.where(known, target, 0) - outputs, 0)
        if not np.isfinite(error).all():
            return NOT_FINITE, 0.0
        gain = gain_of(self._covariance, np.append(neurons, 1.0).astype(np.float64))
        moved = self._in_order(np.outer(error, gain)) + self._copies.flat
        gradient = self._in_order(np.outer(-2 * error / known.sum(), np.append(neurons, 1.0)))
        dtype = self._copies.flat.dtype
        if max(np.abs(moved).max(), np.abs(gradient).max()) > np.finfo(dtype).max:
            return NOT_FINITE, 0.0
        self._copies.gradient = gradient.astype(dtype)
        self._copies.flat[:] = moved
        self._copies.write()
        return LEARNED, float((error[known] ** 2).mean())

    def _in_order(self, weights: Array) -> Array:
        """(P,) from weights and bias of each output, (O, N + 1)."""
        return np.append(weights[:, :-1].ravel(), weights[:, -1])

    def gradients(self) -> Arrays:
        return self._copies.gradients()

    def stored(self) -> dict[str, Tensor]:
        return self._copies.stored()

    def state(self) -> Array:
        return self._stream.state

    def set_state(self, state: Array) -> None:
        self._stream.state = state

    def forget(self) -> None:
        pass

    def arrays(self) -> Arrays:
        squares = {} if self._covariance is None else {"covariance": self._covariance.copy()}
        return {
            **self._copies.arrays(),
            **squares,
            "state": self.state(),
            "kept": np.stack(list(self._kept)),
        }

    def misfit(self, arrays: Arrays, waiting: int) -> str:
        return self._copies.misfit(arrays)

    def marked(self) -> Arrays:
        return self.arrays()

    def go_back(self, marked: Arrays) -> None:
        self.restore(marked)

    def restore(self, arrays: Arrays) -> None:
        self._copies.restore(arrays)
        self._stream.state = arrays["state"]
        self._kept.extend(arrays["kept"])
        if self._covariance is not None:
            self._covariance = arrays["covariance"].copy()
