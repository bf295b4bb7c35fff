"""Forecasters outside Python: whatever forecasts start from, they are those of ``predict``."""

from __future__ import annotations

import copy
import ctypes
import subprocess
from pathlib import Path
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
import polars
import pytest

from export_cases import COMPILER, SANITIZE, Program, Target
from forecast_cases import KINDS, fitted, name, sequence, table
from liquid_neural_networks import export
from liquid_neural_networks.errors import LiquidError, OptionError
from liquid_neural_networks.export._design import design
from liquid_neural_networks.training import Forecaster

pytestmark = pytest.mark.skipif(
    COMPILER is None, reason="EXPORTED FORECASTS ARE NOT TESTED: there is no C compiler"
)


@pytest.fixture(scope="module", params=["even", "as they come"])
def rows(request: pytest.FixtureRequest) -> polars.DataFrame:
    return table(request.param)


@pytest.fixture(scope="module")
def forecasters(rows: polars.DataFrame) -> dict[str, Forecaster]:
    return {kind: fitted(options, rows) for kind, options in KINDS.items()}


def agree(found: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> None:
    assert found.shape == wanted.shape
    assert (np.isnan(found) == np.isnan(wanted)).all()
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-4)


@pytest.mark.parametrize("elapsed_time", [None, 1.0], ids=["times", "no times"])
def test_c(
    elapsed_time: Optional[float],
    rows: polars.DataFrame,
    forecasters: dict[str, Forecaster],
    tmp_path: Path,
) -> None:
    times = {name(kind): elapsed_time for kind in KINDS if elapsed_time}
    program = Program(
        tmp_path,
        {name(kind): each for kind, each in forecasters.items()},
        Target("sanitizers", str(COMPILER), ("-O1", *SANITIZE)),
        times,
    )
    for kind, forecaster in forecasters.items():
        inputs, elapsed, wanted = sequence(forecaster, rows)
        if elapsed_time and (elapsed[1:] != elapsed_time).any():
            continue
        found = program.outputs(name(kind), inputs, elapsed)
        agree(found, wanted)


def test_onnx(rows: polars.DataFrame, forecasters: dict[str, Forecaster], tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip(
        "onnxruntime", reason="FORECASTS IN ONNX ARE NOT TESTED: onnxruntime is not installed"
    )
    pytest.importorskip("onnx", reason="FORECASTS IN ONNX ARE NOT TESTED: onnx is not installed")
    for kind, forecaster in forecasters.items():
        path = export.onnx(forecaster, tmp_path / f"{name(kind)}.onnx")
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        inputs, elapsed, wanted = sequence(forecaster, rows)
        states = {
            each.name: np.full([2 if size == "B" else size for size in each.shape], start)
            for each in session.get_inputs()
            for start in [0.0 if each.name in ("state", "past") else np.nan]
            if each.name not in ("inputs", "elapsed_time")
        }
        outputs = []
        for part in (slice(0, 70), slice(70, None)):  # states carry on where they were
            given = {**states, "inputs": inputs[None, part], "elapsed_time": elapsed[None, part]}
            fed = {
                each: np.broadcast_to(value, (2, *value.shape[1:])).astype(np.float32)
                if each in ("inputs", "elapsed_time") else value.astype(np.float32)
                for each, value in given.items()
            }  # fmt: skip
            names = [each.name for each in session.get_outputs()]
            found = dict(zip(names, session.run(None, fed)))
            states = {each: found[f"new_{each}"] for each in states}
            outputs.append(found["outputs"])
        both = np.concatenate(outputs, axis=1)
        for found in both:
            agree(found, wanted)


def test_constants_in_half_precision_are_measured(
    rows: polars.DataFrame, forecasters: dict[str, Forecaster]
) -> None:
    inputs, elapsed, _ = sequence(forecasters["linear"], rows)
    found = export.error(forecasters["linear"], inputs, elapsed, numbers="float16")
    assert 0 < found < 1


@pytest.mark.parametrize("kind", ["linear", "quantiles"])
def test_whole_numbers_refuse(
    kind: str, forecasters: dict[str, Forecaster], tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match="float32") as refused:
        export.c(forecasters[kind], tmp_path / "out", numbers="int16")
    assert refused.value.argument == "numbers"
    assert not (tmp_path / "out").exists()


def test_states_from_outside_are_checked(
    forecasters: dict[str, Forecaster], tmp_path: Path
) -> None:
    """A ring that would be read beyond its end, and times that are none."""
    export.c(forecasters["linear"], tmp_path, name="net")
    (tmp_path / "use.c").write_text(CHECKED)
    command = [str(COMPILER), "-shared", "-fPIC", "net.c", "use.c", "-o", "use.so"]
    subprocess.run(command, cwd=tmp_path, check=True)
    use = ctypes.CDLL(str(tmp_path / "use.so"))
    assert [use.usable(which) for which in range(8)] == [1, 0, 0, 0, 0, 0, 0, 0]


STRANGE = (None, True, -1, 3, 1e300, "x", [], {}, [[1]], b"x", "linear", "last_week", "mean")


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where there is something in nested plain data; of a list, its first member."""
    inner = list(value) if isinstance(value, dict) else [0] if value and type(value) is list else []
    return [each for key in inner for each in [(*at, key), *places(value[key], (*at, key))]]


def changed(plain: dict[str, Any], place: tuple[Any, ...], to: Any) -> dict[str, Any]:
    found = copy.deepcopy(plain)
    inner: Any = found
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = to
    return found


@pytest.mark.parametrize("kind", ["quantiles of every step", "yesterday"])
def test_files_that_lie_are_refused(
    kind: str, forecasters: dict[str, Forecaster], tmp_path: Path
) -> None:
    """Whatever stands in a file: C is written, or an error of the library says why not."""
    model = forecasters[kind].to_model()
    told = {name: each for name, each in model.metadata.items() if name not in ("history", "test")}
    refused = 0
    for place in places(told):
        for strange in STRANGE:
            lying = model._replace(metadata=changed(told, place, strange))
            try:
                export.c(lying, tmp_path)
            except LiquidError:
                refused += 1
    assert refused > 100
    assert model.scaling is not None
    for place in places(dict(model.scaling)):
        lying = model._replace(scaling=changed(dict(model.scaling), place, []))
        with pytest.raises(LiquidError):
            export.c(lying, tmp_path)


def test_rounding_of_times_decides_nothing(forecasters: dict[str, Forecaster]) -> None:
    """Between times in tenths of a unit there are no ages at which a season's value changes."""
    for kind in ("linear", "yesterday", "every step, yesterday"):
        rule = design(forecasters[kind]).rule
        assert rule is not None
        tenths = 10 * rule.ages
        assert tenths.size
        assert (abs(tenths - tenths.round()) > 5e-3).all()


def test_times_too_short_for_the_past_are_refused(
    forecasters: dict[str, Forecaster], tmp_path: Path
) -> None:
    for elapsed_time in (1e-9, 1e-320):
        with pytest.raises(OptionError, match="1,048,576 samples"):
            export.c(forecasters["yesterday"], tmp_path, elapsed_time=elapsed_time)


CHECKED = """
#include "net.h"
#include <math.h>
int usable(int which) {
    net_state s;
    net_init(&s);
    const int rows = (int)(sizeof s.past.elapsed_time / sizeof s.past.elapsed_time[0]);
    switch (which) {
        case 1: s.past.newest = rows; break;
        case 2: s.past.newest = -1; break;
        case 3: s.past.count = rows + 1; break;
        case 4: s.past.count = -1; break;
        case 5: s.past.elapsed_time[3] = NAN; break;
        case 6: s.past.elapsed_time[rows - 1] = -1.0f; break;
        case 7: s.neurons[0][0] = INFINITY; break;
    }
    return net_check_state(&s);
}
"""


def test_the_header_says_what_each_output_is(
    forecasters: dict[str, Forecaster], tmp_path: Path
) -> None:
    export.c(forecasters["quantiles of every step"], tmp_path, name="net")
    header = (tmp_path / "net.h").read_text("ascii")
    assert "outputs[0]: load, 1 sample ahead, quantile 0.2" in header
    assert "outputs[7]: price, 2 samples ahead, quantile 0.7" in header
    assert "inputs[3]: hour of day, sine of 2 pi (hours since midnight) / 24" in header
    made = design(forecasters["quantiles of every step"])
    assert f"#define NET_INPUTS {made.input_size}\n" in header
    assert made.fed_size == made.input_size + 2
