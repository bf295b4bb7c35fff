"""The vectors of spec/fixed-point.org: not stale, and met bit for bit by Python and exported C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from spec import generate
from spec.encoding import VECTORS as FLOAT_VECTORS
from spec.encoding import decode, path_of
from spec.fixed_cases import CASES, VECTORS, fixed_files
from spec.fixed_point import bits, opening, reciprocal, scaled

from export_cases import COMPILER, TARGETS, Case, FixedCase, Program, Target, at_hand
from liquid_neural_networks.export import _fixed_run
from liquid_neural_networks.export._design import design
from liquid_neural_networks.export._fixed import fixed


def case(name: str) -> FixedCase:
    return FixedCase(path_of(name, VECTORS))


def test_no_vector_is_stale_and_none_is_missing() -> None:
    assert {path.stem for path in VECTORS.glob("*.msgpack")} == CASES.keys()
    for name, wanted in fixed_files().items():
        assert generate.same(decode(path_of(name, VECTORS).read_bytes()), wanted), name


@pytest.mark.parametrize("name", sorted(CASES))
def test_an_export_has_the_constants_of_the_text(name: str) -> None:
    vector = case(name)
    made = fixed(design(vector.network()), vector.raw["ranges"], vector.raw["bits"])
    wanted = vector.raw["constants"]
    for field in ("state_bits", "exponent_bits", "recurrent_shift", "offset_one", "output_bits"):
        assert getattr(made, field) == wanted[field], field
    for field in ("table", "readout", "readout_shift"):
        np.testing.assert_array_equal(getattr(made, field), wanted[field])
    for own, population in zip(made.populations, wanted["populations"]):
        assert own.sensory_shift == population["sensory_shift"]
        for field in ("rest", "exponent", "recurrent", "sensory"):
            np.testing.assert_array_equal(getattr(own, field), population[field], field)


@pytest.mark.parametrize("name", sorted(CASES))
def test_python_computes_the_numbers_of_the_text(name: str) -> None:
    vector = case(name)
    made = fixed(design(vector.network()), vector.raw["ranges"], vector.raw["bits"])
    states = [[0] * made.design.units for _ in made.populations]
    wanted = vector.raw["expected"]
    for step, (inputs, time) in enumerate(zip(vector.raw["inputs"], vector.raw["elapsed_time"])):
        _fixed_run.step(made, states, inputs.tolist(), int(time))
        assert states == wanted["states"][step].tolist()
        assert _fixed_run.read_out(made, states[-1]) == wanted["outputs"][step].tolist()


@pytest.mark.skipif(COMPILER is None, reason="EXPORTED C IS NOT TESTED: there is no C compiler")
@pytest.mark.parametrize("name", sorted(CASES))
def test_exported_c_computes_the_numbers_of_the_text(name: str, tmp_path: Path) -> None:
    assert case(name).differences(tmp_path) == 0


@pytest.mark.parametrize("target", [each for each in TARGETS if each.bare], ids=lambda t: t.name)
def test_a_microcontroller_computes_the_numbers_of_the_text(target: Target, tmp_path: Path) -> None:
    """Some of them: ``python -m tests.exports`` runs all."""
    if not at_hand(target):
        pytest.skip(f"{target.name} IS NOT TESTED: no {target.compiler} or no {target.emulator[0]}")
    for name in ("int16-ncp", "int8-two-layers"):
        (tmp_path / name).mkdir()
        assert case(name).differences(tmp_path / name, target) == 0
    vector = Case(path_of("conductance-fused", FLOAT_VECTORS))
    program = Program(tmp_path, {vector.name: vector.network()}, target)
    assert vector.error(program) < 1e-5


def test_the_functions_of_the_text_by_hand() -> None:
    assert reciprocal(2**15) == 65535
    assert reciprocal(2**16 - 1) == 32768
    assert scaled(-(2**16), 3) == -3
    assert scaled(-1, 2**15) == -1  # the floor
    assert [bits(1), bits(2**31)] == [31, 0]
    constants = case("int16-full").raw["constants"]
    for y in (-3.3, 0.0, 0.7, 5.0, 30.0):
        whole = round(y * 2 ** constants["exponent_bits"])
        exact = 1 / (1 + np.exp(-whole / 2 ** constants["exponent_bits"])) - 0.5
        assert opening(constants, whole) / 2**16 == pytest.approx(exact, abs=5e-5)
