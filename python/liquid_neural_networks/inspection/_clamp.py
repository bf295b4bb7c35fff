"""Running a network with neurons held, and with its parts changed one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional, Union

import torch
from torch import Tensor

from .._checks import check_integer
from .._sequences import Number, Sequences
from ..errors import DtypeError
from ..network import LiquidNetwork
from ..neuron import LiquidNeuron
from ._subject import Subject, asks, series_of, subject_of


class Clamped(NamedTuple):
    """What a network does while neurons are held; a leading B when the inputs were batched.

    Attributes:
        outputs: (B, T, O).
        states: (B, T, N) of the population with the clamp.
    """

    outputs: Tensor
    states: Tensor


@asks
@torch.no_grad()
def clamp(
    network: LiquidNetwork,
    inputs: Tensor,
    neurons: Mapping[int, Union[float, Tensor]],
    time_constants: Optional[Number] = None,
    *,
    elapsed_time: Optional[Number] = None,
    mask: Optional[Number] = None,
    state: Optional[Tensor] = None,
    population: int = 0,
) -> Clamped:
    """Runs a network with neurons held at a value: what others and the read-out hear of them.

    Args:
        neurons: neuron -> the value, a number, (T,) or (B, T), (T, B) where the network's inputs
            are (T, B, I). It holds during the sample too, in all steps of the solver.
        population: which one, counted as in ``state``.

    The other arguments are those of :meth:`LiquidNetwork.forward`; computed in float64.

    Raises:
        ShapeError, DtypeError, DomainError: naming the argument.
    """
    population = check_integer("population", population, 0, len(network.neurons) - 1)
    subject = subject_of(network, inputs, time_constants, elapsed_time, mask, state)
    own = subject.sequences
    if not isinstance(neurons, Mapping):
        raise DtypeError(f"expected a dict of neuron -> value, got {neurons!r}", "neurons")
    held = {}
    for index, value in neurons.items():
        place = check_integer("neurons", index, 0, network.hidden_size - 1)
        held[place] = series_of("neurons", value, own)
    states = run_populations(subject, {population: held})
    outputs = subject.network.readout(torch.cat(states[-network.directions :], -1))
    return Clamped(subject.as_given(outputs), subject.as_given(states[population]))


def run_populations(
    subject: Subject,
    held: Mapping[int, Mapping[int, Tensor]],
    scales: Optional[Sequence[Tensor]] = None,
) -> list[Tensor]:
    """(B, T, N) of every population, some neurons held at values (B, T), and base time constants
    scaled by (B, N) each."""
    network, directions = subject.network, subject.network.directions
    sequences = subject.sequences
    states: list[Tensor] = []
    for depth in range(network.num_layers):
        if depth > 0:
            inputs = torch.cat(states[-directions:], -1)
            sequences = sequences._replace(inputs=inputs, mask=None)
        for direction in range(directions):
            index = depth * directions + direction
            neuron = network.populations()[index][1]
            ordered = sequences if scales is None else _scaled(sequences, neuron, scales[index])
            ordered = ordered.reversed() if direction else ordered
            start = None if subject.state is None else subject.state[index]
            values = {
                each: series.flip(1) if direction else series
                for each, series in held.get(index, {}).items()
            }
            if values:
                own = _run_held(neuron, ordered, start, values)
            else:
                own = neuron(ordered.inputs, start, sequences=ordered)[..., : network.hidden_size]
            states.append(own.flip(1) if direction else own)
    return states


def _scaled(sequences: Sequences, neuron: LiquidNeuron, scale: Tensor) -> Sequences:
    base = sequences.time_constants
    if base is None:
        dynamics = neuron.dynamics
        base = dynamics.base_time_constants(dynamics.values()).expand(
            *sequences.inputs.shape[:2], neuron.hidden_size
        )
    return sequences._replace(time_constants=base * scale.unsqueeze(1))


def _run_held(
    neuron: LiquidNeuron,
    sequences: Sequences,
    start: Optional[Tensor],
    values: Mapping[int, Tensor],
) -> Tensor:
    """(B, T, N), sample by sample: synapses hear the values in place of the neurons."""
    dynamics, memory, units = neuron.dynamics, neuron.memory, neuron.hidden_size
    prepared, solve = dynamics.prepare(dynamics.values()), neuron.method.solve()
    indices = torch.tensor(list(values), device=sequences.inputs.device)
    places = {each: torch.nonzero(dynamics.pre == each).squeeze(-1) for each in values}
    times = sequences.times()
    state = sequences.zeros(neuron.state_size) if start is None else start
    states = []
    for t in range(sequences.inputs.shape[1]):
        now = torch.stack([series[:, t] for series in values.values()], -1)

        def hear(kind: str, received: Tensor, t: int = t) -> Tensor:
            if kind == "recurrent":
                for each, series in values.items():
                    place = places[each]
                    shown = series[:, t].unsqueeze(-1).expand(-1, len(place))
                    received = received.index_copy(-1, place, shown)
            return received

        heard = state.index_copy(-1, indices, now)
        neurons, remembered = heard[:, :units], heard[:, units:]
        inputs = sequences.inputs[:, t]
        if memory is not None:
            weights = memory.stored()["W_rec"]
            terms = memory.input_terms(inputs)
            neurons, remembered = memory.advance(terms, weights, neurons, remembered)
        after = dynamics.advance_by_synapse(
            prepared,
            neurons,
            inputs,
            None if sequences.mask is None else sequences.mask[:, t],
            times[:, t].unsqueeze(-1),
            None if sequences.time_constants is None else sequences.time_constants[:, t],
            solve,
            hear,
        )
        after = torch.cat([after, remembered], -1).index_copy(-1, indices, now)
        if sequences.valid is not None:
            after = torch.where(sequences.valid[:, t].unsqueeze(-1), after, state)
        state = after
        states.append(state[:, :units])
    return torch.stack(states, 1)
