"""The published tables: every model runs and learns, and the page says what the runs say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch

from benchmarks import baselines
from benchmarks.papers import __main__ as papers
from benchmarks.papers import results
from benchmarks.papers.models import MODELS, InUnitsOf, Shape
from benchmarks.papers.tasks import SETTINGS, error_rate, missed_f1
from liquid_neural_networks.data import Windows
from liquid_neural_networks.tasks import TASKS
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


class Told(torch.nn.Module):
    def forward(self, inputs: torch.Tensor, elapsed_time: torch.Tensor) -> torch.Tensor:
        return elapsed_time.unsqueeze(-1)


def test_times_are_told_in_median_steps() -> None:
    elapsed = torch.tensor([[0.2, 0.1, 0.1, 0.0], [0.3, 0.1, 0.1, 0.1]])  # one sample is padding
    windows = Windows(torch.rand(2, 4, 1), torch.zeros(2, 4, 1), elapsed)
    told = InUnitsOf(Told(), windows, 0.0, 1.0)(windows.inputs, elapsed_time=elapsed)
    torch.testing.assert_close(told.squeeze(-1), 10 * elapsed)


def test_even_samples_are_a_step_apart() -> None:
    windows = Windows(torch.rand(2, 4, 1), torch.zeros(2, 4, 1))
    told = InUnitsOf(Told(), windows, 0.0, 1.0, step=0.1)(windows.inputs)
    torch.testing.assert_close(told, torch.full((2, 4, 1), 0.1))


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
    assert list(results.runs()) == [run]
    asked = [("traffic", "paper", "liquid ncp", seed) for seed in (0, 2)]
    assert list(papers.missing(("traffic",), ("liquid ncp",), ("paper",), 3)) == asked
    assert results.cell([0.1, 0.3], "mse") == "0.200 ± 0.141 (2)"
    assert results.cell([0.5], "accuracy") == "50.00 (1)"


def test_the_page_says_what_the_runs_say() -> None:
    known = json.loads(papers.REFERENCES.read_text())
    assert papers.PAGE.read_text() == papers.HEAD + papers.tables(known)


def test_the_readme_says_what_the_runs_say() -> None:
    """Every number of the table of published tasks, with its seeds, to the digits it has there."""
    models = ("liquid", "liquid, memory", "closed form", "closed form, memory", "lstm")
    text = (papers.PAGE.parents[1] / "README.org").read_text()
    rows = re.findall(r"^\| (\w+), .*?\|" + 5 * r"(.*)\|" + r".*\|$", text, re.MULTILINE)
    tasks = [row for row in rows if row[0] in TASKS]
    assert len(tasks) == 7
    for task, *cells in tasks:
        for model, cell in zip(models, map(str.strip, cells)):
            runs = [
                run.score
                for run in results.runs()
                if (run.task, run.protocol, run.model) == (task, "paper", model)
            ]
            factor = 100 if TASKS[task].metric == "accuracy" else 1
            mean = factor * sum(runs) / max(len(runs), 1)
            digits = len(cell.partition(" ")[0].partition(".")[2])
            assert cell in ("", f"{mean:.{digits}f} ({len(runs)})"), (task, model)


def test_the_readme_says_what_a_larger_lstm_does() -> None:
    text = (papers.PAGE.parents[1] / "README.org").read_text()
    runs = [run.score for run in results.runs() if (run.task, run.model) == ("mnist", "lstm 46")]
    said = re.search(r"an LSTM of 46,[^.]*has\s+([\d.]+) \((\d)\)", text)
    assert said and said.groups() == (f"{100 * sum(runs) / len(runs):.1f}", str(len(runs)))
