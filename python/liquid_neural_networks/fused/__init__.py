"""The compiled engine: the whole sequence in one call of C, where that can run.

It runs by itself for float32 and float64 on the CPU: conductance and dense dynamics with the fused,
euler and exponential solvers, and closed-form dynamics with up to 64 layers of backbone and 16 of
wiring, any activation but gelu, and no dropout inside the backbone. For everything else the
reference engine runs, and likewise for closed-form dynamics and a mixed memory inside
``torch.compile``, for whatever runs under ``torch.func``, and for tensors without memory of their
own. :func:`status` says whether the compiled engine is there, and if not, why;
:func:`liquid_neural_networks.engines.report` says what ran each call.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Optional

import torch
from torch import Tensor

from .. import _kernel
from .._checks import check_choice
from .._modes import compiling, run_while_compiling, transform
from .._sequences import Sequences
from ..dynamics import ClosedFormDynamics, Dynamics
from ..errors import OptionError
from ..memory import MemoryCell
from ..solvers import Method
from . import _closed_form, _ode

__all__ = [
    "NAME",
    "Status",
    "disabled",
    "instruction_set",
    "instruction_sets",
    "integrate",
    "status",
    "why_not",
]

NAME = "compiled"


class Status(NamedTuple):
    """Whether the compiled engine runs.

    Attributes:
        available: True if it runs where it can.
        reason: why not, and what to do; empty if it does.
        instruction_set: ``"avx512"``, ``"avx2"`` or ``"baseline"``; empty if not available.
    """

    available: bool
    reason: str
    instruction_set: str


class _Switch(threading.local):
    """Per thread. Not a ``ContextVar``, which ``torch.compile`` cannot see through."""

    off = False


_switch = _Switch()


def status() -> Status:
    """Whether the compiled engine runs, and if not, why."""
    reason = _unavailable()
    return Status(not reason, reason, "" if reason else _kernel.in_use)


def _unavailable() -> str:
    if _kernel.native is None:
        return (
            f"the C extension is not there ({_kernel.MISSING}); reinstall with a C compiler, "
            "such as gcc or clang, on the path"
        )
    return "switched off by fused.disabled()" if _switch.off else ""


@contextmanager
def disabled() -> Iterator[None]:
    """Leaves the compiled engine out inside the ``with`` block, in this thread.

    Example:
        >>> from liquid_neural_networks import fused
        >>> with fused.disabled():
        ...     fused.status().available
        False
    """
    before, _switch.off = _switch.off, True
    try:
        yield
    finally:
        _switch.off = before


@contextmanager
def instruction_set(name: str) -> Iterator[None]:
    """Runs on one of :func:`instruction_sets` inside the ``with`` block, in every thread; the
    backward pass of what ran there too, wherever it is run.

    Raises:
        OptionError: this machine does not have it.
    """
    check_choice("name", name, instruction_sets())
    before, _kernel.in_use = _kernel.in_use, name
    try:
        yield
    finally:
        _kernel.in_use = before


def instruction_sets() -> list[str]:
    """Those this machine can run, best first; empty without the extension."""
    return list(_kernel.SETS)


def why_not(
    dynamics: Dynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> str:
    """Why the compiled engine cannot run a call, as far as that can be seen before; else empty.

    Raises:
        OptionError: ``torch.onnx.export`` asks, which cannot write the compiled step.
    """
    reason = unsupported(dynamics, method, sequences.inputs) or transform()
    if not reason and compiling():
        if memory is not None:
            reason = "a mixed memory inside torch.compile is plain torch"
        elif isinstance(dynamics, ClosedFormDynamics):
            reason = "closed-form dynamics inside torch.compile are plain torch"
    if not reason and compiling():
        _check_not_for_onnx()
    return reason


@run_while_compiling
def _check_not_for_onnx() -> None:
    if torch.onnx.is_in_onnx_export():
        raise OptionError(
            "torch.onnx.export has no operator for a whole sequence; export.onnx(network, path) or "
            "'lnn export NETWORK.lnn --to onnx' writes the network as ONNX",
            "network",
        )


def unsupported(dynamics: Dynamics, method: Method, like: Tensor) -> str:
    """Why the compiled engine cannot run a population at all; empty if it can.

    ``like`` is a tensor of the dtype and on the device of the call.
    """
    reason = _unavailable()
    if reason:
        return reason
    if not like.is_cpu:
        return f"it runs on the CPU only, the tensors are on {like.device.type}"
    if like.dtype not in (torch.float32, torch.float64):
        return f"it has kernels for float32 and float64, not {like.dtype}"
    if isinstance(dynamics, ClosedFormDynamics):
        return _closed_form.unsupported(dynamics)
    return _ode.unsupported(dynamics, method)


def integrate(
    dynamics: Dynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> Tensor:
    """States (B, T, N) after each time step; see :func:`liquid_neural_networks.solvers.integrate`.

    Differentiable once, in everything but the mask.

    Raises:
        Declined: a tensor has no memory of its own that C could read.
    """
    if isinstance(dynamics, ClosedFormDynamics):
        return _closed_form.integrate(dynamics, sequences, state, memory)
    return _ode.integrate(dynamics, method, sequences, state, memory)
