"""What every kernel is made of: activations, gathers along the neurons, the steps of the solvers.

Functions for use inside Triton kernels, which reads what stands behind a ``return`` unless it is in
an ``else``. Tiles are (rows, neurons), float32, both sizes powers of 2;
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
    return opening(x * -LOG2E)


@triton.jit
def tanh(x):
    """By its series near 0, where the other form loses digits."""
    square = x * x
    series = x * (1.0 - square * (1.0 / 3.0 - square * (2.0 / 15.0 - square * (17.0 / 315.0))))
    return tl.where(square < 0.04, series, 1.0 - 2.0 * opening(x * (2.0 * LOG2E)))


@triton.jit
def at_least(value, LEAST: tl.constexpr):
    """What the constraint ``clip`` makes of a stored number; LEAST is None where that is done."""
    if LEAST is None:
        return value
    else:
        return tl.maximum(value, LEAST, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def at_least_gradient(grad, value, LEAST: tl.constexpr):
    """That of a stored number, from that of what :func:`at_least` made of it."""
    if LEAST is None:
        return grad
    else:
        return tl.where(value >= LEAST, grad, 0.0)


@triton.jit
def pick(values, index, SHUFFLE: tl.constexpr):
    """(rows, X): for each row the values (rows, M) that ``index`` (1, X) names.

    ``SHUFFLE``: between the lanes of the only warp, which costs M / 32 shuffles; else through
    shared memory, for one row.
    """
    if SHUFFLE:
        return tl.gather(values, tl.broadcast_to(index, (values.shape[0], index.shape[1])), 1)
    else:
        return tl.reshape(_gather(values, index), (1, index.shape[1]))


@triton.jit
def spread(values, index, SHUFFLE: tl.constexpr):
    """(rows, K, L): the same for an index (1, K, L)."""
    if SHUFFLE:
        rows: tl.constexpr = values.shape[0]
        source = tl.broadcast_to(values[:, None, :], (rows, index.shape[1], values.shape[1]))
        index = tl.broadcast_to(index, (rows, index.shape[1], index.shape[2]))
        return tl.gather(source, index, 2)
    else:
        return tl.reshape(_gather(values, index), (1, index.shape[1], index.shape[2]))


@triton.jit
def spread_both(one, other, index, SHUFFLE: tl.constexpr):
    """The same of two kinds of values, which go through shared memory side by side."""
    if SHUFFLE:
        return spread(one, index, SHUFFLE), spread(other, index, SHUFFLE)
    else:
        index = 2 * index[:, :, :, None] + tl.arange(0, 2)[None, None, None, :]
        return tl.split(tl.reshape(_gather(tl.join(one, other), index), index.shape))


@triton.jit
def _gather(values, index):
    """All in one dimension, which Triton gathers through shared memory."""
    return tl.gather(tl.ravel(values), tl.ravel(index), 0)


@triton.jit
def add_lists(sums, first, counts, MOST: tl.constexpr, SHUFFLE: tl.constexpr):
    """(rows, neurons) from sums over each list (rows, L) those over the lists of each neuron.

    ``first`` and ``counts`` (1, neurons): see ``Lists``; ``MOST`` is the largest count, if not
    SHUFFLE a power of 2 above it.
    """
    if MOST == 1:
        return sums
    elif SHUFFLE:
        last: tl.constexpr = sums.shape[1] - 1
        total = tl.where(counts > 0, pick(sums, tl.minimum(first, last), SHUFFLE), 0.0)
        for i in tl.static_range(1, MOST):
            index = tl.minimum(first + i, last)
            total += tl.where(i < counts, pick(sums, index, SHUFFLE), 0.0)
        return total
    else:
        part, index = _parts(first, sums.shape[1], MOST)
        each = tl.where(part < counts[:, None, :], spread(sums, index, SHUFFLE), 0.0)
        return tl.sum(each, 1)


@triton.jit
def add_both_lists(one, other, first, counts, MOST: tl.constexpr, SHUFFLE: tl.constexpr):
    """The same of two kinds of sums, which go through shared memory side by side."""
    if SHUFFLE or MOST == 1:
        return (
            add_lists(one, first, counts, MOST, SHUFFLE),
            add_lists(other, first, counts, MOST, SHUFFLE),
        )
    else:
        part, index = _parts(first, one.shape[1], MOST)
        index = 2 * index[:, :, :, None] + tl.arange(0, 2)[None, None, None, :]
        each = tl.reshape(_gather(tl.join(one, other), index), index.shape)
        there = (part < counts[:, None, :])[:, :, :, None]
        return tl.split(tl.sum(tl.where(there, each, 0.0), 1))


@triton.jit
def _parts(first, lists: tl.constexpr, MOST: tl.constexpr):
    """(1, MOST, 1) the numbers of a neuron's lists, and (1, MOST, neurons) which these are."""
    part = tl.arange(0, MOST)[None, :, None]
    return part, tl.minimum(first[:, None, :] + part, lists - 1)


@triton.jit
def places(array, LENGTH: tl.constexpr, LISTS: tl.constexpr):
    """(1, K, L) pointers to each place of lists."""
    # Lists first: what is then added is known when the kernel is compiled, and needs no register.
    lanes = array + tl.arange(0, LISTS)[None, None, :]
    return lanes + tl.arange(0, LENGTH)[None, :, None] * LISTS


@triton.jit
def load_others(entries, LENGTH: tl.constexpr, LISTS: tl.constexpr, REGULAR: tl.constexpr):
    """(1, K, L) the neurons at the synapses' other ends, 0 where there is no synapse."""
    if REGULAR:
        return tl.broadcast_to(tl.arange(0, LENGTH)[None, :, None], (1, LENGTH, LISTS))
    return tl.load(places(entries, LENGTH, LISTS)) & 1023


@triton.jit
def load_synapses(entries, LENGTH: tl.constexpr, LISTS: tl.constexpr):
    """(1, K, L) which synapses, -1 where there is none."""
    return tl.load(places(entries, LENGTH, LISTS)) >> 10


@triton.jit
def store_arranged(arranged, values, at, receiving, places, ROW: tl.constexpr, ROWS: tl.constexpr):
    """Stores one of ROWS values of each place.

    Places before ``receiving`` are those of lists by receiver, which have an array (ROWS, places)
    of their own; behind it is that of the others.
    """
    by_receiver = at < receiving
    size = tl.where(by_receiver, receiving, places - receiving)
    begin = tl.where(by_receiver, 0, (ROWS - 1) * receiving)
    tl.store(arranged + begin + ROW * size + at, values, mask=at < places)


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
    kept = tl.math.exp2(y * -LOG2E)
    # (y - 1 + exp(-y)) / y**2
    series = 1 / 5040 - y * (1 / 40320)
    series = 1 / 24 - y * (1 / 120 - y * (1 / 720 - y * series))
    series = 1 / 2 - y * (1 / 6 - y * series)
    length = tl.where(near, h * (1.0 - y * series), (1.0 - kept) / away)
    near_slope = h * h * (series * (1.0 + y) - 1.0)
    slope = tl.where(near, near_slope, (kept * (1.0 + y) - 1.0) / away / away)
    return length, slope, kept
