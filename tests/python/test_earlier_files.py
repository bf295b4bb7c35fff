"""Forecasters in files written before forecasts started from a baseline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
import pytest
from click.testing import CliRunner

from liquid_neural_networks import export, model_file
from liquid_neural_networks.cli import main
from liquid_neural_networks.errors import ModelFileError
from liquid_neural_networks.training import Forecaster

FILES = Path(__file__).parent / "files"
ROWS = np.arange(120)
TABLE = polars.DataFrame(
    {
        "hour": ROWS * 0.5,
        "level": 400 + 10 * np.sin(ROWS / 3),
        "load": np.cos(ROWS / 5),
        "state": np.where(np.sin(ROWS / 3) > 0, "up", "down"),
    }
)


def test_values_are_forecast_as_then() -> None:
    """As the version that wrote the file did, for the last two rows."""
    forecaster = Forecaster.load(FILES / "values-0.1.lnn")
    assert forecaster.aim.baseline == "latest"
    found = forecaster.predict(TABLE)["predicted_level"][-2:]
    np.testing.assert_allclose(found, [410.611903, 409.838452], rtol=1e-8)


def test_classes_are_predicted_as_then() -> None:
    forecaster = Forecaster.load(FILES / "classes-0.1.lnn")
    found = forecaster.predict(TABLE)[-2:]
    assert found["predicted_state"].to_list() == ["down", "down"]
    np.testing.assert_allclose(found["probability"], [0.557089, 0.558938], atol=5e-7)


@pytest.mark.parametrize("name", ["values", "classes"])
def test_they_are_shown_evaluated_exported_and_saved_anew(name: str, tmp_path: Path) -> None:
    path = FILES / f"{name}-0.1.lnn"
    shown = CliRunner().invoke(main, ["inspect", str(path)])
    assert shown.exit_code == 0, shown.output
    forecaster = Forecaster.load(path)
    assert forecaster.test is not None and forecaster.test["baselines"]
    assert forecaster.evaluate(TABLE)["count"] > 100
    export.c(model_file.load(path), tmp_path, name="net")
    assert "inputs[0]: level" in (tmp_path / "net.h").read_text("ascii")
    forecaster.save(tmp_path / "anew.lnn")
    again = Forecaster.load(tmp_path / "anew.lnn")
    assert again.predict(TABLE).equals(forecaster.predict(TABLE))


@pytest.mark.parametrize("spoilt", [{"horizon": "1"}, {"columns": []}, {"changes": {}, "test": 3}])
def test_spoilt_ones_are_refused(spoilt: dict[str, object], tmp_path: Path) -> None:
    found = model_file.load(FILES / "values-0.1.lnn")
    model_file.save(found._replace(metadata={**found.metadata, **spoilt}), tmp_path / "bad.lnn")
    with pytest.raises(ModelFileError):
        Forecaster.load(tmp_path / "bad.lnn")
