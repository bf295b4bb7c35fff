"""A population of ordinary differential equations through time on a GPU, as one operator.

Kernels of conductance and of dense dynamics take the same arguments but for their parameters.
Gradients of parameters leave a kernel as a share of each program, which torch adds up.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional
from weakref import WeakKeyDictionary

import torch
import triton
from torch import Tensor

from .._sequences import Sequences
from ..dynamics import Dynamics
from ..memory import MemoryCell
from ..solvers import Method
from . import _conductance_kernels, _dense_kernels, _layout
from ._layout import Lists
from ._operator import Operator, Options, Tensors

SOLVERS = ("fused", "euler", "exponential")
ACTIVATIONS = ("sigmoid", "tanh")
COMPILED = {"num_stages": 1, "enable_fp_fusion": True}
"""How every kernel is compiled: nothing copied ahead, multiplications and additions fused."""


class Equation(NamedTuple):
    """What the kernels of one dynamics have of their own.

    Attributes:
        kernels: a module with ``arrange``, ``forward`` and ``backward``.
        parameters: their names, those of synapses first, in the order of their gradients.
        arranged: how many numbers a place ``arrange`` writes.
        kept: how many numbers a neuron backward keeps of each unfold.
    """

    kernels: Any
    parameters: tuple[str, ...]
    arranged: int
    kept: int


EQUATIONS = {
    "conductance": Equation(
        _conductance_kernels, ("w", "sigma", "mu", "E", "c", "g", "vleak"), 4, 3
    ),
    "dense": Equation(_dense_kernels, ("W_rec", "tau", "A"), 1, 2),
}
_NAMES = tuple(EQUATIONS)


class Form(NamedTuple):
    """What is computed, as an operator's options.

    Attributes:
        equation, solver, activation: places in the tuples above.
        unfolds: U.
        length, most: the length of lists by receiver, and how many a receiver has at most.
        sender_length, sender_most: likewise by sender.
    """

    equation: int
    solver: int
    activation: int
    unfolds: int
    length: int
    most: int
    sender_length: int
    sender_most: int


class Call(NamedTuple):
    """What goes through time, tensors of float32.

    Attributes:
        inputs: what the inputs contribute, (B, T, 2, N) to rate and drive, or (B, T, N).
        elapsed_time: (B, T), or None for 1.
        time_constants: (B, T, N), or None for the learned ones.
        state: (B, N), or (B, 2 N) with a memory, or None for zeros.
        terms: what the inputs contribute to the gates of a memory, (B, T, 4 N), or None.
        weights: a memory's weights of the neurons, (4 N, N), or None.
    """

    inputs: Tensor
    elapsed_time: Optional[Tensor]
    time_constants: Optional[Tensor]
    state: Optional[Tensor]
    terms: Optional[Tensor]
    weights: Optional[Tensor]


class Synapses(NamedTuple):
    """Recurrent synapses as the kernels read them.

    Attributes:
        entries: of lists by receiver, then of lists by sender, one after the other.
        receiving, sending: those lists; their entries are views.
        most: how many lists a receiver and a sender have at most.
    """

    entries: Tensor
    receiving: Lists
    sending: Lists
    most: tuple[int, int] = (1, 1)

    @staticmethod
    def of(
        entries: Tensor, receiving: list[Tensor], sending: list[Tensor], lengths: tuple[int, int]
    ) -> Synapses:
        """From what lists of these lengths have beside their entries: owner, first and counts."""
        places = lengths[0] * len(receiving[0])
        first, second = entries[:places], entries[places:]
        return Synapses(
            entries,
            Lists(first.view(lengths[0], -1), *receiving),
            Lists(second.view(lengths[1], -1), *sending),
        )


_synapses: WeakKeyDictionary[Dynamics, Synapses] = WeakKeyDictionary()


def synapses_of(dynamics: Dynamics) -> Synapses:
    """On the device of the population; made when first asked for."""
    _arrange(dynamics)
    return _synapses[dynamics]


# Python runs it where torch.compile traces its caller.
@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _arrange(dynamics: Dynamics) -> bool:
    device = dynamics.like.device
    if dynamics not in _synapses or _synapses[dynamics].receiving.entries.device != device:
        pre, post = dynamics.index_lists["pre"], dynamics.index_lists["post"]
        receiving, most = _layout.balanced(post, pre, dynamics.units)
        sending, sender_most = _layout.balanced(pre, post, dynamics.units)
        entries = torch.cat([receiving.entries.flatten(), sending.entries.flatten()])
        _synapses[dynamics] = Synapses.of(
            entries.to(device),
            [each.to(device) for each in receiving[1:]],
            [each.to(device) for each in sending[1:]],
            (len(receiving.entries), len(sending.entries)),
        )._replace(most=(most, sender_most))
    return True


def why_not(dynamics: Dynamics, method: Method) -> str:
    """Why the kernels cannot compute these dynamics; empty if they can."""
    if method.solver not in SOLVERS:
        return f"the {method.solver} solver has no GPU kernel"
    if max(dynamics.units, dynamics.input_size) > _layout.MOST_NEURONS:
        return f"kernels take up to {_layout.MOST_NEURONS} neurons and inputs"
    synapses = synapses_of(dynamics)
    if max(synapses.receiving.places, synapses.sending.places) > _layout.MOST_PLACES:
        return f"{len(dynamics.index_lists['pre'])} synapses do not fit a GPU kernel"
    return ""


def integrate(
    dynamics: Dynamics,
    method: Method,
    activation: str,
    inputs: Tensor,
    parameters: dict[str, Tensor],
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> Tensor:
    """(B, T, N) states, or (B, T, 2 N), given what the inputs contribute; see ``Call``."""
    synapses = synapses_of(dynamics)
    form = Form(
        _NAMES.index(dynamics.name),
        SOLVERS.index(str(method.solver)),
        ACTIVATIONS.index(activation),
        int(method.unfolds or 1),
        len(synapses.receiving.entries),
        synapses.most[0],
        len(synapses.sending.entries),
        synapses.most[1],
    )
    call = Call(
        inputs,
        sequences.elapsed_time,
        sequences.time_constants,
        state,
        None if memory is None else memory.input_terms(sequences.inputs),
        None if memory is None else memory.W_rec,
    )
    given = [parameters[name] for name in EQUATIONS[dynamics.name].parameters]
    lists = [synapses.entries, *synapses.receiving[1:], *synapses.sending[1:]]
    return recurrence(form, [*call, *given, *lists])


# -- the operator ----------------------------------------------------------------------------------


class Given(NamedTuple):
    """The options and tensors of the operator by name."""

    form: Form
    equation: Equation
    call: Call
    parameters: dict[str, Tensor]
    synapses: Synapses

    @staticmethod
    def read(options: Options, tensors: Tensors) -> Given:
        form = Form(*options)
        equation = EQUATIONS[_NAMES[form.equation]]
        names = equation.parameters
        call, parameters = Call(*tensors[:6]), tensors[6 : 6 + len(names)]  # type: ignore[arg-type]
        entries, *lists = tensors[6 + len(names) :]
        lengths = (form.length, form.sender_length)
        synapses = Synapses.of(entries, lists[:3], lists[3:], lengths)  # type: ignore[arg-type]
        return Given(form, equation, call, dict(zip(names, parameters)), synapses)  # type: ignore[arg-type]

    @property
    def receiving(self) -> Lists:
        return self.synapses.receiving

    @property
    def sending(self) -> Lists:
        return self.synapses.sending

    @property
    def sizes(self) -> tuple[int, int, int]:
        """B, T and N."""
        shape = self.call.inputs.shape
        return shape[0], shape[1], shape[-1]

    @property
    def width(self) -> int:
        """Numbers of a state."""
        return self.sizes[2] * (1 if self.call.terms is None else 2)

    @property
    def rows(self) -> int:
        """Batch rows of a program: more than one where a warp has lanes left."""
        return max(32 // self.widest, 1)

    @property
    def neurons(self) -> int:
        """Neurons of a tile."""
        return self.receiving.first.shape[0]

    @property
    def widest(self) -> int:
        """The most that a gather takes from."""
        return max(self.neurons, len(self.receiving.owner), len(self.sending.owner))

    def constants(self) -> dict[str, Any]:
        """What a kernel is compiled for."""
        form, units = self.form, self.sizes[2]
        return {
            "SOLVER": SOLVERS[form.solver],
            "ACTIVATION": ACTIVATIONS[form.activation],
            "ROWS": self.rows,
            "NEURONS": self.neurons,
            "LENGTH": form.length,
            "LISTS": len(self.receiving.owner),
            "MOST": form.most,
            "REGULAR": _layout.is_regular(units, form.length, form.most),
            "SENDER_LENGTH": form.sender_length,
            "SENDER_LISTS": len(self.sending.owner),
            "SENDER_MOST": form.sender_most,
            "SENDER_REGULAR": _layout.is_regular(units, form.sender_length, form.sender_most),
            "SENDERS": 8,
            "SHUFFLE": self.widest <= _layout.MOST_SHUFFLED,
        }

    def arguments(self, programs: int) -> dict[str, Any]:
        """What forward and backward both read, by name."""
        batch, steps, units = self.sizes
        numbers = 0 if self.widest <= _layout.MOST_SHUFFLED else programs * self.rows * self.widest
        return {
            **dense({**self.call._asdict(), **self.parameters}),
            **self.arranged(),
            **self.gates(),
            "entries": self.receiving.entries,
            "first": self.receiving.first,
            "count": self.receiving.counts,
            "entries_by_sender": self.sending.entries,
            "owner": self.sending.owner,
            "first_by_sender": self.sending.first,
            "count_by_sender": self.sending.counts,
            "scratch": self.call.inputs.new_empty(numbers),
            "batch": batch,
            "steps": steps,
            "unfolds": self.form.unfolds,
            "units": units,
        }

    def gates(self) -> dict[str, Optional[Tensor]]:
        """The weights of a memory as its kernels read them."""
        if self.call.weights is None:
            return {"weights": None, "recurrent": None}
        weights = _layout.gates(self.call.weights, self.neurons)
        return {"weights": weights, "recurrent": weights.transpose(1, 2).contiguous()}

    def arranged(self) -> dict[str, Any]:
        """The synapses' parameters in the order of the lists."""
        entries, receiving = self.synapses.entries, self.receiving.places
        arranged = self.call.inputs.new_empty(self.equation.arranged * len(entries))
        launch(
            self.equation.kernels.arrange,
            (triton.cdiv(len(entries), 128),),
            4,
            entries,
            arranged=arranged,
            entries=entries,
            receiving=receiving,
            places=len(entries),
            BLOCK=128,
            **dense(dict(self.parameters)),
        )
        of_receivers = self.equation.arranged * receiving
        return {"arranged": arranged, "arranged_by_sender": arranged[of_receivers:]}


def dense(tensors: dict[str, Optional[Tensor]]) -> dict[str, Optional[Tensor]]:
    """The same without gaps in memory."""
    return {name: None if each is None else each.contiguous() for name, each in tensors.items()}


def launch(kernel: Any, grid: tuple[int, ...], warps: int, like: Tensor, **arguments: Any) -> None:
    """Runs a kernel on the device of a tensor, giving it the arguments that it has."""
    given = {name: arguments[name] for name in kernel.arg_names}
    with torch.cuda.device_of(like):
        kernel[grid](**given, num_warps=warps, **COMPILED)


def _forward(options: Options, tensors: Tensors) -> Tensor:
    given = Given.read(options, tensors)
    inputs = given.call.inputs
    states = inputs.new_empty(_shape(options, tensors))
    programs = triton.cdiv(len(inputs), given.rows)
    launch(
        given.equation.kernels.forward,
        (programs,),
        _layout.warps(given.receiving.places),
        inputs,
        states=states,
        **given.arguments(programs),
        **given.constants(),
    )
    return states


def _backward(options: Options, grad: Tensor, states: Tensor, tensors: Tensors) -> Tensors:
    given = Given.read(options, tensors)
    call, parameters = given.call, given.parameters.values()
    constants = given.constants()
    warps = _layout.backward_warps(
        max(given.receiving.places, given.sending.places),
        given.neurons,
        constants["REGULAR"] and constants["SENDER_REGULAR"],
    )
    programs = min(triton.cdiv(len(call.inputs), given.rows), _layout.PROGRAMS // warps)
    grads = Call(*(None if each is None else each.new_empty(each.shape) for each in call))  # type: ignore[arg-type]
    sizes = [each.shape[0] for each in parameters if each is not None]
    shares = states.new_empty(programs, sum(sizes))
    kept = (programs, given.form.unfolds, given.equation.kept, given.rows, given.neurons)
    launch(
        given.equation.kernels.backward,
        (programs,),
        warps,
        states,
        states=states,
        grad_states=grad.contiguous(),
        **{f"grad_{name}": each for name, each in grads._asdict().items()},
        grad_parameters=shares,
        kept=states.new_empty(kept),
        synapses=sizes[0],
        **given.arguments(programs),
        **constants,
    )
    if grads.terms is not None:
        grads = grads._replace(weights=_of_weights(grads.terms, call.state, states))
    return [*grads, *shares.sum(0).split(sizes)]


def _of_weights(grad_terms: Tensor, state: Optional[Tensor], states: Tensor) -> Tensor:
    """(4 N, N) the gradient of a memory's weights of the neurons, from those of its gates."""
    units = grad_terms.shape[-1] // 4
    first = torch.zeros_like(states[:, 0]) if state is None else state
    before = torch.cat([first.unsqueeze(1), states[:, :-1]], 1)[..., :units]
    return grad_terms.flatten(0, 1).t() @ before.flatten(0, 1)


def _shape(options: Options, tensors: Tensors) -> list[int]:
    given = Given.read(options, tensors)
    return [*given.sizes[:2], given.width]


def _differentiable(options: Options) -> int:
    return len(Call._fields) + len(EQUATIONS[_NAMES[Form(*options).equation]].parameters)


recurrence = Operator("gpu_recurrence", _shape, _forward, _backward, _differentiable)
