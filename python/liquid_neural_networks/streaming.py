"""Streaming: one sample in, one output out, the state kept in between.

Where the compiled engine can run, a sample goes through C without torch; elsewhere copies of the
populations step on whichever engine can. Both give the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, Optional, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from . import fused, solvers
from . import readout as readouts
from ._inputs import check_sequences
from ._live import Live
from ._parameters import check_alike
from ._samples import BEYOND, Array, Sample, SampleChecks
from ._sequences import Number
from .errors import DomainError, OptionError
from .fused._session import Population, Session
from .neuron import LiquidNeuron


class Stream(Live):
    """A live session with a network; made by :meth:`LiquidNetwork.stream`.

    It keeps the parameters of the moment it was opened, and drops nothing out. One thread at a
    time may use it. It is neither copied nor pickled: open another one from its state.

    Args:
        populations: in the order in which signals travel.
        readout: of the last one's neurons.
        state: to start from; see :attr:`state`. Default: zeros.
    """

    def __init__(
        self,
        populations: Sequence[LiquidNeuron],
        readout: nn.Module,
        state: Optional[Sample] = None,
    ):
        first = populations[0]
        self._checks = SampleChecks(first.input_size, first.hidden_size, first.dynamics.like.dtype)
        check_one_dtype(populations, readout)
        self._engine: _Engine
        with torch.inference_mode(False), torch.no_grad():
            if _can_compile(populations):
                self._engine = _Compiled(populations, readout)
            else:
                self._engine = _Reference(populations, readout)
        if state is not None:
            self.state = state

    def __repr__(self) -> str:
        return f"Stream(sample {self._checks.shape}, state {self.state.shape}, {self._engine.NAME})"

    def __reduce__(self) -> NoReturn:
        raise OptionError(
            "a stream is a live session and cannot be copied or pickled; open another one with "
            "network.stream(state=stream.state)",
            "stream",
        )

    @property
    def state(self) -> Array:
        """(num_layers, N) array, with a memory (num_layers, 2 N): the state after the last sample.

        Read, it is a copy; set, the stream goes on from there.

        Raises:
            ShapeError, DtypeError, DomainError: what is set is no such state; nothing changes.
        """
        return self._engine.state()

    @state.setter
    def state(self, state: Sample) -> None:
        self._engine.set_state(self._checks.state(state, self._engine.state().shape))

    def reset(self) -> None:
        """Back to the zero state."""
        self._engine.reset()

    def step(
        self,
        sample: Sample,
        elapsed_time: float = 1.0,
        time_constants: Optional[Number] = None,
    ) -> Array:
        """Feeds one sample and returns the output.

        Args:
            sample: (I,) numbers; NaN marks a missing feature.
            elapsed_time: time since the previous sample, at least 0. Default 1.
            time_constants: a number or (N,), see :meth:`LiquidNetwork.forward`.

        Returns:
            (O,) array.

        Raises:
            ShapeError, DtypeError, DomainError: naming the argument; the state is as before.
        """
        values = self._checks.sample("sample", sample)
        given = None if time_constants is None else self._checks.time_constants(time_constants)
        return self._engine.step(values, self._checks.elapsed_time(elapsed_time), given)


class _Engine(Protocol):
    """What carries a checked sample through the network."""

    NAME: str

    def step(
        self, sample: npt.NDArray[Any], elapsed_time: float, time_constants: Optional[Array]
    ) -> Array: ...

    def state(self) -> Array: ...

    def set_state(self, state: npt.NDArray[np.float64]) -> None: ...

    def reset(self) -> None: ...


def check_one_dtype(populations: Sequence[LiquidNeuron], readout: nn.Module) -> None:
    """A sample goes through all parts in one dtype.

    Raises:
        DtypeError: one of them was converted by itself.
    """
    like = populations[0].dynamics.like
    for neuron in populations:
        for prefix, module in neuron.parameter_modules().items():
            check_alike(prefix.rstrip(".") or "dynamics", module.like, like.dtype)
    readouts.check_fed(readout, like)


def _can_compile(populations: Sequence[LiquidNeuron]) -> bool:
    return not any(
        fused.unsupported(each.dynamics, each.method, each.dynamics.like) for each in populations
    )


class _Compiled:
    """Every population in C."""

    NAME = fused.NAME

    def __init__(self, populations: Sequence[LiquidNeuron], readout: nn.Module):
        frozen = [each.frozen() for each in populations]
        units, like = frozen[-1].hidden_size, frozen[-1].dynamics.like
        known = readouts.affine(readout, like, units)
        self._readout = None if known else readout
        self._session = Session(
            [Population(each.dynamics, each.method, each.memory) for each in frozen],
            known,
        )

    def step(
        self, sample: npt.NDArray[Any], elapsed_time: float, time_constants: Optional[Array]
    ) -> Array:
        session = self._session
        session.sample[:] = sample
        session.elapsed_time[0] = elapsed_time
        if time_constants is not None:
            session.time_constants[:] = time_constants
        if not session.step(time_constants is not None):
            raise DomainError(BEYOND, "sample")
        outputs: Array = session.outputs.copy()
        return outputs if self._readout is None else _read(self._readout, outputs)

    def state(self) -> Array:
        return self._session.states()

    def set_state(self, state: npt.NDArray[np.float64]) -> None:
        self._session.set_states(state)

    def reset(self) -> None:
        self._session.reset()


@torch.no_grad()
def _read(readout: nn.Module, neurons: Array) -> Array:
    # One row of a batch: some modules take nothing else.
    outputs: Array = readout(torch.from_numpy(neurons).unsqueeze(0)).squeeze(0).numpy()
    return outputs


class _Reference:
    """Copies of the populations, one sequence of one sample at a time."""

    NAME = solvers.NAME

    def __init__(self, populations: Sequence[LiquidNeuron], readout: nn.Module):
        self._populations = [each.frozen() for each in populations]
        self._units = populations[0].hidden_size
        like = self._populations[0].dynamics.like
        known = readouts.affine(readout, like, self._units)
        self._affine = None if known is None else [each.clone() for each in known]
        self._readout = readout
        self._largest = torch.finfo(like.dtype).max
        self._state = like.new_zeros(len(populations), populations[0].state_size)

    @torch.no_grad()
    def step(
        self, sample: npt.NDArray[Any], elapsed_time: float, time_constants: Optional[Array]
    ) -> Array:
        seen = ~np.isnan(sample)
        values = np.where(seen, sample, 0.0).astype(np.float64)
        if (np.abs(values) > self._largest).any():
            raise DomainError(BEYOND, "sample")
        sequences = check_sequences(
            torch.from_numpy(values).to(self._state)[None, None],
            time_constants,
            elapsed_time,
            None if seen.all() else seen[None, None],
            input_size=len(values),
            units=self._units,
            like=self._state,
            batch_first=True,
        )
        states = []
        for neuron, state in zip(self._populations, self._state):
            # Nothing is checked in between, as in a sequence: states may have grown infinite.
            after = neuron(sequences.inputs, state[None], sequences=sequences)[0]
            states.append(after[0])
            sequences = sequences._replace(inputs=after[None, :, : self._units], mask=None)
        self._state = torch.stack(states)
        neurons = sequences.inputs[0]
        if self._affine is None:
            outputs = self._readout(neurons)
        else:
            outputs = torch.nn.functional.linear(neurons, *self._affine)
        return np.asarray(outputs[0].cpu())

    def state(self) -> Array:
        state: Array = self._state.cpu().numpy().copy()
        return state

    def set_state(self, state: npt.NDArray[np.float64]) -> None:
        self._state = torch.from_numpy(np.array(state)).to(self._state)

    def reset(self) -> None:
        self._state = torch.zeros_like(self._state)
