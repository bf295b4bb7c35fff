"""The command line: what goes to standard output, and exit codes a script can rely on."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import click
import numpy as np
import polars
import pytest
from click.testing import CliRunner, Result

from liquid_neural_networks import LiquidNetwork, __version__
from liquid_neural_networks.cli import COMMANDS, main
from liquid_neural_networks.training import Forecaster, verdict

QUICK = ("--epochs", "3", "--hidden-size", "6", "--window", "16", "--quiet")


def lnn(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, a model of its values and a model of its classes."""
    place = tmp_path_factory.mktemp("cli")
    wave = np.sin(np.arange(200) / 3)
    table = polars.DataFrame(
        {
            "hour": np.arange(200) * 0.5,
            "wave": wave,
            "state": np.where(wave > 0, "up", "down"),
        }
    )
    table.write_csv(place / "table.csv")
    table.write_parquet(place / "table.parquet")
    for target, name in (("wave", "values"), ("state", "classes")):
        model = place / f"{name}.lnn"
        result = lnn("train", place / "table.csv", "--target", target, "--output", model, *QUICK)
        assert result.exit_code == 0, result.output
    return place


def test_training_writes_a_model_and_prints_how_good_it_is(folder: Path, tmp_path: Path) -> None:
    model = tmp_path / "wave.lnn"
    result = lnn(
        *("train", folder / "table.parquet", "--target", "wave", "--time", "hour"),
        *("--wiring", "ncp:inter=4,command=3", "--horizon", "2", "--output", model, "--json"),
        *("--epochs", "3", "--window", "16"),
    )
    assert result.exit_code == 0, result.output
    forecaster = Forecaster.load(model)
    printed = json.loads(result.stdout)
    assert printed.pop("verdict") == verdict(forecaster.test, "mse")
    assert printed == forecaster.test
    assert forecaster.horizon == 2 and forecaster.network.wiring.units == 4 + 3 + 1
    assert "best epoch" in result.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["wave.lnn"]


def test_the_same_training_through_the_library_gives_the_same_network(
    folder: Path, tmp_path: Path
) -> None:
    from liquid_neural_networks.training import fit_table

    model = tmp_path / "wave.lnn"
    lnn("train", folder / "table.csv", "--target", "wave", "--output", model, *QUICK)
    expected = fit_table(
        folder / "table.csv", "wave", epochs=3, hidden_size=6, window=16, progress=False
    )
    assert Forecaster.load(model).test == expected.test


@pytest.mark.parametrize("ending", ["", ".csv", ".tsv", ".parquet"])
def test_predictions_go_where_they_are_asked_to(folder: Path, tmp_path: Path, ending: str) -> None:
    model, table, output = folder / "values.lnn", folder / "table.csv", tmp_path / f"out{ending}"
    expected = Forecaster.load(model).predict(table)
    if not ending:
        result = lnn("predict", model, table)
        found = polars.read_csv(StringIO(result.stdout))
    else:
        result = lnn("predict", model, table, "--output", output)
        assert result.stdout == ""
        if ending == ".parquet":
            found = polars.read_parquet(output)
        else:
            found = polars.read_csv(output, separator="\t" if ending == ".tsv" else ",")
    assert result.exit_code == 0
    assert found.columns == expected.columns
    np.testing.assert_allclose(
        found.cast(polars.Float64).to_numpy(), expected.cast(polars.Float64).to_numpy(), rtol=1e-12
    )


@pytest.mark.parametrize("name", ["values", "classes"])
def test_evaluation_prints_for_people_and_for_scripts(folder: Path, name: str) -> None:
    model, table = folder / f"{name}.lnn", folder / "table.csv"
    scores = Forecaster.load(model).evaluate(table)
    machine = json.loads(lnn("evaluate", model, table, "--json").stdout)
    said = machine.pop("verdict")
    assert machine.pop("classes", None) == (["down", "up"] if name == "classes" else None)
    assert machine == scores
    human = lnn("evaluate", model, table).stdout
    assert human.endswith(f"\n{said}\n")
    numbers = {name: value for name, value in scores.items() if isinstance(value, (int, float))}
    measure = "mse" if name == "values" else "accuracy"
    for name, found in scores["baselines"].items():
        numbers[name] = found[measure]
    for metric, value in numbers.items():
        assert re.search(rf"^{metric} +{re.escape(f'{value:.6g}')}$", human, re.MULTILINE)
    if measure == "accuracy":
        assert f"down: {scores['confusion'][1][0]}" in human


@pytest.mark.parametrize("ended", [signal.SIGINT, signal.SIGKILL], ids=["interrupt", "kill"])
def test_an_ended_training_resumes_to_the_same_network(
    folder: Path, tmp_path: Path, ended: signal.Signals
) -> None:
    whole, broken = tmp_path / "whole.lnn", tmp_path / "broken.lnn"
    arguments = ("train", folder / "table.csv", "--target", "wave", "--window", "16", "--quiet")
    command = [sys.executable, "-m", "liquid_neural_networks.cli"]
    running = [*command, *map(str, arguments), "--epochs", "1000000", "--patience", "0"]
    with subprocess.Popen(
        [*running, "--output", str(broken)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        checkpoint = tmp_path / "broken.lnn.checkpoint"
        while not checkpoint.exists():
            assert process.poll() is None
        process.send_signal(ended)
        output, errors = process.communicate(timeout=30)
    assert output == b"" and b"Traceback" not in errors
    if ended == signal.SIGINT:
        assert process.returncode == 130 and b"--resume" in errors
    assert checkpoint.exists() and not broken.exists()

    import torch

    done = len(torch.load(checkpoint, weights_only=True)["history"]["train_loss"])
    ending = ("--epochs", done + 2, "--patience", "0")
    resumed = lnn(*arguments, *ending, "--output", broken, "--resume")
    direct = lnn(*arguments, *ending, "--output", whole)
    assert resumed.exit_code == direct.exit_code == 0
    assert resumed.stdout == direct.stdout
    assert broken.read_bytes() == whole.read_bytes()
    assert not checkpoint.exists()


@pytest.mark.parametrize("link", ["itself", "symlink", "hard link"])
@pytest.mark.parametrize("command", ["train", "predict", "state", "model"])
def test_what_is_read_is_never_written_over(
    folder: Path, tmp_path: Path, command: str, link: str
) -> None:
    table, model = tmp_path / "table.csv", tmp_path / "model.lnn"
    table.write_bytes((folder / "table.csv").read_bytes())
    model.write_bytes((folder / "values.lnn").read_bytes())
    output = read = model if command == "model" else table
    if link != "itself":
        output = tmp_path / "link.csv"
        output.symlink_to(read) if link == "symlink" else output.hardlink_to(read)
    before = read.read_bytes()
    arguments = {
        "train": ("train", table, "--target", "wave", "--output", output, *QUICK),
        "predict": ("predict", model, table, "--output", output),
        "state": ("predict", model, table, "--state", output),
        "model": ("predict", model, table, "--output", output),
    }[command]
    result = lnn(*arguments)
    assert result.exit_code == 2 and "would be overwritten" in result.stderr
    assert read.read_bytes() == before
    assert not list(tmp_path.glob("*.checkpoint"))


def test_what_cannot_be_written_is_said_before_the_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from liquid_neural_networks import training

    never = Path("/proc/none/such")  # no file can be made there, by nobody
    for output in (never.parent.parent / "model.lnn", never / "model.lnn"):
        monkeypatch.setattr(training, "fit_table", lambda *_, **__: pytest.fail("it was trained"))
        result = lnn("train", folder / "table.csv", "--target", "wave", "--output", output, *QUICK)
        assert result.exit_code in (1, 2) and "Error" in result.stderr
    monkeypatch.setattr(Forecaster, "load", lambda *_: pytest.fail("it was read"))
    result = lnn("predict", folder / "values.lnn", folder / "table.csv", "--output", "/proc/x.csv")
    assert result.exit_code == 1 and "Error" in result.stderr


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_after_training_loses_nothing(folder: Path, tmp_path: Path) -> None:
    model = tmp_path / "wave.lnn"
    command = ("train", folder / "table.csv", "--target", "wave", "--output", model, *QUICK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Forecaster, "save", full)
        result = lnn(*command)
    assert result.exit_code == 1 and "No space left" in result.stderr
    assert "go on with --resume" in result.stderr and not model.exists()
    checkpoint = tmp_path / "wave.lnn.checkpoint"
    assert [file.name for file in tmp_path.iterdir()] == [checkpoint.name]
    trained = checkpoint.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: None)  # to see that no epoch was added
        assert lnn(*command, "--resume").exit_code == 0
    assert checkpoint.read_bytes() == trained
    assert Forecaster.load(model).history == Forecaster.load(folder / "values.lnn").history


def test_a_full_disk_leaves_the_forecasts_and_the_state_of_before(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, state = tmp_path / "out.csv", tmp_path / "state"
    command = ("predict", folder / "values.lnn", folder / "table.csv", "--output", output)
    assert lnn(*command, "--state", state).exit_code == 0
    before = output.read_bytes(), state.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    assert lnn(*command).exit_code == 1
    assert lnn(*command, "--state", state).exit_code == 1
    assert (output.read_bytes(), state.read_bytes()) == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.csv", "state"]


def test_forecasts_that_nobody_got_leave_the_state_of_before(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    command = ("predict", folder / "values.lnn", folder / "table.csv", "--state", state)
    monkeypatch.setattr(click, "echo", full)
    assert lnn(*command).exit_code == 1 and not state.exists()


def test_the_state_is_not_written_over_the_forecasts(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    (tmp_path / "link").symlink_to(output)
    result = lnn("predict", folder / "values.lnn", folder / "table.csv", "--output", output,
                 "--state", tmp_path / "link")  # fmt: skip
    assert result.exit_code == 2 and "is the output as well" in result.stderr
    assert not output.exists()


def test_a_result_no_better_than_a_baseline_is_said(folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    polars.DataFrame({"noise": np.cumsum(rng.normal(size=300))}).write_csv(tmp_path / "walk.csv")
    result = lnn("train", tmp_path / "walk.csv", "--target", "noise", "--learning-rate", "10",
                 "--output", tmp_path / "walk.lnn", *QUICK)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "\nno better than " in result.stdout


def test_several_seeds_print_their_spread_and_leave_no_checkpoint(
    folder: Path, tmp_path: Path
) -> None:
    model = tmp_path / "wave.lnn"
    command = ("train", folder / "table.csv", "--target", "wave", "--output", model, *QUICK)
    result = lnn(*command, "--seeds", "2")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"^seed +validation loss +mse\n0 .*\n1 .*\n", result.stdout, re.MULTILINE)
    assert [each.name for each in tmp_path.iterdir()] == ["wave.lnn"]


def test_new_rows_are_predicted_with_the_state_of_those_before(
    folder: Path, tmp_path: Path
) -> None:
    model, table, state = folder / "values.lnn", folder / "table.csv", tmp_path / "state"
    rows = table.read_text().splitlines(keepends=True)
    new = tmp_path / "new.csv"
    new.write_text(rows[0] + rows[-1])
    alone = lnn("predict", model, new)
    assert alone.exit_code == 0 and "Warning: the table has 1 row of a series" in alone.stderr
    (tmp_path / "old.csv").write_text("".join(rows[:-1]))
    assert lnn("predict", model, tmp_path / "old.csv", "--state", state).exit_code == 0
    carried = lnn("predict", model, new, "--state", state, "--latest")
    assert carried.exit_code == 0 and "Warning" not in carried.stderr
    whole = lnn("predict", model, table, "--latest").stdout
    assert carried.stdout.splitlines()[0] == whole.splitlines()[0]
    found, expected = (float(text.rsplit(",", 1)[1]) for text in (carried.stdout, whole))
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_backtest_prints_every_fold(folder: Path) -> None:
    command = ("backtest", folder / "table.csv", "--target", "wave", "--folds", "2", *QUICK)
    found = json.loads(lnn(*command, "--json").stdout)
    assert [fold["tested"] for fold in found["folds"]] == [20, 20]
    shown = lnn(*command)
    assert shown.exit_code == 0, shown.stderr
    for fold in found["folds"]:
        assert f"{fold['test']['mse']:.6g}" in shown.stdout
    assert shown.stdout.endswith(f"\n{found['verdict']}\n")


def test_text_out_of_a_file_cannot_steer_the_terminal(folder: Path, tmp_path: Path) -> None:
    from liquid_neural_networks import model_file

    found = model_file.load(folder / "classes.lnn")
    hostile = "\x1b]0;gone\x07\n"
    columns = {**found.metadata["columns"], "classes": ["up", hostile]}
    path = tmp_path / "hostile.lnn"
    model_file.save(found._replace(metadata={**found.metadata, "columns": columns}), path)
    for arguments in (("inspect", path), ("inspect", path, "--json"),
                      ("evaluate", path, folder / "table.csv")):  # fmt: skip
        result = lnn(*arguments)
        assert "\x1b" not in result.output and "\x07" not in result.output
        assert "Traceback" not in result.output
    for name, value in (("test", hostile), ("test", {hostile: 1}), ("loss", hostile)):
        model_file.save(found._replace(metadata={**found.metadata, name: value}), path)
        for json_ in ((), ("--json",)):
            result = lnn("inspect", path, *json_)
            assert result.exit_code == 1 and "\x1b" not in result.output
            assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1


def test_a_training_that_diverges_leaves_the_best_model(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from liquid_neural_networks.training import _losses, fit_table
    from liquid_neural_networks.training._losses import squared_error

    steps: list[int] = []

    def spoiled(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        steps.append(1)
        return squared_error(outputs, targets) * (1.0 if len(steps) <= enough else torch.nan)

    options = {"hidden_size": 6, "window": 16, "progress": False, "seed": 1}
    expected = fit_table(folder / "table.csv", "wave", epochs=2, **options)
    enough = 10**6
    monkeypatch.setitem(_losses.LOSSES, "mse", spoiled)
    fit_table(folder / "table.csv", "wave", epochs=2, **options)
    enough = len(steps)  # what two epochs take
    steps.clear()

    model = tmp_path / "model.lnn"
    command = ("train", folder / "table.csv", "--target", "wave", "--output", model, "--quiet",
               "--hidden-size", 6, "--window", 16, "--seed", 1)  # fmt: skip
    for resume in ((), ("--resume",)):
        result = lnn(*command, *resume)
        assert result.exit_code == 1 and result.stdout == ""
        best = expected.history.best_epoch
        assert f"wrote {model} with the weights of epoch {best}" in result.stderr
        assert "Error: loss: became nan in epoch 3" in result.stderr
        found = Forecaster.load(model)
        assert found.history == expected.history
        for name, value in found.network.values().items():
            assert torch.equal(value, expected.network.values()[name])
        model.unlink()
    # Before any epoch was good there is nothing to write.
    enough = 0
    assert lnn(*command).exit_code == 1 and not model.exists()


def test_inspect_tells_what_a_table_was_used_for(folder: Path) -> None:
    printed = lnn("inspect", folder / "values.lnn").stdout
    assert (
        "predicts     wave, 1 row ahead" in printed
        and "in its test" in printed
        and "mse" in printed
    )
    plain = json.loads(lnn("inspect", folder / "values.lnn", "--json").stdout)
    assert plain["table"]["columns"]["targets"] == ["wave"]


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "none.csv", "--target", "wave"), "none.csv: there is no such file"),
        (("train", "table.csv", "--target", "tide"), "tide: there is no such column"),
        (("train", "table.csv", "--target", "wave", "--time", "wave"), "wave: cannot be the time"),
        (("train", "table.csv", "--target", "wave", "--window", "900"), "a window of 900 need 901"),
        (("train", "table.csv", "--target", "wave", "--wiring", "ncp:inner=3"), "inner: ncp"),
        (("predict", "none.lnn", "table.csv"), "none.lnn"),
        (("predict", "table.csv", "table.csv"), "table.csv: is no .lnn file"),
        (("predict", "values.lnn", "broken.csv"), "broken.csv: cannot be read as a table"),
        (("predict", "values.lnn", "other.csv"), "wave: there is no such column"),
        (("evaluate", "plain.lnn", "table.csv"), "was not trained on a table"),
        (("inspect", "broken.csv"), "broken.csv: is no .lnn file"),
        (
            ("train", "semicolons.csv", "--target", "a"),
            "table: has 1 row, of which 1 are to train on",
        ),
        (("train", "table.csv", "--target", "wave", "--test", "0.001"), "test: 0.001 of 200 rows"),
        (
            (
                "train",
                "table.csv",
                "--target",
                "wave",
                "--wiring",
                "ncp:inter=5,command=3",
                "--hidden-size",
                "99",
            ),
            "hidden_size: is 99",
        ),
        (("data", "fetch", "half_cheet"), "did you mean 'half_cheetah'"),
    ],
)
def test_what_cannot_be_done_exits_with_1_and_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(folder)
    Path("broken.csv").write_text("a,b\n1,2\n1,2,3\n")
    Path("semicolons.csv").write_text("a;b\n1;2\n")
    Path("other.csv").write_text("hour\n1\n2\n")
    LiquidNetwork(1, 2, 1).save("plain.lnn")
    result = lnn(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    # What was read is said before what is wrong with it.
    *before, last = result.stderr.splitlines()
    assert last.startswith("Error: ") and said in last
    assert len(before) < 2 and all(line.startswith("read ") for line in before)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "table.csv"), "--target"),
        (("train",), "TABLE"),
        (("train", "table.csv", "--target", "wave", "--epochs", "0"), "--epochs"),
        (("train", "table.csv", "--target", "wave,,hour"), "single commas"),
        (("train", "table.csv", "--target", "wave", "--wiring", "npc"), "did you mean 'ncp'"),
        (("train", "table.csv", "--target", "wave", "--wiring", "ncp:inter=x"), "OPTION=NUMBER"),
        (("train", "table.csv", "--target", "wave", "--dynamics", "wet"), "--dynamics"),
        (("train", "table.csv", "--target", "wave", "--output", "no/where.lnn"), "no folder"),
        (("predict", "values.lnn", "table.csv", "--output", "out.xlsx"), ".parquet"),
        (("inspect", "plain.lnn", "--wiring", "picture.xyz"), "--wiring: unknown 'xyz'"),
        (("predict", "values.lnn"), "TABLE"),
        (("evaluate", "values.lnn", "table.csv", "--yaml"), "--yaml"),
        (("conformance", "--folder", "none"), "none"),
        (("fly",), "fly"),
    ],
)
def test_a_wrong_command_line_exits_with_2(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(folder)
    result = lnn(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


# -- the other commands ------------------------------------------------------------------------


def test_help_lists_every_command_and_each_shows_how_it_is_used() -> None:
    text = lnn("--help").stdout
    for command in COMMANDS:
        assert f"  {command} " in text
        assert lnn(command, "--help").exit_code == 0
    for command in ("train", "predict", "evaluate", "backtest", "data", "conformance"):
        assert f"  lnn {command} " in lnn(command, "--help").stdout


def test_choices_on_the_command_line_are_those_of_the_library() -> None:
    from liquid_neural_networks.cli import _training_options as offered
    from liquid_neural_networks.solvers import SOLVERS
    from liquid_neural_networks.training import BASELINES
    from liquid_neural_networks.training._lesson import VALUE_LOSSES

    measured_only = {"mean", "commonest"}  # of values of the same row, and of classes
    assert set(offered.BASELINES) == {"none", *BASELINES} - measured_only
    assert offered.LOSSES == VALUE_LOSSES
    assert set(offered.SOLVERS) == set(SOLVERS)


def test_the_installed_command_runs() -> None:
    program = Path(sys.executable).with_name("lnn")
    found = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert found.stdout == f"lnn {__version__}\n" and found.stderr == ""


def test_data_lists_every_task_and_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from liquid_neural_networks.tasks import TASKS

    (tmp_path / "sunspots").mkdir()
    (tmp_path / "sunspots" / "monthly-sunspots.csv").touch()
    monkeypatch.setenv("LNN_DATA", str(tmp_path))
    listed = lnn("data", "list").stdout
    for name, task in TASKS.items():
        assert f"{name}\t" in listed and task.licence in listed
    assert f"sunspots\t{tmp_path / 'sunspots'}" in listed
    fetched = lnn("data", "fetch", "sunspots")
    assert fetched.stdout == f"{tmp_path / 'sunspots'}{os.linesep}"


class _Case(NamedTuple):
    name: str
    dtype: str
    passed: bool
    error: float
    message: str


@pytest.mark.parametrize("failing", [0, 1])
def test_conformance_fails_when_a_case_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failing: int
) -> None:
    cases = [_Case("dense", "f8", True, 0.0, ""), _Case("ncp", "f4", not failing, 1.0, "too far")]
    stand_in = ModuleType("conformance")
    stand_in.run = lambda folder: cases if folder == tmp_path else []  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "liquid_neural_networks.conformance", stand_in)
    result = lnn("conformance", "--folder", tmp_path)
    assert result.exit_code == failing
    assert f"{2 - failing} of 2 cases passed" in result.stdout
    assert ("FAILED ncp (f4): too far" in result.stdout) == bool(failing)
