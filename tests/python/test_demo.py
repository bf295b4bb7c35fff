"""The demo splits by time, writes what it says, and its table follows from its forecasts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from liquid_neural_networks import LiquidNetwork, demo
from liquid_neural_networks.cli.demo import demo as command
from liquid_neural_networks.demo._networks import LIQUID, forecast, make_liquid, train
from liquid_neural_networks.demo._task import (
    HORIZON,
    TEST_FROM,
    VALID_FROM,
    Record,
    Task,
    baselines,
    load_record,
    make_task,
)
from liquid_neural_networks.errors import DomainError, MissingDependencyError


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task(load_record())


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo") / "out"
    result = CliRunner().invoke(
        command, ["--output", str(folder), "--epochs", "2", "--runs", "2"], catch_exceptions=False
    )
    assert result.exit_code == 0
    return folder, result.output


def test_the_command_writes_every_file_it_names(ran: tuple[Path, str]) -> None:
    folder, printed = ran
    assert sorted(path.name for path in folder.iterdir()) == sorted(demo.FILES)
    for name in demo.FILES:
        assert str(folder / name) in printed
        if name.endswith(".png"):
            assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_the_table_follows_from_the_forecasts(ran: tuple[Path, str]) -> None:
    folder, printed = ran
    results = json.loads((folder / "results.json").read_text())
    actual = np.array(results["actual"])
    assert len(results["rows"]) == 5 and results["seeds"] == [0, 1]
    for row in results["rows"]:
        errors = [
            float(np.sqrt(np.mean((np.array(values) - actual) ** 2)))
            for values in results["forecasts"][row["name"]]
        ]
        assert row["rmse"] == pytest.approx(errors)
        (line,) = (line for line in printed.splitlines() if line.startswith(row["name"] + "  "))
        words = line.removeprefix(row["name"]).split()
        assert words[:2] == [str(row["parameters"]), f"{np.mean(errors):.3f}"]


def test_the_model_forecasts_as_the_results_say(ran: tuple[Path, str], task: Task) -> None:
    folder, _ = ran
    results = json.loads((folder / "results.json").read_text())
    network = LiquidNetwork.load(folder / "model.lnn")
    with torch.no_grad():
        rise = network(
            torch.tensor(task.inputs, dtype=torch.float32),
            elapsed_time=torch.tensor(task.elapsed_time, dtype=torch.float32),
        )
    values = (task.record.ppm + task.scale * rise[:, 0].numpy())[task.test]
    runs = np.array(results["forecasts"][LIQUID])
    assert np.abs(runs - values).max(axis=1).min() < 1e-3


def test_parts_are_split_by_time_and_gaps_are_kept(task: Task) -> None:
    dates, due = task.record.dates, task.record.dates + HORIZON
    assert due[task.train].max() < VALID_FROM <= dates[task.valid].min()
    assert due[task.valid].max() < TEST_FROM <= due[task.test].min()
    assert not np.isnan(task.rise[task.train | task.valid | task.test]).any()
    weeks = np.diff(dates).astype(float) / 7
    assert (weeks > 1).any()
    np.testing.assert_array_equal(task.elapsed_time[1:], weeks)


def test_windows_hold_the_targets_of_their_part_alone(task: Task) -> None:
    """At every row a window knows its own part's target, or none; validation ones all of them."""
    inputs = np.float32(task.inputs)
    for windows, part in ((task.train_windows(), task.train), (task.valid_windows(), task.valid)):
        for window, targets in zip(windows.inputs.numpy(), windows.targets[..., 0].numpy()):
            length = len(window)
            (start,) = (
                row
                for row in np.flatnonzero((inputs == window[0]).all(axis=1))
                if np.array_equal(inputs[row : row + length], window)
            )
            known, rows = ~np.isnan(targets), slice(start, start + length)
            assert part[rows][known].all() and known.any()
            rise = task.rise[rows][known]
            np.testing.assert_allclose(task.scale * targets[known], rise, atol=1e-5)
    assert len(windows) == 1 and known.sum() == task.valid.sum()


def test_nothing_from_the_future_reaches_the_inputs(task: Task) -> None:
    """Changing what comes after a day changes no input of that day and no rule's forecast."""
    now = 1200
    ppm = task.record.ppm.copy()
    ppm[now + 1 :] += 50
    changed = make_task(Record(task.record.dates, ppm))
    np.testing.assert_allclose(changed.inputs[: now + 1], task.inputs[: now + 1], atol=1e-9)
    for name, values in baselines(task).items():
        np.testing.assert_array_equal(
            baselines(changed)[name][: now + 1], values[: now + 1], err_msg=name
        )


def test_training_learns_and_keeps_the_best(task: Task) -> None:
    network = make_liquid(0)
    losses: list[float] = []
    best = train(network, task, 20, 0, losses.append)
    assert len(losses) == 20 and losses[-1] == best
    errors = (forecast(network, task) - task.record.ppm - task.rise)[task.valid]
    # The validation pass warms up for a year instead of all the past: nearly, not exactly.
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(best, rel=0.02)
    assert best < 0.5 * task.rise[task.valid].std()


def test_the_same_seed_gives_the_same_forecasts(task: Task) -> None:
    first, second = (make_liquid(3) for _ in range(2))
    for network in (first, second):
        train(network, task, 1, 3, lambda error: None)
    np.testing.assert_array_equal(forecast(first, task), forecast(second, task))


def test_bad_input_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DomainError, match=r"epochs: expected .* got 0"):
        demo.run(tmp_path, epochs=0)
    monkeypatch.setitem(sys.modules, "statsmodels.datasets", None)
    with pytest.raises(MissingDependencyError, match=r"liquid-neural-networks\[demo\]"):
        load_record()
