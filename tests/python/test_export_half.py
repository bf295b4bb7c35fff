"""Constants in half precision, and libraries for Arduino."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from export_cases import COMPILER, STRICT, Program
from liquid_neural_networks import LiquidNetwork, export, wiring
from liquid_neural_networks.cli import main
from liquid_neural_networks.errors import DataError, DomainError, OptionError, ShapeError
from liquid_neural_networks.export._half import rounded
from liquid_neural_networks.export._pieces import piece

pytestmark = pytest.mark.skipif(
    COMPILER is None, reason="EXPORTED C IS NOT TESTED: there is no C compiler"
)


def pilot(**options: Any) -> LiquidNetwork:
    options = {"seed": 0, "wiring": wiring.ncp(inter=8, command=4, motor=2), **options}
    return LiquidNetwork(3, **options)


def sequence(steps: int = 40) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(steps, 3)).astype(np.float32).astype(np.float64)
    inputs[rng.random(inputs.shape) < 0.1] = np.nan
    return inputs, rng.uniform(0, 2, steps).astype(np.float32).astype(np.float64)


def test_every_half_becomes_its_float(tmp_path: Path) -> None:
    code = "#include <stdint.h>\n#include <float.h>\n#define UNUSED\n"
    code += piece("numbers") + piece("half")
    code += "float single(uint16_t half) { (void)is_missing; return of_half(half); }\n"
    (tmp_path / "half.c").write_text(code)
    command = [str(COMPILER), "-std=c99", "-O2", "-shared", "-fPIC", "half.c", "-o", "half.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    single = ctypes.CDLL(str(tmp_path / "half.so")).single
    single.argtypes, single.restype = [ctypes.c_uint16], ctypes.c_float
    halves = np.arange(65536, dtype=np.uint16)
    halves = halves[np.isfinite(halves.view(np.float16))]
    found = np.array([single(int(each)) for each in halves])
    np.testing.assert_array_equal(found, halves.view(np.float16).astype(np.float64))


@pytest.mark.parametrize("options", [{}, {"solver": "rk4"}, {"num_layers": 2}], ids=str)
def test_c_computes_with_the_constants_that_are_stored(options: Any, tmp_path: Path) -> None:
    network = pilot(**options)
    network.set_values({"neurons.0.c": torch.full((14,), 1e-2)})
    inputs, times = sequence()
    if options.get("solver") == "rk4":
        times = times / 100
    program = Program(tmp_path, {"net": network}, numbers="float16")
    found = program.run("net", inputs, times).outputs
    stored = LiquidNetwork.from_model(rounded(network.double().to_model()))
    stream = stored.stream()
    wanted = np.stack([stream.step(u, float(t)) for u, t in zip(inputs, times)])
    np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_the_error_is_that_of_11_bits_also_with_capacitances_of_a_millionth() -> None:
    inputs, times = sequence(100)
    network = pilot()
    assert 1e-6 < export.error(network, inputs, times, numbers="float16") < 2e-3
    network.set_values({"neurons.0.c": torch.full((14,), 1e-6)})
    assert export.error(network, inputs, times, numbers="float16") < 2e-2


def test_what_half_precision_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="conductance"):
        export.c(pilot(dynamics="dense"), tmp_path, numbers="float16")
    network = pilot()
    weights = network.to_model().values["neurons.0.w"]
    network.set_values({"neurons.0.w": weights * 0 + 1e6})
    with pytest.raises(DomainError, match="beyond the range of float16"):
        export.c(network, tmp_path, numbers="float16")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("numbers", ["float16", "int16"])
def test_errors_are_of_sequences(numbers: str) -> None:
    network, rows = pilot(), np.ones((5, 3))
    for inputs, times, kind, argument in (
        (np.ones((5, 4)), 1.0, ShapeError, "inputs"),
        (np.ones(5), 1.0, ShapeError, "inputs"),
        (np.ones((0, 3)), 1.0, ShapeError, "inputs"),
        (rows, np.ones(4), ShapeError, "elapsed_time"),
        (rows, -1.0, DomainError, "elapsed_time"),
        (rows, np.inf, DomainError, "elapsed_time"),
    ):
        with pytest.raises(kind) as refused:
            export.error(network, inputs, times, numbers=numbers)
        assert refused.value.argument == argument
    lost, infinite = rows.copy(), rows.copy()
    lost[1:3, 0], infinite[1, 0], infinite[2, 0] = np.nan, np.inf, -np.inf
    found = [export.error(network, each, numbers=numbers) for each in (lost, infinite)]
    assert found[0] == found[1]


@pytest.mark.parametrize("far", [np.inf, 1e300])
def test_whole_numbers_have_a_range(far: float, tmp_path: Path) -> None:
    with pytest.raises((DataError, DomainError)) as refused:
        export.c(pilot(), tmp_path, numbers="int16", calibrate=np.full((2, 3), far))
    assert refused.value.argument == "calibrate"


def test_the_command_prints_the_error(tmp_path: Path) -> None:
    pilot().save(tmp_path / "net.lnn")
    rows = "\n".join(",".join(f"{each:.3f}" for each in row) for row in np.random.rand(20, 3))
    (tmp_path / "table.csv").write_text("a,b,c\n" + rows)
    for numbers in ("float16", "int8"):
        arguments = ["export", "net.lnn", "--output", "out", "--numbers", numbers, "--calibrate"]
        result = CliRunner().invoke(
            main, [str(tmp_path / each) if "." in each or each == "out" else each
                   for each in (*arguments, "table.csv")]
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        assert 0 < float(result.stderr.split()[-1]) < 0.1


ARDUINO = """
#pragma once
#include <math.h>
#include <stdint.h>
#define A0 14
int analogRead(int pin);
unsigned long micros(void);
void delay(unsigned long milliseconds);
struct SerialPort {
    void begin(long) {}
    void println(double, int) {}
    void println(const char *) {}
};
extern SerialPort Serial;
"""
BOARD = """
#include <Arduino.h>
SerialPort Serial;
int analogRead(int pin) { return pin; }
unsigned long micros(void) { return 5; }
void delay(unsigned long) {}
#include "examples/net/net.ino"
int main() { setup(); loop(); return 0; }
"""


@pytest.mark.parametrize("numbers", ["float32", "float16", "int16", "int8"])
@pytest.mark.parametrize("elapsed_time", [None, 0.1], ids=["times", "fixed"])
def test_an_arduino_library_compiles_as_arduino_does(
    numbers: str, elapsed_time: Any, tmp_path: Path
) -> None:
    export.c(
        pilot(), tmp_path, name="net", numbers=numbers, elapsed_time=elapsed_time, layout="arduino"
    )
    properties = (tmp_path / "library.properties").read_text().splitlines()
    assert "name=net" in properties
    assert "includes=net.h" in properties
    (tmp_path / "Arduino.h").write_text(ARDUINO)
    (tmp_path / "board.cpp").write_text(BOARD)
    makers, flags = ("gcc", "g++"), ["-O2"]
    avr = bool(shutil.which("avr-g++"))
    if avr:
        makers, flags = ("avr-gcc", "avr-g++"), ["-Os", "-mmcu=atmega328p"]
    elif not all(map(shutil.which, makers)):
        pytest.skip("ARDUINO LIBRARIES ARE NOT COMPILED: there is no avr-g++ and no g++")
    strict = [each for each in STRICT if each != "-std=c99"]
    subprocess.run(
        [makers[0], *flags, *strict, "-std=gnu11", "-c", "src/net.c", "-o", "net.o"],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    subprocess.run(
        [makers[1], *flags, "-std=gnu++11", "-Wall", "-Wextra", "-Werror", "-I.", "-Isrc",
         "board.cpp", "net.o", "-o", "net.elf"],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    if avr:
        sizes = subprocess.run(
            ["avr-size", "net.elf"], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout.splitlines()[1].split()  # fmt: skip
        assert int(sizes[1]) + int(sizes[2]) < 400, "constants lie in RAM"
