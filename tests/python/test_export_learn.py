"""Exported C that learns: the same weights as in Python."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner

from export_cases import COMPILER, SANITIZE, STRICT
from liquid_neural_networks import LiquidNetwork, export, wiring
from liquid_neural_networks.cli import main
from liquid_neural_networks.errors import OptionError
from liquid_neural_networks.export._learning import METHODS
from liquid_neural_networks.online._layout import layout_of

DRIVER = """
#include "pilot_learn.h"
#include <stdio.h>
#include <stdlib.h>

static pilot_learner learner;

/* The argument is the learning rate. Numbers from standard input: elapsed time, inputs, targets;
 * the outputs, and at the end every parameter and the size of a learner, to standard output. */
int main(int count, char **arguments) {
    const float rate = count > 1 ? (float)atof(arguments[1]) : 1e-3f;
    float row[1 + PILOT_LEARN_INPUTS + PILOT_LEARN_OUTPUTS], outputs[PILOT_LEARN_OUTPUTS];
    const unsigned long size = sizeof learner;
    pilot_learn_init(&learner);
    while (fread(row, sizeof row, 1, stdin) == 1) {
        if (!pilot_learn_step(&learner, row[0], row + 1, outputs)) return 1;
        fwrite(outputs, sizeof outputs, 1, stdout);
        pilot_learn(&learner, row + 1 + PILOT_LEARN_INPUTS, rate);
    }
    fwrite(learner.parameters, sizeof learner.parameters, 1, stdout);
    fwrite(&size, sizeof size, 1, stdout);
    return 0;
}
"""

NETWORKS: dict[str, dict[str, Any]] = {
    "ncp": {"wiring": wiring.ncp(inter=12, command=6, motor=1)},
    "full, dense read-out": {"hidden_size": 4, "output_size": 2, "unfolds": 3},
    "without recurrent synapses": {
        "wiring": wiring.Wiring.from_matrices(np.zeros((3, 3)), np.ones((2, 3)), motor=1)
    },
}


def rows_of(network: LiquidNetwork, count: int) -> np.ndarray:
    """Elapsed times, inputs with gaps, and targets that follow from them, with gaps."""
    rng = np.random.default_rng(0)
    time = np.cumsum(rng.uniform(0.5, 1.5, count))
    inputs = np.stack([np.sin(time / 3), np.cos(time / 7)], 1)
    targets = np.tile(0.5 * inputs[:, :1] + 0.3 * inputs[:, 1:], network.output_size)
    inputs[rng.random(inputs.shape) < 0.05] = np.nan
    targets[rng.random(targets.shape) < 0.05] = np.nan
    elapsed = np.diff(time, prepend=time[0] - 1)
    return np.column_stack([elapsed, inputs, targets]).astype(np.float32)


def driver_of(network: LiquidNetwork, method: str, folder: Path) -> Path:
    """The program, with sanitizers, of an exported learner that compiles without a warning."""
    written = export.c(network, folder, name="pilot", learn=method)
    assert {"pilot.c", "pilot_learn.h", "pilot_learn.c"} <= {path.name for path in written}
    (folder / "driver.c").write_text(DRIVER)
    program = folder / "driver"
    sources = [str(folder / each) for each in ("driver.c", "pilot_learn.c")]
    strict = [each for each in STRICT if each != "-Wconversion"]  # the driver's
    assert COMPILER is not None
    subprocess.run([COMPILER, *STRICT, "-O2", "-c", sources[1], "-o", folder / "x.o"], check=True)
    subprocess.run([COMPILER, *strict, *SANITIZE, "-O1", *sources, "-o", program], check=True)
    return program


class Both(NamedTuple):
    """Outputs, and parameters by name, of the program and of Python's learner."""

    outputs: np.ndarray
    wanted: np.ndarray
    parameters: dict[str, np.ndarray]
    wanted_parameters: dict[str, np.ndarray]
    size: int


def run_both(
    network: LiquidNetwork, method: str, rows: np.ndarray, rate: float, folder: Path
) -> Both:
    outputs, command = network.output_size, [driver_of(network, method, folder), str(rate)]
    done = subprocess.run(command, input=rows.tobytes(), capture_output=True, check=True).stdout
    found = np.frombuffer(done[: 4 * len(rows) * outputs], np.float32).reshape(-1, outputs)
    parameters = np.frombuffer(done[found.nbytes : -8], np.float32)
    learner, wanted = network.learner(method, learning_rate=rate), []
    for row in rows:
        wanted.append(learner.step(row[1:3], float(row[0])))
        learner.learn(row[3:])
    positions = layout_of("neurons.0.", network.neurons[0], network.readout).positions(1)
    stored = {name: each.numpy() for name, each in learner._engine.stored().items()}
    mine = {name: parameters[positions[name]].reshape(each.shape) for name, each in stored.items()}
    return Both(found, np.stack(wanted), mine, stored, int.from_bytes(done[-8:], "little"))


@pytest.mark.skipif(COMPILER is None, reason="LEARNERS IN C ARE NOT TESTED: there is no C compiler")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_learned_on_the_device_is_what_is_learned_in_python(
    name: str, method: str, tmp_path: Path
) -> None:
    network = LiquidNetwork(2, seed=1, **NETWORKS[name])
    both = run_both(network, method, rows_of(network, 2000), 1e-3, tmp_path)
    # Two ways of rounding come apart as weights move.
    assert both.outputs == pytest.approx(both.wanted, abs=1e-3)
    assert both.outputs[:300] == pytest.approx(both.wanted[:300], abs=1e-5)
    moved = 0.0
    for parameter, value in both.wanted_parameters.items():
        assert both.parameters[parameter] == pytest.approx(value, abs=2e-3), parameter
        change = np.abs(value - network.values()[parameter].detach().numpy())
        moved = max(moved, float(change.max(initial=0.0)))
    assert moved > 0.02
    header = (tmp_path / "pilot_learn.h").read_text()
    stated = re.search(r"takes (\d+) bytes of RAM", header)
    assert stated and int(stated[1]) == both.size


@pytest.mark.skipif(COMPILER is None, reason="LEARNERS IN C ARE NOT TESTED: there is no C compiler")
@pytest.mark.parametrize("method", METHODS)
def test_after_ten_thousand_samples_the_weights_are_still_the_same(
    method: str, tmp_path: Path
) -> None:
    network = LiquidNetwork(2, seed=1, **NETWORKS["ncp"])
    rows = rows_of(network, 10_000)
    both = run_both(network, method, rows, 1e-4, tmp_path)
    assert both.outputs == pytest.approx(both.wanted, abs=2e-5)
    for parameter, value in both.wanted_parameters.items():
        assert both.parameters[parameter] == pytest.approx(value, abs=2e-5), parameter


def test_what_cannot_learn_on_a_device_is_refused(tmp_path: Path) -> None:
    for options in (
        {"dynamics": "dense"},
        {"solver": "euler"},
        {"num_layers": 2},
        {"mixed_memory": True},
        {"constraint": "softplus"},
    ):
        network = LiquidNetwork(2, 4, 1, seed=0, **options)
        with pytest.raises(OptionError, match="learn"):
            export.c(network, tmp_path, learn="exact")
    network = LiquidNetwork(2, 4, 1, seed=0)
    for more in ({"learn": "window"}, {"learn": "exact", "layout": "arduino"}):
        with pytest.raises(OptionError, match="learn"):
            export.c(network, tmp_path, **more)
    assert list(tmp_path.iterdir()) == []


def test_the_pilot_learns_exactly_within_the_memory_of_a_microcontroller(tmp_path: Path) -> None:
    network = LiquidNetwork(10, wiring=NETWORKS["ncp"]["wiring"], seed=0)
    export.c(network, tmp_path, name="pilot", learn="exact")
    stated = re.search(
        r"takes (\d+) bytes of RAM.*stack stays below (\d+)",
        (tmp_path / "pilot_learn.h").read_text(),
    )
    assert stated and int(stated[1]) < 20_000 and int(stated[2]) < 4_000


def test_the_command_writes_it_too(tmp_path: Path) -> None:
    LiquidNetwork(2, seed=1, **NETWORKS["ncp"]).save(tmp_path / "pilot.lnn")
    arguments = ["export", str(tmp_path / "pilot.lnn"), "--output", str(tmp_path / "firmware")]
    done = CliRunner().invoke(main, [*arguments, "--learn", "snap1"])
    assert done.exit_code == 0 and "pilot_learn.c" in done.output
    assert "snap1" in (tmp_path / "firmware/pilot_learn.h").read_text()
    done = CliRunner().invoke(main, [*arguments, "--to", "html", "--learn", "snap1"])
    assert done.exit_code == 2 and "--learn" in done.output
