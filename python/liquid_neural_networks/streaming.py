"""Streaming: one sample in, one output out, the state kept in between.

Where the fused step can run, a sample goes through it without torch; elsewhere a copy of the
network steps on the reference path. Both give the same numbers.
"""

from __future__ import annotations

import copy
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, Protocol, Union

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ._live import LiveNetwork, can_run
from ._sequences import Number, real_array
from .errors import DomainError, OptionError, ShapeError

if TYPE_CHECKING:
    from .network import LiquidNetwork

Array = npt.NDArray[np.floating[Any]]
Sample = Union[npt.ArrayLike, Tensor]


class Stream:
    """A live session with a network; made by :meth:`LiquidNetwork.stream`.

    It keeps the parameters of the moment it was opened, and drops nothing out. One thread at a
    time may use it.
    """

    def __init__(self, network: LiquidNetwork, state: Optional[Sample] = None):
        if network.bidirectional:
            raise OptionError(
                "a network of both directions cannot stream: it needs the future", "bidirectional"
            )
        self._shape, self._units = (network.input_size,), network.hidden_size
        limits = torch.finfo(next(network.parameters()).dtype)
        self._smallest, self._largest = limits.tiny, limits.max
        self._engine: _Engine
        if can_run(network):
            self._engine = _Compiled(network)
        else:
            self._engine = _Reference(network)
        if state is not None:
            self.state = state

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
        if isinstance(state, Tensor):
            state = state.detach().cpu()
        values, shape = real_array("state", state), self._engine.state().shape
        if values.shape != shape:
            raise ShapeError(f"expected {shape}, got {values.shape}", "state")
        if not (np.abs(values) <= self._largest).all():
            raise DomainError("contains NaN or infinity", "state")
        self._engine.set_state(values)

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
        if isinstance(sample, np.ndarray) and sample.dtype.kind in "fiu":
            values = sample
        else:
            values = real_array("sample", sample)
        if values.shape != self._shape:
            raise ShapeError(f"expected {self._shape}, got {values.shape}", "sample")
        given = None if time_constants is None else self._time_constants(time_constants)
        return self._engine.step(values, self._elapsed(elapsed_time), given)

    def _elapsed(self, elapsed_time: object) -> float:
        if not isinstance(elapsed_time, float):
            array = real_array("elapsed_time", elapsed_time)
            if array.shape != ():
                raise ShapeError(f"expected a number, got {array.shape}", "elapsed_time")
            elapsed_time = float(array)
        if not 0.0 <= elapsed_time <= self._largest:
            raise DomainError(
                f"expected a finite number from 0, got {elapsed_time}", "elapsed_time"
            )
        return elapsed_time

    def _time_constants(self, time_constants: Number) -> Array:
        values = real_array("time_constants", time_constants)
        if values.shape not in ((), (1,), (self._units,)):
            raise ShapeError(
                f"expected a number or ({self._units},), got {values.shape}", "time_constants"
            )
        if not ((values >= self._smallest) & (values <= self._largest)).all():
            raise DomainError("expected positive finite numbers", "time_constants")
        return np.broadcast_to(values, (self._units,))

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.reset()


class _Engine(Protocol):
    """What carries a checked sample through the network."""

    def step(
        self, sample: npt.NDArray[Any], elapsed_time: float, time_constants: Optional[Array]
    ) -> Array: ...

    def state(self) -> Array: ...

    def set_state(self, state: npt.NDArray[np.float64]) -> None: ...

    def reset(self) -> None: ...


class _Compiled:
    """Every population on the compiled step."""

    def __init__(self, network: LiquidNetwork):
        self._live = LiveNetwork(network)

    def step(
        self, sample: npt.NDArray[Any], elapsed_time: float, time_constants: Optional[Array]
    ) -> Array:
        live = self._live
        live.sample[:] = sample
        live.elapsed_time[0] = elapsed_time
        if time_constants is not None:
            live.time_constants[:] = time_constants
        if not live.step(time_constants is not None):
            raise DomainError(_BEYOND, "sample")
        outputs: Array = live.outputs.copy()
        return outputs

    def state(self) -> Array:
        return self._live.states()

    def set_state(self, state: npt.NDArray[np.float64]) -> None:
        self._live.set_states(state)

    def reset(self) -> None:
        self._live.reset()


class _Reference:
    """A copy of the network, one sequence of one sample at a time."""

    def __init__(self, network: LiquidNetwork):
        self._network = copy.deepcopy(network).eval()
        like = next(network.parameters()).detach()
        self._largest = torch.finfo(like.dtype).max
        self._state = like.new_zeros(network.num_layers, network.state_size)

    @torch.no_grad()
    def step(
        self, sample: npt.NDArray[Any], elapsed_time: float, time_constants: Optional[Array]
    ) -> Array:
        seen = ~np.isnan(sample)
        values = np.where(seen, sample, 0.0).astype(np.float64)
        if (np.abs(values) > self._largest).any():
            raise DomainError(_BEYOND, "sample")
        outputs, self._state = self._network(
            torch.from_numpy(values).to(self._state).unsqueeze(0),
            time_constants,
            elapsed_time=elapsed_time,
            mask=None if seen.all() else seen[None],
            state=self._state,
            return_state=True,
        )
        return np.asarray((outputs[-1] if self._network.return_sequences else outputs).cpu())

    def state(self) -> Array:
        state: Array = self._state.cpu().numpy().copy()
        return state

    def set_state(self, state: npt.NDArray[np.float64]) -> None:
        self._state = torch.from_numpy(state).to(self._state)

    def reset(self) -> None:
        self._state = torch.zeros_like(self._state)


_BEYOND = "contains infinity, or nearly so"
