"""Whole numbers: the reference for fixed-point.org, in plain Python integers.

It shares no code with the library, and is made to be read, not to be fast.
"""

from __future__ import annotations

from math import ceil, floor, log2
from typing import Any

import numpy as np

from .reference import Array, Model

Constants = dict[str, Any]

MISSING, CLOSED = -32768, -32768


# -- a call ------------------------------------------------------------------------------------


def forward(
    model: Model, constants: Constants, inputs: Array, elapsed_time: Array
) -> tuple[Array, Array]:
    """Outputs (T, O) and states (T, P, N) from the state 0."""
    units = model["config"]["hidden_size"]
    states = [[0] * units for _ in model["wirings"]]
    outputs, path = [], []
    for sample, time in zip(inputs.tolist(), elapsed_time.tolist()):
        received = sample
        for population, (wiring, v) in enumerate(zip(model["wirings"], states)):
            if time > 0:
                _advance(model, constants, population, wiring, v, received, min(time, 2**31 - 1))
            received = [each >> 15 for each in v]
        outputs.append(_read_out(constants, states[-1]))
        path.append([list(v) for v in states])
    return np.array(outputs, dtype=np.int64), np.array(path, dtype=np.int64)


def opening(constants: Constants, y: int) -> int:
    table, fine = constants["table"], constants["exponent_bits"] - 4
    a = abs(y) if abs(y) < 80 << fine else (abs(y) >> 2) + (60 << fine)
    i = a >> fine
    part = a - (i << fine)
    s = 32767
    if i < 102:
        low, high = int(table[i]), int(table[i + 1])
        s = low + (((high - low) * part) >> fine)
    return -s if y < 0 else s


def reciprocal(d: int) -> int:
    assert 2**15 <= d < 2**16
    return (2**31 - 1) // d


def scaled(a: int, b: int) -> int:
    return (a >> 16) * b + (((a - ((a >> 16) << 16)) * b) >> 16)


def bits(a: int) -> int:
    assert 0 < a < 2**32
    return 32 - a.bit_length()


def _advance(
    model: Model,
    constants: Constants,
    population: int,
    wiring: dict[str, Any],
    v: list[int],
    received: list[int],
    time: int,
) -> None:
    own, unfolds = constants["populations"][population], model["config"]["unfolds"]
    flows = own["rest"].tolist()
    for i, j, synapse in zip(wiring["sensory_post"], wiring["sensory_pre"], own["sensory"]):
        _add(constants, flows[i], synapse.tolist(), received[j], own["sensory_shift"])
    b = bits(time)
    m = unfolds * reciprocal((time << b) >> 16)
    scales = [_scale(constants, m, 34 - b - int(e)) for e in own["exponent"]]
    coupled = 1 + max(int(max(each["post"], default=-1)) for each in model["wirings"])
    moves = [_move(constants, v[i], flows[i], scales[i]) for i in range(coupled, len(v))]
    for _ in range(unfolds):
        x = [each >> 15 for each in v]
        now = [list(each) for each in flows]
        for i, j, synapse in zip(wiring["post"], wiring["pre"], own["recurrent"]):
            _add(constants, now[i], synapse.tolist(), x[j], constants["recurrent_shift"])
        for i in range(coupled):
            v[i] += _move(constants, v[i], now[i], scales[i])[0]
        for n, (move, kept) in enumerate(moves):
            v[coupled + n] += move
            moves[n] = (scaled(move, kept), kept)


def _add(constants: Constants, flow: list[int], synapse: list[int], u: int, shift: int) -> None:
    slope, offset, rate, drive = synapse
    opened = CLOSED
    if u != MISSING:
        opened = opening(constants, ((slope * u) >> shift) + offset * constants["offset_one"])
    flow[0] += rate * opened
    flow[1] += drive * opened


def _scale(constants: Constants, m: int, s: int) -> tuple[int, int]:
    """k and lost."""
    guard = 16 - constants["state_bits"]
    return _shifted(m, 6 - guard) >> max(s, 0), guard + 1 + max(-s, 0)


def _shifted(a: int, by: int) -> int:
    return a << by if by >= 0 else a >> -by


def _move(constants: Constants, v: int, flow: list[int], scale: tuple[int, int]) -> tuple[int, int]:
    """move and kept."""
    guard = 16 - constants["state_bits"]
    (rate, drive), (k, lost) = flow, scale
    d = max(k + (rate >> lost), 1)
    b = bits(d)
    q = reciprocal((d << b) >> 16)
    pull = (drive >> guard) - scaled(rate, v >> 15) - (rate >> 17)
    return 2 * scaled(_shifted(pull, b - 1 - lost), q), (((k << b) >> 16) * q) >> 15


def _read_out(constants: Constants, v: list[int]) -> list[int]:
    found = []
    for shift, row in zip(constants["readout_shift"].tolist(), constants["readout"].tolist()):
        found.append(shift + sum(scaled(each, w) for each, w in zip(v, row)))
    return found


# -- constants ---------------------------------------------------------------------------------


def constants_of(model: Model, ranges: Array, bits: int) -> Constants:
    """Those of fixed-point.org, for ``ranges`` (2, I) of the inputs and these ``bits``, 16 or 8."""
    limit = 2 ** (bits - 1) - 1
    tensors = [_own(model, f"neurons.{p}.") for p in range(len(model["wirings"]))]
    largest = max(
        float(abs(each[name]).max()) for each in tensors for name in ("vleak", "E", "sensory_E")
        if each[name].size
    )  # fmt: skip
    largest = 1.01 * largest + 1e-3
    state_bits = min(15, 15 - ceil(log2(largest)))
    centre, factor = _scaling(ranges)
    slopes = []
    for p, (own, wiring) in enumerate(zip(tensors, model["wirings"])):
        pre = wiring["sensory_pre"]
        a, b, middle = own["a"][pre], own["b"][pre], own["b"][pre] - own["sensory_mu"]
        per_unit = a / factor[pre] if p == 0 else a / 2.0**state_bits
        middle = middle + a * centre[pre] if p == 0 else b - own["sensory_mu"]
        slopes.append(
            (own["sigma"] / 2.0**state_bits, -own["sigma"] * own["mu"],
             own["sensory_sigma"] * per_unit, own["sensory_sigma"] * middle)
        )  # fmt: skip
    m = max(_largest(each) for own in slopes for each in (own[1], own[3]))
    y = min(11, 15 - ceil(log2(max(m, 1e-3) + 0.01)))
    one = 2 ** max(0, ceil(log2((m + 0.01) * 2.0**y / limit)))
    shift = min(_shift(own[0], y, limit) for own in slopes)
    populations = []
    for p, (own, wiring, each) in enumerate(zip(tensors, model["wirings"], slopes)):
        exponent, rest, rates, sensory_rates = _rates(own, wiring, limit, 16 - state_bits, largest)
        sensory_shift = _shift(each[2], y, limit)
        h = 0.0 if p == 0 else 0.5
        populations.append({
            "exponent": exponent,
            "rest": rest,
            "recurrent": _synapses(each[0], each[1], rates, y, shift, one, 0.5),
            "sensory": _synapses(each[2], each[3], sensory_rates, y, sensory_shift, one, h),
            "sensory_shift": sensory_shift,
        })  # fmt: skip
    k = np.arange(103)
    s = 1 / (1 + np.exp(-np.where(k <= 80, k / 16, 5 + (k - 80) / 4)))
    raised = s + s * (1 - s) * (2 * s - 1) / np.where(k <= 80, 4096, 256)
    return {
        "state_bits": state_bits,
        "exponent_bits": y,
        "recurrent_shift": shift,
        "offset_one": one,
        "table": _rint((raised - 0.5) * 2.0**16 + 0.5),
        "populations": populations,
        **_readout(model, largest, state_bits),
    }


def _own(model: Model, prefix: str) -> dict[str, Array]:
    tensors = model["tensors"].items()
    return {name[len(prefix) :]: each for name, each in tensors if name.startswith(prefix)}


def _scaling(ranges: Array) -> tuple[Array, Array]:
    low, high = ranges
    centre, factor = (low + high) / 2, 32767 / np.maximum(1.25 * (high - low) / 2, 1e-3)
    return centre.astype("f4").astype("f8"), factor.astype("f4").astype("f8")


def whole_inputs(ranges: Array, values: Array) -> Array:
    """(T, I) whole numbers of values, NaN where missing."""
    centre, factor = (each.astype("f4") for each in _scaling(ranges))
    scaled = np.clip((np.nan_to_num(values).astype("f4") - centre) * factor, -32767, 32767)
    nearest = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.int64)
    return np.where(np.isnan(values), MISSING, nearest)


def _largest(values: Array) -> float:
    return float(np.abs(values).max(initial=0.0))


def _shift(slopes: Array, y: int, limit: int) -> int:
    largest = _largest(slopes)
    return max(s for s in range(16) if s == 0 or largest * 2.0 ** (y + s) <= limit - 0.5)


def _synapses(
    slope: Array, offset: Array, rates: Array, y: int, shift: int, one: int, h: float
) -> Array:
    moved = ((offset + h * slope) * 2.0**y + 0.5) / one
    return np.column_stack([_rint(slope * 2.0 ** (y + shift)), _rint(moved), rates])


def _rates(
    own: dict[str, Array], wiring: dict[str, Any], limit: int, guard: int, largest: float
) -> tuple[Array, Array, Array, Array]:
    """exponent, rest, and the rates and drives of recurrent and sensory synapses."""
    count, c = wiring["units"], own["c"]
    leak = np.column_stack([own["g"], own["g"] * own["vleak"]]) / c[:, None]
    synapses = []
    for start in ("", "sensory_"):
        weight = own[f"{start}w"] / c[wiring[f"{start}post"]]
        synapses.append(np.column_stack([weight, weight * own[f"{start}E"]]))
    exponent, rest = np.zeros(count, int), np.zeros((count, 2), int)
    found = [np.zeros(each.shape, int) for each in synapses]
    for i in range(count):
        mine = [wiring[f"{start}post"] == i for start in ("", "sensory_")]
        each = np.concatenate([s[m] for s, m in zip(synapses, mine)])
        sums = np.abs(each).sum(axis=0)
        bound = (32767 - len(each)) / (np.abs(leak[i]) + sums).max()
        if len(each):
            bound = min(bound, (limit - 0.5) / max(np.abs(each).max(), 1e-30))
        exponent[i] = 16 + floor(log2(bound))
        rest[i] = _rint(leak[i] * 2.0 ** exponent[i])
        if rest[i, 0] < 512 << guard:
            raised = np.array([1.0, own["vleak"][i]]) * (512 << guard)
            headroom = (32767 - len(each)) * 2**16 - np.abs(raised)
            fits = [floor(log2(a / b)) for a, b in zip(headroom, sums) if b]
            exponent[i] = min([exponent[i], *fits])
            rest[i] = _rint(raised)
        for s, m, mantissas in zip(synapses, mine, found):
            rate, drive = _rint(s[m] * 2.0 ** (exponent[i] - 16)).T
            most = np.floor(largest * rate).astype(np.int64)
            mantissas[m] = np.column_stack([rate, np.clip(drive, -most, most)])
            rest[i] += 2**15 * mantissas[m].sum(axis=0)
    return exponent, rest, found[0], found[1]


def _readout(model: Model, largest: float, state_bits: int) -> Constants:
    own = _own(model, "readout.")
    outputs, units = model["config"]["output_size"], model["config"]["hidden_size"]
    if "scale" in own:
        weight, shift = np.eye(outputs, units) * own["scale"][:, None], own["shift"]
    else:
        weight, shift = own["weight"], own["bias"]
    bound = float((np.abs(weight).sum(axis=1) * largest + np.abs(shift)).max())
    n = min(
        floor(log2(32000 / max(_largest(weight), 1e-9))),
        floor(log2(2.0**30 / bound)) - state_bits + 1,
    )
    output_bits = state_bits - 1 + n
    return {
        "readout": _rint(weight * 2.0**n),
        "readout_shift": _rint(shift * 2.0**output_bits),
        "output_bits": output_bits,
    }


def _rint(values: Array) -> Array:
    return np.rint(values).astype(np.int64)
