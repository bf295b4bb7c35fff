"""What every kernel is made of: activations, gathers along the neurons, the steps of the solvers.

Functions for use inside Triton kernels. Tiles are (rows, neurons), float32, both sizes powers of 2;
what lies beyond the batch and beyond the neurons is 0 and stays 0.
"""

from __future__ import annotations

import triton
import triton.language as tl

LOG2E = tl.constexpr(1.4426950408889634)
LN2 = tl.constexpr(0.6931471805599453)


@triton.jit
def opening(exponent):
    """1 / (1 + 2**exponent): a sigmoid, its factor -log2(e) left to the caller.

    Two operations of the special-function unit. A square of the inverse square root, because a
    division is one such operation and five others that guard its range.
    """
    root = tl.math.rsqrt(1.0 + tl.math.exp2(exponent))
    return root * root


@triton.jit
def sigmoid(x):
    return opening(-LOG2E * x)


@triton.jit
def tanh(x):
    """By its series near 0, where the other form loses digits."""
    square = x * x
    series = x * (1.0 - square * (1.0 / 3.0 - square * (2.0 / 15.0 - square * (17.0 / 315.0))))
    return tl.where(square < 0.04, series, 1.0 - 2.0 * opening(2.0 * LOG2E * x))


@triton.jit
def pick(values, index, scratch, SHUFFLE: tl.constexpr):
    """(rows, X): for each row the values (rows, M) that ``index`` (X,) names.

    ``SHUFFLE``: between the lanes of a warp, which costs M / 32 shuffles; else by way of
    ``scratch``, (rows, M) numbers in global memory that only this program uses.
    """
    rows: tl.constexpr = values.shape[0]
    if SHUFFLE:
        return tl.gather(values, tl.broadcast_to(index[None, :], (rows, index.shape[0])), 1)
    source = _through(scratch, values)
    return tl.load(source[:, None] + index[None, :])


@triton.jit
def spread(values, index, scratch, SHUFFLE: tl.constexpr):
    """(rows, K, L): the same for an index (K, L)."""
    rows: tl.constexpr = values.shape[0]
    height: tl.constexpr = index.shape[0]
    width: tl.constexpr = index.shape[1]
    if SHUFFLE:
        # A copy for each of the K costs nothing: the warps that share out K have each their own.
        source = tl.broadcast_to(values[:, None, :], (rows, height, values.shape[1]))
        return tl.gather(source, tl.broadcast_to(index[None, :, :], (rows, height, width)), 2)
    source = _through(scratch, values)
    return tl.load(source[:, None, None] + index[None, :, :])


@triton.jit
def _through(scratch, values):
    """(rows,) where in ``scratch`` each row of the values is, once all threads have written."""
    width: tl.constexpr = values.shape[1]
    rows = scratch + tl.arange(0, values.shape[0]) * width
    tl.debug_barrier()  # whoever still reads what was there before
    tl.store(rows[:, None] + tl.arange(0, width)[None, :], values)
    tl.debug_barrier()
    return rows


@triton.jit
def solver_step(x, rate, drive, h, SOLVER: tl.constexpr):
    """The state after a step of length h; see :mod:`liquid_neural_networks.solvers`."""
    if SOLVER == "fused":
        return (x + h * drive) / (1.0 + h * rate)
    elif SOLVER == "euler":
        return x + h * (drive - rate * x)
    else:
        return x + (drive - rate * x) * _exponential(rate, h)[0]


@triton.jit
def solver_step_gradient(grad, x, rate, drive, h, SOLVER: tl.constexpr):
    """From the gradient of the state after a step those of (x, rate, drive, h)."""
    if SOLVER == "fused":
        share = grad / (1.0 + h * rate)
        after = (x + h * drive) / (1.0 + h * rate)
        return share, -h * share * after, h * share, share * (drive - rate * after)
    elif SOLVER == "euler":
        of_slope = grad * h
        slope = drive - rate * x
        return grad - of_slope * rate, -of_slope * x, of_slope, grad * slope
    else:
        length, length_slope, kept = _exponential(rate, h)
        slope = drive - rate * x
        share = grad * length
        return grad * kept, grad * slope * length_slope - share * x, share, grad * slope * kept


@triton.jit
def _exponential(rate, h):
    """The step's length l = (1 - exp(-h rate)) / rate, its derivative by the rate, exp(-h rate).

    Near 0 by their series in y = h rate: the rate is 0 where a tanh is at its end. Elsewhere
    nothing of order h is left, however long the step.
    """
    y = h * rate
    near = tl.abs(y) < 0.5
    away = tl.where(near, 1.0, rate)
    kept = tl.math.exp2(-LOG2E * y)
    # (y - 1 + exp(-y)) / y**2
    series = 1 / 5040 - y * (1 / 40320)
    series = 1 / 24 - y * (1 / 120 - y * (1 / 720 - y * series))
    series = 1 / 2 - y * (1 / 6 - y * series)
    length = tl.where(near, h * (1.0 - y * series), (1.0 - kept) / away)
    near_slope = h * h * (series * (1.0 + y) - 1.0)
    slope = tl.where(near, near_slope, (kept * (1.0 + y) - 1.0) / away / away)
    return length, slope, kept
