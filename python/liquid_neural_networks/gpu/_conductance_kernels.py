"""Kernels of conductance dynamics: the recurrence forward and backward.

What the inputs contribute to rate and drive comes from :mod:`._sensory_kernels`; see there for the
sensory synapses, and :mod:`liquid_neural_networks.dynamics` for the equations. Tiles are (rows,
neurons) of states and (rows, K, L) of synapses; a synapse's sigmoid is
``opening(slope * x + shift)``, its share of the rate ``weight`` times that, of the drive
``current`` times it, both before they are divided by the capacitance.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ._device import (
    LN2,
    LOG2E,
    add_both_lists,
    add_lists,
    at_least,
    at_least_gradient,
    load_others,
    load_synapses,
    opening,
    pick,
    places,
    solver_step,
    solver_step_gradient,
    spread,
    spread_both,
    store_arranged,
)
from ._memory_cell import open_gates, remember, remember_gradient
from ._samples import clamped, load_before, load_memory_before, load_times, store_times_gradient

SIZES = [
    "batch",
    "steps",
    "unfolds",
    "units",
    "synapses",
    "begin",
    "end",
    "receiving",
    "places",
]


@triton.jit
def load_parameters(w, sigma, mu, E, which, LEAST_W: tl.constexpr):
    """slope, shift, weight and current of synapses ``which``, 0 where there is none."""
    exists = which >= 0
    slope = tl.load(sigma + which, mask=exists, other=0.0) * -LOG2E
    shift = -slope * tl.load(mu + which, mask=exists, other=0.0)
    weight = at_least(tl.load(w + which, mask=exists, other=0.0), LEAST_W)
    return slope, shift, weight, weight * tl.load(E + which, mask=exists, other=0.0)


@triton.jit(do_not_specialize=SIZES)
def arrange(
    arranged,
    w,
    sigma,
    mu,
    E,
    entries,
    receiving,
    places,
    BLOCK: tl.constexpr,
    LEAST_W: tl.constexpr,
):
    """Writes slope, shift, weight and current at each place of lists; see ``store_arranged``."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    which = tl.load(entries + at, mask=at < places, other=-1) >> 10
    slope, shift, weight, current = load_parameters(w, sigma, mu, E, which, LEAST_W)
    store_arranged(arranged, slope, at, receiving, places, 0, 4)
    store_arranged(arranged, shift, at, receiving, places, 1, 4)
    store_arranged(arranged, weight, at, receiving, places, 2, 4)
    store_arranged(arranged, current, at, receiving, places, 3, 4)


@triton.jit
def _load_arranged(arranged, LENGTH: tl.constexpr, LISTS: tl.constexpr):
    """(1, K, L) slope, shift, weight and current of the synapses of lists."""
    size: tl.constexpr = LENGTH * LISTS
    at = places(arranged, LENGTH, LISTS)
    return tl.load(at), tl.load(at + size), tl.load(at + 2 * size), tl.load(at + 3 * size)


@triton.jit
def _rate_and_drive(
    x,
    slope,
    shift,
    weight,
    current,
    sender,
    first,
    counts,
    MOST: tl.constexpr,
    SHUFFLE: tl.constexpr,
):
    """(rows, neurons) sums of the recurrent synapses."""
    s = opening(slope * spread(x, sender, SHUFFLE) + shift)
    # Side by side they are summed in one go where several warps have parts of them.
    rate, drive = tl.split(tl.sum(tl.join(s * weight, s * current), 1))
    return add_both_lists(rate, drive, first, counts, MOST, SHUFFLE)


@triton.jit
def _load_inputs(inputs, row, t, neurons, there, steps, units):
    """What the inputs contribute to rate and drive at sample t, if there is such a sample."""
    at = inputs + (row * steps + clamped(t, steps)) * 2 * units + neurons
    rate = tl.load(at, mask=there, other=0.0)
    return rate, tl.load(at + units, mask=there, other=0.0)


@triton.jit(do_not_specialize=SIZES)
def forward(
    states,
    inputs,
    elapsed_time,
    time_constants,
    state,
    terms,
    recurrent,
    c,
    g,
    vleak,
    arranged,
    entries,
    first,
    counts,
    batch,
    steps,
    unfolds,
    units,
    SOLVER: tl.constexpr,
    ROWS: tl.constexpr,
    NEURONS: tl.constexpr,
    LENGTH: tl.constexpr,
    LISTS: tl.constexpr,
    MOST: tl.constexpr,
    REGULAR: tl.constexpr,
    SENDERS: tl.constexpr,
    SHUFFLE: tl.constexpr,
    LEAST_C: tl.constexpr,
    LEAST_G: tl.constexpr,
):
    """Writes the states (B, T, N), or (B, T, 2 N) with a memory, of ROWS batch rows a program.

    Args:
        inputs: (B, T, 2, N), what the inputs contribute to rate and drive.
        elapsed_time, time_constants, state: (B, T), (B, T, N), (B, N or 2 N), or None.
        terms, recurrent: (B, T, 4 N) and (N, 4 N) of a memory, see :mod:`._memory_cell`, or None.
        arranged: (4, K, L), what ``arrange`` made of the synapses' parameters.
        entries, first, counts: the synapses as lists by receiver.
        LEAST_C, LEAST_G: see ``at_least``.
    """
    program = tl.program_id(0)
    row = (program * ROWS + tl.arange(0, ROWS)[:, None]).to(tl.int64)
    neurons = tl.arange(0, NEURONS)[None, :]
    there = (row < batch) & (neurons < units)

    sender = load_others(entries, LENGTH, LISTS, REGULAR)
    slope, shift, weight, current = _load_arranged(arranged, LENGTH, LISTS)
    first = tl.load(first + neurons)
    counts = tl.load(counts + neurons)
    inverse_c = 1.0 / at_least(tl.load(c + neurons, mask=neurons < units, other=1.0), LEAST_C)
    leak = tl.load(g + neurons, mask=neurons < units, other=0.0)
    leak = at_least(leak, LEAST_G) * inverse_c
    vleak = tl.load(vleak + neurons, mask=neurons < units, other=0.0)

    width = units if terms is None else 2 * units
    x = load_before(states, state, row, 0, neurons, there, steps, width)
    if terms is not None:
        memory = load_memory_before(states, state, row, 0, neurons, there, steps, units)
    rate_in, drive_in = _load_inputs(inputs, row, 0, neurons, there, steps, units)
    leak_then, h = load_times(
        elapsed_time, time_constants, leak, row, 0, neurons, batch, steps, unfolds, units
    )
    for t in range(steps):
        rate_0 = leak_then + rate_in * inverse_c
        drive_0 = leak_then * vleak + drive_in * inverse_c
        length = h
        # The next sample's numbers are on their way while this one is computed.
        rate_in, drive_in = _load_inputs(inputs, row, t + 1, neurons, there, steps, units)
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
            rate, drive = _rate_and_drive(
                x, slope, shift, weight, current, sender, first, counts, MOST, SHUFFLE
            )
            rate = rate_0 + rate * inverse_c
            drive = drive_0 + drive * inverse_c
            x = solver_step(x, rate, drive, length, SOLVER)
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
    c,
    g,
    vleak,
    w,
    sigma,
    mu,
    E,
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
    begin,
    end,
    SOLVER: tl.constexpr,
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
    APART: tl.constexpr,
    LEAST_W: tl.constexpr,
    LEAST_C: tl.constexpr,
    LEAST_G: tl.constexpr,
):
    """Writes all gradients; a program has as many batch rows as it takes, ROWS at a time.

    Sums that receivers need run over lists by receiver, as in ``forward``; gradients of senders run
    over lists by sender, which also add up the gradients of the synapses' parameters. These would
    fill the registers of a large program: with APART it keeps what they are made of, for
    ``parameter_gradient`` of :mod:`._sensory_kernels`, and goes through some samples alone.

    Args:
        grad_states: as the states, given. The other gradients are written, those of the first five
            as what they are of, None where that is.
        grad_parameters: (programs, 4 E + 3 N), each program's share of the gradients of w, sigma,
            mu, E, c, g and vleak, in this order; with APART (programs, 3 N), the last three.
        grad_state: with APART always there; it has what the launch for the samples after wrote.
        arranged, arranged_by_sender: the same for both kinds of lists.
        weights: W_rec of a memory, (4 N, N), or None.
        kept: (programs, unfolds, 3, ROWS, neurons) numbers that only this program uses. With APART
            (B, samples, unfolds, 3, neurons), for each unfold the state before it and the gradients
            of its rate and drive, times the capacitance.
        begin, end: the samples to go through, all of them without APART.
        The others: as for ``forward``, with the lists by sender beside those by receiver.
    """
    program = tl.program_id(0)
    neurons = tl.arange(0, NEURONS)[None, :]
    stage: tl.constexpr = ROWS * NEURONS
    if not APART:
        kept += program.to(tl.int64) * unfolds * 3 * stage
    kept += tl.arange(0, ROWS)[:, None] * NEURONS + neurons

    first = tl.load(first + neurons)
    counts = tl.load(counts + neurons)
    owner = tl.load(owner + tl.arange(0, SENDER_LISTS)[None, :])
    first_by_sender = tl.load(first_by_sender + neurons)
    counts_by_sender = tl.load(counts_by_sender + neurons)
    inverse_c = 1.0 / at_least(tl.load(c + neurons, mask=neurons < units, other=1.0), LEAST_C)
    leak = tl.load(g + neurons, mask=neurons < units, other=0.0)
    leak = at_least(leak, LEAST_G) * inverse_c
    vleak += neurons  # loaded where it is needed: the largest tiles have no register for it

    if not APART:
        of_weight = tl.zeros((ROWS, SENDER_LENGTH, SENDER_LISTS), tl.float32)
        of_current = of_weight
        of_slope = of_weight
        of_shift = of_weight
    of_log_c = tl.zeros((ROWS, NEURONS), tl.float32)
    of_leak = of_log_c
    of_vleak = of_log_c

    width = units if terms is None else 2 * units
    for tile in range(program, tl.cdiv(batch, ROWS), tl.num_programs(0)):
        row = (tile * ROWS + tl.arange(0, ROWS)[:, None]).to(tl.int64)
        there = (row < batch) & (neurons < units)
        grad = tl.zeros((ROWS, NEURONS), tl.float32)
        grad_memory = grad
        if APART and end < steps:
            grad = tl.load(grad_state + row * width + neurons, mask=there, other=0.0)
            if terms is not None:
                after = grad_state + row * width + units + neurons
                grad_memory = tl.load(after, mask=there, other=0.0)
        x_before = load_before(states, state, row, end - 1, neurons, there, steps, width)
        rate_in, drive_in = _load_inputs(inputs, row, end - 1, neurons, there, steps, units)
        leak_before, h = load_times(
            elapsed_time, time_constants, leak, row, end - 1, neurons, batch, steps, unfolds, units
        )
        for t in range(end - 1, begin - 1, -1):
            sample = row * steps + t
            x = x_before
            leak_then = leak_before
            rate_0 = leak_then + rate_in * inverse_c
            drive_0 = drive_in * inverse_c
            drive_0 += leak_then * tl.load(vleak, mask=neurons < units, other=0.0)
            length = h
            # The sample before's numbers are on their way while this one is computed.
            x_before = load_before(states, state, row, t - 1, neurons, there, steps, width)
            rate_in, drive_in = _load_inputs(inputs, row, t - 1, neurons, there, steps, units)
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

            # Parameters are loaded for each sample, so that registers need not hold both kinds of
            # lists at the same time.
            sender = load_others(entries, LENGTH, LISTS, REGULAR)
            slope, shift, weight, current = _load_arranged(arranged, LENGTH, LISTS)
            now = kept
            if APART:
                now += (row * (end - begin) + t - begin) * unfolds * 3 * stage
            else:
                tl.debug_barrier()  # for whoever still reads what was kept for the sample after
            for unfold in range(unfolds):
                rate, drive = _rate_and_drive(
                    x, slope, shift, weight, current, sender, first, counts, MOST, SHUFFLE
                )
                rate = rate_0 + rate * inverse_c
                drive = drive_0 + drive * inverse_c
                tl.store(now + 3 * unfold * stage, x)
                tl.store(now + (3 * unfold + 1) * stage, rate)
                tl.store(now + (3 * unfold + 2) * stage, drive)
                x = solver_step(x, rate, drive, length, SOLVER)
            tl.debug_barrier()

            receiver = load_others(entries_by_sender, SENDER_LENGTH, SENDER_LISTS, SENDER_REGULAR)
            slope, shift, weight, current = _load_arranged(
                arranged_by_sender, SENDER_LENGTH, SENDER_LISTS
            )
            of_rate_0 = tl.zeros((ROWS, NEURONS), tl.float32)
            of_drive_0 = of_rate_0
            of_length = of_rate_0
            for unfold in range(unfolds - 1, -1, -1):
                x = tl.load(now + 3 * unfold * stage)
                rate = tl.load(now + (3 * unfold + 1) * stage)
                drive = tl.load(now + (3 * unfold + 2) * stage)
                grad, of_rate, of_drive, of_h = solver_step_gradient(
                    grad, x, rate, drive, length, SOLVER
                )
                of_rate_0 += of_rate
                of_drive_0 += of_drive
                of_length += of_h
                of_log_c -= of_rate * rate + of_drive * drive

                of_rate *= inverse_c
                of_drive *= inverse_c
                if APART:
                    tl.store(now + (3 * unfold + 1) * stage, of_rate)
                    tl.store(now + (3 * unfold + 2) * stage, of_drive)
                of_rate, of_drive = spread_both(of_rate, of_drive, receiver, SHUFFLE)
                sent = x
                if SENDER_MOST > 1:
                    sent = pick(x, owner, SHUFFLE)
                sent = sent[:, None, :]
                s = opening(slope * sent + shift)
                of_exponent = (weight * of_rate + current * of_drive) * (s - s * s)
                if not APART:
                    of_weight += s * of_rate
                    of_current += s * of_drive
                    of_shift += of_exponent
                    of_slope += of_exponent * sent
                by_list = tl.sum(of_exponent * slope, 1) * -LN2
                grad += add_lists(by_list, first_by_sender, counts_by_sender, SENDER_MOST, SHUFFLE)

            of_inputs = grad_inputs + sample * 2 * units + neurons
            tl.store(of_inputs, of_rate_0 * inverse_c, mask=there)
            tl.store(of_inputs + units, of_drive_0 * inverse_c, mask=there)
            of_leak_then = of_rate_0
            if time_constants is None:  # the leak is the same at all samples: see below
                of_leak += of_rate_0
                of_vleak += of_drive_0
            else:  # a given leak does not depend on the capacitance
                of_leak_then += of_drive_0 * tl.load(vleak, mask=neurons < units, other=0.0)
                of_log_c += leak_then * of_leak_then
                of_vleak += leak_then * of_drive_0
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
        if APART or state is not None:
            tl.store(grad_state + row * width + neurons, grad, mask=there)
            if terms is not None:
                tl.store(grad_state + row * width + units + neurons, grad_memory, mask=there)

    if time_constants is None:
        of_leak += of_vleak * tl.load(vleak, mask=neurons < units, other=0.0)
        of_vleak *= leak
    width = 3 * units if APART else 4 * synapses + 3 * units
    of_neurons = grad_parameters + program.to(tl.int64) * width
    if not APART:
        synapse = load_synapses(entries_by_sender, SENDER_LENGTH, SENDER_LISTS)
        store_synapse_gradients(
            of_neurons, w, sigma, mu, E, synapse, synapses, of_weight, of_current, of_slope,
            of_shift, LEAST_W,
        )  # fmt: skip
        of_neurons += 4 * synapses
    of_neurons += neurons
    exists = neurons < units
    of_c = tl.sum(of_log_c * inverse_c, 0)[None, :]
    of_c = at_least_gradient(of_c, tl.load(c + neurons, mask=exists, other=0.0), LEAST_C)
    of_g = tl.sum(of_leak * inverse_c, 0)[None, :]
    of_g = at_least_gradient(of_g, tl.load(g + neurons, mask=exists, other=0.0), LEAST_G)
    tl.store(of_neurons, of_c, mask=exists)
    tl.store(of_neurons + units, of_g, mask=exists)
    tl.store(of_neurons + 2 * units, tl.sum(of_vleak, 0)[None, :], mask=exists)


@triton.jit
def store_synapse_gradients(
    to,
    w,
    sigma,
    mu,
    E,
    which,
    synapses,
    of_weight,
    of_current,
    of_slope,
    of_shift,
    LEAST_W: tl.constexpr,
):
    """Those of w, sigma, mu and E, E numbers each, from sums (rows, K, L) over rows and time.

    ``of_weight`` and ``of_current`` are sums of the sigmoid times the gradients of rate and drive;
    ``of_slope`` and ``of_shift`` of the gradient of its argument sigma (x - mu) times x and alone.
    """
    exists = which >= 0
    to += which
    of_shift = tl.sum(of_shift, 0)[None, :, :]
    of_mu = -tl.load(sigma + which, mask=exists, other=0.0) * of_shift
    tl.store(to + 2 * synapses, of_mu, mask=exists)
    of_slope = tl.sum(of_slope, 0)[None, :, :]
    of_sigma = of_slope - tl.load(mu + which, mask=exists, other=0.0) * of_shift
    tl.store(to + synapses, of_sigma, mask=exists)
    weight = tl.load(w + which, mask=exists, other=0.0)
    of_current = tl.sum(of_current, 0)[None, :, :]
    tl.store(to + 3 * synapses, of_current * at_least(weight, LEAST_W), mask=exists)
    of_weight = tl.sum(of_weight, 0)[None, :, :]
    of_w = of_weight + tl.load(E + which, mask=exists, other=0.0) * of_current
    tl.store(to, at_least_gradient(of_w, weight, LEAST_W), mask=exists)
