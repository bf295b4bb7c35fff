"""The parameters of the memory beside a cell."""

from __future__ import annotations

from torch import nn

from ..._parameters import Values
from ._population import own, weight


class LSTMCell(nn.Module):
    """The LSTM cell of ``ncps``, to be lent to a population of this library."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.input_map = nn.Linear(input_size, 4 * hidden_size)
        self.recurrent_map = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        nn.init.xavier_uniform_(self.input_map.weight)
        nn.init.uniform_(self.input_map.bias, -0.1, 0.1)
        nn.init.orthogonal_(self.recurrent_map.weight)

    def forward(self) -> Values:
        """Its parameters by the names of :class:`~liquid_neural_networks.memory.MemoryCell`."""
        inputs, recurrent = self.input_map, self.recurrent_map
        return {"W_in": weight(inputs), "W_rec": weight(recurrent), "b": own(inputs, "bias")}
