"""``Sequences``: the one carrier of a call, from the network to the engine that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional, Union

import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from .errors import DtypeError, ShapeError

Number = Union[float, int, Tensor, npt.NDArray[Any], Sequence[Any], PackedSequence]
"""Times and masks may be given as a number, a tensor, an array, a list, or packed like inputs."""


class Layout(NamedTuple):
    """How the caller arranges batch and time.

    Attributes:
        batched: whether there is a batch dimension.
        batch_first: whether it comes before time.
        packing: the packed inputs, or None if they came as one tensor.
    """

    batched: bool
    batch_first: bool
    packing: Optional[PackedSequence] = None

    def name(self, last: str = "") -> str:
        """Such as ``(B, T, I)``."""
        lead = ["T"] if not self.batched else ["B", "T"] if self.batch_first else ["T", "B"]
        return size_names([*lead, last] if last else lead)

    def batch_major(self, value: Tensor) -> Tensor:
        """(B, T, ...) from what the caller arranged; one sequence gains a batch of one."""
        if not self.batched:
            return value.unsqueeze(0)
        return value if self.batch_first else value.transpose(0, 1)

    def as_given(self, value: Tensor) -> Union[Tensor, PackedSequence]:
        """(B, T, ...) arranged as the caller's inputs are."""
        like = self.packing
        if like is not None:
            if like.sorted_indices is not None:
                value = value.index_select(0, like.sorted_indices)
            lengths = packed_lengths(like.batch_sizes)
            return packed_like(like, pack_padded_sequence(value, lengths, batch_first=True).data)
        if not self.batched:
            return value.squeeze(0)
        return value if self.batch_first else value.transpose(0, 1)

    def padded(self, name: str, value: Number) -> Number:
        """A packed argument as a tensor in this layout, zeros at padding; others as they are."""
        if not isinstance(value, PackedSequence):
            return value
        like = self.packing
        if like is None:
            raise DtypeError("is packed, so expected packed inputs too", name)
        if not _packed_alike(value, like):
            raise ShapeError("expected the same lengths, in the same order, as inputs", name)
        return pad_packed_sequence(value, batch_first=self.batch_first)[0]


def _packed_alike(one: PackedSequence, other: PackedSequence) -> bool:
    if not torch.equal(one.batch_sizes, other.batch_sizes):
        return False
    first, second = one.sorted_indices, other.sorted_indices
    if first is None or second is None:
        return first is second
    return torch.equal(first, second)


def packed_like(like: PackedSequence, data: Tensor) -> PackedSequence:
    """Other data packed in the same way. Not ``_replace``, whose result ``torch.compile`` has
    without its batch sizes."""
    return PackedSequence(data, like.batch_sizes, like.sorted_indices, like.unsorted_indices)


def packed_lengths(batch_sizes: Tensor) -> Tensor:
    """(B,) lengths, longest first, of sequences packed with so many at each time."""
    rows = torch.arange(int(batch_sizes[0]), device=batch_sizes.device)
    return (batch_sizes.unsqueeze(1) > rows).sum(0)


def size_names(names: list[str]) -> str:
    """Such as ``(B, T)`` or ``(N,)``."""
    return f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"


class Sequences(NamedTuple):
    """A checked batch of sequences.

    Attributes:
        inputs: (B, T, I), zeros where a feature is missing.
        mask: (B, T, I), 1 where a feature was seen and 0 where not, or None.
        valid: (B, T) of bool, False at padding, or None.
        elapsed_time: (B, T), 0 at padding; None if it is 1 everywhere.
        time_constants: (B, T, N), or None.
        layout: how the caller arranged them.
    """

    inputs: Tensor
    mask: Optional[Tensor]
    valid: Optional[Tensor]
    elapsed_time: Optional[Tensor]
    time_constants: Optional[Tensor]
    layout: Layout

    @property
    def batched(self) -> bool:
        """Whether the caller's inputs had a batch dimension."""
        return self.layout.batched

    def times(self) -> Tensor:
        """(B, T) elapsed time, also where none was given."""
        if self.elapsed_time is None:
            return self.inputs.new_ones(self.inputs.shape[:2])
        return self.elapsed_time

    def zeros(self, size: int) -> Tensor:
        """(B, size), a state to start from where none was given."""
        return self.inputs.new_zeros(self.inputs.shape[0], size)

    def reordered(self, order: Tensor) -> Sequences:
        """The samples (B, T or fewer) of each sequence in this order, none of them padding."""

        def moved(value: Tensor) -> Tensor:
            each = order if value.dim() == 2 else order.unsqueeze(-1)
            return value.gather(1, each.expand(*order.shape, *value.shape[2:]))

        return self._replace(
            inputs=moved(self.inputs),
            mask=None if self.mask is None else moved(self.mask),
            valid=None,
            elapsed_time=moved(self.times()),
            time_constants=None if self.time_constants is None else moved(self.time_constants),
        )

    def reversed(self) -> Sequences:
        """The same samples in reverse order, with the times between them."""
        # elapsed_time[t] lies between samples t-1 and t; backwards, sample t-1 comes after it,
        # and the last sample, which now comes first, takes over the first one's.
        elapsed = self.elapsed_time
        if self.valid is None:
            elapsed = None if elapsed is None else elapsed.roll(-1, dims=1)
        else:
            steps = self.valid.shape[1]
            order = torch.arange(steps, device=self.valid.device)
            valid_from = torch.where(self.valid, order, steps).flip(1).cummin(1).values.flip(1)
            after = valid_from.roll(-1, dims=1)
            after = torch.where(after < steps, after, valid_from[:, :1]).clamp(max=steps - 1)
            elapsed = torch.where(self.valid, self.times().gather(1, after), 0.0)
        given = self.time_constants
        return Sequences(
            inputs=self.inputs.flip(1),
            mask=None if self.mask is None else self.mask.flip(1),
            valid=None if self.valid is None else self.valid.flip(1),
            elapsed_time=None if elapsed is None else elapsed.flip(1),
            time_constants=None if given is None else given.flip(1),
            layout=self.layout,
        )
