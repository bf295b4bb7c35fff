"""Networks as ONNX: the same numbers in onnxruntime as in torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
import torch
from click.testing import CliRunner
from spec import reference
from spec.encoding import VECTORS

from export_cases import Case
from liquid_neural_networks import LiquidNetwork, export, fused, wiring
from liquid_neural_networks.cli import main
from liquid_neural_networks.training import fit_table

onnxruntime = pytest.importorskip(
    "onnxruntime", reason="EXPORTED ONNX IS NOT TESTED: onnx and onnxruntime are not installed"
)
pytest.importorskip("onnx", reason="EXPORTED ONNX IS NOT TESTED: onnx is not installed")

CASES = [case for path in sorted(VECTORS.glob("*.msgpack")) if not (case := Case(path)).why_not]
KINDS = list({case.kind: case for case in reversed(CASES)}.values())


class Session:
    """An exported network in onnxruntime."""

    def __init__(self, network: Any, folder: Path, step: bool = False):
        self.path = export.onnx(network, folder / "net.onnx", step=step)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(self.path), options, providers=["CPUExecutionProvider"]
        )
        self.outputs = [each.name for each in self._session.get_outputs()]

    def __call__(self, **given: Any) -> dict[str, Any]:
        fed = {name: np.asarray(each, np.float32) for name, each in given.items()}
        return dict(zip(self.outputs, self._session.run(None, fed)))


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case.name)
def test_vector(case: Case, tmp_path: Path) -> None:
    model, arguments = case.raw["model"], case.raw["arguments"]
    given = reference.prepare(model, arguments)
    if not given.valid.all():
        pytest.skip("a graph knows no padding")
    inputs = given.inputs if given.seen is None else np.where(given.seen, given.inputs, np.nan)
    found = Session(case.network(), tmp_path)(
        inputs=inputs, elapsed_time=given.elapsed_time, state=given.state
    )
    outputs, final, _ = case.expected()
    if not model["config"]["return_sequences"]:
        found["outputs"] = found["outputs"][:, -1]
    for got, wanted in ((found["outputs"], outputs), (found["new_state"], final)):
        assert np.abs(got - wanted).max() / max(1, np.abs(wanted).max()) < 1e-5


def pilot(**options: Any) -> LiquidNetwork:
    return LiquidNetwork(10, wiring=wiring.ncp(inter=12, command=6, motor=1), seed=0, **options)


def test_any_length_and_batch_and_the_same_step_by_step(tmp_path: Path) -> None:
    network = pilot(mixed_memory=True, num_layers=2)
    session, one = Session(network, tmp_path), Session(network, tmp_path, step=True)
    for batch in (1, 5):
        for length in (1, 7, 200):
            inputs, times = torch.randn(batch, length, 10), torch.rand(batch, length)
            inputs[torch.rand(inputs.shape) < 0.1] = torch.nan
            mask, state = ~inputs.isnan(), torch.rand(2, batch, 38)
            wanted, end = network(
                inputs, elapsed_time=times, mask=mask, state=state, return_state=True
            )
            found = session(inputs=inputs, elapsed_time=times, state=state)
            np.testing.assert_allclose(found["outputs"], wanted.detach(), atol=1e-5)
            np.testing.assert_allclose(found["new_state"], end.detach(), atol=1e-5)
            now = state
            for t in range(min(length, 7)):
                step = one(inputs=inputs[:, t], elapsed_time=times[:, t], state=now)
                np.testing.assert_allclose(step["outputs"], found["outputs"][:, t], atol=1e-5)
                now = step["new_state"]


@pytest.mark.parametrize("target", ["c", "onnx", "html"])
def test_the_command_writes_nothing_outside_its_folder(target: str, tmp_path: Path) -> None:
    LiquidNetwork(2, 4, 1, seed=0).save(tmp_path / "net.lnn")
    arguments = ["export", str(tmp_path / "net.lnn"), "--to", target, "--name", "../x"]
    result = CliRunner().invoke(main, [*arguments, "--output", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "name: expected at most 40 letters" in result.output
    assert [each.name for each in tmp_path.iterdir()] == ["net.lnn"]


def test_the_command(tmp_path: Path) -> None:
    pilot().save(tmp_path / "pilot.lnn")
    arguments = ["export", str(tmp_path / "pilot.lnn"), "--to", "onnx"]
    arguments += ["--output", str(tmp_path / "out")]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.output) == (0, f"{tmp_path / 'out' / 'pilot.onnx'}\n")
    assert CliRunner().invoke(main, [*arguments, "--elapsed-time", "1"]).exit_code == 2


def test_the_pilot_is_a_small_file(tmp_path: Path) -> None:
    assert export.onnx(pilot(), tmp_path / "pilot.onnx").stat().st_size < 32_000


@pytest.mark.parametrize("strict", [False, True])
def test_what_torch_cannot_write_says_what_can(
    strict: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``torch.onnx.export`` records a graph as ``torch.export`` does, and says that it is it."""
    monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda: True)
    network = LiquidNetwork(3, 8, output_size=1, seed=0)
    with pytest.raises(Exception, match=r"export\.onnx\(network, path\)"):
        torch.export.export(network, (torch.zeros(1, 5, 3),), strict=strict)
    with fused.disabled():
        torch.export.export(network, (torch.zeros(1, 2, 3),), strict=strict)


@pytest.mark.parametrize("target", ["level", "state"])
def test_a_forecaster_predicts_the_same(target: str, tmp_path: Path) -> None:
    wave = 400 + 10 * np.sin(np.arange(120) / 3)
    gaps = [None if k % 11 == 3 or k < 2 else float(w) for k, w in enumerate(wave)]
    state = np.where(wave > 400, "up", "down")
    load = 3e4 * np.cos(np.arange(120))
    table = polars.DataFrame({"level": gaps, "load": load, "state": state})
    baseline = "latest" if target == "level" else None
    forecaster = fit_table(
        table, target, epochs=1, window=16, hidden_size=5, baseline=baseline, progress=False
    )
    features = table.select(forecaster.columns.features).to_numpy().astype(np.float64)
    given: dict[str, Any] = {
        "inputs": features[None],
        "elapsed_time": np.ones((1, 120)),
        "state": np.zeros((1, 1, 5)),
    }
    if target == "level":
        given["latest"] = [[np.nan]]
    found, wanted = Session(forecaster, tmp_path)(**given), forecaster.predict(table)
    if target == "level":
        np.testing.assert_allclose(found["outputs"][0, :, 0], wanted["predicted_level"], rtol=1e-6)
        assert np.isnan(found["outputs"][0, :2]).all()
    else:
        best = found["outputs"][0].argmax(axis=1)
        assert [forecaster.columns.classes[k] for k in best] == wanted["predicted_state"].to_list()
        np.testing.assert_allclose(found["outputs"][0].max(1), wanted["probability"], rtol=1e-5)
