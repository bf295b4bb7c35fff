"""Networks without some of their synapses or neurons, as plain data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ._checks import check_integer, check_items
from ._indices import Index
from ._model import Model
from .errors import DtypeError, LiquidError, OptionError
from .neuron import LiquidNeuron
from .wiring import Wiring

Pair = tuple[int, int]
"""Sender and receiver."""

_OPTIONS = ("dynamics", "solver", "unfolds", "constraint", "mixed_memory")


class Ablation(NamedTuple):
    """What is taken out of one population.

    Attributes:
        neurons: which nobody hears any longer.
        synapses, sensory_synapses: pairs of sender and receiver.
    """

    neurons: tuple[int, ...]
    synapses: tuple[Pair, ...]
    sensory_synapses: tuple[Pair, ...]


def ablation(
    wiring: Wiring,
    neurons: Iterable[int],
    synapses: Iterable[Pair],
    sensory_synapses: Iterable[Pair],
) -> Ablation:
    """Checked against a wiring.

    Raises:
        DomainError, DtypeError: there is no such neuron.
        OptionError: there is no such synapse.
    """
    listed = check_items("neurons", neurons, "a list of neurons")
    chosen = {check_integer("neurons", each, 0, wiring.units - 1) for each in listed}
    return Ablation(
        tuple(sorted(chosen)),
        _pairs("synapses", synapses, wiring.pre, wiring.post),
        _pairs("sensory_synapses", sensory_synapses, wiring.sensory_pre, wiring.sensory_post),
    )


def _pairs(name: str, given: Iterable[Pair], pre: Index, post: Index) -> tuple[Pair, ...]:
    known = set(zip(pre.tolist(), post.tolist()))
    pairs = []
    for each in check_items(name, given, "a list of pairs (sender, receiver)"):
        try:
            ends = check_items(name, each, "pairs", 2)
            sender, receiver = (check_integer(name, end, 0) for end in ends)
        except LiquidError:
            raise DtypeError(f"expected pairs (sender, receiver), got {each!r}", name) from None
        if (sender, receiver) not in known:
            raise OptionError(f"there is no synapse from {sender} to {receiver}", name)
        pairs.append((sender, receiver))
    return tuple(pairs)


def ablated(model: Model, population: int, taken: Ablation, directions: int) -> Model:
    """The network without what is taken out of one population.

    Its synapses are gone from the wiring. A neuron stays without synapses, so that the others keep
    their numbers; the read-out does not read it, and nobody hears it.

    Raises:
        OptionError: a synapse has no weights of its own, because a backbone or ``leaky_wiring``
            has some whatever the wiring says.
    """
    own = model.wirings[population]
    senders = [each + (population % directions) * own.units for each in taken.neurons]
    above = (population // directions + 1) * directions
    model = _thinned(model, population, taken)
    model = _deaf(model, population, "W_rec", list(taken.neurons))
    if above >= len(model.wirings):
        return _silence_readout(model, senders)
    for index in range(above, above + directions):
        wiring = model.wirings[index]
        heard = np.isin(wiring.sensory_pre, senders)
        pairs = zip(wiring.sensory_pre[heard].tolist(), wiring.sensory_post[heard].tolist())
        unheard = Ablation((), (), tuple(pairs))
        if _own_weights(model):
            model = _thinned(model, index, unheard)
        model = _deaf(model, index, "W_in", senders)
    return model


def _own_weights(model: Model) -> bool:
    """Whether there are weights for the synapses of the wiring alone."""
    dynamics = model.config["dynamics"]
    return not (dynamics.get("backbone_layers") or dynamics.get("leaky_wiring"))


def _thinned(model: Model, index: int, taken: Ablation) -> Model:
    """Without synapses, those of neurons included."""
    if not _own_weights(model):
        if taken.synapses or taken.sensory_synapses:
            raise OptionError(
                "a backbone and leaky_wiring have weights whatever the wiring says, so synapses "
                "cannot be taken out one by one; neurons can",
                "synapses" if taken.synapses else "sensory_synapses",
            )
        return model
    wirings, values = list(model.wirings), dict(model.values)
    old, new = wirings[index], _without(wirings[index], taken)
    before, after = (_pairs_of(model, each) for each in (old, new))
    for name, left in after.items():
        full = f"neurons.{index}.{name}"
        places = np.searchsorted(before[name], left)
        values[full] = values[full][torch.from_numpy(places).to(values[full].device)]
    wirings[index] = new
    return model._replace(wirings=wirings, values=values)


def _deaf(model: Model, index: int, kind: str, senders: list[int]) -> Model:
    """With weights of 0 for some senders, in the memory, a backbone and what hears whatever the
    wiring says; ``kind`` is W_rec or W_in."""
    values = dict(model.values)
    for name in (f"memory.{kind}", f"backbone_0_{kind}"):
        full = f"neurons.{index}.{name}"
        if full in values:
            values[full] = _zeroed(values[full], senders, dim=1)
    wiring = model.wirings[index]
    count = wiring.units if kind == "W_rec" else wiring.input_size
    if model.config["dynamics"].get("leaky_wiring"):
        for name, pairs in _pairs_of(model, wiring).items():
            if name.endswith(kind):
                full = f"neurons.{index}.{name}"
                places = np.flatnonzero(np.isin(pairs % count, senders))
                values[full] = _zeroed(values[full], places.tolist(), dim=0)
    return model._replace(values=values)


def _pairs_of(model: Model, wiring: Wiring) -> dict[str, Index]:
    options = {name: model.config[name] for name in _OPTIONS}
    with torch.device("meta"):
        return LiquidNeuron(wiring.input_size, wiring=wiring, **options).dynamics.pairs()


def _without(wiring: Wiring, taken: Ablation) -> Wiring:
    kept = _kept(wiring.pre, wiring.post, taken.synapses)
    kept &= ~np.isin(wiring.pre, taken.neurons) & ~np.isin(wiring.post, taken.neurons)
    sensory = _kept(wiring.sensory_pre, wiring.sensory_post, taken.sensory_synapses)
    sensory &= ~np.isin(wiring.sensory_post, taken.neurons)
    return replace(
        wiring,
        pre=wiring.pre[kept],
        post=wiring.post[kept],
        polarity=wiring.polarity[kept],
        sensory_pre=wiring.sensory_pre[sensory],
        sensory_post=wiring.sensory_post[sensory],
        sensory_polarity=wiring.sensory_polarity[sensory],
        recipe=None,
    )


def _kept(pre: Index, post: Index, pairs: tuple[Pair, ...]) -> npt.NDArray[np.bool_]:
    gone = set(pairs)
    each = zip(pre.tolist(), post.tolist())
    return np.array([pair not in gone for pair in each], dtype=bool)


def _silence_readout(model: Model, neurons: list[int]) -> Model:
    values = dict(model.values)
    if "readout.weight" in values:
        values["readout.weight"] = _zeroed(values["readout.weight"], neurons, dim=1)
    else:
        read = [each for each in neurons if each < len(values["readout.scale"])]
        values["readout.scale"] = _zeroed(values["readout.scale"], read, dim=0)
    return model._replace(values=values)


def _zeroed(value: Tensor, indices: list[int], dim: int) -> Tensor:
    chosen = torch.tensor(indices, dtype=torch.long, device=value.device)
    return value.index_fill(dim, chosen, 0.0)
