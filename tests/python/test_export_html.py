"""Networks as a web page: the code in it gives the same numbers, in node's WebAssembly."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from click.testing import CliRunner

from liquid_neural_networks import LiquidNetwork, export, wiring
from liquid_neural_networks.cli import main
from liquid_neural_networks.errors import MissingDependencyError
from liquid_neural_networks.export._design import design
from liquid_neural_networks.training import fit_table

LACKING = [tool for tool in ("clang", "wasm-ld", "node") if shutil.which(tool) is None]
needs_tools = pytest.mark.skipif(
    bool(LACKING), reason=f"EXPORTED PAGES ARE NOT TESTED: there is no {', '.join(LACKING)}"
)

RUN = """
const fs = require("fs");
const [page, rows] = [fs.readFileSync(process.argv[2], "utf8"), JSON.parse(fs.readFileSync(0))];
const code = page.match(/const code = "([^"]*)"/)[1];
const network = JSON.parse(page.match(/const network = (.*);/)[1]);
WebAssembly.instantiate(Buffer.from(code, "base64")).then(({ instance: { exports: c } }) => {
  const view = (at, n) => new Float32Array(c.memory.buffer, at, n);
  const inputs = view(c.page_inputs(), network.inputs.length);
  const outputs = view(c.page_outputs(), network.outputs.length);
  c.page_init();
  console.log(JSON.stringify(rows.map(([elapsed, ...values]) => {
    values.forEach((value, k) => { inputs[k] = value === null ? NaN : value; });
    c.page_step(elapsed);
    if (!c.page_time_constants) return [[...outputs], []];
    return [[...outputs], [...view(c.page_time_constants(), network.neurons)]];
  })));
});
"""


def run(page: Path, inputs: Any, times: Any) -> tuple[Any, Any]:
    """(T, O) outputs and (T, N) time constants of the code in a page."""
    rows = [
        [float(t), *(None if np.isnan(each) else float(each) for each in row)]
        for t, row in zip(times, inputs)
    ]
    script = page.with_suffix(".js")
    script.write_text(RUN)
    done = subprocess.run(
        ["node", str(script), str(page)],
        input=json.dumps(rows), capture_output=True, text=True, check=True,
    )  # fmt: skip
    outputs, constants = zip(*json.loads(done.stdout))
    return np.array(outputs), np.array(constants)


def sequence(size: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    inputs, times = rng.normal(size=(100, size)), np.exp(rng.normal(size=100))
    inputs[rng.random(inputs.shape) < 0.1] = np.nan
    return inputs.astype(np.float32), times.astype(np.float32)


@needs_tools
@pytest.mark.parametrize("dynamics", ["conductance", "dense", "closed_form"])
def test_the_code_in_the_page_gives_the_same(dynamics: str, tmp_path: Path) -> None:
    network = LiquidNetwork(
        10, wiring=wiring.ncp(inter=12, command=6, motor=1), dynamics=dynamics, seed=0
    )
    inputs, times = sequence(10)
    outputs, constants = run(export.html(network, tmp_path / "net.html"), inputs, times)
    stream = network.stream()
    wanted = [stream.step(u, float(t)) for u, t in zip(inputs, times)]
    np.testing.assert_allclose(outputs, wanted, atol=1e-5)
    if dynamics == "closed_form":
        assert constants.size == 0
        return
    import torch

    seen = ~np.isnan(inputs)
    tau = network.effective_time_constants(
        torch.tensor(np.where(seen, inputs, 0)),
        elapsed_time=torch.tensor(times),
        mask=torch.tensor(seen),
    )
    np.testing.assert_allclose(constants, tau.detach(), rtol=1e-4)


@needs_tools
def test_a_page_of_a_forecaster_with_hostile_names(tmp_path: Path) -> None:
    wave = 400 + 10 * np.sin(np.arange(90) / 3)
    state = np.where(wave > 400, "</script><b>&", 'up "')
    table = polars.DataFrame({"</script>": wave, "état": state})
    forecaster = fit_table(table, "état", epochs=1, window=16, hidden_size=5)
    page = export.html(forecaster, tmp_path / "net.html")
    text = page.read_text("utf-8")
    assert text.count("</script>") == 1
    assert not re.search(r"https?://|src=|@import", text)  # nothing is fetched
    outputs, _ = run(page, wave[:, None], np.ones(90))
    labels = [forecaster.columns.classes[k] for k in outputs.argmax(axis=1)]
    assert labels == forecaster.predict(table)["predicted_état"].to_list()


@needs_tools
def test_words_and_calendar_have_sliders_of_their_own(tmp_path: Path) -> None:
    hours = [datetime(2026, 1, 1) + timedelta(hours=k) for k in range(90)]
    table = polars.DataFrame(
        {"at": hours, "level": np.sin(np.arange(90.0)), "day": ["a", "b"] * 45}
    )
    options = {"categories": "day", "calendar": ["hour"], "time": "at", "baseline": "none"}
    forecaster = fit_table(table, "level", epochs=1, window=16, hidden_size=5, **options)
    text = export.html(forecaster, tmp_path / "net.html").read_text("utf-8")
    sliders = json.loads(re.search(r"const network = (.*);", text)[1])["inputs"]
    assert len(sliders) == design(forecaster).input_size == 5
    assert [each["name"] for each in sliders] == list(forecaster.columns.inputs)
    mean = [(each["low"] + each["high"]) / 2 for each in sliders]
    np.testing.assert_allclose(mean, design(forecaster).inputs.mean, atol=1e-6)


@needs_tools
@pytest.mark.parametrize("baseline", ["latest", "linear"])
def test_a_page_forecasts_and_slides_around_usual_levels(baseline: str, tmp_path: Path) -> None:
    level, wind = 400 + np.sin(np.arange(90.0)), np.arange(90) % 7.0
    table = polars.DataFrame({"level": level, "wind": wind})
    options = {"baseline": baseline, "epochs": 1, "window": 16, "hidden_size": 5}
    forecaster = fit_table(table, "level", **options)
    page = export.html(forecaster, tmp_path / "net.html")
    outputs, _ = run(page, np.column_stack([level, wind]), np.ones(90))
    np.testing.assert_allclose(
        outputs[:, 0], forecaster.predict(table)["predicted_level"], rtol=1e-6
    )
    network = json.loads(re.search(r"const network = (.*);", page.read_text("utf-8"))[1])
    assert network["elapsed"] == 1
    assert [each["name"] for each in network["inputs"]] == ["level", "wind"]
    for values, each in zip((level, wind), network["inputs"]):
        assert values.min() - 5 < each["low"] < values.mean() < each["high"] < values.max() + 5


@needs_tools
def test_without_a_usual_level_any_will_do(tmp_path: Path) -> None:
    table = polars.DataFrame({"level": 400 + np.sin(np.arange(90.0))})
    options = {"baseline": "latest", "epochs": 1, "window": 16, "hidden_size": 5}
    forecaster = fit_table(table, "level", **options)
    baselines = replace(forecaster.aim.baselines, linear=None)
    forecaster = replace(forecaster, aim=replace(forecaster.aim, baselines=baselines))
    text = export.html(forecaster, tmp_path / "net.html").read_text("utf-8")
    (level,) = json.loads(re.search(r"const network = (.*);", text)[1])["inputs"]
    assert level["name"] == "level, from any level"
    assert level["low"] == -level["high"] < -3


@needs_tools
def test_the_command(tmp_path: Path) -> None:
    LiquidNetwork(2, 4, 1, seed=0).save(tmp_path / "net.lnn")
    arguments = ["export", str(tmp_path / "net.lnn"), "--to", "html", "--output", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.output) == (0, f"{tmp_path / 'net.html'}\n")
    assert (tmp_path / "net.html").stat().st_size < 25_000


def test_without_a_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="clang"):
        export.html(LiquidNetwork(2, 4, 1), tmp_path / "net.html")


def test_the_failure_of_a_compiler_is_explained_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tool in ("clang", "wasm-ld"):
        (tmp_path / tool).write_text("#!/bin/sh\necho 'unknown target wasm32' >&2; exit 1\n")
        (tmp_path / tool).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match=r"WebAssembly: unknown target wasm32$"):
        export.html(LiquidNetwork(2, 4, 1), tmp_path / "net.html")
    assert not (tmp_path / "net.html").exists()
