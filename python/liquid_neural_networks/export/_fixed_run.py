"""Fixed point in Python: the very numbers that exported C computes, bit by bit.

Plain integers, one function for each in ``pieces/fixed_point.c``; Python's ``>>`` keeps the sign.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._design import Array
from ._fixed import FINE_INTERVALS, TABLE_BITS, TIME_BITS, Fixed, FixedPopulation, Integers

MISSING, CLOSED = -32768, -(2**15)


class Inverse(NamedTuple):
    """The inverse of a step's length: mantissa 2^(17 - state_bits - down)."""

    mantissa: int
    down: int


class Scale(NamedTuple):
    """The inverse of a step's length in a neuron's units, and the bits that its flow loses."""

    k: int
    lost: int


class Change(NamedTuple):
    """What the next step adds, and what is left of it after a step, times 2^-16."""

    next: int
    keep: int


def run(fixed: Fixed, inputs: Array, elapsed_time: Array) -> tuple[Array, Integers]:
    """Outputs (T, O) and states (T, layers, N) for (T, I) inputs, NaN where missing."""
    units = fixed.design.units
    states = [[0] * units for _ in fixed.populations]
    outputs, path = [], []
    for values, time in zip(to_inputs(fixed, inputs).tolist(), elapsed_time):
        step(fixed, states, values, to_time(float(time)))
        outputs.append(read_out(fixed, states[-1]))
        path.append([list(each) for each in states])
    return np.array(outputs) / 2.0**fixed.output_bits, np.array(path, dtype=np.int64)


def to_inputs(fixed: Fixed, values: Array) -> Integers:
    """(T, I) numbers to what ``NAME_input`` makes of them in float32."""
    values = np.asarray(values, np.float32)
    centre = fixed.input_centre.astype(np.float32)
    scaled = (values - centre) * fixed.input_factor.astype(np.float32)
    known = np.isfinite(scaled)
    bounded = np.clip(np.where(known, scaled, 0), np.float32(-32767), np.float32(32767))
    rounded = np.trunc(bounded + np.where(bounded < 0, np.float32(-0.5), np.float32(0.5)))
    return np.where(known, rounded, MISSING).astype(np.int64)


def to_time(elapsed: float) -> int:
    """Elapsed time in units of 2^-20, at most 2^31 - 1."""
    return min(int(elapsed * 2.0**TIME_BITS + 0.5), 2**31 - 1)


def inverse_of(fixed: Fixed, time: int) -> Inverse:
    """The inverse of a step's length, for a time above 0."""
    bits, up = bits_above(time), fixed.state_bits - 10
    mantissa = reciprocal((time << bits) >> 16) * (fixed.design.unfolds or 1)
    return Inverse(mantissa << up if up >= 0 else mantissa >> -up, 34 - bits)


def step(fixed: Fixed, states: list[list[int]], inputs: list[int], time: int) -> None:
    """Advances the states of all layers, in place."""
    inverse = inverse_of(fixed, time) if time else None
    for population, v in zip(fixed.populations, states):
        if inverse is not None:
            _advance(fixed, population, v, inputs, inverse)
        inputs = [each >> 15 for each in v]


def _advance(
    fixed: Fixed, population: FixedPopulation, v: list[int], inputs: list[int], inverse: Inverse
) -> None:
    wiring, coupled = population.population.wiring, fixed.design.coupled
    from_inputs = [list(map(int, each)) for each in population.rest]
    for i, k, synapse in zip(
        wiring.sensory_post.tolist(), wiring.sensory_pre.tolist(), population.sensory.tolist()
    ):
        _add(fixed, from_inputs[i], synapse, inputs[k], population.sensory_shift)
    scales = [_scale(fixed, inverse, exponent) for exponent in population.exponent.tolist()]
    changes = [_change(fixed, v[i], from_inputs[i], scales[i]) for i in range(coupled, len(v))]
    post, pre, synapses = wiring.post.tolist(), wiring.pre.tolist(), population.recurrent.tolist()
    for _ in range(fixed.design.unfolds or 1):
        x = [each >> 15 for each in v]
        flows = [list(each) for each in from_inputs[:coupled]]
        for i, j, synapse in zip(post, pre, synapses):
            _add(fixed, flows[i], synapse, x[j], fixed.recurrent_shift)
        for i in range(coupled):
            v[i] += _change(fixed, v[i], flows[i], scales[i]).next
        for k, change in enumerate(changes):
            v[coupled + k] += change.next
            changes[k] = Change(_scaled(change.next, change.keep), change.keep)


def _add(fixed: Fixed, flow: list[int], synapse: list[int], sent: int, shift: int) -> None:
    slope, offset, rate, drive = synapse
    y = ((slope * sent) >> shift) + offset * fixed.offset_one
    opened = CLOSED if sent == MISSING else opening(fixed, y)
    flow[0] += rate * opened
    flow[1] += drive * opened


def opening(fixed: Fixed, y: int) -> int:
    """A sigmoid less one half, in units of 2^-16."""
    z, fine = abs(y), fixed.exponent_bits - TABLE_BITS
    if z >= FINE_INTERVALS << fine:
        z = (z >> 2) + (FINE_INTERVALS * 3 // 4 << fine)
    at, found = z >> fine, 2**15 - 1
    if at < len(fixed.table) - 1:
        low, high = int(fixed.table[at]), int(fixed.table[at + 1])
        found = low + (((high - low) * (z - (at << fine))) >> fine)
    return -found if y < 0 else found


def bits_above(x: int) -> int:
    """The bits by which x can be shifted up so that bit 31 is its highest one."""
    return 32 - x.bit_length()


def reciprocal(x: int) -> int:
    """2^31 / x, for x from 2^15 to 2^16 - 1."""
    return 0x7FFFFFFF // x


def _scale(fixed: Fixed, inverse: Inverse, exponent: int) -> Scale:
    down = inverse.down - exponent
    return Scale(inverse.mantissa >> max(down, 0), 17 - fixed.state_bits + max(-down, 0))


def _change(fixed: Fixed, v: int, flow: list[int], scale: Scale) -> Change:
    guard = 16 - fixed.state_bits
    rate, drive = flow
    total = max(scale.k + (rate >> scale.lost), 1)
    bits = bits_above(total)
    inverse, up = reciprocal((total << bits) >> 16), bits - 1 - scale.lost
    pull = (drive >> guard) - _scaled(rate, v >> 15) - (rate >> 17)
    pull = pull << up if up >= 0 else pull >> -up
    return Change(2 * _scaled(pull, inverse), ((scale.k << bits) >> 16) * inverse >> 15)


def _scaled(a: int, b: int) -> int:
    """a b / 2^16 without its fraction."""
    return (a >> 16) * b + (((a & 0xFFFF) * b) >> 16)


def read_out(fixed: Fixed, v: list[int]) -> list[int]:
    """(O,) outputs, with ``output_bits``."""
    return [
        int(shift) + sum(_scaled(each, weight) for each, weight in zip(v, row) if weight)
        for row, shift in zip(fixed.readout.tolist(), fixed.readout_shift)
    ]
