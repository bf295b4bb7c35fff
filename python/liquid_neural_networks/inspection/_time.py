"""How an output depends on time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

import torch
from torch import Tensor

from .._checks import check_count, check_items
from .._sequences import Number
from ..errors import OptionError
from ..network import LiquidNetwork
from ._attribute import Output, Question, question
from ._clamp import run_populations
from ._subject import Subject, asks, subject_of


class TimeSensitivity(NamedTuple):
    """How an output changes with time; no B where the call was one sequence.

    Attributes:
        time_constants: (B, N) its derivative by the logarithm of each neuron's base time constant:
            what it gains if that grows by 1 %, times 100. With P populations (B, P N).
        elapsed_time: (B, T) its derivative by the logarithm of the time before each sample; the
            sum is what it gains if all goes slower.
        thinned: every -> (B,) how it changes if only each ``every``-th sample is seen, counted
            back from the one asked about (of ragged sequences, from each one's own last), with the
            times between added up.
    """

    time_constants: Tensor
    elapsed_time: Tensor
    thinned: dict[int, Tensor]


@asks
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
    every: Optional[Sequence[int]] = None,
) -> TimeSensitivity:
    """How much an output depends on time constants, on the times between samples, and on how often
    the network looks. Arguments and errors are those of :func:`attribute`.

    Args:
        every: of how many samples one is kept, for each entry of ``thinned``. Default: 2 and 4; of
            a network of both directions, which has no last sample to count back from, none.

    Raises:
        OptionError: ``every`` is given for a network of both directions.
    """
    kept = _every(network, every)
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
            each: subject.as_given(_thinned(subject, asking, each) - value.detach())
            for each in kept
        }
    constants = torch.cat(by_scale, -1)
    return TimeSensitivity(subject.as_given(constants), subject.as_given(by_time), thinned)


def _every(network: LiquidNetwork, every: Optional[Sequence[int]]) -> list[int]:
    if every is None:
        return [] if network.bidirectional else [2, 4]
    counts = [
        check_count("every", each)
        for each in check_items("every", every, "integers such as (2, 4)")
    ]
    if network.bidirectional and counts:
        raise OptionError("both directions have no last sample to count back from", "every")
    return counts


def _thinned(subject: Subject, asking: Question, every: int) -> Tensor:
    """(B,) what is asked about if each ``every``-th sample is seen, up to the one asked about."""
    own, place = subject.sequences, asking.places[0]
    seen = (
        torch.ones_like(own.times(), dtype=torch.bool) if own.valid is None else own.valid.clone()
    )
    seen[:, place + 1 :] = False
    later = seen.sum(1, keepdim=True) - seen.cumsum(1)
    kept = seen & (later % every == 0)
    # Those kept go to the end, in their order; before them is padding where others have more.
    order = kept.byte().argsort(dim=1, stable=True)[:, -max(int(kept.sum(1).max()), 1) :]
    valid = kept.gather(1, order)
    ends = own.times().cumsum(1).gather(1, order) * valid
    thin = own.reordered(order)._replace(
        valid=None if own.valid is None else valid,
        elapsed_time=(ends - torch.nn.functional.pad(ends, (1, 0))[:, :-1]) * valid,
    )
    return asking.ask(subject._replace(sequences=thin).outputs(thin.inputs)[:, -1])
