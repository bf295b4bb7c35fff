"""A short linear formula that says what a neuron or an output does, and how faithfully."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .._checks import check_count, check_integer
from .._extras import require
from .._sequences import Number
from ..network import LiquidNetwork
from ._rules import SOURCES, evidence
from ._subject import asks, subject_of

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Formula:
    """A sum of a few inputs and states in place of a neuron or an output.

    Attributes:
        text: the formula.
        names: of what it may speak of, column by column.
        asked: of those, what it does speak of, the most telling first.
        fidelity: the share of explained variance on sequences (of one sequence: on samples) that
            the formula has not seen. 1 is perfect.
        training_fidelity: the same on what it has seen.
        weights: of ``asked``, in the units of inputs and states.
        constant: what is added to them.
    """

    text: str
    names: tuple[str, ...]
    asked: tuple[str, ...]
    fidelity: float
    training_fidelity: float
    weights: tuple[float, ...]
    constant: float

    def __str__(self) -> str:
        terms = len(self.asked)
        return f"{self.text}\nfidelity {self.fidelity:.3f}, {terms} term{'s' * (terms != 1)}"


@asks
@torch.no_grad()
def formula(
    network: LiquidNetwork,
    inputs: Tensor,
    output: Optional[int] = None,
    time_constants: Optional[Number] = None,
    *,
    neuron: Optional[int] = None,
    terms: int = 5,
    ask: Sequence[str] = SOURCES,
    names: Optional[Sequence[str]] = None,
    held_out: float = 0.3,
    seed: int = 0,
    elapsed_time: Optional[Number] = None,
    mask: Optional[Number] = None,
    state: Optional[Tensor] = None,
) -> Formula:
    """The sum of a few inputs and states that says best what a neuron or an output does.

    Terms are chosen one after the other (orthogonal matching pursuit), each the one that what is
    left depends on most, on the samples of some sequences; tried on those of the others. Inputs
    are those of the sample, states those before it (of the first layer); a missing input counts as
    its mean.

    Args:
        output: the index of an output, of a classifier the score of a class. Default: output 0.
        neuron: of the first layer, in place of an output.
        terms: at most.
        ask: about ``"inputs"``, ``"states"`` or both.
        names: of the inputs. Default: ``input 0`` ...
        held_out: the share of sequences to try it on; of one sequence, of its samples.
        seed: of the choice of those.

    The other arguments are those of :meth:`LiquidNetwork.forward`.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
        OptionError: both an output and a neuron are named, or a source is unknown.
        DataError: too few samples.
        ShapeError, DtypeError, DomainError: naming the argument.

    Source: Pati, Rezaiifar, Krishnaprasad, *Orthogonal Matching Pursuit*, 1993 (the choice of the
    terms).
    """
    pursuit = require("sklearn.linear_model", "scikit-learn").OrthogonalMatchingPursuit
    check_count("terms", terms)
    if output is not None:
        check_integer("output", output, 0, network.output_size - 1)
    subject = subject_of(network, inputs, time_constants, elapsed_time, mask, state)
    columns, samples, seen = evidence(subject, output, neuron, ask, names, held_out, seed)
    table = _Table.of(samples.columns, seen)
    answer = _Table.of(samples.answers[:, None], seen)
    weights, constant = np.zeros(len(columns)), float(answer.mean[0])
    moving = np.flatnonzero(table.deviation)
    if len(moving) and answer.deviation[0] > 0:
        fitted = pursuit(n_nonzero_coefs=min(terms, len(moving)), fit_intercept=False)
        with warnings.catch_warnings():
            # Of fewer terms than were allowed: no other has anything left to tell.
            warnings.simplefilter("ignore", RuntimeWarning)
            fitted.fit(table.values[seen][:, moving], answer.values[seen][:, 0])
        weights[moving] = fitted.coef_ * answer.deviation[0]
    answers = table.values @ weights + constant
    order = [i for i in np.argsort(-np.abs(weights), kind="stable") if weights[i] != 0]
    own = [float(weights[i] / table.deviation[i]) for i in order]
    constant -= float(sum(w * table.mean[i] for w, i in zip(own, order)))
    asked = tuple(columns[i] for i in order)
    said = f"output {output or 0}" if neuron is None else f"neuron {neuron}"
    return Formula(
        text=_text(said, constant, own, asked),
        names=columns,
        asked=asked,
        fidelity=_explained(samples.answers[~seen], answers[~seen]),
        training_fidelity=_explained(samples.answers[seen], answers[seen]),
        weights=tuple(own),
        constant=constant,
    )


class _Table(NamedTuple):
    """Columns (M, C) of mean 0 and deviation 1 on the samples seen, missing ones at the mean; a
    column that never moves there has a deviation of 0."""

    values: Array
    mean: Array
    deviation: Array

    @classmethod
    def of(cls, columns: Array, seen: Array) -> _Table:
        known = np.isfinite(columns)
        counts = np.maximum(known[seen].sum(axis=0), 1)
        mean = np.where(known, columns, 0.0)[seen].sum(axis=0) / counts
        apart = np.where(known, columns - mean, 0.0)
        deviation = np.sqrt(np.square(apart[seen]).sum(axis=0) / counts)
        # Rounding leaves a constant column with a deviation of a few last digits.
        deviation[deviation <= 1e-12 * np.maximum(np.abs(mean), 1.0)] = 0.0
        return cls(apart / np.where(deviation > 0, deviation, 1.0), mean, deviation)


def _explained(truth: Array, answers: Array) -> float:
    """The share of the variance; of what never changes 1 if it is met, else 0."""
    left, whole = np.square(truth - answers).sum(), np.square(truth - truth.mean()).sum()
    if whole == 0.0:
        return float(left <= 1e-12 * max(float(np.square(truth).sum()), 1.0))
    return float(1.0 - left / whole)


def _text(said: str, constant: float, weights: Sequence[float], names: Sequence[str]) -> str:
    terms = [f" {'-' if w < 0 else '+'} {abs(w):.3g} * {name}" for w, name in zip(weights, names)]
    return f"{said} = {constant:.3g}{''.join(terms)}"
