"""The usual attributions, in captum's conventions: quick, and with no promise of adding up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

import numpy as np
import torch
from torch import Tensor

from .._checks import check_count, check_integer, check_items
from .._sequences import Number
from ..network import LiquidNetwork
from ._attribute import ROOM, Output, Question, baseline_of, question
from ._subject import Subject, asks, subject_of


@asks
def gradient_times_input(
    network: LiquidNetwork,
    inputs: Tensor,
    output: Output = 0,
    time_constants: Optional[Number] = None,
    *,
    elapsed_time: Optional[Number] = None,
    mask: Optional[Number] = None,
    state: Optional[Tensor] = None,
    at: Optional[int] = None,
) -> Tensor:
    """(B, T, I) the gradient of an output by each input, times that input: captum's
    ``InputXGradient``. Arguments and errors are those of :func:`attribute`."""
    subject = subject_of(network, inputs, time_constants, elapsed_time, mask, state)
    own = subject.sequences.inputs
    rows = torch.arange(len(own), device=own.device)
    asked = question(subject, network, output, at)
    return subject.as_given(own * _gradient(subject, rows, own, asked))


@asks
def integrated_gradients(
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
    steps: int = 50,
) -> Tensor:
    """(B, T, I) integrated gradients by a fixed Gauss-Legendre rule: captum's
    ``IntegratedGradients`` with ``n_steps=steps``. :func:`attribute` chooses the nodes itself and
    says what is missed. The other arguments and the errors are its."""
    check_count("steps", steps)
    subject = subject_of(network, inputs, time_constants, elapsed_time, mask, state)
    start = baseline_of(baseline, subject)
    change = subject.sequences.inputs - start
    asked = question(subject, network, output, at)
    nodes, weights = (
        torch.from_numpy(each).to(change) for each in np.polynomial.legendre.leggauss(steps)
    )
    total = torch.zeros_like(change)
    for rows, some in _in_parts(subject, steps):
        inputs = start[rows] + ((nodes[some] + 1) / 2).view(-1, 1, 1) * change[rows]
        gradients = _gradient(subject, rows, inputs, asked)
        total.index_add_(0, rows, (weights[some] / 2).view(-1, 1, 1) * gradients)
    return subject.as_given(change * total)


@asks
@torch.no_grad()
def occlusion(
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
    window: tuple[int, int] = (1, 1),
) -> Tensor:
    """(B, T, I) by how much an output falls where inputs are the baseline's: captum's
    ``Occlusion`` with ``sliding_window_shapes=window``.

    Args:
        window: samples and features that are hidden at once. It slides by one; an input's part is
            the mean over the windows it is in.

    The other arguments and the errors are those of :func:`attribute`.
    """
    subject = subject_of(network, inputs, time_constants, elapsed_time, mask, state)
    own, start = subject.sequences.inputs, baseline_of(baseline, subject)
    steps, features = own.shape[1:]
    hidden_at_once = check_items("window", window, "samples and features", 2)
    high, wide = (
        check_integer("window", each, 1, most)
        for each, most in zip(hidden_at_once, (steps, features))
    )
    asked = question(subject, network, output, at)
    whole = asked(subject, own)
    total, counts = torch.zeros_like(own), torch.zeros_like(own)
    across = features - wide + 1
    for rows, some in _in_parts(subject, (steps - high + 1) * across):
        t, k = (each.view(-1, 1, 1) for each in (some // across, some % across))
        sample = torch.arange(steps, device=own.device).view(1, -1, 1) - t
        feature = torch.arange(features, device=own.device).view(1, 1, -1) - k
        within = (sample >= 0) & (sample < high) & (feature >= 0) & (feature < wide)
        hidden = torch.where(within, start[rows], own[rows])
        falls = whole[rows] - _answers(subject, rows, hidden, asked)
        total.index_add_(0, rows, within * falls.view(-1, 1, 1))
        counts.index_add_(0, rows, within.to(counts))
    return subject.as_given(total / counts)


def _in_parts(subject: Subject, count: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Splits ``count`` variants of a batch into parts that fit into memory.

    Yields:
        (R,) the row of the batch and (R,) the number of the variant, for each sequence to run; the
        whole batch for every variant.
    """
    batch, steps, features = subject.sequences.inputs.shape
    wirings = [neuron.wiring for _, neuron in subject.network.populations()]
    synapses = sum(each.synapse_count + each.sensory_synapse_count for each in wirings)
    rows = torch.arange(batch, device=subject.sequences.inputs.device)
    variants = torch.arange(count, device=rows.device)
    for some in torch.split(variants, max(ROOM // (batch * steps * (synapses + features)), 1)):
        yield rows.repeat(len(some)), some.repeat_interleave(batch)


def _answers(subject: Subject, rows: Tensor, inputs: Tensor, asked: Question) -> Tensor:
    """(R,) what is asked about inputs (R, T, I), the batch in one variant after the other."""
    outputs = asked.outputs(subject.repeated(rows), inputs)
    batch = len(subject.sequences.inputs)
    return torch.cat([asked.ask(each) for each in torch.split(outputs, batch)])


def _gradient(subject: Subject, rows: Tensor, inputs: Tensor, asked: Question) -> Tensor:
    """(R, T, I) of what is asked about."""
    with torch.enable_grad():
        leaf = inputs.detach().requires_grad_()
        answers = _answers(subject, rows, leaf, asked)
        (gradient,) = torch.autograd.grad(answers.sum(), leaf)
    return gradient
