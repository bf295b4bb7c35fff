"""Every conformance vector, in both precisions and on both paths."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest
from spec.encoding import VECTORS

from liquid_neural_networks import conformance
from liquid_neural_networks.errors import DataError

FILES = sorted(VECTORS.glob("*.msgpack"))


def test_there_are_vectors() -> None:
    assert len(FILES) > 80


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_vector(file: Path) -> None:
    case = conformance.read(file)
    for dtype in conformance.DTYPES:
        result = conformance._run_case(case, dtype)
        assert result.passed, result.message


def test_a_wrong_answer_is_noticed(tmp_path: Path) -> None:
    raw = msgpack.unpackb(FILES[0].read_bytes())
    outputs = bytearray(raw["expected"]["outputs"]["data"])
    outputs[6] ^= 1  # far from the last digit
    raw["expected"]["outputs"]["data"] = bytes(outputs)
    (tmp_path / "spoiled.msgpack").write_bytes(msgpack.packb(raw))
    results = conformance.run(tmp_path)
    assert len(results) == 2
    assert not results[0].passed
    assert "outputs" in results[0].message


def test_what_should_be_refused_but_is_not_is_noticed(tmp_path: Path) -> None:
    raw = msgpack.unpackb((VECTORS / "conductance-fused.msgpack").read_bytes())
    raw["refused"] = {"error": "ShapeError", "argument": "inputs"}
    (tmp_path / "accepted.msgpack").write_bytes(msgpack.packb(raw))
    assert not any(result.passed for result in conformance.run(tmp_path))


def test_no_vectors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no \\*"):
        conformance.run(tmp_path)
    (tmp_path / "junk.msgpack").write_bytes(b"\xc1")
    with pytest.raises(DataError, match="not a vector"):
        conformance.run(tmp_path)
