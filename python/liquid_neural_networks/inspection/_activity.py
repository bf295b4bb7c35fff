"""What neurons and synapses do on given sequences: time constants, saturation, silence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import torch
from torch import Tensor

from .._checks import check_fraction, check_integer
from .._sequences import Number
from .._tensors import array_of
from ..dynamics import ConductanceDynamics, Dynamics, LrcDynamics
from ..network import LiquidNetwork
from ._describe import QUANTILES
from ._field import state_bounds
from ._subject import asks, subject_of


@dataclass(frozen=True)
class Activity:
    """What one population did; samples that are padding do not count.

    Attributes:
        lowest, highest, mean, deviation: (N,) of the state of each neuron.
        saturated: (N,) the share of samples at which a state is at an end of what it can be, NaN
            where nothing bounds it.
        time_constants: (B, T, N) effective ones.
        base_time_constants: (N,) the learned ones.
        quantiles: of the effective ones over neurons and samples, by name.
        openings: (E,) how far each recurrent synapse opened at most: of conductance and lrc
            dynamics from 0 to 1, of others what it carried by the most that its receiver got
            through one.
        sensory_openings: (S,) likewise.
        never_open, sensory_never_open: the pairs (sender, receiver) that did not open further than
            ``opening``.
    """

    lowest: Tensor
    highest: Tensor
    mean: Tensor
    deviation: Tensor
    saturated: Tensor
    time_constants: Tensor
    base_time_constants: Tensor
    quantiles: dict[str, float]
    openings: Tensor
    sensory_openings: Tensor
    never_open: tuple[tuple[int, int], ...]
    sensory_never_open: tuple[tuple[int, int], ...]

    def rows(self) -> list[dict[str, Any]]:
        """A table, one row a neuron."""
        columns = ("lowest", "highest", "mean", "deviation", "saturated", "base_time_constants")
        lists = {name.rstrip("s"): getattr(self, name).tolist() for name in columns}
        fastest, slowest = (
            each.flatten(0, -2) for each in (self.time_constants, self.time_constants)
        )
        lists["fastest"], lists["slowest"] = fastest.amin(0).tolist(), slowest.amax(0).tolist()
        return [
            {"neuron": index, **{name: values[index] for name, values in lists.items()}}
            for index in range(len(self.lowest))
        ]


@asks
@torch.no_grad()
def activity(
    network: LiquidNetwork,
    inputs: Tensor,
    time_constants: Optional[Number] = None,
    *,
    elapsed_time: Optional[Number] = None,
    mask: Optional[Number] = None,
    state: Optional[Tensor] = None,
    population: int = 0,
    opening: float = 0.01,
    margin: float = 0.02,
) -> Activity:
    """What the neurons and synapses of a population did on these sequences.

    Args:
        opening: how far a synapse opens that counts as never open.
        margin: how near to an end of what it can be a state is saturated, by the whole range.

    The other arguments are those of :meth:`LiquidNetwork.trace`; computed in float64.

    Raises:
        ShapeError, DtypeError, DomainError: naming the argument.
    """
    check_fraction("opening", opening)
    check_fraction("margin", margin)
    population = check_integer("population", population, 0, len(network.neurons) - 1)
    subject = subject_of(network, inputs, time_constants, elapsed_time, mask, state)
    own = subject.sequences
    trace = subject.network.trace(
        own.inputs,
        own.time_constants,
        elapsed_time=own.times(),
        mask=own.valid if own.mask is None else own.mask > 0,
        state=subject.state,
        population=population,
        synapses=True,
    )
    assert trace.activations is not None and trace.sensory_activations is not None
    seen = own.times().new_ones(own.times().shape, dtype=torch.bool)
    seen = seen if own.valid is None else own.valid
    states, constants = trace.states[seen], trace.time_constants[seen]
    dynamics = subject.network.populations()[population][1].dynamics
    opened = [
        _openings(dynamics, each[seen].abs().amax(0), prefix)
        for each, prefix in ((trace.activations, ""), (trace.sensory_activations, "sensory_"))
    ]
    shut = [
        tuple(zip(*(end[each <= opening].tolist() for end in ends)))
        for each, ends in zip(
            opened,
            ((dynamics.pre, dynamics.post), (dynamics.sensory_pre, dynamics.sensory_post)),
        )
    ]
    return Activity(
        lowest=states.amin(0),
        highest=states.amax(0),
        mean=states.mean(0),
        deviation=states.std(0, correction=0),
        saturated=_saturated(dynamics, states, margin),
        time_constants=subject.as_given(trace.time_constants),
        base_time_constants=dynamics.base_time_constants(dynamics.values()),
        quantiles=_quantiles(constants),
        openings=opened[0],
        sensory_openings=opened[1],
        never_open=shut[0],
        sensory_never_open=shut[1],
    )


def _quantiles(values: Tensor) -> dict[str, float]:
    # numpy's have no largest size, as those of torch do.
    found = np.quantile(array_of(values), list(QUANTILES.values()))
    return dict(zip(QUANTILES, found.tolist()))


def _openings(dynamics: Dynamics, most: Tensor, prefix: str) -> Tensor:
    """(E,) or (S,) from the largest activations."""
    if isinstance(dynamics, (ConductanceDynamics, LrcDynamics)):
        weights = dynamics.values()[f"{prefix}w"]
        return torch.where(weights > 0, most / weights.clamp(min=1e-300), 0.0)
    post = getattr(dynamics, f"{prefix}post")
    received = most.new_zeros(dynamics.units).scatter_reduce(0, post, most, "amax")
    return most / received.clamp(min=1e-300)[post]


def _saturated(dynamics: Dynamics, states: Tensor, margin: float) -> Tensor:
    low, high = state_bounds(dynamics)
    near = margin * (high - low)
    share = ((states <= low + near) | (states >= high - near)).double().mean(0)
    return torch.where((high - low).isfinite(), share, float("nan"))
