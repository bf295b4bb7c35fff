"""Data parallel: several processes, one training.

Each process computes its share of every minibatch, and gradients are summed, so the numbers are
those of one process at the same batch size, but for rounding. Nothing wraps the network.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Callable, TypeVar

import torch
from torch import Tensor, distributed, nn

T = TypeVar("T")


@contextmanager
def data_parallel() -> Iterator[bool]:
    """Joins the processes that ``torchrun`` started, as far as the block.

    Inside, :func:`fit` and :func:`fit_table` share the work among the processes. Alone, or in a
    process group already made, this does nothing.

    Yields:
        Whether this is the process that is to print and write: the first.

    Example:
        >>> from liquid_neural_networks.training import data_parallel
        >>> with data_parallel() as first:  # torchrun --nproc-per-node 2 this_file.py
        ...     print(first)
        True
    """
    joins = "TORCHELASTIC_RUN_ID" in os.environ and not distributed.is_initialized()
    if joins:
        distributed.init_process_group("gloo")
    try:
        yield rank() == 0
    finally:
        if joins:
            distributed.destroy_process_group()


def together() -> bool:
    """Whether there are other processes."""
    return processes() > 1


def processes() -> int:
    """How many share the work."""
    joined = distributed.is_available() and distributed.is_initialized()
    return distributed.get_world_size() if joined else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return distributed.get_rank() if together() else 0


def share(order: Tensor) -> Tensor:
    """This process's part of some windows; may be empty."""
    return order[rank() :: processes()]


def from_first(make: Callable[[], T]) -> T:
    """What the first process makes, for all."""
    made: list[T] = [make()] if rank() == 0 else [None]  # type: ignore[list-item]
    if together():
        distributed.broadcast_object_list(made, src=0)
    return made[0]


def align(network: nn.Module) -> None:
    """Parameters and buffers of the first process, everywhere."""
    if together():
        for value in network.state_dict().values():
            distributed.broadcast(value, src=0)


def total(*numbers: float) -> list[float]:
    """Sums over the processes."""
    if not together():
        return list(numbers)
    summed = torch.tensor(numbers, dtype=torch.float64, device="cpu")
    distributed.all_reduce(summed)
    return summed.tolist()


def add_gradients(parameters: Iterable[nn.Parameter], value: float) -> float:
    """Sums gradients over the processes, in place, and a number with them."""
    if not together():
        return value
    trained = [each for each in parameters if each.requires_grad]
    for each in trained:
        if each.grad is None:
            each.grad = torch.zeros_like(each)
    grads = [each.grad for each in trained if each.grad is not None]
    flat = torch.cat([grad.flatten() for grad in grads] + [grads[0].new_tensor([value])])
    distributed.all_reduce(flat)
    start = 0
    for grad in grads:
        grad.copy_(flat[start : start + grad.numel()].view_as(grad))
        start += grad.numel()
    return float(flat[-1])
