"""Live sessions: a network on single samples in C, without torch in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .._kernel import built, kernel_for
from ..dynamics import ClosedFormDynamics, DenseDynamics, Dynamics, Values
from ..memory import MemoryCell
from ..solvers import Method
from . import _closed_form, _ode, _step
from ._calls import Tensors
from ._fields import DYNAMICS

Array = npt.NDArray[np.floating[Any]]


class Population(NamedTuple):
    """One population of a network; what an engine is given of it."""

    dynamics: Dynamics
    method: Method
    memory: Optional[MemoryCell]


class Session:
    """Populations one after the other and a read-out, stepping on tensors of its own.

    Args:
        populations: in the order in which signals travel, each fed by the one before.
        readout: a matrix (O, N) and a shift (O,) of the last one's neurons, or None: the outputs
            are its neurons.

    Attributes:
        sample: (I,) doubles to write before a step; NaN marks a missing feature.
        elapsed_time: (1,) to write before a step.
        time_constants: (N,) to write before a step that is given them.
        outputs: (O,) of the last step.
    """

    def __init__(self, populations: Sequence[Population], readout: Optional[tuple[Tensor, Tensor]]):
        first, memory = populations[0].dynamics, populations[0].memory
        self._like = first.like.detach()
        self._units, size = first.units, first.units * (1 if memory is None else 2)
        self._states = self._zeros(len(populations), size)
        self._before_given: list[Callable[[], None]] = []
        sample = torch.zeros(first.input_size, dtype=torch.float64, device="cpu")
        self._elapsed, self._given = self._zeros(1, 1), self._zeros(1, 1, first.units).fill_(1.0)
        self.sample: npt.NDArray[np.float64] = sample.numpy()
        self.elapsed_time: Array = self._elapsed.view(-1).numpy()
        self.time_constants: Array = self._given.view(-1).numpy()
        inputs, seen = self._zeros(first.input_size), self._zeros(first.input_size).fill_(1.0)
        signal, order = inputs, torch.arange(first.input_size, device="cpu")
        mask: Optional[Tensor] = seen
        stages: list[dict[str, Any]] = []
        self._orders = [_order(each.dynamics) for each in populations]
        for each, state, own in zip(populations, self._states, self._orders):
            stages += self._stages(each, signal, order, mask, state)
            signal, order, mask = state[: first.units], own, None
        identity = torch.eye(first.units, dtype=self._like.dtype, device="cpu")
        matrix, shift = readout or (identity, self._zeros(first.units))
        outputs = self._zeros(len(shift))
        stages.append(_affine(matrix[:, order], shift, signal, outputs))
        self.outputs: Array = outputs.numpy()
        self._session = built().open_session(
            kernel_for(self._like.dtype), sample, inputs, seen, tuple(stages)
        )
        self._step = built().session_step

    def step(self, given: bool) -> bool:
        """One sample further; False, and nothing done, if it is infinite or nearly so."""
        if given:
            for write in self._before_given:
                write()
        done: bool = self._step(self._session, given)
        return done

    def states(self) -> Array:
        """(populations, N) of now, with a memory 2 N."""
        states = torch.empty_like(self._states)
        for own, order, to in zip(self._states, self._orders, states):
            to.view(-1, len(order))[:, order] = own.view(-1, len(order))
        array: Array = states.numpy()
        return array

    def set_states(self, states: npt.NDArray[np.float64]) -> None:
        """What :meth:`states` gave, or would have given."""
        values = torch.from_numpy(np.array(states)).to(self._states)
        for own, order, given in zip(self._states, self._orders, values):
            own.view(-1, len(order))[:] = given.view(-1, len(order))[:, order]

    def reset(self) -> None:
        """Zeros."""
        self._states.zero_()

    # -- stages ----------------------------------------------------------------------------------

    def _stages(
        self,
        population: Population,
        inputs: Tensor,
        order: Tensor,
        mask: Optional[Tensor],
        state: Tensor,
    ) -> list[dict[str, Any]]:
        """The stages of one population; ``order`` says which input stands where in ``inputs``."""
        units = self._units
        neurons, remembered = state[:units].view(1, units), state[units:]
        stages, cell = self._memory(population, inputs, order, remembered)
        tensors: Tensors = {
            "elapsed_time": self._elapsed,
            "state": neurons,
            "states": neurons.view(1, 1, units),
            **cell,
        }
        if isinstance(population.dynamics, ClosedFormDynamics):
            more = self._closed_form(population.dynamics, inputs, order, tensors)
        else:
            more = self._ode(population, inputs, order, mask, tensors)
        return [*stages, *more]

    def _ode(
        self,
        population: Population,
        inputs: Tensor,
        order: Tensor,
        mask: Optional[Tensor],
        tensors: Tensors,
    ) -> list[dict[str, Any]]:
        dynamics, stages = population.dynamics, []
        values = _copied(dynamics.values())
        if isinstance(dynamics, DenseDynamics):
            matrix, bias = dynamics.input_map(values)
            terms = self._zeros(dynamics.units)
            stages.append(_affine(matrix[:, order], bias, inputs, terms))
            inputs = terms
        else:
            tensors["mask"] = None if mask is None else mask.view(1, 1, -1)
        tensors |= {
            "inputs": inputs.view(1, 1, -1),
            "time_constants": self._given,
            **{name: values[name] for name in DYNAMICS[dynamics.name]},
        }
        plan = _ode.plan_for(dynamics, population.method, _step.VALUES)
        return [*stages, {"kind": "step", "plan": plan, "tensors": tensors}]

    def _closed_form(
        self, dynamics: ClosedFormDynamics, inputs: Tensor, order: Tensor, tensors: Tensors
    ) -> list[dict[str, Any]]:
        with torch.no_grad():
            values = dynamics.prepare(_copied(dynamics.values()))
            matrices = _closed_form.weights(dynamics, values)
            learned = dynamics.given_rates(values, None)
        terms = self._zeros(len(values["bias"]))
        given_shift = self._zeros(1, 1, dynamics.units)

        def write_given() -> None:
            rates = dynamics.given_rates(values, self._given)
            assert rates is not None
            given_shift.copy_(rates.detach())

        self._before_given.append(write_given)
        tensors |= {
            "input_terms": terms.view(1, 1, -1),
            "shift": None if learned is None else learned.detach().view(1, 1, -1).contiguous(),
            "given_shift": given_shift,
            **{n: None if m is None else m.detach().contiguous() for n, m in matrices.items()},
        }
        plan = _closed_form.plan_for(dynamics, _closed_form.form_of(dynamics))
        return [
            _affine(values["W_in"][:, order], values["bias"], inputs, terms),
            {"kind": "step", "plan": plan, "tensors": tensors},
        ]

    def _memory(
        self, population: Population, inputs: Tensor, order: Tensor, remembered: Tensor
    ) -> tuple[list[dict[str, Any]], Tensors]:
        """What a memory cell takes from the inputs, as a stage, and what C reads for it."""
        if population.memory is None:
            return [], {}
        memory, own = population.memory, _order(population.dynamics)
        values = _copied(memory.values())
        gates = self._zeros(1, 1, 4 * self._units)
        rows = (torch.arange(4, device="cpu").unsqueeze(1) * len(own) + own).flatten()
        stage = _affine(values["W_in"][rows][:, order], values["b"][rows], inputs, gates.view(-1))
        return [stage], {
            "gates": gates,
            "gates_recurrent": values["W_rec"][rows][:, own].contiguous(),
            "memory": remembered.view(1, -1),
            "memories": remembered.view(1, 1, -1),
        }

    def _zeros(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=self._like.dtype, device="cpu")


def _affine(matrix: Tensor, shift: Tensor, source: Tensor, target: Tensor) -> dict[str, Any]:
    return {
        "kind": "affine",
        "matrix": _copy(matrix),
        "shift": _copy(shift),
        "from": source,
        "to": target,
    }


def _copy(tensor: Tensor) -> Tensor:
    """One that later training leaves alone."""
    return tensor.detach().resolve_neg().clone(memory_format=torch.contiguous_format)


def _copied(values: Values) -> Values:
    return {name: _copy(each) for name, each in values.items()}


def _order(dynamics: Dynamics) -> Tensor:
    """The neurons (N,) as they stand in the state."""
    if isinstance(dynamics, ClosedFormDynamics):
        return dynamics.layout.order(torch.device("cpu"))
    return torch.arange(dynamics.units, device="cpu")
