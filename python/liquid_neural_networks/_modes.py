"""What torch is doing with the calls that are made just now: running them, or something else."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor
from torch.autograd import forward_ad

F = TypeVar("F", bound=Callable[..., Any])


def run_while_compiling(function: F) -> F:
    """For a function that ``torch.compile`` shall run where it traces a caller, its result a
    constant of the graph: ``torch.compiler.assume_constant_result``, which to be called takes
    torch seconds, for it imports all that compiles."""
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


def compiling() -> bool:
    """Whether ``torch.compile`` or ``torch.export`` records a graph."""
    return torch.compiler.is_compiling()


def autocast(device_type: str) -> bool:
    """Whether autocast is on for a kind of device; never on one that has none, such as ``meta``."""
    available: bool = torch.amp.is_autocast_available(device_type)
    return available and torch.is_autocast_enabled(device_type)


def transform() -> str:
    """Which transform that sees through plain torch operators only is at work; empty for none, and
    in graphs that are being recorded, which are transformed later."""
    if compiling():
        return ""
    if torch._C._functorch.peek_interpreter_stack() is not None:
        return "a torch.func transform is at work"
    if forward_ad._current_level >= 0:
        return "forward-mode differentiation is at work"
    if torch._C._get_tracing_state() is not None:
        return "torch.jit.trace records operators"
    return ""


def readable(tensor: Tensor) -> bool:
    """Whether Python may look at the numbers of a tensor, and branch on them."""
    if tensor.is_meta or (type(tensor) is not Tensor and isinstance(tensor, FakeTensor)):
        return False  # a shape without numbers
    return not (compiling() or transform() or _capturing(tensor))


def _capturing(tensor: Tensor) -> bool:
    """Whether a CUDA graph is being recorded, in which no number may cross to the CPU."""
    return tensor.is_cuda and torch.cuda.is_current_stream_capturing()
