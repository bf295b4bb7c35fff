"""What a caller hands to a network, checked and brought to one form: batch first, (B, T, ...)."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any, NamedTuple, Optional, Union

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from . import fused
from .errors import DomainError, DtypeError, ShapeError

Number = Union[float, int, Tensor, npt.NDArray[Any], Sequence[Any]]
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

    def reordered(self, order: Tensor) -> Sequences:
        """The samples of each sequence in another order (B, T), all of them taken for seen."""

        def moved(value: Tensor) -> Tensor:
            index = order if value.dim() == 2 else order.unsqueeze(-1).expand_as(value)
            return value.gather(1, index)

        return self._replace(
            inputs=moved(self.inputs),
            mask=None if self.mask is None else moved(self.mask),
            valid=None,
            elapsed_time=moved(self.elapsed_time),
            time_constants=None if self.time_constants is None else moved(self.time_constants),
        )

    def reversed(self) -> Sequences:
        """The same samples in reverse order, with the times between them."""
        # elapsed_time[t] lies between samples t-1 and t; backwards, sample t-1 comes after it,
        # and the last sample, which now comes first, takes over the first one's.
        if self.valid is None:
            elapsed = self.elapsed_time.roll(-1, dims=1)
        else:
            steps = self.valid.shape[1]
            order = torch.arange(steps, device=self.valid.device)
            valid_from = torch.where(self.valid, order, steps).flip(1).cummin(1).values.flip(1)
            after = valid_from.roll(-1, dims=1)
            after = torch.where(after < steps, after, valid_from[:, :1]).clamp(max=steps - 1)
            elapsed = torch.where(self.valid, self.elapsed_time.gather(1, after), 0.0)
        given = self.time_constants
        return Sequences(
            inputs=self.inputs.flip(1),
            mask=None if self.mask is None else self.mask.flip(1),
            valid=None if self.valid is None else self.valid.flip(1),
            elapsed_time=elapsed.flip(1),
            time_constants=None if given is None else given.flip(1),
            batched=self.batched,
        )


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
    layout = _Layout(inputs.dim() == 3, batch_first)
    inputs = layout.batch_major(inputs)

    seen, valid = _check_mask(mask, layout, inputs)
    if seen is not None:
        inputs = torch.where(seen, inputs, 0.0)
    if valid is not None:
        inputs = torch.where(valid.unsqueeze(-1), inputs, 0.0)
    check_finite("inputs", inputs)

    elapsed = _check_elapsed(elapsed_time, layout, valid, inputs)

    given: Optional[Tensor] = None
    if time_constants is not None:
        given = check_time_constants(time_constants, like)
        given = _broadcast("time_constants", given, layout, (*inputs.shape[:2], units), "N")
    return Sequences(
        inputs, None if seen is None else seen.to(inputs), valid, elapsed, given, layout.batched
    )


class _Layout(NamedTuple):
    """How the caller arranges batch and time."""

    batched: bool
    batch_first: bool

    def name(self, last: str = "") -> str:
        """Such as ``(B, T, I)``."""
        lead = ["T"] if not self.batched else ["B", "T"] if self.batch_first else ["T", "B"]
        return _tuple([*lead, last] if last else lead)

    def batch_major(self, value: Tensor) -> Tensor:
        """(B, T, ...) from what the caller arranged; one sequence gains a batch of one."""
        if not self.batched:
            return value.unsqueeze(0)
        return value if self.batch_first else value.transpose(0, 1)


def _tuple(names: list[str]) -> str:
    return f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"


def _check_mask(
    mask: Optional[Number], layout: _Layout, inputs: Tensor
) -> tuple[Optional[Tensor], Optional[Tensor]]:
    """A mask (B, T, I) of missing features, or a mask (B, T) of padding; the other is None."""
    if mask is None:
        return None, None
    flags = as_flags(mask, inputs.device)
    rank = 3 if layout.batched else 2
    per_feature = flags.dim() == rank
    shape = inputs.shape if per_feature else inputs.shape[:2]
    if flags.dim() not in (rank, rank - 1) or layout.batch_major(flags).shape != shape:
        sizes = {"B": inputs.shape[0], "T": inputs.shape[1], "I": inputs.shape[2]}
        raise ShapeError(
            f"expected {layout.name('I')} for missing features or {layout.name()} for padding, "
            f"with {_equations(sizes)}; got {tuple(flags.shape)}",
            "mask",
        )
    flags = layout.batch_major(flags)
    return (flags, None) if per_feature else (None, flags)


def _check_elapsed(
    elapsed_time: Optional[Number], layout: _Layout, valid: Optional[Tensor], inputs: Tensor
) -> Tensor:
    """(B, T) times before the samples, 0 at padding; 1 if none are given."""
    if elapsed_time is None:
        elapsed = inputs.new_ones(inputs.shape[:2])
    else:
        elapsed = as_reals("elapsed_time", elapsed_time, inputs)
        if valid is None:
            check_finite("elapsed_time", elapsed, minimum=0.0)
        elapsed = _broadcast("elapsed_time", elapsed, layout, inputs.shape[:2])
    if valid is None:
        return elapsed
    elapsed = torch.where(valid, elapsed, 0.0)
    check_finite("elapsed_time", elapsed, minimum=0.0)
    return elapsed


def _broadcast(
    name: str, value: Tensor, layout: _Layout, shape: tuple[int, ...], last: str = ""
) -> Tensor:
    """``value`` spread over ``shape``, which is (B, T), or (B, T, N) if ``last`` is N.

    A rank means one thing only, whatever the sizes happen to be.
    """
    rank = value.dim()
    full = len(shape) if layout.batched else len(shape) - 1
    spread = value
    if rank == full:
        spread = layout.batch_major(value)
    elif last and rank == 2:
        spread = value.unsqueeze(1)
    leading_fits = all(
        size in (1, wanted) for size, wanted in zip(spread.shape[:-1], shape[-spread.dim() :])
    )
    if rank > full or (rank > 0 and not (leading_fits and spread.shape[-1] == shape[-1])):
        options = ["a number", _tuple([last or "T"])]
        if last and layout.batched:
            options.append("(B, N)")
        if layout.name(last) not in options:
            options.append(layout.name(last))
        sizes = dict(zip(("B", "T", last) if last else ("B", "T"), shape))
        raise ShapeError(
            f"expected {', '.join(options[:-1])} or {options[-1]}, with {_equations(sizes)}; "
            f"got {tuple(value.shape)}",
            name,
        )
    return spread.expand(shape)


def _equations(sizes: dict[str, int]) -> str:
    return ", ".join(f"{name} = {size}" for name, size in sizes.items())


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

    Not where data cannot be read; see :func:`_readable`.
    """
    if not _readable() or value.numel() == 0:
        return
    lowest = fused.lowest(value)
    if isnan(lowest):
        hint = "; mark missing values with mask=" if name == "inputs" else ""
        raise DomainError(f"contains NaN or infinity{hint}", name)
    if minimum is not None and lowest < minimum:
        raise DomainError(f"expected at least {minimum:g}, got {lowest:g}", name)


def check_time_constants(value: Number, like: Tensor) -> Tensor:
    """Finite and positive."""
    tensor = as_reals("time_constants", value, like)
    check_finite("time_constants", tensor)
    if _readable() and bool((tensor <= 0).any()):
        raise DomainError(
            f"expected positive numbers, got {float(tensor.detach().min()):g}; "
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


def as_reals(name: str, value: Number, like: Tensor) -> Tensor:
    """Real numbers as a tensor of the network's dtype; text and booleans are refused."""
    if isinstance(value, Tensor):
        if not (value.is_floating_point() or value.dtype in _INTEGERS):
            raise DtypeError(f"expected real numbers, got {value.dtype}", name)
        if value.device != like.device:
            raise DtypeError(f"is on {value.device}, the network on {like.device}", name)
        return value.to(like.dtype)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return torch.tensor(value, dtype=like.dtype, device=like.device)
    return torch.as_tensor(real_array(name, value)).to(like)


_INTEGERS = (torch.int16, torch.int32, torch.int64)


def real_array(name: str, value: object) -> npt.NDArray[np.float64]:
    """An array of real numbers from numbers, lists and arrays; not from text or booleans."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):
        array = np.asarray(None)
    if array.dtype.kind not in "fiu":
        raise DtypeError(f"expected real numbers, got {_kind(value)}", name)
    return array.astype(np.float64)


def as_flags(mask: Number, device: torch.device) -> Tensor:
    """Booleans, or zeros and ones, as a tensor of booleans."""
    try:
        tensor = torch.as_tensor(mask, device=device)
    except (TypeError, ValueError, RuntimeError):
        raise DtypeError(f"expected booleans, got {_kind(mask)}", "mask") from None
    if tensor.dtype == torch.bool:
        return tensor
    if _readable() and not bool(((tensor == 0) | (tensor == 1)).all()):
        raise DomainError("expected booleans, or zeros and ones", "mask")
    return tensor != 0


def _readable() -> bool:
    """Whether Python may look at numbers: not in traced graphs, nor under torch.func."""
    return not (torch.compiler.is_compiling() or fused.transforming())


def _kind(value: object) -> str:
    return f"a {type(value).__name__} that is not an array of them"
