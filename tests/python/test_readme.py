"""The README's Python runs as it stands, and its table and sizes are what the demo says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from liquid_neural_networks import LiquidNetwork, demo
from liquid_neural_networks.cli.demo import demo as command

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.org").read_text("utf-8")
PYTHON = re.compile(r"^#\+begin_src python\n(.*?)^#\+end_src", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("time_constants", [0.7, torch.linspace(0.1, 2.0, 32)])
def test_the_python_runs(time_constants: Any, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    names = {
        "inputs": torch.randn(4, 20, 10),
        "targets": torch.randn(4, 20, 2),
        "time_constants": time_constants,
    }
    blocks = PYTHON.findall(TEXT)
    assert blocks[0].startswith("from liquid_neural_networks import LiquidNeuron, LiquidNetwork")
    exec(blocks[0], names)
    assert tuple(names["outputs"].shape) == (4, 20, 2)
    gradients = [p.grad for p in names["network"].parameters() if p.grad is not None]
    assert gradients and all(bool(g.isfinite().all()) for g in gradients)
    for block in blocks[1:]:
        exec(block, names)
    assert names["steering"].shape == (2,)
    assert "19: 12 inter, 6 command, 1 motor" in capsys.readouterr().out
    assert (tmp_path / "time_constants.png").read_bytes().startswith(b"\x89PNG")


def table() -> dict[str, list[str]]:
    """Name -> the other cells of the row, of the table of forecasts."""
    rows = [[cell.strip() for cell in row] for row in re.findall(_ROW, TEXT)]
    return {name: cells for name, *cells in rows}


_ROW = re.compile(r"^\| ([^|]+?) *\| *(\d+) \| *([\d.]+) \| *([^|]*?) *\|$", re.MULTILINE)


def test_the_rules_do_as_well_as_the_table_says() -> None:
    task = demo.make_task(demo.load_record())
    actual = (task.record.ppm + task.rise)[task.test]
    for name, forecasts in demo.baselines(task).items():
        assert table()[name][:2] == ["0", f"{demo.rmse(forecasts[task.test], actual):.3f}"]


def test_the_networks_do_as_well_as_the_table_says(tmp_path: Path) -> None:
    """The whole demo, trained again; machines round differently, so not to the last digit."""
    result = CliRunner().invoke(command, ["--output", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    for row in json.loads((tmp_path / "results.json").read_text())["rows"]:
        errors, (_, told, spread) = row["rmse"], table()[row["name"]]
        assert mean(errors) == pytest.approx(float(told), abs=0.02)
        if spread:
            ends = [float(end) for end in spread.split(" to ")]
            assert [min(errors), max(errors)] == pytest.approx(ends, abs=0.04)


def test_the_networks_have_the_sizes_the_text_says(tmp_path: Path) -> None:
    for name, make in demo.NETWORKS.items():
        assert table()[name][0] == str(sum(p.numel() for p in make(0).parameters()))
    network = demo.make_liquid(0)
    assert isinstance(network, LiquidNetwork)
    network.save(tmp_path / "model.lnn")
    assert (tmp_path / "model.lnn").stat().st_size < 4000


def test_the_speed_table_says_what_was_measured() -> None:
    record = json.loads((ROOT / "benchmarks" / "speed.json").read_text())
    ratios = {(each["case"], each["mode"], each["name"]): each for each in record["peers"]}
    kinds = {
        "fully connected": "full conductance",
        "NCP": "ncp conductance",
        ", 10 % of the synapses": "sparse conductance",
        "closed form": "full closed_form",
        "dense dynamics": "full dense",
    }
    rows = re.findall(r"^\| ([\d, ]+?\d)(, 10 %[^|]*| [^|\d]+?) *\| ([^|]+?) *\|(.*)\|(.*)\|$",
                      TEXT, re.MULTILINE)  # fmt: skip
    assert len(rows) == 9
    for sizes, kind, peer, *told in rows:
        case, name = f"{sizes} {kinds[kind.strip()]}", peer.replace("=", "").strip()
        for mode, text in zip(("forward", "train"), told):
            ratio = ratios[case, mode, name]["ratio"]
            assert text.strip() == (f"{ratio:.0f}x" if ratio >= 10 else f"{ratio:.1f}x"), case
    for kind, start in (("conductance", "one streaming step of 19"), ("closed_form", "one of 32")):
        found = record["streaming"][kind]
        microseconds, ratio = re.search(rf"^\| {start}[^:]*: ([\d.]+) us .*? (\d+)x \|", TEXT,
                                        re.MULTILINE).groups()  # fmt: skip
        assert float(microseconds) == pytest.approx(found["ours_us"], abs=0.5)
        assert ratio == f"{found['ratio']:.0f}"
