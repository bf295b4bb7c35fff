"""Learning while a network runs: gradients, methods, optimisers, losses, labels that come late."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from liquid_neural_networks import LiquidNetwork, engines, online, wiring
from liquid_neural_networks.errors import DomainError, DtypeError, OptionError, ShapeError
from liquid_neural_networks.online import _copies, _layout, _learner, _losses, _methods, _optimizers
from liquid_neural_networks.online._reference import Reference

NCP = wiring.ncp(inter=12, command=6, motor=1)
SMALL = wiring.ncp(inter=4, command=3, motor=1)
RANDOM = wiring.random(9, sparsity=0.6)

NETWORKS: dict[str, dict[str, Any]] = {
    "fused": {"input_size": 2, "wiring": NCP},
    "euler": {"input_size": 2, "wiring": NCP, "solver": "euler"},
    "exponential": {"input_size": 2, "wiring": NCP, "solver": "exponential"},
    "softplus": {"input_size": 2, "wiring": NCP, "constraint": "softplus"},
    "random": {"input_size": 3, "wiring": RANDOM, "output_size": 2, "unfolds": 3},
    "full": {"input_size": 3, "hidden_size": 5, "output_size": 2},
    "dense": {"input_size": 2, "wiring": NCP, "dynamics": "dense"},
    "dense tanh": {
        "input_size": 2,
        "wiring": RANDOM,
        "output_size": 1,
        "dynamics": {"type": "dense", "activation": "tanh"},
        "solver": "exponential",
    },
    "closed form": {"input_size": 2, "wiring": NCP, "dynamics": "closed_form"},
    "closed form, leaky": {
        "input_size": 2,
        "wiring": NCP,
        "dynamics": {"type": "closed_form", "leaky_wiring": True},
    },
    "closed form, pure": {
        "input_size": 2,
        "wiring": NCP,
        "dynamics": {"type": "closed_form", "mode": "pure"},
    },
    "closed form, no gate": {
        "input_size": 2,
        "wiring": RANDOM,
        "output_size": 2,
        "dynamics": {"type": "closed_form", "mode": "no_gate"},
    },
}


def network_of(name: str, dtype: torch.dtype = torch.float64) -> LiquidNetwork:
    return LiquidNetwork(**NETWORKS[name], seed=1).to(dtype)


class Samples:
    """Irregular times, missing inputs, partial targets."""

    def __init__(self, network: LiquidNetwork, count: int, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.inputs = rng.normal(size=(count, network.input_size))
        self.inputs[rng.random(self.inputs.shape) < 0.2] = np.nan
        self.elapsed = rng.exponential(0.3, count)
        self.targets = rng.normal(size=(count, network.output_size))
        self.targets[rng.random(self.targets.shape) < 0.2] = np.nan

    def outputs(self, network: LiquidNetwork, **more: Any) -> torch.Tensor:
        seen = ~np.isnan(self.inputs)
        with engines.reference_only():
            found: torch.Tensor = network(
                torch.from_numpy(np.where(seen, self.inputs, 0.0)).to(
                    network.neurons[0].dynamics.like
                ),
                elapsed_time=torch.from_numpy(self.elapsed),
                mask=torch.from_numpy(seen),
                **more,
            )
        return found

    def loss(self, outputs: torch.Tensor) -> torch.Tensor:
        known = torch.from_numpy(~np.isnan(self.targets))
        errors = torch.where(known, outputs - torch.nan_to_num(torch.from_numpy(self.targets)), 0)
        return (errors.square().sum(1) / known.sum(1).clamp(min=1)).sum()


def own_gradients(network: LiquidNetwork) -> dict[str, np.ndarray]:
    return {
        name.replace("dynamics.", ""): (
            np.zeros(tuple(each.shape)) if each.grad is None else each.grad.numpy()
        )
        for name, each in network.named_parameters()
    }


# A rate too small to move a weight: what is learned is the gradient of one network.
STILL = {"optimizer": "sgd", "learning_rate": 1e-300}


def summed(learner: online.Learner, samples: Samples, **more: Any) -> dict[str, np.ndarray]:
    total: dict[str, Any] = {}
    for inputs, elapsed, target in zip(samples.inputs, samples.elapsed, samples.targets):
        learner.step(inputs, float(elapsed), **more)
        if learner.learn(target) is not None:
            for name, each in learner.gradients().items():
                total[name] = total.get(name, 0.0) + each.astype(np.float64)
    return total


@pytest.mark.parametrize("given", [False, True], ids=["learned", "given time constants"])
@pytest.mark.parametrize("name", NETWORKS)
def test_exact_gradients_are_those_of_back_propagation(name: str, given: bool) -> None:
    network = network_of(name)
    samples = Samples(network, 200)
    units = network.hidden_size
    more = {"time_constants": np.linspace(0.5, 2.0, units)} if given else {}
    found = summed(network.learner("exact", **STILL), samples, **more)
    samples.loss(samples.outputs(network, **more)).backward()
    wanted = own_gradients(network)
    assert set(found) == set(wanted)
    scale = max(np.abs(each).max() for each in wanted.values())
    for parameter, each in wanted.items():
        assert found[parameter] == pytest.approx(each, abs=1e-10 * max(scale, 1.0)), parameter

    single = network_of(name, torch.float32)
    rounded = summed(single.learner("exact", **STILL), samples, **more)
    for parameter, each in wanted.items():
        assert rounded[parameter] == pytest.approx(each, abs=1e-4 * scale), parameter


def test_outputs_are_those_of_the_network() -> None:
    for name in NETWORKS:
        network = network_of(name)
        samples = Samples(network, 20)
        learner = network.learner("snap1")
        found = [learner.step(x, float(dt)) for x, dt in zip(samples.inputs, samples.elapsed)]
        assert np.stack(found) == pytest.approx(
            samples.outputs(network).detach().numpy(), abs=1e-12
        )
        stream = network.stream()
        for x, dt in zip(samples.inputs, samples.elapsed):
            stream.step(x, float(dt))
        assert learner.state == pytest.approx(stream.state, abs=1e-12)


def reference(network: LiquidNetwork, method: str, loss: str, optimizer: str) -> Reference:
    """The twin in plain torch, with the same sensitivities kept."""
    populations, readout = network.populations(), network.readout
    trainable = set(_learner._trainable(populations, readout))
    layout = _layout.layout_of(*populations[0], readout)
    return Reference(populations, readout, trainable, loss, optimizer, 3, method, layout)


@pytest.mark.parametrize("method", ["exact", "snap2", "snap1"])
@pytest.mark.parametrize(
    ("name", "loss", "optimizer"),
    [
        ("fused", "mse", "rmsprop"),
        ("softplus", "huber", "adam"),
        ("random", "mae", "sgd"),
        ("random", "cross_entropy", "rmsprop"),
        ("dense", "mse", "adam"),
        ("closed form, no gate", "mae", "rmsprop"),
    ],
)
def test_a_learner_in_c_moves_as_its_twin_in_torch_does(
    name: str, loss: str, optimizer: str, method: str
) -> None:
    network = network_of(name)
    if name == "fused":
        network = LiquidNetwork(2, wiring=SMALL, seed=2).double()
    samples = Samples(network, 6, seed=3)
    # Where values are softplus of what is stored, the two differ by what a step changes of that.
    rate = 1e-7 if name == "softplus" else 0.02
    options = {"optimizer": optimizer, "loss": loss, "learning_rate": rate, "max_delay": 2}
    learner = network.learner(method, **options)
    twin = reference(network, method, loss, optimizer)
    other = network.learner(method, **options)
    other._engine = twin
    for count, (x, dt, y) in enumerate(zip(samples.inputs, samples.elapsed, samples.targets)):
        target: Any = int(count % 2) if loss == "cross_entropy" else y
        assert learner.step(x, float(dt)) == pytest.approx(other.step(x, float(dt)), abs=1e-10)
        delay = count % 3
        if delay < learner.samples:
            mine, its = learner.learn(target, delay), other.learn(target, delay)
            assert (mine is None) == (its is None)
            assert mine is None or mine == pytest.approx(its, abs=1e-10)
    for parameter, each in learner._engine.stored().items():
        assert each.numpy() == pytest.approx(twin.stored()[parameter].numpy(), abs=1e-9), parameter


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("rmsprop", lambda p: torch.optim.RMSprop(p, lr=0.01)),
        ("adam", lambda p: torch.optim.Adam(p, lr=0.01)),
        ("sgd", lambda p: torch.optim.SGD(p, lr=0.01)),
    ],
)
def test_optimisers_are_those_of_torch(name: str, make: Any) -> None:
    rng = np.random.default_rng(0)
    mine = rng.normal(size=7)
    its = torch.nn.Parameter(torch.from_numpy(mine.copy()))
    optimizer, peer = _optimizers.OPTIMIZERS[name](mine), make([its])
    for count in range(1, 30):
        gradient = rng.normal(size=7) * 3
        its.grad = torch.from_numpy(gradient.copy())
        torch.nn.utils.clip_grad_norm_([its], 1.0)
        peer.step()
        mine -= optimizer.step(_optimizers.clipped(gradient, 1.0), 0.01, count)
        assert mine == pytest.approx(its.detach().numpy(), abs=1e-12)


@pytest.mark.parametrize("name", ["mse", "mae", "huber"])
def test_losses_are_those_of_torch(name: str) -> None:
    peers = {
        "mse": torch.nn.functional.mse_loss,
        "mae": torch.nn.functional.l1_loss,
        "huber": torch.nn.functional.huber_loss,
    }
    outputs = torch.tensor([0.3, -2.0, 5.0], dtype=torch.float64, requires_grad=True)
    target = torch.tensor([0.1, 1.0, 4.5], dtype=torch.float64)
    wanted = peers[name](outputs, target)
    wanted.backward()
    found = _losses.loss_and_slope(name, outputs.detach().numpy(), target.numpy())
    assert found is not None
    assert found[0] == pytest.approx(wanted.item(), abs=1e-14)
    assert found[1] == pytest.approx(outputs.grad.numpy(), abs=1e-14)
    partial = _losses.loss_and_slope(
        name, outputs.detach().numpy(), np.array([np.nan, 1.0, np.nan])
    )
    assert partial is not None and partial[1][[0, 2]].tolist() == [0, 0]


def test_classes_are_learned_by_cross_entropy() -> None:
    network = network_of("random")
    learner = network.learner("exact", loss="cross_entropy", **STILL)
    inputs = np.array([0.3, -0.2, 1.0])
    learner.step(inputs)
    loss = learner.learn(1)
    with engines.reference_only():
        outputs = network(torch.from_numpy(inputs[None]))
    wanted = torch.nn.functional.cross_entropy(outputs, torch.tensor([1]))
    wanted.backward()
    assert loss == pytest.approx(wanted.item(), abs=1e-12)
    assert learner.gradients()["readout.bias"] == pytest.approx(
        network.readout.bias.grad.numpy(), abs=1e-12
    )
    assert learner.learn(np.nan) is None
    for wrong in (2, -1, 0.5):
        with pytest.raises(DomainError, match="class"):
            learner.learn(wrong)
    with pytest.raises(ShapeError, match="target"):
        learner.learn([0.0, 1.0])


# -- methods -------------------------------------------------------------------------------------


def test_auto_says_which_method_and_why() -> None:
    small = LiquidNetwork(2, wiring=NCP, seed=0).learner()
    assert small.method == "exact" and "multiply-adds" in small.reason
    assert small.reason in repr(small)
    large = LiquidNetwork(2, output_size=1, wiring=wiring.c_elegans(), seed=0).learner()
    assert large.method == "snap1" and "exact learning would take" in large.reason
    for options in (
        {"hidden_size": 6, "dynamics": "closed_form"},
        {"hidden_size": 6, "num_layers": 2},
        {"hidden_size": 6, "mixed_memory": True},
        {"hidden_size": 6, "dynamics": "lrc"},
        {"hidden_size": 6, "solver": "rk4"},
    ):
        learner = LiquidNetwork(2, output_size=1, seed=0, **options).learner()
        assert learner.method == "window" and "no sensitivities in C" in learner.reason


def test_rows_are_kept_as_far_as_signals_go() -> None:
    # 0 -> 1 -> 2, and 3 by itself.
    joined = np.eye(4, dtype=bool)
    joined[0, 1] = joined[1, 2] = True
    reaching = _methods.reaching(joined)
    assert reaching[0].tolist() == [True, True, True, False]
    assert reaching[3].tolist() == [False, False, False, True]
    layout = _layout.layout_of("neurons.0.", *_first("fused"))
    exact, near, own = (_methods.products(each, layout) for each in ("exact", "snap2", "snap1"))
    assert exact > near > own > 0


def _first(name: str) -> tuple[Any, Any]:
    network = network_of(name)
    return network.neurons[0], network.readout


@pytest.mark.parametrize(
    "options",
    [
        {"num_layers": 2},
        {"mixed_memory": True},
        {"dynamics": "closed_form"},
        {"dynamics": "lrc"},
        {"solver": "rk4"},
    ],
    ids=str,
)
def test_what_c_cannot_carry_along_learns_through_a_window_or_in_torch(options: Any) -> None:
    network = LiquidNetwork(2, 4, 1, seed=1, **options).double()
    samples = Samples(network, 8)
    samples.targets[:] = np.random.default_rng(1).normal(size=samples.targets.shape)
    samples.loss(samples.outputs(network)).backward()
    wanted = own_gradients(network)
    for method in ("exact", "window"):
        found = summed(network.learner(method, window=8, **STILL), samples)
        assert set(found) == set(wanted)
        for parameter, each in wanted.items():
            assert found[parameter] == pytest.approx(each, abs=1e-9), (method, parameter)


@pytest.mark.parametrize("method", ["exact", "snap1", "snap2"])
def test_without_a_compiler_it_learns_the_same(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = LiquidNetwork(2, wiring=SMALL, seed=2).double()
    compiled = network.learner(method)
    monkeypatch.setattr(_learner, "native", None)
    plain = network.learner(method)
    assert "compiled" in repr(compiled) and "reference" in repr(plain)
    for learner in (compiled, plain):
        for inputs in ([0.3, -0.2], [0.1, 0.5]):
            learner.step(inputs)
            learner.learn(0.4)
    for name, each in compiled.gradients().items():
        assert each == pytest.approx(plain.gradients()[name], abs=1e-10)


@pytest.mark.parametrize("options", [{"num_layers": 2}, {"mixed_memory": True}], ids=str)
def test_few_sensitivities_of_other_networks_are_refused(options: Any) -> None:
    network = LiquidNetwork(2, 4, 1, seed=0, **options)
    with pytest.raises(OptionError, match="window"):
        network.learner("snap1")


def test_a_short_window_is_back_propagation_from_its_first_state() -> None:
    network = network_of("fused")
    samples = Samples(network, 10)
    samples.targets[:] = 1.0
    learner = network.learner("window", window=4, max_delay=2, **STILL)
    states = [learner.state]
    for x, dt in zip(samples.inputs, samples.elapsed):
        learner.step(x, float(dt))
        states.append(learner.state)
    learner.learn(1.0, delay=2)
    part = Samples(network, 10)
    part.inputs, part.elapsed, part.targets = (
        each[4:8] for each in (samples.inputs, samples.elapsed, samples.targets)
    )
    outputs = part.outputs(network, state=torch.from_numpy(states[4]))
    (outputs[-1] - 1).square().sum().backward()
    for parameter, each in own_gradients(network).items():
        assert learner.gradients()[parameter] == pytest.approx(each, abs=1e-10), parameter


@pytest.mark.parametrize("readout", ["motor", "dense"])
def test_the_readout_alone_learns(readout: str) -> None:
    network = LiquidNetwork(2, wiring=NCP, readout=readout, seed=1).double()
    learner = network.learner("readout")
    before = {name: each.clone() for name, each in network.values().items()}
    rng = np.random.default_rng(0)
    for inputs in rng.normal(size=(200, 2)):
        learner.step(inputs)
        learner.learn(3.0 + 0.1 * inputs[0])
    learner.commit()
    moved = {n for n, each in network.values().items() if not torch.equal(each, before[n])}
    assert moved == {name for name in before if name.startswith("readout.")}


def test_least_squares_finds_the_readout_that_made_the_targets() -> None:
    network = LiquidNetwork(2, 6, 2, seed=1).double()
    truth = LiquidNetwork(2, 6, 2, seed=1).double()
    truth.set_values({"readout.weight": torch.randn(2, 6, dtype=torch.float64)})
    learner, stream = network.learner("readout", optimizer="least_squares"), truth.stream()
    rng = np.random.default_rng(0)
    errors = []
    for inputs in rng.normal(size=(400, 2)):
        target = stream.step(inputs)
        errors.append(np.abs(learner.step(inputs) - target).max())
        learner.learn(target)
    assert np.mean(errors[-50:]) < 0.02 * np.mean(errors[:20])


# -- labels --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fused", "random", "closed form"])
def test_a_late_label_has_the_gradient_of_its_own_output(name: str) -> None:
    network = network_of(name)
    samples = Samples(network, 12)
    samples.targets[:] = 0.7
    late, prompt = (network.learner("exact", max_delay=5, **STILL) for _ in range(2))
    wanted = []
    for count, (x, dt, y) in enumerate(zip(samples.inputs, samples.elapsed, samples.targets)):
        late.step(x, float(dt))
        prompt.step(x, float(dt))
        prompt.learn(y)
        wanted.append(prompt.gradients())
        if count >= 5:
            late.learn(y, delay=5)
            for parameter, each in wanted[count - 5].items():
                assert late.gradients()[parameter] == pytest.approx(each, abs=1e-12)


def test_missing_labels_move_nothing() -> None:
    learner = network_of("random").learner()
    learner.step([0.1, 0.2, 0.3])
    before = learner.snapshot()
    assert learner.learn(None) is None
    assert learner.learn([np.nan, np.nan]) is None
    assert learner.updates == 0 and learner.snapshot() == before
    assert learner.learn([np.nan, 1.0]) is not None
    assert learner.updates == 1


def test_a_prediction_moves_no_weight() -> None:
    network = network_of("fused")
    learner = network.learner()
    before = {name: each.clone() for name, each in learner._engine.stored().items()}
    for inputs in np.random.default_rng(0).normal(size=(50, 2)):
        learner.step(inputs)
    for name, each in learner._engine.stored().items():
        assert torch.equal(each, before[name])


@pytest.mark.parametrize("name", ["fused", "softplus", "closed form", "dense"])
def test_commit_writes_what_was_learned(name: str) -> None:
    network = network_of(name)
    untouched = {n: each.clone() for n, each in network.values().items()}
    learner = network.learner(learning_rate=0.05)
    samples = Samples(network, 60)
    samples.targets[:] = 0.5
    for x, dt, y in zip(samples.inputs, samples.elapsed, samples.targets):
        learner.step(x, float(dt))
        learner.learn(y)
    assert all(torch.equal(each, untouched[n]) for n, each in network.values().items())
    state = learner.state
    learner.commit()
    assert any(not torch.equal(each, untouched[n]) for n, each in network.values().items())
    for n, bound in network.neurons[0].dynamics.lower_bounds.items():
        assert float(network.values()[f"neurons.0.{n}"].detach().min()) >= bound
    stream = network.stream(state)
    assert stream.step(samples.inputs[0]) == pytest.approx(
        learner.step(samples.inputs[0]), abs=1e-12
    )


ENGINES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "compiled": ({}, {"method": "exact"}),
    "compiled, late": ({}, {"method": "exact", "max_delay": 2}),
    "window": ({}, {"method": "window", "max_delay": 2, "window": 3}),
    "reference": ({"num_layers": 2}, {"method": "exact", "max_delay": 2}),
    "read-out": ({}, {"method": "readout", "max_delay": 2}),
}


def engine_of(name: str, outputs: int = 2) -> Any:
    options, own = ENGINES[name]
    return LiquidNetwork(2, 4, outputs, seed=0, **options).learner(**own)


# -- trouble -------------------------------------------------------------------------------------


def test_huge_gradients_are_shortened_and_infinite_ones_left_out() -> None:
    huge = np.array([3e200, -4e200])
    assert _optimizers.norm(huge) == pytest.approx(5e200)
    assert _optimizers.clipped(huge, 1.0) == pytest.approx([0.6, -0.8])
    assert _optimizers.norm(np.array([1.0, np.nan])) == np.inf

    network = network_of("fused", torch.float64)
    learner = network.learner(optimizer="sgd", learning_rate=0.1)
    learner.step([0.1, 0.2])
    before = {name: each.clone() for name, each in learner._engine.stored().items()}
    assert learner.learn(1e160) is not None
    after = learner._engine.stored()
    norm = sum(float((after[name] - before[name]).square().sum()) for name in after) ** 0.5
    assert 0 < norm <= 0.1 * 1.001

    assert learner.learn(1e308) is None
    assert [each.kind for each in learner.events] == ["not_finite"]
    assert learner.updates == 1
    learner.step([0.1, 0.2])
    assert learner.learn(0.0) is not None


def test_a_state_that_is_not_finite_is_let_go() -> None:
    network = LiquidNetwork(2, wiring=NCP, solver="euler", seed=0).double()
    learner = network.learner()
    for _ in range(200):
        learner.step([0.1, 0.2], 1e3)
    assert not np.isfinite(learner.state).all()
    assert learner.learn(0.5) is None
    assert "state too" in learner.events[-1].message
    assert np.isfinite(learner.step([0.1, 0.2], 0.1)).all()
    assert learner.learn(0.5) is not None


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_after_a_target_of_any_size_a_learner_can_be_resumed(
    name: str, dtype: torch.dtype, recwarn: pytest.WarningsRecorder
) -> None:
    options, own = ENGINES[name]
    network = LiquidNetwork(2, 4, 1, seed=0, **options).to(dtype)
    learner, largest = network.learner(**own), torch.finfo(dtype).max
    for target in (largest, -largest / 2, largest**0.5, 0.1):
        learner.step([0.1, 0.2])
        learner.learn(target)
        data = learner.snapshot()
        resumed = online.resume(network, data)
        assert resumed.snapshot() == data
        assert all(np.isfinite(each).all() for each in learner.gradients().values())
    assert learner.events and "weights stayed" in learner.events[0].message
    assert np.isfinite(learner.step([0.1, 0.2])).all() and not recwarn.list


@pytest.mark.parametrize("dynamics", ["conductance", "dense", "closed_form"])
@pytest.mark.parametrize("rate", [1.0, 1e3, 1e30])
def test_a_learner_that_diverged_begins_again(dynamics: str, rate: float) -> None:
    network = LiquidNetwork(2, 8, 1, dynamics=dynamics, seed=0)
    learner = network.learner(optimizer="sgd", learning_rate=rate, max_gradient_norm=None)
    rng = np.random.default_rng(0)
    for _ in range(60):
        learner.step(rng.normal(size=2))
        learner.learn(float(rng.normal()))
        if learner.events and "began with" in learner.events[-1].message:
            break
    for name, each in network.learner().weights().items():
        assert np.array_equal(learner.weights()[name], each)
    online.resume(network, learner.snapshot())
    learner.learning_rate = 1e-3
    for _ in range(5):
        assert np.isfinite(learner.step([0.1, 0.2])).all()
        assert learner.learn(0.5) is not None


def test_least_squares_are_let_go_where_the_readout_would_overflow() -> None:
    learner = LiquidNetwork(2, 4, 1, seed=0).learner("readout", optimizer="least_squares")
    for target in (0.5, 3e38, -3e38, 0.5):
        assert np.isfinite(learner.step([0.1, 0.2])).all()
        learner.learn(target)
    assert learner.events and np.isfinite(learner.weights()["parameters"]).all()


def test_options_out_of_range_are_refused() -> None:
    network = network_of("fused")
    for options, error, name in (
        ({"method": "rtrl"}, OptionError, "method"),
        ({"optimizer": "lion"}, OptionError, "optimizer"),
        ({"optimizer": "least_squares"}, OptionError, "optimizer"),
        ({"loss": "l2"}, OptionError, "loss"),
        ({"learning_rate": 0.0}, DomainError, "learning_rate"),
        ({"learning_rate": np.nan}, DomainError, "learning_rate"),
        ({"max_gradient_norm": -1.0}, DomainError, "max_gradient_norm"),
        ({"max_delay": -1}, DomainError, "max_delay"),
        ({"window": 0}, DomainError, "window"),
        ({"window": 1.5}, DtypeError, "window"),
        ({"method": "readout", "optimizer": "least_squares"}, OptionError, "optimizer"),
    ):
        with pytest.raises(error, match=name):
            network.learner(**options)
    with pytest.raises(TypeError, match="learning_rate"):
        network.learner(learningrate=0.1)
    with pytest.raises(OptionError, match="bidirectional"):
        LiquidNetwork(2, 4, 1, bidirectional=True).learner()


def test_wrong_samples_and_targets_are_refused_and_change_nothing() -> None:
    learner = network_of("random").learner()
    with pytest.raises(DomainError, match="delay"):
        learner.learn([0.0, 0.0])
    learner.step([0.1, 0.2, 0.3])
    before = learner.snapshot()
    for wrong, error in (([0.1], ShapeError), ([0.1, np.inf, 0.2], DomainError), ("a", DtypeError)):
        with pytest.raises(error, match="inputs"):
            learner.step(wrong)
    with pytest.raises(DomainError, match="elapsed_time"):
        learner.step([0.1, 0.2, 0.3], -1.0)
    for wrong, error in (([0.1], ShapeError), ([0.1, np.inf], DomainError), ("a", DtypeError)):
        with pytest.raises(error, match="target"):
            learner.learn(wrong)
    with pytest.raises(DomainError, match="delay"):
        learner.learn([0.0, 0.0], delay=1)
    assert learner.snapshot() == before


@pytest.mark.parametrize("method", online.METHODS)
def test_an_infinite_input_is_refused_by_its_name(method: str) -> None:
    learner = LiquidNetwork(2, 4, 2, seed=0).learner(method)
    for wrong in (np.inf, 1e39):
        with pytest.raises(DomainError, match="inputs"):
            learner.step([0.1, wrong])
    assert learner.samples == 0


def test_every_method_loss_and_optimiser_runs() -> None:
    for method in online.METHODS:
        for optimizer in online.OPTIMIZERS:
            for loss in online.LOSSES:
                network = LiquidNetwork(2, 4, 2, seed=0)
                learner = network.learner(method, optimizer=optimizer, loss=loss)
                learner.step([0.1, np.nan])
                assert learner.learn(1 if loss == "cross_entropy" else [0.5, np.nan]) is not None


def test_copies_leave_the_network_alone() -> None:
    network = network_of("fused")
    copies = _copies.Copies(network.populations(), network.readout, {"neurons.0.c"}, "mse", "sgd")
    copies.flat += 1
    copies.write()
    assert torch.equal(copies.stored()["neurons.0.c"], network.values()["neurons.0.c"] + 1)


# -- what a label belongs to -----------------------------------------------------------------------


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("name", ENGINES)
def test_labels_of_outputs_before_a_reset_teach_nothing(name: str, outputs: int) -> None:
    learner = engine_of(name, outputs)
    delay = learner.options["max_delay"]
    target = [0.5] * outputs

    def sets_weights() -> None:
        learner.set_weights(learner.weights())

    def sets_state() -> None:
        learner.state = learner.state + 1

    def restores() -> None:
        learner.restore(learner.snapshot())

    for forget in (learner.reset, sets_state, sets_weights):
        for _ in range(6):
            learner.step([0.3, -0.2])
        forget()
        restores()
        before = learner.weights()
        assert learner.learn(target) is None
        learner.step([0.1, 0.2])
        for late in range(1, delay + 1):
            assert learner.learn(target, late) is None
        after = learner.weights()
        assert all(np.array_equal(each, after[key]) for key, each in before.items())
        assert learner.learn(target) is not None
    for _ in range(6):
        learner.step([0.3, -0.2])
    restores()
    assert learner.learn(target, delay) is not None


def test_a_learner_as_a_context_resets_at_the_end() -> None:
    with engine_of("window") as learner:
        learner.step([1.0, 2.0])
        assert learner.state.any()
    assert not learner.state.any()


# -- what cannot be learned ------------------------------------------------------------------------


def test_a_learning_rate_is_checked_whenever_it_is_set() -> None:
    learner = engine_of("compiled")
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(DomainError, match="learning_rate"):
            learner.learning_rate = wrong
    learner.learning_rate = 1
    assert learner.learning_rate == 1.0 and type(learner.learning_rate) is float


def test_wrong_weights_are_refused_and_change_nothing() -> None:
    learner = engine_of("compiled")
    learner.step([1.0, 2.0])
    data, good = learner.snapshot(), learner.weights()
    negative = {**good, "second_moment": good["second_moment"] - 1}
    wrongs: list[dict[str, Any]] = [{}, {"parameters": good["parameters"]}, negative]
    for wrong in (good["parameters"][:-1], good["parameters"] * np.nan, good["parameters"] - 1e3):
        wrongs.append({**good, "parameters": wrong})
    for weights in wrongs:
        with pytest.raises(DomainError, match="weights"):
            learner.set_weights(weights)
    assert learner.snapshot() == data


def test_a_readout_that_is_not_its_own_is_refused() -> None:
    pruned = LiquidNetwork(2, 4, 1, seed=0)
    torch.nn.utils.prune.l1_unstructured(pruned.readout, "weight", amount=0.5)
    parametrized = LiquidNetwork(2, 4, 1, seed=0)
    torch.nn.utils.parametrize.register_parametrization(
        parametrized.readout, "weight", torch.nn.Identity()
    )
    for network in (pruned, parametrized):
        with pytest.raises(OptionError, match=r"readout\.weight"):
            network.learner()


def test_commit_writes_all_or_nothing() -> None:
    network = LiquidNetwork(2, 4, 1, seed=0)
    learner = network.learner()
    learner.step([1.0, 2.0])
    learner.learn(1.0)
    torch.nn.utils.prune.l1_unstructured(network.readout, "weight", amount=0.5)
    before = {name: each.clone() for name, each in network.state_dict().items()}
    with pytest.raises(OptionError, match=r"readout\.weight"):
        learner.commit()
    assert all(torch.equal(each, before[name]) for name, each in network.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("method", ["auto", "window", "readout"])
def test_only_single_and_double_precision_learn(dtype: torch.dtype, method: str) -> None:
    with pytest.raises(DtypeError, match="float32 and float64"):
        LiquidNetwork(2, 4, 1).to(dtype).learner(method)


def test_a_readout_of_another_dtype_is_refused_as_by_a_stream() -> None:
    network = LiquidNetwork(2, 4, 1)
    network.readout = network.readout.double()
    messages = []
    for make in (network.stream, network.learner):
        with pytest.raises(DtypeError, match="readout") as found:
            make()
        messages.append(str(found.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("name", ENGINES)
def test_looking_ahead_leaves_no_trace(name: str) -> None:
    learner, other = engine_of(name), engine_of(name)
    rng = np.random.default_rng(0)
    for count in range(12):
        sample, target = rng.normal(size=2), rng.normal(size=2)
        with learner.lookahead() as same:
            ahead = [same.step(sample) for _ in range(3)]
            with learner.lookahead():
                learner.step(target)
        delay = min(count, learner.options["max_delay"])
        for each in (learner, other):
            outputs = each.step(sample)
            assert np.array_equal(outputs, ahead[0])
            each.learn(target, delay)
    assert learner.snapshot() == other.snapshot()


@pytest.mark.parametrize("guarded", [False, True], ids=["learner", "guarded"])
@pytest.mark.parametrize("name", ENGINES)
def test_lookaheads_that_cross_leave_no_trace(name: str, guarded: bool) -> None:
    made = [engine_of(name), engine_of(name)]
    learner, other = [online.Guarded(each, warm_up=2) if guarded else each for each in made]
    rng = np.random.default_rng(0)
    for _ in range(8):
        first, second = learner.lookahead(), learner.lookahead()
        first.__enter__()
        learner.step(rng.normal(size=2))
        second.__enter__()
        learner.step(rng.normal(size=2))
        first.__exit__(None, None, None)
        learner.reset()
        learner.step(rng.normal(size=2))
        with pytest.raises(OptionError, match="ahead"):
            learner.learn([0.1, 0.2])
        second.__exit__(None, None, None)
        sample, target = rng.normal(size=2), rng.normal(size=2)
        for each in (learner, other):
            each.step(sample)
            each.learn(target)
        assert learner.snapshot() == other.snapshot()


def test_one_lookahead_may_be_entered_within_itself() -> None:
    learner = engine_of(next(iter(ENGINES)))
    before, ahead = learner.snapshot(), learner.lookahead()
    for _ in range(2):
        with ahead:
            learner.step([0.1, 0.2])
            with ahead:
                learner.step([0.3, 0.4])
            assert learner.ahead
        assert learner.snapshot() == before


def test_nothing_is_learned_while_looking_ahead() -> None:
    learner = engine_of("compiled")
    learner.step([0.1, 0.2])
    before = learner.snapshot()
    with learner.lookahead():
        learner.step([1.0, 2.0])
        for wrong in (
            lambda: learner.learn([0.5, 0.5]),
            lambda: learner.restore(before),
            lambda: learner.set_weights(learner.weights()),
            learner.snapshot,
        ):
            with pytest.raises(OptionError, match="ahead"):
                wrong()
        learner.state = learner.state + 1
    assert learner.snapshot() == before
    with pytest.raises(ShapeError), learner.lookahead():
        learner.step([1.0, 2.0])
        learner.step([1.0])
    assert learner.snapshot() == before and learner.learn([0.5, 0.5]) is not None


@pytest.mark.parametrize("name", ENGINES)
def test_fixed_parameters_stay(name: str) -> None:
    options, own = ENGINES[name]
    network = LiquidNetwork(2, 4, 1, seed=0, **options)
    fixed = {"neurons.0.mu", "readout.bias"}
    for each, parameter in network.named_parameters():
        if each.endswith(("mu", "bias")):
            parameter.requires_grad_(False)
    values = {each: value.clone() for each, value in network.values().items()}
    learner = network.learner(learning_rate=0.1, **own)
    for _ in range(4):
        learner.step([1.0, 2.0])
        learner.learn(1.0)
    learner.commit()
    moved = {
        each for each, value in network.values().items() if not torch.equal(value, values[each])
    }
    assert "readout.weight" in moved and not moved & fixed
    with pytest.raises(OptionError, match="parameter"):
        network.requires_grad_(False).learner(**own)


def test_what_stands_in_for_a_pruned_parameter_is_learned() -> None:
    network = LiquidNetwork(2, 4, 1, seed=0)
    dynamics = network.populations()[0][1].dynamics
    torch.nn.utils.prune.l1_unstructured(dynamics, "mu", amount=0.5)
    learner = network.learner()
    learner.step([1.0, 2.0])
    learner.learn(1.0)
    assert learner.gradients()["neurons.0.mu"].any()
    with pytest.raises(OptionError, match="mu"):
        learner.commit()


def test_labels_that_may_come_too_late_for_memory_are_refused() -> None:
    for name, size in (("compiled", 40), ("window", 150), ("reference", 20)):
        options, own = ENGINES[name]
        network = LiquidNetwork(2, size, 1, **options)
        with pytest.raises(DomainError, match="max_delay"):
            network.learner(**{**own, "max_delay": 2**20, "window": 2**16})


@pytest.mark.parametrize("name", ENGINES)
def test_it_learns_under_inference_mode_as_elsewhere(name: str) -> None:
    one, two = engine_of(name), engine_of(name)
    with torch.inference_mode():
        three = engine_of(name)
        for learner in (one, three):
            learner.step([1.0, 2.0])
            assert learner.learn([0.5, 1.0]) is not None
            learner.restore(learner.snapshot())
            learner.state = learner.state * 0.5
            learner.step([0.3, 0.1])
    two.step([1.0, 2.0])
    two.learn([0.5, 1.0])
    two.state = two.state * 0.5
    two.step([0.3, 0.1])
    for learner in (one, two, three):  # those under inference mode go on outside of it
        assert learner.learn([0.5, 1.0]) is not None
    assert one.weights()["parameters"] == pytest.approx(two.weights()["parameters"], abs=1e-7)
    assert one.weights()["parameters"] == pytest.approx(three.weights()["parameters"], abs=1e-7)
