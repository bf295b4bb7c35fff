"""What made an output: parts of inputs, synapses and neurons that add up."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields
from typing import Any, Callable, NamedTuple, Optional, Union

import torch
from torch import Tensor

from .._checks import check_count, check_integer, check_positive
from .._inputs import as_reals, check_finite
from .._sequences import Number, Sequences
from ..errors import DtypeError, OptionError, ShapeError
from ..network import LiquidNetwork
from ._flow import Flows, network_flow
from ._quadrature import KRONROD, Integral, Pieces, integrate, uncertainty
from ._subject import Subject, asks, subject_of

Output = Union[int, tuple[int, int], Callable[[Tensor], Tensor]]
"""An output, the first of two minus the second, or a function of outputs (B, O) -> (B,)."""

ROOM = 2**22
"""Numbers of one sample that are worked on at once, over all nodes of the quadrature."""


@dataclass(frozen=True)
class Attribution:
    """What made an output differ from the baseline's. No B where the call was one sequence.

    ``inputs``, and ``synapses`` with ``past_synapses``, each sum to ``output - baseline_output``.
    So do, at every sample t, ``neurons[:, t]``, ``memory[:, t]`` and ``inputs[:, t + 1:]``: what
    the network holds after sample t, and what comes later. (In a network of both directions that
    holds of the last layer's neurons at the sample read out.)

    ``recurrent`` is what each recurrent synapse carries from its sender to its receiver during a
    sample. It is no cut: a path of influence may cross many. What it sums to is, in a network of
    one layer without memory and without ``leaky_wiring``, for every neuron: ``neurons[:, t] =
    neurons[:, t - 1]`` plus what its sensory and recurrent synapses bring at t, minus what
    recurrent synapses take from it.

    All are float64, whatever the network's dtype.

    Attributes:
        inputs: (B, T, I); 0 where an input is missing.
        synapses: (B, T, S), in the order of the wiring's ``sensory_pre`` and ``sensory_post``;
            of a network of both directions first those that run forwards.
        past_synapses: (B, T, I) what inputs do past the synapses of the wiring: through the
            memory cell, and through weights that ``leaky_wiring`` adds.
        neurons: (B, T, N) after each sample; with P populations (B, T, P N).
        memory: (B, T, N) of the memory's cells likewise, or None without a memory.
        recurrent: (B, T, E), in the order of ``pre`` and ``post``, one population after the other.
        output: (B,) what is explained.
        baseline_output: (B,) the same at the baseline.
        error: (B,) by how much the sums are off.
        uncertainty: (B,) by how much the least certain part of ``inputs`` may be off: an estimate,
            driven below a hundred tolerances.
        runs: how often the network was run along the path, over the whole batch.
    """

    inputs: Tensor
    synapses: Tensor
    past_synapses: Tensor
    neurons: Tensor
    memory: Optional[Tensor]
    recurrent: Tensor
    output: Tensor
    baseline_output: Tensor
    error: Tensor
    uncertainty: Tensor
    runs: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data: lists and numbers."""
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        return {n: v.tolist() if isinstance(v, Tensor) else v for n, v in named.items()}


@asks
@torch.no_grad()
def attribute(
    network: LiquidNetwork,
    inputs: Tensor,
    output: Output = 0,
    time_constants: Optional[Number] = None,
    *,
    elapsed_time: Optional[Number] = None,
    mask: Optional[Number] = None,
    state: Optional[Tensor] = None,
    baseline: Optional[Number] = None,
    at: Optional[int] = None,
    tolerance: float = 1e-6,
    most_pieces: int = 2000,
) -> Attribution:
    """Why an output is what it is: which inputs, when, through which synapses and neurons.

    Integrates gradients along the straight line from the baseline to the inputs, on the network's
    own equations, with as many nodes as the tolerance takes. Parts of neurons and synapses are
    taken along the same path, so that all fit together.

    Args:
        network: is left as it is; float32 networks are computed in float64.
        inputs, time_constants, elapsed_time, mask, state: those of :meth:`LiquidNetwork.forward`.
            Initial state, times and mask are the baseline's too.
        output: what is explained: the index of an output (of a classifier: the score of a class),
            a pair (a, b) for output a minus output b, or a function of outputs (B, O) -> (B,).
        baseline: what inputs are compared with: a number, (I,), (T, I) or like ``inputs``.
            Default: 0.
        at: the sample whose output is explained. Default: the last, of ragged sequences each
            one's own last.
        tolerance: by which sums may be off, at most.
        most_pieces: of the path of one sequence, each of 15 runs, before giving up.

    Returns:
        An :class:`Attribution`. Where the tolerance was not reached a ``RuntimeWarning`` says by
        how much, and ``error`` has it for each sequence.

    Raises:
        ShapeError, DtypeError, DomainError, OptionError: naming the argument.

    Source: Sundararajan, Taly, Yan, *Axiomatic Attribution for Deep Networks*, 2017 (inputs);
    Dhamdhere, Sundararajan, Yan, *How Important Is a Neuron?*, 2018 (neurons).

    Example:
        >>> import torch
        >>> from liquid_neural_networks import LiquidNetwork, inspection
        >>> network = LiquidNetwork(2, 8, 1, seed=0)
        >>> found = inspection.attribute(network, torch.ones(1, 20, 2))
        >>> found.inputs.shape
        torch.Size([1, 20, 2])
        >>> bool((found.inputs.sum() - (found.output - found.baseline_output)).abs() < 1e-6)
        True
    """
    check_positive("tolerance", tolerance)
    check_count("most_pieces", most_pieces)
    if network.config()["solver"] == "adaptive":
        raise OptionError(
            "adaptive steps are chosen for a whole batch, so outputs have no exact parts; use the "
            'same parameters with solver="rk4"',
            "solver",
        )
    subject = subject_of(network, inputs, time_constants, elapsed_time, mask, state)
    start = baseline_of(baseline, subject)
    asking = question(subject, network, output, at)
    path = _Path(subject, start, asking)
    batch = len(start)
    total, pieces = integrate(
        batch, start.device, path.measure, tolerance, most_pieces, path.pieces_in_memory
    )
    inward, past, *others = total.parts
    found = _by_kind(others, path.kinds)
    first = found["sensory"][: subject.network.directions]
    memory = found["memory"]
    explained, compared = (asking(subject, each) for each in (subject.sequences.inputs, start))
    error = (explained - compared - inward.flatten(1).sum(1)).abs()
    _warn_of(float(error.max()), tolerance)
    tensors = {
        "inputs": inward,
        "synapses": torch.cat(first, -1),
        "past_synapses": past,
        "neurons": torch.cat(found["neurons"], -1),
        "memory": torch.cat(memory, -1) if memory else None,
        "recurrent": torch.cat(found["recurrent"], -1),
        "output": explained,
        "baseline_output": compared,
        "error": error,
        "uncertainty": total.uncertain,
    }
    given = {n: None if v is None else subject.as_given(v) for n, v in tensors.items()}
    return Attribution(**given, runs=15 * pieces)  # type: ignore[arg-type]


def _warn_of(error: float, tolerance: float) -> None:
    if error > tolerance:
        warnings.warn(
            f"sums are off by up to {error:.2g}, more than the tolerance of {tolerance:g}; raise "
            "most_pieces or the tolerance",
            RuntimeWarning,
            stacklevel=6,
        )


def baseline_of(baseline: Optional[Number], subject: Subject) -> Tensor:
    """(B, T, I) inputs to compare with; where one is missing, the same as the inputs.

    Raises:
        ShapeError, DtypeError, DomainError: it is no such thing.
    """
    own: Sequences = subject.sequences
    if baseline is None:
        return torch.zeros_like(own.inputs)
    given = as_reals("baseline", own.layout.padded("baseline", baseline), own.inputs)
    if given.dim() == 3 and own.batched:
        given = own.layout.batch_major(given)
    try:
        given = torch.broadcast_to(given, own.inputs.shape)
    except RuntimeError:
        raise ShapeError(
            f"expected a number, (I,), (T, I) or the shape of the inputs, with "
            f"T, I = {tuple(own.inputs.shape[1:])}; "
            f"got {tuple(given.shape)}",
            "baseline",
        ) from None
    seen = torch.ones_like(own.inputs, dtype=torch.bool) if own.mask is None else own.mask > 0
    if own.valid is not None:
        seen = seen & own.valid.unsqueeze(-1)
    given = torch.where(seen, given, 0.0)
    check_finite("baseline", given)
    return given


class _Kind(NamedTuple):
    """One of the tensors of a population: a field of :class:`Flows`."""

    name: str
    population: int


class _Path:
    """The straight line from the baseline to the inputs, and what is asked about along it."""

    def __init__(self, subject: Subject, start: Tensor, asking: Question):
        self.subject, self.start, self.asking = subject, start, asking
        self.change = subject.sequences.inputs - start
        self.kinds: list[_Kind] = []
        wirings = [neuron.wiring for _, neuron in subject.network.populations()]
        numbers = sum(
            each.synapse_count + each.sensory_synapse_count + each.units for each in wirings
        )
        steps, features = self.change.shape[1:]
        self.pieces_in_memory = max(4 * ROOM // (steps * numbers), 16)
        self._at_once = max(ROOM // (15 * max(numbers, steps * features)), 1)

    def measure(self, pieces: Pieces) -> Integral:
        """Everything along these pieces."""
        found = [
            self._measure(pieces.among(slice(first, first + self._at_once)))
            for first in range(0, len(pieces.rows), self._at_once)
        ]
        return Integral(
            tuple(map(torch.cat, zip(*(each.parts for each in found)))),
            torch.cat([each.missed for each in found]),
            torch.cat([each.uncertain for each in found]),
        )

    def _measure(self, pieces: Pieces) -> Integral:
        count, lengths = len(pieces.rows), pieces.ends - pieces.starts
        rows = pieces.rows.repeat_interleave(15)
        subject = self.subject.repeated(rows)
        change = self.change[rows]
        positions = pieces.positions().reshape(-1, 1, 1)
        weights = lengths.unsqueeze(1) / 2 * KRONROD.to(lengths.device)

        def reduce(values: Tensor) -> Tensor:
            nodes = values.view(count, 15, *values.shape[1:])
            return torch.einsum("pq,pq...->p...", weights, nodes)

        flow = network_flow(
            subject, self.start[rows] + positions * change, change, *self.asking, reduce
        )
        along = (flow.inputs * change).view(count, 15, *change.shape[1:])
        inward = torch.einsum("pq,pq...->p...", weights, along)
        ends = [self._at(pieces, each) for each in (pieces.starts, pieces.ends)]
        missed = ends[1] - ends[0] - inward.flatten(1).sum(1)
        first = flow.populations[: subject.network.directions]
        past = sum((each.past for each in first[1:]), first[0].past)
        tensors = _tensors(flow.populations)
        self.kinds = list(tensors)
        parts = (inward, past, *tensors.values())
        return Integral(parts, missed, uncertainty(along, lengths))

    def _at(self, pieces: Pieces, positions: Tensor) -> Tensor:
        """(P,) what is asked about at one position of each piece."""
        rows = pieces.rows
        inputs = self.start[rows] + positions.view(-1, 1, 1) * self.change[rows]
        return self.asking(self.subject.repeated(rows), inputs)


def _tensors(populations: list[Flows]) -> dict[_Kind, Tensor]:
    return {
        _Kind(name, index): value
        for index, flows in enumerate(populations)
        for name, value in flows._asdict().items()
        if value is not None and name != "past"
    }


def _by_kind(tensors: list[Tensor], kinds: list[_Kind]) -> dict[str, list[Tensor]]:
    found: dict[str, list[Tensor]] = {"memory": []}
    for kind, tensor in zip(kinds, tensors):
        found.setdefault(kind.name, []).append(tensor)
    return found


class Question(NamedTuple):
    """What is asked about a network: ``question(subject, inputs)`` is (B,).

    Attributes:
        ask: outputs (B, O) -> (B,).
        places: for each direction, the sample whose states are read out.
    """

    ask: Callable[[Tensor], Tensor]
    places: list[int]

    def __call__(self, subject: Subject, inputs: Tensor) -> Tensor:
        return self.ask(self.outputs(subject, inputs))

    def outputs(self, subject: Subject, inputs: Tensor) -> Tensor:
        """(B, O), of which it is asked."""
        if len(set(self.places)) > 1:
            return subject.final_outputs(inputs)
        return subject.outputs(inputs)[:, self.places[0]]


def question(
    subject: Subject, network: LiquidNetwork, output: Output, at: Optional[int]
) -> Question:
    """What is asked by an output and the sample of it.

    Raises:
        DtypeError, DomainError: there is no such output or sample.
    """
    batch, steps = subject.sequences.inputs.shape[:2]
    directions = subject.network.directions
    last = steps - 1
    if at is None:
        places = [last, last if network.return_sequences else 0][:directions]
    else:
        places = [check_integer("at", at, 0, last)] * directions
    return Question(asked(output, network.output_size, batch), places)


def asked(output: Output, size: int, batch: int) -> Callable[[Tensor], Tensor]:
    """Outputs (R, O) -> (R,), of a batch of so many sequences, each of which may come repeatedly.

    Raises:
        DtypeError, DomainError: it is no output, no pair and no function.
    """
    if callable(output):
        return _checked(output, batch == 1)
    if isinstance(output, (tuple, list)):
        if len(output) != 2:
            raise DtypeError(f"expected an index, a pair or a function, got {output!r}", "output")
        first, second = (check_integer("output", each, 0, size - 1) for each in output)
        return lambda outputs: outputs[..., first] - outputs[..., second]
    index = check_integer("output", output, 0, size - 1)
    return lambda outputs: outputs[..., index]


def _checked(function: Callable[[Tensor], Tensor], alone: bool) -> Callable[[Tensor], Tensor]:
    """The same function, whose results are looked at; of one sequence alone they may be numbers."""

    def ask(outputs: Tensor) -> Tensor:
        found = function(outputs)
        if alone and isinstance(found, Tensor) and found.dim() == 0:
            found = torch.stack([function(each.unsqueeze(0)) for each in outputs])
        if not isinstance(found, Tensor):
            raise DtypeError(
                "expected a function of outputs (B, O) that gives a tensor (B,), it gave a "
                f"{type(found).__name__}",
                "output",
            )
        if found.shape != outputs.shape[:1]:
            raise ShapeError(
                f"expected a function of outputs (B, O) that gives (B,), of {tuple(outputs.shape)} "
                f"it gave {tuple(found.shape)}",
                "output",
            )
        if outputs.requires_grad and torch.is_grad_enabled() and not found.requires_grad:
            raise DtypeError(
                "expected a function made of torch operators, whose result depends on the outputs",
                "output",
            )
        return found

    return ask
