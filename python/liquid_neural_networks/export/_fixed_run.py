"""Fixed point in Python: the very numbers that exported C computes, bit by bit.

Plain integers, one function for each in ``pieces/fixed_point.c``; Python's ``>>`` keeps the sign.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._design import Array
from ._fixed import TABLE_BITS, TABLE_END, TIME_BITS, Fixed, FixedPopulation, Integers

MISSING = -32768


class Inverse(NamedTuple):
    """The inverse of a step's length: mantissa 2^shift."""

    mantissa: int
    shift: int


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


def inverse_of(time: int, unfolds: int) -> Inverse:
    """The inverse of a step's length, for a time above 0."""
    bits = bits_above(time)
    return Inverse(0x7FFFFFFF // ((time << bits) >> 15) * unfolds, bits + TIME_BITS - 46)


def step(fixed: Fixed, states: list[list[int]], inputs: list[int], time: int) -> None:
    """Advances the states of all layers, in place."""
    inverse = inverse_of(time, fixed.design.unfolds or 1) if time else None
    for population, v in zip(fixed.populations, states):
        if inverse is not None:
            _advance(fixed, population, v, inputs, inverse)
        inputs = [each >> 15 for each in v]


def _advance(
    fixed: Fixed, population: FixedPopulation, v: list[int], inputs: list[int], inverse: Inverse
) -> None:
    wiring, units = population.population.wiring, range(len(v))
    from_inputs = [list(map(int, each)) for each in population.leak]
    for i, k, synapse in zip(
        wiring.sensory_post.tolist(), wiring.sensory_pre.tolist(), population.sensory.tolist()
    ):
        if inputs[k] != MISSING:
            _add(fixed, from_inputs[i], synapse, inputs[k], population.sensory_shift)
    post, pre = wiring.post.tolist(), wiring.pre.tolist()
    exponents, synapses = population.exponent.tolist(), population.recurrent.tolist()
    for _ in range(fixed.design.unfolds or 1):
        x = [each >> 15 for each in v]
        flows = [list(each) for each in from_inputs]
        for i, j, synapse in zip(post, pre, synapses):
            _add(fixed, flows[i], synapse, x[j], fixed.recurrent_shift)
        for i in units:
            own = Inverse(inverse.mantissa, inverse.shift + exponents[i])
            v[i] = _moved(fixed, v[i], flows[i], own)


def _add(fixed: Fixed, flow: list[int], synapse: list[int], sent: int, shift: int) -> None:
    slope, offset, rate, drive = synapse
    opened = sigmoid(fixed, ((slope * sent) >> shift) + offset)
    flow[0] += rate * opened
    flow[1] += drive * opened


def sigmoid(fixed: Fixed, y: int) -> int:
    """In units of 2^-15."""
    z, fine = abs(y), fixed.exponent_bits - TABLE_BITS
    at, found = z >> fine, 32768
    if at < TABLE_END << TABLE_BITS:
        low, high = int(fixed.table[at]), int(fixed.table[at + 1])
        found = low + (((high - low) * (z - (at << fine))) >> fine)
    return 32768 - found if y < 0 else found


def bits_above(x: int) -> int:
    """The bits by which x can be shifted up so that bit 30 is its highest one."""
    return 31 - x.bit_length()


def _moved(fixed: Fixed, v: int, flow: list[int], inverse: Inverse) -> int:
    rate, drive = flow
    guard, x_bits = 16 - fixed.state_bits, fixed.state_bits
    lost, shift = guard, inverse.shift - guard
    if shift > 6 - guard:
        lost, shift = lost + shift - (6 - guard), 6 - guard
    lost = min(lost, 31)
    rate, x = rate >> lost, v >> 15
    k = inverse.mantissa << shift if shift >= 0 else inverse.mantissa >> min(-shift, 32)
    total = max(k + rate, 1)
    bits = bits_above(total)
    product = (rate >> 16) * x * (1 << (16 - x_bits)) + (((rate & 0xFFFF) >> 1) * x >> (x_bits - 1))
    change = ((drive >> lost) - product) * (1 << (bits - guard))
    reciprocal = 0x7FFFFFFF // ((total << bits) >> 15)
    scaled = (change >> 16) * reciprocal + (((change & 0xFFFF) * reciprocal) >> 16)
    return v + 2 * scaled


def read_out(fixed: Fixed, v: list[int]) -> list[int]:
    """(O,) outputs, with ``output_bits``."""
    return [
        int(shift) + sum(_weighed(each, weight) for each, weight in zip(v, row) if weight)
        for row, shift in zip(fixed.readout.tolist(), fixed.readout_shift)
    ]


def _weighed(v: int, weight: int) -> int:
    """v weight / 2^16 without its fraction."""
    return (v >> 16) * weight + (((v & 0xFFFF) >> 1) * weight >> 15)
