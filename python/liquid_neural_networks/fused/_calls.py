"""Calls of the C extension: tensors by name, forward and backward, with what backward needs.

A call is refused by C before any work if a tensor is not what its field says, or has no memory of
its own; then the next engine runs it.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional

import torch
from torch import Tensor

from .._kernel import built, native
from .._modes import transform
from ..errors import DtypeError, LiquidError, ShapeError
from ..solvers import Declined

Tensors = dict[str, Optional[Tensor]]
"""What C reads and writes, by the names of its fields."""

REFUSED: tuple[type[Exception], ...] = () if native is None else (native.Refused,)


class Call(NamedTuple):
    """What a call has besides tensors.

    Attributes:
        plan: of the population, as C keeps it.
        kernel: the number of the kernel that runs it.
        names: of the tensors, in the order in which an autograd function passes them.
        units: N, neurons of the population.
    """

    plan: Any
    kernel: int
    names: tuple[str, ...]
    units: int

    def named(self, tensors: tuple[Optional[Tensor], ...]) -> Tensors:
        """The tensors by name."""
        return dict(zip(self.names, tensors))


def make_plan(make: Callable[..., Any], *arguments: Any) -> Any:
    """A plan of C's.

    Raises:
        Declined: something is larger than C can count.
    """
    try:
        return make(*arguments)
    except REFUSED as refusal:
        raise Declined(str(refusal)) from None


def forward(call: Call, tensors: Tensors) -> None:
    """Runs a sequence forward; what it writes is among the tensors."""
    try:
        built().forward(call.plan, call.kernel, tensors, torch.get_num_threads())
    except REFUSED as refusal:
        raise Declined(str(refusal)) from None


def backward(call: Call, tensors: Tensors) -> None:
    """Runs it backward.

    Raises:
        DtypeError, ShapeError: a gradient, or what was saved for it, is not what it should be.
    """
    try:
        built().backward(call.plan, call.kernel, tensors, torch.get_num_threads())
    except REFUSED as refusal:
        raise typed(str(refusal)) from None


def typed(refusal: str) -> LiquidError:
    """The error for what C, or an engine, refused as ``NAME: REASON``."""
    name, _, reason = refusal.partition(": ")
    return (DtypeError if "dtype" in reason else ShapeError)(reason, name)


def room_for(tensor: Tensor) -> Tensor:
    """An empty tensor without gaps, of the same shape: in half the time of ``new_empty``."""
    return torch.empty_like(tensor, memory_format=torch.contiguous_format)


def kept_rows(call: Call, batch: int) -> int:
    """Batch rows for which the kernel allocates what it keeps for backward."""
    rows: int = built().kept_rows(call.plan, call.kernel, batch)
    return rows


Gradients = tuple[Optional[Tensor], ...]


def each_alone(run: Callable[..., Gradients], *gradients: Optional[Tensor]) -> Gradients:
    """``run(*gradients)``; where gradients come in batches, one after the other."""
    if transform():
        found: Gradients = _EachAlone.apply(run, *gradients)  # type: ignore[no-untyped-call]
        return found
    level = _grads_batched_level()
    return _unbatched(run, level, gradients) if level else run(*gradients)


def _grads_batched_level() -> int:
    """How deep in ``torch.autograd.grad(is_grads_batched=True)``, whose ``vmap`` is another one."""
    level: int = torch._C._vmapmode_increment_nesting() - 1
    torch._C._vmapmode_decrement_nesting()
    return level


def _unbatched(
    run: Callable[..., Gradients], level: int, gradients: tuple[Optional[Tensor], ...]
) -> Gradients:
    whole = [None if g is None else torch._remove_batch_dim(g, level, 1, 0) for g in gradients]
    count = max(len(each) for each in whole if each is not None)
    rows = [[None] * count if g is None else g.expand(count, *g.shape[1:]) for g in whole]
    results = zip(*(run(*row) for row in zip(*rows)))
    return tuple(
        None if each[0] is None else torch._add_batch_dim(torch.stack(each), 0, level)
        for each in results
    )


class _EachAlone(torch.autograd.Function):
    """A backward pass, and what ``vmap`` makes of it."""

    @staticmethod
    def forward(run: Callable[..., Gradients], *gradients: Optional[Tensor]) -> Gradients:
        return run(*gradients)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[Any, ...],
        run: Callable[..., Gradients],
        *gradients: Optional[Tensor],
    ) -> tuple[Gradients, tuple[Optional[int], ...]]:
        def one(index: int) -> Gradients:
            picked = [
                each if each is None or dim is None else each.select(dim, index)
                for each, dim in zip(gradients, in_dims[1:])
            ]
            return run(*picked)

        results = zip(*(one(index) for index in range(info.batch_size)))
        stacked = tuple(None if each[0] is None else torch.stack(each) for each in results)
        return stacked, tuple(None if each is None else 0 for each in stacked)
