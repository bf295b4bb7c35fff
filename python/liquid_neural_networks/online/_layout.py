"""``Layout``: a population and its read-out as plain data, and where their parameters stand in C.

Columns are explained in ``_kernel/src/learner.h``. Neurons stand by layer of the wiring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from .. import readout as readouts
from ..dynamics import ClosedFormDynamics, ConductanceDynamics, DenseDynamics, Dynamics
from ..neuron import LiquidNeuron

Index = npt.NDArray[np.int64]


class Lists(NamedTuple):
    """Synapses sorted by receiver, then sender; neurons by layer of the wiring."""

    pre: Index
    post: Index
    sensory_pre: Index
    sensory_post: Index


@dataclass(frozen=True)
class Layout:
    """One population with a read-out of its neurons.

    Attributes:
        dynamics, solver, activation, mode, unfolds: what is computed, "" for what does not apply.
        units, inputs, outputs: N, I, O.
        lists: who sends to whom.
        layer_sizes: neurons in each layer that acts by itself.
        place: (N,) where each neuron stands.
        motors: (O,) where those of a motor read-out stand, None for a dense one.
        softplus: whether bounded parameters are stored as in
            :class:`~liquid_neural_networks.constraints.Softplus`.
        lower: parameter -> its bound.
        width: of each block, before it is filled up; one for each neuron, and, of conductance
            dynamics, one for the inputs.
        within: parameter -> which block each of its numbers is in, and where there.
        readout: parameter -> where it stands in the block of the read-out.
    """

    dynamics: str
    solver: str
    activation: str
    mode: str
    unfolds: int
    units: int
    inputs: int
    outputs: int
    lists: Lists
    layer_sizes: tuple[int, ...]
    place: Index
    motors: Any
    softplus: bool
    lower: Mapping[str, float]
    width: Index
    within: Mapping[str, tuple[Index, Index]]
    readout: Mapping[str, Index]

    def first(self, lanes: int) -> Index:
        """(blocks + 1,) the first column of each, and of the read-out."""
        return np.concatenate([[0], np.cumsum(-(-self.width // lanes) * lanes)])

    def columns(self, lanes: int) -> int:
        """P, all columns."""
        size = 1 + max(int(each.max(initial=0)) for each in self.readout.values())
        return int(self.first(lanes)[-1]) + -(-size // lanes) * lanes

    def positions(self, lanes: int) -> dict[str, Index]:
        """Parameter -> the column of each of its numbers, in the shape of the parameter."""
        first = self.first(lanes)
        own = {name: first[block] + at for name, (block, at) in self.within.items()}
        return {**own, **{name: first[-1] + at for name, at in self.readout.items()}}


def layout_of(prefix: str, population: LiquidNeuron, readout: nn.Module) -> Layout:
    """The layout of a population that :func:`unsupported` has nothing against."""
    dynamics = population.dynamics
    solver, unfolds = population.method
    make = _closed_form if isinstance(dynamics, ClosedFormDynamics) else _ode
    place, sizes, lists, width, within = make(dynamics)
    motors, at = _readout(readout, place)
    return Layout(
        dynamics.name,
        solver or "",
        getattr(dynamics, "activation", ""),
        getattr(dynamics, "mode", ""),
        unfolds or 1,
        dynamics.units,
        dynamics.input_size,
        readouts.size_of(readout, dynamics.units),
        lists,
        sizes,
        place,
        motors,
        dynamics.constraint == "softplus",
        {prefix + name: bound for name, bound in dynamics.lower_bounds.items()},
        width,
        {prefix + name: found for name, found in within.items()},
        {f"readout.{name}": index for name, index in at.items()},
    )


def unsupported(population: LiquidNeuron) -> str:
    """Why C cannot carry sensitivities of it along; empty if it can."""
    dynamics, solver = population.dynamics, population.solver
    equations = dynamics.storage.equations
    if population.memory is not None:
        return "it has a memory cell"
    if equations is ClosedFormDynamics:
        assert isinstance(dynamics, ClosedFormDynamics)
        if dynamics.backbone is not None:
            return "it has a backbone"
        return "it has more than 16 layers" if len(dynamics.layout.sizes) > 16 else ""
    if equations not in (ConductanceDynamics, DenseDynamics):
        return f"there is no kernel for {dynamics.name} dynamics"
    if solver not in ("fused", "euler", "exponential"):
        return f"there is no kernel for the {solver} solver"
    return ""


_Made = tuple[Index, tuple[int, ...], Lists, Index, dict[str, tuple[Index, Index]]]

_PARTS = {
    "conductance": (("c", "g", "vleak"), ("w", "sigma", "mu", "E")),
    "dense": (("b", "tau", "A"), ("W_rec",)),
}


def _ode(dynamics: Dynamics) -> _Made:
    own, recurrent = _PARTS[dynamics.name]
    conductance = dynamics.name == "conductance"
    sensory = tuple(f"sensory_{name}" for name in recurrent) if conductance else ("W_in",)
    lists = Lists(
        *(dynamics.index_lists[name] for name in ("pre", "post", "sensory_pre", "sensory_post"))
    )
    width, within = _blocks(dynamics.units, lists, own, recurrent, sensory)
    if conductance:
        inputs = np.arange(dynamics.input_size)
        block = np.full(len(inputs), dynamics.units)
        within |= {"a": (block, inputs), "b": (block, len(inputs) + inputs)}
        width = np.append(width, 2 * len(inputs))
    return np.arange(dynamics.units), (dynamics.units,), lists, width, within


def _blocks(
    units: int,
    lists: Lists,
    own: tuple[str, ...],
    recurrent: tuple[str, ...],
    sensory: tuple[str, ...],
) -> tuple[Index, dict[str, tuple[Index, Index]]]:
    """The width of each neuron's block, and where parameters stand."""
    degree = np.bincount(lists.post, minlength=units)
    sensory_degree = np.bincount(lists.sensory_post, minlength=units)
    neurons = np.arange(units)
    within = {name: (neurons, np.full(units, k)) for k, name in enumerate(own)}
    start = np.full(units, len(own))
    for names, post, count in (
        (recurrent, lists.post, degree),
        (sensory, lists.sensory_post, sensory_degree),
    ):
        rank = np.arange(len(post)) - (np.cumsum(count) - count)[post]
        for name in names:
            within[name] = (post, start[post] + rank)
            start = start + count
    return start, within


def _closed_form(dynamics: Dynamics) -> _Made:
    assert isinstance(dynamics, ClosedFormDynamics)
    layout, heads = dynamics.layout, dynamics.heads
    place = layout.back(torch.device("cpu")).numpy()
    recurrent = {head: layout.pairs[head].recurrent for head in heads}
    sensory = {head: layout.pairs[head].sensory for head in heads}
    units, inputs = dynamics.units, dynamics.input_size
    keys = {head: place[each.post] * units + place[each.pre] for head, each in recurrent.items()}
    sensory_keys = {head: place[each.post] * inputs + each.pre for head, each in sensory.items()}
    # Each head has the pairs of all: weights that do not exist stay 0.
    every = np.unique(np.concatenate([*keys.values()]))
    every_sensory = np.unique(np.concatenate([*sensory_keys.values()]))
    post, pre = np.divmod(every, units)
    sensory_post, sensory_pre = np.divmod(every_sensory, inputs)
    lists = Lists(pre, post, sensory_pre, sensory_post)
    own = tuple(f"{head}_b" for head in heads)
    if dynamics.mode == "pure":
        own = (*own, "w_tau", "A")
    width, all_pairs = _blocks(
        units,
        lists,
        own,
        tuple(f"{head}_W_rec" for head in heads),
        tuple(f"{head}_W_in" for head in heads),
    )
    within = {name: (place, at[place]) for name, (_, at) in all_pairs.items() if name in own}
    for head in heads:
        for name, key, known in (
            (f"{head}_W_rec", keys[head], every),
            (f"{head}_W_in", sensory_keys[head], every_sensory),
        ):
            index = np.searchsorted(known, key)
            block, at = all_pairs[name]
            within[name] = (block[index], at[index])
    return place, tuple(layout.sizes), lists, width, within


def _readout(readout: nn.Module, place: Index) -> tuple[Any, dict[str, Index]]:
    if isinstance(readout, readouts.MotorReadout):
        count = len(readout.scale)
        outputs = np.arange(count)
        return place[:count].astype(np.int32), {"scale": outputs, "shift": count + outputs}
    units = len(place)
    count = readouts.size_of(readout, units)
    outputs = np.arange(count)
    return None, {
        "weight": outputs[:, None] * units + place,
        "bias": count * units + outputs,
    }
