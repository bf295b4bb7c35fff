"""The reference: a liquid network in plain numpy, written from the equations of README.org alone.

It shares no code with the library, and is made to be read, not to be fast. Numbers are float64,
or complex128 while :mod:`spec.gradients` differentiates: every operation here is analytic where
it is used, and comparisons look at real parts.

Arrays may have further axes in front of the shapes named below; parameters then have a 1 where
the batch would be. That is how many perturbed networks run at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Model = dict[str, Any]
"""``config``, ``wirings`` and ``tensors``, as README.org describes them."""

ADAPTIVE_STEPS = 240
"""Runge-Kutta steps a sample that stand in for the exact solution."""


# -- elementary functions ----------------------------------------------------------------------


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)), without overflow."""
    positive = z.real >= 0
    e = np.exp(np.where(positive, -z, z))
    return np.where(positive, 1.0, e) / (1.0 + e)


def absolute(z: Array) -> Array:
    """|z|, as an analytic function away from 0."""
    return np.where(z.real < 0, -z, z)


def erf(z: Array) -> Array:
    """The error function; the imaginary part, if any, is infinitesimal."""
    real = np.vectorize(math.erf, otypes=[float])(z.real)
    if not np.iscomplexobj(z):
        return real
    return real + 1j * z.imag * 2 / np.sqrt(np.pi) * np.exp(-(z.real**2))


ACTIVATIONS = {
    "lecun_tanh": lambda y: 1.7159 * np.tanh(0.666 * y),
    "tanh": np.tanh,
    "relu": lambda y: np.where(y.real > 0, y, 0.0),
    "silu": lambda y: y * sigmoid(y),
    "gelu": lambda y: y * (1 + erf(y / np.sqrt(2))) / 2,
}


def times(weight: Array, z: Array) -> Array:
    """weight (..., rows, columns) times z (..., B, columns)."""
    return (weight * z[..., None, :]).sum(-1)


def incoming(terms: Array, post: Array, units: int) -> Array:
    """(..., E) one term a synapse -> (..., N) their sums by receiving neuron."""
    return terms @ (post[:, None] == np.arange(units)).astype(terms.dtype)


# -- dynamics: dx/dt = drive - rate x ----------------------------------------------------------


def pairs(wiring: dict[str, Any], head: str, leaky: bool) -> tuple[Array, Array]:
    """The sensory and the recurrent (receiver, sender) pairs of a closed-form head, sorted."""
    synapses = set(zip(wiring["post"].tolist(), wiring["pre"].tolist()))
    sensory = set(zip(wiring["sensory_post"].tolist(), wiring["sensory_pre"].tolist()))
    if not leaky:
        recurrent = synapses | {(i, i) for i in range(wiring["units"])}
        return _listed(sensory), _listed(recurrent)
    layers = [ids.tolist() for ids in wiring["layers"].values()]
    everything = head in ("time_a", "time_b")
    inputs = range(wiring["input_size"])
    sensory = {(i, k) for i in layers[0] for k in inputs if everything or (i, k) in sensory}
    recurrent = {(i, j) for ids in layers for i in ids for j in ids}
    for before, here in zip(layers, layers[1:]):
        recurrent |= {(i, j) for i in here for j in before if everything or (i, j) in synapses}
    return _listed(sensory), _listed(recurrent)


def _listed(found: set[tuple[int, int]]) -> Array:
    return np.array(sorted(found), dtype=int).reshape(-1, 2)


class Population(NamedTuple):
    """One population: its dynamics, its wiring, the values of its parameters."""

    dynamics: dict[str, Any]
    wiring: dict[str, Any]
    values: dict[str, Array]

    def advance(
        self,
        method: tuple[str, int],
        x: Array,
        u: Array,
        seen: Optional[Array],
        tau: Optional[Array],
        elapsed: Array,
    ) -> Array:
        """The state (..., B, N) after ``elapsed`` (..., B); ``method`` is solver and unfolds."""
        if self.dynamics["type"] == "closed_form":
            return self._closed_form(x, u, seen, tau, elapsed[..., None])
        return cross(*method, lambda y: self.rate_and_drive(y, u, seen, tau), x, elapsed)

    def time_constants(
        self, x: Array, u: Array, seen: Optional[Array], tau: Optional[Array]
    ) -> Array:
        """The effective ones (..., B, N) at the state x."""
        if self.dynamics["type"] != "closed_form":
            return 1.0 / self.rate_and_drive(x, u, seen, tau)[0]
        heads = self._heads(x, u, seen, tau)
        if self.dynamics["mode"] != "pure":
            return 1.0 / absolute(heads["time_a"])
        base = absolute(self.values["w_tau"]) if tau is None else 1.0 / tau
        return 1.0 / (base + absolute(heads["ff1"]))

    def _closed_form(
        self, x: Array, u: Array, seen: Optional[Array], tau: Optional[Array], dt: Array
    ) -> Array:
        """Layer by layer, each hearing the new state of those before it."""
        y = x
        for ids in self.wiring["layers"].values():
            after = self._solution(self._heads(y, u, seen, tau), tau, dt)
            here = np.isin(np.arange(self.wiring["units"]), ids)
            y = np.where(here, after, y)
        return y

    def _solution(self, heads: dict[str, Array], tau: Optional[Array], dt: Array) -> Array:
        p, mode = self.values, self.dynamics["mode"]
        if mode == "pure":
            rate = (absolute(p["w_tau"]) if tau is None else 1.0 / tau) + absolute(heads["ff1"])
            return p["A"] - p["A"] * heads["ff1"] * np.exp(-dt * rate)
        s = sigmoid(heads["time_a"] * dt + heads["time_b"])
        first = np.tanh(heads["ff1"]) * (1.0 if mode == "no_gate" else 1.0 - s)
        return first + s * np.tanh(heads["ff2"])

    def _heads(
        self, x: Array, u: Array, seen: Optional[Array], tau: Optional[Array]
    ) -> dict[str, Array]:
        p, names = self.values, ["ff1"]
        if self.dynamics["mode"] != "pure":
            names += ["ff2", "time_a", "time_b"]
        u = u if seen is None else u * seen
        biases = {name: p[f"{name}_b"] for name in names}
        if tau is not None and "time_a" in biases:
            biases["time_a"] = np.where(biases["time_a"].real < 0, -1.0, 1.0) / tau
        if self.dynamics["backbone_layers"] == 0:
            return {name: biases[name] + self._weighed(name, x, u) for name in names}
        act = ACTIVATIONS[self.dynamics["backbone_activation"]]
        z = act(
            times(p["backbone_0_W_in"], u) + times(p["backbone_0_W_rec"], x) + p["backbone_0_b"]
        )
        for layer in range(1, self.dynamics["backbone_layers"]):
            z = act(times(p[f"backbone_{layer}_W"], z) + p[f"backbone_{layer}_b"])
        return {name: times(p[f"{name}_W"], z) + biases[name] for name in names}

    def _weighed(self, head: str, x: Array, u: Array) -> Array:
        """What the synapses bring to a head."""
        units = self.wiring["units"]
        sensory, recurrent = pairs(self.wiring, head, self.dynamics["leaky_wiring"])
        sent = self.values[f"{head}_W_in"] * u[..., sensory[:, 1]]
        state = self.values[f"{head}_W_rec"] * x[..., recurrent[:, 1]]
        return incoming(sent, sensory[:, 0], units) + incoming(state, recurrent[:, 0], units)

    def rate_and_drive(
        self, x: Array, u: Array, seen: Optional[Array], tau: Optional[Array]
    ) -> tuple[Array, Array]:
        """Each (..., B, N), at the state x (..., B, N) and the inputs u (..., B, I).

        ``seen`` (B, I) is 1 where a feature was seen, ``tau`` (..., B, N) the given time
        constants; both may be None.
        """
        laws = {"conductance": self._conductance, "dense": self._dense, "lrc": self._lrc}
        return laws[self.dynamics["type"]](x, u, seen, tau)

    def _conductance(
        self, v: Array, u: Array, seen: Optional[Array], tau: Optional[Array]
    ) -> tuple[Array, Array]:
        p, wiring, units = self.values, self.wiring, self.wiring["units"]
        s = p["w"] * sigmoid(p["sigma"] * (v[..., wiring["pre"]] - p["mu"]))
        sent = (p["a"] * u + p["b"])[..., wiring["sensory_pre"]]
        r = p["sensory_w"] * sigmoid(p["sensory_sigma"] * (sent - p["sensory_mu"]))
        if seen is not None:
            r = r * seen[..., wiring["sensory_pre"]]
        g = p["g"] if tau is None else p["c"] / tau
        conductance = (
            g + incoming(s, wiring["post"], units) + incoming(r, wiring["sensory_post"], units)
        )
        current = (
            g * p["vleak"]
            + incoming(s * p["E"], wiring["post"], units)
            + incoming(r * p["sensory_E"], wiring["sensory_post"], units)
        )
        return conductance / p["c"], current / p["c"]

    def _dense(
        self, x: Array, u: Array, seen: Optional[Array], tau: Optional[Array]
    ) -> tuple[Array, Array]:
        p, wiring, units = self.values, self.wiring, self.wiring["units"]
        sent = u if seen is None else u * seen
        phi = {"sigmoid": sigmoid, "tanh": np.tanh}[self.dynamics["activation"]]
        f = phi(
            incoming(p["W_in"] * sent[..., wiring["sensory_pre"]], wiring["sensory_post"], units)
            + incoming(p["W_rec"] * x[..., wiring["pre"]], wiring["post"], units)
            + p["b"]
        )
        return 1.0 / (p["tau"] if tau is None else tau) + f, f * p["A"]

    def _lrc(
        self, x: Array, u: Array, seen: Optional[Array], tau: Optional[Array]
    ) -> tuple[Array, Array]:
        p, wiring, units = self.values, self.wiring, self.wiring["units"]
        sent = (p["a"] * u + p["b"])[..., wiring["sensory_pre"]]
        state = x[..., wiring["pre"]]
        s = sigmoid(p["sigma"] * (state - p["mu"]))
        r = sigmoid(p["sensory_sigma"] * (sent - p["sensory_mu"]))
        if seen is not None:
            open_to = seen[..., wiring["sensory_pre"]]
            sent, r = sent * open_to, r * open_to

        def total(start: Array, recurrent: Array, sensory: Array) -> Array:
            here, there = wiring["post"], wiring["sensory_post"]
            return start + incoming(recurrent, here, units) + incoming(sensory, there, units)

        f = total(p["g"], p["w"] * s, p["sensory_w"] * r)
        z = total(p["g"], p["k"] * s, p["sensory_k"] * r)
        elastance = self._elastance(total(p["p"], p["o"] * state, p["sensory_o"] * sent))
        if tau is not None:
            elastance = elastance / (tau * self._elastance(p["p"]) * sigmoid(p["g"]))
        return elastance * sigmoid(f), elastance * p["vleak"] * np.tanh(z)

    def _elastance(self, charge: Array) -> Array:
        """What moves the state for a given charge, at least 1e-9."""
        found = sigmoid(charge)
        if self.dynamics["elastance"] == "symmetric":
            found = sigmoid(charge + self.values["v"]) - sigmoid(charge - self.values["v"])
        return np.where(found.real < 1e-9, 1e-9, found)


# -- memory ------------------------------------------------------------------------------------


def remember(values: dict[str, Array], x: Array, m: Array, u: Array) -> tuple[Array, Array]:
    """What the dynamics start from, and the new memory; each (..., B, N)."""
    gates = times(values["memory.W_in"], u) + times(values["memory.W_rec"], x) + values["memory.b"]
    candidate, input_, forget, output = np.split(gates, 4, axis=-1)
    m = sigmoid(forget + 1.0) * m + sigmoid(input_) * np.tanh(candidate)
    return sigmoid(output) * np.tanh(m), m


# -- solvers: one step of length h -------------------------------------------------------------

Field = Callable[[Array], tuple[Array, Array]]


def fused_step(field: Field, x: Array, h: Array) -> Array:
    rate, drive = field(x)
    return (x + h * drive) / (1.0 + h * rate)


def euler_step(field: Field, x: Array, h: Array) -> Array:
    rate, drive = field(x)
    return x + h * (drive - rate * x)


def exponential_step(field: Field, x: Array, h: Array) -> Array:
    rate, drive = field(x)
    still = rate == 0
    rest = drive / np.where(still, 1.0, rate)
    return np.where(still, x + h * drive, rest + (x - rest) * np.exp(-h * rate))


def rk4_step(field: Field, x: Array, h: Array) -> Array:
    def slope(y: Array) -> Array:
        rate, drive = field(y)
        return drive - rate * y

    k1 = slope(x)
    k2 = slope(x + h * k1 / 2)
    k3 = slope(x + h * k2 / 2)
    k4 = slope(x + h * k3)
    return x + h * (k1 + 2 * k2 + 2 * k3 + k4) / 6


STEPS = {
    "fused": fused_step,
    "euler": euler_step,
    "exponential": exponential_step,
    "rk4": rk4_step,
    "adaptive": rk4_step,
}


def cross(solver: str, unfolds: int, field: Field, x: Array, elapsed: Array) -> Array:
    """The state (..., B, N) after ``elapsed`` (..., B)."""
    count = ADAPTIVE_STEPS if solver == "adaptive" else unfolds
    h = elapsed[..., None] / count
    for _ in range(count):
        x = STEPS[solver](field, x, h)
    return x


# -- what a caller gives ------------------------------------------------------------------


class Sequences(NamedTuple):
    """Batch first, everything spread to full size.

    ``inputs`` (B, T, I), 0 where missing; ``seen`` (B, T, I) or None; ``valid`` (B, T), False
    at padding; ``elapsed_time`` (B, T), 0 at padding; ``time_constants`` (B, T, N) or None;
    ``state`` (P, B, N), or (P, B, 2 N) with a memory.
    """

    inputs: Array
    seen: Optional[Array]
    valid: Array
    elapsed_time: Array
    time_constants: Optional[Array]
    state: Array


def prepare(model: Model, arguments: dict[str, Any]) -> Sequences:
    """The arguments of a call, brought to one form."""
    config = model["config"]
    batched = arguments["inputs"].ndim == 3

    def batch_first(value: Array) -> Array:
        if not batched:
            return value[None]
        return value if config["batch_first"] else value.swapaxes(0, 1)

    inputs = batch_first(arguments["inputs"])
    batch, steps, _ = inputs.shape
    seen, valid = None, np.ones((batch, steps), dtype=bool)
    mask = arguments["mask"]
    if mask is not None and mask.ndim == arguments["inputs"].ndim:
        seen = batch_first(mask).astype(float)
        inputs = np.where(seen, inputs, 0.0)
    elif mask is not None:
        valid = batch_first(mask).astype(bool)
        inputs = np.where(valid[..., None], inputs, 0.0)

    elapsed = np.asarray(1.0 if arguments["elapsed_time"] is None else arguments["elapsed_time"])
    if elapsed.ndim == (2 if batched else 1):
        elapsed = batch_first(elapsed)
    elapsed = np.where(valid, np.broadcast_to(elapsed, (batch, steps)), 0.0)

    units = config["hidden_size"]
    numbers = 2 * units if config["mixed_memory"] else units
    taus = arguments["time_constants"]
    if taus is not None:
        if taus.ndim == (3 if batched else 2):
            taus = batch_first(taus)
        elif taus.ndim == 2:
            taus = taus[:, None, :]
        taus = np.broadcast_to(taus, (batch, steps, units))

    state = arguments["state"]
    if state is None:
        state = np.zeros((len(model["wirings"]), batch, numbers))
    elif not batched:
        state = state[:, None, :]
    return Sequences(inputs, seen, valid, elapsed, taus, state)


def backwards(elapsed: Array, valid: Array) -> Array:
    """(..., B, T) the time each sample lies before the next seen one; the last takes the first's.

    That is the time before each sample for a population that runs from the last to the first.
    """
    out = np.zeros_like(elapsed)
    for row, flags in enumerate(valid):
        order = np.flatnonzero(flags)
        out[..., row, order] = elapsed[..., row, np.roll(order, -1)]
    return out


# -- the network -------------------------------------------------------------------------------


class Result(NamedTuple):
    """What a call gives; ``states`` and ``time_constants`` are (P, B, T, N), batch first.

    ``state`` has the memory as well, if there is one.
    """

    outputs: Array
    state: Array
    states: Array
    time_constants: Array


def populations(model: Model) -> list[Population]:
    """Layer 0 forward, layer 0 backward, layer 1 forward, and so on."""
    found = []
    for index, wiring in enumerate(model["wirings"]):
        start = f"neurons.{index}."
        values = {
            name[len(start) :]: value
            for name, value in model["tensors"].items()
            if name.startswith(start)
        }
        found.append(Population(model["config"]["dynamics"], wiring, values))
    return found


def run(model: Model, given: Sequences) -> Result:
    """The network over prepared sequences; outputs (B, T, O), or (B, O) for the last sample."""
    config = model["config"]
    directions = 2 if config["bidirectional"] else 1
    inputs, seen = given.inputs, given.seen
    states: list[Array] = []
    constants: list[Array] = []
    final: list[Array] = []
    for index, population in enumerate(populations(model)):
        if index and index % directions == 0:
            inputs, seen = _join(states[-directions:], axis=-1), None
        backward = index % directions == 1
        path, taus = _run_population(population, config, given, inputs, seen, index, backward)
        states.append(path[..., : config["hidden_size"]])
        constants.append(taus)
        final.append(path[..., 0 if backward else -1, :])
    units = config["hidden_size"]  # the read-out sees the neurons, not their memory
    last = states if config["return_sequences"] else [x[..., None, :units] for x in final]
    outputs = _read_out(model, _join(last[-directions:], axis=-1))
    return Result(
        outputs if config["return_sequences"] else outputs[..., 0, :],
        _stack(final, axis=-3),
        _stack(states, axis=-4),
        _stack(constants, axis=-4),
    )


def _run_population(
    population: Population,
    config: dict[str, Any],
    given: Sequences,
    inputs: Array,
    seen: Optional[Array],
    index: int,
    backward: bool,
) -> tuple[Array, Array]:
    """States after each sample, with the memory, and effective time constants there."""
    units, method = config["hidden_size"], (config["solver"], config["unfolds"])
    elapsed = backwards(given.elapsed_time, given.valid) if backward else given.elapsed_time
    order = list(range(inputs.shape[-2]))
    x = given.state[..., index, :, :]
    path: list[Any] = [None] * len(order)
    taus: list[Any] = [None] * len(order)
    for t in reversed(order) if backward else order:
        u = inputs[..., t, :]
        here = None if seen is None else seen[:, t]
        tau = None if given.time_constants is None else given.time_constants[..., t, :]
        before = x
        if config["mixed_memory"]:
            start, m = remember(population.values, x[..., :units], x[..., units:], u)
            after = population.advance(method, start, u, here, tau, elapsed[..., t])
            x = _join([after, m], axis=-1)
        else:
            x = population.advance(method, x, u, here, tau, elapsed[..., t])
        x = np.where(given.valid[:, t, None], x, before)
        path[t], taus[t] = x, population.time_constants(x[..., :units], u, here, tau)
    return _stack(path, axis=-2), _stack(taus, axis=-2)


def _read_out(model: Model, states: Array) -> Array:
    tensors = model["tensors"]
    if model["config"]["readout"] == "motor":
        scale = tensors["readout.scale"][..., None, :]
        return scale * states[..., : scale.shape[-1]] + tensors["readout.shift"][..., None, :]
    weight = tensors["readout.weight"][..., None, :, :]
    return (weight * states[..., None, :]).sum(-1) + tensors["readout.bias"][..., None, :]


def _stack(arrays: Sequence[Array], axis: int) -> Array:
    return np.stack(np.broadcast_arrays(*arrays), axis=axis)


def _join(arrays: Sequence[Array], axis: int) -> Array:
    return np.concatenate(np.broadcast_arrays(*arrays), axis=axis)


def forward(model: Model, arguments: dict[str, Any]) -> Result:
    """What the caller gets, in the caller's layout."""
    result = run(model, prepare(model, arguments))
    outputs, state, states, constants = result
    if arguments["inputs"].ndim == 2:
        return Result(outputs[0], state[:, 0], states[:, 0], constants[:, 0])
    if model["config"]["return_sequences"] and not model["config"]["batch_first"]:
        outputs = outputs.swapaxes(0, 1)
    return Result(outputs, state, states, constants)
