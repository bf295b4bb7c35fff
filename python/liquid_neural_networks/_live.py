"""A network on single samples: the compiled step, without torch in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from torch import nn

from . import fused
from .fused import _operator as operator
from .fused._memory import NO_MEMORY
from .fused._operator import Method

if TYPE_CHECKING:
    from .network import LiquidNetwork
    from .neuron import LiquidNeuron

Array = npt.NDArray[np.floating[Any]]


def can_run(network: LiquidNetwork) -> bool:
    """Whether every population of a network can step in compiled code."""
    neurons = cast("list[LiquidNeuron]", list(network.neurons))
    return all(fused.can_solve(each.dynamics, each.solver) for each in neurons)


class LiveNetwork:
    """A network with the parameters of now, stepping on arrays of its own.

    Attributes:
        sample: (I,) doubles to write before a step; NaN marks a missing feature.
        elapsed_time: (1,) to write before a step.
        time_constants: (N,) to write before a step that is given them.
        states: (num_layers, N), with a memory 2 N; a step reads them and leaves the new ones there.
        outputs: (O,) of the last step.
    """

    def __init__(self, network: LiquidNetwork):
        neurons = cast("list[LiquidNeuron]", list(network.neurons))
        self._kept: list[Any] = []  # alive as long as the session, which knows only addresses
        dtype = neurons[0].dynamics.like.detach().numpy().dtype
        self.sample: npt.NDArray[np.float64] = np.zeros(network.input_size)
        self.elapsed_time: Array = np.zeros(1, dtype)
        self.time_constants: Array = np.ones(network.hidden_size, dtype)
        self.states: Array = np.zeros((len(neurons), network.state_size), dtype)
        self.outputs: Array = np.zeros(network.output_size, dtype)
        read, seen = np.zeros(network.input_size, dtype), np.ones(network.input_size, dtype)
        mask = self._address(seen)
        stages, inputs = [], read
        for neuron, state in zip(neurons, self.states):
            stages += self._steps(neuron, inputs, mask, state)
            inputs, mask = state[: network.hidden_size], 0
        stages.append(self._affine(*_readout(network.readout), inputs, self.outputs))
        sample = (
            self._address(self.sample),
            self._address(read),
            self._address(seen),
            network.input_size,
            int(dtype == np.float64),
        )
        self._session = operator.built().live_open(sample, tuple(stages))
        self._step = operator.built().live_step

    def step(self, given: bool) -> bool:
        """One sample further; False, and nothing done, if it is infinite or nearly so."""
        done: bool = self._step(self._session, given)
        return done

    def _steps(
        self, neuron: LiquidNeuron, inputs: Array, mask: int, state: Array
    ) -> list[tuple[Any, ...]]:
        dynamics = neuron.dynamics
        values = {name: each.detach().numpy().copy() for name, each in dynamics.values().items()}
        recurrent = (dynamics.pre.numpy(), dynamics.post.numpy())
        sensory = (dynamics.sensory_pre.numpy(), dynamics.sensory_post.numpy())
        state, memory = state[: dynamics.units], state[dynamics.units :]
        stages, remembering = self._remembering(neuron, inputs, memory)
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
        )
        double = int(inputs.dtype == np.float64)
        counts = (len(inputs), len(state), len(recurrent[0]), len(sensory[0]), double)
        addresses = [self._address(inputs), mask]
        addresses += [self._address(each) for each in (self.elapsed_time, self.time_constants)]
        addresses += [self._address(each) for each in (state, state, *recurrent, *sensory)]
        addresses += remembering
        addresses += [self._address(each) for each in values.values()]
        return [*stages, ((*method[:4], 1, 1, *counts), tuple(addresses), ())]

    def _remembering(
        self, neuron: LiquidNeuron, inputs: Array, memory: Array
    ) -> tuple[list[tuple[Any, ...]], list[int]]:
        """What a memory cell hears, as a stage, and the cell's addresses; see Remembering."""
        cell = neuron.memory
        if cell is None:
            return [], [0] * len(NO_MEMORY)
        own = {name: each.detach().numpy().copy() for name, each in cell.named_parameters()}
        gates = np.zeros(4 * neuron.hidden_size, inputs.dtype)
        addresses = [self._address(each) for each in (gates, own["W_rec"], memory, memory)]
        return [self._affine(own["W_in"], own["b"], inputs, gates)], [*addresses, 0, 0]

    def _affine(self, matrix: Array, shift: Array, x: Array, y: Array) -> tuple[int, ...]:
        arrays = (matrix, shift, x, y)
        return (*(self._address(each) for each in arrays), *matrix.shape)

    def _address(self, array: npt.NDArray[Any]) -> int:
        self._kept.append(array)
        return array.ctypes.data


def _readout(readout: nn.Module) -> tuple[Array, Array]:
    """Matrix and shift: of a dense read-out, or of the scale on each motor neuron."""
    own = {name: each.detach().numpy().copy() for name, each in readout.named_parameters()}
    if "weight" in own:
        return own["weight"], own["bias"]
    return np.diag(own["scale"]), own["shift"]
