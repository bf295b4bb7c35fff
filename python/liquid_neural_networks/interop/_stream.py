"""Streaming by handle: samples and outputs lie in memory that both sides share."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Callable, Optional, Union, cast

from ..network import LiquidNetwork
from ..online import Guarded, Learner
from ..streaming import Stream
from ._arrays import Array, Given, array_description, tensor, view
from ._calls import Plain, guarded, held, hold


class Session:
    """A stream or a learner, and the caller's memory for samples and outputs."""

    def __init__(self, stream: Union[Stream, Learner, Guarded], sample: Array, outputs: Array):
        self.stream, self.outputs = stream, outputs
        self.advance = stream.step
        self.sample, self.settings = sample[:-2], memoryview(cast(Any, sample[-2:]))
        self.functions: list[object] = []
        self.ahead: list[AbstractContextManager[object]] = []  # see learner_lookahead
        self.error: Optional[BaseException] = None

    def step(self, elapsed_time: Any, constants: Any) -> None:
        self.outputs[:] = self.advance(self.sample, elapsed_time, constants)


@guarded
def open_stream(
    handle: int,
    sample: Mapping[str, Any],
    outputs: Mapping[str, Any],
    given: Optional[Mapping[str, Given]] = None,
) -> int:
    """A live session; ``sample`` and ``outputs`` describe memory kept until it is released.

    Behind the sample are two numbers more, see :func:`stepper`.

    ``given`` may hold the ``state`` to start from.
    """
    stream = held(handle, LiquidNetwork).stream(tensor((given or {}).get("state")))
    return hold(Session(stream, view(sample), view(outputs)))


@guarded
def stream_step(handle: int, elapsed_time: float, given: Given = None) -> None:
    """Feeds the sample in memory, and writes the outputs."""
    held(handle, Session).step(elapsed_time, None if given is None else tensor(given))


@guarded
def stepper(handle: int) -> int:
    """Address of a C function that does what :func:`stream_step` does, with nothing to cross.

    Two numbers behind the sample in memory are the elapsed time, and the time constant or NaN
    for the learned ones. It returns 0 when all went well; else :func:`last_error` raises the
    error.
    """
    session = held(handle, Session)
    # Names of this function are found quicker than attributes.
    advance, sample = session.advance, session.sample
    settings, outputs = session.settings, session.outputs

    def step() -> int:
        try:
            elapsed_time, constant = settings
            outputs[:] = advance(sample, elapsed_time, None if constant != constant else constant)
        except BaseException as error:
            session.error = error
            return 1
        return 0

    return c_function(session, step)


_NOTHING_TO_CROSS = ctypes.CFUNCTYPE(ctypes.c_int)


def c_function(session: Session, function: Callable[[], int]) -> int:
    """Address of a function as one of C, which lives as long as the session."""
    made = _NOTHING_TO_CROSS(function)
    session.functions.append(made)
    return ctypes.cast(made, ctypes.c_void_p).value or 0


@guarded
def keep_thread() -> None:
    """Keeps Python's state of the calling thread, if that is not one of Python's own.

    Else it is made anew for each call, which takes longer than a step of a small network. It is
    never freed, so this is for a few threads that call often.
    """
    ctypes.pythonapi.PyGILState_Ensure()  # without the release that would follow


@guarded
def last_error(handle: int) -> None:
    """Raises what went wrong in the latest step or lesson."""
    session = held(handle, Session)
    error, session.error = session.error, None
    if error is not None:
        raise error


@guarded
def stream_state(handle: int) -> Plain:
    """(num_layers, N), the state after the last sample."""
    return array_description(held(handle, Session).stream.state)


@guarded
def stream_reset(handle: int) -> None:
    """Back to the zero state."""
    held(handle, Session).stream.reset()
