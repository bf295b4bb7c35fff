"""Kernels of closed-form dynamics: all samples of a sequence in one launch, forward and backward.

A program computes a tile of batch rows. It loads the weights once and keeps the state in registers
from the first sample to the last; see :mod:`liquid_neural_networks.dynamics` for the equations.
What does not depend on the state before comes from outside, where it is one matrix product for all
samples.

Tiles are (rows, neurons), of heads (rows, neurons, K): a neuron has K = 4 heads, ff1, ff2, time_a
and time_b, or K = 1, ff1 alone, in mode ``"pure"``. In memory heads are ordered by layer of the
wiring, then head, then neuron.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ._device import sigmoid, tanh
from ._memory_cell import open_gates, remember, remember_gradient

SIZES = [
    "batch",
    "steps",
    "first",
    "total",
    "units",
    "hidden",
    "layers",
    "state_row",
    "shift_row",
    "shift_step",
]
"""Arguments that change from call to call: one compiled kernel takes any of them."""

SENDERS = tl.constexpr(8)
"""Whose weights to the gates of a memory are loaded at a time."""
SHUFFLE = tl.constexpr(True)
"""States reach the gates between the lanes of a warp."""


# -- the equations ---------------------------------------------------------------------------------


@triton.jit
def heads_of(y):
    """(rows, neurons, 4) -> four (rows, neurons)."""
    even, odd = tl.split(tl.reshape(y, (y.shape[0], y.shape[1], 2, 2)))
    first, third = tl.split(even)
    second, fourth = tl.split(odd)
    return first, second, third, fourth


@triton.jit
def solution(heads, elapsed, shift, a, MODE: tl.constexpr):
    """The new state (rows, neurons).

    Args:
        heads: (rows, neurons, K).
        elapsed: (rows, 1).
        shift: what given time constants add to time_a; in mode "pure" the base rates.
        a: A of mode "pure", (1, neurons).
    """
    if MODE == "pure":
        head = tl.reshape(heads, (heads.shape[0], heads.shape[1]))
        return a - a * head * tl.exp(-elapsed * (shift + tl.abs(head)))
    else:
        ff1, ff2, time_a, time_b = heads_of(heads)
        first, second = tanh(ff1), tanh(ff2)
        gate = sigmoid((time_a + shift) * elapsed + time_b)
        if MODE == "no_gate":
            return first + gate * second
        else:
            return first + gate * (second - first)


@triton.jit
def solution_slopes(heads, elapsed, shift, a, MODE: tl.constexpr):
    """Derivatives (rows, neurons) of :func:`solution`.

    By ff1, ff2, time_a and time_b (in mode "pure" the first counts), by elapsed time, by ``shift``
    and by ``a`` (which counts in mode "pure").
    """
    if MODE == "pure":
        head = tl.reshape(heads, (heads.shape[0], heads.shape[1]))
        rate = shift + tl.abs(head)
        decay = tl.exp(-elapsed * rate)
        fallen = a * head * decay
        slope = a * decay * (elapsed * tl.abs(head) - 1.0)
        return slope, slope, slope, slope, fallen * rate, fallen * elapsed, 1.0 - head * decay
    else:
        ff1, ff2, time_a, time_b = heads_of(heads)
        first, second = tanh(ff1), tanh(ff2)
        gate = sigmoid((time_a + shift) * elapsed + time_b)
        if MODE == "no_gate":
            by_first = 1.0 - first * first
            by_gate = second
        else:
            by_first = (1.0 - gate) * (1.0 - first * first)
            by_gate = second - first
        by_second = gate * (1.0 - second * second)
        by_time_b = by_gate * gate * (1.0 - gate)
        by_time_a = by_time_b * elapsed
        by_elapsed = by_time_b * (time_a + shift)
        return by_first, by_second, by_time_a, by_time_b, by_elapsed, by_time_a, gate


@triton.jit
def head_gradients(slopes, grad, MODE: tl.constexpr):
    """(rows, neurons, K), given that of the new state (rows, neurons)."""
    if MODE == "pure":
        return (slopes[0] * grad)[:, :, None]
    else:
        even = tl.join(slopes[0] * grad, slopes[2] * grad)
        odd = tl.join(slopes[1] * grad, slopes[3] * grad)
        return tl.reshape(tl.join(even, odd), (grad.shape[0], grad.shape[1], 4))


@triton.jit
def activation(y, ACTIVATION: tl.constexpr):
    if ACTIVATION == "tanh":
        return tanh(y)
    elif ACTIVATION == "relu":
        return tl.maximum(y, 0.0)
    else:
        return y * sigmoid(y)


@triton.jit
def activation_slope(y, ACTIVATION: tl.constexpr):
    if ACTIVATION == "tanh":
        z = tanh(y)
        return 1.0 - z * z
    elif ACTIVATION == "relu":
        return tl.where(y > 0.0, 1.0, 0.0)
    else:
        s = sigmoid(y)
        return s * (1.0 + y * (1.0 - s))


# -- products --------------------------------------------------------------------------------------


@triton.jit
def receive(x, weights):
    """What the heads (rows, neurons, K) receive from states (rows, neurons) through weights
    (senders, receivers, K).

    A thread has one head and sums up the senders by itself: each weight is in one register of the
    program, no number is exchanged but the states.
    """
    return tl.sum(weights[:, None, :, :] * tl.trans(x)[:, :, None, None], 0)


@triton.jit
def send_back(grad_heads, weights):
    """The gradients (rows, senders) from those of the heads that received, through weights
    (receivers, senders, K). A thread has one sender and head, and sums up the receivers."""
    by_receiver = tl.permute(grad_heads, (1, 0, 2))
    return tl.sum(tl.sum(weights[:, None, :, :] * by_receiver[:, :, None, :], 0), 2)


@triton.jit
def dot(x, weights):
    """A matrix product of unshortened floats. Weights are in shared memory as they are in memory:
    with neighbouring columns side by side, neighbouring threads read from different banks."""
    return tl.dot(x, weights, input_precision="ieee", out_dtype=x.dtype)


@triton.jit
def load_matrix(matrix, rows, columns, height, width):
    """The tile of a matrix (height, width) with rows (R, 1) and columns (1, C); 0 beyond it."""
    there = (rows < height) & (columns < width)
    return tl.load(matrix + rows * width + columns, mask=there, other=0.0)


@triton.jit
def head_rows(units, NEURONS: tl.constexpr, K: tl.constexpr):
    """(neurons K,) for each head of each neuron in a row its place in memory, or one beyond."""
    each = tl.arange(0, NEURONS * K)
    return tl.where(each // K < units, each % K * units + each // K, K * units)


@triton.jit
def columns_of(n, units, back, layer_starts, layers, K: tl.constexpr):
    """For neurons n: their place in the order of the wiring's layers, their layer (neurons,), and
    the columns of their heads (neurons, K)."""
    place, layer = n, n * 0
    column, stride = n, n * 0 + units
    if back is not None:
        place = tl.load(back + n, mask=n < units, other=0).to(tl.int32)
        for i in range(layers):
            start = tl.load(layer_starts + i).to(tl.int32)
            end = tl.load(layer_starts + i + 1).to(tl.int32)
            inside = (place >= start) & (place < end)
            layer = tl.where(inside, i, layer)
            column = tl.where(inside, K * start + place - start, column)
            stride = tl.where(inside, end - start, stride)
    return place, layer, column[:, None] + tl.arange(0, K)[None, :] * stride[:, None]


# -- forward ---------------------------------------------------------------------------------------


@triton.jit(do_not_specialize=SIZES, do_not_specialize_on_alignment=["state"])
def forward(
    states,
    terms,
    elapsed,
    shift,
    state,
    gates,
    recurrent,
    a,
    back,
    layer_starts,
    heads_weights,
    heads_bias,
    hidden_weights,
    hidden_bias,
    gates_weights,
    batch,
    steps,
    first,
    total,
    units,
    hidden,
    layers,
    state_row,
    shift_row,
    shift_step,
    MODE: tl.constexpr,
    ACTIVATION: tl.constexpr,
    ROWS: tl.constexpr,
    NEURONS: tl.constexpr,
    HIDDEN: tl.constexpr,
):
    """Writes states (B, total, N), or (B, total, 2 N) with a memory, from sample ``first`` on.

    Args:
        terms: what inputs and biases contribute, (B, steps, K N), or (B, steps, H) to a backbone.
        elapsed: (B, total), or None for 1.
        shift: (B, total, N), neurons by layer, with these steps from row to row and from sample to
            sample; or None.
        state: (B, N or 2 N) before the first of these samples, likewise.
        gates: what inputs contribute to a memory's gates, (B, steps, 4 N), or None.
        recurrent: (K N, N), or (N, H) of a backbone.
        a: (N,), neurons by layer, in mode "pure".
        back, layer_starts: where each neuron (N,) is in the order of the wiring's layers, and where
            each of these (layers + 1,) begins; None if there is one layer.
        heads_weights: (H, N, K) of a backbone, or None; heads_bias: (K N,) likewise.
        hidden_weights, hidden_bias: (H, H), from a unit to all others, and (H,) of its second
            layer, or None.
        gates_weights: W_rec of a memory as ``open_gates`` reads it, or None.
    """
    K: tl.constexpr = 1 if MODE == "pure" else 4
    tile = tl.program_id(0).to(tl.int64) * ROWS
    row, n, h = tl.arange(0, ROWS), tl.arange(0, NEURONS), tl.arange(0, HIDDEN)
    in_batch = tile + row < batch
    there = in_batch[:, None] & (n < units)[None, :]
    place, layer, head = columns_of(n, units, back, layer_starts, layers, K)
    width = units if gates is None else 2 * units

    # Pointers at the tile's first row; each advances from sample to sample.
    states += (tile * total + first) * width
    at_states = row[:, None] * total * width + n[None, :]
    state += tile * state_row + row[:, None] * state_row + n[None, :]
    x = tl.load(state, mask=there, other=0.0)
    dt = tl.zeros((ROWS,), x.dtype) + 1.0
    if elapsed is not None:
        elapsed += tile * total + first + row * total
        dt = tl.load(elapsed, mask=in_batch, other=0.0)
    if heads_weights is None:
        columns = K * units
        in_terms = there[:, :, None]
        at_terms = row[:, None, None] * steps * columns + head[None, :, :]
        pairs = (n[:, None, None] < units) & (n[None, :, None] < units)
        weights = tl.load(
            recurrent + head[None, :, :] * units + n[:, None, None], mask=pairs, other=0.0
        )
    else:
        columns = hidden
        in_terms = in_batch[:, None] & (h < hidden)[None, :]
        at_terms = row[:, None] * steps * columns + h[None, :]
        from_state = load_matrix(recurrent, n[:, None], h[None, :], units, hidden)
        m = tl.arange(0, NEURONS * K)
        to_heads = load_matrix(heads_weights, h[:, None], m[None, :], hidden, K * units)
        bias = tl.load(heads_bias + head, mask=(n < units)[:, None], other=0.0)
        if hidden_weights is not None:
            between = load_matrix(hidden_weights, h[:, None], h[None, :], hidden, hidden)
            between_bias = tl.load(hidden_bias + h, mask=h < hidden, other=0.0)[None, :]
    terms += tile * steps * columns
    term = tl.load(terms + at_terms, mask=in_terms, other=0.0)
    added = tl.zeros_like(x)
    if shift is not None:
        shift += tile * shift_row + first * shift_step
        at_shift = row[:, None] * shift_row + place[None, :]
        added = tl.load(shift + at_shift, mask=there, other=0.0)
    scale = tl.zeros_like(x)
    if MODE == "pure":
        scale += tl.load(a + place, mask=n < units, other=0.0)[None, :]
    if gates is not None:
        gates += tile * steps * 4 * units
        at_gates = row[:, None] * steps * 4 * units + n[None, :]
        memory = tl.load(state + units, mask=there, other=0.0)

    for t in range(steps):
        # What the next sample needs is on its way while this one is computed. The last one has no
        # next, and loads its own once more.
        onward = tl.minimum(steps - 1 - t, 1)
        terms += onward * columns
        next_term = tl.load(terms + at_terms, mask=in_terms, other=0.0)
        next_dt, next_added = dt, added
        if elapsed is not None:
            elapsed += onward
            next_dt = tl.load(elapsed, mask=in_batch, other=0.0)
        if shift is not None:
            shift += onward * shift_step
            next_added = tl.load(shift + at_shift, mask=there, other=0.0)
        if gates is not None:
            candidate, input_, forget, output = open_gates(
                x, gates + at_gates, gates_weights, there, units, SENDERS, SHUFFLE
            )
            x, memory = remember(memory, candidate, input_, forget, output)
            tl.store(states + at_states + units, memory, mask=there)
            gates += 4 * units
        if heads_weights is not None:
            z = activation(term + dot(x, from_state), ACTIVATION)
            if hidden_weights is not None:
                z = activation(dot(z, between) + between_bias, ACTIVATION)
            said = tl.reshape(dot(z, to_heads), (ROWS, NEURONS, K)) + bias[None, :, :]
            x = solution(said, dt[:, None], added, scale, MODE)
        elif back is not None:
            new = x
            for i in range(layers):
                # A neuron receives the new state of earlier layers, the old one of the others.
                sent = tl.where((layer < i)[None, :], new, x)
                after = solution(term + receive(sent, weights), dt[:, None], added, scale, MODE)
                new = tl.where((layer == i)[None, :], after, new)
            x = new
        else:
            x = solution(term + receive(x, weights), dt[:, None], added, scale, MODE)
        tl.store(states + at_states, x, mask=there)
        states += width
        dt, term, added = next_dt, next_term, next_added


# -- backward --------------------------------------------------------------------------------------


@triton.jit(do_not_specialize=SIZES, do_not_specialize_on_alignment=["state"])
def backward(
    heads,
    y,
    gates,
    grad_state,
    grad_elapsed,
    grad_shift,
    grad_a,
    grad_states,
    states,
    elapsed,
    shift,
    state,
    recurrent,
    a,
    back,
    layer_starts,
    heads_weights,
    hidden_weights,
    gates_weights,
    batch,
    steps,
    first,
    total,
    units,
    hidden,
    layers,
    state_row,
    shift_row,
    shift_step,
    MODE: tl.constexpr,
    ACTIVATION: tl.constexpr,
    ROWS: tl.constexpr,
    NEURONS: tl.constexpr,
    HIDDEN: tl.constexpr,
):
    """From the last of these samples to the first.

    Args:
        heads: (B, steps, K N) what the heads say; their gradients are written over it.
        y: (layers, B, steps, H) what comes before each activation of a backbone, or None; likewise.
        gates: (B, steps, 4 N) what comes before each activation of a memory's gates; likewise.
        grad_state: (B, N or 2 N) the gradient of the last state by what comes after these samples;
            that of the state before them is written over it.
        grad_elapsed: (B, total), written; or None.
        grad_shift: (B, total, N), written; or None.
        grad_a: (B, N), added to, in mode "pure".
        grad_states: (B, total, N or 2 N).
        recurrent: (K N, N), or (H, N) of a backbone.
        heads_weights: (K N, H) of a backbone, or None.
        hidden_weights: (H, H) of its second layer, to a unit from all others, or None.
        gates_weights: W_rec as ``remember_gradient`` reads it, or None.
        The others: see ``forward``.
    """
    K: tl.constexpr = 1 if MODE == "pure" else 4
    tile = tl.program_id(0).to(tl.int64) * ROWS
    row, n, h = tl.arange(0, ROWS), tl.arange(0, NEURONS), tl.arange(0, HIDDEN)
    in_batch = tile + row < batch
    there = in_batch[:, None] & (n < units)[None, :]
    place, layer, head = columns_of(n, units, back, layer_starts, layers, K)
    width = units if gates is None else 2 * units
    last = first + steps - 1

    # Pointers at the tile's first row and last sample; each goes back from sample to sample.
    columns = K * units
    heads += (tile * steps + steps - 1) * columns
    at_heads = row[:, None, None] * steps * columns + head[None, :, :]
    said = tl.load(heads + at_heads, mask=there[:, :, None], other=0.0)
    grad_states += (tile * total + last) * width
    at_states = row[:, None] * total * width + n[None, :]
    given = tl.load(grad_states + at_states, mask=there, other=0.0)
    grad_state += tile * width + row[:, None] * width + n[None, :]
    grad = tl.load(grad_state, mask=there, other=0.0)
    dt = tl.zeros((ROWS,), grad.dtype) + 1.0
    if elapsed is not None:
        elapsed += tile * total + last + row * total
        grad_elapsed += tile * total + last + row * total
        dt = tl.load(elapsed, mask=in_batch, other=0.0)
    if heads_weights is None:
        pairs = (n[:, None, None] < units) & (n[None, :, None] < units)
        weights = tl.load(
            recurrent + head[:, None, :] * units + n[None, :, None], mask=pairs, other=0.0
        )
    else:
        in_y = in_batch[:, None] & (h < hidden)[None, :]
        y += (tile * steps + steps - 1) * hidden
        at_y = row[:, None] * steps * hidden + h[None, :]
        second = batch.to(tl.int64) * steps * hidden
        to_state = load_matrix(recurrent, h[:, None], n[None, :], hidden, units)
        rows = head_rows(units, NEURONS, K)
        from_heads = load_matrix(heads_weights, rows[:, None], h[None, :], columns, hidden)
        if hidden_weights is not None:
            between = load_matrix(hidden_weights, h[:, None], h[None, :], hidden, hidden)
    added = tl.zeros_like(grad)
    if shift is not None:
        shift += tile * shift_row + last * shift_step
        at_shift = row[:, None] * shift_row + place[None, :]
        added = tl.load(shift + at_shift, mask=there, other=0.0)
        grad_shift += (tile * total + last) * units
        at_grad_shift = row[:, None] * total * units + place[None, :]
    scale = tl.zeros_like(grad)
    of_a = tl.zeros_like(grad)
    if MODE == "pure":
        scale += tl.load(a + place, mask=n < units, other=0.0)[None, :]
    if gates is not None:
        gates += (tile * steps + steps - 1) * 4 * units
        at_gates = row[:, None] * steps * 4 * units + n[None, :]
        states += (tile * total + last) * width + units
        state += tile * state_row + row[:, None] * state_row + units + n[None, :]
        grad_memory = tl.load(grad_state + units, mask=there, other=0.0)

    for t in range(steps):
        # What the next sample needs is on its way while this one is computed, as in forward.
        slopes = solution_slopes(said, dt[:, None], added, scale, MODE)
        grad += given
        onward = tl.minimum(steps - 1 - t, 1)
        if elapsed is not None:
            elapsed -= onward
            dt = tl.load(elapsed, mask=in_batch, other=0.0)
        said = tl.load(heads - onward * columns + at_heads, mask=there[:, :, None], other=0.0)
        given = tl.load(grad_states - onward * width + at_states, mask=there, other=0.0)
        if shift is not None:
            shift -= onward * shift_step
            added = tl.load(shift + at_shift, mask=there, other=0.0)

        by_old = tl.zeros_like(grad)
        if back is not None:
            for i in range(layers):
                here = layers - 1 - i
                own = tl.where((layer == here)[None, :], grad, 0.0)
                sent = send_back(head_gradients(slopes, own, MODE), weights)
                earlier = (layer < here)[None, :]
                grad += tl.where(earlier, sent, 0.0)
                by_old += tl.where(earlier, 0.0, sent)
        grad_heads = head_gradients(slopes, grad, MODE)
        tl.store(heads + at_heads, grad_heads, mask=there[:, :, None])
        heads -= columns
        if elapsed is not None:
            tl.store(grad_elapsed, tl.sum(grad * slopes[4], 1), mask=in_batch)
            grad_elapsed -= 1
        if shift is not None:
            tl.store(grad_shift + at_grad_shift, grad * slopes[5], mask=there)
            grad_shift -= units
        if MODE == "pure":
            of_a += grad * slopes[6]
        if heads_weights is not None:
            first_y = tl.load(y + at_y, mask=in_y, other=0.0)
            grad_y = dot(tl.reshape(grad_heads, (ROWS, NEURONS * K)), from_heads)
            if hidden_weights is not None:
                second_y = tl.load(y + second + at_y, mask=in_y, other=0.0)
                grad_y *= activation_slope(second_y, ACTIVATION)
                tl.store(y + second + at_y, grad_y, mask=in_y)
                grad_y = dot(grad_y, between)
            grad_y *= activation_slope(first_y, ACTIVATION)
            tl.store(y + at_y, grad_y, mask=in_y)
            grad = dot(grad_y, to_state)
            y -= hidden
        elif back is not None:
            grad = by_old
        else:
            grad = send_back(grad_heads, weights)
        if gates is not None:
            memory = tl.load(states - onward * width + at_states, mask=there, other=0.0)
            start = tl.load(state, mask=there, other=0.0)
            memory = tl.where(t + 1 < steps, memory, start)
            grad_memory += tl.load(grad_states + at_states + units, mask=there, other=0.0)
            at = gates + at_gates
            grad, grad_memory = remember_gradient(
                grad,
                grad_memory,
                memory,
                tanh(tl.load(at, mask=there, other=0.0)),
                sigmoid(tl.load(at + units, mask=there, other=0.0)),
                sigmoid(tl.load(at + 2 * units, mask=there, other=0.0) + 1.0),
                sigmoid(tl.load(at + 3 * units, mask=there, other=0.0)),
                gates_weights,
                at,
                there,
                units,
                SENDERS,
                SHUFFLE,
            )
            gates -= 4 * units
            states -= width
        grad_states -= width

    tl.store(grad_state, grad, mask=there)
    if gates is not None:
        tl.store(grad_state + units, grad_memory, mask=there)
    if MODE == "pure":
        at_a = grad_a + tile * units + row[:, None] * units + place[None, :]
        tl.store(at_a, tl.load(at_a, mask=there, other=0.0) + of_a, mask=there)
