"""``lnn stream --learn``: predictions first, labels then, errors said, a learner that survives."""

from __future__ import annotations

import io
import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import numpy as np
import polars
import pytest
from click.testing import CliRunner, Result

from liquid_neural_networks import LiquidNetwork, model_file, online
from liquid_neural_networks.cli import _live_learning, main
from liquid_neural_networks.errors import DataError
from liquid_neural_networks.online import Guarded
from liquid_neural_networks.training import Forecaster, fit_table


def lnn(*arguments: Any, text: str) -> Result:
    return CliRunner().invoke(main, ["stream", *map(str, arguments)], input=text)


@pytest.fixture(scope="module")
def table() -> polars.DataFrame:
    rows = np.arange(400)
    wave = 400 + 10 * np.sin(rows / 3)
    wave[150:] = 400 + 30 * np.sin(rows[150:] / 2)  # nothing it was trained on
    return polars.DataFrame(
        {
            "t": rows / 2,
            "level": [None if k % 11 == 3 else float(value) for k, value in enumerate(wave)],
            "load": np.cos(rows / 5) * 3e4,
            "flow": wave - np.roll(wave, 1),
        }
    )


KINDS: dict[str, dict[str, Any]] = {
    "next": {"targets": "level", "baseline": "latest"},
    "ahead": {"targets": "level", "horizon": 3, "baseline": "none"},
    "linear": {"targets": ["level", "load"], "baseline": "linear"},
    "now": {"targets": "flow", "horizon": 0, "features": ["level", "load"]},
}
REFUSED: dict[str, dict[str, Any]] = {
    "path": {"targets": "level", "horizon": 3, "path": True},
    "quantiles": {"targets": "level", "quantiles": [0.1, 0.5]},
}


@pytest.fixture(scope="module")
def models(table: polars.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learning")
    common = {"epochs": 1, "window": 16, "hidden_size": 5, "time": "t", "progress": False}
    for kind, options in {**KINDS, **REFUSED}.items():
        fit_table(table[:150], **{**common, **options}).save(folder / f"{kind}.lnn")
    LiquidNetwork(2, 6, 2, seed=0).save(folder / "plain.lnn")
    return folder


def rows(count: int, seed: int = 0) -> str:
    """Rows of a network with two inputs and two labels, some missing."""
    values = np.random.default_rng(seed).normal(size=(count, 2))
    lines = [
        f"{a},{b},{'' if k % 7 == 2 else a - b},{a * b}" for k, (a, b) in enumerate(values.tolist())
    ]
    return "\n".join(["a,b,difference,product", *lines]) + "\n"


def test_a_network_answers_first_and_learns_then(models: Path) -> None:
    text = rows(150)
    result = lnn(models / "plain.lnn", "--learn", "difference,product", text=text)
    assert result.exit_code == 0, result.output
    network = LiquidNetwork.load(models / "plain.lnn")
    guarded = Guarded(network.learner(), scale=False, shadow="frozen")
    frozen = network.stream()
    wanted, errors = [], np.zeros(2)
    for a, b, *labels in polars.read_csv(io.StringIO(text)).rows():
        known = np.array([np.nan if each is None else each for each in labels])
        wanted.append(guarded.step([a, b]))
        errors += [abs(each[1] - known[1]) for each in (wanted[-1], frozen.step([a, b]))]
        guarded.learn(known)
    found = polars.read_csv(io.StringIO(result.stdout))
    np.testing.assert_allclose(found.to_numpy(), wanted, rtol=1e-12)
    said = result.stderr.splitlines()
    assert said[0].startswith("difference: mean absolute error over 1")
    # The first label has no last value beside it.
    assert said[1].startswith("product: mean absolute error over 149 labels: learning ")


@pytest.mark.parametrize("kind", KINDS)
def test_a_forecaster_learns_the_label_when_its_row_comes(
    kind: str, models: Path, table: polars.DataFrame
) -> None:
    """Scaled, fed and compared one row at a time, as the training does it."""
    forecaster = Forecaster.load(models / f"{kind}.lnn")
    target = forecaster.columns.targets[0]
    result = lnn(models / f"{kind}.lnn", "--learn", target, text=table.write_csv())
    assert result.exit_code == 0, result.output
    found = polars.read_csv(io.StringIO(result.stdout))
    answers = found[f"predicted_{target}"].to_numpy().astype(float)
    horizon, series = forecaster.horizon, _series(forecaster, table)
    pairs = forecaster.pairs(series)
    past = forecaster.aim.past(series)
    start = forecaster.aim.start(past)
    fed = forecaster.inputs.apply(forecaster.aim.fed(series, past, start))
    learner = forecaster.network.learner(max_delay=horizon)
    guarded = Guarded(learner, scale=False, shadow="frozen")
    wanted = []
    assert forecaster.outputs is not None
    for row in range(len(fed)):
        output = guarded.step(fed[row], series.elapsed_time[row])
        wanted.append(forecaster.outputs.invert(output)[0] + start[row, 0, 0])
        if row >= horizon:
            label = pairs.targets[row - horizon].copy()
            label[1:] = np.nan
            guarded.learn(label, horizon)
    np.testing.assert_allclose(answers, wanted, rtol=1e-6)
    assert f"{target}: mean absolute error over" in result.stderr


def _series(forecaster: Forecaster, table: polars.DataFrame) -> Any:
    columns = forecaster.columns
    (recording,) = columns.recordings(table.select(*dict.fromkeys([*columns.features,
                                      *columns.targets, *columns.order.kept_as_text])))  # fmt: skip
    return recording.series


def test_it_learns_what_changed(models: Path, table: polars.DataFrame) -> None:
    result = lnn(models / "next.lnn", "--learn", "level", text=table.write_csv(),)  # fmt: skip
    learning, frozen = _errors(result.stderr)
    assert learning < frozen


def _errors(said: str) -> tuple[float, float]:
    words = said.split("labels: ")[1].split("\n")[0].replace(",", "").split()
    return float(words[1]), float(words[3])


@pytest.mark.parametrize("kind", ["plain", "ahead"])
def test_killed_and_resumed_it_says_the_same(
    kind: str, models: Path, table: polars.DataFrame, tmp_path: Path
) -> None:
    text, targets = rows(60), "difference,product"
    if kind == "ahead":
        text, targets = table[:60].write_csv(), "level"
    header, *lines = text.splitlines()
    model, state = models / f"{kind}.lnn", tmp_path / "state"

    def run(part: list[str], commit: Path, *options: Any) -> tuple[list[str], str]:
        options = ("--learn", targets, "--commit", commit, *options)
        result = lnn(model, *options, text="\n".join([header, *part]))
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()[1:], result.stderr

    whole, said = run(lines, tmp_path / "whole.lnn")
    first, _ = run(lines[:25], tmp_path / "parts.lnn", "--state", state)
    rest, said_at_last = run(lines[25:], tmp_path / "parts.lnn", "--state", state)
    assert first + rest == whole
    assert said_at_last == said
    assert (tmp_path / "parts.lnn").read_bytes() == (tmp_path / "whole.lnn").read_bytes()
    assert (tmp_path / "whole.lnn").read_bytes() != model.read_bytes()


def test_a_committed_network_goes_on_as_it_was(models: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.lnn"
    assert lnn(models / "next.lnn", "--learn", "level", "--commit", new,
               text="t,level,load,flow\n" + "".join(f"{k},{400 + k % 5},1,0\n" for k in range(90)),
               ).exit_code == 0  # fmt: skip
    made, before = Forecaster.load(new), Forecaster.load(models / "next.lnn")
    assert made.inputs == before.inputs and made.aim.to_dict() == before.aim.to_dict()
    assert any(
        not np.array_equal(value.detach(), before.network.values()[name].detach())
        for name, value in made.network.values().items()
    )


def test_bad_lines_change_nothing(models: Path) -> None:
    header, *good = rows(20).splitlines()
    bad = ["1,2", "x,1,2,3", "1,2,much,3", "1,2,1e39,1", "inf,1,1,1"]
    mixed = [*good[:9], *bad, *good[9:]]
    options = ("--learn", "difference,product")
    found = lnn(models / "plain.lnn", *options, text="\n".join([header, *mixed]))
    alone = lnn(models / "plain.lnn", *options, text="\n".join([header, *good]))
    assert found.exit_code == 0 and found.stdout == alone.stdout
    left_out = [line.split(":")[0] for line in found.stderr.splitlines() if "left out" in line]
    assert left_out == [f"line {number}" for number in range(10, 15)]


def test_json_rows_may_come_without_a_label(models: Path) -> None:
    lines = [{"a": 1, "b": 2, "x": 1, "y": 2}, {"a": 1, "b": 2}, {"a": 1, "b": 2, "y": None}]
    text = "\n".join(json.dumps(line) for line in lines)
    result = lnn(models / "plain.lnn", "--learn", "x,y", text=text)
    assert result.exit_code == 0 and len(result.stdout.splitlines()) == 3, result.output


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("plain", ["--learn", "difference"], "2 outputs"),
        ("plain", ["--learn", "difference,sum"], "no column sum"),
        ("next", ["--learn", "load"], "load is no target of the model; expected level"),
        ("path", ["--learn", "level"], "every row up to the horizon"),
        ("quantiles", ["--learn", "level"], "quantiles"),
        ("plain", ["--commit", "new.lnn"], "needs --learn"),
        ("plain", ["--learn", "a,b", "--learning-rate", "0"], "--learning-rate"),
        ("plain", ["--learn", "a,b", "--learning-rate", "nan"], "--learning-rate"),
        ("plain", ["--learning-rate", "0.1"], "--learning-rate: needs --learn"),
    ],
)
def test_what_cannot_be_learned_is_refused(
    model: str,
    options: list[str],
    said: str,
    models: Path,
    table: polars.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    text = rows(3) if model == "plain" else table[:3].write_csv()
    result = lnn(models / f"{model}.lnn", *options, text=text)
    assert result.exit_code == 1 and said in result.stderr, result.output


def test_the_model_of_a_state_is_not_written_over(models: Path, tmp_path: Path) -> None:
    model = models / "plain.lnn"
    options = ("--learn", "difference,product", "--commit", model, "--state", tmp_path / "state")
    result = lnn(model, *options, text=rows(3))
    assert result.exit_code == 1 and "--commit" in result.stderr


def test_what_is_read_is_not_written_over(models: Path, tmp_path: Path) -> None:
    table, model = tmp_path / "rows.csv", str(models / "plain.lnn")
    table.write_text(rows(3))
    options = ["stream", model, "--learn", "difference,product", "--commit"]
    with table.open("rb") as file:
        result = CliRunner().invoke(main, [*options, str(table)], input=file)
    assert result.exit_code == 1 and "standard input" in result.stderr
    assert table.read_text() == rows(3)


def test_inputs_are_told_apart_by_name(models: Path, tmp_path: Path) -> None:
    options = ("--learn", "difference,product", "--state", tmp_path / "state")
    wanted = lnn(models / "plain.lnn", *options[:2], text=rows(6)).stdout.splitlines()[1:]
    header, *lines = rows(6).splitlines()
    found = lnn(models / "plain.lnn", *options, text="\n".join([header, *lines[:3]]))
    answers = found.stdout.splitlines()[1:]
    other = [",".join(np.array(each.split(","))[[3, 1, 0, 2]]) for each in lines[3:]]
    text = "\n".join(["product,b,a,difference", *other, "1,2,3,4"])
    found = lnn(models / "plain.lnn", *options, text=text)
    answers += found.stdout.splitlines()[1:-1]
    assert answers == wanted
    found = lnn(models / "plain.lnn", *options, text='{"b": 1, "c": 2}\n{"b": 1, "a": 2}\n')
    assert "line 1: a: the column is missing" in found.stderr
    assert len(found.stdout.splitlines()) == 1


def test_the_state_of_a_learner_that_diverged_is_read(models: Path, tmp_path: Path) -> None:
    options = ("--learn", "difference,product", "--state", tmp_path / "state")
    for rate in ("1e30", "0.001"):
        found = lnn(models / "plain.lnn", *options, "--learning-rate", rate, text=rows(100))
        assert found.exit_code == 0, found.stderr


def test_state_and_commit_are_two_files(models: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "state")
    for commit in ("state", "link", "."):
        path = tmp_path / commit / ("state" if commit == "." else "")
        options = ("--learn", "difference,product", "--commit", path, "--state", tmp_path / "state")
        result = lnn(models / "plain.lnn", *options, text=rows(3))
        assert result.exit_code == 1, result.output
        assert "--commit" in result.stderr and "--state" in result.stderr
        assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("kind", ["plain", "next"])
def test_a_learning_rate_holds_from_when_it_is_given(
    kind: str, models: Path, table: polars.DataFrame, tmp_path: Path
) -> None:
    text, targets = rows(3), "difference,product"
    if kind == "next":
        text, targets = table[:3].write_csv(), "level"
    options = ("--learn", targets, "--state", tmp_path / "state")
    rates = []
    for given in ((), ("--learning-rate", 0.25), ()):
        assert lnn(models / f"{kind}.lnn", *options, *given, text=text).exit_code == 0
        # Rows at times that were already there are left out, which does not matter here.
        live = json.loads((tmp_path / "state").read_bytes())["live"]
        data = b64decode((live["live"] if kind == "next" else live)["learner"])
        inner = online._snapshots.loads(online._snapshots.loads(data)["inner"])
        rates.append(inner["options"]["learning_rate"])
    assert rates == [0.001, 0.25, 0.25]


def test_two_events_of_one_row_are_both_said_once() -> None:
    learner = LiquidNetwork(2, 4, 1).learner()

    class Learns(_live_learning._Learns):
        errors = _live_learning.Errors(["a"])
        guarded = Guarded(learner)  # type: ignore[assignment]

    learns = Learns()
    for message in ("one", "two"):
        learner.note("not_finite", message)
    assert list(learns.said()) == ["after 0 rows: one", "after 0 rows: two"]
    learner.note("not_finite", "three")
    assert list(learns.said()) == ["after 0 rows: three"] and list(learns.said()) == []


def leaves(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the numbers of a document are, and its lists."""
    if isinstance(document, (dict, list)):
        parts = document.items() if isinstance(document, dict) else enumerate(document)
        if isinstance(document, list):
            yield path
        for key, each in parts:
            yield from leaves(each, (*path, key))
    elif not isinstance(document, str):
        yield path


@pytest.mark.parametrize("kind", ["plain", "ahead"])
def test_no_number_of_a_state_makes_it_crash(
    kind: str, models: Path, table: polars.DataFrame
) -> None:
    found = model_file.load(models / f"{kind}.lnn")
    time, columns, targets = None, ["a", "b", "difference", "product"], ["difference", "product"]
    if kind == "ahead":
        columns, targets = table.columns, ["level"]
    given = rows(6) if kind == "plain" else table[:6].write_csv()
    cells = [dict(zip(columns, line.split(","))) for line in given.splitlines()[1:]]

    def make() -> Any:
        return _live_learning.learning_of(found, time, columns, targets)

    learning = make()
    learning.steps(cells)
    saved = json.dumps(learning.saved())
    refused = 0
    for path in leaves(json.loads(saved)):
        for wrong in (float("inf"), 10**400, "x"):
            document = json.loads(saved)
            target = document
            for key in path[:-1]:
                target = target[key]
            target[path[-1]] = wrong
            damaged = make()
            try:
                damaged.restore(document)
                damaged.steps(cells[-1:])
            except DataError as error:
                assert "is no state" in str(error)
                refused += 1
    assert refused > 20


@pytest.mark.parametrize("part", ["live", "learner", "errors", "last", None])
def test_damaged_states_are_refused(part: Optional[str], models: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    options = ("--learn", "difference,product", "--state", state)
    model = models / "plain.lnn"
    assert lnn(model, *options, text=rows(3)).exit_code == 0
    saved = json.loads(state.read_bytes())
    if part is not None:
        saved["live"][part] = "AAAA"
    state.write_text(json.dumps(saved))
    if part is None:  # of a learner, but nobody learns now
        options = ("--state", state)
    refused = lnn(model, *options, text="a,b\n1,2\n" if part is None else rows(3))
    assert refused.exit_code == 1 and "is no state" in refused.stderr, refused.output
