"""Snapshots of learners: going on after a restart, in files too, and bytes that mean harm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import torch

from liquid_neural_networks import LiquidNetwork, fused, model_file, online, wiring
from liquid_neural_networks.errors import DtypeError, ModelFileError, OptionError
from liquid_neural_networks.online import Guarded

NCP = wiring.ncp(inter=4, command=3, motor=1)

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "exact": ({"wiring": NCP}, {}),
    "float32, late labels": ({"wiring": NCP}, {"max_delay": 3, "optimizer": "adam"}),
    "snap1, closed form": ({"wiring": NCP, "dynamics": "closed_form"}, {"method": "snap1"}),
    "softplus": ({"wiring": NCP, "constraint": "softplus"}, {"loss": "huber"}),
    "window": ({"wiring": NCP, "num_layers": 1}, {"method": "window", "window": 5, "max_delay": 1}),
    "window, layers": ({"hidden_size": 3, "output_size": 1, "num_layers": 2}, {"window": 3}),
    "reference": (
        {"hidden_size": 3, "output_size": 1, "solver": "rk4", "unfolds": 2},
        {"method": "exact", "max_delay": 1},
    ),
    "readout": ({"wiring": NCP}, {"method": "readout", "max_delay": 1}),
    "least squares": (
        {"wiring": NCP, "readout": "dense"},
        {"method": "readout", "optimizer": "least_squares"},
    ),
    "least squares, float32": (
        {"wiring": NCP, "readout": "dense"},
        {"method": "readout", "optimizer": "least_squares"},
    ),
    "window, float32": ({"wiring": NCP}, {"method": "window", "window": 4}),
    "reference, float32": (
        {"hidden_size": 3, "output_size": 1, "solver": "rk4"},
        {"method": "exact"},
    ),
}


def network_of(name: str) -> LiquidNetwork:
    network = LiquidNetwork(2, seed=1, **CASES[name][0])
    return network if "float32" in name else network.double()


def feed(learner: Any, rng: np.random.Generator, count: int, delay: int) -> list[float]:
    outputs = []
    for _ in range(count):
        outputs.append(float(learner.step(rng.normal(size=2), float(rng.exponential()))[0]))
        if learner.samples > delay:
            learner.learn(float(rng.normal()), delay)
    return outputs


@pytest.mark.parametrize("name", CASES)
def test_a_resumed_learner_goes_on_as_if_nothing_had_happened(name: str) -> None:
    delay = CASES[name][1].get("max_delay", 0)
    learner = network_of(name).learner(**CASES[name][1])
    feed(learner, np.random.default_rng(0), 12, delay)
    data = learner.snapshot()
    other = online.resume(network_of(name), data)
    assert isinstance(other, online.Learner)
    assert other.options == learner.options and other.snapshot() == data
    one, two = (feed(each, np.random.default_rng(1), 8, delay) for each in (learner, other))
    # Another engine may be at work in a window; elsewhere every bit is the same.
    assert one == pytest.approx(two, abs=1e-12)
    assert (other.samples, other.updates) == (learner.samples, learner.updates)


def test_a_snapshot_is_small_and_the_same_on_every_instruction_set() -> None:
    network = LiquidNetwork(2, wiring=wiring.ncp(inter=12, command=6, motor=1), seed=0)
    learner = network.learner()
    feed(learner, np.random.default_rng(0), 5, 0)
    data = learner.snapshot()
    assert len(data) < 16_000
    outputs = []
    for name in fused.instruction_sets():
        with fused.instruction_set(name):
            other = online.resume(network, data)
            assert other.snapshot() == data
            outputs.append(feed(other, np.random.default_rng(1), 3, 0))
    for each in outputs[1:]:
        assert each == pytest.approx(outputs[0], abs=1e-5)


def test_restore_takes_only_a_snapshot_of_the_same_kind() -> None:
    learner = network_of("exact").learner()
    feed(learner, np.random.default_rng(0), 3, 0)
    data = learner.snapshot()
    for options, name in (
        ({"optimizer": "adam"}, "optimizer"),
        ({"method": "snap1"}, "method"),
        ({"max_delay": 2}, "max_delay"),
        ({"loss": "mae"}, "loss"),
    ):
        with pytest.raises(OptionError, match=name):
            network_of("exact").learner(**options).restore(data)
    other = LiquidNetwork(
        2, wiring=wiring.ncp(inter=4, command=3, motor=1, seed=5), seed=1
    ).double()
    for network in (other, network_of("softplus"), LiquidNetwork(2, wiring=NCP, seed=1)):
        with pytest.raises(ModelFileError, match="another network"):
            network.learner().restore(data)
    with pytest.raises(ModelFileError, match="guarded"):
        Guarded(network_of("exact").learner()).restore(data)
    with pytest.raises(DtypeError, match="snapshot"):
        learner.restore("snapshot")
    # Weights of the network itself do not matter: the snapshot brings its own.
    torch.manual_seed(0)
    moved = network_of("exact")
    moved.set_values({"neurons.0.mu": torch.rand_like(moved.values()["neurons.0.mu"])})
    resumed = online.resume(moved, data)
    assert resumed.step([0.1, 0.2]) == pytest.approx(learner.step([0.1, 0.2]), abs=0)


def edited(data: bytes, **changes: Any) -> bytes:
    document = msgpack.unpackb(data)
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = document
        for name in parents:
            target = target[name]
        target[last] = value
    packed: bytes = msgpack.packb(document)
    return packed


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "lnn"},
        {"version": 2},
        {"version": True},
        {"kind": "other"},
        {"kind": 3},
        {"network": 5},
        {"options": {"method": "exact"}},
        {"options": {"method": "magic"}},
        {"options": {"code": "import os"}},
        {"options__learning_rate": float("nan")},
        {"options__learning_rate": "fast"},
        {"options__max_delay": 2**40},
        {"counts": {}},
        {"counts__samples": -5},
        {"counts__samples": 2**63},
        {"counts__updates": -1},
        {"counts__samples": 0},
        {"counts__waiting": 2},
        {"counts__samples": True},
        {"arrays": {}},
        {"arrays__extra": {"dtype": "f8", "shape": [0], "data": b""}},
        {"arrays__state": 1},
        {"arrays__state__dtype": "O"},
        {"arrays__state__dtype": "f4"},
        {"arrays__state__shape": [2**40]},
        {"arrays__state__shape": [-1]},
        {"arrays__state__shape": [8, 1]},
        {"arrays__state": {"dtype": "f8", "shape": [2**30, 2**30, 0], "data": b""}},
        {"arrays__newest__data": np.array([0.0]).tobytes()},
        {"arrays__state__data": b"\0" * 9},
        {"arrays__state__data": np.full(8, np.nan).tobytes()},
        {"arrays__parameters__data": "text"},
        {"inner": "text"},
    ],
    ids=str,
)
def test_hostile_snapshots_are_refused_and_change_nothing(changes: dict[str, Any]) -> None:
    learner = network_of("exact").learner()
    feed(learner, np.random.default_rng(0), 3, 0)
    data = learner.snapshot()
    wrong = edited(data, **changes)
    feed(learner, np.random.default_rng(1), 2, 0)
    before = learner.snapshot()
    with pytest.raises((ModelFileError, OptionError)):
        learner.restore(wrong)
    assert learner.snapshot() == before
    with pytest.raises(ModelFileError):
        online.resume(network_of("exact"), wrong)


def numbers_changed(data: bytes, name: str, change: Any) -> bytes:
    """A snapshot in which all numbers of an array are others."""
    array = online._snapshots.loads(data)["arrays"][name]
    return edited(data, **{f"arrays__{name}__data": change(array).tobytes()})


@pytest.mark.parametrize(
    ("name", "array", "change"),
    [
        ("exact", "second_moment", lambda each: each - 1),
        ("exact", "parameters", lambda each: each - 1e3),
        ("float32, late labels", "newest", lambda each: each * 0 - 1),
        ("float32, late labels", "newest", lambda each: each + 4),
        ("window", "second_moment", lambda each: each - 1),
        ("window", "parameters", lambda each: each - 1e3),
        ("window", "past_elapsed_time", lambda each: each - 1e3),
        ("window", "past_time_constants", lambda each: each - 1),
        ("window", "count", lambda each: each * 0),
        ("window", "count", lambda each: each + 0.5),
        ("reference", "second_moment", lambda each: each - 1),
        ("readout", "second_moment", lambda each: each - 1),
    ],
)
def test_numbers_no_learner_has_are_refused_and_change_nothing(
    name: str, array: str, change: Any
) -> None:
    learner = network_of(name).learner(**CASES[name][1])
    feed(learner, np.random.default_rng(0), 8, CASES[name][1].get("max_delay", 0))
    data = learner.snapshot()
    wrong = numbers_changed(data, array, change)
    with pytest.raises(ModelFileError, match=array):
        learner.restore(wrong)
    assert learner.snapshot() == data
    with pytest.raises(ModelFileError, match=array):
        online.resume(network_of(name), wrong)


def test_only_networks_are_resumed_on() -> None:
    data = network_of("exact").learner().snapshot()
    with pytest.raises(DtypeError, match="network"):
        online.resume("network", data)  # type: ignore[arg-type]


def test_events_of_the_time_taken_back_are_forgotten() -> None:
    learner = network_of("exact").learner()
    learner.step([1.0, 2.0])
    learner.note("not_finite", "early")
    data = learner.snapshot()
    learner.step([1.0, 2.0])
    learner.note("not_finite", "late")
    learner.restore(data)
    assert [each.message for each in learner.events] == ["early"]


def test_bytes_that_are_no_snapshot_are_refused() -> None:
    data = network_of("exact").learner().snapshot()
    rng = np.random.default_rng(0)
    for wrong in (b"", b"\x80", b"\x93\x01", data[:-1], data + b"\0", b"\x80\x04K\x01."):
        with pytest.raises(ModelFileError):
            online.resume(network_of("exact"), wrong)
    learner = network_of("exact").learner()
    for _ in range(300):  # a bit turned anywhere: refused, or other numbers, never anything else
        turned = bytearray(data)
        turned[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            learner.restore(bytes(turned))
        except (ModelFileError, OptionError):
            continue
        learner.step([0.1, 0.2])


def test_hostile_guards_are_refused_and_change_nothing() -> None:
    def make() -> Guarded:
        return Guarded(network_of("exact").learner(), warm_up=2, window=5)

    guard = make()
    for count in range(20):
        guard.step([count, -1.0])
        guard.learn(float(count))
    data = guard.snapshot()
    for changes in (
        {"inner": b""},
        {"inner": data},
        {"options__limit": 2.0},
        {"options": {}},
        {"arrays__tally__data": np.full(9, 3.0).tobytes()},
        {"arrays__tally__data": np.full(9, np.nan).tobytes()},
        {"arrays__tally__data": b""},
        {"arrays__share_stake__data": np.array([np.inf]).tobytes()},
        {"arrays__share_stake__data": np.array([-1.0]).tobytes()},
        {"arrays__targets_variance__data": np.array([-1.0]).tobytes()},
        {"arrays__good.parameters": {"dtype": "f8", "shape": [1], "data": b"\0" * 8}},
    ):
        wrong = edited(data, **changes)
        with pytest.raises((ModelFileError, OptionError)):
            guard.restore(wrong)
        assert guard.snapshot() == data
    other = make()
    other.restore(data)
    assert other.snapshot() == data


# -- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("guarded", [False, True])
def test_a_file_keeps_a_learner(tmp_path: Path, guarded: bool) -> None:
    network = network_of("exact")
    learner: Any = network.learner()
    if guarded:
        learner = Guarded(learner, warm_up=2)
    for count in range(6):
        learner.step([count, 1.0])
        learner.learn(float(count))
    path = tmp_path / "live.lnn"
    model_file.save(network.to_model(learner=learner.snapshot()), path)

    model = model_file.load(path)
    assert model.learner is not None
    resumed = online.resume(LiquidNetwork.from_model(model), model.learner)
    assert type(resumed) is type(learner)
    assert np.array_equal(resumed.step([0.5, 0.5]), learner.step([0.5, 0.5]))
    plain = LiquidNetwork.load(path)  # whoever does not learn need not care
    inputs = torch.zeros(1, 3, 2, dtype=torch.float64)
    assert torch.equal(plain(inputs), network.eval()(inputs))


def test_a_file_without_a_learner_has_none_and_one_with_nonsense_is_not_written() -> None:
    network = network_of("exact")
    assert model_file.loads(model_file.dumps(network.to_model())).learner is None
    data = network.learner().snapshot()
    assert model_file.loads(model_file.dumps(network.to_model(learner=data))).learner == data
    for wrong in (b"", b"\x80", "text"):
        with pytest.raises((ModelFileError, DtypeError), match="learner"):
            model_file.dumps(network.to_model(learner=wrong))  # type: ignore[arg-type]
