"""Networks as C: the conformance vectors, what surrounds a network, hostile names."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
import torch
from click.testing import CliRunner
from spec.encoding import VECTORS

from export_cases import COMPILER, SANITIZE, STRICT, Case, Program, Target, words
from liquid_neural_networks import LiquidNetwork, export, wiring
from liquid_neural_networks.cli import main
from liquid_neural_networks.errors import (
    DomainError,
    DtypeError,
    LiquidError,
    MissingDependencyError,
    OptionError,
)
from liquid_neural_networks.export import _pieces
from liquid_neural_networks.export._text import name_from
from liquid_neural_networks.training import Forecaster, fit_table

pytestmark = pytest.mark.skipif(
    COMPILER is None, reason="EXPORTED C IS NOT TESTED: there is no C compiler"
)

CASES = [Case(path) for path in sorted(VECTORS.glob("*.msgpack"))]
EXPRESSED = [case for case in CASES if not case.why_not]
KINDS = list({case.kind: case for case in reversed(EXPRESSED)}.values())
"""One case of each kind; ``python -m tests.exports`` runs all of them, on every target."""


def pilot(**options: Any) -> LiquidNetwork:
    return LiquidNetwork(10, wiring=wiring.ncp(inter=12, command=6, motor=1), seed=0, **options)


# -- conformance ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Program:
    networks = {case.name: case.network() for case in KINDS}
    return Program(tmp_path_factory.mktemp("vectors"), networks)


def test_exports_express_most_vectors() -> None:
    assert len(EXPRESSED) >= 155
    assert len(KINDS) > 60


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case.name)
def test_vector(case: Case, vectors: Program) -> None:
    assert case.error(vectors) <= 1e-5 < case.tolerance


@pytest.mark.skipif(COMPILER != "gcc", reason="SANITIZERS ARE NOT RUN: there is no gcc")
def test_under_sanitizers(tmp_path: Path) -> None:
    target = Target("sanitizers", "gcc", ("-O1", *SANITIZE))
    some = KINDS[::9]
    program = Program(tmp_path, {case.name: case.network() for case in some}, target)
    assert max(case.error(program) for case in some) <= 1e-5
    rough = np.array([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0.0])
    for case in some:
        size = case.raw["model"]["config"]["input_size"]
        inputs = np.stack([np.roll(rough, k)[:size] for k in range(7)])
        program.run(case.name, inputs, np.array([0, 1e-45, 1e-3, 1, 1e6, 1e30, 3e38]))


def test_nothing_is_asked_of_a_library(vectors: Program) -> None:
    """But for copying and clearing, which compilers make calls of."""
    objects = [f"{case.name}.o" for case in KINDS]
    asked = subprocess.run(
        ["nm", "-u", *objects], cwd=vectors._folder, capture_output=True, text=True, check=True
    )
    found = {line.split()[-1] for line in asked.stdout.splitlines() if line.startswith(" ")}
    assert found <= {"memcpy", "memset", "_GLOBAL_OFFSET_TABLE_"}


# -- the functions -------------------------------------------------------------------------------

FUNCTIONS = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "hyperbolic_tangent": np.tanh,
    "exponential": np.exp,
    "exponential_minus_one": np.expm1,
}


def test_functions_are_good_to_a_few_units_in_the_last_place(tmp_path: Path) -> None:
    needed = _pieces.helpers_of([f"{name}(" for name in FUNCTIONS] + ["error_function("])
    source = "#include <float.h>\n#include <stdint.h>\n" + "\n".join(
        _pieces.piece(name).replace("static ", "") for name in ["numbers", *needed]
    )
    (tmp_path / "functions.c").write_text(source)
    command = [COMPILER, "-std=c99", "-O2", "-shared", "-fPIC", "functions.c", "-o", "f.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    library = ctypes.CDLL(str(tmp_path / "f.so"))

    def call(name: str, values: Any) -> Any:
        function = getattr(library, name)
        function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float]
        return np.array([function(float(each)) for each in values])

    near = np.geomspace(1e-7, 80, 3000)
    x = np.concatenate([-near, near, [0.0]]).astype(np.float32)
    for name, exact in FUNCTIONS.items():
        wanted, got = exact(x.astype(np.float64)), call(name, x)
        # An argument of 80 is itself known to 80 units of 2^-24 only.
        relative = np.abs(got - wanted)[:-1] / np.abs(wanted[:-1])
        assert (relative < 3e-7 + 1e-7 * np.abs(x[:-1])).all(), name
    for name in ("sigmoid", "hyperbolic_tangent"):
        assert np.abs(call(name, x) - FUNCTIONS[name](x.astype(np.float64))).max() < 1.5e-7
    assert call("hyperbolic_tangent", [0.0]) == call("exponential_minus_one", [0.0]) == 0
    erf = torch.special.erf(torch.tensor(x, dtype=torch.float64)).numpy()
    assert np.abs(call("error_function", x) - erf).max() < 5e-7
    for name in FUNCTIONS:
        assert np.isfinite(call(name, [np.nan, np.inf, -np.inf])).all()
    np.testing.assert_allclose(call("sigmoid", [np.inf, -np.inf]), [1, 0], atol=1e-37)
    np.testing.assert_array_equal(call("hyperbolic_tangent", [np.inf, -np.inf]), [1, -1])


# -- time and missing values ---------------------------------------------------------------------


def test_refuses_times_that_are_none_and_changes_nothing(tmp_path: Path) -> None:
    program = Program(tmp_path, {"net": pilot()})
    inputs = np.ones((5, 10))
    run = program.run("net", inputs, np.array([1.0, np.nan, -1.0, np.inf, 0.0]))
    assert run.accepted.tolist() == [1, 0, 0, 0, 1]
    assert (run.states[1:] == run.states[0]).all()
    assert (run.outputs[1:4] == 0).all()


def test_check_state(tmp_path: Path) -> None:
    program = Program(tmp_path, {"net": pilot(mixed_memory=True)})
    state = np.zeros(38)
    answers = [program.talk(["s 0 " + words(state), "c 0"])]
    # No potential gets to 1e3: exponents are not limited for such ones.
    for place, value in ((0, np.nan), (18, np.inf), (37, -np.inf), (3, 1e3)):
        spoiled = state.copy()
        spoiled[place] = value
        answers.append(program.talk(["s 0 " + words(spoiled), "c 0"]))
    assert answers == [[["1"]], [["0"]], [["0"]], [["0"]], [["0"]]]


@pytest.mark.parametrize(
    "options",
    [
        {"dynamics": "conductance", "solver": "exponential"},
        {"dynamics": "dense", "solver": "rk4"},
        {"dynamics": "closed_form"},
        {"dynamics": {"type": "closed_form", "mode": "no_gate", "leaky_wiring": True}},
        {"dynamics": "closed_form", "wiring": None, "hidden_size": 5, "output_size": 2},
        {"dynamics": {"type": "closed_form", "backbone_layers": 1}, "wiring": None,
         "hidden_size": 5, "output_size": 2},
        {"dynamics": {"type": "closed_form", "mode": "pure"}},
        {"dynamics": "lrc"},
    ],
    ids=str,
)  # fmt: skip
def test_a_fixed_elapsed_time_gives_the_same(options: dict[str, Any], tmp_path: Path) -> None:
    options = {"wiring": wiring.ncp(inter=5, command=3, motor=1), **options}
    network = LiquidNetwork(4, seed=1, **options)
    program = Program(tmp_path, {"any": network, "fixed": network}, times={"fixed": 0.3})
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(20, 4))
    inputs[rng.random(inputs.shape) < 0.1] = np.nan
    at_run_time = program.run("any", inputs, np.full(20, 0.3)).outputs
    fixed = program.run("fixed", inputs, np.full(20, 7.0)).outputs
    np.testing.assert_allclose(fixed, at_run_time, atol=2e-6)
    assert np.abs(at_run_time - program.run("any", inputs, np.full(20, 7.0)).outputs).max() > 1e-3


def test_equals_a_stream_with_missing_values(tmp_path: Path) -> None:
    network = pilot(mixed_memory=True, num_layers=2, readout="dense", output_size=3)
    program = Program(tmp_path, {"net": network})
    rng = np.random.default_rng(0)
    inputs, times = rng.normal(size=(200, 10)), np.exp(rng.normal(size=200))
    inputs[rng.random(inputs.shape) < 0.2] = np.nan
    stream = network.stream()
    wanted = np.stack([stream.step(u, t) for u, t in zip(inputs.astype(np.float32), times)])
    np.testing.assert_allclose(program.run("net", inputs, times).outputs, wanted, atol=1e-5)


@pytest.mark.parametrize("solver", ["fused", "exponential"])
def test_slopes_however_steep(solver: str, tmp_path: Path) -> None:
    """Where an exponent may leave the range of 2^y, it is limited."""
    network = pilot(solver=solver)
    network.set_values({"neurons.0.sigma": torch.linspace(-500, 500, 48)})
    program = Program(tmp_path, {"net": network})
    inputs, times = np.random.default_rng(0).normal(size=(50, 10)), np.linspace(0, 3, 50)
    outputs = network(torch.tensor(inputs).float(), elapsed_time=torch.tensor(times).float())
    found = program.run("net", inputs, times).outputs
    np.testing.assert_allclose(found, outputs.detach(), atol=1e-4)


# -- forecasters ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table() -> polars.DataFrame:
    wave = 400 + 10 * np.sin(np.arange(120) / 3)
    gaps = [None if k % 11 == 3 or k < 2 else float(w) for k, w in enumerate(wave)]
    return polars.DataFrame(
        {
            "hour": np.cumsum(0.5 + 0.3 * np.cos(np.arange(120))),
            "level": gaps,
            "load": np.cos(np.arange(120) / 5) * 3e4,
            "state": np.where(wave > 400, 'up "*/ ??/ \\n', "dünn"),
        }
    )


OPTIONS = {"epochs": 1, "window": 16, "hidden_size": 5, "time": "hour", "progress": False}
BASELINES = {"level": "latest", "state": None}


@pytest.fixture(scope="module")
def forecasters(table: polars.DataFrame) -> dict[str, Forecaster]:
    """Of values that change, and of classes."""
    return {
        target: fit_table(table, target, baseline=baseline, **OPTIONS)
        for target, baseline in BASELINES.items()
    }


@pytest.mark.parametrize("target", ["level", "state"])
def test_a_forecaster_predicts_the_same(
    target: str, forecasters: dict[str, Forecaster], table: polars.DataFrame, tmp_path: Path
) -> None:
    forecaster = forecasters[target]
    program = Program(tmp_path, {"net": forecaster})
    features = table.select(forecaster.columns.features).to_numpy().astype(np.float64)
    times = forecaster.columns.series(table, targets=False).elapsed_time
    run, wanted = program.run("net", features, times), forecaster.predict(table)
    if target == "level":
        levels = wanted["predicted_level"].to_numpy()
        assert np.isnan(levels[:2]).all()
        np.testing.assert_allclose(run.outputs[:, 0], levels, rtol=1e-6)
    else:
        labels = [forecaster.columns.classes[k] for k in run.outputs.argmax(axis=1)]
        assert labels == wanted["predicted_state"].to_list()
        np.testing.assert_allclose(run.outputs.max(1), wanted["probability"], rtol=1e-5)
        np.testing.assert_allclose(run.outputs.sum(1), 1, rtol=1e-6)


# -- names, labels, the files --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fused", "int", "sigmoid", "FLT", "x", "A" * 40])
def test_names_that_could_clash_compile(name: str, tmp_path: Path) -> None:
    Program(tmp_path, {name: pilot(dynamics="lrc")})


@pytest.mark.parametrize("name", ["", "1st", "a-b", "ä", "main", "a b", "_x", "A" * 41, None])
def test_other_names_are_refused(name: Any, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="name"):
        export.c(pilot(), tmp_path, name=name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text, name",
    [("co2", "co2"), ("my-model (2)", "my_model_2"), ("3 ä", "n_3"), ("main", "network"),
     ("日本", "network"), ("x" * 99, "x" * 38)],
)  # fmt: skip
def test_names_from_files(text: str, name: str) -> None:
    assert name_from(text) == name


def test_hostile_columns_and_labels(forecasters: dict[str, Forecaster], tmp_path: Path) -> None:
    """Quotes, comment ends, trigraphs, line ends and other alphabets in names and labels."""
    plain = forecasters["state"]
    features = ('a"*/ int x; /*', "日本 ??/\n#error \\")
    columns = replace(plain.columns, features=features, targets=("*/",))
    forecaster = replace(plain, aim=replace(plain.aim, columns=columns))
    program = Program(tmp_path, {"net": forecaster})
    extra = (
        '#include <stdio.h>\n#include "net.h"\n'
        "int main(void) { for (int k = 0; k < NET_CLASSES; k++) puts(net_labels[k]); return 0; }\n"
    )
    (tmp_path / "labels.c").write_text(extra)
    subprocess.run(
        [COMPILER, *STRICT, "labels.c", "net.o", "-o", "labels"], cwd=tmp_path, check=True
    )
    printed = subprocess.run(["./labels"], cwd=tmp_path, capture_output=True, check=True)
    assert printed.stdout.decode() == "\n".join(forecaster.columns.classes) + "\n"
    assert program.numbers == {"net": 0}


@pytest.mark.skipif(shutil.which("make") is None, reason="THE MAKEFILE IS NOT TESTED: no make")
def test_the_command_and_the_program_it_makes(
    forecasters: dict[str, Forecaster], tmp_path: Path
) -> None:
    forecaster = forecasters["level"]
    forecaster.save(tmp_path / "the model.lnn")
    arguments = ["export", str(tmp_path / "the model.lnn"), "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    files = ["the_model.h", "the_model.c", "main.c", "Makefile"]
    assert result.output.split() == [str(tmp_path / "out" / each) for each in files]
    flags = " ".join(["-O2", *STRICT])
    subprocess.run(["make", "-s", f"CFLAGS={flags}"], cwd=tmp_path / "out", check=True)
    lines = "1 410  3e4\n0.5,nan,\nwrong\n1,2\n-1,400,1\n1,400,1,1\n0.5, 411.5\t,1e4 \r\n"
    done = subprocess.run(
        ["./the_model"], cwd=tmp_path / "out", input=lines, capture_output=True, text=True
    )
    outputs = [float(line) for line in done.stdout.splitlines()]
    rows = polars.DataFrame(
        {"hour": [0.0, 0.5, 1.0], "level": [410.0, None, 411.5], "load": [3e4, None, 1e4]}
    )
    unit = forecaster.columns.time_unit
    wanted = forecaster.predict(rows.with_columns(polars.col("hour") * unit))
    np.testing.assert_allclose(outputs, wanted["predicted_level"], rtol=1e-6)
    skipped = [line.split(":")[0] for line in done.stderr.splitlines()]
    assert skipped == [f"line {k}" for k in (3, 4, 5, 6)]
    assert done.returncode == 0
    for lines, code in (("", 0), ("hour,level,load\n-1,400,1\n", 1)):
        done = subprocess.run(["./the_model"], cwd=tmp_path / "out", input=lines, text=True)
        assert done.returncode == code


def test_the_generated_header_explains_itself(
    forecasters: dict[str, Forecaster], tmp_path: Path
) -> None:
    export.c(forecasters["state"], tmp_path, name="net", elapsed_time=2)
    header = (tmp_path / "net.h").read_text("ascii")
    assert "inputs[0]: level" in header
    assert "outputs[0]: probability of state = d<U+00FC>nn, of this sample" in header
    assert "#define NET_ELAPSED_TIME 2.0f" in header
    assert "void net_step(net_state *state, const float *inputs, float *outputs);" in header


# -- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, argument",
    [
        ({"bidirectional": True, "readout": "dense"}, "bidirectional"),
        ({"solver": "adaptive"}, "solver"),
    ],
)
def test_networks_that_cannot_run_sample_by_sample(
    options: dict[str, Any], argument: str, tmp_path: Path
) -> None:
    with pytest.raises(OptionError) as refused:
        export.c(pilot(**options), tmp_path)
    assert refused.value.argument == argument


def test_onnx_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"liquid-neural-networks\[onnx]"):
        export.onnx(pilot(), tmp_path / "pilot.onnx")


def test_other_refusals(tmp_path: Path) -> None:
    with pytest.raises(DtypeError, match="network"):
        export.c(torch.nn.Linear(2, 2), tmp_path)  # type: ignore[arg-type]
    for time in (-1.0, float("nan"), float("inf"), "1", True):
        with pytest.raises(LiquidError, match="elapsed_time"):
            export.c(pilot(), tmp_path, elapsed_time=time)  # type: ignore[arg-type]
    huge = pilot().double()
    huge.set_values({"neurons.0.w": torch.full((48,), 1e39, dtype=torch.float64)})
    with pytest.raises(DomainError, match="beyond the range of float32"):
        export.c(huge, tmp_path)


# -- sizes ---------------------------------------------------------------------------------------


def test_indices_of_every_width(tmp_path: Path) -> None:
    """Some 300 neurons: senders need 16 bits, and the 90,000 connections of the second 32."""
    networks = {
        "worm": LiquidNetwork(3, wiring=wiring.c_elegans(motor=5), unfolds=1, seed=0),
        "full": LiquidNetwork(3, 300, 5, dynamics={"type": "closed_form", "mode": "pure"}, seed=0),
    }
    program = Program(tmp_path, networks, Target("quick", str(COMPILER), ("-O1",)))
    inputs, times = np.random.default_rng(0).normal(size=(3, 3)), np.ones(3)
    for name, network in networks.items():
        with torch.no_grad():
            wanted = network(torch.tensor(inputs).float())
        np.testing.assert_allclose(program.run(name, inputs, times).outputs, wanted, atol=2e-5)


@pytest.mark.skipif(shutil.which("g++") is None, reason="C++ IS NOT TESTED: there is no g++")
def test_the_header_is_for_cpp_too(forecasters: dict[str, Forecaster], tmp_path: Path) -> None:
    for numbers in ("float32", "int16"):
        export.c(forecasters["state"], tmp_path, name="net", numbers=numbers)
        (tmp_path / "use.cpp").write_text(
            '#include "net.h"\nint main() { net_state s; net_init(&s); return !net_labels[0]; }\n'
        )
        subprocess.run([COMPILER, *STRICT, "-c", "net.c"], cwd=tmp_path, check=True)
        command = ["g++", "-Wall", "-Wextra", "-Werror", "-pedantic", "use.cpp", "net.o"]
        subprocess.run([*command, "-o", "use"], cwd=tmp_path, check=True)
        subprocess.run(["./use"], cwd=tmp_path, check=True)
