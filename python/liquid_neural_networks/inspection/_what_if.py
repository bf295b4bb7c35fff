"""Outputs as they would have been."""

from __future__ import annotations

from typing import NamedTuple, Optional

import torch
from torch import Tensor

from .._checks import check_integer
from .._inputs import as_reals, check_finite
from .._sequences import Number
from ..errors import ShapeError
from ..network import LiquidNetwork
from ._subject import asks, series_of, subject_of


class WhatIf(NamedTuple):
    """Outputs as they were and as they would have been; a leading B when inputs were batched.

    Attributes:
        before, after: (B, T, O).
    """

    before: Tensor
    after: Tensor

    @property
    def change(self) -> Tensor:
        """(B, T, O)."""
        return self.after - self.before


@asks
@torch.no_grad()
def what_if(
    network: LiquidNetwork,
    inputs: Tensor,
    feature: int,
    value: Optional[Number] = None,
    time_constants: Optional[Number] = None,
    *,
    shift: float = 0.0,
    scale: float = 1.0,
    start: int = 0,
    stop: Optional[int] = None,
    elapsed_time: Optional[Number] = None,
    mask: Optional[Number] = None,
    state: Optional[Tensor] = None,
) -> WhatIf:
    """What the outputs would have been with another input from a sample on.

    Args:
        feature: the input that is another.
        value: what it is: a number, (T,) or (B, T), (T, B) where the network's inputs are
            (T, B, I). Default: what it was, times ``scale``, plus ``shift``.
        start, stop: from which sample on, and before which it is as it was again. Default: to the
            end.

    The other arguments are those of :meth:`LiquidNetwork.forward`; computed in float64. A value
    that is missing stays missing.

    Raises:
        ShapeError, DtypeError, DomainError: naming the argument.
    """
    subject = subject_of(network, inputs, time_constants, elapsed_time, mask, state)
    own = subject.sequences.inputs
    steps = own.shape[1]
    feature = check_integer("feature", feature, 0, network.input_size - 1)
    start = check_integer("start", start, 0, steps - 1)
    stop = steps if stop is None else check_integer("stop", stop, start, steps)
    if value is None:
        factor, added = (_number(*each, own) for each in (("scale", scale), ("shift", shift)))
        series = own[..., feature] * factor + added
    else:
        series = series_of("value", value, subject.sequences)
    changed = own.clone()
    changed[:, start:stop, feature] = series[:, start:stop]
    if subject.sequences.mask is not None:
        changed = changed * subject.sequences.mask
    if subject.sequences.valid is not None:
        changed = changed * subject.sequences.valid.unsqueeze(-1)
    outputs = (subject.as_given(subject.outputs(each)) for each in (own, changed))
    return WhatIf(*outputs)


def _number(name: str, value: float, like: Tensor) -> Tensor:
    number = as_reals(name, value, like)
    if number.dim():
        raise ShapeError(f"expected a number, got {tuple(number.shape)}", name)
    check_finite(name, number)
    return number
