"""Autocast: populations compute in the dtype of their parameters, forward and backward."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

import torch
from torch import Tensor

from ._modes import compiling


def without_autocast_in_backward(output: Tensor, sources: Iterable[Optional[Tensor]]) -> None:
    """Has what computed ``output`` from ``sources`` differentiate without autocast as well.

    Torch runs backward under the autocast of whoever calls it, so that inside ``torch.autocast``
    even operators that ran in float32 would have their matrix products lowered. What made the
    sources is left alone. In graphs of ``torch.compile`` nothing is to do: these have no autocast
    of their own.
    """
    if compiling() or output.grad_fn is None:
        return
    kind = output.device.type

    def disable(_: object) -> None:
        # For this node alone: torch sets its thread's state anew for the next.
        torch.set_autocast_enabled(kind, False)

    before = [each.grad_fn for each in sources if each is not None]
    seen: set[Any] = {node for node in before if node is not None}
    waiting: list[Any] = [] if output.grad_fn in seen else [output.grad_fn]
    while waiting:
        node = waiting.pop()
        # What collects a leaf's gradient computes nothing, and may outlive this call.
        if node not in seen and node.next_functions:
            seen.add(node)
            node.register_prehook(disable)
            waiting += [each for each, _ in node.next_functions if each is not None]
