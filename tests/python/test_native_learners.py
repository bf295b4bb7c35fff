"""Learners in C: on every kernel, and nothing they cannot read is taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from liquid_neural_networks import LiquidNetwork, fused, online, wiring
from liquid_neural_networks.online import _compiled
from native_cases import native

NCP = wiring.ncp(inter=4, command=3, motor=1)

NAMES = (
    *("kernel", "dynamics", "solver", "activation", "mode", "loss", "optimizer"),
    *("unfolds", "units", "inputs", "outputs", "pre", "post", "sensory_pre", "sensory_post"),
    *("layer_sizes", "motors", "softplus", "rows", "sample", "target", "arrays"),
)

NETWORKS: dict[str, dict[str, Any]] = {
    "conductance": {"wiring": NCP},
    "dense": {"wiring": NCP, "dynamics": "dense"},
    "closed_form": {"wiring": NCP, "dynamics": "closed_form"},
    "closed_form pure": {"wiring": NCP, "dynamics": {"type": "closed_form", "mode": "pure"}},
    "full": {"hidden_size": 17, "output_size": 3},
    "one neuron": {"hidden_size": 1, "output_size": 1},
}


def arguments(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a learner is opened with, by name; arrays in a dict of their own."""
    caught: list[Any] = []

    class Catching:
        def __getattr__(self, attribute: str) -> Any:
            return getattr(native, attribute)

        def open_learner(self, *given: Any) -> Any:
            caught.append(given)
            return native.open_learner(*given)

    with monkeypatch.context() as patch:
        patch.setattr(_compiled, "built", Catching)
        LiquidNetwork(2, seed=0, **NETWORKS[name]).learner("exact", max_delay=1)
    found = dict(zip(NAMES, caught[0]))
    return {**found, "arrays": dict(found["arrays"])}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("method", ["exact", "snap1", "snap2"])
def test_every_instruction_set_learns_alike(name: str, method: str) -> None:
    results = []
    for instructions in fused.instruction_sets():
        with fused.instruction_set(instructions):
            learner = LiquidNetwork(2, seed=0, **NETWORKS[name]).double().learner(method)
            rng = np.random.default_rng(0)
            for _ in range(20):
                learner.step(rng.normal(size=2), float(rng.exponential()))
                learner.learn(rng.normal(size=learner.output_size))
            results.append(np.concatenate([e.ravel() for e in learner._engine.stored().values()]))
    for each in results[1:]:
        assert each == pytest.approx(results[0], abs=1e-10)


def numbers(values: Any, dtype: Any = np.int64) -> bytes:
    return np.asarray(values, dtype).tobytes()


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("kernel", 99),
        ("dynamics", "lrc"),
        ("solver", "rk4"),
        ("activation", "relu"),
        ("mode", "magic"),
        ("loss", "l2"),
        ("optimizer", "lion"),
        ("unfolds", 0),
        ("unfolds", 2**40),
        ("units", 0),
        ("units", 7),
        ("units", 2**40),
        ("inputs", 0),
        ("inputs", 1),
        ("outputs", 0),
        ("outputs", 2),
        ("pre", numbers([99])),
        ("pre", b"123"),
        ("post", numbers([-1])),
        ("sensory_pre", numbers([5])),
        ("layer_sizes", ()),
        ("layer_sizes", (3, 3)),
        ("layer_sizes", (-1, 9)),
        ("layer_sizes", ("a",)),
        ("motors", b""),
        ("motors", numbers([99], np.int32)),
        ("motors", numbers([-1], np.int32)),
        ("motors", 5),
        ("rows", b""),
        ("rows", b"123"),
        ("rows", numbers([0] * 9, np.int32)),
        ("rows", numbers([1, 99] * 9, np.int32)),
        ("rows", numbers([-5] * 9, np.int32)),
        ("rows", numbers([2**31 - 1] * 9, np.int32)),
        ("sample", torch.zeros(3, dtype=torch.float64)),
        ("sample", torch.zeros(2)),
        ("target", torch.zeros(2, dtype=torch.float64)),
        ("target", None),
        ("arrays", {}),
    ],
)
def test_a_learner_that_c_cannot_run_is_refused(
    argument: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = arguments("conductance", monkeypatch)
    with pytest.raises((TypeError, ValueError)):
        native.open_learner(**{**given, argument: value})


def test_rows_must_be_there_where_derivatives_arise(monkeypatch: pytest.MonkeyPatch) -> None:
    given = arguments("conductance", monkeypatch)
    units = given["units"]
    own = np.concatenate([[1, i] for i in range(units)])
    with pytest.raises(native.Refused, match="receives"):
        native.open_learner(**{**given, "rows": numbers([*own, 1, 0], np.int32)})
    other = np.concatenate([[1, (i + 1) % units] for i in range(units)])
    with pytest.raises(native.Refused, match="lack itself"):
        native.open_learner(**{**given, "rows": numbers([*other, 1, 0], np.int32)})
    with pytest.raises(native.Refused, match="rising"):
        native.open_learner(**{**given, "rows": numbers([2, 0, 0], np.int32)})


def test_arrays_of_another_kind_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    given = arguments("conductance", monkeypatch)
    for name, tensor in given["arrays"].items():
        for wrong in (
            None,
            tensor.double(),
            torch.zeros(tensor.numel() + 1),
            torch.zeros(*tensor.shape, 1),
            tensor.numpy(),
            torch.zeros_like(tensor, device="meta"),
        ):
            with pytest.raises(native.Refused, match=name):
                native.open_learner(**{**given, "arrays": {**given["arrays"], name: wrong}})
    with pytest.raises(native.Refused, match="more"):
        native.open_learner(**{**given, "arrays": {**given["arrays"], "more": torch.zeros(1)}})


def test_calls_out_of_range_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = native.open_learner(**arguments("closed_form", monkeypatch))
    for keep in (-3, 2):
        with pytest.raises(native.Refused, match="keep"):
            native.learner_step(learner, 1.0, False, keep)
    for kept in (-2, 2):
        with pytest.raises(native.Refused, match="kept"):
            native.learner_learn(learner, kept, 1e-3, 1.0, 1)
    for call, more in (
        (native.learner_step, (1.0, False, -1)),
        (native.learner_learn, (-1, 1e-3, 1.0, 1)),
        (native.learner_refresh, ()),
    ):
        with pytest.raises(native.Refused, match="learner"):
            call("text", *more)
    with pytest.raises(native.Refused, match="kernel"):
        native.lanes(99)


@pytest.mark.parametrize("name", NETWORKS)
def test_numbers_without_end_do_no_harm(name: str) -> None:
    for dtype in (torch.float32, torch.float64):
        learner = LiquidNetwork(2, seed=0, **NETWORKS[name]).to(dtype).learner("exact")
        largest = float(torch.finfo(dtype).max)
        for value in (largest, -largest, np.nan, 0.0, 1e30):
            for elapsed in (0.0, 1.0, largest):
                learner.step([value, -value], elapsed)
                learner.learn(np.full(learner.output_size, 1e30))
        assert learner.samples == 15


def test_a_learner_lives_as_long_as_it_is_used() -> None:
    learner = LiquidNetwork(2, seed=0, **NETWORKS["conductance"]).learner()
    step = learner.step
    del learner
    assert np.isfinite(step([0.1, 0.2])).all()
    assert isinstance(online.METHODS, dict)
