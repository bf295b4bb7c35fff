"""A population of ordinary differential equations through time on a GPU, as one operator.

Kernels of conductance and of dense dynamics take the same arguments but for their parameters.
Gradients of parameters leave a kernel as a share of each program, which torch adds up.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple, Optional

import torch
from torch import Tensor

from .._modes import run_while_compiling
from .._sequences import Sequences
from ..dynamics import ConductanceDynamics, DenseDynamics, Dynamics
from ..memory import MemoryCell
from ..solvers import Method
from . import _conductance_kernels, _dense_kernels, _layout, _sensory
from ._launch import launch
from ._operator import Operator, Options, Tensors

SOLVERS = ("fused", "euler", "exponential")
ACTIVATIONS = ("sigmoid", "tanh")
SENDERS = 8
"""Whose weights to the gates of a memory are loaded at a time."""
MOST_KEPT = 2**26
"""Numbers of float32 that a backward launch keeps for the gradients of synapses, unless a single
sample needs more."""


class Equation(NamedTuple):
    """What the kernels of one dynamics have of their own.

    Attributes:
        kernels: a module with ``arrange``, ``forward`` and ``backward``.
        parameters: their names, those of synapses first, in the order of their gradients.
        arranged: how many numbers a place ``arrange`` writes.
        kept: how many numbers a neuron backward keeps of each unfold.
        bounds: the least values of some parameters, by their names in capitals.
    """

    kernels: Any
    parameters: tuple[str, ...]
    arranged: int
    kept: int
    bounds: dict[str, float]


def _bounds(dynamics: type[Dynamics]) -> dict[str, float]:
    bounds = dynamics.lower_bounds.items()
    return {f"LEAST_{name.upper()}": lower for name, lower in bounds}


EQUATIONS = {
    "conductance": Equation(
        _conductance_kernels,
        ("w", "sigma", "mu", "E", "c", "g", "vleak"),
        4,
        3,
        _bounds(ConductanceDynamics),
    ),
    "dense": Equation(_dense_kernels, ("W_rec", "tau", "A"), 1, 2, _bounds(DenseDynamics)),
}
_NAMES = tuple(EQUATIONS)


class Form(NamedTuple):
    """What is computed, as an operator's options.

    Attributes:
        equation, solver, activation: places in the tuples above.
        unfolds, units: U and N.
        length, lists, most: K and L of the lists by receiver, and how many a receiver has at most.
        sender_length, sender_lists, sender_most: likewise by sender.
        clipped: 1 if parameters are as stored under the constraint ``clip``, else 0.
    """

    equation: int
    solver: int
    activation: int
    unfolds: int
    units: int
    length: int
    lists: int
    most: int
    sender_length: int
    sender_lists: int
    sender_most: int
    clipped: int


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
    """Recurrent synapses as the kernels read them, by the names these have for them.

    Attributes:
        every_entry: the entries of the lists by receiver, then those by sender.
        entries, first, counts: of the lists by receiver; see ``Lists``.
        entries_by_sender, owner, first_by_sender, counts_by_sender: of the lists by sender.
        senders, receivers: (E,) of each synapse, in the order of the wiring.
    """

    every_entry: Tensor
    entries: Tensor
    first: Tensor
    counts: Tensor
    entries_by_sender: Tensor
    owner: Tensor
    first_by_sender: Tensor
    counts_by_sender: Tensor
    senders: Tensor
    receivers: Tensor


class Arrangement(NamedTuple):
    """A population's synapses, and the most lists that a receiver and a sender have."""

    synapses: Synapses
    most: int
    sender_most: int


def arrangement(dynamics: Dynamics) -> Arrangement:
    """On the device of the population; made when first asked for."""
    _arrange(dynamics)
    found: Arrangement = dynamics.derived.gpu_recurrence
    return found


@run_while_compiling
def _arrange(dynamics: Dynamics) -> bool:
    device, there = dynamics.like.device, dynamics.derived.gpu_recurrence
    if there is None or there.synapses.entries.device != device:
        pre, post = dynamics.index_lists["pre"], dynamics.index_lists["post"]
        receiving, most = _layout.balanced(post, pre, dynamics.units)
        sending, sender_most = _layout.balanced(pre, post, dynamics.units)
        every_entry = torch.cat([receiving.entries.flatten(), sending.entries.flatten()]).to(device)
        by_receiver, by_sender = every_entry.split([receiving.places, sending.places])
        synapses = Synapses(
            every_entry,
            by_receiver.view(receiving.entries.shape),
            receiving.first.to(device),
            receiving.counts.to(device),
            by_sender.view(sending.entries.shape),
            sending.owner.to(device),
            sending.first.to(device),
            sending.counts.to(device),
            torch.tensor(pre, dtype=torch.int32, device=device),
            torch.tensor(post, dtype=torch.int32, device=device),
        )
        dynamics.derived.gpu_recurrence = Arrangement(synapses, most, sender_most)
    return True


def why_not(dynamics: Dynamics, method: Method) -> str:
    """Why the kernels cannot compute these dynamics; empty if they can."""
    if method.solver not in SOLVERS:
        return f"the {method.solver} solver has no GPU kernel"
    if max(dynamics.units, dynamics.input_size) > _layout.MOST_NEURONS:
        return f"kernels take up to {_layout.MOST_NEURONS} neurons and inputs"
    synapses = arrangement(dynamics).synapses
    if max(synapses.entries.numel(), synapses.entries_by_sender.numel()) > _layout.MOST_PLACES:
        return f"{len(dynamics.index_lists['pre'])} synapses do not fit a GPU kernel"
    return ""


def parameters(dynamics: Dynamics) -> tuple[dict[str, Tensor], bool]:
    """By name, and whether the kernels bound them: for a parameter that is clipped, torch would
    launch a kernel forward and three backward."""
    clipped = dynamics.constraint == "clip" and dynamics.storage.equations is type(dynamics)
    return (dynamics.stored() if clipped else dynamics.values()), clipped


def integrate(
    dynamics: Dynamics,
    method: Method,
    activation: str,
    inputs: Tensor,
    parameters: dict[str, Tensor],
    clipped: bool,
    sequences: Sequences,
    state: Optional[Tensor],
    memory: Optional[MemoryCell],
) -> Tensor:
    """(B, T, N) states, or (B, T, 2 N), given what the inputs contribute; see ``Call``."""
    synapses, most, sender_most = arrangement(dynamics)
    length, lists = synapses.entries.shape
    sender_length, sender_lists = synapses.entries_by_sender.shape
    form = Form(
        _NAMES.index(dynamics.name),
        SOLVERS.index(str(method.solver)),
        ACTIVATIONS.index(activation),
        int(method.unfolds or 1),
        dynamics.units,
        length,
        lists,
        most,
        sender_length,
        sender_lists,
        sender_most,
        int(clipped),
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
    return recurrence(form, [*call, *given, *synapses])


# -- the operator ----------------------------------------------------------------------------------


class Plan(NamedTuple):
    """What follows from a form.

    Attributes:
        equation: see there.
        names: of the operator's tensors.
        constants: what kernels are compiled for, by the names they have for it.
        rows: batch rows of a program: more than one where a warp has lanes left.
        warps, backward_warps: of a program.
        apart: whether the gradients of synapses are a kernel of their own.
        places: of the lists by receiver.
    """

    equation: Equation
    names: tuple[str, ...]
    constants: dict[str, Any]
    rows: int
    warps: int
    backward_warps: int
    apart: bool
    places: int

    def read(self, tensors: Tensors) -> dict[str, Any]:
        """The operator's tensors by name, those of the caller without gaps in memory."""
        dense = len(Call._fields) + len(self.equation.parameters)
        caller = [None if each is None else each.contiguous() for each in tensors[:dense]]
        return dict(zip(self.names, (*caller, *tensors[dense:])))


def _plan(options: Options, tensors: Tensors) -> Plan:
    memory = tensors[Call._fields.index("terms")] is not None
    return _plan_of(Form(*options), memory)


@cache
def _plan_of(form: Form, memory: bool) -> Plan:
    equation = EQUATIONS[_NAMES[form.equation]]
    neurons = _layout.tile(form.units)
    widest = max(neurons, form.lists, form.sender_lists)
    shuffle = widest <= _layout.MOST_SHUFFLED
    places, sender_places = form.length * form.lists, form.sender_length * form.sender_lists
    regular = _layout.is_regular(form.units, form.length, form.most)
    sender_regular = _layout.is_regular(form.units, form.sender_length, form.sender_most)
    rows = max(32 // widest, 1)
    apart = not shuffle and _NAMES[form.equation] == "conductance"
    most, sender_most = form.most, form.sender_most
    if not shuffle:
        most, sender_most = _layout.power_of_2(most), _layout.power_of_2(sender_most)
    constants = {
        "SOLVER": SOLVERS[form.solver],
        "ACTIVATION": ACTIVATIONS[form.activation],
        "ROWS": rows,
        "NEURONS": neurons,
        "LENGTH": form.length,
        "LISTS": form.lists,
        "MOST": most,
        "REGULAR": regular,
        "SENDER_LENGTH": form.sender_length,
        "SENDER_LISTS": form.sender_lists,
        "SENDER_MOST": sender_most,
        "SENDER_REGULAR": sender_regular,
        "SENDERS": SENDERS,
        "SHUFFLE": shuffle,
        "APART": apart,
        **{name: lower if form.clipped else None for name, lower in equation.bounds.items()},
    }
    return Plan(
        equation,
        (*Call._fields, *equation.parameters, *Synapses._fields),
        constants,
        rows,
        _layout.warps(places),
        _layout.backward_warps(
            max(places, sender_places), neurons, regular and sender_regular, memory
        ),
        apart,
        places,
    )


def _forward(options: Options, tensors: Tensors) -> Tensor:
    form, plan = Form(*options), _plan(options, tensors)
    arguments = plan.read(tensors)
    inputs: Tensor = arguments["inputs"]
    states = inputs.new_empty(_shape(options, tensors))
    programs = -(-len(inputs) // plan.rows)
    arguments |= _made(form, plan, arguments)
    arguments["states"] = states
    launch(plan.equation.kernels.forward, (programs,), plan.warps, arguments)
    return states


def _backward(options: Options, grad: Tensor, states: Tensor, tensors: Tensors) -> Tensors:
    form, plan = Form(*options), _plan(options, tensors)
    arguments = plan.read(tensors)
    call = Call(*tensors[: len(Call._fields)])  # type: ignore[arg-type]
    grads = Call(*(None if each is None else each.new_empty(each.shape) for each in call))  # type: ignore[arg-type]
    arguments |= _made(form, plan, arguments)
    arguments |= {f"grad_{name}": each for name, each in grads._asdict().items()}
    arguments |= {"states": states, "grad_states": grad.contiguous()}
    of_parameters = (_apart if plan.apart else _at_once)(form, plan, arguments)
    if grads.terms is not None:
        grads = grads._replace(weights=_of_weights(grads.terms, call.state, states))
    return [*grads, *of_parameters]


def _programs(plan: Plan, batch: int) -> int:
    """Of a backward launch."""
    return min(-(-batch // plan.rows), max(_layout.PROGRAMS // plan.backward_warps, 1))


def _at_once(form: Form, plan: Plan, arguments: dict[str, Any]) -> Tensors:
    """Gradients of the parameters; one launch writes these and all others."""
    states: Tensor = arguments["states"]
    programs = _programs(plan, len(states))
    sizes = [len(arguments[name]) for name in plan.equation.parameters]
    shares = states.new_empty(programs, sum(sizes))
    kept = (programs, form.unfolds, plan.equation.kept, plan.rows, plan.constants["NEURONS"])
    given = {
        "grad_parameters": shares,
        "kept": states.new_empty(kept),
        "synapses": sizes[0],
        "begin": 0,
        "end": arguments["steps"],
    }
    kernel = plan.equation.kernels.backward
    launch(kernel, (programs,), plan.backward_warps, {**arguments, **given})
    gradients: Tensors = shares.sum(0).split(sizes)
    return gradients


def _apart(form: Form, plan: Plan, arguments: dict[str, Any]) -> Tensors:
    """The same, some samples a launch, each followed by one for the gradients of synapses."""
    states: Tensor = arguments["states"]
    (batch, steps, width), neurons = states.shape, plan.constants["NEURONS"]
    programs, synapses = _programs(plan, batch), len(arguments["senders"])
    sample = batch * form.unfolds * 3 * neurons
    length = min(max(MOST_KEPT // sample, 1), steps)
    kept = states.new_empty(length * sample // (3 * neurons), 3, neurons)
    shares = states.new_empty(-(-steps // length), programs, 3, form.units)
    of_synapses = states.new_zeros(4, synapses)
    if arguments["grad_state"] is None:
        arguments["grad_state"] = states.new_empty(batch, width)
    for part, end in enumerate(range(steps, 0, -length)):
        begin = max(end - length, 0)
        given = {
            "grad_parameters": shares[part],
            "kept": kept,
            "synapses": synapses,
            "begin": begin,
            "end": end,
        }
        kernel = plan.equation.kernels.backward
        launch(kernel, (programs,), plan.backward_warps, {**arguments, **given})
        rows = {
            "inputs": kept,
            "grad_sums": kept[:, 1],
            "mask": None,
            "rows": batch * (end - begin) * form.unfolds,
            "units": neurons,
            "input_stride": 3 * neurons,
            "sums_stride": 3 * neurons,
        }
        of_synapses += _sensory.of_parameters({**arguments, **given, **rows})
    return [*of_synapses, *shares.sum((0, 1))]


def _made(form: Form, plan: Plan, arguments: dict[str, Any]) -> dict[str, Any]:
    """What forward and backward both need beside what the operator is given."""
    inputs: Tensor = arguments["inputs"]
    weights, recurrent = arguments["weights"], None
    if weights is not None:
        weights = _layout.gates(weights, plan.constants["NEURONS"])
        recurrent = weights.transpose(1, 2).contiguous()
    return {
        **plan.constants,
        **_arranged(plan, arguments),
        "weights": weights,
        "recurrent": recurrent,
        "batch": inputs.shape[0],
        "steps": inputs.shape[1],
        "unfolds": form.unfolds,
        "units": form.units,
    }


def _arranged(plan: Plan, arguments: dict[str, Any]) -> dict[str, Tensor]:
    """The synapses' parameters in the order of the lists."""
    entries: Tensor = arguments["every_entry"]
    count, block = len(entries), 128
    arranged = arguments["inputs"].new_empty(plan.equation.arranged * count)
    given = {"arranged": arranged, "entries": entries, "receiving": plan.places, "places": count}
    given |= {"BLOCK": block}
    kernel = plan.equation.kernels.arrange
    launch(kernel, (-(-count // block),), 4, {**plan.constants, **arguments, **given})
    by_sender = arranged[plan.equation.arranged * plan.places :]
    return {"arranged": arranged, "arranged_by_sender": by_sender}


def _of_weights(grad_terms: Tensor, state: Optional[Tensor], states: Tensor) -> Tensor:
    """(4 N, N) the gradient of a memory's weights of the neurons, from those of its gates."""
    units = grad_terms.shape[-1] // 4
    first = torch.zeros_like(states[:, 0]) if state is None else state
    before = torch.cat([first.unsqueeze(1), states[:, :-1]], 1)[..., :units]
    return grad_terms.flatten(0, 1).t() @ before.flatten(0, 1)


def _shape(options: Options, tensors: Tensors) -> list[int]:
    call = Call(*tensors[: len(Call._fields)])  # type: ignore[arg-type]
    batch, steps = call.inputs.shape[:2]
    return [batch, steps, Form(*options).units * (1 if call.terms is None else 2)]


def _differentiable(options: Options) -> int:
    return len(Call._fields) + len(EQUATIONS[_NAMES[Form(*options).equation]].parameters)


recurrence = Operator("gpu_recurrence", _shape, _forward, _backward, _differentiable)
