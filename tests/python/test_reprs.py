"""What is printed without being asked for: reprs, a warning of the slow engine, progress bars."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.data import Windows
from liquid_neural_networks.training import History, fit, fit_table

INPUTS, TARGETS = torch.zeros(6, 5, 2), torch.zeros(6, 5, 1)


def test_reprs_say_sizes_instead_of_numbers() -> None:
    network = LiquidNetwork(2, 8, 1, num_layers=3, seed=0)
    assert repr(network.stream()) == "Stream(sample (2,), state (3, 8), compiled)"
    assert repr(LiquidNetwork(2, 8, 1, dynamics="lrc").stream()).endswith("reference)")
    assert repr(network.trace(INPUTS)) == "Trace(states (6, 5, 8), time_constants (6, 5, 8))"
    assert "activations (6, 5, 64), sensory" in repr(network.trace(INPUTS, synapses=True))
    windows = Windows(INPUTS, TARGETS, elapsed_time=torch.ones(6, 5))
    shapes = "inputs (6, 5, 2), targets (6, 5, 1), elapsed_time (6, 5)"
    assert repr(windows) == f"Windows({shapes})"


def test_a_history_says_which_epoch_was_best() -> None:
    assert repr(History()) == "History(no epoch yet)"
    history = History([3.0, 2.0, 1.0], [0.25, 0.125, 0.5], 2)
    assert repr(history) == "History(3 epochs, best 2: train_loss 2, valid_loss 0.125)"
    assert repr(History([3.0], best_epoch=1)) == "History(1 epoch, best 1: train_loss 3)"


def test_a_forecaster_says_what_it_reads_and_predicts() -> None:
    import polars

    table = polars.DataFrame({"a": [float(row % 7) for row in range(90)]})
    made = fit_table(table, "a", hidden_size=5, window=8, epochs=1, horizon=2, progress=False)
    assert repr(made).startswith("Forecaster(a -> a 2 rows ahead, 5 neurons, History(1 epoch")


def test_bars_are_quiet_when_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    fit(LiquidNetwork(2, 4, 1, seed=0), Windows(INPUTS, TARGETS), epochs=2)
    assert capsys.readouterr().err == ""


WITHOUT_EXTENSION = """
import sys
sys.modules["liquid_neural_networks._kernel._native"] = None
import torch
from liquid_neural_networks import LiquidNetwork, engines
network = LiquidNetwork(2, 4, 1)
with engines.reference_only():
    network(torch.zeros(1, 3, 2))
print("asked for", file=sys.stderr)
for _ in range(3):
    network(torch.zeros(1, 3, 2))
"""


def test_the_cost_of_a_missing_compiler_is_warned_of_once(tmp_path: Path) -> None:
    run = [sys.executable, "-W", "always", "-c", WITHOUT_EXTENSION]
    shown = subprocess.run(run, capture_output=True, text=True, cwd=tmp_path).stderr
    before, after = shown.split("asked for")
    assert "UserWarning" not in before
    assert after.count("UserWarning") == 1
    assert "tens of times slower: the C extension is not there" in after
    assert "reinstall with a C compiler" in after
