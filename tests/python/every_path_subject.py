"""A case of ``every_path`` as a network, as the float64 reference has the same, and its answers."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional
from zlib import crc32

import numpy as np
import torch
from spec import reference
from spec.gradients import DIFFERENTIABLE, along

import every_path
from every_path import OUTPUTS, Case
from liquid_neural_networks import LiquidNetwork

Array = reference.Array
HUGE_SIZE = 1e30
"""Of what is huge: it saturates everything, and its products with a few others fit in float32."""


class Subject(NamedTuple):
    """A network, the same network as the reference has it, and what both are called with."""

    case: Case
    net: LiquidNetwork
    model: reference.Model
    arguments: dict[str, Any]
    """As the reference takes them: arrays or None."""
    weights: dict[str, Array]
    """Of the loss, batch first."""
    directions: dict[str, Array]
    """One for each parameter and differentiable argument: gradients are compared along them."""


def subject(case: Case) -> Subject:
    rng = np.random.Generator(np.random.PCG64(crc32(repr(case).encode())))
    net = network(case)
    set_values(net, case, rng)
    model = {
        "config": net.config(),
        "wirings": [plain(neuron.wiring) for neuron in net.neurons],
        "tensors": {name: value.detach().double().numpy() for name, value in net.values().items()},
    }
    arguments = call(case, net, rng)
    prepared = reference.prepare(model, arguments)
    batch, steps, _ = prepared.inputs.shape
    shape = (batch, steps, OUTPUTS) if case["return_sequences"] else (batch, OUTPUTS)
    weights = {"outputs": rng.normal(size=shape), "state": rng.normal(size=prepared.state.shape)}
    there = {name: arguments[name] for name in DIFFERENTIABLE if arguments[name] is not None}
    directions = {
        name: rng.normal(size=each.shape) for name, each in {**model["tensors"], **there}.items()
    }
    return Subject(case, net, model, arguments, weights, directions)


def network(case: Case) -> LiquidNetwork:
    directions = 2 if case["bidirectional"] else 1
    wirings = [
        every_path.recipe(case, seed=depth * directions + direction).build(
            case["units"] * directions if depth else case["inputs"]
        )
        for depth in range(case["layers"])
        for direction in range(directions)
    ]
    net = LiquidNetwork(
        case["inputs"],
        output_size=OUTPUTS,
        wiring=wirings,
        dynamics=every_path.description(case),
        solver=case["solver"],
        unfolds=case["unfolds"],
        constraint=case["constraint"],
        num_layers=case["layers"],
        bidirectional=case["bidirectional"],
        mixed_memory=case["memory"],
        readout=case["readout"],
        batch_first=case["batch_first"],
        return_sequences=case["return_sequences"],
        dropout=case["dropout"],
        seed=0,
    )
    return net.to(getattr(torch, case["dtype"])).train(case["training"])


def plain(wired: Any) -> dict[str, Any]:
    """The wiring as the reference takes it."""
    data = wired.to_dict()
    layers = {name: np.array(ids, dtype=int) for name, ids in data.pop("layers").items()}
    arrays = {k: np.array(v, dtype=int) if isinstance(v, list) else v for k, v in data.items()}
    return {**arrays, "layers": layers}


HUGE = ("sigma", "W_in", "W_rec", "o")
"""The last part of names whose values may be anything: what they enter saturates."""


def set_values(net: LiquidNetwork, case: Case, rng: np.random.Generator) -> None:
    """Away from where they start, so that nothing is 0, 1 or the same for all."""
    values = {}
    bounded = {
        f"neurons.{index}.{name}"
        for index, neuron in enumerate(net.neurons)
        for name in neuron.dynamics.lower_bounds
    }
    for name, value in net.values().items():
        factor, shift = rng.uniform(0.7, 1.3, value.shape), rng.uniform(-0.3, 0.3, value.shape)
        last = name.rsplit(".")[-1]
        if last == "tau" and case["dense.activation"] == "tanh":
            factor *= 0.4  # the rate is positive then with any activation
        if last in ("w", "sensory_w") and case["solver"] in ("euler", "rk4", "adaptive"):
            factor /= case["units"]  # explicit steps diverge where rates are large
        if case["size"] == "huge parameters" and name.startswith("neurons") and last.endswith(HUGE):
            factor *= HUGE_SIZE
        moved = value.detach().double().numpy() * factor + (0.0 if name in bounded else shift)
        values[name] = torch.tensor(single(moved)).to(value.dtype)
    net.set_values(values)


def single(values: Array) -> Array:
    """float64 numbers that float32 can hold: a case is the same in either precision."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def call(case: Case, net: LiquidNetwork, rng: np.random.Generator) -> dict[str, Any]:
    """The arguments of the reference, in the caller's layout."""
    batch, steps, units = case["batch"] or 1, case["steps"], case["units"]

    def uniform(low: float, high: float, *shape: int) -> Array:
        return single(rng.uniform(low, high, shape))

    def laid_out(value: Array) -> Array:
        """(B, T, ...) as the caller has it."""
        if case["batch"] is None:
            return value[0]
        return value if case["batch_first"] else value.swapaxes(0, 1)

    inputs = uniform(-1, 1.5, batch, steps, case["inputs"])
    if case["size"] == "huge inputs":
        inputs = single(HUGE_SIZE * inputs)
    mask = None
    if case["mask"] == "features":
        mask = rng.random(inputs.shape) < 0.7
    elif case["mask"] == "padding":
        mask = rng.random((batch, steps)) < 0.7
        mask[:, rng.integers(steps)] = True  # nothing is all padding
    elif case["mask"] == "packed":
        lengths = rng.integers(1, steps + 1, batch)
        lengths[rng.integers(batch)] = steps
        mask = np.arange(steps) < lengths[:, None]
    if mask is not None:
        inputs = np.where(mask if mask.ndim == 3 else mask[..., None], inputs, np.nan)

    elapsed: dict[Any, Optional[Array]] = {
        None: None,
        "number": np.array(single(np.array(0.7))),
        "(T,)": uniform(0.1, 0.9, steps),
        "(B, T)": laid_out(uniform(0.1, 0.9, batch, steps) * (rng.random((batch, steps)) < 0.8)),
        "long": laid_out(single(10 ** rng.uniform(1, 6, (batch, steps)))),
    }
    taus: dict[Any, Optional[Array]] = {
        None: None,
        "number": np.array(single(np.array(0.8))),
        "(N,)": uniform(0.3, 0.8, units),
        "(B, N)": uniform(0.3, 0.8, batch, units),
        "(B, T, N)": laid_out(uniform(0.3, 0.8, batch, steps, units)),
    }
    state = None
    if case["state"]:
        state = uniform(-0.5, 0.5, len(net.neurons), batch, net.state_size)
        state = state[:, 0] if case["batch"] is None else state
    return {
        "inputs": laid_out(inputs),
        "mask": None if mask is None else laid_out(mask),
        "elapsed_time": elapsed[case["elapsed_time"]],
        "time_constants": taus[case["time_constants"]],
        "state": state,
    }


# -- the reference's answers -------------------------------------------------------------------


def expected_slopes(made: Subject) -> dict[str, float]:
    """The loss's slope along each direction."""
    moved, weights = dict(made.directions), dict(made.weights)
    if made.case["constraint"] == "softplus":
        for name, factor in softplus_slopes(made.net).items():
            moved[name] = moved[name] * factor
    if made.case["mask"] == "packed" and made.case["return_sequences"]:  # no outputs at padding
        valid = reference.prepare(made.model, made.arguments).valid
        weights["outputs"] = weights["outputs"] * valid[..., None]
    return along(made.model, made.arguments, weights, moved)


def softplus_slopes(net: LiquidNetwork) -> dict[str, Array]:
    """d value / d stored of what the constraint bounds."""
    return {
        f"neurons.{index}.{name}": torch.sigmoid(
            neuron.dynamics.get_parameter(name).detach().double()
        ).numpy()
        for index, neuron in enumerate(net.neurons)
        for name in neuron.dynamics.lower_bounds
    }
