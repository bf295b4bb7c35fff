"""Fixed point: a conductance network in whole numbers, as ``spec/fixed-point.org`` says.

States have 32 bits, everything that is multiplied has 16: with states of 16 bits a short step would
round to nothing. Each neuron has an exponent of its own, because capacitances may differ by factors
of a million. The constants of synapses have 16 bits or 8; leaks always have 32, for they carry most
of the error. :mod:`._fixed_run` computes in Python what the exported C computes.
"""

from __future__ import annotations

from math import ceil, floor, log2
from typing import Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt

from ..errors import DataError, DomainError, OptionError
from ._design import Array, Design, Population
from ._ode import largest_potential

Integers = npt.NDArray[np.int64]

TIME_BITS = 20
"""Of fractions of a unit of elapsed time."""
TABLE_BITS = 4
"""Intervals of the table of sigmoids are 2^-4 long..."""
FINE_INTERVALS = 80
"""... so many of them, and then four times as long..."""
COARSE_INTERVALS = 22
"""... up to 10.5, where a sigmoid is within 3e-5 of 1."""
LARGEST_SHIFT = 15
"""Of products of a slope and a potential, so that a processor of 8 bits moves bytes, not bits."""
FINEST_BITS = 11
"""Fractional bits of the exponents of synapses, at most: an interval of the table then has 2^7 of
them, and what is interpolated fits into 16 bits."""
INPUT_RANGE = 8.0
"""What inputs are taken to stay within, in deviations, where there is no table to see it."""

MARGIN = 1.25
"""How much farther inputs may go than they do in such a table."""


SMALLEST_LEAK = 256
"""Of rates as a step takes them: less than that, and their rounding moves a potential's rest by
more than the margin of :func:`.largest_potential`, so that it could overflow. Smaller leaks are
raised to it..."""
RAISED_LEAK = 1e-3
"""... where that is at most so much of what a neuron's rates add up to."""


class FixedPopulation(NamedTuple):
    """One layer.

    Attributes:
        rest: (N, 2) rate and drive with all synapses half open, in units of 2^-exponent.
        exponent: (N,) of each neuron's rates.
        recurrent, sensory: (synapses, 4) slope, offset, rate and drive.
        sensory_shift: bits by which a product of slope and input is more than an exponent.
    """

    population: Population
    rest: Integers
    exponent: Integers
    recurrent: Integers
    sensory: Integers
    sensory_shift: int


class Fixed(NamedTuple):
    """A network in whole numbers.

    Attributes:
        state_bits: fractional bits of the 16-bit copies of states; states have 15 more.
        exponent_bits: fractional bits of the exponents of synapses, y in sigmoid(y).
        recurrent_shift: bits by which a product of slope and state is more than an exponent.
        offset_one: what an offset of 1 adds to an exponent: 1, more if constants have 8 bits.
        constant_bits: of the constants of synapses, 16 or 8.
        input_factor, input_centre: (I,): an input is (value - centre) factor; float32 numbers.
        readout: (O, N) mantissas, and shift (O,), of outputs with ``output_bits``.
        table: (sigmoid - 1/2) 2^16 at its points.
    """

    design: Design
    populations: list[FixedPopulation]
    state_bits: int
    exponent_bits: int
    recurrent_shift: int
    offset_one: int
    constant_bits: int
    input_factor: Array
    input_centre: Array
    readout: Integers
    readout_shift: Integers
    output_bits: int
    table: Integers


def fixed(design: Design, calibration: Optional[Array], constant_bits: int = 16) -> Fixed:
    """The network in whole numbers.

    Args:
        constant_bits: of the constants of synapses, 16 or 8.
        calibration: (T, I) inputs as they will come, NaN where missing; for their ranges.

    Raises:
        OptionError: the network is none that can be computed so, or its potentials or inputs are
            too large for the fractions that 16 bits leave them.
        DataError: the calibration has another width, or shows nothing of an input.
    """
    _check(design)
    bound = largest_potential(design)
    state_bits = _state_bits(bound)
    centre, scale, factor = _inputs(design, calibration)
    # The slope of each first-layer synapse per unit of an input of 16 bits.
    slopes = [_slopes(population) for population in design.populations]
    sensory = [each.sensory_slope for each in slopes]
    first = design.populations[0].wiring.sensory_pre
    sensory[0] = sensory[0] / scale[first] / factor[first]
    middle = (centre - _mean(design)) / scale
    offsets = [each.sensory_offset for each in slopes]
    offsets[0] = offsets[0] + slopes[0].sensory_slope * middle[first]
    for layer in range(1, len(slopes)):
        sensory[layer] = sensory[layer] / 2.0**state_bits
    recurrent = [each.slope / 2.0**state_bits for each in slopes]
    largest = max(_largest(each) for each in (*offsets, *(each.offset for each in slopes)))
    exponent_bits, limit = _exponent_bits(largest), 2 ** (constant_bits - 1) - 1
    offset_one = 2 ** max(ceil(log2((largest + 1e-2) * 2.0**exponent_bits / limit)), 0)
    shift = _shift(recurrent, exponent_bits, limit)
    populations = []
    for population, own, sensory_slope, offset, slope in zip(
        design.populations, slopes, sensory, offsets, recurrent
    ):
        exponent, rest, rates, sensory_rates = _rates(population, 17 - state_bits, limit, bound)
        sensory_shift = _shift([sensory_slope], exponent_bits, limit)
        cut = 0.0 if population is design.populations[0] else 0.5
        y = _Exponents(exponent_bits, offset_one, limit)
        populations.append(
            FixedPopulation(
                population,
                rest,
                exponent,
                _synapses(slope, own.offset, rates, shift, y, 0.5),
                _synapses(sensory_slope, offset, sensory_rates, sensory_shift, y, cut),
                sensory_shift,
            )
        )
    readout, readout_shift, output_bits = _readout(design, bound, state_bits)
    return Fixed(
        design,
        populations,
        state_bits,
        exponent_bits,
        shift,
        offset_one,
        constant_bits,
        factor,
        centre,
        readout,
        readout_shift,
        output_bits,
        # Going along a chord loses half a unit on average.
        _whole(2.0**16 * (_between_chords() - 0.5) + 0.5),
    )


def _between_chords() -> Array:
    """Sigmoids, raised by half of what the straight lines between them are too low."""
    length = np.repeat([1.0, 4.0], [FINE_INTERVALS, COARSE_INTERVALS]) / 2**TABLE_BITS
    s = 1 / (1 + np.exp(-np.append(0, length.cumsum())))
    bend = s * (1 - s) * (2 * s - 1)  # less the second derivative
    raised: Array = s + bend * np.append(length[0], length) ** 2 / 16
    return raised


def _check(design: Design) -> None:
    wanted = "int16 is for conductance dynamics with the fused solver"
    if design.dynamics["type"] != "conductance" or design.solver != "fused":
        raise OptionError(f"{wanted}; take float32", "numbers")
    if design.memory:
        raise OptionError(f"{wanted}, without a memory cell; take float32", "numbers")
    if design.start is not None:
        raise OptionError(
            f"a forecast that starts from {design.start.name!r} needs float32; train with the "
            "baseline 'none' for whole numbers",
            "numbers",
        )
    if design.quantiles is not None:
        raise OptionError("quantiles need float32", "numbers")
    if (design.unfolds or 0) > 255:
        raise OptionError("int16 has at most 255 unfolds", "numbers")


# -- ranges --------------------------------------------------------------------------------------


def _mean(design: Design) -> Array:
    size = design.input_size
    return np.zeros(size) if design.inputs is None else np.array(design.inputs.mean)


def _inputs(design: Design, calibration: Optional[Array]) -> tuple[Array, Array, Array]:
    """(I,) the centre of each input's range, its deviation in the network, its factor."""
    size = design.input_size
    scale = np.ones(size) if design.inputs is None else np.array(design.inputs.deviation)
    if calibration is None:
        centre, reach = _mean(design), INPUT_RANGE * scale
    else:
        if calibration.ndim != 2 or calibration.shape[1] != size:
            raise DataError(
                f"expected (T, {size}), the inputs alone in their order, got {calibration.shape}",
                "calibrate",
            )
        unseen = np.isnan(calibration).all(axis=0)
        if unseen.any():
            raise DataError(f"shows no value of input {int(unseen.argmax())}", "calibrate")
        low, high = np.nanmin(calibration, axis=0), np.nanmax(calibration, axis=0)
        if np.abs([low, high]).max() > np.finfo(np.float32).max / 4:
            raise DomainError("is beyond the range of float32", "calibrate")
        centre = (low + high) / 2
        reach = np.maximum(MARGIN * (high - low) / 2, 1e-3 * scale)
    return _single(centre), scale, _single(32767 / reach)


def _state_bits(bound: float) -> int:
    """Fractional bits of potentials up to ``bound``, 1 to 15."""
    bits = min(15 - ceil(log2(bound)), 15)
    if bits < 1:
        raise OptionError(
            f"potentials up to {bound:.3g} leave int16 no bit for fractions: train on a table, "
            "which scales its columns, or take float32",
            "numbers",
        )
    return bits


def _exponent_bits(largest: float) -> int:
    """Fractional bits of y in sigmoid(y), at least those of the table, for such an offset."""
    bits = min(15 - ceil(log2(max(largest, 1e-3) + 1e-2)), FINEST_BITS)
    if bits < TABLE_BITS:
        raise OptionError(
            f"sigmoids of arguments up to {largest:.3g} are too coarse in int16: scale the inputs "
            "to about -1 to 1, as training on a table does, or take float32",
            "numbers",
        )
    return bits


def _single(values: Array) -> Array:
    """What float32 makes of them."""
    return values.astype(np.float32).astype(np.float64)


def _largest(values: Array) -> float:
    return float(np.abs(values).max(initial=0.0))


def _shift(slopes: list[Array], exponent_bits: int, limit: int) -> int:
    """Bits that slopes have beyond the exponents, so that the largest is near the limit."""
    largest = max(_largest(each) for each in slopes) or 1.0
    shift = floor(log2((limit - 0.5) / (largest * 2.0**exponent_bits)))
    return max(min(shift, LARGEST_SHIFT), 0)


# -- synapses ------------------------------------------------------------------------------------


class _Exponents(NamedTuple):
    """How exponents of synapses are written: bits, the unit of offsets, the largest constant."""

    bits: int
    offset_one: int
    limit: int


class _Slopes(NamedTuple):
    slope: Array
    offset: Array
    sensory_slope: Array
    sensory_offset: Array


def _slopes(population: Population) -> _Slopes:
    """sigmoid(slope x + offset) of the synapses; of inputs, in the network's own scale."""
    p, pre = population.values, population.wiring.sensory_pre
    sigma, a, b = p["sensory_sigma"], p["a"][pre], p["b"][pre]
    offset, sensory_offset = -p["sigma"] * p["mu"], sigma * (b - p["sensory_mu"])
    return _Slopes(p["sigma"], offset, sigma * a, sensory_offset)


def _synapses(
    slope: Array, offset: Array, rates: Integers, shift: int, y: _Exponents, cut: float
) -> Integers:
    """(synapses, 4); ``cut`` is what a sender's 16 bits are short of on average."""
    # The product loses half a unit to the shift, on average.
    middle = (offset + slope * cut) * 2.0**y.bits + 0.5
    found = np.column_stack(
        [_whole(slope * 2.0 ** (y.bits + shift)), _whole(middle / y.offset_one), rates]
    )
    if not (np.abs(found) <= y.limit).all():
        bits = y.limit.bit_length() + 1
        raise OptionError(f"parameters of the synapses do not fit into {bits} bits", "numbers")
    return found


def _rates(
    population: Population, guard: int, limit: int, bound: float
) -> tuple[Integers, Integers, Integers, Integers]:
    """Exponents (N,), flows at rest (N, 2), rates and drives of recurrent and sensory synapses.

    ``guard`` are the bits that rates lose in a step, ``bound`` what no potential exceeds.
    """
    p, wiring = population.values, population.wiring
    units = wiring.units
    own = np.column_stack([p["g"], p["g"] * p["vleak"]]) / p["c"][:, None]
    lists = []
    for start, post in (("", wiring.post), ("sensory_", wiring.sensory_post)):
        weight = p[f"{start}w"] / p["c"][post]
        lists.append((np.column_stack([weight, weight * p[f"{start}E"]]), post))
    synapses, largest = np.zeros((units, 2)), np.zeros(units)
    for each, post in lists:
        np.add.at(synapses, post, np.abs(each))
        np.maximum.at(largest, post, np.abs(each).max(axis=1))
    count = np.bincount(wiring.post, minlength=units) + np.bincount(
        wiring.sensory_post, minlength=units
    )
    # A sum of mantissas of 16 bits times openings of 16 stays below 2^31, less their rounding.
    headroom = 2.0**15 - 1 - count
    factor = headroom / (np.abs(own) + synapses).max(axis=1)
    factor = np.minimum(factor, (limit - 0.5) / np.maximum(largest, 1e-30))
    exponent = np.floor(np.log2(factor)).astype(np.int64) + 16
    exponent, leak = _leaks(population, own, synapses, headroom * 2.0**16, exponent, guard)
    mantissas = [_whole(each * 2.0 ** (exponent[post, None] - 16)) for each, post in lists]
    for mantissa in mantissas:  # rounding must not move a potential's rest beyond the bound
        most = np.floor(bound * mantissa[:, 0]).astype(np.int64)
        mantissa[:, 1] = np.clip(mantissa[:, 1], -most, most)
    rest = leak
    for mantissa, (_, post) in zip(mantissas, lists):
        np.add.at(rest, post, mantissa * 2**15)
    return exponent, rest, mantissas[0], mantissas[1]


def _leaks(
    population: Population,
    own: Array,
    synapses: Array,
    headroom: npt.NDArray[Any],
    exponent: Integers,
    guard: int,
) -> tuple[Integers, Integers]:
    """Exponents with which raised leaks fit too, and rates and drives of leaks (N, 2).

    ``own`` and ``synapses`` are rates and drives of the leaks, and sums of those of synapses;
    ``headroom`` (N,) is the largest sum of leak and synapses that fits into 32 bits.
    """
    smallest = SMALLEST_LEAK << guard
    small = _whole(own[:, 0] * 2.0**exponent) < smallest
    raised = smallest * np.column_stack([np.ones(len(own)), population.values["vleak"]])
    # A raised leak adds to the sum: where it would overflow, the exponent is lowered.
    left = headroom[:, None] - np.abs(raised)
    fits = np.floor(np.log2(np.maximum(left, 1) / np.maximum(synapses, 1e-30))).min(axis=1)
    exponent = np.where(small, np.minimum(exponent, fits.astype(np.int64)), exponent)
    most = RAISED_LEAK * (own[:, 0] + synapses[:, 0]) * 2.0**exponent
    if (small & ((left <= 0).any(axis=1) | (smallest > most))).any():
        raise OptionError(
            "a leak is too small beside the synapses' weights and potentials for whole numbers; "
            "take float32",
            "numbers",
        )
    return exponent, _whole(np.where(small[:, None], raised, own * 2.0 ** exponent[:, None]))


def _readout(design: Design, bound: float, state_bits: int) -> tuple[Integers, Integers, int]:
    weight, shift = design.readout
    if not design.readout.dense:
        weight = np.eye(design.output_size, design.units) * weight[:, None]
    largest = float((np.abs(weight).sum(axis=1) * bound + np.abs(shift)).max())
    weight_bits = floor(log2(32000 / max(_largest(weight), 1e-9)))
    # An output is a sum of products of a state of 31 bits and a weight of 16, of which 16 go.
    weight_bits = min(weight_bits, floor(log2(2.0**30 / largest)) - state_bits + 1)
    bits = state_bits + 15 + weight_bits - 16
    return _whole(weight * 2.0**weight_bits), _whole(shift * 2.0**bits), bits


def _whole(values: Array) -> Integers:
    return np.rint(values).astype(np.int64)
