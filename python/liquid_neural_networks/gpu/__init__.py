"""The GPU engine: a sequence in one kernel forward and one backward.

Kernels are written in Triton, which comes with torch's CUDA and ROCm builds and compiles them when
they first run: once for each size class, then kept on disk. A program has one batch row (several,
if they are small), keeps its parameters and states in registers and runs all samples and unfolds;
only the state after each sample is stored, and backward computes the unfolds again. Sums over the
batch are made in an order of their own, so two runs agree bit for bit.

With ``TRITON_INTERPRET=1`` in the environment before Python starts, the kernels run on tensors of
the CPU, slowly: for tests.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import Optional

import torch
from torch import Tensor
from torch.nn import Parameter

from .._modes import compiling, transform
from .._sequences import Sequences
from ..dynamics import ClosedFormDynamics, ConductanceDynamics, DenseDynamics, Dynamics
from ..memory import MemoryCell
from ..solvers import Method

__all__ = ["NAME", "integrate", "why_not"]

NAME = "gpu"

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"

_KERNELS: dict[type[Dynamics], ModuleType] = {}
"""For each dynamics a module with ``why_not(dynamics, method, memory)`` and ``integrate``."""

MISSING = ""
"""Why this engine cannot run at all here; empty if it can, on a GPU."""
if not (torch.version.cuda or torch.version.hip or INTERPRETED):
    MISSING = "this torch is built for the CPU alone"
else:
    try:
        from . import _closed_form, _conductance, _dense
    except ImportError as error:
        MISSING = f"Triton cannot be imported ({error}); pip install triton"
    else:
        _KERNELS = {
            ClosedFormDynamics: _closed_form,
            ConductanceDynamics: _conductance,
            DenseDynamics: _dense,
        }


def why_not(
    dynamics: Dynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> str:
    """Why this engine cannot run a call, in plain words; empty if it can."""
    inputs = sequences.inputs
    if inputs.is_cpu and not INTERPRETED:
        return "the network is on cpu, not on a GPU"  # every call on a CPU asks
    if not (inputs.is_cuda or inputs.is_cpu):
        return f"the network is on {inputs.device}, not on a GPU"
    if MISSING:
        return MISSING
    if inputs.dtype != torch.float32:
        return f"the network is {inputs.dtype}; GPU kernels compute in float32"
    if not compiling() and transform():
        return transform()
    given = (*sequences[:5], state, *dynamics.parameters(recurse=False))
    if not all(each is None or type(each) in (Tensor, Parameter) for each in given):
        return "not all tensors are plain ones with memory of their own"
    kernels = _KERNELS.get(dynamics.storage.equations)
    if kernels is None:
        return f"{dynamics.name} dynamics have no GPU kernel"
    reason: str = kernels.why_not(dynamics, method, memory)
    return reason


def integrate(
    dynamics: Dynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> Tensor:
    """(B, T, N) states after each sample, (B, T, 2 N) with a memory; differentiable once.

    Args:
        dynamics, method: what is computed; :func:`why_not` must have nothing against it.
        sequences: inputs and times. Padding must have an elapsed time of 0, or come last.
        state: (B, N) to start from, 2 N numbers with a memory, or None for zeros.
        memory: the memory cell beside the neurons, or None.

    Raises:
        OptionError: in backward, if its own derivative is wanted.
    """
    kernels = _KERNELS[dynamics.storage.equations]
    states: Tensor = kernels.integrate(dynamics, method, sequences, state, memory)
    return states
