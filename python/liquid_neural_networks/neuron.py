"""``LiquidNeuron``: one population of liquid neurons, one time step.

It is to :class:`~liquid_neural_networks.LiquidNetwork` what ``torch.nn.LSTMCell`` is to
``torch.nn.LSTM``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, Optional, Union

import torch
from torch import Tensor, nn

from . import engines, solvers
from ._checks import check_choice, check_count, check_flag, check_seed
from ._hints import explains_keywords, hint, refuse_unknown
from ._inputs import as_flags, as_floats, as_reals, check_sequences, check_state
from ._modes import autocast, readable
from ._parameters import ParameterModule, set_values
from ._precision import without_autocast_in_backward
from ._sequences import Number, Sequences
from .constraints import CONSTRAINTS
from .dynamics import DYNAMICS, Dynamics
from .errors import DtypeError, OptionError, ShapeError
from .memory import MemoryCell
from .solvers import Method
from .wiring import Recipe, Wiring, fully_connected, recipe

WiringLike = Union[Wiring, Recipe, Mapping[str, Any]]
DynamicsLike = Union[str, Mapping[str, Any]]


class LiquidNeuron(nn.Module):
    """One population of liquid neurons and its synapses.

    Args:
        input_size: I, number of inputs.
        hidden_size: N, number of neurons. May be left out when a wiring is given.
        wiring: which synapses exist: a :class:`~liquid_neural_networks.wiring.Wiring`, a
            recipe such as ``wiring.ncp(...)``, or its plain data ``{"type": "ncp", ...}``.
            Default: fully connected.
        dynamics: ``"conductance"`` (default), ``"dense"``, ``"lrc"`` or ``"closed_form"``, or
            plain data with options such as ``{"type": "dense", "activation": "tanh"}``.
        solver: ``"fused"`` (default), ``"exponential"``, ``"euler"``, ``"rk4"`` or
            ``"adaptive"``; see :mod:`liquid_neural_networks.solvers`. Closed-form dynamics have
            none.
        unfolds: U, solver steps per time step. Default 6, as published; none likewise.
        constraint: how capacitances, leaks, weights and time constants stay positive:
            ``"clip"`` (default) or ``"softplus"``.
        mixed_memory: add an LSTM memory cell beside the liquid state, see
            :mod:`liquid_neural_networks.memory`. The state is then (B, 2 N): neurons, memory.
        seed: of the initial parameters. Default: torch's global random state.

    Raises:
        DomainError, DtypeError: a size is not a positive integer.
        OptionError: an option is unknown, or sizes and wiring contradict each other.

    Example:
        >>> import torch
        >>> from liquid_neural_networks import LiquidNeuron
        >>> neuron = LiquidNeuron(input_size=3, hidden_size=8)
        >>> state = neuron(torch.zeros(5, 3))
        >>> neuron(torch.ones(5, 3), state, elapsed_time=0.1).shape
        torch.Size([5, 8])
    """

    @explains_keywords
    def __init__(
        self,
        input_size: int,
        hidden_size: Optional[int] = None,
        *,
        wiring: Optional[WiringLike] = None,
        dynamics: DynamicsLike = "conductance",
        solver: Optional[str] = None,
        unfolds: Optional[int] = None,
        constraint: str = "clip",
        mixed_memory: bool = False,
        seed: Optional[int] = None,
    ):
        super().__init__()
        check_choice("constraint", constraint, CONSTRAINTS)
        self.wiring = build_wiring(wiring, check_count("input_size", input_size), hidden_size)
        generator = None if seed is None else torch.Generator("cpu").manual_seed(check_seed(seed))
        self.dynamics = _build_dynamics(dynamics, self.wiring, constraint, generator)
        self.solver, self.unfolds = _method(self.dynamics, solver, unfolds)
        self.memory: Optional[MemoryCell] = None
        if check_flag("mixed_memory", mixed_memory):
            self.memory = MemoryCell(self.input_size, self.hidden_size, generator)

    @property
    def input_size(self) -> int:
        """I, number of inputs."""
        return self.wiring.input_size

    @property
    def hidden_size(self) -> int:
        """N, number of neurons."""
        return self.wiring.units

    @property
    def state_size(self) -> int:
        """Numbers in a state: N, or 2 N with a memory (the neurons' first, then the memory's)."""
        return self.hidden_size * (1 if self.memory is None else 2)

    @property
    def method(self) -> Method:
        """The solver and its unfolds."""
        return Method(self.solver, self.unfolds)

    def forward(
        self,
        inputs: Tensor,
        state: Optional[Tensor] = None,
        time_constants: Optional[Number] = None,
        *,
        elapsed_time: Optional[Number] = None,
        mask: Optional[Number] = None,
        sequences: Optional[Sequences] = None,
        **unknown: NoReturn,
    ) -> Tensor:
        """The state after one time step.

        Args:
            inputs: (B, I), or (I,) for one sample.
            state: (B, N), or (N,); 2 N numbers with a memory. Default: zeros.
            time_constants: base time constants in place of the learned ones, positive: a
                number, (N,) or (B, N), in the unit of ``elapsed_time``.
            elapsed_time: time since the previous sample, at least 0: a number or (B,).
                Default 1.
            mask: (B, I) or (I,), False where an input is missing.
            sequences: how a network calls its populations: checked sequences, whose ``inputs``
                are given as well; nothing else but ``state`` is read then.

        Returns:
            (B, N), or (N,) for one sample; 2 N numbers with a memory. For sequences the states
            after each step, (B, T, N).

        Raises:
            ShapeError, DtypeError, DomainError: naming the argument.
        """
        if unknown:
            refuse_unknown(LiquidNeuron.forward, unknown)
        if sequences is not None:
            if inputs is not sequences.inputs:  # a hook before the call put others in their place
                sequences = sequences._replace(inputs=inputs)
            return self._sequence(sequences, state)
        like = self.dynamics.like
        inputs = as_floats("inputs", inputs, like)
        if inputs.dim() not in (1, 2) or inputs.shape[-1] != self.input_size or inputs.numel() == 0:
            raise ShapeError(
                f"expected (B, I), or (I,) for one sample, with I = {self.input_size} and "
                f"nothing empty; got {tuple(inputs.shape)}",
                "inputs",
            )
        batched = inputs.dim() == 2
        sequences = check_sequences(
            # One step is a sequence of length 1; times and masks gain that dimension too.
            inputs.unsqueeze(-2),
            time_constants,
            _one_time(elapsed_time, inputs, like),
            _one_mask(mask, inputs),
            input_size=self.input_size,
            units=self.hidden_size,
            like=like,
            batch_first=True,
        )
        shape = (*inputs.shape[:-1], self.state_size)
        if state is not None:
            last = "N" if self.memory is None else "2 N"
            state = check_state(state, shape, f"(B, {last})" if batched else f"({last},)", like)
            state = state if batched else state.unsqueeze(0)
        after = self._sequence(sequences, state)[:, 0]
        return after if batched else after.squeeze(0)

    def _sequence(self, sequences: Sequences, state: Optional[Tensor]) -> Tensor:
        """(B, T, N) states after each step of checked sequences, from state (B, N) or zeros.

        With a memory both have 2 N numbers. Under autocast it runs in the dtype of the parameters
        all the same.
        """
        kind = "cpu" if sequences.inputs.is_cpu else sequences.inputs.device.type
        if autocast(kind):
            with torch.autocast(kind, enabled=False):
                states = self._sequence(sequences, state)
            modules = self.parameter_modules().values()
            parameters = [each for module in modules for each in module.tensors().values()]
            without_autocast_in_backward(states, [*sequences[:5], state, *parameters])
            return states
        if sequences.valid is None or (self.dynamics.solvable and self.memory is None):
            return self._integrate(sequences, state)  # without elapsed time, a solver holds it
        if state is None:
            state = sequences.zeros(self.state_size)
        order, last = _seen_first(sequences.valid)
        states = self._integrate(sequences.reordered(order), state)
        held = torch.cat([state.unsqueeze(1), states], dim=1)
        return held.gather(1, last.unsqueeze(-1).expand(-1, -1, state.shape[-1]))

    def _integrate(self, sequences: Sequences, state: Optional[Tensor]) -> Tensor:
        """The same without padding: by an engine, as a call of the modules that have parameters."""
        dynamics, memory = self.dynamics, self.memory  # once: torch looks for a submodule slowly
        states: Tensor
        if memory is None:
            states = dynamics(engines.integrate, self.method, sequences, state, None)
        else:
            states = memory(_with_memory, dynamics, self.method, sequences, state)
        return states

    def effective_time_constants(self, sequences: Sequences, states: Tensor) -> Tensor:
        """(B, T, N) tau(t) at the given states of the neurons (B, T, N) and inputs."""
        values = self.dynamics.prepare(self.dynamics.values())
        sensory = self.dynamics.sensory(values, sequences.inputs, sequences.mask)
        return self.dynamics.effective_time_constants(
            values, states, sensory, sequences.time_constants
        )

    def config(self) -> dict[str, Any]:
        """Its options except sizes and wiring, as plain data."""
        dynamics = self.dynamics
        return {
            "dynamics": {"type": dynamics.name, **dynamics.options()},
            "solver": self.solver,
            "unfolds": self.unfolds,
            "constraint": dynamics.constraint,
            "mixed_memory": self.memory is not None,
        }

    def frozen(self) -> LiquidNeuron:
        """A population of its own with the parameter values of now, plain whatever stands in for
        them here, in evaluation mode."""
        like = self.dynamics.like
        with torch.device("cpu"):
            copy = LiquidNeuron(self.input_size, wiring=self.wiring, seed=0, **self.config())
        copy.to(like.device, like.dtype).requires_grad_(False)
        copy.set_values({name: value.detach() for name, value in self.values().items()})
        return copy.eval()

    def parameter_modules(self) -> dict[str, ParameterModule]:
        """Those that have the parameters, by what their names in :meth:`values` begin with."""
        remembering = {} if self.memory is None else {"memory.": self.memory}
        return {"": self.dynamics, **remembering}

    def values(self) -> dict[str, Tensor]:
        """Every parameter by name, as it enters the equations; what ``.lnn`` files store."""
        return {
            prefix + name: value
            for prefix, module in self.parameter_modules().items()
            for name, value in module.values().items()
        }

    def set_values(self, values: Mapping[str, Tensor]) -> None:
        """Sets the parameters that :meth:`values` returns, or some of them; all given or none.

        Raises:
            OptionError, ShapeError, DtypeError, DomainError: as
                :meth:`LiquidNetwork.set_values` does.
        """
        set_values(self.parameter_modules(), values)

    def extra_repr(self) -> str:
        method = f", solver={self.solver!r}, unfolds={self.unfolds}" if self.solver else ""
        return f"{self.wiring!r}{method}"


def _with_memory(
    memory: MemoryCell,
    dynamics: Dynamics,
    method: Method,
    sequences: Sequences,
    state: Optional[Tensor],
) -> Tensor:
    states: Tensor = dynamics(engines.integrate, method, sequences, state, memory)
    return states


def build_wiring(
    wiring: Optional[WiringLike], input_size: int, hidden_size: Optional[int]
) -> Wiring:
    """The wiring for ``input_size`` inputs, checked against ``hidden_size`` if that is given."""
    if hidden_size is not None:
        check_count("hidden_size", hidden_size)
    if wiring is None:
        if hidden_size is None:
            raise OptionError("is required when no wiring is given", "hidden_size")
        wiring = fully_connected(hidden_size)
    built = wiring if isinstance(wiring, Wiring) else as_recipe(wiring).build(input_size)
    if built.input_size != input_size:
        raise OptionError(
            f"was built for {built.input_size} inputs, the network has {input_size}", "wiring"
        )
    if hidden_size not in (None, built.units):
        raise OptionError(
            f"is {hidden_size}, but the wiring has {built.units} neurons; leave it out",
            "hidden_size",
        )
    return built


def as_recipe(wiring: object) -> Recipe:
    """A recipe from itself or from plain data."""
    if isinstance(wiring, Recipe):
        return wiring
    if isinstance(wiring, Mapping):
        return recipe(wiring)
    raise OptionError(
        f"expected a Wiring, a recipe such as wiring.ncp(...), or a mapping; "
        f"got {type(wiring).__name__}",
        "wiring",
    )


def _method(
    dynamics: Dynamics, solver: Optional[str], unfolds: Optional[int]
) -> tuple[Optional[str], Optional[int]]:
    """The solver and its unfolds, or None and None where nothing is to be solved."""
    if dynamics.solvable:
        solver = "fused" if solver is None else solver
        check_choice("solver", solver, solvers.SOLVERS)
        return solver, check_count("unfolds", 6 if unfolds is None else unfolds)
    for name, value in (("solver", solver), ("unfolds", unfolds)):
        if value is not None:
            raise OptionError(
                f"is {value!r}, but {dynamics.name} dynamics need none; leave it out", name
            )
    return None, None


def _seen_first(valid: Tensor) -> tuple[Tensor, Tensor]:
    """For flags (B, T): the order that puts seen samples first, as far as any sequence has some,
    and for each sample how many were seen up to it."""
    order = torch.argsort((~valid).to(torch.int8), dim=1, stable=True)
    seen = valid.cumsum(1)
    # A graph has one size whatever the flags say.
    longest = max(int(seen[:, -1].max()), 1) if readable(seen) else seen.shape[1]
    return order[:, :longest], seen


def _build_dynamics(
    description: DynamicsLike,
    wiring: Wiring,
    constraint: str,
    generator: Optional[torch.Generator],
) -> Dynamics:
    if not isinstance(description, (str, Mapping)):
        raise DtypeError(
            f"expected a name or a mapping, got {type(description).__name__}", "dynamics"
        )
    options = {"type": description} if isinstance(description, str) else dict(description)
    kind = options.pop("type", None)
    check_choice("dynamics", kind, DYNAMICS)
    make = DYNAMICS[str(kind)]
    for name in options:
        known = make.option_names()
        if name not in known:
            meant = hint(name, known)
            raise OptionError(f"{kind} dynamics has no option {name!r}{meant}", "dynamics")
    return make(wiring, constraint, generator, **options)


def _one_time(elapsed_time: Optional[Number], inputs: Tensor, like: Tensor) -> Optional[Tensor]:
    """(B,) -> (B, 1); a number stays a number."""
    if elapsed_time is None:
        return None
    times = as_reals("elapsed_time", elapsed_time, like)
    batch = tuple(inputs.shape[:-1])
    if times.dim() > 0 and times.shape != batch:
        wanted = f"a number or (B,) = {batch}" if batch else "a number"
        raise ShapeError(f"expected {wanted}, got {tuple(times.shape)}", "elapsed_time")
    return times.unsqueeze(-1) if times.dim() > 0 else times


def _one_mask(mask: Optional[Number], inputs: Tensor) -> Optional[Tensor]:
    """(B, I) -> (B, 1, I), and (I,) -> (1, I)."""
    if mask is None:
        return None
    flags = as_flags(mask, inputs)
    if flags.shape != inputs.shape:
        raise ShapeError(
            f"expected {tuple(inputs.shape)} like the inputs, got {tuple(flags.shape)}", "mask"
        )
    return flags.unsqueeze(-2)
