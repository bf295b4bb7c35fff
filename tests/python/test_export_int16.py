"""Networks in whole numbers: C equals Python bit for bit, and float as nearly as 16 bits can."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
import torch
from click.testing import CliRunner

from export_cases import (
    COMPILER,
    SANITIZE,
    STRICT,
    WHOLE_RUNNER,
    Target,
    whole_error,
    whole_numbers,
)
from liquid_neural_networks import LiquidNetwork, export, wiring
from liquid_neural_networks.cli import main
from liquid_neural_networks.errors import DataError, OptionError
from liquid_neural_networks.export import _fixed_run
from liquid_neural_networks.export._design import design
from liquid_neural_networks.export._fixed import Fixed, fixed
from liquid_neural_networks.export._ode import largest_potential
from liquid_neural_networks.training import fit_table

pytestmark = pytest.mark.skipif(
    COMPILER is None, reason="EXPORTED C IS NOT TESTED: there is no C compiler"
)


def pilot(**options: Any) -> LiquidNetwork:
    options = {"seed": 0, "wiring": wiring.ncp(inter=12, command=6, motor=1), **options}
    return LiquidNetwork(10, **options)


def extreme() -> LiquidNetwork:
    """Capacitances on their bound, steep slopes, weights that differ by factors of a million."""
    network = pilot(num_layers=2, output_size=2, readout="dense")
    rng = np.random.default_rng(3)
    network.set_values(
        {
            "neurons.0.c": torch.tensor(10 ** rng.uniform(-6, 1, 19)),
            "neurons.0.w": torch.tensor(10 ** rng.uniform(-6, 1, 48)),
            "neurons.0.sigma": torch.tensor(rng.normal(size=48) * 20),
            "neurons.0.E": torch.tensor(rng.normal(size=48)),
        }
    )
    return network


def sequence(steps: int, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(steps, 10)).astype(np.float32)
    inputs[rng.random(inputs.shape) < 0.05] = np.nan
    times = 10 ** rng.uniform(-4, 2.5, steps)
    times[::9], times[5::23] = 0, 2.0**-20
    return inputs.astype(np.float64), times.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("make", [pilot, extreme])
@pytest.mark.parametrize("flags", [("-O2",), ("-O1", *SANITIZE)], ids=["O2", "sanitizers"])
def test_c_equals_python_bit_for_bit(make: Any, flags: tuple[str, ...], tmp_path: Path) -> None:
    if "-O1" in flags and COMPILER != "gcc":
        pytest.skip("SANITIZERS ARE NOT RUN: there is no gcc")
    inputs, times = sequence(150)
    target = Target("here", str(COMPILER), flags)
    assert whole_error(make(), tmp_path, inputs, times, target) == 0


def steep(offset: float) -> LiquidNetwork:
    """The sigmoids of all synapses are 100 times as steep as 1, sigma mu is ``offset``."""
    network = LiquidNetwork(2, 4, 1, seed=0)
    for start in ("neurons.0.", "neurons.0.sensory_"):
        size = network.to_model().values[f"{start}mu"].shape
        network.set_values(
            {
                f"{start}sigma": torch.full(size, 100.0),
                f"{start}mu": torch.full(size, offset / 100),
            }
        )
    return network


def with_potentials(factor: float) -> LiquidNetwork:
    """Potentials are so many times those of a new network, which are about 1."""
    network = LiquidNetwork(2, 4, 1, seed=0)
    values = network.to_model().values
    names = ("neurons.0.vleak", "neurons.0.E", "neurons.0.sensory_E")
    network.set_values({name: values[name] * factor for name in names})
    return network


@pytest.mark.skipif(COMPILER != "gcc", reason="SANITIZERS ARE NOT RUN: there is no gcc")
@pytest.mark.parametrize(
    "network",
    [with_potentials(0.05), with_potentials(1e-4), with_potentials(120.0), steep(2000.0)],
    ids=["small", "tiny", "large", "steep"],
)
def test_numbers_near_the_bounds_of_16_bits_stay_exact(
    network: LiquidNetwork, tmp_path: Path
) -> None:
    inputs, times = sequence(60)
    target = Target("here", "gcc", ("-O1", *SANITIZE))
    assert whole_error(network, tmp_path, inputs[:, :2], times, target) == 0


@pytest.mark.parametrize(
    "network, level, advice",
    [
        (LiquidNetwork(2, 4, 1, seed=0), 101325.0, "scale the inputs .* or take float32"),
        (steep(3000.0), 0.0, "scale the inputs .* or take float32"),
        (with_potentials(1000.0), 0.0, "leak is too small .* take float32"),
        (with_potentials(30000.0), 0.0, "train on a table, .* or take float32"),
    ],
    ids=["pressures", "steep", "leak", "large"],
)
def test_what_leaves_no_fractions_in_16_bits_is_refused(
    network: LiquidNetwork, level: float, advice: str, tmp_path: Path
) -> None:
    inputs = level + 300 * np.random.default_rng(0).normal(size=(50, 2))
    with pytest.raises(OptionError, match=advice):
        export.c(network, tmp_path, numbers="int16", calibrate=inputs)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", range(4))
def test_states_are_those_of_float(seed: int) -> None:
    network = pilot(seed=seed).double()
    inputs, times = sequence(300, seed)
    made = fixed(design(network), inputs)
    _, states = _fixed_run.run(made, inputs, times)
    seen = ~np.isnan(inputs)
    wanted = network.trace(
        torch.tensor(np.where(seen, inputs, 0)), elapsed_time=torch.tensor(times),
        mask=torch.tensor(seen),
    ).states.detach()  # fmt: skip
    error = np.abs(states[:, 0] / 2.0 ** (made.state_bits + 15) - wanted.numpy()).max()
    assert error < 6e-4


def test_short_steps_do_not_stall() -> None:
    """1,000 steps of a thousandth add up."""
    network = pilot()
    inputs = np.tile(np.linspace(-1, 1, 10), (1000, 1))
    assert export.error(network, inputs, 1e-3) < 3e-4


def test_a_network_of_extremes_comes_close() -> None:
    inputs, times = sequence(200)
    assert export.error(extreme(), inputs, times) < 2e-2


def test_rounded_weights_keep_potentials_within_their_bound() -> None:
    """Beside a large weight a small one has few of 8 bits: 1.47 units, whose drive would have 2."""
    network = LiquidNetwork(2, 5, output_size=1, seed=0)
    values = {"c": (1.0, 5), "g": (0.01, 5), "vleak": (0.0, 5),
              "sensory_w": (1.0, 10), "sensory_mu": (5.0, 10),
              "w": (1.47 / 64, 25), "E": (1.04, 25), "mu": (-1.0, 25)}  # fmt: skip
    network.set_values({f"neurons.0.{k}": torch.full((n,), v) for k, (v, n) in values.items()})
    made = fixed(design(network), np.array([[-1.0, -1.0], [1.0, 1.0]]), 8)
    _, states = _fixed_run.run(made, np.full((20, 2), -1.0), np.full(20, 50.0))
    assert np.abs(states).max() / 2.0 ** (made.state_bits + 15) < largest_potential(made.design)


def with_raised_leak() -> LiquidNetwork:
    """Rates that nearly fill 32 bits, beside a leak that whole numbers raise by 2^18."""
    network = LiquidNetwork(1, 2, output_size=2, seed=0)
    values = {"c": (1e4, 1.0), "g": (1e-5, 1.0), "vleak": (0.0, 400.0),
              "w": (1e-4,) * 4, "E": (1.0,) * 4, "sensory_w": (9998.7, 1e-4),
              "sensory_E": (0.9, 0.5), "sensory_mu": (0.0, 0.0),
              "sensory_sigma": (60.0, 60.0)}  # fmt: skip
    network.set_values({f"neurons.0.{name}": torch.tensor(each) for name, each in values.items()})
    return network


@pytest.mark.skipif(COMPILER != "gcc", reason="SANITIZERS ARE NOT RUN: there is no gcc")
def test_a_raised_leak_does_not_overflow(tmp_path: Path) -> None:
    inputs, times = np.array([[1.0], [-1.0]] + [[1.0]] * 20), np.ones(22)
    target = Target("here", "gcc", ("-O1", *SANITIZE))
    assert whole_error(with_raised_leak(), tmp_path, inputs, times, target) == 0
    assert export.error(with_raised_leak(), inputs, times) < 0.2  # of potentials up to 400


def extremes(seed: int) -> LiquidNetwork:
    """Any values; what rates or drives of a neuron add up to just fits, before leaks are raised."""
    rng = np.random.default_rng(seed)
    network = LiquidNetwork(2, int(rng.integers(1, 6)), output_size=1, seed=seed).double()
    (population,) = design(network).populations
    p, reach = {name: each.copy() for name, each in population.values.items()}, rng.uniform(-2, 3.3)
    for name in ("vleak", "E", "sensory_E"):
        p[name] = rng.uniform(-1, 1, p[name].shape) * 10 ** rng.choice([reach, -2], p[name].shape)
    for name in ("g", "w", "sensory_w", "sigma", "sensory_sigma"):
        p[name] = 10 ** rng.uniform(-5, 2, p[name].shape)
    p["g"][rng.random(p["g"].shape) < 0.7] = 1e-5
    posts = {"": population.wiring.post, "sensory_": population.wiring.sensory_post}
    for i in range(len(p["c"])):
        rates, drives, count = p["g"][i], p["g"][i] * abs(p["vleak"][i]), 0
        for start, post in posts.items():
            weight, count = p[f"{start}w"][post == i], count + (post == i).sum()
            rates, drives = rates + weight.sum(), drives + weight @ abs(p[f"{start}E"][post == i])
        full = (2**15 - 1 - count) * (1 - 10 ** rng.uniform(-7, -3))
        p["c"][i] = max(rates, drives) / full * 2.0 ** rng.integers(12, 24)
    network.set_values({f"neurons.0.{name}": torch.tensor(each) for name, each in p.items()})
    return network


def exported(seeds: range, bits: int) -> list[Fixed]:
    """What is not refused of the networks of these seeds."""
    found = []
    for seed in seeds:
        with contextlib.suppress(OptionError):
            found.append(fixed(design(extremes(seed)), np.array([[-1.0, -1.0], [1.0, 1.0]]), bits))
    return found


@pytest.mark.parametrize("bits", [16, 8])
def test_sums_of_rates_and_drives_fit_into_32_bits(bits: int) -> None:
    raised = 0
    for made in exported(range(300), bits):
        (own,) = made.populations
        wiring, bound = own.population.wiring, largest_potential(made.design)
        for i, rest in enumerate(own.rest.tolist()):
            synapses = [*own.recurrent[wiring.post == i].tolist(),
                        *own.sensory[wiring.sensory_post == i].tolist()]  # fmt: skip
            leak = [total - sum(each[at] << 15 for each in synapses)
                    for total, at in zip(rest, (2, 3))]  # fmt: skip
            raised += leak[0] == 256 << 17 - made.state_bits
            for total, at in zip(rest, (2, 3)):
                swings = [sorted((each[at] * 32767, each[at] * -32768)) for each in synapses]
                assert total + sum(high for _, high in swings) < 2**31
                assert total + sum(low for low, _ in swings) >= -(2**31)
            # No mix of these rests beyond the bound of potentials.
            for rate, drive in [leak, *(each[2:] for each in synapses)]:
                assert rate >= 0 and abs(drive) <= bound * rate
    assert raised > 100


def test_steps_from_one_extreme_to_the_other_fit_into_32_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def scaled(a: int, b: int) -> int:
        found = (a >> 16) * b + (((a & 0xFFFF) * b) >> 16)
        assert -(2**31) <= a < 2**31 and -(2**30) <= found < 2**30  # moves are twice that
        return found

    monkeypatch.setattr(_fixed_run, "_scaled", scaled)
    inputs = np.array([[1, 1], [-1, -1], [1, -1], [np.nan, np.nan], [-1, np.nan], [1, 1]])
    for made in exported(range(60), 16):
        for time in (2.0**-20, 0.1, 2000.0):
            _, states = _fixed_run.run(made, inputs, np.full(len(inputs), time))
            assert np.abs(states).max() < 2**30


def test_a_fixed_elapsed_time_gives_the_same(tmp_path: Path) -> None:
    network, (inputs, _) = pilot(), sequence(30)
    target = Target("here", str(COMPILER))
    found, _ = whole_numbers(network, tmp_path, inputs, np.full(30, 0.3), target)
    export.c(network, tmp_path, name="net", numbers="int16", calibrate=inputs, elapsed_time=0.3)
    (tmp_path / "run.c").write_text(WHOLE_RUNNER.replace("(uint32_t)time, ", ""))
    command = [COMPILER, *STRICT, "-O2", "net.c", "run.c", "-o", "run"]
    subprocess.run(command, cwd=tmp_path, check=True)
    lines = "\n".join(" ".join(["7", *(f"{each:.9g}" for each in row)]) for row in inputs)
    done = subprocess.run(["./run"], cwd=tmp_path, input=lines, capture_output=True, text=True)
    again = np.array([line.split() for line in done.stdout.splitlines()], dtype=np.int64)
    np.testing.assert_array_equal(again, found)


def test_inputs_from_float_and_the_integer_parts_agree() -> None:
    made = fixed(design(pilot()), None)
    values = np.array([[np.nan, np.inf, -np.inf, 1e30, -1e30, 0, 1, -1, 8, -8]])
    found = _fixed_run.to_inputs(made, values)[0]
    one = round(32767 / 8)
    wanted = [-32768] * 3 + [32767, -32767, 0, one, -one, 32767, -32767]
    assert found.tolist() == wanted
    for bits in range(32):
        assert _fixed_run.bits_above(2**bits) == 31 - bits


@pytest.mark.skipif(shutil.which("make") is None, reason="THE MAKEFILE IS NOT TESTED: no make")
def test_the_command_with_a_table_of_classes(tmp_path: Path) -> None:
    wave = 400 + 10 * np.sin(np.arange(150) / 3)
    state = np.where(wave > 400, "up", "down")
    load = np.cos(np.arange(150)) * 3e4
    table = polars.DataFrame({"level": wave, "load": load, "state": state})
    forecaster = fit_table(table, "state", epochs=1, window=16, hidden_size=5)
    forecaster.save(tmp_path / "net.lnn")
    table.write_csv(tmp_path / "table.csv")
    arguments = ["export", tmp_path / "net.lnn", "--output", tmp_path, "--numbers", "int16"]
    result = CliRunner().invoke(
        main, [str(each) for each in (*arguments, "--calibrate", tmp_path / "table.csv")]
    )
    assert result.exit_code == 0, result.output
    assert float(result.stderr.split()[-1]) < 3e-3
    flags = " ".join(["-O2", *STRICT])
    subprocess.run(["make", "-s", f"CFLAGS={flags}"], cwd=tmp_path, check=True)
    lines = "".join(f"1,{row[0]},{row[1]}\n" for row in table.rows())
    done = subprocess.run(["./net"], cwd=tmp_path, input=lines, capture_output=True, text=True)
    labels = [line.split(",")[-1] for line in done.stdout.splitlines()]
    wanted = forecaster.predict(table)
    sure = wanted["probability"].to_numpy() > 0.505
    assert sure.sum() > 30
    assert (np.array(labels)[sure] == wanted["predicted_state"].to_numpy()[sure]).all()


@pytest.mark.parametrize(
    "options",
    [{"dynamics": "lrc"}, {"solver": "rk4"}, {"mixed_memory": True}, {"unfolds": 256}],
    ids=str,
)
def test_what_whole_numbers_cannot_express(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="numbers"):
        export.c(pilot(**options), tmp_path, numbers="int16")
    assert list(tmp_path.iterdir()) == []


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="numbers"):
        export.c(pilot(), tmp_path, numbers="int4")
    with pytest.raises(OptionError, match="calibrate"):
        export.c(pilot(), tmp_path, calibrate=np.zeros((3, 10)))
    for table in (np.zeros((3, 9)), np.zeros(10), np.full((3, 10), np.nan)):
        with pytest.raises(DataError, match="calibrate"):
            export.c(pilot(), tmp_path, numbers="int16", calibrate=table)
