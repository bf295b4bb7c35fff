"""The published tables: every model runs and learns, and the page says what the runs say."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.papers import __main__ as papers
from benchmarks.papers import results
from benchmarks.papers.models import MODELS, InUnitsOf, Shape
from benchmarks.papers.tasks import SETTINGS, error_rate, missed_f1
from liquid_neural_networks.benchmark import baselines
from liquid_neural_networks.data import Windows
from liquid_neural_networks.training import evaluate, fit

KINDS = (baselines.LSTM, baselines.GRU, baselines.CTRNN, baselines.ODERNN, baselines.Linear,
         baselines.MLP)  # fmt: skip


@pytest.mark.parametrize("name", [name for name, entry in MODELS.items() if not entry.of_images])
def test_every_model_learns_in_the_units_of_the_data(name: str) -> None:
    inputs = 50 + 20 * torch.rand(16, 6, 2)
    windows = Windows(inputs, 3 * inputs[..., :1] - 7, torch.rand(16, 6) + 0.5)
    shape = Shape(2, 8, 1, timed=True, sequences=True)
    entry = MODELS[name]
    network = InUnitsOf(entry.build(shape, 0), windows, entry.centre, entry.spread)
    history = fit(network, windows, epochs=30, learning_rate=0.02, progress=False)
    assert history.train_loss[-1] < 0.5 * float(windows.targets.var())


@pytest.mark.parametrize("name", [name for name, entry in MODELS.items() if entry.of_images])
def test_every_model_of_images_tells_bars_apart(name: str) -> None:
    """Lying from standing ones, wherever they are."""
    images = 0.1 * torch.rand(32, 12, 12)
    labels = torch.arange(32) % 2
    for place, (image, standing) in enumerate(zip(images, labels)):
        (image.T if standing else image)[2 + place // 2 % 8] += 1
    windows = Windows(images, labels)
    entry = MODELS[name]
    shape = Shape(12, 8, 2, timed=False, sequences=False)
    network = InUnitsOf(entry.build(shape, 0), windows, entry.centre, entry.spread, pixels=True)
    fit(network, windows, epochs=15, learning_rate=entry.learning_rate, progress=False)
    assert evaluate(network, windows)["accuracy"] > 0.9


class Repeating(torch.nn.Module):
    def forward(self, inputs: torch.Tensor, elapsed_time: torch.Tensor) -> torch.Tensor:
        return inputs


def test_changes_are_learned_from_and_added_to_the_input() -> None:
    """A walk with steps of 3 on average, far from 0: unlearned, a model repeats it and adds 3."""
    steps = torch.cat([torch.full((4, 1, 1), 1000.0), 3 + torch.randn(4, 9, 1)], dim=1)
    walk = steps.cumsum(1)
    windows = Windows(walk[:, :-1], walk[:, 1:])
    network = InUnitsOf(Repeating(), windows, 0.0, 0.0, changes=True)
    change = (windows.targets - windows.inputs).mean()
    torch.testing.assert_close(network(windows.inputs), windows.inputs + change)


class ElapsedTime(torch.nn.Module):
    def forward(self, inputs: torch.Tensor, elapsed_time: torch.Tensor) -> torch.Tensor:
        return elapsed_time.unsqueeze(-1)


def test_times_are_given_in_median_steps() -> None:
    elapsed = torch.tensor([[0.2, 0.1, 0.1, 0.0], [0.3, 0.1, 0.1, 0.1]])  # one sample is padding
    windows = Windows(torch.rand(2, 4, 1), torch.zeros(2, 4, 1), elapsed)
    given = InUnitsOf(ElapsedTime(), windows, 0.0, 1.0)(windows.inputs, elapsed_time=elapsed)
    torch.testing.assert_close(given.squeeze(-1), 10 * elapsed)


def test_even_samples_are_a_step_apart() -> None:
    windows = Windows(torch.rand(2, 4, 1), torch.zeros(2, 4, 1))
    given = InUnitsOf(ElapsedTime(), windows, 0.0, 1.0, step=0.1)(windows.inputs)
    torch.testing.assert_close(given, torch.full((2, 4, 1), 0.1))


def test_what_tasks_tune_is_a_number_of_a_model() -> None:
    for setting in SETTINGS.values():
        for model, values in setting.tuned.items():
            tuned = MODELS[model]._replace(**values)
            assert all(getattr(tuned, name) == value for name, value in values.items())
            assert tuned != MODELS[model]


@pytest.mark.parametrize("kind", KINDS)
def test_baselines_go_on_where_they_stopped(kind: type[baselines.Baseline]) -> None:
    network, inputs, elapsed = kind(3, 5, 2, timed=True), torch.randn(4, 7, 3), torch.rand(4, 7)
    whole = network(inputs, elapsed_time=elapsed)
    first, state = network(inputs[:, :3], elapsed_time=elapsed[:, :3], return_state=True)
    second = network(inputs[:, 3:], elapsed_time=elapsed[:, 3:], state=state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    assert baselines.parameters(network) == sum(p.numel() for p in network.parameters())


def test_baselines_read_out_each_sequence_where_it_ends() -> None:
    network, inputs = baselines.GRU(3, 5, 2, return_sequences=False), torch.randn(2, 7, 3)
    there = torch.arange(7) < torch.tensor([[4], [7]])
    outputs = network(inputs, mask=there)
    torch.testing.assert_close(outputs[:1], network(inputs[:1, :4]))
    torch.testing.assert_close(outputs[1:], network(inputs[1:]))


def test_a_field_is_solved_over_the_elapsed_time() -> None:
    """A constant field moves the state by it times the elapsed time, before the cell reads."""
    network = baselines.ODERNN(1, 1, 1)
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.constant_(network.field[2].bias, 0.25)
    torch.nn.init.ones_(network.core.weight_hh)
    _, state = network(torch.zeros(2, 1, 1), elapsed_time=torch.tensor([[1.0], [2.0]]),
                       return_state=True)  # fmt: skip
    torch.testing.assert_close(state[:, 0], torch.tanh(torch.tensor([0.25, 0.5])))


def test_the_measures_that_choose_the_best_epoch() -> None:
    scores = torch.eye(2)[torch.tensor([1, 1, 0, 0])]
    assert float(error_rate(scores, torch.tensor([1, 0, 0, 0]))) == pytest.approx(0.25)
    # Found 2, right 1, true 1: precision 1/2, recall 1.
    assert float(missed_f1(scores, torch.tensor([1, 0, 0, 0]))) == pytest.approx(1 - 2 / 3)


def test_what_is_on_record_is_not_run_again(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    run = results.Run("traffic", "paper", "liquid ncp", 1, 0.1, 3, 20, 99, 1.0)
    run.save()
    assert results.all_runs() == [run]
    asked = [("traffic", "paper", "liquid ncp", seed) for seed in (0, 2)]
    assert list(papers.missing(("traffic",), ("liquid ncp",), ("paper",), 3)) == asked
    assert results.cell([0.1, 0.3], "mse") == "0.200 ± 0.141 (2)"
    assert results.cell([0.5], "accuracy") == "50.00 (1)"


def test_a_run_made_again_counts_once_and_as_it_came_out_last(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    first = results.Run("traffic", "paper", "liquid", 0, 0.1, 3, 20, 99, 1.0)
    again = replace(first, score=0.2)
    for run in (first, again):
        run.save()
    assert results.all_runs() == [again]


def test_trainings_side_by_side_lose_no_run(tmp_path: Path, monkeypatch) -> None:
    """Four threads with files of their own open, as four processes would have them."""
    monkeypatch.setattr(results, "FOLDER", tmp_path)

    def save(model: int) -> None:
        for seed in range(50):
            results.Run("traffic", "paper", str(model), seed, 0.1, 3, 20, 99, 1.0).save()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save, range(4)))
    kept = {(run.model, run.seed) for run in results.all_runs()}
    assert kept == {(str(model), seed) for model in range(4) for seed in range(50)}


def test_every_run_is_in_the_file_of_its_task() -> None:
    files = sorted(results.FOLDER.glob("*.jsonl"))
    assert len(files) == 14 and len(results.all_runs()) == sum(
        len(file.read_text().splitlines()) for file in files
    )
    for file in files:
        for run in results.runs(file).values():
            assert results.path(run.task, run.protocol) == file


def test_the_page_says_what_the_runs_say() -> None:
    known = json.loads(papers.REFERENCES.read_text())
    assert papers.PAGE.read_text() == papers.HEAD + papers.tables(known)
