"""Truncated back-propagation through time: through the latest samples, on whichever engine runs.

Williams and Peng, *An efficient gradient-based algorithm for on-line training of recurrent network
trajectories*, Neural Computation 2, 1990.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from .._inputs import check_sequences
from ..neuron import LiquidNeuron
from ._copies import Copies, OnCopies, run, seen
from ._engine import UNKNOWN_TARGET, Array, Arrays, Lesson, check_memory


class _Past(NamedTuple):
    """A sample, and the state (populations, N) before it."""

    before: Tensor
    sample: Tensor
    mask: npt.NDArray[np.bool_]
    elapsed_time: float
    time_constants: Optional[Array]


class Window(OnCopies):
    """See :class:`~._engine.Engine`.

    Args:
        populations, readout, trainable, loss, optimizer: see :class:`Copies`.
        kept: how many outputs wait for a label.
        window: samples that a gradient goes back through.
    """

    NAME = "window"

    def __init__(
        self,
        populations: Sequence[tuple[str, LiquidNeuron]],
        readout: nn.Module,
        trainable: set[str],
        loss: str,
        optimizer: str,
        kept: int,
        window: int,
    ):
        self._copies = Copies(populations, readout, trainable, loss, optimizer)
        self.parameters = len(self._copies.flat)
        first = self._copies.neurons[0]
        self._like, self._window = first.dynamics.like.detach(), window
        self._state = self._like.new_zeros(len(populations), first.state_size)
        rows = window + max(kept - 1, 0)
        check_memory(
            rows, self._state.numel() + 2 * first.input_size + 1 + first.hidden_size, self._like
        )
        self._past: deque[_Past] = deque(maxlen=rows)

    @torch.inference_mode(False)
    @torch.no_grad()
    def step(
        self, sample: npt.NDArray[Any], elapsed_time: float, time_constants: Optional[Array]
    ) -> Optional[Array]:
        found = seen(sample, self._state)
        if found is None:
            return None
        values, mask = found
        after = run(self._copies.neurons, self._state, values, elapsed_time, mask, time_constants)
        every = np.ones(len(values), dtype=bool) if mask is None else mask
        self._past.append(_Past(self._state, values, every, elapsed_time, time_constants))
        self._state = after
        neurons = after[-1, : self._copies.neurons[-1].hidden_size]
        return np.asarray(self._copies.readout(neurons.unsqueeze(0)).squeeze(0).cpu())

    @torch.inference_mode(False)
    def learn(self, lesson: Lesson) -> tuple[int, float]:
        if lesson.delay >= len(self._past):  # forgotten with the state it came from
            return UNKNOWN_TARGET, 0.0
        with torch.enable_grad():
            outputs = self._outputs(lesson.delay)

        def gradient_of(slope: Array) -> Array:
            found = torch.autograd.grad(
                outputs,
                self._copies.moving,
                torch.from_numpy(slope).to(outputs),
                allow_unused=True,
            )
            parts = [
                torch.zeros_like(parameter) if each is None else each
                for parameter, each in zip(self._copies.moving, found)
            ]
            return np.asarray(torch.cat([each.reshape(-1) for each in parts]).cpu())

        return self._copies.learn(np.asarray(outputs.detach().cpu()), gradient_of, lesson)

    def _outputs(self, delay: int) -> Tensor:
        """(O,) of so many samples ago, from the state where its window begins."""
        past = list(self._past)[: len(self._past) - delay][-self._window :]
        given = past[-1].time_constants is not None
        for index in range(len(past) - 1, 0, -1):
            if (past[index - 1].time_constants is not None) != given:
                past = past[index:]
                break
        first = self._copies.neurons[0]
        sequences = check_sequences(
            torch.stack([each.sample for each in past]).unsqueeze(0),
            np.stack([np.asarray(each.time_constants) for each in past])[None] if given else None,
            torch.tensor([[each.elapsed_time for each in past]], dtype=self._like.dtype),
            torch.from_numpy(np.stack([each.mask for each in past])[None]),
            input_size=first.input_size,
            units=first.hidden_size,
            like=self._like,
            batch_first=True,
        )
        for neuron, state in zip(self._copies.neurons, past[0].before):
            states = neuron(sequences.inputs, state.unsqueeze(0), sequences=sequences)
            own = states[..., : first.hidden_size]
            sequences = sequences._replace(inputs=own, mask=None)
        outputs: Tensor = self._copies.readout(own[:, -1]).squeeze(0)
        return outputs

    def forget(self) -> None:
        self._past.clear()

    def arrays(self) -> Arrays:
        """Samples are kept in as many rows as there may be, the oldest first."""
        found: Arrays = {**self._copies.arrays(), "state": self.state()}
        found["count"] = np.array([float(len(self._past))])
        first, rows = self._copies.neurons[0], self._past.maxlen
        for name, shape in (
            ("before", tuple(self._state.shape)),
            ("sample", (first.input_size,)),
            ("mask", (first.input_size,)),
            ("elapsed_time", ()),
            ("time_constants", (first.hidden_size,)),
        ):
            kept = np.zeros((rows or 0, *shape), found["state"].dtype)
            for index, each in enumerate(self._past):
                value = getattr(each, name)
                kept[index] = 0 if value is None else np.asarray(value)
            found[f"past_{name}"] = kept
        return found

    def misfit(self, arrays: Arrays, waiting: int) -> str:
        if float(arrays["count"][0]) not in range(waiting, (self._past.maxlen or 0) + 1):
            return "count"
        for name in ("past_elapsed_time", "past_time_constants"):
            if (arrays[name] < 0).any():
                return name
        constants = arrays["past_time_constants"]
        if (constants.any(axis=1) & (constants == 0).any(axis=1)).any():
            return "past_time_constants"
        return self._copies.misfit(arrays)

    @torch.inference_mode(False)
    def restore(self, arrays: Arrays) -> None:
        self._copies.restore(arrays)
        self.set_state(arrays["state"])
        self._past.clear()
        for index in range(min(int(arrays["count"][0]), self._past.maxlen or 0)):
            given = arrays["past_time_constants"][index]
            self._past.append(
                _Past(
                    torch.from_numpy(arrays["past_before"][index].copy()),
                    torch.from_numpy(arrays["past_sample"][index].copy()),
                    arrays["past_mask"][index] != 0,
                    float(arrays["past_elapsed_time"][index]),
                    given.copy() if given.any() else None,  # time constants are above 0
                )
            )
