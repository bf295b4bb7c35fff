"""The usual attributions, in captum's conventions: quick, and with no promise of adding up."""

from __future__ import annotations

from typing import Optional

import numpy as np
import torch
from torch import Tensor

from .._checks import check_count, check_integer, check_items
from .._sequences import Number
from ..network import LiquidNetwork
from ._attribute import Output, Question, baseline_of, question
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
    return subject.as_given(own * _gradient(subject, own, question(subject, network, output, at)))


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
    total = torch.zeros_like(change)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    for position, weight in zip((nodes + 1) / 2, weights / 2):
        total += float(weight) * _gradient(subject, start + float(position) * change, asked)
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
    for t in range(steps - high + 1):
        for k in range(features - wide + 1):
            hidden = own.clone()
            place = (slice(None), slice(t, t + high), slice(k, k + wide))
            hidden[place] = start[place]
            total[place] += (whole - asked(subject, hidden)).view(-1, 1, 1)
            counts[place] += 1
    return subject.as_given(total / counts)


def _gradient(subject: Subject, inputs: Tensor, asked: Question) -> Tensor:
    """(B, T, I) of what is asked about."""
    with torch.enable_grad():
        leaf = inputs.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(asked(subject, leaf).sum(), leaf)
    return gradient
