"""A network and a call of it, in float64, so that questions have exact answers."""

from __future__ import annotations

from functools import wraps
from os import PathLike
from typing import Any, Callable, NamedTuple, Optional, TypeVar, cast

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from .._checks import told
from .._hints import explains_keywords
from .._inputs import as_reals, broadcast, check_finite, check_sequences, check_state
from .._sequences import Number, Sequences
from ..errors import DtypeError
from ..network import LiquidNetwork

Function = TypeVar("Function", bound=Callable[..., Any])


def asks(function: Function) -> Function:
    """Makes a function about a network, its first argument, refuse what is none, and say what was
    probably meant by a keyword that it does not take.

    Raises:
        DtypeError: from the function: ``network`` is no :class:`LiquidNetwork`.
        UnknownKeywordError: from the function: there is no such keyword.
    """
    explained = explains_keywords(function)

    @wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        if arguments:
            return explained(network_of(arguments[0]), *arguments[1:], **keywords)
        if "network" in keywords:
            keywords["network"] = network_of(keywords["network"])
        return explained(**keywords)

    return cast(Function, call)


def network_of(network: object) -> LiquidNetwork:
    """The network itself, also of one that was compiled.

    Raises:
        DtypeError: it is none.
    """
    found = getattr(network, "_orig_mod", network)
    if isinstance(found, LiquidNetwork):
        return found
    advice = ""
    if isinstance(network, (str, PathLike)):
        advice = "; LiquidNetwork.load reads one from a file"
    elif isinstance(getattr(network, "network", None), LiquidNetwork):
        advice = "; give its .network"
    raise DtypeError(f"expected a LiquidNetwork, got {told(network)}{advice}", "network")


class Subject(NamedTuple):
    """What is looked at.

    Attributes:
        network: a copy in float64, in evaluation mode, batch first, every sample's output.
        sequences: the call's arguments in float64, (B, T, ...).
        state: (populations, B, state size) to start from, or None for zeros.
    """

    network: LiquidNetwork
    sequences: Sequences
    state: Optional[Tensor]

    def repeated(self, rows: Tensor) -> Subject:
        """The same with these rows of the batch, in this order."""

        def taken(value: Optional[Tensor], dim: int = 0) -> Optional[Tensor]:
            return None if value is None else value.index_select(dim, rows)

        own = self.sequences
        sequences = own._replace(
            inputs=own.inputs.index_select(0, rows),
            mask=taken(own.mask),
            valid=taken(own.valid),
            elapsed_time=taken(own.elapsed_time),
            time_constants=taken(own.time_constants),
        )
        return Subject(self.network, sequences, taken(self.state, 1))

    def outputs(self, inputs: Tensor) -> Tensor:
        """(B, T, O) for other inputs (B, T, I), everything else as it was."""
        own = self.sequences
        times, mask, given = own.times(), own.mask, own.time_constants
        result = self.network(
            inputs,
            given,
            elapsed_time=times,
            mask=own.valid if mask is None else mask > 0,
            state=self.state,
        )
        assert isinstance(result, Tensor)
        return result

    def final_outputs(self, inputs: Tensor) -> Tensor:
        """(B, O) for other inputs, where the backward direction is read at its own end, the first
        sample."""
        network = self.network
        network.return_sequences = False
        try:
            return self.outputs(inputs)
        finally:
            network.return_sequences = True

    def as_given(self, value: Tensor) -> Tensor:
        """A result (B, ...) without B where the call was one sequence."""
        return value if self.sequences.batched else value.squeeze(0)


def exact_copy(network: LiquidNetwork) -> LiquidNetwork:
    """A copy of a network in float64 with its current parameter values, without gradients, in
    evaluation mode, batch first, with an output for every sample."""
    model = network.to_model()
    config = {**model.config, "batch_first": True, "return_sequences": True}
    values = {name: value.cpu().double() for name, value in model.values.items()}
    copy = LiquidNetwork.from_model(model._replace(config=config, values=values))
    return copy.to(device_of(network)).requires_grad_(False)


def device_of(network: LiquidNetwork) -> torch.device:
    """Where its neurons are."""
    return network.populations()[0][1].dynamics.like.device


def subject_of(
    network: LiquidNetwork,
    inputs: Tensor,
    time_constants: Optional[Number] = None,
    elapsed_time: Optional[Number] = None,
    mask: Optional[Number] = None,
    state: Optional[Tensor] = None,
) -> Subject:
    """The arguments of :meth:`LiquidNetwork.forward`, checked as it checks them.

    Raises:
        ShapeError, DtypeError, DomainError: naming the argument.
    """
    if isinstance(inputs, PackedSequence):
        raise DtypeError("is packed; give ragged sequences padded, with a mask (B, T)", "inputs")
    like = network.populations()[0][1].dynamics.like
    sequences = check_sequences(
        inputs,
        time_constants,
        elapsed_time,
        mask,
        input_size=network.input_size,
        units=network.hidden_size,
        like=like,
        batch_first=network.batch_first,
    )
    if state is not None:
        state = _states(network, state, sequences, like).detach().double()

    def exact(value: Optional[Tensor]) -> Optional[Tensor]:
        return None if value is None else value.detach().double()

    exactly = sequences._replace(
        inputs=sequences.inputs.detach().double(),
        mask=exact(sequences.mask),
        elapsed_time=exact(sequences.elapsed_time),
        time_constants=exact(sequences.time_constants),
    )
    return Subject(exact_copy(network), exactly, state)


def series_of(name: str, value: Number, sequences: Sequences) -> Tensor:
    """(B, T) from a number, (T,) or what the caller arranged as the inputs are.

    Raises:
        ShapeError, DtypeError, DomainError: it is no such thing.
    """
    own = sequences.inputs
    series = as_reals(name, sequences.layout.padded(name, value), own)
    check_finite(name, series)
    return broadcast(name, series, sequences.layout, own.shape[:2])


def _states(network: LiquidNetwork, state: Tensor, sequences: Sequences, like: Tensor) -> Tensor:
    """(populations, B, state size)."""
    count, width = len(network.neurons), network.state_size
    if sequences.batched:
        shape = (count, sequences.inputs.shape[0], width)
        return check_state(state, shape, "(num_layers * directions, B, state size)", like)
    layout = "(num_layers * directions, state size)"
    return check_state(state, (count, width), layout, like).unsqueeze(1)
