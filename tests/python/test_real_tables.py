"""Real files as downloaded: the lines of docs/your_own_table.org read and understand them."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from liquid_neural_networks.cli import main
from liquid_neural_networks.training._plan import Plan
from liquid_neural_networks.training._table_windows import Prepared

HERE = os.environ.get("LNN_DATA", "")
PAGE = Path(__file__).parents[2] / "docs/your_own_table.org"
LINE = re.compile(r"^\| (\w+) +\| =(.*?)= +\| +(\d+) \|", re.MULTILINE)
LINES = LINE.findall(PAGE.read_text("utf-8"))

needs_data = pytest.mark.skipif(
    not HERE, reason="THE REAL TABLES ARE NOT TESTED: LNN_DATA names no folder with them"
)


class Understood(Exception):
    """Instead of training."""

    def __init__(self, prepared: Prepared) -> None:
        super().__init__()
        self.prepared = prepared


def test_the_page_has_all_lines() -> None:
    assert len(LINES) == 13 and len({name for name, _, _ in LINES}) == 11


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Record 106 as PhysioBank's tools write it, and its beats one below the other."""
    folder = tmp_path_factory.mktemp("mitbih")
    record = np.load(Path(HERE) / "ecg_mitbih/mitdb_106.npz")
    volts, ventricular = record["ecg"] / 200, set(record["pvc"].tolist())
    lines = ["'Elapsed time','MLII'", "'hh:mm:ss.mmm','mV'"]
    for sample, level in enumerate(volts[:108_000]):
        minutes, seconds = divmod(sample / 360, 60)
        lines.append(f"'{int(minutes)}:{seconds:06.3f}',{level:.3f}")
    (folder / "106.csv").write_text("\n".join(lines))
    lines = ["beat,sample,mV,type"]
    for beat in record["beats"].tolist():
        if 130 <= beat <= len(volts) - 130:
            kind = "V" if beat in ventricular else "N"
            for k in range(beat - 128, beat + 128, 4):
                lines.append(f"{beat},{k},{volts[k : k + 4].mean():.4f},{kind}")
    (folder / "106_beats.csv").write_text("\n".join(lines))
    return folder


@needs_data
@pytest.mark.parametrize(("folder", "line", "rows"), LINES, ids=[line[:30] for _, line, _ in LINES])
def test_each_line_reads_its_file(
    folder: str, line: str, rows: str, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def understood(self: Plan, prepared: Prepared) -> Any:
        raise Understood(prepared)

    monkeypatch.setattr(Plan, "forecaster", understood)
    files = exports if folder == "ecg_mitbih" else Path(HERE) / folder
    arguments = shlex.split(line)
    first = next(i for i, each in enumerate(arguments) if each.startswith("--"))
    paths = [str(files / name) for name in arguments[:first]]
    result = CliRunner().invoke(main, ["train", *paths, *arguments[first:]])
    assert isinstance(result.exception, Understood), result.output
    prepared = result.exception.prepared
    assert sum(len(each.rows) for each in prepared.recordings) == int(rows)
    assert all(np.diff(each.rows).all() for each in prepared.recordings)
    assert not np.isinf(np.concatenate([each.series.inputs for each in prepared.recordings])).any()
