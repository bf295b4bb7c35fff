"""The compiled step as a differentiable torch function.

In eager mode it runs as an ``autograd.Function``, the cheapest way through torch; inside
``torch.compile`` and ``torch.export`` as the opaque operator ``liquid_neural_networks::step``.
Both call the same two functions below.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple, Optional

import torch
from torch import Tensor, library

from ..errors import OptionError
from ._memory import NO_GRADIENTS, NO_MEMORY, Remembering, RememberingGradients

kernel: Optional[ModuleType]
"""The C extension, or None where it could not be built."""
try:
    kernel = import_module("._step", __package__)
except ImportError as error:
    kernel, MISSING = None, str(error)
else:
    MISSING = ""

SETS: dict[str, int] = {} if kernel is None else kernel.instruction_sets()
"""Instruction sets of this machine, best first, and the number of each one's kernel for float32."""

in_use = next(iter(SETS), "")

SOLVERS = ("fused", "euler", "exponential")
DYNAMICS = ("conductance", "dense")
ACTIVATIONS = ("sigmoid", "tanh")


def built() -> ModuleType:
    assert kernel is not None
    return kernel


def kernel_for(dtype: torch.dtype) -> int:
    """The number of the kernel in use. What one kernel keeps only that one can read, so a way back
    takes the number its way forth had."""
    return SETS[in_use] + _TYPES[dtype]


_TYPES = {torch.float32: 0, torch.float64: 1}


class Method(NamedTuple):
    """What is computed, as the numbers the kernel knows; see ``src/kernel.h``.

    ``lower_bounds``, one a parameter, are what the kernel clips parameters to, as ``torch.clamp``
    would; empty where they are clipped already.
    """

    dynamics: int
    solver: int
    activation: int
    unfolds: int
    units: int
    kernel: int
    lower_bounds: tuple[float, ...] = ()

    def graph_numbers(self) -> list[int]:
        """Without what depends on the machine."""
        return list(self[:5])


class Synapses(NamedTuple):
    """Index lists (int64), sorted by post, then pre."""

    pre: Tensor
    post: Tensor
    sensory_pre: Tensor
    sensory_post: Tensor


class Sequence(NamedTuple):
    """What runs through the network. For dense dynamics ``inputs`` are pre-activations (B, T, N).

    Shapes: inputs (B, T, I), mask (B, T, I), elapsed_time (B, T) or None for 1, time_constants
    (B, T, N), state (B, N) or None for zeros.
    """

    inputs: Tensor
    mask: Optional[Tensor]
    elapsed_time: Optional[Tensor]
    time_constants: Optional[Tensor]
    state: Optional[Tensor]


# Lists rather than generators below: on a short sequence these lines cost as much as the step.


def _contiguous(tensors: tuple[Optional[Tensor], ...]) -> list[Optional[Tensor]]:
    return [None if each is None else each.contiguous() for each in tensors]


def _addresses(tensors: list[Optional[Tensor]]) -> tuple[int, ...]:
    return tuple([0 if each is None else each.data_ptr() for each in tensors])


def whole_chunks(batch: int, kernel: int) -> int:
    """The number of batch rows, up to whole chunks: what a kernel keeps for itself has them."""
    width: int = built().closed_form_width(kernel)
    return -(-batch // width) * width


def _sizes(method: Method, sequence: Sequence, synapses: Synapses) -> tuple[int, ...]:
    recurrent, sensory = synapses.pre.shape[0], synapses.sensory_pre.shape[0]
    shape = sequence.inputs.shape
    return (*method[:4], *shape, method.units, recurrent, sensory, method.kernel)


def forward(
    method: Method,
    sequence: Sequence,
    synapses: Synapses,
    parameters: tuple[Tensor, ...],
    remembering: Remembering = NO_MEMORY,
    way_back: bool = False,
) -> tuple[Tensor, Remembering]:
    """(B, T, N) states after every time step, and what the memory wrote."""
    batch, steps, _ = sequence.inputs.shape
    states = sequence.inputs.new_empty(batch, steps, method.units)
    if remembering.gates is not None:
        rows = whole_chunks(batch, method.kernel) if way_back else None
        remembering = remembering.begin(states, rows)
    kept = _contiguous((*sequence, states, *synapses, *remembering, *parameters))
    built().forward(
        _sizes(method, sequence, synapses),
        _addresses(kept),
        method.lower_bounds,
        torch.get_num_threads(),
    )
    return states, remembering


def backward(
    grad_states: Tensor,
    states: Tensor,
    method: Method,
    sequence: Sequence,
    synapses: Synapses,
    parameters: tuple[Tensor, ...],
    remembering: Remembering = NO_MEMORY,
    gradients: RememberingGradients = NO_GRADIENTS,
) -> list[Optional[Tensor]]:
    """Gradients of inputs, elapsed_time, time_constants, state and of every parameter."""
    kept = _contiguous((*sequence, states, *synapses, *remembering, *parameters))
    grad_states = grad_states.contiguous()
    wanted = (kept[0], *kept[2:5], *kept[-len(parameters) :])
    grads = [None if each is None else torch.empty_like(each) for each in wanted]
    given, *of_memory = gradients
    built().backward(
        _sizes(method, sequence, synapses),
        _addresses(kept),
        method.lower_bounds,
        _addresses([grad_states, given, *grads[:4], *of_memory, *grads[4:]]),
        torch.get_num_threads(),
    )
    return grads


class Step(torch.autograd.Function):
    """The eager path: states and, with a memory, memories."""

    @staticmethod
    def forward(
        ctx: Any,
        method: Method,
        inputs: Tensor,
        mask: Optional[Tensor],
        elapsed_time: Optional[Tensor],
        time_constants: Optional[Tensor],
        state: Optional[Tensor],
        synapses: Synapses,
        gates: Optional[Tensor],
        recurrent: Optional[Tensor],
        memory: Optional[Tensor],
        *parameters: Tensor,
    ) -> tuple[Tensor, Optional[Tensor]]:
        sequence = Sequence(inputs, mask, elapsed_time, time_constants, state)
        states, remembering = forward(
            method, sequence, synapses, parameters, Remembering(gates, recurrent, memory), True
        )
        ctx.method, ctx.synapses = method, synapses
        ctx.save_for_backward(states, *sequence, *remembering, *parameters)
        return states, remembering.memories

    @staticmethod
    def backward(
        ctx: Any, grad_states: Tensor, grad_memories: Optional[Tensor]
    ) -> tuple[Optional[Tensor], ...]:
        refuse_second_derivatives()
        saved = ctx.saved_tensors
        states, sequence, parameters = saved[0], Sequence(*saved[1:6]), saved[12:]
        remembering = Remembering(*saved[6:12])
        gradients = RememberingGradients.begin(remembering, grad_memories)
        inputs, *grads = backward(
            grad_states, states, ctx.method, sequence, ctx.synapses, parameters,
            remembering, gradients,
        )  # fmt: skip
        of_cell = gradients.of_cell(sequence.state, states)
        return (None, inputs, None, *grads[:3], None, *of_cell, *grads[3:])


def refuse_second_derivatives() -> None:
    """Called on the way back, which is recorded only where its own derivative is wanted."""
    if torch.is_grad_enabled():
        raise OptionError(
            "the fused step has no second derivatives; run the network inside "
            "liquid_neural_networks.fused.disabled() to get them from the reference path",
            "create_graph",
        )


def transforming() -> bool:
    """Whether a torch.func transform is at work, whose tensors have no memory of their own."""
    if torch.compiler.is_compiling():
        return False
    return torch._C._functorch.peek_interpreter_stack() is not None


def lowest(tensor: Tensor) -> float:
    """The smallest number in a tensor, NaN if any is NaN or infinite.

    One pass in compiled code where it can be: this runs on every call, and on a short sequence
    torch's three operators would cost as much as the step itself.
    """
    compiled = kernel is not None and tensor.device.type == "cpu" and tensor.is_contiguous()
    if compiled and tensor.dtype in (torch.float32, torch.float64):
        double = int(tensor.dtype == torch.float64)
        return float(built().lowest(tensor.data_ptr(), tensor.numel(), double))
    if not bool(torch.isfinite(tensor).all()):
        return float("nan")
    return float(tensor.detach().min())


# -- the operator, for graphs --------------------------------------------------------------------

_ARGUMENTS = (
    "Tensor inputs, Tensor? mask, Tensor elapsed_time, Tensor? time_constants, Tensor state, "
    "Tensor[] synapses, Tensor[] parameters, int[] method"
)
_library = library.Library("liquid_neural_networks", "DEF")
_library.define(f"step({_ARGUMENTS}) -> Tensor")
_library.define(f"step_backward(Tensor grad_states, Tensor states, {_ARGUMENTS}) -> Tensor[]")


def _as_method(numbers: list[int], like: Tensor) -> Method:
    dynamics, solver, activation, unfolds, units = numbers
    return Method(dynamics, solver, activation, unfolds, units, kernel_for(like.dtype))


def _step_cpu(
    inputs: Tensor,
    mask: Optional[Tensor],
    elapsed_time: Tensor,
    time_constants: Optional[Tensor],
    state: Tensor,
    synapses: list[Tensor],
    parameters: list[Tensor],
    method: list[int],
) -> Tensor:
    sequence = Sequence(inputs, mask, elapsed_time, time_constants, state)
    return forward(_as_method(method, inputs), sequence, Synapses(*synapses), tuple(parameters))[0]


def _step_backward_cpu(
    grad_states: Tensor,
    states: Tensor,
    inputs: Tensor,
    mask: Optional[Tensor],
    elapsed_time: Tensor,
    time_constants: Optional[Tensor],
    state: Tensor,
    synapses: list[Tensor],
    parameters: list[Tensor],
    method: list[int],
) -> list[Tensor]:
    sequence = Sequence(inputs, mask, elapsed_time, time_constants, state)
    grads = backward(
        grad_states,
        states,
        _as_method(method, inputs),
        sequence,
        Synapses(*synapses),
        tuple(parameters),
    )
    return [each for each in grads if each is not None]


def _step_fake(
    inputs: Tensor, mask: Any, elapsed_time: Any, given: Any, state: Tensor, *_: Any
) -> Tensor:
    return state.new_empty(inputs.shape[0], inputs.shape[1], state.shape[1])


def _step_backward_fake(
    grad_states: Tensor,
    states: Tensor,
    inputs: Tensor,
    mask: Any,
    elapsed_time: Tensor,
    time_constants: Optional[Tensor],
    state: Tensor,
    synapses: list[Tensor],
    parameters: list[Tensor],
    method: list[int],
) -> list[Tensor]:
    wanted = (inputs, elapsed_time, time_constants, state, *parameters)
    return [each.new_empty(each.shape) for each in wanted if each is not None]


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *sequence, synapses, parameters, method = inputs
    ctx.method = method
    ctx.save_for_backward(output, *sequence, *synapses, *parameters)


def _step_autograd(ctx: Any, grad_states: Tensor) -> tuple[Any, ...]:
    states, *rest = ctx.saved_tensors
    sequence, synapses, parameters = rest[:5], rest[5:9], rest[9:]
    grads = torch.ops.liquid_neural_networks.step_backward(
        grad_states, states, *sequence, synapses, parameters, ctx.method
    )
    grads = list(grads)
    inputs, elapsed = grads.pop(0), grads.pop(0)
    given = None if sequence[3] is None else grads.pop(0)
    state = grads.pop(0)
    return inputs, None, elapsed, given, state, [None] * 4, grads, None


_library.impl("step", _step_cpu, "CPU")
_library.impl("step_backward", _step_backward_cpu, "CPU")
library.register_fake("liquid_neural_networks::step", _step_fake, lib=_library)
library.register_fake("liquid_neural_networks::step_backward", _step_backward_fake, lib=_library)
library.register_autograd(
    "liquid_neural_networks::step", _step_autograd, setup_context=_setup_context, lib=_library
)


def _spelt_out(sequence: Sequence, units: int) -> Sequence:
    """With what was left to its default; an operator's gradients are all there or none."""
    batch, steps, _ = sequence.inputs.shape
    elapsed, state = sequence.elapsed_time, sequence.state
    return sequence._replace(
        elapsed_time=sequence.inputs.new_ones(batch, steps) if elapsed is None else elapsed,
        state=sequence.inputs.new_zeros(batch, units) if state is None else state,
    )


def run(
    method: Method,
    sequence: Sequence,
    synapses: Synapses,
    parameters: tuple[Tensor, ...],
    cell: Remembering = NO_MEMORY,
) -> tuple[Tensor, Optional[Tensor]]:
    """(B, T, N) states after every time step, and memories with a cell; differentiable once."""
    if torch.compiler.is_compiling():
        sequence = _spelt_out(sequence, method.units)
        states: Tensor = torch.ops.liquid_neural_networks.step(
            *sequence, list(synapses), list(parameters), method.graph_numbers()
        )
        return states, None
    if not torch.is_grad_enabled():
        states, remembering = forward(method, sequence, synapses, parameters, cell)
        return states, remembering.memories
    both: tuple[Tensor, Optional[Tensor]] = Step.apply(
        method, *sequence, synapses, *cell[:3], *parameters
    )
    return both
