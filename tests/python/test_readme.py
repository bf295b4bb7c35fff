"""The README's Python runs as it stands, and its numbers are those of the records."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import bars, migration
from liquid_neural_networks import demo
from liquid_neural_networks.demo._results import rmse
from liquid_neural_networks.demo._task import baselines, load_record, make_task
from readme_records import differences, expected_sentences

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.org").read_text("utf-8")
PAGES = ("docs/performance.org", "docs/inside.org")
TEXT = "\n".join([README, *((ROOT / page).read_text("utf-8") for page in PAGES)])
"""What the records are checked against: the README, and the pages with most of its numbers."""
PYTHON = re.compile(r"^#\+begin_src python\n(.*?)^#\+end_src", re.DOTALL | re.MULTILINE)


def test_every_block_of_python_runs_by_itself(tmp_path: Path, monkeypatch, capsys) -> None:
    """As it is after a copy and a paste into a new interpreter."""
    monkeypatch.chdir(tmp_path)
    blocks = PYTHON.findall(README)
    assert blocks[0].startswith("from liquid_neural_networks import LiquidNeuron, LiquidNetwork")
    first, second, _ = [executed(block) for block in blocks]
    assert tuple(first["outputs"].shape) == (64, 20, 2)
    gradients = [p.grad for p in first["network"].parameters() if p.grad is not None]
    assert gradients and all(bool(g.isfinite().all()) for g in gradients)
    assert second["steering"].shape == (2,)
    assert "19: 12 inter, 6 command, 1 motor" in capsys.readouterr().out
    assert (tmp_path / "time_constants.png").read_bytes().startswith(b"\x89PNG")


def executed(block: str) -> dict[str, Any]:
    """The names that a block of code leaves behind."""
    names: dict[str, Any] = {}
    exec(block, names)
    return names


def test_every_table_and_sentence_says_what_its_record_says() -> None:
    assert differences(TEXT) == []


def numbers_in_tables() -> list[re.Match[str]]:
    """Every number of every table, with its place in the text."""
    lines = re.finditer(r"^\|.*$", TEXT, re.MULTILINE)
    return [
        number
        for line in lines
        for number in re.compile(r"\d+(?:[.,]\d+)*").finditer(TEXT, line.start(), line.end())
    ]


def changed(number: str) -> set[str]:
    """The number with its first digit, and with its last, one higher; 9 becomes 0."""
    higher = str.maketrans("0123456789", "1234567890")
    return {number[0].translate(higher) + number[1:], number[:-1] + number[-1].translate(higher)}


def test_any_number_of_a_table_changed_alone_is_noticed() -> None:
    found = numbers_in_tables()
    assert len(found) > 150
    for number in found:
        for other in changed(number[0]):
            assert differences(TEXT[: number.start()] + other + TEXT[number.end() :]), number[0]


def test_sentences_with_numbers_occur_once() -> None:
    """So that a number changed in one of them is noticed."""
    text = " ".join(TEXT.split())
    for sentence in expected_sentences():
        assert text.count(sentence) == 1 and re.search(r"\d|three", sentence)


def test_the_roofs_of_the_record_are_reported_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    speed = json.loads((ROOT / "benchmarks" / "speed.json").read_text())
    bars.report(speed)
    printed = capsys.readouterr().out
    roofs = speed["roofline"]["roofs"]
    assert roofs and all(
        f" of {rate / 1e9:.2f}: {roof}\n" in printed for roof, rate in roofs.items()
    )


def test_the_page_of_migration_shows_what_was_measured() -> None:
    record = json.loads(migration.RECORD.read_text())
    assert list(record["ratios"]) == list(migration.CASES)
    text = migration.PAGE.read_text()
    assert list(record["network"]["ratios"]) == list(migration.NETWORK_CASES)
    assert text == migration.written(text, record)
    processor, threads, instructions, *_ = record["machine"].split(", ")
    words = {"2 threads": "two threads", "avx2": "AVX2", "avx512": "AVX-512"}
    assert f"{words[threads]} of an {processor} ({words[instructions]})" in text


def demo_record() -> dict[str, dict[str, Any]]:
    """Name -> row, of the demo that the README shows."""
    record = json.loads((ROOT / "benchmarks" / "demo.json").read_text())
    return {row["name"]: row for row in record["rows"]}


def test_the_record_of_the_demo_follows_from_its_forecasts() -> None:
    record = json.loads((ROOT / "benchmarks" / "demo.json").read_text())
    actual = np.array(record["actual"])
    for name, row in demo_record().items():
        runs = [np.array(run) for run in record["forecasts"][name]]
        assert row["rmse"] == pytest.approx([rmse(run, actual) for run in runs], rel=1e-12)


def test_the_rules_do_as_well_as_the_record_says() -> None:
    task = make_task(load_record())
    actual = (task.record.ppm + task.rise)[task.test]
    for name, forecasts in baselines(task).items():
        assert demo_record()[name]["rmse"] == pytest.approx([rmse(forecasts[task.test], actual)])


def test_networks_trained_again_do_as_well_as_the_record_says(tmp_path: Path) -> None:
    """One run of each; machines round differently, so not to the last digit."""
    results = demo.run(tmp_path, runs=1, progress=False)
    for row in results.rows:
        known = demo_record()[row.name]
        assert row.parameters == known["parameters"]
        assert row.rmse[0] == pytest.approx(known["rmse"][0], abs=0.03)
    assert (tmp_path / "model.lnn").stat().st_size < 4000
