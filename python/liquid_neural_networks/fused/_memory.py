"""A memory cell beside the neurons, as the kernel takes it; see ``src/memory_cell.h``.

The kernel does what depends on the step before. What does not, torch does best, for all steps in
one matrix product: what the inputs contribute to the gates, and the gradients of the weights.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

import torch
from torch import Tensor

from ..memory import MemoryCell


class Remembering(NamedTuple):
    """A memory cell at work; all None where there is none.

    Read: ``gates`` (B, T, 4 N), what the inputs contribute, ``recurrent`` (4 N, N) and ``memory``
    (B, N). Written: ``memories`` (B, T, N) and, for the way back, the state each interval
    ``starts`` from (B, T, N) and the open gates, ``kept`` as the kernel likes it.
    """

    gates: Optional[Tensor] = None
    recurrent: Optional[Tensor] = None
    memory: Optional[Tensor] = None
    memories: Optional[Tensor] = None
    starts: Optional[Tensor] = None
    kept: Optional[Tensor] = None

    def begin(self, states: Tensor, rows: Optional[int]) -> Remembering:
        """With room for what is written beside states (B, T, N); ``rows`` are the kernel's for the
        batch, None if there is no way back."""
        memories = torch.empty_like(states)
        if rows is None:
            return self._replace(memories=memories)
        kept = states.new_empty(rows, states.shape[1], 4 * states.shape[2])
        return self._replace(memories=memories, starts=torch.empty_like(states), kept=kept)

    def reordered(self, order: Tensor) -> Remembering:
        """The same cell with its neurons in another order (N,)."""
        if self.gates is None or self.recurrent is None or self.memory is None:
            return self
        rows = torch.cat([order + block * len(order) for block in range(4)])
        return Remembering(
            self.gates.index_select(-1, rows),
            self.recurrent.index_select(0, rows).index_select(1, order),
            self.memory.index_select(-1, order),
        )


class RememberingGradients(NamedTuple):
    """Of the memories, given, and of the gates and the memory at the start, wanted."""

    memories: Optional[Tensor] = None
    gates: Optional[Tensor] = None
    memory: Optional[Tensor] = None

    @staticmethod
    def begin(of: Remembering, memories: Optional[Tensor]) -> RememberingGradients:
        """With room for those wanted; none without a memory."""
        if of.gates is None or of.memory is None or memories is None:
            return NO_GRADIENTS
        # Of the shape alone: they are contiguous, whatever those are.
        wanted = [each.new_empty(each.shape) for each in (of.gates, of.memory)]
        return RememberingGradients(memories.contiguous(), *wanted)

    def of_cell(self, state: Optional[Tensor], states: Tensor) -> list[Optional[Tensor]]:
        """Of ``gates``, ``recurrent`` and ``memory``, given the states the cell heard."""
        if self.gates is None:
            return [None, None, None]
        return [self.gates, outer(self.gates, before(state, states)), self.memory]


NO_MEMORY, NO_GRADIENTS = Remembering(), RememberingGradients()


def parted(cell: Optional[MemoryCell], inputs: Tensor, state: Tensor) -> tuple[Tensor, Remembering]:
    """The neurons' part of a state, and the memory at work on inputs (B, T, I)."""
    if cell is None:
        return state, NO_MEMORY
    neurons, memory = torch.split(state, state.shape[1] // 2, -1)
    return neurons, Remembering(cell.heard(inputs), cell.W_rec, memory)


def joined(states: Tensor, memories: Optional[Tensor]) -> Tensor:
    """(B, T, N) alone or (B, T, 2 N)."""
    return states if memories is None else torch.cat([states, memories], -1)


def outer(rows: Tensor, columns: Tensor) -> Tensor:
    """(R, C) sums over batch and time of products of (B, T, R) and (B, T, C)."""
    return rows.flatten(0, 1).t() @ columns.flatten(0, 1)


def before(state: Optional[Tensor], states: Tensor) -> Tensor:
    """(B, T, N) the states before each step."""
    first = torch.zeros_like(states[:, 0]) if state is None else state
    return torch.cat([first.unsqueeze(1), states[:, :-1]], dim=1)
