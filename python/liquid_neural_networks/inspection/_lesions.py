"""What a network does without some of its neurons or synapses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import numpy as np
import torch
from torch import Tensor

from .._checks import check_choice, check_fraction, check_integer
from .._inputs import as_reals, check_finite
from .._sequences import Number
from ..dynamics import Dynamics
from ..errors import OptionError, ShapeError
from ..network import LiquidNetwork
from ._attribute import Output, Question, question
from ._subject import Subject, asks, subject_of

LESIONS = ("neurons", "synapses", "sensory_synapses")


@dataclass(frozen=True)
class Lesions:
    """What every single lesion of a kind does to an output.

    Attributes:
        of: ``"neurons"``, ``"synapses"`` or ``"sensory_synapses"``.
        lesioned: the neuron, or the pair (sender, receiver), of each lesion.
        change: (L, B) the output with the lesion less the output without.
        loss: (L,) mean squared error with the lesion, or None without targets.
        intact_loss: the same without a lesion, or None.
    """

    of: str
    lesioned: tuple[Any, ...]
    change: Tensor
    loss: Optional[Tensor]
    intact_loss: Optional[float]

    @property
    def effect(self) -> Tensor:
        """(L,) the mean size of the change."""
        return self.change.abs().mean(1)

    def rows(self) -> list[dict[str, Any]]:
        """A table, the largest effect first."""
        order = self.effect.argsort(descending=True, stable=True).tolist()
        return [
            {
                "lesion": self.lesioned[index],
                "effect": float(self.effect[index]),
                **({} if self.loss is None else {"loss": float(self.loss[index])}),
            }
            for index in order
        ]


@asks
@torch.no_grad()
def lesions(
    network: LiquidNetwork,
    inputs: Tensor,
    output: Output = 0,
    time_constants: Optional[Number] = None,
    *,
    of: str = "neurons",
    targets: Optional[Tensor] = None,
    elapsed_time: Optional[Number] = None,
    mask: Optional[Number] = None,
    state: Optional[Tensor] = None,
    at: Optional[int] = None,
    population: int = 0,
) -> Lesions:
    """Every single lesion of a kind: what :meth:`LiquidNetwork.ablate` of it does to an output.

    Args:
        of: ``"neurons"``, ``"synapses"`` or ``"sensory_synapses"``.
        targets: (B, T, O), (T, B, O) where the network's inputs are (T, B, I), to compare all
            outputs with, or (B, O) for those asked about alone. Padding does not count.
        population: which one, counted as in ``state``.

    The other arguments and the errors are those of :func:`attribute`; computed in float64.

    Raises:
        OptionError: the kind is unknown, or a backbone leaves no synapses to take out.
    """
    check_choice("of", of, LESIONS)
    population = check_integer("population", population, 0, len(network.neurons) - 1)
    subject = subject_of(network, inputs, time_constants, elapsed_time, mask, state)
    asking = question(subject, network, output, at)
    own = subject.sequences.inputs
    intact = asking(subject, own)
    goal = None if targets is None else _targets(targets, subject)
    wiring = network.populations()[population][1].wiring
    named = _named(wiring, of)
    changes, losses = [], []
    for part in _one_by_one(subject, population, of, named):
        changes.append(asking(part, own) - intact)
        if goal is not None:
            losses.append(_loss(part, goal, asking))
    none = intact.new_zeros(0, len(intact))
    return Lesions(
        of,
        tuple(named),
        torch.stack(changes) if changes else none,
        None if goal is None else torch.tensor(losses, dtype=torch.float64),
        None if goal is None else _loss(subject, goal, asking),
    )


def _one_by_one(
    subject: Subject, population: int, of: str, named: Sequence[Any]
) -> Iterator[Subject]:
    """The subject with each of these lesions."""
    network = subject.network
    if of == "neurons":
        for each in named:
            yield subject._replace(network=network.ablate([each], population=population))
        return
    if named:
        _without(network, {of: named[:1]}, population)  # refuses what has no weights of its own
    dynamics = network.populations()[population][1].dynamics
    senders = dynamics.units if of == "synapses" else dynamics.input_size
    pairs = {n: p for n, p in dynamics.pairs().items() if n in dynamics.silent()}
    mine = {n: p for n, p in pairs.items() if _is_sensory(dynamics, n) == (of != "synapses")}
    values = {name: value.clone() for name, value in dynamics.values().items()}
    for sender, receiver in named:
        kept = dynamics.keeps_own_past and of == "synapses" and sender == receiver
        silenced = {}
        for name, codes in mine.items():
            silenced[name] = values[name].clone()
            if not kept:
                silenced[name][int(np.searchsorted(codes, receiver * senders + sender))] = 0.0
        dynamics.set_values(silenced)
        yield subject
    dynamics.set_values({name: values[name] for name in mine})


def _is_sensory(dynamics: Dynamics, name: str) -> bool:
    return name in dynamics.of_sensory_synapses or name.endswith("_W_in")


def _without(
    network: LiquidNetwork, taken: Mapping[str, Sequence[Any]], population: int = 0
) -> LiquidNetwork:
    return network.ablate(
        synapses=taken.get("synapses", ()),
        sensory_synapses=taken.get("sensory_synapses", ()),
        population=population,
    )


def _named(wiring: Any, of: str) -> list[Any]:
    if of == "neurons":
        return list(range(wiring.units))
    prefix = "sensory_" if of == "sensory_synapses" else ""
    ends = (getattr(wiring, f"{prefix}{end}").tolist() for end in ("pre", "post"))
    return list(zip(*ends))


def _targets(targets: Tensor, subject: Subject) -> Tensor:
    sequences = subject.sequences
    own = given = as_reals("targets", targets, sequences.inputs)
    if given.dim() == 3 or not sequences.batched:
        own = sequences.layout.batch_major(given)
    batch, steps = sequences.inputs.shape[:2]
    outputs = subject.network.output_size
    if own.shape not in ((batch, steps, outputs), (batch, outputs)):
        raise ShapeError(
            f"expected {sequences.layout.name('O')} or "
            f"{'(B, O)' if sequences.batched else '(O,)'}, with B = {batch}, T = {steps}, "
            f"O = {outputs}; got {tuple(given.shape)}",
            "targets",
        )
    if own.dim() == 3 and sequences.valid is not None:
        own = torch.where(sequences.valid.unsqueeze(-1), own, 0.0)
    check_finite("targets", own)
    return own


def _loss(subject: Subject, targets: Tensor, asking: Question) -> float:
    inputs, valid = subject.sequences.inputs, subject.sequences.valid
    if targets.dim() == 2:
        missed = asking.outputs(subject, inputs) - targets
    else:
        missed = subject.outputs(inputs) - targets
        missed = missed if valid is None else missed[valid]
    return float(missed.square().mean())


class Pruned(NamedTuple):
    """A network without what hardly mattered.

    Attributes:
        network: one of its own, without those synapses.
        synapses, sensory_synapses: the pairs taken out.
        cost: by how much outputs are off, root mean square over all samples of the inputs, padding
            apart.
        relative_cost: that by the standard deviation of the outputs; by 1 where they do not vary.
        kept: the share of synapses that is left.
    """

    network: LiquidNetwork
    synapses: tuple[tuple[int, int], ...]
    sensory_synapses: tuple[tuple[int, int], ...]
    cost: float
    relative_cost: float
    kept: float


@asks
@torch.no_grad()
def prune(
    network: LiquidNetwork,
    inputs: Tensor,
    limit: float = 0.01,
    time_constants: Optional[Number] = None,
    *,
    elapsed_time: Optional[Number] = None,
    mask: Optional[Number] = None,
    state: Optional[Tensor] = None,
) -> Pruned:
    """Takes out as many synapses of a population as these inputs hardly miss.

    Synapses are ordered by what each by itself does to the outputs; as many of the weakest are
    taken out together as the cost allows, found by bisection. The cost is measured on these
    inputs: take others to know what it is elsewhere.

    Args:
        limit: of the relative cost.

    The other arguments are those of :meth:`LiquidNetwork.forward`.

    Raises:
        DtypeError, DomainError: the limit is no number from 0 to below 1.
        OptionError: the network has several populations, or a backbone.
    """
    check_fraction("limit", limit)
    if len(network.neurons) > 1:
        raise OptionError("several populations are not pruned together yet", "network")
    subject = subject_of(network, inputs, time_constants, elapsed_time, mask, state)
    own, valid = subject.sequences.inputs, subject.sequences.valid
    whole = subject.outputs(own)
    counted = whole if valid is None else whole[valid]
    spread = float(counted.std(correction=0)) if counted.numel() else 0.0
    spread = spread if spread > 0 else 1.0
    candidates = [(kind, pair) for kind in LESIONS[1:] for pair in _named(network.wiring, kind)]

    def cost_of(taken: Sequence[tuple[str, Any]]) -> float:
        return missed(subject._replace(network=_without(subject.network, _grouped(taken))))

    def missed(part: Subject) -> float:
        off = part.outputs(own) - whole
        return float((off if valid is None else off[valid]).square().mean().sqrt())

    alone = [
        missed(part)
        for kind in LESIONS[1:]
        for part in _one_by_one(subject, 0, kind, _named(network.wiring, kind))
    ]
    order = sorted(range(len(candidates)), key=alone.__getitem__)
    low, high = 0, len(candidates)
    while low < high:
        middle = (low + high + 1) // 2
        if cost_of([candidates[i] for i in order[:middle]]) <= limit * spread:
            low = middle
        else:
            high = middle - 1
    taken = [candidates[i] for i in order[:low]]
    cost = cost_of(taken) if taken else 0.0
    groups = {kind: tuple(pairs) for kind, pairs in _grouped(taken).items()}
    pruned = _without(network, groups)
    kept = 1.0 - low / max(len(candidates), 1)
    return Pruned(pruned, groups["synapses"], groups["sensory_synapses"], cost, cost / spread, kept)


def _grouped(taken: Sequence[tuple[str, Any]]) -> dict[str, list[Any]]:
    return {kind: [pair for own, pair in taken if own == kind] for kind in LESIONS[1:]}
