"""A sample's numbers in and out of a kernel, whatever the dynamics.

Tiles are (rows, neurons); ``row`` (rows, 1) is the batch row, of 64 bits, since arrays may have
more than 2**31 numbers. ``width`` is N, or 2 N where states have a memory.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def load_times(elapsed_time, time_constants, leak, row, t, neurons, batch, steps, unfolds, units):
    """The leak, 1 / time constants where these are given, and the length of a step.

    At sample t, or at the first or the last one if there is none.
    """
    sample = row * steps + clamped(t, steps)
    if time_constants is not None:
        there = (row < batch) & (neurons < units)
        leak = 1.0 / tl.load(time_constants + sample * units + neurons, mask=there, other=1.0)
    h = tl.where(row < batch, 1.0, 0.0)
    if elapsed_time is not None:
        h = tl.load(elapsed_time + sample, mask=row < batch, other=0.0)
    return leak, h / unfolds


@triton.jit
def store_times_gradient(
    grad_elapsed_time,
    grad_time_constants,
    of_h,
    of_leak,
    leak,
    row,
    t,
    neurons,
    batch,
    steps,
    unfolds,
    units,
):
    """Given those of the steps' length, summed over the unfolds, and of the leak."""
    sample = row * steps + t
    if grad_time_constants is not None:
        there = (row < batch) & (neurons < units)
        at = grad_time_constants + sample * units + neurons
        tl.store(at, -of_leak * leak * leak, mask=there)
    if grad_elapsed_time is not None:
        of_elapsed = tl.sum(of_h, 1)[:, None] / unfolds
        tl.store(grad_elapsed_time + sample, of_elapsed, mask=row < batch)


@triton.jit
def clamped(t, steps):
    return tl.minimum(tl.maximum(t, 0), steps - 1)


@triton.jit
def load_before(states, state, row, t, neurons, there, steps, width):
    """The state before sample t, or before the first one."""
    x = tl.zeros(there.shape, tl.float32)
    if t > 0:
        x = tl.load(states + (row * steps + t - 1) * width + neurons, mask=there, other=0.0)
    elif state is not None:
        x = tl.load(state + row * width + neurons, mask=there, other=0.0)
    return x


@triton.jit
def load_memory_before(states, state, row, t, neurons, there, steps, units):
    """The memory likewise."""
    first = None if state is None else state + units
    return load_before(states + units, first, row, t, neurons, there, steps, 2 * units)
