"""A network on single samples: the compiled step, without torch in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from . import fused
from .dynamics import ClosedFormDynamics
from .fused import _closed_form
from .fused import _operator as operator
from .fused._memory import NO_MEMORY
from .fused._operator import Method

if TYPE_CHECKING:
    from .network import LiquidNetwork
    from .neuron import LiquidNeuron

Array = npt.NDArray[np.floating[Any]]
Index = npt.NDArray[np.int64]


def can_run(network: LiquidNetwork) -> bool:
    """Whether every population of a network can step in compiled code."""
    neurons = cast("list[LiquidNeuron]", list(network.neurons))
    return all(fused.can_run(each.dynamics, each.solver) for each in neurons)


class LiveNetwork:
    """A network with the parameters of now, stepping on arrays of its own.

    Attributes:
        sample: (I,) doubles to write before a step; NaN marks a missing feature.
        elapsed_time: (1,) to write before a step.
        time_constants: (N,) to write before a step that is given them.
        outputs: (O,) of the last step.
    """

    def __init__(self, network: LiquidNetwork):
        neurons = cast("list[LiquidNeuron]", list(network.neurons))
        self._kept: list[Any] = []  # alive as long as the session, which knows only addresses
        dtype = neurons[0].dynamics.like.detach().numpy().dtype
        self.sample: npt.NDArray[np.float64] = np.zeros(network.input_size)
        self.elapsed_time: Array = np.zeros(1, dtype)
        self.time_constants: Array = np.ones(network.hidden_size, dtype)
        self._states: Array = np.zeros((len(neurons), network.state_size), dtype)
        self._shifts: list[Callable[[], None]] = []
        self.outputs: Array = np.zeros(network.output_size, dtype)
        read, seen = np.zeros(network.input_size, dtype), np.ones(network.input_size, dtype)
        mask = self._address(seen)
        stages, inputs, order = [], read, np.arange(network.input_size)
        self._orders = [_order(neuron) for neuron in neurons]
        for neuron, state, own in zip(neurons, self._states, self._orders):
            steps = self._closed_steps if neuron.dynamics.name == "closed_form" else self._steps
            stages += steps(neuron, inputs, order, mask, state)
            inputs, order, mask = state[: network.hidden_size], own, 0
        matrix, shift = _readout(network.readout, network.hidden_size)
        stages.append(self._affine(matrix[:, order], shift, inputs, self.outputs))
        sample = (
            self._address(self.sample),
            self._address(read),
            self._address(seen),
            network.input_size,
            operator.kernel_for(neurons[0].dynamics.like.dtype),
        )
        self._session = operator.built().live_open(sample, tuple(stages))
        self._step = operator.built().live_step

    def step(self, given: bool) -> bool:
        """One sample further; False, and nothing done, if it is infinite or nearly so."""
        if given:
            for write in self._shifts:
                write()
        done: bool = self._step(self._session, given)
        return done

    def states(self) -> Array:
        """(num_layers, N) of now, with a memory 2 N."""
        states: Array = np.empty_like(self._states)
        for own, order, to in zip(self._states, self._orders, states):
            to.reshape(-1, len(order))[:, order] = own.reshape(-1, len(order))
        return states

    def set_states(self, states: npt.NDArray[np.float64]) -> None:
        """What :meth:`states` gave, or would have given."""
        for own, order, given in zip(self._states, self._orders, states):
            own.reshape(-1, len(order))[:] = given.reshape(-1, len(order))[:, order]

    def reset(self) -> None:
        """Zeros."""
        self._states[:] = 0.0

    def _steps(
        self, neuron: LiquidNeuron, inputs: Array, columns: Index, mask: int, state: Array
    ) -> list[tuple[Any, ...]]:
        """Neurons of conductance and dense dynamics keep their order."""
        dynamics = neuron.dynamics
        values = {name: each.detach().numpy().copy() for name, each in dynamics.values().items()}
        recurrent = (dynamics.pre.numpy(), dynamics.post.numpy())
        sensory = (dynamics.sensory_pre.numpy(), dynamics.sensory_post.numpy())
        state, memory = state[: dynamics.units], state[dynamics.units :]
        stages, remembering = self._remembering(neuron, inputs, memory, columns)
        if dynamics.name == "dense":
            # The input's share, W_in u + b, is what the step takes as its input.
            w_in = np.zeros((dynamics.units, dynamics.input_size), inputs.dtype)
            w_in[sensory[1], sensory[0]] = values.pop("W_in")
            share = np.zeros(dynamics.units, inputs.dtype)
            stages.append(self._affine(w_in, values.pop("b"), inputs, share))
            inputs, mask, sensory = share, 0, (sensory[0][:0], sensory[1][:0])
        method = Method(
            operator.DYNAMICS.index(dynamics.name),
            operator.SOLVERS.index(cast(str, neuron.solver)),
            operator.ACTIVATIONS.index(dynamics.options().get("activation", "sigmoid")),
            cast(int, neuron.unfolds),
            dynamics.units,
            operator.kernel_for(dynamics.like.dtype),
        )
        counts = (len(inputs), len(state), len(recurrent[0]), len(sensory[0]), method.kernel)
        addresses = [self._address(inputs), mask]
        addresses += [self._address(each) for each in (self.elapsed_time, self.time_constants)]
        addresses += [self._address(each) for each in (state, state, *recurrent, *sensory)]
        addresses += remembering
        addresses += [self._address(each) for each in values.values()]
        return [*stages, ((*method[:4], 1, 1, *counts), tuple(addresses), ())]

    def _closed_steps(
        self, neuron: LiquidNeuron, inputs: Array, columns: Index, _: int, state: Array
    ) -> list[tuple[Any, ...]]:
        dynamics = cast(ClosedFormDynamics, neuron.dynamics)
        with torch.no_grad():
            values = dynamics.prepare(dynamics.values())
            form, tiers, weights = _closed_form.written_out(dynamics, values)
            rates = dynamics.base_rates(values, None) if dynamics.mode == "pure" else None
        state, memory = state[: dynamics.units], state[dynamics.units :]
        stages, remembering = self._remembering(neuron, inputs, memory, columns)
        w_in, bias = _written(values["W_in"]), _written(values["bias"])
        heard = np.zeros(len(bias), inputs.dtype)
        stages.append(self._affine(w_in[:, columns], bias, inputs, heard))
        recurrent, *others = [self._address(_written(each)) for each in weights]
        heads = others[:2] or [0, 0]
        addresses = [*map(self._address, (heard, self.elapsed_time)), 0, self._address(state)]
        addresses += [recurrent, *heads]
        addresses += [0 if each is None else self._address(_written(each)) for each in tiers]
        addresses += [*remembering[:3], *others[2:], self._address(state), 0, 0, 0]
        addresses += remembering[3:]
        sizes = (*form[:4], 1, 1, dynamics.units, len(bias), form.kernel)
        shifts = (
            0 if rates is None else self._address(_written(rates)),
            self._address(self._given_shift(dynamics, inputs.dtype)),
        )
        return [*stages, (sizes, tuple(addresses), shifts)]

    def _given_shift(self, dynamics: ClosedFormDynamics, dtype: npt.DTypeLike) -> Array:
        """What is written from the given time constants before a step."""
        shift: Array = np.zeros(dynamics.units, dtype)
        order, bias, sign = dynamics.order.numpy(), np.zeros_like(shift), np.ones_like(shift)
        if dynamics.mode != "pure":
            bias = _written(dynamics.values()["time_a_b"])
            sign = np.where(bias < 0, -sign, sign)

        def write() -> None:
            shift[:] = (sign / self.time_constants - bias)[order]

        self._shifts.append(write)
        return shift

    def _remembering(
        self, neuron: LiquidNeuron, inputs: Array, memory: Array, columns: Index
    ) -> tuple[list[tuple[Any, ...]], list[int]]:
        """What a memory cell hears, as a stage, and the cell's addresses; see Remembering."""
        cell, order = neuron.memory, _order(neuron)
        if cell is None:
            return [], [0] * len(NO_MEMORY)
        rows = (np.arange(4)[:, None] * len(order) + order).ravel()
        w_in, w_rec, bias = (_written(each)[rows] for each in (cell.W_in, cell.W_rec, cell.b))
        gates = np.zeros(len(rows), inputs.dtype)
        arrays = (gates, np.ascontiguousarray(w_rec[:, order]), memory, memory)
        stage = self._affine(w_in[:, columns], bias, inputs, gates)
        return [stage], [*map(self._address, arrays), 0, 0]

    def _affine(self, matrix: Array, shift: Array, x: Array, y: Array) -> tuple[int, ...]:
        arrays = (np.ascontiguousarray(matrix), shift, x, y)
        return (*(self._address(each) for each in arrays), *matrix.shape)

    def _address(self, array: npt.NDArray[Any]) -> int:
        self._kept.append(array)
        return array.ctypes.data


def _written(tensor: Tensor) -> Array:
    """A copy that later training leaves alone."""
    copy: Array = tensor.detach().contiguous().numpy().copy()
    return copy


def _order(neuron: LiquidNeuron) -> Index:
    """The neurons (N,) as they stand in the state."""
    if isinstance(neuron.dynamics, ClosedFormDynamics):
        order: Index = neuron.dynamics.order.numpy()
        return order
    return np.arange(neuron.hidden_size)


def _readout(readout: nn.Module, units: int) -> tuple[Array, Array]:
    """Matrix (O, N) and shift: of a dense read-out, or of the scale on each motor neuron."""
    own = {name: _written(each) for name, each in readout.named_parameters()}
    if "weight" in own:
        return own["weight"], own["bias"]
    scale = own["scale"]
    return np.eye(len(scale), units, dtype=scale.dtype) * scale[:, None], own["shift"]
