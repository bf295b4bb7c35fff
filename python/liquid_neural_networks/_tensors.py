"""Kinds of tensors: which hold numbers in rows and columns, and which hide some of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from .errors import DtypeError, ShapeError

_PLAIN = (Tensor, torch.nn.Parameter)

_HIDING = {
    "MaskedTensor": "give its data, and its mask as mask=",
    "DTensor": "gather it with .full_tensor(), or call the module that was sharded",
}


def check_kind(name: str, value: Tensor) -> None:
    """Refuses tensors that liquid dynamics cannot be right about.

    Raises:
        DtypeError: the tensor is nested, sparse, of another layout or quantized, or hides numbers.
    """
    if type(value) in _PLAIN and value.layout is torch.strided and not value.is_nested:
        if value.is_quantized:
            raise DtypeError("is quantized, expected plain numbers: use .dequantize()", name)
        return
    if value.is_nested:
        kind, advice = (
            "nested",
            ("pad it (torch.nested.to_padded_tensor) and give mask=, or pack the sequences"),
        )
    elif value.layout is not torch.strided:
        kind = str(value.layout).replace("torch.", "")
        advice = "convert it with .to_dense()"
    elif type(value).__name__ in _HIDING:
        kind = type(value).__name__
        advice = _HIDING[kind]
    else:
        return
    raise DtypeError(f"is a {kind} tensor, expected a dense one: {advice}", name)


def array_of(tensor: Tensor) -> npt.NDArray[Any]:
    """The numbers of a tensor of any device, view and history as an array."""
    numbers: npt.NDArray[Any] = tensor.detach().cpu().resolve_conj().resolve_neg().numpy()
    return numbers


def check_real(name: str, value: Tensor, like: Tensor) -> None:
    """Refuses fake tensors, which have shapes and no numbers, beside real ones.

    Raises:
        DtypeError: one of tensor and network is fake.
    """
    if type(value) in _PLAIN and type(like) in _PLAIN:
        return
    fakes = [each for each in (value, like) if isinstance(each, FakeTensor)]
    if len(fakes) == 1 and not fakes[0].fake_mode.allow_non_fake_inputs:
        which = "is a fake tensor" if fakes[0] is value else "is real, but the network is fake"
        raise DtypeError(f"{which}: make both fake, or both real", name)


def check_parameters(values: Mapping[str, Tensor]) -> None:
    """Refuses parameters that are no dense tensors, or whose memory was freed.

    Raises:
        DtypeError, ShapeError: naming the parameter.
    """
    if torch.compiler.is_compiling():
        return  # a graph has no memory yet
    for name, value in values.items():
        check_kind(name, value)
        concrete = type(value) in _PLAIN and not value.is_meta and value.numel() > 0
        # What torch.func wraps keeps its memory to itself.
        concrete = concrete and not torch._C._functorch.is_functorch_wrapped_tensor(value)
        if concrete and value.untyped_storage().nbytes() == 0:
            raise ShapeError("has no memory: it was freed, as sharding does between calls", name)
