"""``Dynamics``: the parameters of one population and the equation they enter.

There are two kinds. :class:`~liquid_neural_networks.dynamics.OdeDynamics` are differential
equations that a solver integrates; closed-form dynamics say themselves where the state is after
any time. To whoever runs a sequence both are the same: what the inputs contribute is worked out
for all time steps at once (:meth:`Dynamics.sensory`), then the state crosses one elapsed interval
after the other (:meth:`Dynamics.advance`).
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from copy import deepcopy
from typing import Any, Callable, ClassVar, NamedTuple, Optional
from zlib import crc32

import torch
from torch import Tensor, nn

from .._indices import Index, IndexLists
from .._parameters import ParameterModule, Values, refresh
from ..constraints import CONSTRAINTS, project_after_every_step
from ..wiring import Wiring

Sensory = tuple[Tensor, ...]
"""What the inputs contribute, constant over an elapsed interval; each (..., something)."""

Field = Callable[[Tensor], tuple[Tensor, Tensor]]
"""State -> rate and drive of dx/dt = drive - rate x."""

Solve = Callable[[Field, Tensor, Tensor], Tensor]
"""A solver with its unfolds chosen: (field, state, elapsed time) -> state."""

Hear = Callable[[str, Tensor], Tensor]
"""What synapses hear of what they receive: ("sensory", (..., S)) or ("recurrent", (..., E)) -> the
same shape."""


class Storage(NamedTuple):
    """How parameters are stored, for engines that read them as they are.

    Attributes:
        equations: the class whose equations they enter: the own one, but for a subclass that only
            stores them otherwise.
        in_matrices: those of synapses are in matrices, (N, N) and (I, N), a row each sender.
        epsilon: conductance of a further leak, towards 0.
    """

    equations: type[Dynamics]
    in_matrices: bool = False
    epsilon: float = 0.0


class Derived:
    """What engines made of the wiring and the options; theirs to fill, never copied or saved.

    Attributes:
        plans: of the compiled engine, by what they were made for.
        gpu_recurrence, gpu_sensory: of the GPU engine, once it has run. As attributes, they are
            seen by ``torch.compile`` when what it traces has just made them.
    """

    def __init__(self) -> None:
        self.plans: dict[Any, Any] = {}
        self.gpu_recurrence: Any = None
        self.gpu_sensory: Any = None


class Dynamics(ParameterModule, ABC):
    """Base of all dynamics.

    Args:
        wiring: which synapses exist.
        constraint: ``"clip"`` or ``"softplus"``, see :mod:`liquid_neural_networks.constraints`.
        generator: source of the random initial values. Default: torch's global one.
        **options: of the subclass, see there; ``options()`` returns them.
    """

    name: ClassVar[str]
    solvable: ClassVar[bool] = False
    """Whether a solver integrates it."""
    of_synapses: ClassVar[tuple[str, ...]] = ()
    """Parameters of recurrent synapses, those of sensory ones in :attr:`of_sensory_synapses`."""
    of_sensory_synapses: ClassVar[tuple[str, ...]] = ()
    strengths: ClassVar[tuple[str, ...]] = ()
    """Those of either kind with which a synapse is silent if they are 0."""
    keeps_own_past: ClassVar[bool] = False
    """Whether a neuron has a weight for its own past where no synapse leads back to it."""
    derived: Derived

    def __init__(
        self,
        wiring: Wiring,
        constraint: str = "clip",
        generator: Optional[torch.Generator] = None,
        **options: Any,
    ):
        super().__init__()
        self.constraint = constraint
        self._constraint = CONSTRAINTS[constraint]()
        self.units = wiring.units
        self.input_size = wiring.input_size
        self._indices = IndexLists(
            pre=wiring.pre,
            post=wiring.post,
            sensory_pre=wiring.sensory_pre,
            sensory_post=wiring.sensory_post,
        )
        self.derived = Derived()
        self.storage = Storage(type(self))
        self._set_options(wiring, **options)
        for name, initial in self._initial_values(wiring, generator).items():
            self.register_parameter(name, nn.Parameter(self._to_store(name, initial)))
        self.note_shapes()
        project_after_every_step(self)

    # -- what a subclass defines ---------------------------------------------------------------

    def _set_options(self, wiring: Wiring) -> None:
        """Checks and keeps the subclass's own options, for this wiring."""

    @classmethod
    def option_names(cls) -> list[str]:
        """Names of the subclass's own options."""
        return list(inspect.signature(cls._set_options).parameters)[2:]

    def options(self) -> dict[str, Any]:
        """The subclass's own options, as plain data."""
        return {}

    @abstractmethod
    def _initial_values(
        self, wiring: Wiring, generator: Optional[torch.Generator]
    ) -> dict[str, Tensor]:
        """Parameter name -> initial value, in the default dtype."""

    def prepare(self, values: Values) -> Values:
        """``values`` and what is made of them once a sequence; what the methods below expect."""
        return values

    @abstractmethod
    def sensory(self, values: Values, inputs: Tensor, mask: Optional[Tensor]) -> Sensory:
        """What inputs (..., I) contribute; a feature whose mask is 0 contributes nothing."""

    @abstractmethod
    def advance(
        self,
        values: Values,
        state: Tensor,
        sensory: Sensory,
        elapsed: Tensor,
        time_constants: Optional[Tensor],
        solve: Optional[Solve],
    ) -> Tensor:
        """The state (B, N) after one elapsed interval.

        Args:
            values: what :meth:`prepare` returned.
            state: (B, N).
            sensory: what :meth:`sensory` returned, for this time step.
            elapsed: (B, 1).
            time_constants: base time constants (B, N) in place of the learned ones, or None.
            solve: the solver; None for dynamics that need none.
        """

    @abstractmethod
    def advance_by_synapse(
        self,
        values: Values,
        state: Tensor,
        inputs: Tensor,
        mask: Optional[Tensor],
        elapsed: Tensor,
        time_constants: Optional[Tensor],
        solve: Optional[Solve],
        hear: Hear,
    ) -> Tensor:
        """What :meth:`advance` returns, with every synapse of the wiring by itself: whatever it
        receives goes through ``hear`` first. For looking inside; slower.

        Args:
            inputs, mask: (B, I) of this time step; the others as above.
            hear: called whenever synapses receive something.
        """

    @abstractmethod
    def effective_time_constants(
        self, values: Values, state: Tensor, sensory: Sensory, time_constants: Optional[Tensor]
    ) -> Tensor:
        """(..., N) the liquid time constants at a state (..., N); arguments as above."""

    @abstractmethod
    def base_time_constants(self, values: Values) -> Tensor:
        """(N,) the learned time constants when no synapse is active."""

    @abstractmethod
    def activations(self, values: Values, state: Tensor) -> Tensor:
        """(..., E) how strongly each recurrent synapse is active."""

    @abstractmethod
    def sensory_activations(self, values: Values, inputs: Tensor, mask: Optional[Tensor]) -> Tensor:
        """(..., S) how strongly each sensory synapse is active."""

    @abstractmethod
    def polarities(self, values: Values) -> tuple[Tensor, Tensor]:
        """(E,) and (S,) numbers: positive where a synapse excites now, else it inhibits."""

    # -- parameters ----------------------------------------------------------------------------

    def pairs(self) -> dict[str, Index]:
        """For every parameter with one value a pair of sender and receiver: receiver times senders
        plus sender, ascending."""
        own = self._indices
        recurrent = own["post"] * self.units + own["pre"]
        sensory = own["sensory_post"] * self.input_size + own["sensory_pre"]
        return {
            **dict.fromkeys(self.of_synapses, recurrent),
            **dict.fromkeys(self.of_sensory_synapses, sensory),
        }

    def silent(self) -> tuple[str, ...]:
        """Names of the parameters with which a pair is silent if they are 0."""
        return self.strengths

    def values(self) -> Values:
        """Every parameter by name, constrained; differentiable."""
        refresh(self)
        return {
            name: self._constraint.value(stored, self.lower_bounds[name])
            if name in self.lower_bounds
            else stored
            for name, stored in self.stored().items()
        }

    def _to_store(self, name: str, value: Tensor) -> Tensor:
        # The meta device has shapes but no numbers: nothing to constrain.
        if name not in self.lower_bounds or value.is_meta:
            return value
        return self._constraint.stored(value, self.lower_bounds[name])

    # -- index lists -----------------------------------------------------------------------------

    @property
    def index_lists(self) -> IndexLists:
        """Which neurons each synapse joins, and what else follows from the wiring."""
        return self._indices

    @property
    def pre(self) -> Tensor:
        """(E,) the sender of every recurrent synapse."""
        return self._indices.tensor("pre", self.like.device)

    @property
    def post(self) -> Tensor:
        """(E,) the receiver of every recurrent synapse."""
        return self._indices.tensor("post", self.like.device)

    @property
    def sensory_pre(self) -> Tensor:
        """(S,) the input of every sensory synapse."""
        return self._indices.tensor("sensory_pre", self.like.device)

    @property
    def sensory_post(self) -> Tensor:
        """(S,) the receiver of every sensory synapse."""
        return self._indices.tensor("sensory_post", self.like.device)

    def wiring_digest(self) -> int:
        """A number that tells one set of synapses from another."""
        digest = 0
        for name in ("pre", "post", "sensory_pre", "sensory_post"):
            digest = crc32(self._indices[name].tobytes(), digest)
        return digest

    # A state dict has room for what is no tensor in its metadata, which torch saves with it.

    def _save_to_state_dict(self, destination: Any, prefix: str, *args: Any) -> None:
        super()._save_to_state_dict(destination, prefix, *args)
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]]["wiring"] = self.wiring_digest()

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *others: Any
    ) -> None:
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *others)
        own, error_messages = self.wiring_digest(), others[-1]
        if local_metadata.get("wiring", own) != own:
            error_messages.append(
                f"{prefix}wiring: the state dict is of neurons with other synapses; grow the same "
                "wiring, or load a .lnn file, which has its own"
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "derived": Derived()}

    def __deepcopy__(self, memo: dict[int, Any]) -> Dynamics:
        # As without this method, but parametrized too: torch has a copy of its own for modules
        # that are, which asks neither __getstate__ nor __setstate__.
        copied = self.__new__(type(self))
        memo[id(self)] = copied
        copied.__setstate__(deepcopy(Dynamics.__getstate__(self), memo))
        return copied

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Copies (deepcopy, pickle) are new modules and must be projected too.
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        project_after_every_step(self)


def sum_by_post(terms: Tensor, post: Tensor, units: int) -> Tensor:
    """(..., E) one term a synapse -> (..., N) their sums by receiving neuron."""
    total = terms.new_zeros(*terms.shape[:-1], units)
    return total.index_add(-1, post, terms)


def matrix(weights: Tensor, pre: Tensor, post: Tensor, receivers: int, senders: int) -> Tensor:
    """(receivers, senders): the synapses' weights where they exist, zeros elsewhere.

    Synapses are sorted by post, then pre.
    """
    if len(weights) == receivers * senders:
        return weights.view(receivers, senders)
    empty = weights.new_zeros(receivers * senders)
    return empty.index_put((post * senders + pre,), weights).view(receivers, senders)
