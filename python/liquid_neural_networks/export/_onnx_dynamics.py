"""Dynamics as ONNX operators: the state of a population after one sample.

States are (B, N), inputs (B, I), elapsed times (B, 1). Synapses are matrices, a row each sender;
one that does not exist has the weight 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Optional

import numpy as np

from .._indices import Index
from ._design import Array, Design, Population
from ._graph import Graph, Value

Flow = tuple[Value, Value]
"""Rate and drive."""


class Sample(NamedTuple):
    """What a population is fed.

    Attributes:
        values: (B, I), 0 where missing.
        seen: (B, I) 1 where a value is known, else 0; None if all are.
        elapsed: (B, 1).
    """

    values: Value
    seen: Optional[Value]
    elapsed: Value


def advance(g: Graph, design: Design, population: Population, x: Value, sample: Sample) -> Value:
    """The state (B, N) after a sample."""
    if design.solver is None:
        return _closed_form(g, population, x, sample)
    field = _FIELDS[population.dynamics["type"]](g, population, sample)
    h = g.Div(sample.elapsed, g.number(float(design.unfolds or 1)))
    step = _STEPS[design.solver]
    for _ in range(design.unfolds or 1):
        x = step(g, field, x, h)
    return x


def _matrix(weights: Array, pre: Index, post: Index, senders: int, units: int) -> Array:
    """(senders, N) from one weight a synapse."""
    made = np.zeros((senders, units))
    made[pre, post] = weights
    return made


# -- rates and drives ----------------------------------------------------------------------------


class _Side:
    """The synapses from inputs, or between neurons."""

    def __init__(self, g: Graph, population: Population, sensory: bool):
        wiring = population.wiring
        self.g, self._values, self._start = g, population.values, "sensory_" if sensory else ""
        self.pre = wiring.sensory_pre if sensory else wiring.pre
        self.post = wiring.sensory_post if sensory else wiring.post
        self._size = (wiring.input_size if sensory else wiring.units, wiring.units)
        self._sensory = sensory

    def matrix(self, weights: Array) -> Value:
        """(senders, N) of one weight a synapse."""
        return self.g.constant(_matrix(weights, self.pre, self.post, *self._size))

    def __getitem__(self, name: str) -> Array:
        return self._values[self._start + name]

    def map(self) -> tuple[Array, Array]:
        """The affine map of each synapse's sender."""
        if not self._sensory:
            return np.ones(len(self.pre)), np.zeros(len(self.pre))
        return self._values["a"][self.pre], self._values["b"][self.pre]

    def openings(self, senders: Value, seen: Optional[Value]) -> Value:
        """(B, senders, N) sigmoid(sigma (a u + b - mu)), 0 where missing."""
        g, (a, b) = self.g, self.map()
        slope, offset = self["sigma"] * a, self["sigma"] * (b - self["mu"])
        y = g.Mul(g.column(senders), self.matrix(slope))
        opened = g.Sigmoid(g.Add(y, self.matrix(offset)))
        return str(opened if seen is None else g.Mul(opened, g.column(seen)))

    def total(self, openings: Value, weights: Array) -> Value:
        """(B, N) the weighted sum over the synapses of each neuron."""
        return self.g.sum(self.g.Mul(openings, self.matrix(weights)), axis=1)


def _conductance(g: Graph, population: Population, sample: Sample) -> Callable[[Value], Flow]:
    p = population.values
    inputs, neurons = _Side(g, population, True), _Side(g, population, False)
    opened = inputs.openings(sample.values, sample.seen)
    rates = [each["w"] / p["c"][each.post] for each in (inputs, neurons)]
    drives = [rate * each["E"] for rate, each in zip(rates, (inputs, neurons))]
    rate0 = g.Add(inputs.total(opened, rates[0]), g.constant(p["g"] / p["c"]))
    drive0 = g.Add(inputs.total(opened, drives[0]), g.constant(p["g"] * p["vleak"] / p["c"]))

    def field(x: Value) -> Flow:
        s = neurons.openings(x, None)
        return g.Add(rate0, neurons.total(s, rates[1])), g.Add(drive0, neurons.total(s, drives[1]))

    return field


def _dense(g: Graph, population: Population, sample: Sample) -> Callable[[Value], Flow]:
    p = population.values
    inputs, neurons = _Side(g, population, True), _Side(g, population, False)
    phi = {"sigmoid": g.Sigmoid, "tanh": g.Tanh}[population.dynamics["activation"]]
    from_inputs = g.Add(g.MatMul(sample.values, inputs.matrix(p["W_in"])), g.constant(p["b"]))
    weights, target = neurons.matrix(p["W_rec"]), g.constant(p["A"])
    leak = g.constant(1 / p["tau"])

    def field(x: Value) -> Flow:
        f = phi(g.Add(from_inputs, g.MatMul(x, weights)))
        return g.Add(leak, f), g.Mul(f, target)

    return field


def _lrc(g: Graph, population: Population, sample: Sample) -> Callable[[Value], Flow]:
    p = population.values
    inputs, neurons = _Side(g, population, True), _Side(g, population, False)
    a, b = inputs.map()
    opened = inputs.openings(sample.values, sample.seen)
    f0 = g.Add(inputs.total(opened, inputs["w"]), g.constant(p["g"]))
    z0 = g.Add(inputs.total(opened, inputs["k"]), g.constant(p["g"]))
    l0 = g.Add(g.MatMul(sample.values, inputs.matrix(inputs["o"] * a)), g.constant(p["p"]))
    shift = inputs.matrix(inputs["o"] * b)
    if sample.seen is None:
        l0 = g.Add(l0, g.sum(shift, axis=0))
    else:
        l0 = g.Add(l0, g.MatMul(sample.seen, shift))
    charge, vleak = neurons.matrix(neurons["o"]), g.constant(p["vleak"])

    def field(x: Value) -> Flow:
        s = neurons.openings(x, None)
        moved = _elastance(g, population, g.Add(l0, g.MatMul(x, charge)))
        rate = g.Mul(moved, g.Sigmoid(g.Add(f0, neurons.total(s, neurons["w"]))))
        pull = g.Tanh(g.Add(z0, neurons.total(s, neurons["k"])))
        return rate, g.Mul(g.Mul(moved, vleak), pull)

    return field


def _elastance(g: Graph, population: Population, charge: Value) -> Value:
    if population.dynamics["elastance"] == "asymmetric":
        found = g.Sigmoid(charge)
    else:
        v = population.values["v"]
        both = g.Mul(
            g.Sigmoid(g.Add(charge, g.constant(v))), g.Sigmoid(g.Sub(g.constant(v), charge))
        )
        found = g.Mul(both, g.constant(-np.expm1(-2 * v)))
    return str(g.Max(found, g.number(1e-9)))


_FIELDS: Mapping[str, Callable[[Graph, Population, Sample], Callable[[Value], Flow]]] = {
    "conductance": _conductance,
    "dense": _dense,
    "lrc": _lrc,
}


# -- solvers: one step of length h ---------------------------------------------------------------


def _fused(g: Graph, field: Callable[[Value], Flow], x: Value, h: Value) -> Value:
    rate, drive = field(x)
    above, below = g.Add(x, g.Mul(h, drive)), g.Add(g.number(1.0), g.Mul(h, rate))
    return str(g.Div(above, below))


def _slope(g: Graph, field: Callable[[Value], Flow], x: Value) -> Value:
    rate, drive = field(x)
    return str(g.Sub(drive, g.Mul(rate, x)))


def _euler(g: Graph, field: Callable[[Value], Flow], x: Value, h: Value) -> Value:
    return str(g.Add(x, g.Mul(h, _slope(g, field, x))))


def _exponential(g: Graph, field: Callable[[Value], Flow], x: Value, h: Value) -> Value:
    """x e^-y + h drive (1 - e^-y) / y with y = h rate; near y = 0 by its series."""
    rate, drive = field(x)
    y, one = g.Mul(h, rate), g.number(1.0)
    near = g.Less(g.Abs(y), g.number(0.05))
    kept = g.Exp(g.Neg(y))
    inner = g.Sub(g.number(1 / 6), g.Mul(y, g.number(1 / 24)))
    series = g.Sub(one, g.Mul(y, g.Sub(g.number(0.5), g.Mul(y, inner))))
    away = g.Where(near, one, rate)
    moved = g.Where(
        near, g.Mul(g.Mul(drive, h), series), g.Mul(g.Div(drive, away), g.Sub(one, kept))
    )
    return str(g.Add(g.Mul(x, kept), moved))


def _rk4(g: Graph, field: Callable[[Value], Flow], x: Value, h: Value) -> Value:
    half = g.Mul(h, g.number(0.5))
    k1 = _slope(g, field, x)
    k2 = _slope(g, field, g.Add(x, g.Mul(half, k1)))
    k3 = _slope(g, field, g.Add(x, g.Mul(half, k2)))
    k4 = _slope(g, field, g.Add(x, g.Mul(h, k3)))
    inner = g.Mul(g.number(2.0), g.Add(k2, k3))
    total = g.Add(g.Add(k1, k4), inner)
    return str(g.Add(x, g.Mul(g.Div(h, g.number(6.0)), total)))


_STEPS: Mapping[str, Callable[[Graph, Callable[[Value], Flow], Value, Value], Value]] = {
    "fused": _fused,
    "euler": _euler,
    "exponential": _exponential,
    "rk4": _rk4,
}


# -- closed form ---------------------------------------------------------------------------------


def _closed_form(g: Graph, population: Population, x: Value, sample: Sample) -> Value:
    if population.dynamics["backbone_layers"]:
        heads = _backbone_heads(g, population, x, sample)
        return _settled(g, population, heads, sample.elapsed)
    units, layers = population.wiring.units, population.layers
    for ids in layers:
        heads = _wired_heads(g, population, x, sample)
        after = _settled(g, population, heads, sample.elapsed)
        here = np.isin(np.arange(units), ids)
        x = after if len(layers) == 1 else g.Where(g.constant(here), after, x)
    return x


def _wired_heads(g: Graph, population: Population, x: Value, sample: Sample) -> dict[str, Value]:
    p, wiring, found = population.values, population.wiring, {}
    for head, pairs in population.head_pairs().items():
        terms = [
            g.MatMul(senders, g.constant(_matrix(p[f"{head}_{kind}"], each.pre, each.post, size,
                                                 wiring.units)))
            for senders, kind, each, size in (
                (sample.values, "W_in", pairs.sensory, wiring.input_size),
                (x, "W_rec", pairs.recurrent, wiring.units),
            )
        ]  # fmt: skip
        found[head] = g.Add(g.Add(*terms), g.constant(p[f"{head}_b"]))
    return found


def _backbone_heads(g: Graph, population: Population, x: Value, sample: Sample) -> dict[str, Value]:
    p, options = population.values, population.dynamics
    act = options["backbone_activation"]

    def linear(z: Value, name: str) -> Value:
        return str(g.MatMul(z, g.constant(p[name].T)))

    z = g.Add(linear(sample.values, "backbone_0_W_in"), linear(x, "backbone_0_W_rec"))
    z = _activation(g, act, g.Add(z, g.constant(p["backbone_0_b"])))
    for layer in range(1, options["backbone_layers"]):
        y = g.Add(linear(z, f"backbone_{layer}_W"), g.constant(p[f"backbone_{layer}_b"]))
        z = _activation(g, act, y)
    return {
        head: g.Add(linear(z, f"{head}_W"), g.constant(p[f"{head}_b"])) for head in population.heads
    }


def _activation(g: Graph, name: str, y: Value) -> Value:
    if name == "lecun_tanh":
        return str(g.Mul(g.number(1.7159), g.Tanh(g.Mul(g.number(0.666), y))))
    if name == "silu":
        return str(g.Mul(y, g.Sigmoid(y)))
    if name == "gelu":
        normal = g.Add(g.number(1.0), g.Erf(g.Mul(y, g.number(0.5**0.5))))
        return str(g.Mul(g.Mul(g.number(0.5), y), normal))
    return str({"tanh": g.Tanh, "relu": g.Relu}[name](y))


def _settled(g: Graph, population: Population, heads: Mapping[str, Value], dt: Value) -> Value:
    p, mode = population.values, population.dynamics["mode"]
    if mode == "pure":
        rate = g.Add(g.constant(np.abs(p["w_tau"])), g.Abs(heads["ff1"]))
        fallen = g.Mul(heads["ff1"], g.Exp(g.Neg(g.Mul(dt, rate))))
        return str(g.Sub(g.constant(p["A"]), g.Mul(g.constant(p["A"]), fallen)))
    s = g.Sigmoid(g.Add(g.Mul(heads["time_a"], dt), heads["time_b"]))
    first, second = g.Tanh(heads["ff1"]), g.Mul(s, g.Tanh(heads["ff2"]))
    if mode == "default":
        first = g.Mul(g.Sub(g.number(1.0), s), first)
    return str(g.Add(first, second))


# -- memory cell ---------------------------------------------------------------------------------


def remember(
    g: Graph, population: Population, x: Value, memory: Value, sample: Sample
) -> tuple[Value, Value]:
    """What the neurons start from, and the new memory; each (B, N)."""
    p, units = population.values, population.wiring.units
    terms = [
        g.MatMul(senders, g.constant(p[f"memory.{name}"].T))
        for senders, name in ((sample.values, "W_in"), (x, "W_rec"))
    ]
    gates = g.Add(g.Add(*terms), g.constant(p["memory.b"]))
    candidate, entered, forget, shown = g.Split(gates, g.constant([units] * 4), axis=1, count=4)
    kept = g.Mul(g.Sigmoid(g.Add(forget, g.number(1.0))), memory)
    memory = g.Add(kept, g.Mul(g.Sigmoid(entered), g.Tanh(candidate)))
    return g.Mul(g.Sigmoid(shown), g.Tanh(memory)), memory
