"""``LiquidNetwork``: sequences through one or more populations to outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, NamedTuple, NoReturn, Optional, Union, cast

import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from . import _shapes, interchange, model_file
from . import readout as readouts
from ._ablation import ablated, ablation
from ._checks import (
    check_choice,
    check_count,
    check_flag,
    check_fraction,
    check_integer,
    check_seed,
)
from ._dropout import Dropout
from ._hints import explains_keywords, refuse_unknown
from ._inputs import check_sequences, check_state
from ._model import Model
from ._parameters import set_values
from ._populations import Populations
from ._sequences import Number, Sequences
from .errors import OptionError
from .neuron import DynamicsLike, LiquidNeuron, WiringLike, build_wiring
from .online import Learner
from .streaming import Stream
from .wiring import Wiring

_READOUT = "readout."
"""What the names of its parameters begin with."""


class Trace(NamedTuple):
    """What one population did over a sequence; a leading B when the inputs were batched.

    Attributes:
        states: (B, T, N) after each sample.
        time_constants: (B, T, N) effective time constants, in the unit of the elapsed time.
        activations: (B, T, E) of the recurrent synapses, or None if not asked for.
        sensory_activations: (B, T, S) of the sensory synapses, or None if not asked for.
    """

    states: Tensor
    time_constants: Tensor
    activations: Optional[Tensor] = None
    sensory_activations: Optional[Tensor] = None

    def __repr__(self) -> str:
        return f"Trace({_shapes.of(self._asdict())})"


class LiquidNetwork(nn.Module):
    """A recurrent network of liquid time-constant neurons.

    Args:
        input_size: I, features per sample.
        hidden_size: N, neurons per layer. May be left out when a wiring is given.
        output_size: O, outputs per sample. May be left out when the wiring has motor neurons.
        wiring: which synapses exist: a :class:`~liquid_neural_networks.wiring.Wiring`, a
            recipe such as ``wiring.ncp(inter=12, command=6, motor=1)``, or its plain data
            ``{"type": "ncp", "inter": 12, "command": 6, "motor": 1}``. A list gives each
            population its own, num_layers * directions in the order of ``state``. Default:
            fully connected.
        dynamics: ``"conductance"``, ``"dense"``, ``"lrc"`` or ``"closed_form"``, or plain data
            with options such as ``{"type": "closed_form", "mode": "pure", "backbone_units": 64}``;
            see :mod:`liquid_neural_networks.dynamics`.
        solver: ``"fused"`` (default), ``"exponential"``, ``"euler"``, ``"rk4"`` or
            ``"adaptive"``; closed-form dynamics have none.
        unfolds: U, solver steps per sample, by default 6; closed-form dynamics have none.
        constraint: ``"clip"`` or ``"softplus"``, keeps capacitances, leaks, weights and time
            constants positive; nothing needs to be called after an optimiser step.
        num_layers: populations stacked on one another.
        mixed_memory: add an LSTM memory cell beside the liquid state of every population, see
            :mod:`liquid_neural_networks.memory`. States then have 2 N numbers.
        dropout: probability of dropping a neuron's value between layers, in [0, 1).
        bidirectional: also run every layer backwards in time; needs the dense read-out.
        batch_first: inputs are (B, T, I) if True, (T, B, I) if False.
        return_sequences: outputs for every sample if True, for the last one only if False.
        readout: ``"dense"``, a linear layer on all neurons, or ``"motor"``, a scale and a
            shift on each of the first O neurons. Default: motor if the wiring has exactly O
            motor neurons, dense otherwise.
        seed: of the initial parameters. Default: torch's global random state.

    The defaults (conductance dynamics, fully connected, fused solver with 6 unfolds, clip, the
    published initial ranges, a dense read-out) are the published ones.
    ``docs/results.org`` has what they and the alternatives score on published tasks.

    Raises:
        DomainError, DtypeError: a size or the dropout is out of range.
        OptionError: an option is unknown, or options contradict each other.

    Source: Hasani et al., *Liquid Time-constant Networks*, AAAI 2021.

    Example:
        >>> import torch
        >>> from liquid_neural_networks import LiquidNetwork
        >>> network = LiquidNetwork(input_size=10, hidden_size=32, output_size=2)
        >>> network(torch.randn(4, 20, 10)).shape
        torch.Size([4, 20, 2])
    """

    @explains_keywords
    def __init__(
        self,
        input_size: int,
        hidden_size: Optional[int] = None,
        output_size: Optional[int] = None,
        *,
        wiring: Union[WiringLike, Sequence[WiringLike], None] = None,
        dynamics: DynamicsLike = "conductance",
        solver: Optional[str] = None,
        unfolds: Optional[int] = None,
        constraint: str = "clip",
        mixed_memory: bool = False,
        num_layers: int = 1,
        dropout: float = 0.0,
        bidirectional: bool = False,
        batch_first: bool = True,
        return_sequences: bool = True,
        readout: Optional[str] = None,
        seed: Optional[int] = None,
    ):
        super().__init__()
        input_size = check_count("input_size", input_size)
        num_layers = check_count("num_layers", num_layers)
        check_fraction("dropout", dropout)
        directions = 2 if check_flag("bidirectional", bidirectional) else 1
        wirings = _wirings(wiring, input_size, hidden_size, num_layers, directions)
        first = wirings[0]
        self.input_size = input_size
        self.hidden_size = first.units
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.batch_first = check_flag("batch_first", batch_first)
        self.return_sequences = check_flag("return_sequences", return_sequences)

        *seeds, readout_seed = _initial_seeds(seed, len(wirings) + 1)
        self.neurons = Populations(
            LiquidNeuron(
                each.input_size,
                wiring=each,
                dynamics=dynamics,
                solver=solver,
                unfolds=unfolds,
                constraint=constraint,
                mixed_memory=mixed_memory,
                seed=own_seed,
            )
            for each, own_seed in zip(wirings, seeds)
        )
        self.state_size = self._first.state_size
        self.dropout = Dropout(dropout)
        outputs = readouts.output_size_of(output_size, first)
        kind = readouts.kind_for(readout, first, outputs, bidirectional)
        self.readout = readouts.build(kind, self._width, outputs, readout_seed)

    # -- sizes and description -----------------------------------------------------------------

    @property
    def directions(self) -> int:
        """2 if bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """O, outputs per sample."""
        return readouts.size_of(self.readout, self._width)

    @property
    def readout_kind(self) -> str:
        """``"dense"`` or ``"motor"``."""
        return readouts.kind_of(self.readout)

    @property
    def wiring(self) -> Wiring:
        """The wiring of the population, or of all of them.

        Raises:
            OptionError: populations have different ones, as those of several layers do; each has
                its own as ``network.neurons[index].wiring``.
        """
        first, *others = [neuron.wiring for _, neuron in self.populations()]
        if any(each != first for each in others):
            raise OptionError(
                "populations have different ones; ask for one: network.neurons[0].wiring", "wiring"
            )
        return first

    @property
    def _width(self) -> int:
        """Neurons that the read-out reads."""
        return self.hidden_size * self.directions

    @property
    def _first(self) -> LiquidNeuron:
        # Past the list's own ways, which take a microsecond of every call.
        return cast(LiquidNeuron, self._modules["neurons"]._modules["0"])  # type: ignore[union-attr]

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "readout":
            readouts.check(value, self._width, self.bidirectional)
        super().__setattr__(name, value)

    def config(self) -> dict[str, Any]:
        """Every option except the wirings, as plain data; what ``.lnn`` files store.

        Raises:
            OptionError: populations were changed to differ in one of them.
        """
        return {
            "input_size": self.input_size,
            "hidden_size": self.hidden_size,
            "output_size": self.output_size,
            **self.neurons.config(),
            "num_layers": self.num_layers,
            "dropout": self.dropout.p,
            "bidirectional": self.bidirectional,
            "batch_first": self.batch_first,
            "return_sequences": self.return_sequences,
            "readout": self.readout_kind,
        }

    # -- parameters ----------------------------------------------------------------------------

    def values(self) -> dict[str, Tensor]:
        """Every parameter by name, as it enters the equations; what ``.lnn`` files store.

        Names are those of the neurons, such as ``neurons.0.sigma`` for the first population, and of
        the read-out, such as ``readout.weight``.
        """
        return {
            **{
                prefix + name: value
                for prefix, neuron in self.populations()
                for name, value in neuron.values().items()
            },
            **{
                _READOUT + name: value
                for name, value in readouts.values(
                    self.readout, self._first.dynamics.like, self._width
                ).items()
            },
        }

    @torch.no_grad()
    def set_values(self, values: Mapping[str, Tensor]) -> None:
        """Sets the parameters that :meth:`values` returns, or some of them; all given or none.

        Raises:
            OptionError: a name is unknown.
            ShapeError: a value has the wrong shape.
            DtypeError: a value is not a tensor of real numbers.
            DomainError: a value is NaN, infinite or below its bound.
        """
        known = self.values()
        for name in values:
            check_choice("values", name, known)
        own, modules = {}, {}
        for name, value in values.items():
            if name.startswith(_READOUT):
                own[name[len(_READOUT) :]] = value
        readouts.check_values(self.readout, own)
        for prefix, neuron in self.populations():
            for inner, module in neuron.parameter_modules().items():
                modules[prefix + inner] = module
        set_values(modules, {n: v for n, v in values.items() if not n.startswith(_READOUT)})
        readouts.set_values(self.readout, own)

    def populations(self) -> list[tuple[str, LiquidNeuron]]:
        """Every population, with what the names of its parameters in :meth:`values` begin with."""
        neurons = cast("list[LiquidNeuron]", list(self.neurons))
        return [(f"neurons.{index}.", neuron) for index, neuron in enumerate(neurons)]

    # -- running -------------------------------------------------------------------------------

    def forward(
        self,
        inputs: Union[Tensor, PackedSequence],
        time_constants: Optional[Number] = None,
        *,
        elapsed_time: Optional[Number] = None,
        mask: Optional[Number] = None,
        state: Optional[Tensor] = None,
        return_state: bool = False,
        **unknown: NoReturn,
    ) -> Union[Tensor, PackedSequence, tuple[Union[Tensor, PackedSequence], Tensor]]:
        """Outputs for a batch of sequences, or for one.

        Args:
            inputs: (B, T, I), or (T, I) for one sequence; (T, B, I) if not ``batch_first``.
                Ragged sequences may come as a ``torch.nn.utils.rnn.PackedSequence``; the other
                arguments then as padded tensors, or packed in the same way.
            time_constants: base time constants in place of the learned ones, positive: a
                number, (N,), (B, N) or (B, T, N) ((T, N) for one sequence), in the unit of
                ``elapsed_time``. With several layers, the same for each.
            elapsed_time: time before each sample, at least 0: a number, (T,) or (B, T).
                Irregular sampling goes here. Default 1.
            mask: which values exist, booleans. (B, T, I): False where a feature is missing;
                its synapses stay closed and its value may be NaN. (B, T): False at padding of
                ragged sequences; the state is held there.
            state: (num_layers * directions, B, N), or without B for one sequence; what a
                previous call returned. With a memory 2 N numbers: the neurons', then the
                memory's. Default: zeros.
            return_state: also return the state after the last sample.

        Returns:
            Outputs (B, T, O), or (B, O) without ``return_sequences``; no B for one sequence.
            With ``return_state``, a pair (outputs, state); without it, ``outputs, state =
            network(inputs)`` would take a batch of two apart. If not ``batch_first``, every
            (B, T) here and above is (T, B). For packed inputs, outputs (B, T, O) are packed
            likewise; the state is the one after each sequence's own last sample, in the order the
            sequences had before they were packed, as with ``torch.nn.LSTM``.

        Raises:
            ShapeError, DtypeError, DomainError: naming the argument.
        """
        if unknown:
            refuse_unknown(LiquidNetwork.forward, unknown)
        sequences = self._check(inputs, time_constants, elapsed_time, mask)
        states, _ = self._run(sequences, self._initial_states(state, sequences))
        read = self._read_out(states)
        if self.return_sequences:
            outputs = sequences.layout.as_given(read)
        else:
            outputs = read if sequences.batched else read.squeeze(0)
        if not return_state:
            return outputs
        final = torch.stack(self._final_states(states))
        return outputs, final if sequences.batched else final.squeeze(1)

    @explains_keywords
    def effective_time_constants(
        self,
        inputs: Union[Tensor, PackedSequence],
        time_constants: Optional[Number] = None,
        *,
        elapsed_time: Optional[Number] = None,
        mask: Optional[Number] = None,
        state: Optional[Tensor] = None,
        population: int = 0,
    ) -> Tensor:
        """The liquid time constants tau(t) while the network runs: 1 / rate.

        Arguments are those of :meth:`forward`; ``population`` counts as ``state`` does.

        Returns:
            (B, T, N), or (T, N) for one sequence, in the unit of ``elapsed_time``: the value at
            each sample, with the state the sample led to. Always batch first.
        """
        return self.trace(
            inputs,
            time_constants,
            elapsed_time=elapsed_time,
            mask=mask,
            state=state,
            population=population,
        ).time_constants

    @explains_keywords
    def trace(
        self,
        inputs: Union[Tensor, PackedSequence],
        time_constants: Optional[Number] = None,
        *,
        elapsed_time: Optional[Number] = None,
        mask: Optional[Number] = None,
        state: Optional[Tensor] = None,
        population: int = 0,
        synapses: bool = False,
    ) -> Trace:
        """Everything one population did: states, time constants, and synapses on demand.

        Args:
            population: which one, counted as in ``state``: 0 to num_layers * directions - 1.
            synapses: also return every synapse's activation (memory grows with E).

        The other arguments are those of :meth:`forward`.
        """
        population = check_integer("population", population, 0, len(self.neurons) - 1)
        sequences = self._check(inputs, time_constants, elapsed_time, mask)
        states, fed = self._run(sequences, self._initial_states(state, sequences))
        own = self._neurons_part(states[population])
        sequences = fed[population // self.directions]
        neuron = self.neurons[population]
        assert isinstance(neuron, LiquidNeuron)
        fields: list[Optional[Tensor]] = [own]
        # The backward direction of a bidirectional layer saw time constants at the same samples,
        # so nothing needs to be reversed here.
        fields.append(neuron.effective_time_constants(sequences, own))
        if synapses:
            values = neuron.dynamics.prepare(neuron.dynamics.values())
            fields.append(neuron.dynamics.activations(values, own))
            fields.append(
                neuron.dynamics.sensory_activations(values, sequences.inputs, sequences.mask)
            )
        if not sequences.batched:
            fields = [None if field is None else field.squeeze(0) for field in fields]
        return Trace(*fields)  # type: ignore[arg-type]

    def stream(self, state: Union[Tensor, npt.ArrayLike, None] = None) -> Stream:
        """A live session: one sample at a time, the state kept in between.

        Args:
            state: (num_layers, N) to start from, with a memory (num_layers, 2 N): what
                :meth:`forward` returned for one sequence, or another stream's. Default: zeros.

        Raises:
            OptionError: the network is bidirectional and would need the future.
            ShapeError, DtypeError, DomainError: this is no such state.

        Example:
            >>> from liquid_neural_networks import LiquidNetwork
            >>> with LiquidNetwork(2, 8, 1).stream() as live:
            ...     steering = live.step([0.5, -0.1], elapsed_time=0.02)
            >>> steering.shape
            (1,)
        """
        if self.bidirectional:
            raise OptionError(
                "a network of both directions cannot stream: it needs the future", "bidirectional"
            )
        return Stream([neuron for _, neuron in self.populations()], self.readout, state)

    @explains_keywords
    def learner(
        self,
        method: str = "auto",
        *,
        optimizer: str = "rmsprop",
        learning_rate: float = 1e-3,
        max_gradient_norm: Optional[float] = 1.0,
        loss: str = "mse",
        max_delay: int = 0,
        window: int = 16,
    ) -> Learner:
        """A live session whose weights follow the samples.

        Args:
            method, optimizer, learning_rate, max_gradient_norm, loss, max_delay, window: see
                :class:`~liquid_neural_networks.online.Learner`.

        Raises:
            OptionError: the network is bidirectional and would need the future, or an option is
                unknown.
            DomainError, DtypeError: a number is out of range.

        Example:
            >>> from liquid_neural_networks import LiquidNetwork
            >>> learner = LiquidNetwork(2, 8, 1).learner()
            >>> steering = learner.step([0.5, -0.1], elapsed_time=0.02)
            >>> loss = learner.learn(0.3)
        """
        if self.bidirectional:
            raise OptionError(
                "a network of both directions cannot learn while it runs: it needs the future",
                "bidirectional",
            )
        return Learner(
            self.populations(),
            self.readout,
            method=method,
            optimizer=optimizer,
            learning_rate=learning_rate,
            max_gradient_norm=max_gradient_norm,
            loss=loss,
            max_delay=max_delay,
            window=window,
        )

    # -- without parts of it -------------------------------------------------------------------

    def ablate(
        self,
        neurons: Iterable[int] = (),
        synapses: Iterable[tuple[int, int]] = (),
        sensory_synapses: Iterable[tuple[int, int]] = (),
        population: int = 0,
    ) -> LiquidNetwork:
        """A network of its own without some neurons or synapses, in evaluation mode.

        Synapses are gone from its wiring, as if they had never been there. Neurons stay where they
        are, so that the others keep their numbers, but nobody hears them and the read-out does not
        read them.

        Args:
            neurons: of the population.
            synapses: pairs (sender, receiver) of recurrent synapses.
            sensory_synapses: pairs (input, receiver).
            population: which one, counted as in ``state``.

        Raises:
            DomainError, DtypeError: there is no such neuron or population.
            OptionError: there is no such synapse, or it has no weights of its own: a backbone or
                ``leaky_wiring`` has some whatever the wiring says.

        Example:
            >>> from liquid_neural_networks import LiquidNetwork
            >>> LiquidNetwork(2, 8, 1).ablate(synapses=[(0, 1)]).wiring.synapse_count
            63
        """
        population = check_integer("population", population, 0, len(self.neurons) - 1)
        wiring = self.populations()[population][1].wiring
        taken = ablation(wiring, neurons, synapses, sensory_synapses)
        model = ablated(self.to_model(), population, taken, self.directions)
        return LiquidNetwork.from_model(model).to(self._first.dynamics.like.device)

    # -- files ---------------------------------------------------------------------------------

    def save(self, path: Union[str, PathLike[str]], **metadata: Any) -> None:
        """Writes a ``.lnn`` file, atomically; ``metadata`` is plain data kept with it.

        Raises:
            DtypeError, DomainError, ModelFileError, OSError: see
                :func:`liquid_neural_networks.model_file.save`.
        """
        model_file.save(self.to_model(metadata=metadata), path)

    @staticmethod
    def load(path: Union[str, PathLike[str]]) -> LiquidNetwork:
        """The network in a ``.lnn`` file.

        Raises:
            ModelFileError: the file is corrupt, hostile or of an unknown version.
        """
        return LiquidNetwork.from_model(model_file.load(path))

    def to_model(
        self,
        scaling: Optional[Mapping[str, Any]] = None,
        metadata: Optional[Mapping[str, Any]] = None,
        learner: Optional[bytes] = None,
    ) -> Model:
        """The network as plain data, and what is to be kept with it; what files are made of.

        ``learner`` is the snapshot of one that is to go on with the network from the file.

        Raises:
            OptionError: populations were changed to differ in an option.
        """
        wirings = [neuron.wiring for _, neuron in self.populations()]
        values = {name: value.detach() for name, value in self.values().items()}
        kept = {} if metadata is None else metadata
        return Model(self.config(), wirings, values, scaling, kept, learner)

    @staticmethod
    def from_model(model: Model) -> LiquidNetwork:
        """The network that plain data describe, on the CPU and in evaluation mode.

        Raises:
            OptionError, ShapeError, DtypeError, DomainError: its parts do not fit together.
        """
        with torch.device("cpu"):
            network = LiquidNetwork(**model.config, wiring=list(model.wirings), seed=0)
        values = model.values
        for name in network.values():
            if name not in values:
                raise OptionError("is missing", f"values.{name}")
        network.to(next(iter(values.values())).dtype)
        network.set_values(values)
        return network.eval()

    @staticmethod
    def from_ncps(source: Union[nn.Module, Mapping[str, Tensor]], **options: Any) -> LiquidNetwork:
        """A network with the trained weights of an LTC or CfC of ``ncps``; the same numbers.

        Args:
            source: an ``LTC`` or ``CfC``, or a cell of them, of ``ncps`` 1.0.1 or of
                :mod:`liquid_neural_networks.compat.ncps`, or its state dict.
            **options: what a state dict does not say, by its name in ``ncps``: ``mode``
                (``"no_gate"``), ``activation``, ``backbone_dropout``, ``ode_unfolds``,
                ``implicit_param_constraints`` (False for a cell by itself), ``epsilon``,
                ``batch_first``, ``return_sequences``. Defaults are those of ``ncps``; a module
                says them itself.

        The network is in evaluation mode. A wired CfC keeps its leak (``leaky_wiring``). A call
        gives outputs alone; with ``return_state=True`` a state whose neurons are ordered motor
        first.

        Raises:
            DtypeError: the source is neither a module nor a state dict.
            OptionError: it holds no LTC or CfC, or an option is unknown.

        Example:
            >>> from liquid_neural_networks import LiquidNetwork
            >>> from liquid_neural_networks.compat.ncps import CfC
            >>> LiquidNetwork.from_ncps(CfC(20, 50)).hidden_size
            50
        """
        return LiquidNetwork.from_model(interchange.ncps.read(source, **options))

    # -- inside --------------------------------------------------------------------------------

    def _check(
        self,
        inputs: Union[Tensor, PackedSequence],
        time_constants: Optional[Number],
        elapsed_time: Optional[Number],
        mask: Optional[Number],
    ) -> Sequences:
        return check_sequences(
            inputs,
            time_constants,
            elapsed_time,
            mask,
            input_size=self.input_size,
            units=self.hidden_size,
            like=self._first.dynamics.like,
            batch_first=self.batch_first,
        )

    def _initial_states(
        self, state: Optional[Tensor], sequences: Sequences
    ) -> Union[Tensor, list[None]]:
        """(B, N) for every population, or None for zeros."""
        populations, batch = len(self.neurons), sequences.inputs.shape[0]
        if state is None:
            return [None] * populations
        like = self._first.dynamics.like
        last = "N" if self.state_size == self.hidden_size else "2 N"
        if sequences.batched:
            layout = f"(num_layers * directions, B, {last})"
            return check_state(state, (populations, batch, self.state_size), layout, like)
        layout = f"(num_layers * directions, {last})"
        return check_state(state, (populations, self.state_size), layout, like).unsqueeze(1)

    def _run(
        self, sequences: Sequences, initial: Union[Tensor, list[None]]
    ) -> tuple[list[Tensor], list[Sequences]]:
        """States (B, T, N) of every population, in forward time order; what each layer was fed.

        With a memory they are (B, T, 2 N).
        """
        states: list[Tensor] = []
        fed: list[Sequences] = []
        neurons = cast("list[LiquidNeuron]", list(self.neurons))
        for depth in range(self.num_layers):
            if depth > 0:
                inputs = self._between(states, depth - 1)
                sequences = sequences._replace(inputs=inputs, mask=None)
            fed.append(sequences)
            for direction in range(self.directions):
                index = depth * self.directions + direction
                neuron, state = neurons[index], initial[index]
                ordered = sequences.reversed() if direction else sequences
                own = neuron(ordered.inputs, state, sequences=ordered)
                states.append(own.flip(1) if direction else own)
        return states, fed

    def _between(self, states: list[Tensor], depth: int) -> Tensor:
        """The inputs of the layer after ``depth``."""
        joined: Tensor = self.dropout(_joined(self._layer(states, depth)))
        return joined

    def _layer(self, states: list[Tensor], depth: int) -> list[Tensor]:
        """What the neurons of a layer say, in each direction."""
        own = states[depth * self.directions : (depth + 1) * self.directions]
        return [self._neurons_part(each) for each in own]

    def _neurons_part(self, state: Tensor) -> Tensor:
        """A state without its memory."""
        return state if self.state_size == self.hidden_size else state[..., : self.hidden_size]

    def _final_states(self, states: list[Tensor]) -> list[Tensor]:
        """(B, N) of every population: the backward direction ends at the first sample."""
        return [
            each[:, 0] if index % self.directions else each[:, -1]
            for index, each in enumerate(states)
        ]

    def _read_out(self, states: list[Tensor]) -> Tensor:
        kept = states if self.return_sequences else self._final_states(states)
        neurons = _joined(self._layer(kept, self.num_layers - 1))
        readouts.check_fed(self.readout, neurons)
        outputs: Tensor = self.readout(neurons)
        return outputs


def _joined(tensors: list[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors, dim=-1)


def _wirings(
    wiring: Union[WiringLike, Sequence[WiringLike], None],
    input_size: int,
    hidden_size: Optional[int],
    num_layers: int,
    directions: int,
) -> list[Wiring]:
    """One wiring a population, in the order of ``state``; all have the same number of neurons."""
    count = num_layers * directions
    given: Sequence[Optional[WiringLike]]
    given = wiring if isinstance(wiring, (list, tuple)) else [wiring] * count  # type: ignore[list-item]
    if len(given) != count:
        raise OptionError(f"expected {count}, one a population; got {len(given)}", "wiring")
    first = build_wiring(given[0], input_size, hidden_size)
    width = first.units * directions
    if isinstance(wiring, Wiring) and num_layers > 1 and width != input_size:
        raise OptionError(
            "is built for one number of inputs; several layers need a recipe, or a list with "
            "one wiring each",
            "wiring",
        )
    return [first] + [
        build_wiring(each, input_size if index < directions else width, first.units)
        for index, each in enumerate(given[1:], start=1)
    ]


def _initial_seeds(seed: Optional[int], count: int) -> list[Optional[int]]:
    if seed is None:
        return [None] * count
    generator = torch.Generator("cpu").manual_seed(check_seed(seed))
    return torch.randint(2**31, (count,), generator=generator, device="cpu").tolist()
