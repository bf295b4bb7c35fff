"""What a caller gives to a network, checked and brought to one form: batch first, (B, T, ...)."""

from __future__ import annotations

from math import isnan
from typing import Optional, Union, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from ._kernel import lowest
from ._modes import autocast, readable
from ._sequences import Layout, Number, Sequences, packed_like, size_names
from ._tensors import array_of, check_kind, check_real
from .errors import DomainError, DtypeError, ShapeError


def check_sequences(
    inputs: Union[Tensor, PackedSequence],
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
    if isinstance(inputs, PackedSequence):
        inputs, layout, present = _unpack(inputs, like, batch_first)
    else:
        inputs = as_floats("inputs", inputs, like)
        layout, present = Layout(inputs.dim() == 3, batch_first), None
    if inputs.dim() not in (2, 3) or inputs.shape[-1] != input_size or inputs.numel() == 0:
        wanted = "(B, T, I)" if batch_first else "(T, B, I)"
        lost = input_size == 1 and inputs.dim() in (1, 2) and inputs.numel() > 0
        raise ShapeError(
            f"expected {wanted}, or (T, I) for one sequence, with I = {input_size} and nothing "
            f"empty; got {tuple(inputs.shape)}"
            + ("; inputs.unsqueeze(-1) has the one feature as a dimension" if lost else ""),
            "inputs",
        )
    inputs = layout.batch_major(inputs)

    if mask is not None:
        mask = layout.padded("mask", mask)
    seen, valid = _check_mask(mask, layout, inputs)
    if present is not None:
        if valid is not None:
            raise ShapeError(
                "packed inputs say themselves where the padding is; expected (B, T, I) or packed "
                "flags of missing features",
                "mask",
            )
        valid = present
    if seen is not None:
        inputs = torch.where(seen, inputs, 0.0)
    if valid is not None:
        inputs = torch.where(valid.unsqueeze(-1), inputs, 0.0)
    check_finite("inputs", inputs)

    if elapsed_time is not None:
        elapsed_time = layout.padded("elapsed_time", elapsed_time)
        if layout.packing is not None and isinstance(elapsed_time, Tensor):
            elapsed_time = _without_feature(elapsed_time)
    elapsed = _check_elapsed(elapsed_time, layout, valid, inputs)

    given: Optional[Tensor] = None
    if time_constants is not None:
        given = _unpacked_time_constants(time_constants, layout, present, like)
        given = broadcast("time_constants", given, layout, (*inputs.shape[:2], units), "N")
    return Sequences(
        inputs, None if seen is None else seen.to(inputs), valid, elapsed, given, layout
    )


def _unpack(
    inputs: PackedSequence, like: Tensor, batch_first: bool
) -> tuple[Tensor, Layout, Tensor]:
    """Padded inputs in the network's layout, that layout, and where the samples are (B, T)."""
    inputs = packed_like(inputs, as_floats("inputs", inputs.data, like))
    padded, lengths = pad_packed_sequence(inputs, batch_first=batch_first)
    steps = torch.arange(int(lengths.max()), device=lengths.device)
    present = (steps < lengths.unsqueeze(1)).to(padded.device)
    return padded, Layout(True, batch_first, inputs), present


def _without_feature(elapsed: Tensor) -> Tensor:
    """(B, T) from packed columns (B, T, 1)."""
    return elapsed.squeeze(-1) if elapsed.dim() == 3 and elapsed.shape[-1] == 1 else elapsed


def _unpacked_time_constants(
    value: Number, layout: Layout, present: Optional[Tensor], like: Tensor
) -> Tensor:
    if not isinstance(value, PackedSequence):
        return check_time_constants(value, like)
    given = as_reals("time_constants", cast(Tensor, layout.padded("time_constants", value)), like)
    assert present is not None
    # Padding is given some positive time constants; nothing depends on them.
    there = present if layout.batch_first else present.transpose(0, 1)
    return check_time_constants(torch.where(there.unsqueeze(-1), given, 1.0), like)


def _check_mask(
    mask: Optional[Number], layout: Layout, inputs: Tensor
) -> tuple[Optional[Tensor], Optional[Tensor]]:
    """A mask (B, T, I) of missing features, or a mask (B, T) of padding; the other is None."""
    if mask is None:
        return None, None
    flags = as_flags(mask, inputs)
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
    elapsed_time: Optional[Number], layout: Layout, valid: Optional[Tensor], inputs: Tensor
) -> Optional[Tensor]:
    """(B, T) times before the samples, 0 at padding, or None; 1 if none are given."""
    if elapsed_time is None:
        if valid is None:
            return None
        elapsed = inputs.new_ones(inputs.shape[:2])
    else:
        elapsed = as_reals("elapsed_time", elapsed_time, inputs)
        if valid is None:
            check_finite("elapsed_time", elapsed, minimum=0.0)
        elapsed = broadcast("elapsed_time", elapsed, layout, inputs.shape[:2])
    if valid is None:
        return elapsed
    elapsed = torch.where(valid, elapsed, 0.0)
    check_finite("elapsed_time", elapsed, minimum=0.0)
    return elapsed


def broadcast(
    name: str, value: Tensor, layout: Layout, shape: tuple[int, ...], last: str = ""
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
        options = ["a number", size_names([last or "T"])]
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


def as_floats(name: str, value: object, like: Tensor) -> Tensor:
    """A tensor of the network's dtype and device; under autocast, any floating-point dtype."""
    if not isinstance(value, Tensor):
        made = f"{name}.to_numpy()" if hasattr(value, "to_numpy") else name
        raise DtypeError(
            f"expected a torch tensor, got {type(value).__name__}; torch.as_tensor({made}, "
            f"dtype={like.dtype}) makes one of numbers",
            name,
        )
    check_kind(name, value)
    check_real(name, value, like)
    if like.dtype not in (torch.float32, torch.float64):
        raise DtypeError(
            f"the network is {like.dtype}; liquid dynamics need float32 or float64: "
            "call network.float()",
            name,
        )
    if value.device != like.device:
        raise DtypeError(f"is on {value.device}, the network on {like.device}", name)
    if value.dtype != like.dtype:
        if value.is_floating_point() and autocast(like.device.type):
            return value.to(like.dtype)
        raise DtypeError(
            f"expected {like.dtype} like the network, got {value.dtype}; "
            f"convert one of them with .to({like.dtype})",
            name,
        )
    return value


def check_finite(name: str, value: Tensor, minimum: Optional[float] = None) -> None:
    """No NaN, no infinity, nothing below ``minimum``.

    Not where numbers cannot be read; see :func:`~liquid_neural_networks._modes.readable`.
    """
    if value.numel() == 0 or not readable(value):
        return
    least = lowest(value)
    if isnan(least):
        hint = "; mark missing values with mask=" if name == "inputs" else ""
        raise DomainError(f"contains NaN or infinity{hint}", name)
    if minimum is not None and least < minimum:
        raise DomainError(f"expected at least {minimum:g}, got {least:g}", name)


def check_time_constants(value: Number, like: Tensor) -> Tensor:
    """Finite and positive."""
    tensor = as_reals("time_constants", value, like)
    check_finite("time_constants", tensor)
    if readable(tensor) and bool((tensor <= 0).any()):
        raise DomainError(
            f"expected positive numbers, got {float(tensor.detach().min()):g}; "
            "the time between samples is elapsed_time",
            "time_constants",
        )
    return tensor


def check_state(state: Tensor, shape: tuple[int, ...], layout: str, like: Tensor) -> Tensor:
    """A finite state of exactly this shape."""
    state = as_floats("state", state, like)
    if tuple(state.shape) != shape:
        raise ShapeError(f"expected {layout} = {shape}, got {tuple(state.shape)}", "state")
    check_finite("state", state)
    return state


def as_reals(name: str, value: Number, like: Tensor) -> Tensor:
    """Real numbers as a tensor of the network's dtype; text and booleans are refused."""
    if isinstance(value, Tensor):
        check_kind(name, value)
        check_real(name, value, like)
        if not (value.is_floating_point() or value.dtype in _INTEGERS):
            raise DtypeError(f"expected real numbers, got {value.dtype}", name)
        if value.device != like.device:
            raise DtypeError(f"is on {value.device}, the network on {like.device}", name)
        return value.to(like.dtype)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return torch.tensor(value, dtype=like.dtype, device=like.device)
    return torch.from_numpy(real_array(name, value)).to(like)


_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def real_array(name: str, value: object) -> npt.NDArray[np.float64]:
    """An array of real numbers from numbers, lists and arrays; not from text or booleans.

    What a masked array hides becomes NaN.
    """
    if isinstance(value, Tensor):
        check_kind(name, value)
        value = array_of(value)
    if isinstance(value, np.ma.MaskedArray) and value.dtype.kind in "fiu":
        value = np.ma.filled(value.astype(np.float64), np.nan)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):
        array = np.asarray(None)
    if array.dtype.kind not in "fiu":
        raise DtypeError(f"expected real numbers, got {_kind(value)}", name)
    return array.astype(np.float64)


def as_flags(mask: Number, like: Tensor) -> Tensor:
    """Booleans, or zeros and ones, as a tensor of booleans."""
    if isinstance(mask, Tensor):
        check_kind("mask", mask)
        check_real("mask", mask, like)
    try:
        tensor = torch.as_tensor(mask, device=like.device)
    except (TypeError, ValueError, RuntimeError):
        raise DtypeError(f"expected booleans, got {_kind(mask)}", "mask") from None
    if tensor.dtype == torch.bool:
        return tensor
    if readable(tensor) and not bool(((tensor == 0) | (tensor == 1)).all()):
        raise DomainError("expected booleans, or zeros and ones", "mask")
    return tensor != 0


def _kind(value: object) -> str:
    return f"a {type(value).__name__} that is not an array of them"
