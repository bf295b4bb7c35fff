"""One population of this library, run with parameters that live elsewhere."""

from __future__ import annotations

from typing import Any, Optional

from torch import Tensor, nn
from torch.func import functional_call

from ..._inputs import check_sequences, check_state
from ..._sequences import Number, Sequences
from ...errors import ShapeError
from ...neuron import LiquidNeuron
from ...wiring import Wiring


class Core(nn.Module):
    """A population without parameters of its own: each call brings them."""

    def __init__(self, wiring: Wiring, **options: Any):
        super().__init__()
        self.neuron = LiquidNeuron(wiring.input_size, wiring=wiring, seed=0, **options)

    def forward(self, sequences: Sequences, state: Tensor) -> Tensor:
        states: Tensor = self.neuron(sequences.inputs, state, sequences=sequences)
        return states

    def run(
        self,
        values: dict[str, Tensor],
        memory: Optional[nn.Module],
        inputs: Tensor,
        state: Tensor,
        elapsed_time: Optional[Number],
        mask: Optional[Number] = None,
    ) -> Tensor:
        """(B, T, N) states from inputs (B, T, I) and a state (B, N); 2 N numbers with a memory.

        Raises:
            ShapeError, DtypeError, DomainError: naming the argument.
        """
        like = next(iter(values.values()))
        if self.neuron.dynamics.pre.device != like.device:
            self.to(like.device)
        self.train(self.training)
        sequences = check_sequences(
            inputs,
            None,
            elapsed_time,
            mask,
            input_size=self.neuron.input_size,
            units=self.neuron.hidden_size,
            like=like,
            batch_first=True,
        )
        state = check_state(state, (inputs.shape[0], self.neuron.state_size), "(B, H)", like)
        given = {f"neuron.dynamics.{name}": value for name, value in values.items()}
        if memory is not None:
            given |= {f"neuron.memory.{name}": value for name, value in memory_values(memory)}
        states: Tensor = functional_call(self, given, (sequences, state))
        return states


def memory_values(cell: Any) -> list[tuple[str, Tensor]]:
    """Our names for the parameters of an LSTM cell of ``ncps``."""
    return [
        ("W_in", cell.input_map.weight),
        ("W_rec", cell.recurrent_map.weight),
        ("b", cell.input_map.bias),
    ]


def one_step(elapsed: Optional[Number], batch: int) -> Optional[Number]:
    """A number, (B,) or (B, 1) -> what a sequence of one step takes: a number or (B, 1)."""
    if not isinstance(elapsed, Tensor) or elapsed.dim() == 0:
        return elapsed
    if elapsed.numel() == 1:
        return elapsed.reshape(())
    if elapsed.shape not in ((batch,), (batch, 1)):
        raise ShapeError(
            f"expected a number, ({batch},) or ({batch}, 1), got {tuple(elapsed.shape)}",
            "elapsed_time",
        )
    return elapsed.reshape(batch, 1)
