"""What a caller hands to a network, checked and brought to one form: batch first, (B, T, ...)."""

from __future__ import annotations

from typing import NamedTuple, Optional, Union

import numpy as np
import torch
from torch import Tensor

from .errors import DomainError, DtypeError, ShapeError

Number = Union[float, int, Tensor, np.ndarray, list, tuple]
"""Times and masks may be given as a number, a tensor, an array or a list."""


class Sequences(NamedTuple):
    """A checked batch of sequences.

    Attributes:
        inputs: (B, T, I), zeros where a feature is missing.
        mask: (B, T, I), 1 where a feature was seen and 0 where not, or None.
        valid: (B, T) of bool, False at padding, or None.
        elapsed_time: (B, T), 0 at padding.
        time_constants: (B, T, N), or None.
        batched: whether the caller's inputs had a batch dimension.
    """

    inputs: Tensor
    mask: Optional[Tensor]
    valid: Optional[Tensor]
    elapsed_time: Tensor
    time_constants: Optional[Tensor]
    batched: bool

    def reversed(self) -> Sequences:
        """The same samples in reverse order, with the times between them."""
        elapsed = self.elapsed_time
        first = elapsed[:, :1]
        if self.valid is not None:
            elapsed = torch.where(self.valid, elapsed, first)
        # elapsed_time[t] lies between samples t-1 and t; backwards, sample t-1 comes after it.
        elapsed = torch.cat([elapsed[:, 1:], first], dim=1)
        if self.valid is not None:
            elapsed = torch.where(self.valid, elapsed, 0.0)
        flipped = [
            None if field is None else field.flip(1)
            for field in (self.inputs, self.mask, self.valid, elapsed, self.time_constants)
        ]
        return Sequences(*flipped, self.batched)  # type: ignore[arg-type]


def check_sequences(
    inputs: Tensor,
    time_constants: Optional[Number],
    elapsed_time: Optional[Number],
    mask: Optional[Number],
    *,
    input_size: int,
    units: int,
    like: Tensor,
    batch_first: bool,
) -> Sequences:
    """Checks the arguments of a forward pass; ``like`` is a parameter of the network.

    Raises:
        ShapeError, DtypeError, DomainError: naming the argument.
    """
    check_floats("inputs", inputs, like)
    if inputs.dim() not in (2, 3) or inputs.shape[-1] != input_size or inputs.numel() == 0:
        wanted = "(B, T, I)" if batch_first else "(T, B, I)"
        raise ShapeError(
            f"expected {wanted}, or (T, I) for one sequence, with I = {input_size} and nothing "
            f"empty; got {tuple(inputs.shape)}",
            "inputs",
        )
    batched = inputs.dim() == 3
    flip = batched and not batch_first

    def batch_major(value: Tensor, rank: int) -> Tensor:
        """(T, B, ...) -> (B, T, ...); a lone sequence gains a batch of one."""
        if not batched:
            return value.unsqueeze(0) if value.dim() == rank - 1 else value
        return value.transpose(0, 1) if flip and value.dim() == rank else value

    inputs = batch_major(inputs, 3)
    batch, steps, _ = inputs.shape

    valid: Optional[Tensor] = None
    seen: Optional[Tensor] = None
    if mask is not None:
        flags = _flags(mask, like.device)
        per_feature = flags.dim() == (3 if batched else 2)
        flags = batch_major(flags, 3 if per_feature else 2)
        wanted_shape = (batch, steps, input_size) if per_feature else (batch, steps)
        if tuple(flags.shape) != wanted_shape:
            raise ShapeError(
                f"expected (B, T, I) = {(batch, steps, input_size)} for missing features or "
                f"(B, T) = {(batch, steps)} for padding; got {tuple(flags.shape)}",
                "mask",
            )
        if per_feature:
            seen = flags
        else:
            valid = flags
        known = flags if per_feature else flags.unsqueeze(-1)
        inputs = torch.where(known, inputs, 0.0)
    check_finite("inputs", inputs)

    elapsed = _times("elapsed_time", 1.0 if elapsed_time is None else elapsed_time, like)
    elapsed = batch_major(elapsed, 2)
    _check_broadcast("elapsed_time", elapsed, (batch, steps), "a number, (T,) or (B, T)")
    elapsed = elapsed.expand(batch, steps)
    if valid is not None:
        elapsed = torch.where(valid, elapsed, 0.0)
    check_finite("elapsed_time", elapsed, minimum=0.0)

    given: Optional[Tensor] = None
    if time_constants is not None:
        given = check_time_constants(time_constants, like)
        given = batch_major(given, 3)
        if batched and given.dim() == 2:
            given = given.unsqueeze(1) if given.shape[0] == batch else given
        allowed = "a number, (N,), (B, N) or (B, T, N)" if batched else "a number, (N,) or (T, N)"
        _check_broadcast("time_constants", given, (batch, steps, units), allowed)
        given = given.expand(batch, steps, units)
    return Sequences(
        inputs, None if seen is None else seen.to(inputs), valid, elapsed, given, batched
    )


def check_floats(name: str, value: object, like: Tensor) -> None:
    """A tensor of the network's dtype and device."""
    if not isinstance(value, Tensor):
        raise DtypeError(
            f"expected a torch tensor, got {type(value).__name__}; torch.as_tensor makes one", name
        )
    if like.dtype not in (torch.float32, torch.float64):
        raise DtypeError(
            f"the network is {like.dtype}; liquid dynamics need float32 or float64: "
            "call network.float()",
            name,
        )
    if value.dtype != like.dtype:
        raise DtypeError(
            f"expected {like.dtype} like the network, got {value.dtype}; "
            f"convert one of them with .to({like.dtype})",
            name,
        )
    if value.device != like.device:
        raise DtypeError(f"is on {value.device}, the network on {like.device}", name)


def check_finite(name: str, value: Tensor, minimum: Optional[float] = None) -> None:
    """No NaN, no infinity, nothing below ``minimum``.

    Reads the data, so it stays out of traced graphs; the fused step checks again on its own.
    """
    if torch.compiler.is_compiling():
        return
    if not bool(torch.isfinite(value).all()):
        hint = "; mark missing values with mask=" if name == "inputs" else ""
        raise DomainError(f"contains NaN or infinity{hint}", name)
    if minimum is not None and bool((value < minimum).any()):
        raise DomainError(f"expected at least {minimum:g}, got {float(value.min()):g}", name)


def check_time_constants(value: Number, like: Tensor) -> Tensor:
    """Finite and positive."""
    tensor = _times("time_constants", value, like)
    check_finite("time_constants", tensor)
    if not torch.compiler.is_compiling() and bool((tensor <= 0).any()):
        raise DomainError(
            f"expected positive numbers, got {float(tensor.min()):g}; "
            "the time between samples is elapsed_time",
            "time_constants",
        )
    return tensor


def check_state(state: Tensor, shape: tuple[int, ...], layout: str, like: Tensor) -> None:
    """A finite state of exactly this shape."""
    check_floats("state", state, like)
    if tuple(state.shape) != shape:
        raise ShapeError(f"expected {layout} = {shape}, got {tuple(state.shape)}", "state")
    check_finite("state", state)


def _times(name: str, value: Number, like: Tensor) -> Tensor:
    if isinstance(value, Tensor):
        if not (value.is_floating_point() or value.dtype in _INTEGERS):
            raise DtypeError(f"expected real numbers, got {value.dtype}", name)
        if value.device != like.device:
            raise DtypeError(f"is on {value.device}, the network on {like.device}", name)
        return value.to(like.dtype)
    try:
        return torch.as_tensor(np.asarray(value, dtype=np.float64)).to(like)
    except (TypeError, ValueError):
        raise DtypeError(f"expected real numbers, got {type(value).__name__}", name) from None


_INTEGERS = (torch.int16, torch.int32, torch.int64)


def _flags(mask: Number, device: torch.device) -> Tensor:
    tensor = torch.as_tensor(mask, device=device)
    if tensor.dtype == torch.bool:
        return tensor
    if not torch.compiler.is_compiling() and not bool(((tensor == 0) | (tensor == 1)).all()):
        raise DomainError("expected booleans, or zeros and ones", "mask")
    return tensor != 0


def _check_broadcast(name: str, value: Tensor, shape: tuple[int, ...], layouts: str) -> None:
    sizes = value.shape
    fits = len(sizes) <= len(shape) and all(
        size == wanted or (size == 1 and position > 0)
        for position, (size, wanted) in enumerate(zip(reversed(sizes), reversed(shape)))
    )
    if not fits:
        raise ShapeError(f"expected {layouts} within {shape}, got {tuple(sizes)}", name)
