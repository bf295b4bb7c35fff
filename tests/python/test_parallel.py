"""Two processes and one: the same training. Killed and resumed: the same network."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars
import pytest
import torch

from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.data import Windows
from liquid_neural_networks.training import data_parallel, fit

LAUNCH = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node")


def run(processes: int, *command: str) -> subprocess.CompletedProcess[str]:
    """``python command``, once alone or in several processes together."""
    alone = (sys.executable,) if processes == 1 else (*LAUNCH, str(processes))
    return subprocess.run(
        [*alone, *command],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


# Batches of 4 of 29 windows, some targets unknown: shares are uneven, and the last batch is one
# window, so that one process has nothing to do.
SCRIPT = """
import os, signal, sys
import torch
from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.data import Windows
from liquid_neural_networks.training import data_parallel, fit
from liquid_neural_networks.training._losses import squared_error

folder, epochs, dies = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
generator = torch.Generator().manual_seed(0)
wave = torch.randn(29, 13, 1, generator=generator, dtype=torch.float64).cumsum(1) / 4
targets = wave[:, 1:].clone()
targets[torch.rand(29, 12, 1, generator=generator) < 0.3] = float("nan")
calls = 0

def loss(outputs, targets):
    global calls
    calls += 1
    if calls == dies:
        os.kill(os.getpid(), signal.SIGKILL)
    return squared_error(outputs, targets)

with data_parallel() as first:
    # A process with other initial weights: the first one's count.
    network = LiquidNetwork(1, 6, 1, seed=0 if first else 1).double()
    history = fit(
        network, Windows(wave[:, :-1], targets), Windows(wave[:5, :-1], targets[:5]),
        epochs=epochs, batch_size=4, loss=loss, checkpoint=f"{folder}/checkpoint", resume=True,
        progress=False,
    )
    if first:
        torch.save((history.to_dict(), network.state_dict()), f"{folder}/result")
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("script") / "train.py"
    path.write_text(SCRIPT)
    return str(path)


def trained(folder: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    return torch.load(folder / "result")


@pytest.fixture(scope="module")
def whole(script: str, tmp_path_factory) -> Path:
    """What one process makes in 4 epochs, undisturbed."""
    folder = tmp_path_factory.mktemp("whole")
    done = run(1, script, str(folder), "4", "-1")
    assert done.returncode == 0, done.stderr
    return folder


def same(one: Path, other: Path, **tolerance: float) -> None:
    (history, weights), (expected, wanted) = trained(one), trained(other)
    for name in ("train_loss", "valid_loss"):
        assert history[name] == pytest.approx(expected[name], rel=tolerance.get("rtol", 0), abs=0)
    assert weights.keys() == wanted.keys()
    for name, value in weights.items():
        torch.testing.assert_close(value, wanted[name], **(tolerance or {"rtol": 0, "atol": 0}))


def test_two_processes_train_as_one(script: str, whole: Path, tmp_path: Path) -> None:
    done = run(2, script, str(tmp_path), "4", "-1")
    assert done.returncode == 0, done.stderr
    same(tmp_path, whole, rtol=1e-8, atol=1e-10)


# 8 minibatches and 2 of validation an epoch: this is the fifth minibatch of the third.
def test_killed_in_the_middle_of_an_epoch_and_resumed(
    script: str, whole: Path, tmp_path: Path
) -> None:
    killed = run(1, script, str(tmp_path), "4", "25")
    assert killed.returncode == -9 and not (tmp_path / "result").exists()
    done = run(1, script, str(tmp_path), "4", "-1")
    assert done.returncode == 0, done.stderr
    same(tmp_path, whole)


def test_one_of_two_killed_and_resumed_by_both(script: str, whole: Path, tmp_path: Path) -> None:
    killed = run(2, script, str(tmp_path), "4", "20")
    assert killed.returncode != 0 and not (tmp_path / "result").exists()
    assert (tmp_path / "checkpoint").exists()
    done = run(2, script, str(tmp_path), "4", "-1")
    assert done.returncode == 0, done.stderr
    same(tmp_path, whole, rtol=1e-8, atol=1e-10)


DIVERGES = """
import os
import torch
from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.data import Windows
from liquid_neural_networks.training import DivergenceError, data_parallel, fit
from liquid_neural_networks.training._losses import squared_error

waves, calls = torch.sin(torch.arange(110.0)).reshape(10, 11, 1), []

def loss(outputs, targets):
    calls.append(1)  # 3 minibatches and 2 of validation an epoch
    spoiled = len(calls) == 10 and torch.distributed.get_rank() == 1
    return squared_error(outputs, targets) * (torch.nan if spoiled else 1.0)

with data_parallel() as first:
    network = LiquidNetwork(1, 4, 1, seed=0)
    data = Windows(waves[:, :-1], waves[:, 1:])
    try:
        fit(network, data, data, epochs=4, batch_size=4, loss=loss, progress=False)
    except DivergenceError as error:
        total = sum(float(each.detach().double().sum()) for each in network.parameters())
        # In one piece, which the line of the other process cannot split.
        os.write(1, f"{error} {error.history.epochs} {total}\\n".encode())
"""


def test_a_loss_that_is_no_number_in_one_of_two_ends_both(tmp_path: Path) -> None:
    script = tmp_path / "diverges.py"
    script.write_text(DIVERGES)
    done = run(2, str(script))
    assert done.returncode == 0, done.stderr
    one, other = done.stdout.splitlines()
    assert one == other and "became nan in epoch 2; the network has the weights of epoch 1" in one


NUMBERS = {"mse", "mae", "r2", "count"}


def test_the_command_line_in_two_processes(tmp_path: Path) -> None:
    table = tmp_path / "wave.csv"
    polars.DataFrame({"wave": [math.sin(row / 3) for row in range(300)]}).write_csv(table)
    results = []
    for processes in (1, 2):
        output = tmp_path / f"{processes}.lnn"
        done = run(
            processes,
            *("-m", "liquid_neural_networks.cli", "train", str(table), "--target", "wave"),
            *("--hidden-size", "6", "--epochs", "4", "--json", "--output", str(output)),
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr.count(f"wrote {output}") == 1
        assert done.stderr.count("read 300 rows") == 1  # said by one of the two
        results.append(json.loads(done.stdout))  # one document, not two
        assert output.exists() and not output.with_name(f"{output.name}.checkpoint").exists()
    alone, together = ({k: v for k, v in each.items() if k in NUMBERS} for each in results)
    assert together == pytest.approx(alone, rel=1e-3) and set(alone) == NUMBERS


def test_a_process_alone_is_the_first() -> None:
    with data_parallel() as first:
        assert first and not torch.distributed.is_initialized()


def test_a_loss_that_is_not_finite_is_refused_before_it_does_harm() -> None:
    net = LiquidNetwork(1, 4, 1, seed=0)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    wave = torch.ones(4, 5, 1)
    with pytest.raises(ValueError, match="loss: became nan"):
        fit(net, Windows(wave, wave), loss=lambda y, _: y.sum() * math.nan, progress=False)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
