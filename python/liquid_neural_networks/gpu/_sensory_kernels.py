"""Kernels of the sensory synapses of conductance dynamics, all samples at once.

What the inputs contribute to rate and drive does not depend on the state, so that samples of all
batch rows are rows here, R = B T of them. Inputs (R, I) have passed their affine map already. A
feature whose mask is 0 closes its synapses.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ._conductance_kernels import load_parameters, store_synapse_gradients
from ._device import LN2, opening, places

SIZES = ["rows", "units", "features", "input_stride", "sums_stride", "synapses", "length"]


@triton.jit
def _load_seen(mask, at, there):
    return 1.0 if mask is None else tl.load(mask + at, mask=there, other=0.0)


@triton.jit(do_not_specialize=SIZES)
def forward(
    sums,
    inputs,
    mask,
    w,
    sigma,
    mu,
    E,
    entries,
    rows,
    units,
    features,
    length,
    ROWS: tl.constexpr,
    NEURONS: tl.constexpr,
    PLACES: tl.constexpr,
    LEAST_W: tl.constexpr,
):
    """Writes sums (R, 2, N): rate and drive before they are divided by the capacitance.

    Args:
        entries: (length, NEURONS), one list for each receiver; ``length`` is a multiple of
            PLACES.
        LEAST_W: see ``at_least``.
    """
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None, None]).to(tl.int64)
    rate = tl.zeros((ROWS, PLACES, NEURONS), tl.float32)
    drive = rate
    for place in range(0, length, PLACES):
        entry = tl.load(places(entries + place * NEURONS, PLACES, NEURONS))
        which = entry >> 10
        slope, shift, weight, current = load_parameters(w, sigma, mu, E, which, LEAST_W)
        at = row * features + (entry & 1023)
        there = (row < rows) & (which >= 0)
        s = opening(slope * tl.load(inputs + at, mask=there, other=0.0) + shift)
        s *= _load_seen(mask, at, there)
        rate += s * weight
        drive += s * current
    neurons = tl.arange(0, NEURONS)[None, :]
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]).to(tl.int64)
    there = (row < rows) & (neurons < units)
    to = sums + row * 2 * units + neurons
    tl.store(to, tl.sum(rate, 1), mask=there)
    tl.store(to + units, tl.sum(drive, 1), mask=there)


@triton.jit(do_not_specialize=SIZES)
def input_gradient(
    grad_inputs,
    grad_sums,
    inputs,
    mask,
    w,
    sigma,
    mu,
    E,
    entries_by_sender,
    rows,
    units,
    features,
    length,
    ROWS: tl.constexpr,
    FEATURES: tl.constexpr,
    PLACES: tl.constexpr,
    LEAST_W: tl.constexpr,
):
    """Writes the gradients of the inputs (R, I), over one list for each sender."""
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None, None]).to(tl.int64)
    feature = tl.arange(0, FEATURES)[None, None, :]
    there = (row < rows) & (feature < features)
    sent = tl.load(inputs + row * features + feature, mask=there, other=0.0)
    total = tl.zeros((ROWS, PLACES, FEATURES), tl.float32)
    for place in range(0, length, PLACES):
        entry = tl.load(places(entries_by_sender + place * FEATURES, PLACES, FEATURES))
        which = entry >> 10
        slope, shift, weight, current = load_parameters(w, sigma, mu, E, which, LEAST_W)
        of_rate = grad_sums + row * 2 * units + (entry & 1023)
        exists = (row < rows) & (which >= 0)
        grad = weight * tl.load(of_rate, mask=exists, other=0.0)
        grad += current * tl.load(of_rate + units, mask=exists, other=0.0)
        s = opening(slope * sent + shift)
        total += grad * (s - s * s) * slope
    feature = tl.arange(0, FEATURES)[None, :]
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]).to(tl.int64)
    there = (row < rows) & (feature < features)
    at = row * features + feature
    grad = tl.sum(total, 1) * -LN2 * _load_seen(mask, at, there)
    tl.store(grad_inputs + at, grad, mask=there)


@triton.jit(do_not_specialize=SIZES)
def parameter_gradient(
    grad_parameters,
    grad_sums,
    inputs,
    mask,
    w,
    sigma,
    mu,
    E,
    senders,
    receivers,
    rows,
    units,
    input_stride,
    sums_stride,
    synapses,
    ROWS: tl.constexpr,
    LANES: tl.constexpr,
    LEAST_W: tl.constexpr,
):
    """Writes (programs, 4 S), each program's share of the gradients of w, sigma, mu and E.

    A program has LANES synapses in the order of the wiring, the first axis of the grid, and
    ROWS rows of every ROWS * (size of the second axis).

    Args:
        senders, receivers: (S,) of each synapse.
        units: the distance from the gradient of a neuron's rate to that of its drive.
        input_stride, sums_stride: the distances from one row to the next.
    """
    lane = tl.program_id(0) * LANES + tl.arange(0, LANES)[None, None, :]
    which = tl.where(lane < synapses, lane, -1)
    slope, shift, weight, current = load_parameters(w, sigma, mu, E, which, LEAST_W)
    sender = tl.load(senders + which, mask=which >= 0, other=0)
    receiver = tl.load(receivers + which, mask=which >= 0, other=0)
    of_weight = tl.zeros((ROWS, 1, LANES), tl.float32)
    of_current = of_weight
    of_slope = of_weight
    of_shift = of_weight
    tiles = tl.cdiv(rows, ROWS)
    for tile in range(tl.program_id(1), tiles, tl.num_programs(1)):
        row = (tile * ROWS + tl.arange(0, ROWS)[:, None, None]).to(tl.int64)
        there = (row < rows) & (which >= 0)
        at = row * input_stride + sender
        sent = tl.load(inputs + at, mask=there, other=0.0)
        seen = _load_seen(mask, at, there)
        at = grad_sums + row * sums_stride + receiver
        of_rate = seen * tl.load(at, mask=there, other=0.0)
        of_drive = seen * tl.load(at + units, mask=there, other=0.0)
        s = opening(slope * sent + shift)
        of_weight += s * of_rate
        of_current += s * of_drive
        of_exponent = (weight * of_rate + current * of_drive) * (s - s * s)
        of_shift += of_exponent
        of_slope += of_exponent * sent
    to = grad_parameters + tl.program_id(1).to(tl.int64) * 4 * synapses
    store_synapse_gradients(
        to, w, sigma, mu, E, which, synapses, of_weight, of_current, of_slope, of_shift, LEAST_W
    )
