"""How a change of the inputs travels through a network to what is asked about.

Along a path of inputs every state has a slope (how fast it changes along the path), and what is
asked about has a sensitivity to every state. Their product is how fast the answer changes along
the path through that state: *flow*. Slopes are carried from the first sample to the last,
sensitivities back; both one sample at a time, so that memory does not grow with the solver's
steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Callable, NamedTuple, Optional

import torch
from torch import Tensor

from .._sequences import Sequences
from ..neuron import LiquidNeuron
from ._subject import Subject

KEPT = 2**24
"""Slopes that are kept rather than worked out twice."""

Reduce = Callable[[Tensor], Tensor]
"""Sums over the nodes of a piece: (P * 15, ...) -> (P, ...)."""


class Flows(NamedTuple):
    """Flows in one population, (P, T, ...): through its neurons after each sample, through the
    cells of its memory, through its sensory synapses, through its recurrent ones, and from its
    inputs past the synapses of the wiring (into the memory, say)."""

    neurons: Tensor
    memory: Optional[Tensor]
    sensory: Tensor
    recurrent: Tensor
    past: Tensor


@dataclass
class _Heard:
    """What synapses receive within a sample, in order."""

    sensory: list[Tensor] = field(default_factory=list)
    recurrent: list[Tensor] = field(default_factory=list)

    def __call__(self, kind: str, received: Tensor) -> Tensor:
        getattr(self, kind).append(received)
        return received

    def all(self) -> list[Tensor]:
        return [*self.sensory, *self.recurrent]


class PopulationFlow:
    """One population over a batch of sequences whose inputs have slopes.

    Args:
        neuron: without gradients of its own.
        sequences: (R, T, ...); what it is fed.
        slopes: (R, T, I) of the inputs.
        state: (R, state size) to start from, or None for zeros.
    """

    def __init__(
        self,
        neuron: LiquidNeuron,
        sequences: Sequences,
        slopes: Tensor,
        state: Optional[Tensor],
    ):
        self._neuron, self._sequences, self._slopes = neuron, sequences, slopes
        self._dynamics, self._memory = neuron.dynamics, neuron.memory
        self._values = self._dynamics.prepare(self._dynamics.values())
        self._solve = neuron.method.solve()
        self._times = sequences.times()
        start = sequences.zeros(neuron.state_size) if state is None else state
        # Before each sample, and after the last: neurons and memory side by side.
        self._states, self._state_slopes = [start], [torch.zeros_like(start)]
        self._kept: list[Optional[list[Tensor]]] = []
        synapses = neuron.wiring.synapse_count * (neuron.unfolds or 1)
        self._keeps = slopes.shape[:2].numel() * synapses <= KEPT

    # -- forwards: states and slopes ---------------------------------------------------------------

    def run(self) -> tuple[Tensor, Tensor]:
        """States of the neurons (R, T, N) after each sample, and their slopes."""
        for t in range(self._slopes.shape[1]):
            after, slope, heard = self._forward(t)
            self._states.append(after)
            self._state_slopes.append(slope)
            self._kept.append(heard if self._keeps else None)
        units = self._neuron.hidden_size
        states, slopes = (
            torch.stack(each[1:], 1)[..., :units] for each in (self._states, self._state_slopes)
        )
        return states, slopes

    def _forward(self, t: int) -> tuple[Tensor, Tensor, list[Tensor]]:
        """The state after sample t, its slope, and those of what synapses receive.

        Slopes by differentiating twice: the sensitivities to inputs and state are linear in what
        they are sensitivities of. (Torch's forward mode is a hundred times slower where numbers
        without a slope take part.)
        """
        heard = _Heard()
        with torch.enable_grad():
            inputs, state = self._before(t)
            after = self._sample(t, inputs, state, heard)
            sloped = [after, *heard.all()]
            weights = [torch.zeros_like(each, requires_grad=True) for each in sloped]
            linear = _pulled(sloped, weights, [inputs, state], create_graph=True)
            known = [self._slopes[:, t], self._state_slopes[t]]
            slope, *received = _pulled(linear, known, weights)
        return after.detach(), slope, received

    def _before(self, t: int) -> tuple[Tensor, Tensor]:
        """Inputs of sample t and the state before it, to differentiate by."""
        inputs, state = self._sequences.inputs[:, t], self._states[t]
        return inputs.detach().requires_grad_(), state.detach().requires_grad_()

    def _sample(
        self, t: int, inputs: Tensor, state: Tensor, hear: Callable[[str, Tensor], Tensor]
    ) -> Tensor:
        """The state after sample t."""
        own, dynamics = self._sequences, self._dynamics
        neurons, remembered = state[:, : dynamics.units], state[:, dynamics.units :]
        if self._memory is not None:
            weights = self._memory.stored()["W_rec"]
            terms = self._memory.input_terms(inputs)
            neurons, remembered = self._memory.advance(terms, weights, neurons, remembered)
        neurons = dynamics.advance_by_synapse(
            self._values,
            neurons,
            inputs,
            None if own.mask is None else own.mask[:, t],
            self._times[:, t].unsqueeze(-1),
            None if own.time_constants is None else own.time_constants[:, t],
            self._solve,
            hear,
        )
        after = neurons if self._memory is None else torch.cat([neurons, remembered], -1)
        if own.valid is None:
            return after
        return torch.where(own.valid[:, t].unsqueeze(-1), after, state)

    # -- backwards: sensitivities and flows --------------------------------------------------------

    def flows(self, read: Tensor, passed: Optional[Tensor], reduce: Reduce) -> tuple[Tensor, Flows]:
        """Sensitivities to the inputs (R, T, I), and the flows, summed by ``reduce``.

        Args:
            read: (R, T, N) sensitivity to each state of what the read-out makes of it.
            passed: (R, T, N) of what the layer above makes of it, or None.
            reduce: see :data:`Reduce`.
        """
        steps, units = self._slopes.shape[1], self._neuron.hidden_size
        sensitivity = torch.zeros_like(self._states[0])
        to_inputs: list[Tensor] = []
        found: list[tuple[Tensor, ...]] = []
        for t in reversed(range(steps)):
            held = _plus(sensitivity, read[:, t])
            through_state = reduce(held * self._state_slopes[t + 1])
            full = held if passed is None else _plus(held, passed[:, t])
            inward, sensitivity, sensory, recurrent = self._back(t, full)
            straight = inward * self._slopes[:, t] - self._by_input(sensory)
            to_inputs.append(inward)
            found.append((through_state, *map(reduce, (sensory, recurrent, straight))))
        state, sensory, recurrent, past = (torch.stack(each[::-1], 1) for each in zip(*found))
        memory = None if self._memory is None else state[..., units:]
        flows = Flows(state[..., :units], memory, sensory, recurrent, past)
        return torch.stack(to_inputs[::-1], 1), flows

    def _back(self, t: int, sensitivity: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Sensitivities to inputs and state before sample t, flows through each synapse."""
        sloped = self._kept[t]
        if sloped is None:
            sloped = self._forward(t)[2]
        heard = _Heard()
        with torch.enable_grad():
            inputs, state = self._before(t)
            after = self._sample(t, inputs, state, heard)
            by = [inputs, state, *heard.all()]
            inward, backward, *received = _pulled([after], [sensitivity], by)
        flows = [each * slope for each, slope in zip(received, sloped)]
        first = len(heard.sensory)
        sensory, recurrent = flows[:first], flows[first:]
        return inward, backward, sum(sensory[1:], sensory[0]), sum(recurrent[1:], recurrent[0])

    def _by_input(self, sensory: Tensor) -> Tensor:
        """(R, I) flows through sensory synapses (R, S) by the input they come from."""
        total = sensory.new_zeros(*sensory.shape[:-1], self._neuron.input_size)
        return total.index_add(-1, self._dynamics.sensory_pre, sensory)


def _pulled(
    values: Sequence[Tensor],
    weights: Sequence[Tensor],
    by: Sequence[Tensor],
    create_graph: bool = False,
) -> tuple[Tensor, ...]:
    """The derivatives of the weighted sum of values. (As a sum: given apart, torch imports sympy to
    check the weights.)"""
    total = torch.stack([(each * weight).sum() for each, weight in zip(values, weights)]).sum()
    return torch.autograd.grad(total, by, create_graph=create_graph, materialize_grads=True)


def _plus(state: Tensor, neurons: Tensor) -> Tensor:
    """A sensitivity to a state, with one to its neurons added."""
    missing = state.shape[-1] - neurons.shape[-1]
    return state + (torch.nn.functional.pad(neurons, (0, missing)) if missing else neurons)


class NetworkFlow(NamedTuple):
    """Sensitivities to the inputs (R, T, I), and flows in every population."""

    inputs: Tensor
    populations: list[Flows]


def network_flow(
    subject: Subject,
    inputs: Tensor,
    slopes: Tensor,
    score: Callable[[Tensor], Tensor],
    places: list[int],
    reduce: Reduce,
) -> NetworkFlow:
    """How what is asked about changes along a path.

    Args:
        subject: its sequences and states have R rows.
        inputs: (R, T, I) on the path.
        slopes: (R, T, I) of the inputs, zeros where one is missing.
        score: outputs (R, O) -> what is asked about (R,).
        places: for each direction, the sample whose states are read out.
        reduce: see :data:`Reduce`.
    """
    network, directions = subject.network, subject.network.directions
    sequences = subject.sequences._replace(inputs=inputs)
    runs: list[PopulationFlow] = []
    states: list[Tensor] = []
    state_slopes: list[Tensor] = []
    for depth in range(network.num_layers):
        if depth > 0:
            inputs, slopes = torch.cat(states, -1), torch.cat(state_slopes, -1)
            sequences = sequences._replace(inputs=inputs, mask=None)
            states, state_slopes = [], []
        for direction in range(directions):
            index = depth * directions + direction
            ordered = sequences.reversed() if direction else sequences
            run = PopulationFlow(
                network.populations()[index][1],
                ordered,
                slopes.flip(1) if direction else slopes,
                None if subject.state is None else subject.state[index],
            )
            own, own_slopes = run.run()
            runs.append(run)
            states.append(own.flip(1) if direction else own)
            state_slopes.append(own_slopes.flip(1) if direction else own_slopes)
    read = _read(network.readout, states, score, places)
    return _backwards(runs, read, directions, reduce)


def _read(
    readout: torch.nn.Module,
    states: list[Tensor],
    score: Callable[[Tensor], Tensor],
    places: list[int],
) -> list[Tensor]:
    """(R, T, N) for each direction of the last layer: sensitivities to its states."""
    with torch.enable_grad():
        leaves = [each[:, place].detach().requires_grad_() for each, place in zip(states, places)]
        asked = score(readout(torch.cat(leaves, -1)))
        grads = torch.autograd.grad(asked.sum(), leaves, materialize_grads=True)
    found = [torch.zeros_like(each) for each in states]
    for each, place, grad in zip(found, places, grads):
        each[:, place] = grad
    return found


def _backwards(
    runs: list[PopulationFlow], read: list[Tensor], directions: int, reduce: Reduce
) -> NetworkFlow:
    """From the last layer to the first."""
    layers = len(runs) // directions
    passed: list[Optional[Tensor]] = [None] * directions
    flows: list[Flows] = []
    inward = read[0]
    for depth in reversed(range(layers)):
        own = []
        for direction in range(directions):
            above = passed[direction]
            here = read[direction] if depth == layers - 1 else torch.zeros_like(read[direction])
            run = runs[depth * directions + direction]
            if direction:
                here, above = here.flip(1), None if above is None else above.flip(1)
            to_inputs, found = run.flows(here, above, reduce)
            if direction:
                to_inputs, found = to_inputs.flip(1), _flipped(found)
            own.append((to_inputs, found))
        inward = sum((each for each, _ in own[1:]), own[0][0])
        if depth > 0:
            passed = [*inward.chunk(directions, -1)]
        flows = [found for _, found in own] + flows
    return NetworkFlow(inward, flows)


def _flipped(flows: Flows) -> Flows:
    return Flows(*(None if each is None else each.flip(1) for each in flows))  # type: ignore[arg-type]
