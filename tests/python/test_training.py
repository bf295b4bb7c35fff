"""``fit``: what is learned, kept and refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from typing import Any, Optional

import numpy as np
import pytest
import torch
from torch import Tensor

from core_cases import ALL_DYNAMICS
from liquid_neural_networks import LiquidNetwork, fused
from liquid_neural_networks.data import Windows
from liquid_neural_networks.errors import (
    DataError,
    DomainError,
    DtypeError,
    LiquidError,
    OptionError,
    ShapeError,
)
from liquid_neural_networks.training import DivergenceError, History, evaluate, predict
from liquid_neural_networks.training._optimizer import adam
from training_cases import network, quiet, same, waves


def test_training_learns_and_says_how() -> None:
    net = network()
    before = evaluate(net, waves(seed=1))["mse"]
    history = quiet(net, waves(), waves(seed=1), epochs=30, batch_size=4)
    after = evaluate(net, waves(seed=1))["mse"]
    assert after < 0.1 * before
    assert history.epochs == 30 and len(history.valid_loss) == 30
    assert history.valid_loss[history.best_epoch - 1] == min(history.valid_loss)
    assert after == pytest.approx(min(history.valid_loss), rel=1e-4)


def test_without_a_validation_part_the_last_epoch_is_kept() -> None:
    history = quiet(network(), waves(), epochs=3)
    assert history.valid_loss == [] and history.best_epoch == 3


def test_the_best_weights_are_kept_when_training_gets_worse() -> None:
    net = network()
    train, valid = waves(), waves(seed=1)
    # The validation targets are upside down: learning makes them worse and worse.
    upside_down = Windows(valid.inputs, -valid.targets)
    history = quiet(net, train, upside_down, epochs=25, learning_rate=0.05, patience=5)
    assert history.epochs == history.best_epoch + 5 < 25
    kept = evaluate(net, upside_down)["mse"]
    assert kept == pytest.approx(history.best_loss, rel=1e-5)
    assert kept < 0.9 * history.valid_loss[-1]


def test_the_best_epoch_is_chosen_by_what_was_asked_for() -> None:
    seen: list[float] = []

    def worst(outputs: Tensor, targets: Tensor) -> Tensor:
        seen.append(float((outputs - targets).abs().max()))
        return torch.tensor(-seen[-1])

    history = quiet(network(), waves(), waves(seed=1), epochs=20, selection=worst)
    assert history.valid_loss == pytest.approx([-each for each in seen])
    assert history.best_epoch == 1 + seen.index(max(seen)) < 20


def test_the_same_call_gives_the_same_weights_and_another_seed_others() -> None:
    results = []
    for seed in (1, 1, 2):
        net = network(num_layers=2, dropout=0.3)
        torch.rand(3)  # the global random state differs from run to run, and must not matter
        quiet(net, waves(), epochs=3, batch_size=4, seed=seed)
        results.append(net.state_dict())
    assert same(results[0], results[1]) and not same(results[0], results[2])


DROPPING = {
    "between layers": partial(network, num_layers=2, dropout=0.3),
    "in a backbone": partial(
        network,
        dynamics={
            "type": "closed_form",
            "backbone_layers": 2,
            "backbone_units": 8,
            "backbone_dropout": 0.3,
        },
    ),
}


@pytest.mark.parametrize("make", DROPPING.values(), ids=DROPPING)
def test_the_global_random_state_is_left_alone_even_meanwhile(
    make: Callable[[], LiquidNetwork],
) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    seen: list[bool] = []

    def look() -> bool:
        seen.append(torch.equal(torch.get_rng_state(), before))
        return False

    quiet(make(), waves(), waves(seed=1), epochs=2, batch_size=4, interrupted=look)
    assert len(seen) == 6 and all(seen)
    assert torch.equal(torch.get_rng_state(), before)


class Recurrent(torch.nn.Module):
    """A module that draws from torch's global random state."""

    def __init__(self, p: float = 0.3) -> None:
        super().__init__()
        self.cell = torch.nn.GRU(1, 6, batch_first=True)
        self.rest = torch.nn.Sequential(torch.nn.Dropout(p), torch.nn.Linear(6, 1))
        generator = torch.Generator().manual_seed(0)
        for each in self.parameters():
            torch.nn.init.uniform_(each, -0.5, 0.5, generator=generator)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.rest(self.cell(inputs)[0])


@pytest.mark.parametrize("make", [*DROPPING.values(), Recurrent], ids=[*DROPPING, "torch's own"])
def test_trainings_in_threads_are_those_one_after_the_other(
    make: Callable[[], torch.nn.Module],
) -> None:
    def train(net: torch.nn.Module, seed: int) -> tuple[History, dict[str, Tensor]]:
        return quiet(net, waves(), epochs=4, batch_size=2, seed=seed), net.state_dict()

    seeds = (1, 2, 3)
    alone = [train(make(), seed) for seed in seeds]
    networks = [make() for _ in seeds]
    before = torch.get_rng_state()
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(train, networks, seeds))
    assert torch.equal(torch.get_rng_state(), before)
    for (history, weights), (expected, wanted) in zip(together, alone):
        assert history == expected and same(weights, wanted)
    assert alone[0][0] != alone[1][0]


def noisy(outputs: Tensor, targets: Tensor) -> Tensor:
    """A loss that draws from torch's global random state."""
    return (outputs - targets + 0.1 * torch.randn(targets.shape)).square().mean()


def add_noise(module: torch.nn.Module, arguments: Any, output: Tensor) -> Tensor:
    return output + 0.1 * torch.randn_like(output)


@pytest.mark.parametrize("where", ["loss", "hook", "module"])
def test_what_others_draw_is_repeated_too(where: str) -> None:
    results = []
    for _ in range(2):
        net = Recurrent() if where == "module" else network()
        torch.rand(3)
        before = torch.get_rng_state()
        if where == "hook":
            net.readout.register_forward_hook(add_noise)
        loss = noisy if where == "loss" else None
        results.append(quiet(net, waves(), waves(), epochs=2, batch_size=4, loss=loss,
                             selection=squared).train_loss)  # fmt: skip
        assert torch.equal(torch.get_rng_state(), before)
    assert results[0] == results[1]


def squared(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).square().mean()


def test_the_default_device_of_torch_does_not_matter() -> None:
    one, other = Recurrent(), Recurrent()
    expected = quiet(one, waves(), waves(seed=1), epochs=2, batch_size=4)
    data = waves(), waves(seed=1)
    with torch.device("meta"):
        found = quiet(other, *data, epochs=2, batch_size=4)
        predicted = predict(other, data[0], batch_size=5)
    assert found == expected
    torch.testing.assert_close(predicted, predict(one, data[0]))


def test_the_default_optimizer_is_adam_in_one_call() -> None:
    made = adam(network().parameters(), lr=0.02)
    assert isinstance(made, torch.optim.Adam) and made.defaults["fused"]
    histories = []
    for optimizer in (None, torch.optim.Adam):
        histories.append(quiet(network(), waves(), epochs=9, batch_size=4, optimizer=optimizer))
    np.testing.assert_allclose(*(each.train_loss for each in histories), rtol=1e-4)


def test_parameters_that_torch_cannot_step_in_one_call_are_stepped_apart() -> None:
    """The fused step would write over the gaps of such a parameter, and beyond its end."""

    class Scaled(torch.nn.Module):
        def __init__(self, scale: Tensor):
            super().__init__()
            self.scale = torch.nn.Parameter(scale)

        def forward(self, inputs: Tensor) -> Tensor:
            return inputs * self.scale.sum()

    gaps = torch.ones(5, 6)[:, ::2]
    assert not adam([torch.nn.Parameter(gaps)], lr=0.1).defaults["fused"]
    one, other = Scaled(gaps), Scaled(torch.ones(5, 3))
    for net in (one, other):
        quiet(net, waves(), epochs=3)
    torch.testing.assert_close(one.scale, other.scale)


def test_one_epoch_is_one_adam_step_per_minibatch() -> None:
    """Against the plain torch loop that users would write."""
    train = waves(8)
    ours, theirs = network(), network()
    history = quiet(ours, train, epochs=4, batch_size=8, learning_rate=0.02)
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.02)
    losses = []
    for _ in range(4):
        loss = torch.nn.functional.mse_loss(theirs(train.inputs), train.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    np.testing.assert_allclose(history.train_loss, losses, rtol=1e-4)
    for mine, other in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4)


def test_dropping_the_last_minibatch_leaves_its_windows_out() -> None:
    sizes: list[int] = []

    def noted(outputs: Tensor, targets: Tensor) -> Tensor:
        if outputs.requires_grad:  # and not when the last minibatch is measured once more
            sizes.append(len(targets))
        return (outputs - targets).square().mean()

    quiet(network(), waves(10), epochs=1, batch_size=4, loss=noted)
    quiet(network(), waves(10), epochs=1, batch_size=4, loss=noted, drop_last=True)
    assert sizes == [4, 4, 2, 4, 4]


def test_the_cosine_schedule_falls_to_zero() -> None:
    rates: list[float] = []

    class Noting(torch.optim.SGD):
        def step(self, closure: Any = None) -> Optional[float]:  # type: ignore[override]
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    quiet(network(), waves(), epochs=8, schedule="cosine", optimizer=Noting, learning_rate=0.1)
    expected = 0.05 * (1 + np.cos(np.pi * np.arange(8) / 8))
    np.testing.assert_allclose(rates, expected)


def test_long_gradients_are_scaled_down_and_short_ones_left() -> None:
    def moved(limit: Optional[float]) -> Tensor:
        net = network()
        before = torch.nn.utils.parameters_to_vector(net.parameters()).detach()
        quiet(net, waves(), epochs=1, batch_size=99, learning_rate=1.0, optimizer=torch.optim.SGD,
              max_gradient_norm=limit)  # fmt: skip
        return torch.nn.utils.parameters_to_vector(net.parameters()).detach() - before

    free = moved(None)
    length = float(free.norm())
    torch.testing.assert_close(moved(length / 3), free / 3, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(moved(length * 3), free, rtol=0, atol=0)


def test_classes_and_missing_targets() -> None:
    inputs = torch.randn(40, 6, 1)
    labels = (inputs[..., 0] > 0).long()
    net = network(outputs=2)
    history = quiet(net, Windows(inputs, labels), epochs=25, learning_rate=0.03)
    assert evaluate(net, Windows(inputs, labels))["accuracy"] > 0.95
    assert history.train_loss[-1] < 0.3

    # A target that is unknown changes nothing, whatever the output there.
    unknown = labels.clone()
    unknown[:, 3] = -1
    there = [0, 1, 2, 4, 5]
    known = evaluate(net, Windows(inputs, unknown))
    right = predict(net, Windows(inputs, labels)).argmax(-1)[:, there] == labels[:, there]
    assert known["accuracy"] == pytest.approx(float(right.double().mean()))
    assert known["count"] == 40 * 5


def test_unknown_values_give_no_gradient() -> None:
    train = waves()
    targets = train.targets.clone()
    targets[:, 5:] = float("nan")
    whole, cut = network(), network()
    quiet(whole, Windows(train.inputs, targets), epochs=3, batch_size=12)
    quiet(cut, Windows(train.inputs[:, :5], train.targets[:, :5]), epochs=3, batch_size=12)
    for mine, other in zip(whole.parameters(), cut.parameters()):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4)


def test_elapsed_time_and_mask_reach_the_network() -> None:
    inputs = torch.randn(3, 5, 1)
    elapsed = torch.rand(3, 5)
    mask = torch.rand(3, 5, 1) > 0.4
    net = network()
    expected = net(inputs, elapsed_time=elapsed, mask=mask)
    found = predict(net, Windows(inputs, inputs, elapsed, mask), batch_size=2)
    torch.testing.assert_close(found, expected.detach())


def test_any_module_that_maps_sequences_can_be_trained() -> None:
    history = quiet(Recurrent(p=0.0), waves(), epochs=10)
    assert history.train_loss[-1] < history.train_loss[0]


@pytest.mark.parametrize("make", DROPPING.values(), ids=DROPPING)
@pytest.mark.parametrize("reference", [False, True])
def test_nothing_is_dropped_when_measuring(
    make: Callable[[], LiquidNetwork], reference: bool
) -> None:
    net, data = make(), waves(seed=1)
    expected = make().eval()(data.inputs).detach()
    with fused.disabled() if reference else nullcontext():
        torch.testing.assert_close(predict(net, data), expected)
        mse = float((expected - data.targets).square().mean())
        assert evaluate(net, data)["mse"] == pytest.approx(mse, rel=1e-5)
        # A training that changes nothing: its validation loss is that of the network as it is.
        history = quiet(net, data, data, epochs=1, learning_rate=1e-30)
        assert history.valid_loss == [pytest.approx(mse, rel=1e-5)]
        assert history.train_loss != [pytest.approx(mse, rel=1e-5)]


def test_measuring_leaves_every_module_in_its_mode() -> None:
    net = network(num_layers=2)
    net.neurons[1].eval()
    modes = [each.training for each in net.modules()]
    predict(net, waves())
    assert [each.training for each in net.modules()] == modes and len(set(modes)) == 2


@pytest.mark.parametrize(
    ("change", "error", "named"),
    [
        ({"epochs": 0}, DomainError, "epochs"),
        ({"batch_size": 0}, DomainError, "batch_size"),
        ({"batch_size": 2.0}, DtypeError, "batch_size"),
        ({"learning_rate": 0.0}, DomainError, "learning_rate"),
        ({"learning_rate": float("nan")}, DomainError, "learning_rate"),
        ({"schedule": "cosin"}, OptionError, "schedule"),
        ({"max_gradient_norm": 0}, DomainError, "max_gradient_norm"),
        ({"patience": 0}, DomainError, "patience"),
        ({"resume": True}, OptionError, "resume"),
        ({"seed": -1}, DomainError, "seed"),
        ({"drop_last": True, "batch_size": 99}, DomainError, "drop_last"),
        ({"train": torch.zeros(2, 3, 1)}, DtypeError, "train"),
        ({"valid": (1, 2)}, DtypeError, "valid"),
        ({"valid": Windows(torch.zeros(1, 2, 1), torch.full((1, 2, 1), torch.nan))}, DataError,
         "valid"),
        ({"train": Windows(torch.zeros(2, 3, 1), torch.zeros(2, 3))}, ShapeError, "targets"),
        ({"train": Windows(torch.zeros(2, 3, 1), torch.zeros(2, 2).long())}, ShapeError, "targets"),
        ({"train": Windows(torch.zeros(2, 3, 1), torch.full((2, 3), 1))}, ShapeError, "targets"),
        ({"train": Windows(torch.zeros(2, 3, 4), torch.zeros(2, 3, 1))}, ShapeError, "inputs"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused_by_name(
    change: dict[str, Any], error: type[LiquidError], named: str
) -> None:
    with pytest.raises(error) as raised:
        quiet(**{"network": network(), "train": waves(), "epochs": 1, **change})
    assert raised.value.argument == named


def test_a_loss_that_is_no_number_stops_the_training() -> None:
    with pytest.raises(DivergenceError, match=r"loss: became nan in epoch 1; .* it came with"):
        quiet(network(), waves(), loss=lambda outputs, _: outputs.sum() * float("nan"))


@pytest.mark.parametrize("measured", [True, False], ids=["in validation", "while learning"])
def test_a_training_that_diverges_keeps_its_best_epoch(measured: bool) -> None:
    expected, net, parts = network(), network(), (waves(), waves(seed=1))
    epochs: list[History] = []

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        spoiled = len(epochs) == 3 and outputs.requires_grad is not measured
        return squared(outputs, targets) * (torch.inf if spoiled else 1.0)

    with pytest.raises(DivergenceError, match=r"became inf in epoch 4; .* of epoch 3") as raised:
        quiet(net, *parts, epochs=9, loss=loss, callback=lambda each: bool(epochs.append(each)))
    assert raised.value.history == quiet(expected, *parts, epochs=3, loss=squared)
    assert same(net.state_dict(), expected.state_dict())
    assert pickle.loads(pickle.dumps(raised.value)).args == raised.value.args


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
@pytest.mark.parametrize("learning_rate", [1e20, 1e38])
def test_a_last_step_too_long_is_no_training(dynamics: str, learning_rate: float) -> None:
    net = network(dynamics=dynamics)
    before = net.state_dict()
    before = {name: value.clone() for name, value in before.items()}
    with pytest.raises(DivergenceError, match="in epoch 1"):
        quiet(net, waves(), epochs=1, learning_rate=learning_rate)
    assert same(net.state_dict(), before)


def test_a_gradient_that_is_no_number_is_no_training() -> None:
    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        nothing = (outputs - outputs.detach()).square().sum()
        return squared(outputs, targets) + nothing.sqrt()  # 0, whose slope is 0 / 0

    net, expected = network(), network()
    with pytest.raises(DivergenceError, match="became infinite or NaN in epoch 1") as raised:
        quiet(net, waves(), waves(seed=1), epochs=1, loss=loss, selection=lambda *_: torch.zeros(1))
    assert raised.value.argument in dict(net.named_parameters())
    assert same(net.state_dict(), expected.state_dict())


def test_numbers_whose_sum_overflows_are_finite() -> None:
    net = network()
    with torch.no_grad():
        net.readout.weight.fill_(1e38)
    net.readout.weight.requires_grad_(False)
    quiet(net, waves(), epochs=1, loss=lambda outputs, targets: (outputs / 1e38).square().mean())


def test_an_error_leaves_the_weights_of_the_best_epoch() -> None:
    net, expected = network(), network()
    quiet(expected, waves(), epochs=2)

    def fail() -> bool:
        steps.append(1)
        if len(steps) == 3:
            raise KeyboardInterrupt
        return False

    steps: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        quiet(net, waves(), epochs=5, interrupted=fail)
    assert same(net.state_dict(), expected.state_dict())


def test_padding_is_not_learned_and_not_measured() -> None:
    data = waves()
    there = torch.ones(data.inputs.shape[:2], dtype=torch.bool)
    there[:, -8:] = False
    spoiled = torch.where(there.unsqueeze(-1), data.targets, 1e3)
    padded = Windows(data.inputs, spoiled, mask=there)
    history = quiet(network(), padded, epochs=1)
    assert history.train_loss[0] < 10
    measured = evaluate(network(), padded)
    assert measured["count"] == int(there.sum())
    classes = Windows(data.inputs, (data.targets[..., 0] > 0).int(), mask=there)
    assert classes.targets.dtype == torch.int64 and bool((classes.targets[:, -8:] == -1).all())


def test_a_network_that_puts_time_first_learns_the_same() -> None:
    one, other = (
        LiquidNetwork(1, 6, 1, seed=0, batch_first=first, return_sequences=True)
        for first in (True, False)
    )
    quiet(one, waves(), epochs=2)
    quiet(other, waves(), epochs=2)
    assert torch.equal(predict(one, waves()), predict(other, waves()))
    in_parts = predict(other, waves(), batch_size=3)
    torch.testing.assert_close(in_parts, predict(other, waves()))
    # Elapsed times and missing features go time first as well.
    data = waves()
    shape, draw = data.inputs.shape, torch.Generator().manual_seed(0)
    elapsed = torch.rand(shape[:2], generator=draw)
    seen = torch.rand(shape, generator=draw) > 0.3
    irregular = Windows(data.inputs, data.targets, elapsed, seen)
    assert torch.equal(predict(one, irregular), predict(other, irregular))


@pytest.mark.parametrize(
    ("options", "error", "argument"),
    [
        ({"optimizer": "adam"}, DtypeError, "optimizer"),
        ({"loss": "rmse"}, OptionError, "loss"),
        ({"loss": 2}, DtypeError, "loss"),
        ({"loss": lambda outputs, targets: outputs - targets}, DtypeError, "loss"),
        ({"loss": lambda outputs, targets: 0.0}, DtypeError, "loss"),
        ({"callback": "x"}, DtypeError, "callback"),
        ({"patience": 2}, OptionError, "patience"),
        ({"checkpoint": "/nowhere/at/all"}, DataError, "checkpoint"),
    ],
)
def test_what_cannot_train_is_refused_at_once(
    options: dict[str, Any], error: type[LiquidError], argument: str
) -> None:
    with pytest.raises(error) as caught:
        quiet(network(), waves(), epochs=1, **options)
    assert caught.value.argument == argument


def test_modules_that_cannot_be_trained_are_refused() -> None:
    with pytest.raises(DtypeError, match="returns its outputs alone, got a tuple"):
        quiet(torch.nn.LSTM(1, 6, batch_first=True), waves(), epochs=1)
    with pytest.raises(OptionError, match="no parameter"):
        quiet(network().requires_grad_(False), waves(), epochs=1)
    with pytest.raises(DtypeError, match="windows"):
        predict(network(), waves().inputs)
