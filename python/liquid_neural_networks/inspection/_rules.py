"""A small decision tree that says what a neuron or an output does, and how faithfully."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, Union

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .._checks import (
    check_choice,
    check_count,
    check_fraction,
    check_integer,
    check_items,
    check_names,
    check_seed,
)
from .._extras import require
from .._sequences import Number
from ..errors import DataError, OptionError
from ..network import LiquidNetwork
from ._subject import Subject, asks, subject_of

Array = npt.NDArray[Any]

CLASS = "class"
SOURCES = ("inputs", "states")


@dataclass(frozen=True)
class Rules:
    """A decision tree in place of a neuron or an output.

    Attributes:
        text: the rules, indented.
        names: of what they may ask about, column by column.
        asked: of those, what they do ask about, the most telling first.
        fidelity: on sequences (of one sequence: on samples) that the tree has not seen: the share
            of explained variance, of classes the share of equal answers. 1 is perfect.
        training_fidelity: the same on what it has seen.
        leaves: how many answers there are.
        tree: the tree itself, scikit-learn's.
    """

    text: str
    names: tuple[str, ...]
    asked: tuple[str, ...]
    fidelity: float
    training_fidelity: float
    leaves: int
    tree: Any

    def __str__(self) -> str:
        return f"{self.text}fidelity {self.fidelity:.3f}, {self.leaves} leaves"


class Samples(NamedTuple):
    """What is learned from: (M, columns) and (M,), and the sequence of each sample."""

    columns: Array
    answers: Array
    group: Array


class Evidence(NamedTuple):
    """What a tree or a formula is made from.

    Attributes:
        names: of the columns.
        samples: all of them.
        seen: (M,) those to learn from; the others are held out.
    """

    names: tuple[str, ...]
    samples: Samples
    seen: npt.NDArray[np.bool_]


@asks
@torch.no_grad()
def rules(
    network: LiquidNetwork,
    inputs: Tensor,
    output: Union[int, str, None] = None,
    time_constants: Optional[Number] = None,
    *,
    neuron: Optional[int] = None,
    depth: int = 3,
    ask: Sequence[str] = SOURCES,
    names: Optional[Sequence[str]] = None,
    held_out: float = 0.3,
    seed: int = 0,
    elapsed_time: Optional[Number] = None,
    mask: Optional[Number] = None,
    state: Optional[Tensor] = None,
) -> Rules:
    """The few questions about inputs and states that say best what a neuron or an output does.

    Grown on the samples of some sequences, tried on those of the others. Inputs are those of the
    sample, states those before it (of the first layer); missing inputs count as missing.

    Args:
        output: the index of an output, or ``"class"`` for the largest one. Default: output 0.
        neuron: of the first layer, in place of an output.
        depth: of the tree, questions to an answer at most.
        ask: about ``"inputs"``, ``"states"`` or both.
        names: of the inputs. Default: ``input 0`` ...
        held_out: the share of sequences to try it on; of one sequence, of its samples.
        seed: of the choice of those, and of the tree.

    The other arguments are those of :meth:`LiquidNetwork.forward`.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
        OptionError: both an output and a neuron are named, or a source is unknown.
        DataError: too few samples.
        ShapeError, DtypeError, DomainError: naming the argument.

    Source: in the spirit of Wang, Maalouf, Xiao, Lechner et al., *Interpreting Neural Policies with
    Disentangled Tree Representations*, 2022 (arXiv 2210.06650).
    """
    trees = require("sklearn.tree", "scikit-learn")
    check_count("depth", depth)
    subject = subject_of(network, inputs, time_constants, elapsed_time, mask, state)
    columns, samples, seen = evidence(subject, output, neuron, ask, names, held_out, seed)
    make = trees.DecisionTreeClassifier if _is_class(output) else trees.DecisionTreeRegressor
    tree = make(max_depth=depth, random_state=seed)
    tree.fit(samples.columns[seen], samples.answers[seen])
    importances = tree.feature_importances_
    asked = [columns[i] for i in np.argsort(-importances, kind="stable") if importances[i] > 0]
    return Rules(
        text=trees.export_text(tree, feature_names=list(columns), decimals=3),
        names=columns,
        asked=tuple(asked),
        fidelity=float(tree.score(samples.columns[~seen], samples.answers[~seen])),
        training_fidelity=float(tree.score(samples.columns[seen], samples.answers[seen])),
        leaves=int(tree.get_n_leaves()),
        tree=tree,
    )


def _is_class(output: object) -> bool:
    if isinstance(output, str):
        check_choice("output", output, (CLASS,))
    return isinstance(output, str)


def evidence(
    subject: Subject,
    output: Union[int, str, None],
    neuron: Optional[int],
    ask: Sequence[str],
    names: Optional[Sequence[str]],
    held_out: float,
    seed: int,
) -> Evidence:
    """The samples of a run, and which of them to learn from; checks the arguments.

    Raises:
        OptionError, DataError, ShapeError, DtypeError, DomainError: as :func:`rules`.
    """
    check_fraction("held_out", held_out)
    if output is not None and neuron is not None:
        raise OptionError("is given beside an output; name one of them", "neuron")
    columns = _columns_asked(subject.network, ask, names)
    samples = _samples_of(subject, output, neuron, ask)
    return Evidence(columns, samples, _seen_of(samples.group, held_out, seed))


def _columns_asked(
    network: LiquidNetwork, ask: Sequence[str], names: Optional[Sequence[str]]
) -> tuple[str, ...]:
    """What may be asked about, column by column."""
    asked = check_items("ask", ask, f"some of {', '.join(SOURCES)}")
    for each in asked:
        check_choice("ask", each, SOURCES)
    if not asked:
        raise OptionError(f"expected some of {', '.join(SOURCES)}", "ask")
    size = network.input_size
    given = [f"input {k}" for k in range(size)]
    if names is not None:
        given = check_names("names", names, size, "input")
    found = given if "inputs" in ask else []
    if "states" in ask:
        found = [*found, *(f"neuron {i}" for i in range(network.hidden_size))]
    return tuple(found)


def _samples_of(
    subject: Subject, output: Union[int, str, None], neuron: Optional[int], ask: Sequence[str]
) -> Samples:
    """What is asked about at every sample, and what a neuron or an output answers there."""
    own, network = subject.sequences, subject.network
    batch, steps = own.times().shape
    present = own.valid if own.mask is None else own.mask > 0
    trace = network.trace(
        own.inputs,
        own.time_constants,
        elapsed_time=own.times(),
        mask=present,
        state=subject.state,
    )
    first = torch.zeros_like(trace.states[:, :1])
    if subject.state is not None:
        first = subject.state[0, :, : network.hidden_size].unsqueeze(1)
    before = torch.cat([first, trace.states[:, :-1]], 1)
    shown = own.inputs if own.mask is None else own.inputs.masked_fill(own.mask == 0, torch.nan)
    columns = torch.cat([{"inputs": shown, "states": before}[each] for each in SOURCES
                         if each in ask], -1)  # fmt: skip
    if neuron is not None:
        answers = trace.states[..., check_integer("neuron", neuron, 0, network.hidden_size - 1)]
    else:
        outputs = subject.outputs(own.inputs)
        if _is_class(output):
            answers = outputs.argmax(-1)
        else:
            chosen = 0 if output is None else output
            answers = outputs[..., check_integer("output", chosen, 0, network.output_size - 1)]
    group = torch.arange(batch).unsqueeze(1).expand(batch, steps)
    if batch == 1:
        group = torch.arange(steps).unsqueeze(0)
    kept = own.times().new_ones(batch, steps, dtype=torch.bool) if own.valid is None else own.valid
    parts = (each[kept.to(each.device)].cpu().numpy() for each in (columns, answers, group))
    return Samples(*parts)


def _seen_of(group: Array, held_out: float, seed: int) -> npt.NDArray[np.bool_]:
    """(M,) which samples to learn from: whole groups."""
    groups = np.unique(group)
    order = np.random.default_rng(check_seed(seed)).permutation(groups)
    left = max(int(len(groups) * held_out), 1)
    seen = ~np.isin(group, order[:left])
    if seen.sum() < 2 or (~seen).sum() < 2:
        raise DataError("too few samples to learn from some and try on others", "inputs")
    return seen
