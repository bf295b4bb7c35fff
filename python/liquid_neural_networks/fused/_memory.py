"""The memory cell beside the neurons, by the names of C's fields.

C does what depends on the step before. What does not, torch does best, for all steps in one matrix
product: what the inputs contribute to the gates, and the gradients of the weights.
"""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor

from .._sequences import Sequences
from ..memory import MemoryCell
from ._calls import Tensors, room_for

READ = ("gates", "gates_recurrent", "memory")
WRITTEN = ("memories", "starts", "kept_gates")
NO_MEMORY: Tensors = dict.fromkeys(READ)


def split_state(
    cell: Optional[MemoryCell], sequences: Sequences, state: Optional[Tensor], units: int
) -> tuple[Optional[Tensor], Tensors]:
    """The neurons' part of a state, and what C reads for the cell."""
    if cell is None:
        return state, NO_MEMORY
    if state is None:
        state = sequences.zeros(2 * units)
    neurons, memory = torch.split(state, units, -1)
    recurrent = cell.stored()["W_rec"]
    gates = cell.input_terms(sequences.inputs)
    return neurons, {"gates": gates, "gates_recurrent": recurrent, "memory": memory}


def reordered(cell: Tensors, order: Tensor) -> Tensors:
    """The same cell with its neurons in another order (N,)."""
    gates, recurrent, memory = (cell[name] for name in READ)
    if gates is None or recurrent is None or memory is None:
        return cell
    rows = torch.cat([order + block * len(order) for block in range(4)])
    return {
        "gates": gates.index_select(-1, rows),
        "gates_recurrent": recurrent.index_select(0, rows).index_select(1, order),
        "memory": memory.index_select(-1, order),
    }


def written(states: Tensor, rows: Optional[int]) -> Tensors:
    """Empty tensors for what C writes beside states (B, T, N); ``rows`` are those of what the
    kernel keeps for backward, None if that will not follow."""
    memories = torch.empty_like(states)
    if rows is None:
        return {"memories": memories, "starts": None, "kept_gates": None}
    kept = states.new_empty(rows, states.shape[1], 4 * states.shape[2])
    return {"memories": memories, "starts": torch.empty_like(states), "kept_gates": kept}


def gradients(cell: Tensors, grad_memories: Tensor) -> Tensors:
    """What backward reads and writes for the cell."""
    gates, memory = cell["gates"], cell["memory"]
    assert gates is not None and memory is not None
    return {
        "grad_memories": grad_memories,
        "grad_gates": room_for(gates),
        "grad_memory": room_for(memory),
    }


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
