"""Kernels of dense dynamics: the recurrence forward and backward.

    f = phi(terms + W_rec x),   rate = 1 / tau + f,   drive = f A

The terms W_in u + b are a matrix product over all samples at once; torch does it. Tiles are (rows,
neurons) of states and (rows, K, L) of weights, in lists by receiver forward and by sender backward.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ._device import (
    add_lists,
    at_least,
    at_least_gradient,
    load_others,
    load_synapses,
    pick,
    places,
    sigmoid,
    solver_step,
    solver_step_gradient,
    spread,
    store_arranged,
    tanh,
)
from ._memory_cell import open_gates, remember, remember_gradient
from ._samples import clamped, load_before, load_memory_before, load_times, store_times_gradient

SIZES = ["batch", "steps", "unfolds", "units", "synapses", "receiving", "places"]


@triton.jit(do_not_specialize=SIZES)
def arrange(arranged, W_rec, entries, receiving, places, BLOCK: tl.constexpr):
    """Writes the weight at each place of lists; see ``store_arranged``."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    which = tl.load(entries + at, mask=at < places, other=-1) >> 10
    weight = tl.load(W_rec + which, mask=which >= 0, other=0.0)
    store_arranged(arranged, weight, at, receiving, places, 0, 1)


@triton.jit
def _opened(
    x,
    term,
    weight,
    sender,
    first,
    counts,
    ACTIVATION: tl.constexpr,
    MOST: tl.constexpr,
    SHUFFLE: tl.constexpr,
):
    """f."""
    sent = tl.sum(weight * spread(x, sender, SHUFFLE), 1)
    y = term + add_lists(sent, first, counts, MOST, SHUFFLE)
    return tanh(y) if ACTIVATION == "tanh" else sigmoid(y)


@triton.jit
def _load_term(terms, row, t, neurons, there, steps, units):
    """What the inputs contribute at sample t, if there is such a sample."""
    at = terms + (row * steps + clamped(t, steps)) * units + neurons
    return tl.load(at, mask=there, other=0.0)


@triton.jit(do_not_specialize=SIZES)
def forward(
    states,
    inputs,
    elapsed_time,
    time_constants,
    state,
    terms,
    recurrent,
    tau,
    A,
    arranged,
    entries,
    first,
    counts,
    batch,
    steps,
    unfolds,
    units,
    SOLVER: tl.constexpr,
    ACTIVATION: tl.constexpr,
    ROWS: tl.constexpr,
    NEURONS: tl.constexpr,
    LENGTH: tl.constexpr,
    LISTS: tl.constexpr,
    MOST: tl.constexpr,
    REGULAR: tl.constexpr,
    SENDERS: tl.constexpr,
    SHUFFLE: tl.constexpr,
    LEAST_TAU: tl.constexpr,
):
    """Writes the states (B, T, N), or (B, T, 2 N) with a memory, of ROWS batch rows a program.

    Args:
        inputs: (B, T, N), what the inputs contribute.
        elapsed_time, time_constants, state: (B, T), (B, T, N), (B, N or 2 N), or None.
        terms, recurrent: (B, T, 4 N) and (N, 4 N) of a memory, see :mod:`._memory_cell`, or None.
        arranged: what ``arrange`` made of W_rec.
        entries, first, counts: the synapses as lists by receiver.
        LEAST_TAU: see ``at_least``.
    """
    program = tl.program_id(0)
    row = (program * ROWS + tl.arange(0, ROWS)[:, None]).to(tl.int64)
    neurons = tl.arange(0, NEURONS)[None, :]
    there = (row < batch) & (neurons < units)

    sender = load_others(entries, LENGTH, LISTS, REGULAR)
    weight = tl.load(places(arranged, LENGTH, LISTS))
    first = tl.load(first + neurons)
    counts = tl.load(counts + neurons)
    leak = 1.0 / at_least(tl.load(tau + neurons, mask=neurons < units, other=1.0), LEAST_TAU)
    reversal = tl.load(A + neurons, mask=neurons < units, other=0.0)

    width = units if terms is None else 2 * units
    x = load_before(states, state, row, 0, neurons, there, steps, width)
    if terms is not None:
        memory = load_memory_before(states, state, row, 0, neurons, there, steps, units)
    term_then = _load_term(inputs, row, 0, neurons, there, steps, units)
    leak_then, h = load_times(
        elapsed_time, time_constants, leak, row, 0, neurons, batch, steps, unfolds, units
    )
    for t in range(steps):
        term = term_then
        leak_now = leak_then
        length = h
        # The next sample's numbers are on their way while this one is computed.
        term_then = _load_term(inputs, row, t + 1, neurons, there, steps, units)
        leak_then, h = load_times(
            elapsed_time, time_constants, leak, row, t + 1, neurons, batch, steps, unfolds, units
        )
        if terms is not None:
            candidate, input_, forget, output = open_gates(
                x, terms + (row * steps + t) * 4 * units + neurons, recurrent, there, units,
                SENDERS, SHUFFLE,
            )  # fmt: skip
            x, memory = remember(memory, candidate, input_, forget, output)
        for _ in range(unfolds):
            f = _opened(x, term, weight, sender, first, counts, ACTIVATION, MOST, SHUFFLE)
            x = solver_step(x, leak_now + f, f * reversal, length, SOLVER)
        after = states + (row * steps + t) * width + neurons
        tl.store(after, x, mask=there)
        if terms is not None:
            tl.store(after + units, memory, mask=there)


@triton.jit(do_not_specialize=SIZES)
def backward(
    grad_states,
    grad_inputs,
    grad_elapsed_time,
    grad_time_constants,
    grad_state,
    grad_terms,
    grad_parameters,
    states,
    inputs,
    elapsed_time,
    time_constants,
    state,
    terms,
    recurrent,
    weights,
    tau,
    A,
    arranged,
    arranged_by_sender,
    entries,
    first,
    counts,
    entries_by_sender,
    owner,
    first_by_sender,
    counts_by_sender,
    kept,
    batch,
    steps,
    unfolds,
    units,
    synapses,
    SOLVER: tl.constexpr,
    ACTIVATION: tl.constexpr,
    ROWS: tl.constexpr,
    NEURONS: tl.constexpr,
    LENGTH: tl.constexpr,
    LISTS: tl.constexpr,
    MOST: tl.constexpr,
    REGULAR: tl.constexpr,
    SENDER_LENGTH: tl.constexpr,
    SENDER_LISTS: tl.constexpr,
    SENDER_MOST: tl.constexpr,
    SENDER_REGULAR: tl.constexpr,
    SENDERS: tl.constexpr,
    SHUFFLE: tl.constexpr,
    LEAST_TAU: tl.constexpr,
):
    """Writes all gradients; a program has as many batch rows as it takes, ROWS at a time.

    Args:
        grad_states: as the states, given. The other gradients are written, those of the first five
            as what they are of, None where that is.
        grad_parameters: (programs, E + 2 N), each program's share of the gradients of W_rec, tau
            and A, in this order.
        arranged, arranged_by_sender: the same for both kinds of lists.
        weights: W_rec of a memory, (4 N, N), or None.
        kept: (programs, unfolds, 2, ROWS, neurons) numbers that only this program uses.
        The others: as for ``forward``, with the lists by sender beside those by receiver.
    """
    program = tl.program_id(0)
    neurons = tl.arange(0, NEURONS)[None, :]
    stage: tl.constexpr = ROWS * NEURONS
    kept += program.to(tl.int64) * unfolds * 2 * stage
    kept += tl.arange(0, ROWS)[:, None] * NEURONS + neurons

    sender = load_others(entries, LENGTH, LISTS, REGULAR)
    weight = tl.load(places(arranged, LENGTH, LISTS))
    first = tl.load(first + neurons)
    counts = tl.load(counts + neurons)
    receiver = load_others(entries_by_sender, SENDER_LENGTH, SENDER_LISTS, SENDER_REGULAR)
    out_weight = tl.load(places(arranged_by_sender, SENDER_LENGTH, SENDER_LISTS))
    owner = tl.load(owner + tl.arange(0, SENDER_LISTS)[None, :])
    first_by_sender = tl.load(first_by_sender + neurons)
    counts_by_sender = tl.load(counts_by_sender + neurons)
    leak = 1.0 / at_least(tl.load(tau + neurons, mask=neurons < units, other=1.0), LEAST_TAU)
    reversal = tl.load(A + neurons, mask=neurons < units, other=0.0)

    of_weight = tl.zeros((ROWS, SENDER_LENGTH, SENDER_LISTS), tl.float32)
    of_leak = tl.zeros((ROWS, NEURONS), tl.float32)
    of_reversal = of_leak

    width = units if terms is None else 2 * units
    for tile in range(program, tl.cdiv(batch, ROWS), tl.num_programs(0)):
        row = (tile * ROWS + tl.arange(0, ROWS)[:, None]).to(tl.int64)
        there = (row < batch) & (neurons < units)
        grad = tl.zeros((ROWS, NEURONS), tl.float32)
        grad_memory = grad
        x_before = load_before(states, state, row, steps - 1, neurons, there, steps, width)
        term_before = _load_term(inputs, row, steps - 1, neurons, there, steps, units)
        leak_before, h = load_times(
            elapsed_time, time_constants, leak, row, steps - 1, neurons, batch, steps, unfolds,
            units,
        )  # fmt: skip
        for t in range(steps - 1, -1, -1):
            sample = row * steps + t
            x = x_before
            term = term_before
            leak_then = leak_before
            length = h
            # The sample before's numbers are on their way while this one is computed.
            x_before = load_before(states, state, row, t - 1, neurons, there, steps, width)
            term_before = _load_term(inputs, row, t - 1, neurons, there, steps, units)
            leak_before, h = load_times(
                elapsed_time, time_constants, leak, row, t - 1, neurons, batch, steps, unfolds,
                units,
            )  # fmt: skip
            after = grad_states + sample * width + neurons
            grad += tl.load(after, mask=there, other=0.0)
            if terms is not None:
                grad_memory += tl.load(after + units, mask=there, other=0.0)
                memory = load_memory_before(states, state, row, t, neurons, there, steps, units)
                candidate, input_, forget, output = open_gates(
                    x, terms + sample * 4 * units + neurons, recurrent, there, units,
                    SENDERS, SHUFFLE,
                )  # fmt: skip
                x, _ = remember(memory, candidate, input_, forget, output)

            tl.debug_barrier()  # for whoever still reads what was kept for the sample after
            for unfold in range(unfolds):
                f = _opened(x, term, weight, sender, first, counts, ACTIVATION, MOST, SHUFFLE)
                tl.store(kept + 2 * unfold * stage, x)
                tl.store(kept + (2 * unfold + 1) * stage, f)
                x = solver_step(x, leak_then + f, f * reversal, length, SOLVER)
            tl.debug_barrier()

            of_term = tl.zeros((ROWS, NEURONS), tl.float32)
            of_leak_then = of_term
            of_length = of_term
            for unfold in range(unfolds - 1, -1, -1):
                x = tl.load(kept + 2 * unfold * stage)
                f = tl.load(kept + (2 * unfold + 1) * stage)
                grad, of_rate, of_drive, of_h = solver_step_gradient(
                    grad, x, leak_then + f, f * reversal, length, SOLVER
                )
                of_leak_then += of_rate
                of_length += of_h
                of_reversal += of_drive * f
                slope = 1.0 - f * f if ACTIVATION == "tanh" else f - f * f
                of_y = (of_rate + of_drive * reversal) * slope
                of_term += of_y
                received = spread(of_y, receiver, SHUFFLE)
                sent = x
                if SENDER_MOST > 1:
                    sent = pick(x, owner, SHUFFLE)
                of_weight += received * sent[:, None, :]
                by_list = tl.sum(received * out_weight, 1)
                grad += add_lists(by_list, first_by_sender, counts_by_sender, SENDER_MOST, SHUFFLE)

            tl.store(grad_inputs + sample * units + neurons, of_term, mask=there)
            if time_constants is None:
                of_leak += of_leak_then
            store_times_gradient(
                grad_elapsed_time, grad_time_constants, of_length, of_leak_then, leak_then, row, t,
                neurons, batch, steps, unfolds, units,
            )  # fmt: skip
            if terms is not None:
                grad, grad_memory = remember_gradient(
                    grad, grad_memory, memory, candidate, input_, forget, output, weights,
                    grad_terms + sample * 4 * units + neurons, there, units, SENDERS,
                    SHUFFLE,
                )  # fmt: skip
        if state is not None:
            tl.store(grad_state + row * width + neurons, grad, mask=there)
            if terms is not None:
                tl.store(grad_state + row * width + units + neurons, grad_memory, mask=there)

    to = grad_parameters + program.to(tl.int64) * (synapses + 2 * units)
    which = load_synapses(entries_by_sender, SENDER_LENGTH, SENDER_LISTS)
    tl.store(to + which, tl.sum(of_weight, 0)[None, :, :], mask=which >= 0)
    to += synapses + neurons
    exists = neurons < units
    of_tau = tl.sum(-of_leak * leak * leak, 0)[None, :]
    of_tau = at_least_gradient(of_tau, tl.load(tau + neurons, mask=exists, other=0.0), LEAST_TAU)
    tl.store(to, of_tau, mask=exists)
    tl.store(to + units, tl.sum(of_reversal, 0)[None, :], mask=exists)
