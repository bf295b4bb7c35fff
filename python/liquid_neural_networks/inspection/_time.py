"""How an output depends on time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

import torch
from torch import Tensor

from .._checks import check_count
from .._sequences import Number
from ..errors import OptionError
from ..network import LiquidNetwork
from ._attribute import Output, asked, question
from ._clamp import run_populations
from ._subject import Subject, subject_of


class TimeSensitivity(NamedTuple):
    """How an output changes with time; no B where the call was one sequence.

    Attributes:
        time_constants: (B, N) its derivative by the logarithm of each neuron's base time constant:
            what it gains if that grows by 1 %, times 100. With P populations (B, P N).
        elapsed_time: (B, T) its derivative by the logarithm of the time before each sample; the
            sum is what it gains if all goes slower.
        thinned: every -> (B,) how it changes if only each ``every``-th sample is seen, counted
            back from the one asked about, with the times between added up.
    """

    time_constants: Tensor
    elapsed_time: Tensor
    thinned: dict[int, Tensor]


def time_sensitivity(
    network: LiquidNetwork,
    inputs: Tensor,
    output: Output = 0,
    time_constants: Optional[Number] = None,
    *,
    elapsed_time: Optional[Number] = None,
    mask: Optional[Number] = None,
    state: Optional[Tensor] = None,
    at: Optional[int] = None,
    every: Sequence[int] = (2, 4),
) -> TimeSensitivity:
    """How much an output depends on time constants, on the times between samples, and on how often
    the network looks. Arguments and errors are those of :func:`attribute`.

    Args:
        every: of how many samples one is kept, for each entry of ``thinned``.
    """
    subject = subject_of(network, inputs, time_constants, elapsed_time, mask, state)
    asking = question(subject, network, output, at)
    own = subject.sequences
    batch = len(own.inputs)
    ones = own.inputs.new_ones(batch, network.hidden_size)
    scales = [ones.clone().requires_grad_() for _ in network.neurons]
    slower = torch.ones_like(own.times()).requires_grad_()
    timed = subject._replace(sequences=own._replace(elapsed_time=own.times() * slower))
    with torch.enable_grad():
        states = run_populations(timed, {}, scales)[-network.directions :]
        read = [each[:, place] for each, place in zip(states, asking.places)]
        value = asking.ask(subject.network.readout(torch.cat(read, -1)))
        *by_scale, by_time = torch.autograd.grad(value.sum(), [*scales, slower])
    with torch.no_grad():
        thinned = {
            check_count("every", each): subject.as_given(
                _thinned(subject, asking.places[0], each, output) - value.detach()
            )
            for each in every
        }
    constants = torch.cat(by_scale, -1)
    return TimeSensitivity(subject.as_given(constants), subject.as_given(by_time), thinned)


def _thinned(subject: Subject, place: int, every: int, output: Output) -> Tensor:
    """(B,) what is asked about if each ``every``-th sample is seen, up to the one asked about."""
    if subject.network.bidirectional:
        raise OptionError("both directions have no last sample to count back from", "every")
    own = subject.sequences
    kept = torch.arange(place, -1, -every, device=own.inputs.device).flip(0)
    ends = own.times().cumsum(1)[:, kept]
    elapsed = ends - torch.nn.functional.pad(ends, (1, 0))[:, :-1]

    def seen(value: Optional[Tensor]) -> Optional[Tensor]:
        return None if value is None else value[:, kept]

    thin = own._replace(
        inputs=own.inputs[:, kept],
        mask=seen(own.mask),
        valid=seen(own.valid),
        elapsed_time=elapsed,
        time_constants=seen(own.time_constants),
    )
    outputs = subject._replace(sequences=thin).outputs(thin.inputs)
    return asked(output, outputs.shape[-1])(outputs[:, -1])
