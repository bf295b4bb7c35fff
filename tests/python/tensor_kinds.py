"""Every kind of tensor that torch can make on a CPU, each with the same numbers as a plain one."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.distributed as distributed
from torch import Tensor
from torch.utils import _pytree as pytree

Make = Callable[[Tensor], Tensor]


class Renamed(torch.Tensor):
    """A subclass that changes nothing, through ``__torch_function__``."""


class Wrapped(torch.Tensor):
    """A subclass that holds another tensor, through ``__torch_dispatch__``."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Wrapped:
        made: Wrapped = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, dtype=held.dtype, device=held.device
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        args, kwargs = pytree.tree_map_only(Wrapped, lambda x: x.held, (args, kwargs or {}))
        return pytree.tree_map_only(Tensor, Wrapped, function(*args, **kwargs))


def strided(x: Tensor) -> Tensor:
    return torch.stack([x, x + 1], -1)[..., 0]


def transposed(x: Tensor) -> Tensor:
    return x.transpose(0, -1).contiguous().transpose(0, -1)


def negative(x: Tensor) -> Tensor:
    return torch._neg_view(-x)


def conjugate(x: Tensor) -> Tensor:
    return torch.complex(torch.zeros_like(x), -x).conj().imag


def expanded(x: Tensor) -> Tensor:
    """The first row, again and again; compared with the same as a plain tensor."""
    return x[:1].expand_as(x)


def read_only(x: Tensor) -> Tensor:
    array = x.numpy().copy()
    array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.from_numpy(array)


def misaligned(x: Tensor) -> Tensor:
    memory = bytearray(1) + bytearray(x.contiguous().numpy().tobytes())
    flat = torch.frombuffer(memory, dtype=torch.uint8)[1:]
    array = np.frombuffer(flat.numpy(), dtype=x.numpy().dtype)
    return torch.from_numpy(array).view(x.shape)


def masked(x: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.masked.masked_tensor(x, torch.ones_like(x, dtype=torch.bool))


def jagged(x: Tensor) -> Tensor:
    return torch.nested.nested_tensor(list(x), layout=torch.jagged)


def nested(x: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.nested.nested_tensor(list(x))


def fake(x: Tensor) -> Tensor:
    from torch._subclasses.fake_tensor import FakeTensorMode

    return FakeTensorMode().from_tensor(x)


def spread(x: Tensor) -> Tensor:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import DTensor, Replicate

    if not distributed.is_initialized():
        with tempfile.NamedTemporaryFile(delete=False) as store:
            distributed.init_process_group(
                "gloo", init_method=f"file://{store.name}", rank=0, world_size=1
            )
    return DTensor.from_local(x, init_device_mesh("cpu", (1,)), [Replicate()])


def block_sparse(x: Tensor) -> Tensor:
    return x.to_sparse_bsr((1, 1))


DENSE: dict[str, Make] = {
    "dense": lambda x: x.clone(),
    "strided": strided,
    "transposed": transposed,
    "negative": negative,
    "conjugate": conjugate,
    "expanded": expanded,
    "read-only": read_only,
    "misaligned": misaligned,
    "lazily cloned": torch._lazy_clone,
    "subclass by function": lambda x: x.as_subclass(Renamed),
    "subclass by dispatch": Wrapped,
    "functional": torch._to_functional_tensor,
}
"""Kinds whose numbers can be used: the result is that of a plain tensor."""

REFUSED: dict[str, Make] = {
    "sparse COO": lambda x: x.to_sparse(),
    "sparse CSR": lambda x: x.to_sparse_csr(),
    "sparse CSC": lambda x: x.to_sparse_csc(),
    "sparse BSR": block_sparse,
    "mkldnn": lambda x: x.float().to_mkldnn(),
    "jagged": jagged,
    "nested": nested,
    "masked": masked,
    "meta": lambda x: x.to("meta"),
    "fake": fake,
    "distributed": spread,
    "quantized": lambda x: torch.quantize_per_tensor(x.float(), 0.1, 0, torch.quint8),
}
"""Kinds that cannot be mixed with plain tensors: a typed error, or shapes without numbers."""


def _warm_up() -> None:
    """Loads once what torch loads when a kind is first used, so that forked processes need not."""
    import torch.distributed.tensor

    for name, make in {**DENSE, **REFUSED}.items():
        if name != "distributed":  # which starts a process group
            make(torch.ones(2, 2)).detach()
    _ = Wrapped(torch.ones(2, 2)) * 2.0 + fake(torch.ones(2, 2)).numel()


_warm_up()
