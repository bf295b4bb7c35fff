"""One population, one sample at a time: the compiled step without torch in between."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import numpy.typing as npt
import torch

from ..dynamics import Dynamics
from . import _operator as operator
from ._operator import Method

Array = npt.NDArray[np.floating[Any]]


class LivePopulation:
    """A population with the parameters of now, stepping on arrays of its own.

    Attributes:
        state: (N,) array; the step reads it and writes the new state there.
    """

    def __init__(self, dynamics: Dynamics, solver: str, unfolds: int):
        # Copies: some values are the parameters themselves, which training would move.
        values = {name: each.detach().clone() for name, each in dynamics.values().items()}
        dtype = values["b"].numpy().dtype
        self._dense = dynamics.name == "dense"
        if self._dense:
            # The input's share, W_in u + b, is what the kernel takes as its input.
            w_in = np.zeros((dynamics.units, dynamics.input_size), dtype)
            w_in[dynamics.sensory_post, dynamics.sensory_pre] = values["W_in"].numpy()
            self._w_in, self._b = w_in, values["b"].numpy()
            parameters = [values[name] for name in ("W_rec", "tau", "A")]
        else:
            parameters = list(values.values())
        empty = torch.empty(0, dtype=torch.int64)
        sensory = (empty, empty) if self._dense else (dynamics.sensory_pre, dynamics.sensory_post)
        tensors = [dynamics.pre, dynamics.post, *sensory, *parameters]
        width = dynamics.units if self._dense else dynamics.input_size
        self.state: Array = np.zeros(dynamics.units, dtype)
        self._inputs: Array = np.zeros(width, dtype)
        self._seen: Array = np.ones(width, dtype)
        self._elapsed: Array = np.zeros(1, dtype)
        self._given: Array = np.ones(dynamics.units, dtype)
        activation = operator.ACTIVATIONS.index(dynamics.options().get("activation", "sigmoid"))
        method = Method(
            operator.DYNAMICS.index(dynamics.name),
            operator.SOLVERS.index(solver),
            activation,
            unfolds,
        )
        self._sizes = (
            *method,
            1,
            1,
            width,
            dynamics.units,
            len(tensors[0]),
            len(sensory[0]),
            int(dtype == np.float64),
        )
        self._tensors = tensors  # keeps alive what the addresses point to
        self._addresses = {
            (masked, given): self._list_addresses(masked, given)
            for masked in (False, True)
            for given in (False, True)
        }
        self._forward = operator.built().forward

    def _list_addresses(self, masked: bool, given: bool) -> tuple[int, ...]:
        state = self.state.ctypes.data
        return (
            self._inputs.ctypes.data,
            self._seen.ctypes.data if masked and not self._dense else 0,
            self._elapsed.ctypes.data,
            self._given.ctypes.data if given else 0,
            state,
            state,
            *(each.data_ptr() for each in self._tensors),
        )

    def step(
        self,
        inputs: Array,
        seen: Optional[npt.NDArray[np.bool_]],
        elapsed_time: float,
        given: Optional[Array],
    ) -> Array:
        """The new state (N,) from inputs (I,), zero where ``seen`` (I,) is False."""
        if self._dense:
            np.matmul(self._w_in, inputs, out=self._inputs)
            self._inputs += self._b
        else:
            self._inputs[:] = inputs
            if seen is not None:
                self._seen[:] = seen
        self._elapsed[0] = elapsed_time
        if given is not None:
            self._given[:] = given
        self._forward(self._sizes, self._addresses[seen is not None, given is not None], 1)
        return self.state
