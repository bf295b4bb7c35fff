"""The float64 reference against numbers worked out another way; the vectors are up to date."""

from __future__ import annotations

from math import exp, tanh

import numpy as np
import pytest
from spec import generate
from spec.cases import Draw, arguments, model
from spec.encoding import VECTORS, decode, encode, path_of
from spec.gradients import along, gradients, loss
from spec.reference import forward, prepare, run


def one_neuron(dynamics: str, solver: str, **values: float) -> dict:
    """N = I = 1 with one synapse of each kind, every parameter named."""
    made = model(
        Draw("one"), dynamics=dynamics, solver=solver, inputs=1, units=1, outputs=1, unfolds=1
    )
    made["tensors"] |= {name: np.array([value]) for name, value in values.items()}
    made["tensors"] |= {"readout.weight": np.ones((1, 1)), "readout.bias": np.zeros(1)}
    return made


def call(inputs: float, elapsed: float, state: float) -> dict:
    return {
        "inputs": np.full((1, 1, 1), inputs),
        "time_constants": None,
        "elapsed_time": np.array(elapsed),
        "mask": None,
        "state": np.full((1, 1, 1), state),
    }


CONDUCTANCE = {
    "neurons.0.c": 0.5, "neurons.0.g": 0.3, "neurons.0.vleak": -0.1, "neurons.0.w": 0.7,
    "neurons.0.sigma": 4.0, "neurons.0.mu": 0.4, "neurons.0.E": 1.0, "neurons.0.sensory_w": 0.2,
    "neurons.0.sensory_sigma": 3.0, "neurons.0.sensory_mu": 0.5, "neurons.0.sensory_E": -1.0,
    "neurons.0.a": 1.1, "neurons.0.b": 0.2,
}  # fmt: skip


def rate_and_drive(u: float, v: float) -> tuple[float, float]:
    """Of the neuron above, with the tanh form of the sigmoid."""
    s = 0.7 * (1 + tanh(4.0 * (v - 0.4) / 2)) / 2
    r = 0.2 * (1 + tanh(3.0 * (1.1 * u + 0.2 - 0.5) / 2)) / 2
    return (0.3 + s + r) / 0.5, (0.3 * -0.1 + s - r) / 0.5


def test_conductance_steps_by_hand() -> None:
    u, v, h = 0.8, 0.25, 0.3
    rate, drive = rate_and_drive(u, v)
    by_hand = {
        "fused": (v + h * drive) / (1 + h * rate),
        "euler": v + h * (drive - rate * v),
        "exponential": drive / rate + (v - drive / rate) * exp(-h * rate),
    }
    for solver, wanted in by_hand.items():
        result = forward(one_neuron("conductance", solver, **CONDUCTANCE), call(u, h, v))
        assert result.outputs.item() == pytest.approx(wanted, rel=1e-14)
        tau = 1 / rate_and_drive(u, wanted)[0]
        assert result.time_constants.item() == pytest.approx(tau, rel=1e-14)


def test_dense_step_by_hand() -> None:
    values = {"W_rec": 0.6, "W_in": -0.9, "b": 0.1, "tau": 0.7, "A": -0.8}
    made = one_neuron("dense-tanh", "fused", **{f"neurons.0.{n}": v for n, v in values.items()})
    f = tanh(0.6 * 0.25 - 0.9 * 0.8 + 0.1)
    wanted = (0.25 + 0.3 * f * -0.8) / (1 + 0.3 * (1 / 0.7 + f))
    assert forward(made, call(0.8, 0.3, 0.25)).outputs.item() == pytest.approx(wanted, rel=1e-14)


def test_all_solvers_meet_as_steps_shrink() -> None:
    found = []
    for solver in ("fused", "euler", "exponential", "rk4", "adaptive"):
        made = one_neuron("conductance", solver, **CONDUCTANCE)
        made["config"]["unfolds"] = 4000
        found.append(forward(made, call(0.8, 1.0, 0.25)).outputs.item())
    assert max(found) - min(found) < 1e-4
    assert abs(found[3] - found[4]) < 1e-8


@pytest.mark.parametrize("dynamics", ["conductance", "dense-tanh"])
def test_complex_step_agrees_with_differences(dynamics: str) -> None:
    draw = Draw("differences")
    made = model(draw, dynamics=dynamics)
    given = arguments(draw, made)
    inner = run(made, prepare(made, given))
    weights = {n: draw(-1, 1, *getattr(inner, n).shape) for n in ("outputs", "state")}
    found = gradients(made, given, weights)
    flat = {**found.pop("tensors"), "inputs": found["inputs"], "state": found["state"]}
    for name, slopes in flat.items():
        target = made["tensors"].get(name, given.get(name))
        for index in np.ndindex(target.shape):
            kept, losses = target[index], []
            for step in (1e-6, -1e-6):
                target[index] = kept + step
                losses.append(loss(run(made, prepare(made, given)), weights))
            target[index] = kept
            assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(slopes[index], abs=1e-7)


VALID = {case.name: case for case in generate.valid_cases()}
REFUSED = {case["name"]: case for case in generate.refused_cases()}


def test_there_is_a_vector_for_every_case_and_no_other() -> None:
    assert {path.stem for path in VECTORS.glob("*.msgpack")} == VALID.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_no_refused_vector_is_stale(name: str) -> None:
    assert generate.same(decode(path_of(name).read_bytes()), decode(encode(REFUSED[name])))


@pytest.mark.parametrize("name", sorted(VALID))
def test_no_vector_is_stale(name: str) -> None:
    """Gradients are compared along one direction a tensor; ``--check`` looks at every element."""
    found, case = decode(path_of(name).read_bytes()), VALID[name]
    stored = found["expected"]["gradients"]
    wanted = generate.answered(case, differentiate=lambda *_: stored)
    assert generate.same(found, decode(encode(wanted)))
    flat = {**stored["tensors"], **{n: each for n, each in stored.items() if n != "tensors"}}
    draw = Draw(f"{name} directions")
    directions = {n: draw(-1, 1, *each.shape) for n, each in flat.items() if each is not None}
    slopes = along(case.model, case.arguments, wanted["weights"], directions)
    for n, direction in directions.items():
        terms = flat[n] * direction
        assert terms.sum() == pytest.approx(
            slopes[n], rel=1e-12, abs=1e-12 + 1e-12 * abs(terms).sum()
        )


def test_a_gradient_that_was_changed_is_stale() -> None:
    case = VALID["conductance-fused"]
    wanted = generate.answered(case)
    stored, weights = wanted["expected"]["gradients"], wanted["weights"]
    direction = Draw("changed")(-1, 1, *stored["inputs"].shape)
    slope = along(case.model, case.arguments, weights, {"inputs": direction})["inputs"]
    assert (stored["inputs"] * direction).sum() == pytest.approx(slope, rel=1e-12)
    changed = stored["inputs"].copy()
    changed[0, 0, 0] += 1e-6
    assert (changed * direction).sum() != pytest.approx(slope, rel=1e-9)


def test_a_changed_number_is_stale() -> None:
    assert not generate.same({"x": np.array([1.0])}, {"x": np.array([1.0 + 1e-10])})
    assert not generate.same({"x": 1}, {"y": 1})
    assert generate.same({"x": [np.array([1.0])]}, {"x": [np.array([1.0 + 1e-14])]})
