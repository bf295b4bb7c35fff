"""``lnn stream``: answers line by line, bad lines, a state that survives a restart."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from click.testing import CliRunner, Result

from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.cli import _lines, main
from liquid_neural_networks.errors import DataError
from liquid_neural_networks.training import Forecaster, fit_table


def lnn(*arguments: Any, text: str) -> Result:
    return CliRunner().invoke(main, ["stream", *map(str, arguments)], input=text)


@pytest.fixture(scope="module")
def table() -> polars.DataFrame:
    rows = np.arange(90)
    wave = 400 + 10 * np.sin(rows / 3)
    hours = rows * 3600 + 600 * (rows % 4)
    return polars.DataFrame(
        {
            "when": polars.Series(hours * 1_000_000).cast(polars.Datetime("us")),
            "level": [None if k % 11 == 3 or k < 2 else float(w) for k, w in enumerate(wave)],
            "load": np.cos(rows / 5) * 3e4,
            "state": np.where(wave > 400, "up, high", "down"),
        }
    )


@pytest.fixture(scope="module")
def models(table: polars.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stream")
    for kind, options in KINDS.items():
        common = {"epochs": 1, "window": 16, "hidden_size": 5, "time": "when", "progress": False}
        made = fit_table(table, **{"targets": kind, **common, **options})
        made.save(folder / f"{kind}.lnn")
    LiquidNetwork(2, 6, 3, seed=0).save(folder / "plain.lnn")
    return folder


KINDS: dict[str, dict[str, Any]] = {
    "level": {},
    "state": {},
    "latest": {"targets": "level", "baseline": "latest"},
    "none": {"targets": "level", "baseline": "none", "horizon": 2},
    "linear": {"targets": ["level", "load"], "baseline": "linear"},
    "day": {"targets": "level", "baseline": "last_day"},
    "path": {"targets": "level", "horizon": 3, "path": True, "quantiles": [0.1, 0.5]},
    "words": {"targets": "level", "categories": "state", "calendar": ["hour"]},
    "groups": {"targets": "level", "group": "state"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_predict(kind: str, models: Path, table: polars.DataFrame) -> None:
    model = models / f"{kind}.lnn"
    result = lnn(model, text=table.write_csv())
    assert result.exit_code == 0, result.output
    found = polars.read_csv(io.StringIO(result.stdout))
    forecaster = Forecaster.load(model)
    for row in (0, 1, 30, 89):
        newest = forecaster.predict(table[: row + 1], latest=True)
        own = (
            newest.filter(polars.col("state") == table["state"][row])
            if kind == "groups"
            else newest
        )
        for name in found.columns:
            if name in (*table.columns, "made_at"):
                continue
            step = re.fullmatch(r"(.*)_(\d)", name) if kind == "path" else None
            wanted = own[step[1]][int(step[2]) - 1] if step else own[name][0]
            value = found[name][row]
            if isinstance(wanted, str):
                assert value == wanted
            else:
                value = np.nan if value is None else value
                np.testing.assert_allclose(value, wanted, rtol=1e-5, err_msg=name)
    given = polars.read_csv(io.StringIO(table.write_csv()), infer_schema=False)
    # As lnn predict calls it: a column "when" would be the time that the forecast is for.
    assert found["when" if kind == "state" else "made_at"].to_list() == given["when"].to_list()


def test_a_time_that_does_not_rise_is_said_in_words_of_the_stream(
    models: Path, table: polars.DataFrame
) -> None:
    header, first, second = table[:2].write_csv().splitlines()
    result = lnn(models / "level.lnn", text="\n".join([header, second, first]))
    assert "line 2: when: 1970-01-01 00:00:00 is not after 1970-01-01 01:10:00" in result.stderr
    assert "--" not in result.stderr and "sort" not in result.stderr


@pytest.mark.parametrize(
    "times",
    [
        ("2024-01-01T00:00:00.1Z", "2024-01-01T00:00:02.1Z"),
        ("20240101T000000", "20240101T000002"),
        ("2024-01-01 00:00:00", "2024-01-01 00:00:02"),
        ("2024-01-31 23:59:59", "2024-02-01 00:00:01"),
        ("1704067200", "1704067202"),
    ],
)
def test_times_of_a_network_without_a_table_in_every_usual_form(
    models: Path, times: tuple[str, str]
) -> None:
    rows = "t,a,b\n" + "".join(f"{time},0.5,1\n" for time in times)
    result = lnn(models / "plain.lnn", "--time", "t", text=rows)
    assert result.stderr == "", result.stderr
    expected = LiquidNetwork.load(models / "plain.lnn").stream()
    expected.step([0.5, 1.0])
    answer = np.array(result.stdout.splitlines()[2].split(",")[1:], dtype=float)
    np.testing.assert_allclose(answer, expected.step([0.5, 1.0], 2.0), rtol=1e-6)


def test_json_lines(models: Path, table: polars.DataFrame) -> None:
    model = models / "state.lnn"
    lines = [
        json.dumps({"load": load, "level": level, "when": when.isoformat() + "Z", "more": [1]})
        for load, level, when in zip(table["load"], table["level"], table["when"])
    ]
    result = lnn(model, text="\n".join(lines) + "\n")
    assert result.exit_code == 0, result.output
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    wanted = Forecaster.load(model).predict(table)
    assert [each["predicted_state"] for each in answers] == wanted["predicted_state"].to_list()
    probabilities = [each["probability"] for each in answers]
    np.testing.assert_allclose(probabilities, wanted["probability"], rtol=1e-5)


def test_bad_lines_are_reported_and_left_out(models: Path) -> None:
    good = ["0,1,2", "1.5,3,", "2,nan,4"]
    bad = ["2", "x,1,2", "2,y,2", "1,1,1", ",1,1", "3,inf,1", '"3,1,1']
    mixed = ["t,a,b", good[0], *bad[:3], good[1], *bad[3:], good[2], ""]
    result = lnn(models / "plain.lnn", "--time", "t", text="\n".join(mixed))
    alone = lnn(models / "plain.lnn", "--time", "t", text="\n".join(["t,a,b", *good]))
    assert result.exit_code == alone.exit_code == 0
    assert result.stdout == alone.stdout
    assert alone.stderr == ""
    complaints = result.stderr.splitlines()
    # The header is no row: lines are counted after it.
    numbers = [2, 3, 4, 6, 7, 8, 9]
    assert [line.split(":")[0] for line in complaints] == [f"line {number}" for number in numbers]
    network = LiquidNetwork.load(models / "plain.lnn").stream()
    wanted = [network.step([1, 2]), network.step([3, np.nan], 1.5), network.step([np.nan, 4], 0.5)]
    found = polars.read_csv(io.StringIO(alone.stdout))
    assert found.columns == ["t", "output_0", "output_1", "output_2"]
    np.testing.assert_array_equal(found.drop("t").to_numpy().astype(np.float32), wanted)


def test_no_line_of_json_ends_the_stream(models: Path) -> None:
    good = ['{"t": 1, "a": 1, "b": 2}', '{"t": 2, "a": 1, "b": null}']
    bad = [
        f'{{"t": 2, "a": {10**400}, "b": 2}}',
        f'{{"t": {10**400}, "a": 1, "b": 2}}',
        "[" * 100_000,
        *(f'{{"t": 2, "a": {"[" * n + "]" * n}, "b": 2}}' for n in range(900, 1000)),
        '{"t": "\\ud800", "a": 1, "b": 2}',
        '{"\\ud800": 2, "a": 1, "b": 2}',
    ]
    mixed = lnn(models / "plain.lnn", "--time", "t", text="\n".join([good[0], *bad, good[1]]))
    alone = lnn(models / "plain.lnn", "--time", "t", text="\n".join(good))
    assert mixed.exit_code == alone.exit_code == 0, mixed.output
    assert mixed.stdout == alone.stdout and len(alone.stdout.splitlines()) == 2
    complaints = mixed.stderr.splitlines()
    assert [line.split(":")[0] for line in complaints] == [f"line {n}" for n in range(2, 107)]
    # A whole character, spelled as two halves, is none of them.
    written = '{"when": "2026-01-01", "load": 1, "level": 2, "state": "\\ud83d\\ude00"}'
    assert lnn(models / "groups.lnn", text=written).stdout.startswith('{"made_at": "2026-01-01"')


def test_the_state_is_written_before_any_error_ends_the_stream(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(sys.modules["liquid_neural_networks.cli.stream"], "_say", fails)
    state = tmp_path / "state.json"
    lnn(models / "plain.lnn", "--state", state, text='{"a": 1, "b": 2}\n')
    network = LiquidNetwork.load(models / "plain.lnn").stream()
    network.step([1, 2])
    assert json.loads(state.read_text())["live"]["state"] == network.state.tolist()


def test_a_byte_order_mark_is_no_part_of_the_first_line(models: Path) -> None:
    for text in ("t,a,b\n0,1,2\n", '{"t": 0, "a": 1, "b": 2}'):
        marked = lnn(models / "plain.lnn", "--time", "t", text="\ufeff" + text)
        assert marked.stderr == ""
        assert marked.stdout == lnn(models / "plain.lnn", "--time", "t", text=text).stdout


class Bytes:
    """A file of bytes that come ``size`` at a time."""

    encoding = "utf-8"

    def __init__(self, content: bytes, size: int):
        self.parts = [content[k : k + size] for k in range(0, len(content), size)]
        self.buffer = self

    def read1(self, most: int) -> bytes:
        return self.parts.pop(0) if self.parts else b""


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_lines_longer_than_any_row_are_left_out(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lines, "LONGEST", 7)
    content = "\ufeffa,b\n\n1234567\n12345678\r\n\u00e9\n" + 30 * "x"
    found = list(_lines.lines_at_hand(Bytes(content.encode(), size)))
    wanted = ["a,b", "", "1234567", None, "\u00e9", None]
    assert [line for part in found for line in part] == wanted
    with pytest.raises(DataError, match="longer"):
        _lines.format_of(None)


def test_a_long_line_is_reported_in_little_time(models: Path) -> None:
    text = "a,b\n1,2\n" + "1" * (2**24 + 2**20) + "\n3,4\n"
    result = lnn(models / "plain.lnn", text=text)
    assert result.stderr == "line 2: is longer than 16 MiB; left out\n"
    assert len(result.stdout.splitlines()) == 3


@pytest.mark.parametrize("form", ["csv", "json"])
def test_goes_on_after_a_restart(
    form: str, models: Path, table: polars.DataFrame, tmp_path: Path
) -> None:
    headers, rows = ["when,load,level"], table.select("when", "load", "level")
    lines = rows.write_csv().splitlines()[1:]
    if form == "json":
        headers = []
        lines = [json.dumps({**row, "when": str(row["when"])}) for row in rows.to_dicts()]

    def answers(part: list[str], *options: Any) -> list[str]:
        result = lnn(models / "level.lnn", *options, text="\n".join([*headers, *part]))
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()[len(headers) :]

    state = ("--state", tmp_path / "state.json")
    whole = answers(lines)
    assert len(whole) == 90
    parts = answers(lines[:40], *state) + answers(lines[40:], *state)
    values = [re.findall(r"4[01]\d\.\d+|39\d\.\d+", "\n".join(each)) for each in (parts, whole)]
    assert len(values[0]) == len(values[1]) == 88  # none is known before row 2
    np.testing.assert_allclose(*(np.array(each, float) for each in values), rtol=1e-7)


@pytest.mark.parametrize("learning", ([], ["--learn", "level"]))
def test_a_first_line_without_names_is_refused(learning: list[str], models: Path) -> None:
    result = lnn(models / "level.lnn", *learning, text="2001-12-22,372.0\n2001-12-29,371.5\n")
    assert result.exit_code == 1
    assert "header: has no level, load, when; the first line has to name" in result.stderr
    assert "tail -n +1 -f" in result.stderr


def test_a_first_line_that_lacks_a_name_is_refused(models: Path) -> None:
    result = lnn(models / "level.lnn", text="when,level,other\n2001-12-22,372.0,1\n")
    assert result.exit_code == 1 and "header: has no load; the first line" in result.stderr


def test_a_file_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    result = lnn(tmp_path / "none.lnn", text="")
    assert result.stderr.splitlines()[-1].endswith("none.lnn: no such file or directory")


def test_a_state_of_another_model_is_refused(models: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    assert lnn(models / "plain.lnn", "--state", state, text="a,b\n1,2\n").exit_code == 0
    refused = lnn(models / "level.lnn", "--state", state, text="a,b\n1,2\n")
    assert refused.exit_code == 1
    assert "another model" in refused.stderr
    state.write_text("[]")
    assert "no state" in lnn(models / "plain.lnn", "--state", state, text="a\n").stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("time", each) for each in ("1", True, [1], 10**400, float("nan"), float("inf"))),
        *(("dates", each) for each in (1, "no", [])),
        *(("columns", each) for each in ("a", ["a"], ["a", "a"], ["a", "t"], [1, 2])),
        *(("state", each) for each in (None, {}, [["x"]], [1], [[10**400] * 6], [[None] * 6])),
    ],
)
def test_a_state_of_other_kinds_is_refused(
    name: str, value: Any, models: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    arguments = (models / "plain.lnn", "--time", "t", "--state", state)
    assert lnn(*arguments, text="t,a,b\n1,1,2\n").exit_code == 0
    saved = json.loads(state.read_text())
    saved["live"][name] = value
    state.write_text(json.dumps(saved))
    refused = lnn(*arguments, text="t,a,b\n2,1,2\n")
    assert refused.exit_code == 1 and isinstance(refused.exception, SystemExit)
    assert "is no state of this network" in refused.stderr


def test_a_state_without_columns_takes_those_of_the_next_row(models: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    arguments = (models / "plain.lnn", "--state", state)
    assert lnn(*arguments, text="a,b\n1,2\n").exit_code == 0
    whole = state.read_text()
    saved = json.loads(whole)
    assert saved["live"].pop("columns") == ["a", "b"]
    state.write_text(json.dumps(saved))
    found = lnn(*arguments, text="a,b\n3,4\n")
    state.write_text(whole)
    assert found.exit_code == 0
    assert found.stdout == lnn(*arguments, text="b,a\n4,3\n").stdout


def test_a_table_of_another_width_is_refused_at_once(models: Path) -> None:
    result = lnn(models / "plain.lnn", text="a,b,c\n1,2,3\n")
    assert result.exit_code == 1
    assert "2 inputs" in result.stderr
    assert lnn(models / "plain.lnn", text="").exit_code == 0


@pytest.mark.skipif(os.name != "posix", reason="SIGTERM IS NOT TESTED: no POSIX signals here")
def test_answers_at_once_and_keeps_its_state_when_told_to_stop(
    models: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    command = [sys.executable, "-m", "liquid_neural_networks.cli", "stream"]
    process = subprocess.Popen(
        [*command, str(models / "plain.lnn"), "--state", str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("a,b\n1,2\n")
    process.stdin.flush()
    assert process.stdout.readline() == "output_0,output_1,output_2\n"
    assert process.stdout.readline().count(",") == 2  # while the input is still open
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    network = LiquidNetwork.load(models / "plain.lnn").stream()
    network.step([1, 2])
    assert json.loads(state.read_text())["live"]["state"] == network.state.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_the_forecaster_itself_streams(kind: str, models: Path, table: polars.DataFrame) -> None:
    forecaster = Forecaster.load(models / f"{kind}.lnn")
    live, again = forecaster.stream(), forecaster.stream()
    rows = table.with_columns(polars.col("when").cast(polars.String)).to_dicts()
    for number, row in enumerate(rows[:60]):
        if number % 20 == 9:
            again = forecaster.stream(json.loads(json.dumps(again.state)))
        assert live.step(row) == again.step(row)
    first = forecaster.stream().step(rows[0])
    with forecaster.stream() as fresh:
        assert fresh.step(rows[0]) == first
    assert fresh.state == {} and fresh.step(rows[0]) == first
    before = live.state
    spoilt = {**rows[60], "load": "much"}
    huge, half = {**rows[60], "load": 10**400}, {**rows[60], "when": "\ud800"}
    for bad in ({}, spoilt, huge, half, rows[3]):
        with pytest.raises(DataError):
            live.step(bad)
        assert live.state == before
    newest = next(iter(before.values()))
    huge_past = [[[10**400]], *newest["past"][1:]]
    for wrong in ({"state": [1.0]}, {"past": huge_past}, {"row": {}}):
        with pytest.raises(DataError, match="state"):
            forecaster.stream({"": {**newest, **wrong}})
    for state in ([], {"": {}}):
        with pytest.raises(DataError, match="state"):
            forecaster.stream(state)


def test_whole_and_fractional_numbers_may_alternate() -> None:
    rows = np.arange(40.0)
    table = polars.DataFrame({"t": rows / 2, "y": np.sin(rows), "g": np.tile([1, 2], 20)})
    options = {"time": "t", "group": "g", "epochs": 1, "window": 8, "hidden_size": 4}
    live = fit_table(table, "y", **options, progress=False).stream()
    mixed = [
        {"t": t, "y": y, "g": g}
        for t, y, g in [(0, 1, 1), (0.5, 0.5, 2), (1, None, "b"), (1.5, 2, 1), (2, 0.25, "b")]
    ]
    plain = [
        {"t": float(row["t"]), "y": row["y"] and float(row["y"]), "g": str(row["g"])}
        for row in mixed
    ]
    wanted = live.forecaster.stream().steps(plain)
    assert live.steps(mixed) == wanted
    alone = live.forecaster.stream()
    assert [alone.step(row) for row in mixed] == wanted


def test_whole_times_stay_exact() -> None:
    start = 1_700_000_000_000_000_001  # nanoseconds: floats there are 256 apart
    table = polars.DataFrame({"t": start + np.arange(40), "y": np.sin(np.arange(40.0))})
    options = {"time": "t", "epochs": 1, "window": 8, "hidden_size": 4}
    forecaster = fit_table(table, "y", **options, progress=False)
    live = forecaster.stream()
    answers = [live.step(row) for row in table.to_dicts()]
    wanted = forecaster.predict(table, latest=True)["predicted_y"][0]
    np.testing.assert_allclose(answers[-1]["predicted_y"], wanted, rtol=1e-5)
