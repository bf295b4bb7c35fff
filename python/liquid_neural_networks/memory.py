"""``MemoryCell``: an LSTM beside the liquid state ("mixed memory").

    c <- sigmoid(forget + 1) c + sigmoid(input) tanh(candidate)
    h <- sigmoid(output) tanh(c)

with (candidate, input, forget, output) = W_in u + W_rec x + b. The liquid neurons then start their
interval from h in place of x. The memory is not bound to elapsed time, so gradients reach far
back; it receives every input and every neuron, whatever the wiring.

Source: Lechner and Hasani, *Learning Long-Term Dependencies in Irregularly-Sampled Time Series*,
2020 (arXiv 2006.04418), in the conventions of ``ncps`` 1.0.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Optional

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._parameters import ParameterModule, drawn, uniform


class MemoryCell(ParameterModule):
    """The memory of one population.

    ==========  ========  =====================  ==========================================
    name        shape     starts                 meaning
    ==========  ========  =====================  ==========================================
    ``W_in``    (4 N, I)  +-sqrt(6 / (4 N + I))  weights of the inputs
    ``W_rec``   (4 N, N)  orthogonal             weights of the neurons
    ``b``       (4 N,)    +-0.1                  bias
    ==========  ========  =====================  ==========================================

    Rows are those of candidate, input gate, forget gate and output gate, in this order.
    """

    lower_bounds: Mapping[str, float] = {}

    def __init__(
        self, input_size: int, hidden_size: int, generator: Optional[torch.Generator] = None
    ):
        super().__init__()
        rows = 4 * hidden_size
        bound = sqrt(6 / (rows + input_size))
        self.W_in = nn.Parameter(uniform((rows, input_size), -bound, bound, generator))
        self.W_rec = nn.Parameter(
            drawn(
                (rows, hidden_size),
                lambda weights: nn.init.orthogonal_(weights, generator=generator),
                generator,
            )
        )
        self.b = nn.Parameter(uniform(rows, -0.1, 0.1, generator))
        self.note_shapes()

    def input_terms(self, inputs: Tensor) -> Tensor:
        """(..., 4 N): what inputs (..., I) contribute to the gates, for all time steps at once."""
        stored = self.stored()
        return functional.linear(inputs, stored["W_in"], stored["b"])

    def advance(
        self, input_terms: Tensor, recurrent: Tensor, state: Tensor, memory: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The state (B, N) that the neurons start from, and the new memory (B, N).

        Args:
            input_terms: (B, 4 N) of this time step, from :meth:`input_terms`.
            recurrent: ``W_rec`` (4 N, N).
            state, memory: (B, N) after the step before.
        """
        gates = input_terms + functional.linear(state, recurrent)
        candidate, input_gate, forget, output = torch.split(gates, memory.shape[-1], -1)
        kept = memory * torch.sigmoid(forget + 1.0)
        memory = kept + torch.tanh(candidate) * torch.sigmoid(input_gate)
        return torch.tanh(memory) * torch.sigmoid(output), memory
