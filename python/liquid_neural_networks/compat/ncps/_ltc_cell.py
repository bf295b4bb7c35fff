"""``LTCCell``: conductance dynamics with the parameters of ``ncps``."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Union

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ... import wiring as ours
from ..._modes import compiling, readable
from ..._parameters import Values
from ..._sequences import Number, Sequences
from ...dynamics import ConductanceDynamics, Storage
from ...errors import DomainError
from ...interchange.ncps import _ltc
from ._cell import WiredCell
from ._population import Population, own

MASKS = ("sparsity_mask", "sensory_sparsity_mask")
Array = npt.NDArray[np.bool_]


class MatrixConductances(ConductanceDynamics):
    """Conductance dynamics whose parameters are stored as in ``ncps``: those of synapses in
    matrices (N, N) and (I, N), a row each sender, of which only what the wiring has is read.

    Args:
        softplus: whether softplus makes parameters positive; else what is negative counts as 0.
        epsilon: a further leak, towards 0.
    """

    def __init__(self, wiring: ours.Wiring, softplus: bool, epsilon: float):
        super().__init__(wiring, "softplus" if softplus else "clip")
        self._softplus, self._epsilon = softplus, epsilon
        self.lower_bounds = _ltc.lower_bounds(softplus)
        self.storage = Storage(ConductanceDynamics, in_matrices=True, epsilon=epsilon)

    def _initial_values(
        self, wiring: ours.Wiring, generator: Optional[torch.Generator]
    ) -> dict[str, Tensor]:
        units, inputs = wiring.units, wiring.input_size
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(_ltc.NEURONS, (units,))
        for name in _ltc.SYNAPSES:
            shapes[name] = (inputs if name.startswith("sensory_") else units, units)
        shapes |= {"a": (inputs,), "b": (inputs,)}
        return {name: torch.empty(shape) for name, shape in shapes.items()}

    def values(self) -> Values:
        picked = self.stored()
        for prefix, pre, post in (
            ("", self.pre, self.post),
            ("sensory_", self.sensory_pre, self.sensory_post),
        ):
            for name in ("w", "sigma", "mu", "E"):
                picked[prefix + name] = picked[prefix + name][pre, post]
        return _ltc.entering(picked, self._softplus, self._epsilon)


class _Grown(NamedTuple):
    """A population, and the masks that its wiring was read from, as they were then."""

    population: Population
    masks: tuple[Tensor, ...]
    versions: tuple[int, ...]
    present: tuple[Array, ...]


class LTCCell(WiredCell):
    """One step of conductance dynamics; arguments and parameters are those of ``ncps``.

    Which synapses exist is what the masks say. A mask that is changed in place is noticed, but not
    what is done to its ``.data``.
    """

    sparsity_mask: nn.Parameter
    sensory_sparsity_mask: nn.Parameter
    input_w: nn.Parameter
    input_b: nn.Parameter
    output_w: nn.Parameter
    output_b: nn.Parameter

    def __init__(
        self,
        wiring: Any,
        in_features: Optional[int] = None,
        input_mapping: Optional[str] = "affine",
        output_mapping: Optional[str] = "affine",
        ode_unfolds: int = 6,
        epsilon: float = 1e-8,
        implicit_param_constraints: bool = False,
    ):
        super().__init__(wiring, in_features, "in_features")
        self._input_mapping = input_mapping
        self._output_mapping = output_mapping
        self._ode_unfolds = ode_unfolds
        self._epsilon = epsilon
        self._implicit_param_constraints = implicit_param_constraints
        units, inputs = wiring.units, wiring.input_dim

        def drawn(low: float, high: float, *shape: int) -> nn.Parameter:
            return nn.Parameter(torch.rand(*shape) * (high - low) + low)

        self.gleak = drawn(0.001, 1.0, units)
        self.vleak = drawn(-0.2, 0.2, units)
        self.cm = drawn(0.4, 0.6, units)
        self.sigma = drawn(3, 8, units, units)
        self.mu = drawn(0.3, 0.8, units, units)
        self.w = drawn(0.001, 1.0, units, units)
        self.erev = nn.Parameter(torch.Tensor(wiring.erev_initializer()))
        self.sensory_sigma = drawn(3, 8, inputs, units)
        self.sensory_mu = drawn(0.3, 0.8, inputs, units)
        self.sensory_w = drawn(0.001, 1.0, inputs, units)
        self.sensory_erev = nn.Parameter(torch.Tensor(wiring.sensory_erev_initializer()))
        matrices = (wiring.adjacency_matrix, wiring.sensory_adjacency_matrix)
        for name, matrix in zip(MASKS, matrices):
            # A parameter as there, so that state dicts and optimisers' states match.
            mask = nn.Parameter(torch.Tensor(np.abs(matrix)), requires_grad=False)
            self.register_parameter(name, mask)
        for end, mapping, size in (
            ("input", input_mapping, inputs),
            ("output", output_mapping, self.motor_size),
        ):
            if mapping in ("affine", "linear"):
                self.register_parameter(f"{end}_w", nn.Parameter(torch.ones(size)))
            if mapping == "affine":
                self.register_parameter(f"{end}_b", nn.Parameter(torch.zeros(size)))
        self._grown = self._grow(tuple(np.abs(matrix) > 0 for matrix in matrices))

    def apply_weight_constraints(self) -> None:
        """Moves weights, leaks and capacitances back to 0 or above, unless softplus keeps them."""
        if not self._implicit_param_constraints:
            with torch.no_grad():
                for parameter in (self.w, self.sensory_w, self.cm, self.gleak):
                    parameter.clamp_(min=0.0)

    def forward(
        self,
        inputs: Tensor,
        states: Optional[Tensor],
        elapsed_time: Number = 1.0,
        *,
        sequences: Optional[Sequences] = None,
        memory: Optional[Values] = None,
    ) -> Union[Tensor, tuple[Tensor, Tensor]]:
        """Outputs (B, O) and the new state (B, H) after one step.

        ``elapsed_time`` may be a number, or (B,) or (B, 1): one for each sample. ``sequences`` and
        ``memory`` are how :class:`LTC` runs its cell over whole sequences.
        """
        if sequences is not None:
            return self._states(inputs, sequences, states, memory)
        return self._step(inputs, states, elapsed_time)

    def read_out(self, states: Tensor) -> Tensor:
        """Outputs (..., O) from states (..., H)."""
        motor = states.narrow(-1, 0, self.motor_size)
        if self._output_mapping == "affine":
            return torch.addcmul(own(self, "output_b"), own(self, "output_w"), motor)
        return motor * own(self, "output_w") if self._output_mapping == "linear" else motor

    def _results(self, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.read_out(state), state

    # -- as a population of this library -------------------------------------------------------

    @property
    def like(self) -> Tensor:
        return self.gleak

    def _lend(self) -> Values:
        parameters = self._parameters
        try:
            lent: Values = {name: parameters[peer] for name, peer in _PEERS.items()}  # type: ignore[misc]
        except KeyError:  # something stands in for one
            lent = {name: own(self, peer) for name, peer in _PEERS.items()}
        mapping, size, like = self._input_mapping, self.sensory_size, lent["c"]
        lent["a"] = own(self, "input_w") if mapping in _MAPPINGS else like.new_ones(size)
        lent["b"] = own(self, "input_b") if mapping == "affine" else like.new_zeros(size)
        return lent

    def _population(self) -> Population:
        grown = self._grown
        if compiling():  # a graph has the wiring that there is when it is recorded
            return grown.population
        masks = own(self, "sparsity_mask"), own(self, "sensory_sparsity_mask")
        same = masks[0] is grown.masks[0] and masks[1] is grown.masks[1]
        if not (same and _versions(masks) == grown.versions):
            self._notice(masks)
        return self._grown.population

    def _notice(self, masks: tuple[Tensor, ...]) -> None:
        """Grows another population where the masks are others."""
        if not all(readable(mask) for mask in masks):
            return
        present = tuple(_present(name, mask) for name, mask in zip(MASKS, masks))
        if all(map(np.array_equal, present, self._grown.present)):
            self._grown = self._grown._replace(masks=masks, versions=_versions(masks))
        else:
            self._grown = self._grow(present)

    def _grow(self, present: tuple[Array, ...]) -> _Grown:
        recurrent, sensory = (each.astype(int) for each in present)
        wiring = ours.Wiring.from_matrices(recurrent, sensory)
        softplus, epsilon = self._implicit_param_constraints, self._epsilon
        population = Population(
            lambda: MatrixConductances(wiring, softplus, epsilon),
            wiring,
            unfolds=self._ode_unfolds,
        )
        masks = self.sparsity_mask, self.sensory_sparsity_mask
        return _Grown(population, masks, _versions(masks), present)

    def _load_from_state_dict(self, *arguments: Any) -> None:
        super()._load_from_state_dict(*arguments)
        self._notice((self.sparsity_mask, self.sensory_sparsity_mask))


_PEERS = {**_ltc.NEURONS, **_ltc.SYNAPSES}
_MAPPINGS = ("affine", "linear")


def _versions(masks: tuple[Tensor, ...]) -> tuple[int, ...]:
    """How often each was written to; -1 for those that do not count it."""
    return tuple([-1 if mask.is_inference() else mask._version for mask in masks])


def _present(name: str, mask: Tensor) -> Array:
    """Which synapses a mask says there are."""
    numbers = mask.detach().cpu().numpy()
    present: Array = numbers > 0.5
    if not (np.abs(numbers - present) < 1e-3).all():
        raise DomainError("expected 1 where there is a synapse and 0 elsewhere", name)
    return present
