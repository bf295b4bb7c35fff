"""What the cells share: a population, and one step of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Optional

from torch import Tensor, nn

from ..._inputs import check_sequences, check_state
from ..._parameters import Values
from ..._sequences import Number, Sequences
from ...errors import OptionError, ShapeError
from ._population import Population


class Cell(nn.Module, ABC):
    """A cell of ``ncps``: its parameters, this library's step."""

    @property
    @abstractmethod
    def like(self) -> Tensor:
        """Any parameter: its dtype and device are those of all."""

    @abstractmethod
    def _population(self) -> Population:
        """A population with this cell's wiring."""

    @abstractmethod
    def _lend(self) -> Values:
        """This cell's parameters by the names of the population's dynamics."""

    @abstractmethod
    def _results(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """What a step returns: outputs and the new state."""

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, int]:
        """Inputs, and numbers in a state."""

    def _states(
        self,
        inputs: Tensor,
        sequences: Sequences,
        state: Optional[Tensor],
        memory: Optional[Values] = None,
    ) -> Tensor:
        """(B, T, H) after each step of checked sequences, with a memory (B, T, 2 H). Their inputs
        are given as well, for hooks before the call of a cell."""
        if inputs is not sequences.inputs:
            sequences = sequences._replace(inputs=inputs)
        return self._population().states(self._lend(), memory, sequences, state, self.training)

    def _step(
        self, inputs: Tensor, state: Optional[Tensor], elapsed: Optional[Number]
    ) -> tuple[Tensor, Tensor]:
        """Outputs and the new state after one step from inputs (B, I) and a state (B, H)."""
        sequences = check_sequences(
            inputs.unsqueeze(1),
            None,
            _one_step(elapsed, len(inputs)),
            None,
            input_size=self.sizes[0],
            units=self.sizes[1],
            like=self.like,
            batch_first=True,
        )
        if state is not None:
            state = check_state(state, (len(inputs), self.sizes[1]), "(B, H)", self.like)
        return self._results(self._states(sequences.inputs, sequences, state).squeeze(1))


def _one_step(elapsed: Optional[Number], batch: int) -> Optional[Number]:
    """A number, (B,) or (B, 1) -> what a sequence of one step takes: a number or (B, 1).

    The default, 1, is that of sequences too, where it costs least if it is not given.
    """
    if isinstance(elapsed, float) and elapsed == 1.0:
        return None
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


class WiredCell(Cell):
    """A cell that has a wiring, and the sizes which that tells.

    ``argument`` is what ``ncps`` calls the number of inputs in this cell.
    """

    def __init__(self, wiring: Any, input_size: Optional[int], argument: str):
        super().__init__()
        if input_size is not None:
            wiring.build(input_size)
        if not wiring.is_built():
            raise OptionError(
                f"the number of inputs is unknown; give {argument}, or call build()", "wiring"
            )
        self._wiring = wiring

    @property
    def state_size(self) -> int:
        return int(self._wiring.units)

    @property
    def sensory_size(self) -> int:
        return int(self._wiring.input_dim)

    @property
    def motor_size(self) -> int:
        return int(self._wiring.output_dim)

    @property
    def output_size(self) -> int:
        return self.motor_size

    @property
    def synapse_count(self) -> int:
        return int(self._wiring.synapse_count)

    @property
    def sensory_synapse_count(self) -> int:
        return int(self._wiring.sensory_synapse_count)

    @property
    def sizes(self) -> tuple[int, int]:
        return self.sensory_size, self.state_size
