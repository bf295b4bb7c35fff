"""One population with its input held: how fast each state changes, and where states can be."""

from __future__ import annotations

from typing import NamedTuple, Optional

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
        network: a copy in float64.
        neuron: the population.
        kind: ``"flow"`` where it is a differential equation, ``"map"`` where it goes from sample to
            sample: closed-form dynamics, or a memory.
        inputs, mask: (1, I).
        elapsed: of one sample, for a map.
        time_constants: (1, N) or None.
    """

    network: LiquidNetwork
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
        wiring = self.neuron.wiring
        numbers = self.size * max(wiring.synapse_count, self.size)
        found = [self._jacobian(each) for each in states.split(max(AT_ONCE // numbers, 1))]  # type: ignore[no-untyped-call]
        return torch.cat([speed for speed, _ in found]), torch.cat([each for _, each in found])

    def _jacobian(self, states: Tensor) -> tuple[Tensor, Tensor]:
        count, size = states.shape
        with torch.enable_grad():
            # A copy of the state for each row of the Jacobian.
            copies = states.detach().repeat_interleave(size, 0).requires_grad_()
            speed = self.speed(copies).view(count, size, size)
            own = speed.diagonal(dim1=1, dim2=2)
            (rows,) = torch.autograd.grad(own.sum(), copies)
        return own.detach(), rows.view(count, size, size)

    def outputs(self, states: Tensor) -> Optional[Tensor]:
        """(R, O), or None where the read-out reads more than this population."""
        network = self.network
        last = network.populations()[-1][1]
        if network.bidirectional or self.neuron is not last:
            return None
        read: Tensor = network.readout(states[:, : network.hidden_size])
        return read

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


def held(
    network: LiquidNetwork,
    inputs: Number,
    time_constants: Optional[Number],
    elapsed_time: float,
    mask: Optional[Number],
    population: int,
) -> Held:
    """Checked arguments.

    Raises:
        ShapeError, DtypeError, DomainError: naming the argument.
    """
    population = check_integer("population", population, 0, len(network.neurons) - 1)
    like = network.populations()[population][1].dynamics.like
    copy = exact_copy(network)
    neuron = copy.populations()[population][1]
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
    return Held(
        copy,
        neuron,
        FLOW if smooth else MAP,
        own.to(exact).unsqueeze(0),
        None if flags is None else flags.to(exact).unsqueeze(0),
        elapsed.view(1, 1),
        given,
    )


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
