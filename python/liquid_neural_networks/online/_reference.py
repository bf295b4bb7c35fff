"""The reference: dense sensitivities in plain torch, of any dynamics.

    S <- J S + D

with the derivatives J of the state after a step of the solver by the state before it and D by every
parameter, both from autograd. Williams and Zipser, *A learning algorithm for continually running
fully recurrent neural networks*, Neural Computation 1, 1989.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..engines import reference_only
from ..neuron import LiquidNeuron
from ._copies import Copies, OnCopies, run, seen
from ._engine import Array, Arrays, Lesson, check_memory
from ._layout import Layout
from ._methods import flags_of


class Reference(OnCopies):
    """See :class:`~._engine.Engine`.

    Args:
        populations, readout, trainable, loss, optimizer: see :class:`Copies`.
        kept: how many outputs wait for a label.
        method: which sensitivities are kept; ``"exact"`` keeps all.
        layout: of the one population and the read-out; needed where not all are kept.
    """

    NAME = "reference"

    def __init__(
        self,
        populations: Sequence[tuple[str, LiquidNeuron]],
        readout: nn.Module,
        trainable: set[str],
        loss: str,
        optimizer: str,
        kept: int,
        method: str = "exact",
        layout: Optional[Layout] = None,
    ):
        self._copies = Copies(populations, readout, trainable, loss, optimizer)
        self.parameters = len(self._copies.flat)
        neurons = self._copies.neurons
        self._unfolds = 1
        if len(neurons) == 1 and neurons[0].memory is None and neurons[0].solver != "adaptive":
            # Sensitivities that are not kept are missing in the next step of the solver already.
            self._unfolds, neurons[0].unfolds = neurons[0].unfolds or 1, neurons[0].unfolds and 1
        like = neurons[0].dynamics.like.detach()
        self._state = like.new_zeros(len(neurons), neurons[0].state_size)
        size = max(kept, 1)
        outputs = self._outputs(self._state).detach()
        check_memory(size, len(outputs) * (self.parameters + 1), like)
        self._sensitivities = like.new_zeros(self._state.numel(), self.parameters)
        self._rows: Optional[Tensor] = None
        if method != "exact":
            assert layout is not None
            sizes = {n: each.numel() for n, each in zip(self._copies.names, self._copies.moving)}
            self._rows = torch.from_numpy(flags_of(method, layout, sizes)).to(like)
        nothing = outputs, like.new_zeros(len(outputs), self.parameters)
        self._kept = deque([nothing] * size, maxlen=size)

    @torch.inference_mode(False)
    def step(
        self, sample: npt.NDArray[Any], elapsed_time: float, time_constants: Optional[Array]
    ) -> Optional[Array]:
        found = seen(sample, self._state)
        if found is None:
            return None
        for _ in range(self._unfolds):
            self._advance(*found, elapsed_time / self._unfolds, time_constants)
        state = self._state.clone().requires_grad_()
        with torch.enable_grad():
            outputs = self._outputs(state)
        by_state, *by_readout = _jacobian(outputs, [state, *self._copies.moving])
        direct = torch.cat([each.reshape(len(by_state), -1) for each in by_readout], 1)
        by_parameters = by_state.reshape(len(by_state), -1) @ self._sensitivities + direct
        self._kept.append((outputs.detach(), by_parameters))
        return np.asarray(outputs.detach().cpu())

    def _advance(
        self,
        sample: Tensor,
        mask: Optional[npt.NDArray[np.bool_]],
        elapsed_time: float,
        time_constants: Optional[Array],
    ) -> None:
        state = self._state.clone().requires_grad_()
        with reference_only(), torch.enable_grad():
            after = run(self._copies.neurons, state, sample, elapsed_time, mask, time_constants)
        by_state, *by_parameters = _jacobian(after, [state, *self._copies.moving])
        direct = torch.cat([each.reshape(len(by_state), -1) for each in by_parameters], 1)
        sensitivities = by_state.reshape(len(by_state), -1) @ self._sensitivities + direct
        self._sensitivities = sensitivities if self._rows is None else sensitivities * self._rows
        self._state = after.detach()

    def _outputs(self, state: Tensor) -> Tensor:
        neurons = state[-1, : self._copies.neurons[-1].hidden_size]
        outputs: Tensor = self._copies.readout(neurons.unsqueeze(0)).squeeze(0)
        return outputs

    @torch.inference_mode(False)
    def learn(self, lesson: Lesson) -> tuple[int, float]:
        outputs, by_parameters = self._kept[-1 - lesson.delay]

        def gradient_of(slope: Array) -> Array:
            return np.asarray((torch.from_numpy(slope).to(by_parameters) @ by_parameters).cpu())

        return self._copies.learn(np.asarray(outputs.cpu()), gradient_of, lesson)

    @torch.inference_mode(False)
    def forget(self) -> None:
        self._sensitivities = torch.zeros_like(self._sensitivities)

    def arrays(self) -> Arrays:
        return {
            **self._copies.arrays(),
            "state": self.state(),
            "sensitivities": self._sensitivities.cpu().numpy().copy(),
            "kept_outputs": np.stack([each.cpu().numpy() for each, _ in self._kept]),
            "kept_sensitivities": np.stack([each.cpu().numpy() for _, each in self._kept]),
        }

    def misfit(self, arrays: Arrays, waiting: int) -> str:
        return self._copies.misfit(arrays)

    @torch.inference_mode(False)
    def restore(self, arrays: Arrays) -> None:
        self._copies.restore(arrays)
        self.set_state(arrays["state"])
        self._sensitivities = torch.from_numpy(arrays["sensitivities"]).to(self._state)
        for kept, sensitivities in zip(arrays["kept_outputs"], arrays["kept_sensitivities"]):
            self._kept.append(
                (
                    torch.from_numpy(kept).to(self._state),
                    torch.from_numpy(sensitivities).to(self._state),
                )
            )


def _jacobian(after: Tensor, by: list[Tensor]) -> list[Tensor]:
    """The derivative of every number of the state by each of the tensors, (numbers, ...)."""
    count = after.numel()
    every = torch.eye(count, dtype=after.dtype, device=after.device).view(count, *after.shape)
    found = torch.autograd.grad(
        after, by, every, is_grads_batched=True, allow_unused=True, retain_graph=False
    )
    return [
        each.new_zeros(count, *each.shape) if own is None else own for each, own in zip(by, found)
    ]
