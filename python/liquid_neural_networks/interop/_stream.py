"""Streaming by handle: samples and outputs lie in memory that both sides share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from ..network import LiquidNetwork
from ..streaming import Stream
from ._arrays import Array, Given, array_description, tensor, view
from ._calls import Plain, described, guarded, held, hold


class _Session:
    """A stream, and the caller's memory it reads samples from and writes outputs to."""

    def __init__(self, stream: Stream, sample: Array, outputs: Array):
        self.stream, self.sample, self.outputs = stream, sample, outputs


@guarded
def open_stream(
    handle: int,
    sample: Mapping[str, Any],
    outputs: Mapping[str, Any],
    given: Optional[Mapping[str, Given]] = None,
) -> int:
    """A live session; ``sample`` and ``outputs`` describe memory kept until it is released.

    ``given`` may hold the ``state`` to start from.
    """
    stream = held(handle, LiquidNetwork).stream(tensor((given or {}).get("state")))
    return hold(_Session(stream, view(sample), view(outputs)))


def stream_step(handle: int, elapsed_time: float, given: Given = None) -> Optional[Plain]:
    """Feeds the sample in memory, and writes the outputs; None when all went well."""
    try:
        session = held(handle, _Session)
        constants = None if given is None else tensor(given)
        session.outputs[:] = session.stream.step(session.sample, elapsed_time, constants)
    except BaseException as error:
        return {"error": described(error)}
    return None


@guarded
def stream_state(handle: int) -> Plain:
    """(num_layers, N), the state after the last sample."""
    return array_description(held(handle, _Session).stream.state)


@guarded
def stream_reset(handle: int) -> None:
    """Back to the zero state."""
    held(handle, _Session).stream.reset()
