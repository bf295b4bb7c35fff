"""Populations with their input held: how fast each state changes, and where states can be."""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional

import torch
from torch import Tensor

from .._checks import check_integer
from .._inputs import as_flags, as_reals, check_finite, check_time_constants
from .._sequences import Number
from ..dynamics import (
    ClosedFormDynamics,
    ConductanceDynamics,
    DenseDynamics,
    Dynamics,
    LrcDynamics,
    OdeDynamics,
)
from ..errors import DomainError, ShapeError
from ..network import LiquidNetwork
from ..neuron import LiquidNeuron
from ._subject import exact_copy

FLOW, MAP = "flow", "map"
AT_ONCE = 2**23
"""Numbers in the largest tensor of a Jacobian."""


class Held(NamedTuple):
    """A population whose input is held.

    Attributes:
        neuron: the population, of a copy in float64.
        kind: ``"flow"`` where it is a differential equation, ``"map"`` where it goes from sample to
            sample: closed-form dynamics, or a memory.
        inputs: (1, I), or (R, I) to hold another one for each state.
        mask: (1, I) or None.
        elapsed: of one sample, for a map.
        time_constants: (1, N) or None.
    """

    neuron: LiquidNeuron
    kind: str
    inputs: Tensor
    mask: Optional[Tensor]
    elapsed: Tensor
    time_constants: Optional[Tensor]

    @property
    def size(self) -> int:
        """Numbers in a state."""
        return self.neuron.state_size

    @property
    def numbers(self) -> int:
        """Of one state's row of the Jacobian, worked on at once."""
        return max(self.neuron.wiring.synapse_count, self.size)

    def hearing(self, inputs: Tensor) -> Held:
        """The same with such inputs (R, I) in place of its own, of which none is missing."""
        return self._replace(inputs=inputs, mask=None)

    def of(self, rows: Tensor) -> Held:
        """The same for these of its states."""
        return self if len(self.inputs) == 1 else self._replace(inputs=self.inputs[rows])

    def speed(self, states: Tensor) -> Tensor:
        """(R, size): dx/dt of a flow, the change in one sample of a map, at states (R, size)."""
        dynamics = self.neuron.dynamics
        values = dynamics.prepare(dynamics.values())
        inputs = self.inputs.expand(len(states), -1)
        mask = None if self.mask is None else self.mask.expand(len(states), -1)
        sensory = dynamics.sensory(values, inputs, mask)
        given = self.time_constants
        if self.kind == FLOW:
            assert isinstance(dynamics, OdeDynamics)
            rate, drive = dynamics.rate_and_drive(values, states, sensory, given)
            return drive - rate * states
        start, remembered = states[:, : dynamics.units], states[:, dynamics.units :]
        if self.neuron.memory is not None:
            weights = self.neuron.memory.stored()["W_rec"]
            terms = self.neuron.memory.input_terms(inputs)
            start, remembered = self.neuron.memory.advance(terms, weights, start, remembered)
        given = None if given is None else given.expand(len(states), -1)
        elapsed = self.elapsed.expand(len(states), 1)
        solve = self.neuron.method.solve()
        after = dynamics.advance(values, start, sensory, elapsed, given, solve)
        return torch.cat([after, remembered], -1) - states

    def jacobian(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """The speed (R, size) at states (R, size), and its derivatives (R, size, size)."""
        rows = torch.arange(len(states), device=states.device)
        numbers = self.size * (self.size if self.kind == FLOW else self.numbers)
        found = []
        for some in torch.split(rows, max(AT_ONCE // numbers, 1)):
            if self.kind == FLOW:
                found.append(self.of(some)._by_synapse(states[some]))
                continue
            copies = self.of(some.repeat_interleave(self.size))
            found.append(_differentiated(copies.speed, states[some]))
        return torch.cat([speed for speed, _ in found]), torch.cat([each for _, each in found])

    def _by_synapse(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """What :meth:`jacobian` returns, of a flow: a neuron's speed depends on its own state, and
        on one other state through each of its synapses."""
        dynamics = self.neuron.dynamics
        assert isinstance(dynamics, OdeDynamics)
        values = dynamics.prepare(dynamics.values())
        mask = None if self.mask is None else self.mask.expand(len(states), -1)
        sensory = dynamics.sensory(values, self.inputs.expand(len(states), -1), mask)
        with torch.enable_grad():
            own = states.detach().requires_grad_()
            heard = states.detach().index_select(1, dynamics.pre).requires_grad_()
            given = self.time_constants
            rate, drive = dynamics.rate_and_drive_from(values, own, heard, sensory, given)
            speed = drive - rate * own
            from_own, from_heard = torch.autograd.grad(speed.sum(), (own, heard))
        count, size = states.shape
        rows = torch.diag_embed(from_own).view(count, -1)
        rows.index_add_(1, dynamics.post * size + dynamics.pre, from_heard)
        return speed.detach(), rows.view(count, size, size)

    def settled(self, samples: int = 2000) -> Tensor:
        """(1, size) where it is after many samples, from zero."""
        state = self.inputs.new_zeros(1, self.size)
        for _ in range(samples):
            after: Tensor = self.neuron(
                self.inputs,
                state,
                self.time_constants,
                elapsed_time=float(self.elapsed),
                mask=None if self.mask is None else self.mask > 0,
            )
            still = bool((after - state).abs().max() < 1e-12)
            state = after
            if still:
                break
        return state

    def bounds(self) -> tuple[Tensor, Tensor]:
        """(size,) the least and the most that each state can be, or is likely to be: infinite or
        unknown ones are 2 away from 0."""
        low, high = state_bounds(self.neuron.dynamics)
        more = low.new_full((self.size - len(low),), 2.0)
        low, high = torch.cat([low, -more]), torch.cat([high, more])
        return (
            torch.where(low.isfinite(), low, -2.0),
            torch.where(high.isfinite(), high, 2.0),
        )


class Stack(NamedTuple):
    """Layers of populations, each of which hears those below; the input of the lowest is held.

    A state is those of all its populations, one after the other.

    Attributes:
        network: a copy in float64.
        layers: of the lowest the inputs are held; of the others they are what the states say.
    """

    network: LiquidNetwork
    layers: list[list[Held]]

    @property
    def populations(self) -> list[Held]:
        """All of them, from the lowest layer up."""
        return [each for layer in self.layers for each in layer]

    @property
    def kind(self) -> str:
        """As of its populations, which are all of one kind."""
        return self.layers[0][0].kind

    @property
    def size(self) -> int:
        """Numbers in a state."""
        return sum(each.size for each in self.populations)

    def split(self, states: Tensor) -> list[list[Tensor]]:
        """States (R, size) by layer and population."""
        parts = iter(torch.split(states, [each.size for each in self.populations], 1))
        return [[next(parts) for _ in layer] for layer in self.layers]

    def upwards(
        self, ends: Callable[[Held, Tensor], tuple[Tensor, Tensor]], states: Tensor
    ) -> Tensor:
        """(R, size) from layer to layer: ``ends(held, part)`` of each population and its part of
        the states is its part of the result, and the states that the next layer hears."""
        found: list[Tensor] = []
        heard: list[Tensor] = []
        for depth, (layer, parts) in enumerate(zip(self.layers, self.split(states))):
            fed = layer if depth == 0 else [each.hearing(torch.cat(heard, 1)) for each in layer]
            pairs = [ends(each, part) for each, part in zip(fed, parts)]
            found += [value for value, _ in pairs]
            heard = [state[:, : each.neuron.hidden_size] for each, (_, state) in zip(fed, pairs)]
        return torch.cat(found, 1)

    def speed(self, states: Tensor) -> Tensor:
        """(R, size), see :meth:`Held.speed`; of a map, a layer hears those below after the
        sample."""

        def ends(held: Held, part: Tensor) -> tuple[Tensor, Tensor]:
            change = held.speed(part)
            return change, part + change if held.kind == MAP else part

        return self.upwards(ends, states)

    def jacobian(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """The speed (R, size) at states (R, size), and its derivatives (R, size, size)."""
        numbers = self.size * sum(each.numbers for each in self.populations)
        found = [
            _differentiated(self.speed, some)
            for some in torch.split(states, max(AT_ONCE // numbers, 1))
        ]
        return torch.cat([speed for speed, _ in found]), torch.cat([each for _, each in found])

    def settled(self) -> Tensor:
        """(1, size) where each layer is after many samples, from zero, once those below are."""

        def ends(held: Held, part: Tensor) -> tuple[Tensor, Tensor]:
            state = held.settled()
            return state, state

        return self.upwards(ends, self.populations[0].inputs.new_zeros(1, self.size))

    def bounds(self) -> tuple[Tensor, Tensor]:
        """(size,) each, see :meth:`Held.bounds`."""
        low, high = zip(*(each.bounds() for each in self.populations))
        return torch.cat(low), torch.cat(high)

    def outputs(self, states: Tensor) -> Optional[Tensor]:
        """(R, O), or None where the read-out reads other populations too."""
        network, top = self.network, [each.neuron for each in self.layers[-1]]
        last = [neuron for _, neuron in network.populations()[-network.directions :]]
        if any(mine is not theirs for mine, theirs in zip(top, last)) or len(top) < len(last):
            return None
        said = [each[:, : network.hidden_size] for each in self.split(states)[-1]]
        read: Tensor = network.readout(torch.cat(said, 1))
        return read


def _differentiated(speed_of: Callable[[Tensor], Tensor], states: Tensor) -> tuple[Tensor, Tensor]:
    """The speed (R, size) at states (R, size), and its derivatives (R, size, size).

    ``speed_of`` gets a copy of each state for each row of its Jacobian, one after the other.
    """
    count, size = states.shape
    with torch.enable_grad():
        copies = states.detach().repeat_interleave(size, 0).requires_grad_()
        speed = speed_of(copies).view(count, size, size)
        own = speed.diagonal(dim1=1, dim2=2)
        (rows,) = torch.autograd.grad(own.sum(), copies)
    return own.detach(), rows.view(count, size, size)


def stacked(
    network: LiquidNetwork,
    inputs: Number,
    time_constants: Optional[Number],
    elapsed_time: float,
    mask: Optional[Number],
    population: Optional[int],
) -> Stack:
    """One population, or of None all, with checked arguments.

    Raises:
        ShapeError, DtypeError, DomainError: naming the argument.
    """
    chosen = 0
    if population is not None:
        chosen = check_integer("population", population, 0, len(network.neurons) - 1)
    like = network.populations()[chosen][1].dynamics.like
    copy = exact_copy(network)
    neurons = [neuron for _, neuron in copy.populations()]
    neuron = neurons[chosen]
    exact = neuron.dynamics.like
    own = as_reals("inputs", inputs, like)
    if tuple(own.shape) != (neuron.input_size,):
        raise ShapeError(
            f"expected one sample (I,) = ({neuron.input_size},), got {tuple(own.shape)}", "inputs"
        )
    flags = None if mask is None else as_flags(mask, own)
    if flags is not None:
        if flags.shape != own.shape:
            raise ShapeError(f"expected {tuple(own.shape)}, got {tuple(flags.shape)}", "mask")
        own = torch.where(flags, own, 0.0)
    check_finite("inputs", own)
    elapsed = as_reals("elapsed_time", elapsed_time, exact)
    if elapsed.dim() or not bool(elapsed > 0):
        raise DomainError(f"expected a number above 0, got {elapsed_time!r}", "elapsed_time")
    given = None
    if time_constants is not None:
        given = check_time_constants(time_constants, exact)
        if given.dim() > 1 or given.shape not in ((), (neuron.hidden_size,)):
            raise ShapeError(
                f"expected a number or (N,) = ({neuron.hidden_size},), got {tuple(given.shape)}",
                "time_constants",
            )
        given = given.expand(1, neuron.hidden_size)
    smooth = isinstance(neuron.dynamics, OdeDynamics) and neuron.memory is None
    first = Held(
        neuron,
        FLOW if smooth else MAP,
        own.to(exact).unsqueeze(0),
        None if flags is None else flags.to(exact).unsqueeze(0),
        elapsed.view(1, 1),
        given,
    )
    if population is not None:
        return Stack(copy, [[first]])
    held, width = [first._replace(neuron=each) for each in neurons], copy.directions
    return Stack(copy, [held[at : at + width] for at in range(0, len(held), width)])


def state_bounds(dynamics: Dynamics) -> tuple[Tensor, Tensor]:
    """(N,) the least and the most that the state of each neuron can be in the long run; infinite
    where there is no such bound."""
    values = {name: value.detach() for name, value in dynamics.values().items()}
    units = dynamics.units
    if isinstance(dynamics, ConductanceDynamics):
        low, high = values["vleak"], values["vleak"]
        for post, reversal in (
            (dynamics.post, values["E"]),
            (dynamics.sensory_post, values["sensory_E"]),
        ):
            low = low.scatter_reduce(0, post, reversal, "amin")
            high = high.scatter_reduce(0, post, reversal, "amax")
        return low, high
    none = dynamics.like.detach().new_full((units,), float("inf"))
    if isinstance(dynamics, DenseDynamics) and dynamics.activation == "sigmoid":
        return values["A"].clamp(max=0.0), values["A"].clamp(min=0.0)
    if isinstance(dynamics, LrcDynamics):
        # |drive| / rate is at most |vleak| / sigmoid(f), and f is at least g.
        most = values["vleak"].abs() / torch.sigmoid(values["g"])
        return -most, most
    if isinstance(dynamics, ClosedFormDynamics) and dynamics.mode != "pure":
        most = torch.full_like(none, 1.0 if dynamics.mode == "default" else 2.0)
        return -most, most
    return -none, none
