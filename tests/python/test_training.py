"""Training: what is learned, kept, resumed bit for bit, measured and saved."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Optional

import numpy as np
import polars
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from liquid_neural_networks import LiquidNetwork, model_file, wiring
from liquid_neural_networks.data import Windows
from liquid_neural_networks.errors import (
    DataError,
    DomainError,
    DtypeError,
    LiquidError,
    ModelFileError,
    OptionError,
    ShapeError,
)
from liquid_neural_networks.training import (
    Forecaster,
    History,
    class_metrics,
    evaluate,
    fit,
    fit_table,
    predict,
    value_metrics,
)


def waves(count: int = 12, length: int = 10, seed: int = 0) -> Windows:
    """Sines of random phase: each sample's target is the next one."""
    phase = torch.rand(count, 1, generator=torch.Generator().manual_seed(seed)) * 6
    wave = torch.sin(phase + torch.arange(length + 1) * 0.5).unsqueeze(-1)
    return Windows(wave[:, :-1], wave[:, 1:])


def network(seed: int = 0, **options: Any) -> LiquidNetwork:
    return LiquidNetwork(1, 6, options.pop("outputs", 1), seed=seed, **options)


quiet = partial(fit, progress=False)


def same(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(value, second[name]) for name, value in first.items())


# -- fit ---------------------------------------------------------------------------------------


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


def test_the_global_random_state_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    quiet(network(num_layers=2, dropout=0.3), waves(), waves(seed=1), epochs=2)
    assert torch.equal(torch.rand(3), expected)


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
    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = torch.nn.GRU(1, 6, batch_first=True)
            self.out = torch.nn.Linear(6, 1)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.out(self.cell(inputs)[0])

    history = quiet(Plain(), waves(), epochs=10)
    assert history.train_loss[-1] < history.train_loss[0]


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
    with pytest.raises(DomainError, match="loss: became nan in epoch 1"):
        quiet(network(), waves(), loss=lambda outputs, _: outputs.sum() * float("nan"))


# -- checkpoints -------------------------------------------------------------------------------


class Stop(Exception):
    """Raised in the middle of an epoch, as a crash would be."""


def crashing(at: int) -> Any:
    """The default loss, which raises when it is called for the ``at``-th time."""
    calls = iter(range(at))

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        if next(calls, None) is None:
            raise Stop
        return (outputs - targets).square().mean()

    loss.__qualname__ = "loss"
    return loss


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize("crash", [6, 8, 11, 14])
def test_a_resumed_training_equals_an_uninterrupted_one_bit_for_bit(
    tmp_path: Path, crash: int, schedule: str
) -> None:
    # 3 minibatches of training and 3 of validation an epoch: the crashes fall in both.
    train = partial(
        quiet, epochs=4, batch_size=4, seed=3, schedule=schedule, optimizer=torch.optim.AdamW
    )
    parts = waves(), waves(seed=1)
    whole, broken = (network(num_layers=2, dropout=0.2) for _ in range(2))
    history = train(whole, *parts, loss=crashing(10**6))

    file = tmp_path / "run.checkpoint"
    with pytest.raises(Stop):
        train(broken, *parts, loss=crashing(crash), checkpoint=file, resume=True)
    fresh = network(seed=9, num_layers=2, dropout=0.2)
    torch.manual_seed(99)
    resumed = train(fresh, *parts, loss=crashing(10**6), checkpoint=file, resume=True)
    assert resumed == history
    assert same(fresh.state_dict(), whole.state_dict())


def test_more_epochs_continue_a_finished_training(tmp_path: Path) -> None:
    file = tmp_path / "run.checkpoint"
    whole, parts = network(), (waves(), waves(seed=1))
    expected = quiet(whole, *parts, epochs=6)
    net = network()
    quiet(net, *parts, epochs=2, checkpoint=file)
    found = quiet(net, *parts, epochs=6, checkpoint=file, resume=True)
    assert found == expected and same(net.state_dict(), whole.state_dict())
    again = network(seed=5)
    assert quiet(again, *parts, epochs=6, checkpoint=file, resume=True) == expected
    assert same(again.state_dict(), whole.state_dict())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"learning_rate": 0.02}, "learning_rate"),
        ({"batch_size": 5}, "batch_size"),
        ({"seed": 1}, "seed"),
        ({"optimizer": torch.optim.SGD}, "optimizer"),
        ({"train": waves(seed=4)}, "data"),
        ({"schedule": "cosine"}, "schedule"),
        ({"max_gradient_norm": 1.0}, "max_gradient_norm"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(
    tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    file = tmp_path / "run.checkpoint"
    quiet(network(), waves(), epochs=1, checkpoint=file)
    with pytest.raises(OptionError, match="start anew") as raised:
        quiet(
            **{
                "network": network(),
                "train": waves(),
                "epochs": 2,
                "checkpoint": file,
                "resume": True,
                **change,
            }
        )
    assert raised.value.argument == named


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.checkpoint"
    quiet(network(), waves(), epochs=1, checkpoint=file)
    with pytest.raises(ModelFileError, match="does not fit this network"):
        quiet(LiquidNetwork(1, 7, 1), waves(), epochs=2, checkpoint=file, resume=True)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.checkpoint"
    quiet(network(), waves(), epochs=1, checkpoint=file)
    whole = file.read_bytes()
    for damaged in (b"", b"no checkpoint", whole[: len(whole) // 2], whole[:-1]):
        file.write_bytes(damaged)
        with pytest.raises(ModelFileError):
            quiet(network(), waves(), epochs=2, checkpoint=file, resume=True)


class _Hostile:
    def __init__(self, trap: Path):
        self.trap = trap

    def __reduce__(self) -> Any:
        return (Path.touch, (self.trap,))


def test_a_checkpoint_cannot_execute_code(tmp_path: Path) -> None:
    trap = tmp_path / "executed"
    file = tmp_path / "run.checkpoint"
    torch.save({"format": "lnn-checkpoint", "history": _Hostile(trap)}, file)
    with pytest.raises(ModelFileError):
        quiet(network(), waves(), epochs=2, checkpoint=file, resume=True)
    assert not trap.exists()


SCRIPT = """
import signal, sys, torch
# A shell in the background would have it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {tests!r})
from test_training import network, quiet, waves, loud
quiet(network(), waves(), waves(seed=1), epochs=10**6, checkpoint={file!r}, loss=loud)
"""


def loud(outputs: Tensor, targets: Tensor) -> Tensor:
    """Says on standard output that the training is under way."""
    print("minibatch", flush=True)
    return (outputs - targets).square().mean()


def test_an_interrupt_leaves_a_checkpoint_that_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "run.checkpoint"
    script = SCRIPT.format(tests=str(Path(__file__).parent), file=str(file))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for _ in range(20):
            assert process.stdout.readline() == b"minibatch\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode != 0 and b"KeyboardInterrupt" in errors

    done = len(torch.load(file, weights_only=True)["history"]["train_loss"])
    assert done >= 5
    parts = waves(), waves(seed=1)
    whole, resumed = network(), network(seed=7)
    expected = quiet(whole, *parts, epochs=done + 2, loss=loud)
    found = quiet(resumed, *parts, epochs=done + 2, loss=loud, checkpoint=file, resume=True)
    assert found == expected and same(resumed.state_dict(), whole.state_dict())


# -- history and metrics -----------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), max_size=8), st.booleans())
def test_a_history_survives_plain_data(losses: list[tuple[float, float]], valid: bool) -> None:
    history = History()
    for train_loss, valid_loss in losses:
        history.add(train_loss, valid_loss if valid else None)
    assert History.from_dict(history.to_dict()) == history
    if losses and valid:
        best = [each for _, each in losses]
        assert history.best_epoch == 1 + best.index(min(best))


@pytest.mark.parametrize(
    "change",
    [
        {"train_loss": [1]},
        {"train_loss": None},
        {"valid_loss": [1.0, 2.0]},
        {"valid_loss": [float("nan")]},
        {"best_epoch": 2},
        {"best_epoch": True},
        {"more": 0},
    ],
)
def test_a_history_from_strangers_is_checked(change: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        History.from_dict({"train_loss": [1.0], "valid_loss": [], "best_epoch": 1, **change})


def test_value_metrics_against_their_definitions() -> None:
    rng = np.random.RandomState(0)
    targets = rng.normal(size=(30, 2))
    predictions = targets + rng.normal(size=(30, 2)) * 0.3
    found = value_metrics(predictions, targets)
    assert found["mse"] == pytest.approx(np.mean((predictions - targets) ** 2))
    assert found["mae"] == pytest.approx(np.mean(np.abs(predictions - targets)))
    rest = np.sum((targets - targets.mean(axis=0)) ** 2)
    assert found["r2"] == pytest.approx(1 - np.sum((predictions - targets) ** 2) / rest)

    gaps = np.concatenate([targets, np.full((5, 2), np.nan)])
    padded = np.concatenate([predictions, np.zeros((5, 2))])
    assert value_metrics(padded, gaps) == pytest.approx(found)
    assert value_metrics(np.zeros((3, 1)), np.ones((3, 1)))["r2"] is None


def test_class_metrics_by_hand() -> None:
    targets = np.array([0, 0, 0, 1, 1, -1])
    predictions = np.array([0, 0, 1, 1, 0, 2])
    found = class_metrics(predictions, targets, 4)
    assert found["confusion"] == [[2, 1, 0, 0], [1, 1, 0, 0], [0] * 4, [0] * 4]
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["f1"] == [pytest.approx(2 / 3), pytest.approx(1 / 2), None, None]
    assert found["macro_f1"] == pytest.approx(7 / 12)
    assert found["count"] == 5


def test_metrics_refuse_what_cannot_be_measured() -> None:
    with pytest.raises(ShapeError, match="predictions"):
        value_metrics(np.zeros((3, 1)), np.zeros(3))
    with pytest.raises(DataError, match="targets"):
        value_metrics(np.zeros((3, 1)), np.full((3, 1), np.nan))
    with pytest.raises(DataError, match="targets"):
        class_metrics(np.zeros(3), np.full(3, -1), 2)


# -- tables ------------------------------------------------------------------------------------


def swing(rows: int = 240, trend: float = 0.0) -> polars.DataFrame:
    """A wave at irregular times, another feature with gaps, and what state it is in."""
    rng = np.random.RandomState(0)
    when = np.cumsum(rng.uniform(0.5, 1.5, rows))
    height = np.sin(when / 2)
    other = np.where(rng.rand(rows) < 0.1, np.nan, np.cos(when / 2))
    return polars.DataFrame(
        {
            "when": when,
            "height": height * 3 + 10 + trend * when,
            "other": other,
            "state": np.where(height > 0, "up", "down"),
        }
    )


small = partial(fit_table, hidden_size=8, epochs=25, window=16, progress=False)


def test_a_table_becomes_a_forecaster_that_beats_repeating_the_latest_value(
    tmp_path: Path,
) -> None:
    table = swing()
    forecaster = small(table, "height", time="when")
    assert forecaster.columns.features == ("height", "other")
    assert forecaster.test is not None and forecaster.changes
    assert forecaster.test["mse"] < 0.5 * forecaster.test["baseline_mse"]
    assert forecaster.test["count"] == round(240 * 0.15)

    forecaster.save(tmp_path / "height.lnn")
    again = Forecaster.load(tmp_path / "height.lnn")
    assert again.predict(table).equals(forecaster.predict(table))
    assert again.evaluate(table) == forecaster.evaluate(table)
    assert (again.columns, again.history, again.test) == (
        forecaster.columns,
        forecaster.history,
        forecaster.test,
    )


def test_what_is_measured_is_what_is_predicted() -> None:
    table = swing()
    forecaster = small(table, "height", time="when", horizon=3, epochs=2)
    predicted = forecaster.predict(table)
    assert predicted.columns == ["when", "predicted_height"] and predicted.height == 240
    height, found = table["height"].to_numpy(), predicted["predicted_height"].to_numpy()
    scores = forecaster.evaluate(table)
    assert scores["mse"] == pytest.approx(np.mean((found[:-3] - height[3:]) ** 2))
    assert scores["baseline_mse"] == pytest.approx(np.mean((height[:-3] - height[3:]) ** 2))
    held = round(240 * 0.15)
    assert forecaster.test is not None
    newest = (found[:-3] - height[3:])[-held:]
    assert forecaster.test["mse"] == pytest.approx(np.mean(newest**2))


@pytest.mark.parametrize("changes", [True, False])
def test_a_prediction_knows_nothing_of_later_rows(changes: bool) -> None:
    table = swing()
    forecaster = small(table, "height", time="when", epochs=2, changes=changes)
    whole = forecaster.predict(table)["predicted_height"].to_numpy()
    start = forecaster.predict(table.head(100))["predicted_height"].to_numpy()
    np.testing.assert_allclose(whole[:100], start, rtol=1e-5)


def test_nothing_is_learned_from_rows_kept_for_the_test() -> None:
    table = swing()
    spoiled = polars.concat(
        [table.head(204), table.tail(36).with_columns(polars.col("height", "other") * -5)]
    )
    first, second = (small(each, "height", time="when", epochs=3) for each in (table, spoiled))
    assert same(first.network.state_dict(), second.network.state_dict())
    assert first.inputs == second.inputs and first.history == second.history
    assert first.test != second.test


def test_only_training_rows_set_the_scale() -> None:
    table = swing()
    forecaster = small(table, "height", features=["other"], time="when", epochs=1, horizon=0)
    training = table["other"].head(168).to_numpy()
    assert forecaster.inputs.mean[0] == pytest.approx(np.nanmean(training))
    assert forecaster.inputs.deviation[0] == pytest.approx(np.nanstd(training))


def test_changes_follow_a_trend_out_of_the_range_of_the_training() -> None:
    forecaster = small(swing(trend=0.5), "height", time="when")
    assert forecaster.test is not None
    assert forecaster.test["mse"] < forecaster.test["baseline_mse"]


def test_missing_values_of_the_target_are_bridged() -> None:
    table = swing().with_row_index()
    gaps = table.with_columns(
        height=polars.when(polars.col("index") % 7 > 0).then(polars.col("height"))
    ).drop("index")
    forecaster = small(gaps, "height", time="when")
    found = forecaster.predict(gaps)["predicted_height"].to_numpy()
    # Row 0 is missing: nothing is known there yet.
    assert np.isnan(found[0]) and np.isfinite(found[1:]).all()
    assert forecaster.test is not None
    assert forecaster.test["mse"] < forecaster.test["baseline_mse"]


def test_a_table_of_classes(tmp_path: Path) -> None:
    table = swing()
    forecaster = small(table, "state", time="when", features=["height", "other"])
    assert forecaster.columns.classes == ("down", "up") and forecaster.horizon == 0
    assert forecaster.test is not None
    assert forecaster.test["accuracy"] > max(0.8, forecaster.test["baseline_accuracy"])
    forecaster.save(tmp_path / "state.lnn")
    found = Forecaster.load(tmp_path / "state.lnn").predict(table.drop("state"))
    assert found.columns == ["when", "predicted_state", "probability"]
    right = (found["predicted_state"] == table["state"]).mean()
    assert right == pytest.approx(forecaster.evaluate(table)["accuracy"])
    assert found["probability"].min() >= 0.5


@pytest.mark.parametrize(
    ("wiring", "units", "motor"),
    [
        (None, 8, 0),
        ({"type": "ncp", "inter": 5, "command": 3}, 9, 1),
        ({"type": "auto_ncp"}, 8, 1),
        ({"type": "auto_ncp", "units": 11}, 11, 1),
        ({"type": "random", "sparsity": 0.7}, 8, 0),
    ],
)
def test_sizes_a_wiring_leaves_out_follow_from_the_table(
    wiring: Any, units: int, motor: int
) -> None:
    size = 8 if units == 8 else None
    trained = small(swing(), "height", time="when", wiring=wiring, hidden_size=size, epochs=1)
    built = trained.network.wiring
    assert (built.units, built.motor, built.input_size) == (units, motor, 2)


def test_a_size_that_contradicts_the_wiring_is_refused() -> None:
    with pytest.raises(OptionError, match="hidden_size"):
        small(swing(), "height", hidden_size=10, wiring={"type": "ncp", "inter": 5, "command": 3})


def test_a_test_part_of_no_rows_is_refused_before_training() -> None:
    with pytest.raises(DomainError, match="test"):
        small(swing(), "height", test=0.0001)


def test_text_in_a_column_of_numbers_is_a_mistake() -> None:
    clean = swing()
    for column in ("height", "when"):
        cells = clean[column].cast(polars.String).to_list()
        spoiled = clean.with_columns(polars.Series(column, [*cells[:7], "err", *cells[8:]]))
        with pytest.raises(DataError, match="row 8 is 'err'") as caught:
            small(spoiled, "height")
        assert caught.value.argument == column


def test_an_empty_column_is_a_column_of_missing_values() -> None:
    table = swing().with_columns(polars.lit(1.0).alias("x"))
    forecaster = small(table, "height", features=["height", "x"], epochs=1)
    for empty in (polars.lit(None), polars.lit(None, dtype=polars.String)):
        found = forecaster.predict(table.with_columns(empty.alias("x")))
        assert found.height == table.height


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


@pytest.mark.parametrize(
    "changed",
    [
        {"solver": "euler"},
        {"unfolds": 2},
        {"wiring": wiring.random(6, sparsity=0.5, seed=1), "readout": "dense"},
    ],
    ids=["solver", "unfolds", "wiring"],
)
def test_a_network_of_other_options_does_not_resume(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    file = tmp_path / "run.checkpoint"
    before = {"wiring": wiring.random(6, sparsity=0.5, seed=0), "readout": "dense"}
    made = LiquidNetwork(1, output_size=1, seed=0, **before)
    quiet(made, waves(), epochs=1, checkpoint=file)
    with pytest.raises(ModelFileError, match="options or wiring"):
        other = LiquidNetwork(1, output_size=1, seed=0, **before | changed)
        quiet(other, waves(), epochs=2, checkpoint=file, resume=True)


@pytest.mark.parametrize("name", ["elapsed_time", "mask"])
def test_other_times_or_masks_are_other_data(tmp_path: Path, name: str) -> None:
    file, data = tmp_path / "run.checkpoint", waves()
    quiet(network(), data, epochs=1, checkpoint=file)
    value = torch.ones(data.inputs.shape[:2]) if name == "elapsed_time" else data.inputs > -2
    with pytest.raises(OptionError, match="other data"):
        other = replace(data, **{name: value})
        quiet(network(), other, epochs=2, checkpoint=file, resume=True)


def test_other_options_of_the_optimizer_do_not_resume(tmp_path: Path) -> None:
    file = tmp_path / "run.checkpoint"
    quiet(network(), waves(), epochs=1, checkpoint=file)
    decaying = partial(torch.optim.Adam, weight_decay=0.5)
    with pytest.raises(OptionError, match="optimizer"):
        quiet(network(), waves(), epochs=2, checkpoint=file, resume=True, optimizer=decaying)


@pytest.mark.parametrize(
    ("options", "error", "argument"),
    [
        ({"optimizer": "adam"}, DtypeError, "optimizer"),
        ({"loss": "mse"}, DtypeError, "loss"),
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


@pytest.mark.parametrize("wrong", ["predictions", "targets"])
def test_a_class_beyond_the_classes_is_refused(wrong: str) -> None:
    given = {"predictions": np.array([0, 1, 2]), "targets": np.array([0, 1, 2])}
    given[wrong] = np.array([0, 1, 3])
    with pytest.raises(DomainError, match=wrong):
        class_metrics(**given, classes=3)


def test_without_valid_and_test_parts_everything_is_trained_on() -> None:
    forecaster = small(swing(), "height", valid=0, test=0, epochs=2)
    assert forecaster.test is None and forecaster.history.valid_loss == []


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"table": "none.csv"}, DataError, "none.csv: there is no such file"),
        ({"targets": "depth"}, DataError, "depth: there is no such column"),
        ({"window": 500}, DataError, "table: 168 rows to train on"),
        ({"horizon": 170}, DataError, "table: 168 rows to train on"),
        ({"horizon": -1}, DomainError, "horizon: expected an integer at least 0"),
        ({"window": 0}, DomainError, "window"),
        ({"stride": 0}, DomainError, "stride"),
        ({"valid": 0.5, "test": 0.5}, DomainError, "valid"),
        ({"targets": "state", "changes": True}, OptionError, "changes"),
        ({"horizon": 0, "changes": True}, OptionError, "changes"),
        ({"features": ["other"], "changes": True}, OptionError, "changes"),
        ({"time": "state"}, DataError, "state: expected numbers or ISO 8601"),
        ({"dynamics": "wet"}, OptionError, "unknown 'wet'"),
        ({"wiring": {"type": "web"}}, OptionError, "unknown 'web'"),
    ],
)
def test_tables_that_cannot_be_trained_on_are_refused(
    options: dict[str, Any], error: type[LiquidError], said: str
) -> None:
    with pytest.raises(error, match=said):
        small(**{"table": swing(), "targets": "height", "time": "when", **options})


def test_a_table_without_the_columns_is_refused_when_predicting() -> None:
    forecaster = small(swing(), "height", time="when", epochs=1)
    with pytest.raises(DataError, match="other: there is no such column"):
        forecaster.predict(swing().drop("other"))
    with pytest.raises(DataError, match="when: there is no such column"):
        forecaster.predict(swing().drop("when"))
    with pytest.raises(DataError, match="table: has 1 rows to predict, 1 rows ahead"):
        forecaster.evaluate(swing().head(1))


def test_files_of_other_networks_are_no_forecasters(tmp_path: Path) -> None:
    file = tmp_path / "plain.lnn"
    network().save(file)
    with pytest.raises(ModelFileError, match=r"LiquidNetwork\.load"):
        Forecaster.load(file)

    forecaster = small(swing(), "height", epochs=1)
    forecaster.save(file)
    found = model_file.load(file)
    assert found.scaling is not None
    for part, name, value in (
        ("metadata", "horizon", -1),
        ("metadata", "horizon", None),
        ("metadata", "changes", "yes"),
        ("metadata", "columns", {"features": 1}),
        ("metadata", "columns", {**found.metadata["columns"], "features": ["height"]}),
        ("metadata", "columns", {**found.metadata["columns"], "targets": ["depth"]}),
        ("metadata", "columns", {**found.metadata["columns"], "classes": [0, 1]}),
        ("metadata", "history", []),
        ("scaling", "inputs", {"mean": [0.0], "deviation": [1.0]}),
        ("scaling", "inputs", 7),
        ("scaling", "outputs", None),
    ):
        parts = {"scaling": dict(found.scaling), "metadata": dict(found.metadata)}
        parts[part][name] = value
        model_file.save(found._replace(**parts), file)
        with pytest.raises(ModelFileError, match=r"plain\.lnn"):
            Forecaster.load(file)
