"""The reference: a liquid network in plain numpy, written from the equations of README.org alone.

It shares no code with the library, and is made to be read, not to be fast. Numbers are float64,
or complex128 while :mod:`spec.gradients` differentiates: every operation here is analytic where
it is used, and comparisons look at real parts.

Arrays may have further axes in front of the shapes named below; parameters then have a 1 where
the batch would be. That is how many perturbed networks run at once.
"""

from __future__ import annotations

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


def incoming(terms: Array, post: Array, units: int) -> Array:
    """(..., E) one term a synapse -> (..., N) their sums by receiving neuron."""
    return terms @ (post[:, None] == np.arange(units)).astype(terms.dtype)


# -- dynamics: dx/dt = drive - rate x ----------------------------------------------------------


class Population(NamedTuple):
    """One population: its dynamics, its wiring, the values of its parameters."""

    dynamics: dict[str, str]
    wiring: dict[str, Any]
    values: dict[str, Array]

    def rate_and_drive(
        self, x: Array, u: Array, seen: Optional[Array], tau: Optional[Array]
    ) -> tuple[Array, Array]:
        """Each (..., B, N), at the state x (..., B, N) and the inputs u (..., B, I).

        ``seen`` (B, I) is 1 where a feature was seen, ``tau`` (..., B, N) the given time
        constants; both may be None.
        """
        law = {"conductance": self._conductance, "dense": self._dense}[self.dynamics["type"]]
        return law(x, u, seen, tau)

    def _conductance(
        self, v: Array, u: Array, seen: Optional[Array], tau: Optional[Array]
    ) -> tuple[Array, Array]:
        p, wiring, units = self.values, self.wiring, self.wiring["units"]
        s = p["w"] * sigmoid(p["sigma"] * (v[..., wiring["pre"]] - p["mu"]))
        heard = (p["a"] * u + p["b"])[..., wiring["sensory_pre"]]
        r = p["sensory_w"] * sigmoid(p["sensory_sigma"] * (heard - p["sensory_mu"]))
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
        heard = u if seen is None else u * seen
        phi = {"sigmoid": sigmoid, "tanh": np.tanh}[self.dynamics["activation"]]
        f = phi(
            incoming(p["W_in"] * heard[..., wiring["sensory_pre"]], wiring["sensory_post"], units)
            + incoming(p["W_rec"] * x[..., wiring["pre"]], wiring["post"], units)
            + p["b"]
        )
        return 1.0 / (p["tau"] if tau is None else tau) + f, f * p["A"]


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
    rest = drive / rate
    return rest + (x - rest) * np.exp(-h * rate)


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


# -- what a caller hands over ------------------------------------------------------------------


class Sequences(NamedTuple):
    """Batch first, everything spread to full size.

    ``inputs`` (B, T, I), 0 where missing; ``seen`` (B, T, I) or None; ``valid`` (B, T), False
    at padding; ``elapsed_time`` (B, T), 0 at padding; ``time_constants`` (B, T, N) or None;
    ``state`` (P, B, N).
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
    taus = arguments["time_constants"]
    if taus is not None:
        if taus.ndim == (3 if batched else 2):
            taus = batch_first(taus)
        elif taus.ndim == 2:
            taus = taus[:, None, :]
        taus = np.broadcast_to(taus, (batch, steps, units))

    state = arguments["state"]
    if state is None:
        state = np.zeros((len(model["wirings"]), batch, units))
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
    """What a call gives; ``states`` and ``time_constants`` are (P, B, T, N), batch first."""

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
        states.append(path)
        constants.append(taus)
        final.append(path[..., 0 if backward else -1, :])
    last = states if config["return_sequences"] else [x[..., None, :] for x in final]
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
    """(..., B, T, N) states after each sample, and effective time constants there."""
    elapsed = backwards(given.elapsed_time, given.valid) if backward else given.elapsed_time
    order = list(range(inputs.shape[-2]))
    x = given.state[..., index, :, :]
    path: list[Any] = [None] * len(order)
    taus: list[Any] = [None] * len(order)
    for t in reversed(order) if backward else order:
        u = inputs[..., t, :]
        here = None if seen is None else seen[:, t]
        tau = None if given.time_constants is None else given.time_constants[..., t, :]

        def field(
            y: Array, u: Array = u, here: Optional[Array] = here, tau: Optional[Array] = tau
        ) -> tuple[Array, Array]:
            return population.rate_and_drive(y, u, here, tau)

        x = cross(config["solver"], config["unfolds"], field, x, elapsed[..., t])
        path[t], taus[t] = x, 1.0 / field(x)[0]
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
