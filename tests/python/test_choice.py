"""What the columns of a table are taken for, and that it is said before anything is trained."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from click.testing import CliRunner, Result

from liquid_neural_networks.cli import main
from liquid_neural_networks.data import Columns, Order, choose_columns
from liquid_neural_networks.errors import DataError
from liquid_neural_networks.training import Forecaster, fit_table
from liquid_neural_networks.training._table_windows import prepare

ROWS = 120


def room() -> polars.DataFrame:
    """A room by the minute, as recorded: with a row number, words, flags and a constant."""
    rng = np.random.RandomState(0)
    light = np.where(np.arange(ROWS) // 20 % 2, 400.0, 0.0) + rng.uniform(0, 9, ROWS)
    return polars.DataFrame(
        {
            "No": np.arange(1, ROWS + 1),
            "when": [datetime(2024, 1, 1) + timedelta(minutes=k) for k in range(ROWS)],
            "light": light,
            "wind": rng.choice(["N", "S"], ROWS),
            "open": rng.rand(ROWS) < 0.5,
            "floor": [3] * ROWS,
            "unit": ["lx"] * ROWS,
            "broken": [None] * ROWS,
            "occupied": (light > 200).astype(int),
        }
    )


def remarks(**options: Any) -> str:
    table = options.pop("table", room())
    return "\n".join(prepare(table, options.pop("targets", "occupied"), **options).remarks)


def test_what_is_left_out_is_said_with_the_reason() -> None:
    said = remarks(time="when")
    for line in (
        "left out No: numbers the rows",
        "left out wind: text, 2 different words; --categories wind encodes them",
        "left out floor: constant in the rows to train on (3)",
        "left out unit: text, the same in all rows",
        "left out broken: no value in the rows to train on",
        "feeds light, open",
        "predicts occupied at the same row",
        "time when: the usual step is 1 minute",
    ):
        assert line in said
    assert "left out when: dates; --time when makes them the time" in remarks()
    ahead = remarks(targets="light", time="when", horizon=30)
    assert "predicts light 30 rows ahead: 30 minutes" in ahead
    assert "left out" not in remarks(features="light")


def test_a_long_list_of_columns_left_out_is_shortened() -> None:
    wide = polars.DataFrame({f"c{i}": [1] * 9 for i in range(200)})
    table = wide.with_columns(y=np.sin(np.arange(9)))
    prepared = prepare(table, "y", window=2)
    left_out = [line for line in prepared.remarks if line.startswith("left out")]
    assert len(left_out) == 21 and left_out[-1] == "left out 180 columns more for such reasons"


@pytest.mark.parametrize(
    ("values", "left_out"),
    [
        (range(ROWS), "numbers the rows"),
        ([*range(60), *range(60)], "numbers the rows"),
        ([k * 7 + k % 3 for k in range(ROWS)], "rises from row to row like a time"),
        ([k % 5 for k in range(ROWS)], None),
        ([k * 0.5 for k in range(ROWS)], None),
        ([-k for k in range(ROWS)], None),
    ],
)
def test_whole_numbers_that_rise_are_no_feature_unless_named(values: Any, left_out: Any) -> None:
    table = room().with_columns(No=polars.Series(list(values)))
    said = remarks(table=table)
    if left_out is None:
        assert "left out No" not in said and "feeds No" in said
    else:
        assert f"left out No: {left_out}" in said
    assert choose_columns(table, "occupied", "No", horizon=0).features == ("No",)
    # What is to be predicted ahead is fed, whatever it looks like.
    assert "No" in choose_columns(table, "No").features


def test_a_row_number_no_longer_ruins_a_training() -> None:
    table = room()
    forecaster = fit_table(
        table, "occupied", hidden_size=6, epochs=25, window=16, test=0.4, learning_rate=0.03,
        progress=False,
    )  # fmt: skip
    assert forecaster.test is not None and forecaster.columns.features == ("light", "open")
    share = table["occupied"].tail(48).to_numpy().mean()
    assert forecaster.test["accuracy"] > max(share, 1 - share) + 0.1


@pytest.mark.parametrize(
    ("cells", "classes", "reason"),
    [
        ([0, 1], (0, 1), "2 different whole numbers, 0 and 1: classes; --values regresses"),
        ([0.0, 1.0], (0, 1), "2 different whole numbers, 0 and 1: classes"),
        ([1, 2], (1, 2), "2 different whole numbers, 1 and 2: classes"),
        ([True, False], (False, True), "true and false: classes"),
        (["a", "b"], ("a", "b"), "text: classes"),
        ([0, 1, 2], None, "3 different whole numbers: values; --classes classifies"),
        ([0.5, 1.5], None, "numbers: values"),
        (list(range(40)), None, "numbers: values"),
    ],
)
def test_the_kind_of_the_target_is_said_with_the_reason(
    cells: list[Any], classes: Any, reason: str
) -> None:
    target = (cells * ROWS)[:ROWS]
    table = polars.DataFrame({"y": target, "x": np.sin(np.arange(ROWS))})
    prepared = prepare(table, "y", features="x", test=0.2)
    assert prepared.columns.classes == classes
    assert prepared.horizon == (1 if classes is None else 0)
    assert any(line.startswith(f"y: {reason}") for line in prepared.remarks)
    if classes is not None and not isinstance(cells[0], str):
        forced = prepare(table, "y", features="x", classes=False)
        assert forced.columns.classes is None and forced.horizon == 1


def test_words_flags_and_whole_numbers_are_encoded_as_asked_for() -> None:
    table = polars.DataFrame(
        {
            "wind": ["N", "S", None, "W"],
            "open": [True, False, True, None],
            "level": [2, 7, 7, 2],
            "x": [0.5, 1.5, 2.5, 3.5],
        }
    )
    columns = choose_columns(table, "x", categories=["wind", "open", "level"])
    assert columns.features == ("wind", "open", "level", "x")
    assert columns.inputs == (
        *("wind=N", "wind=S", "wind=W", "open=False", "open=True", "level=2", "level=7", "x"),
    )
    expected = [
        [1, 0, 0, 0, 1, 1, 0, 0.5],
        [0, 1, 0, 1, 0, 0, 1, 1.5],
        [np.nan, np.nan, np.nan, 0, 1, 0, 1, 2.5],
        [0, 0, 1, np.nan, np.nan, 1, 0, 3.5],
    ]
    np.testing.assert_array_equal(columns.series(table).inputs, expected)
    assert Columns.from_dict(columns.to_dict()) == columns
    # A word that was not there before is none of those known.
    later = columns.series(table.with_columns(wind=polars.lit("E"))).inputs
    np.testing.assert_array_equal(later[:, :3], np.zeros((4, 3)))


def test_a_forecaster_keeps_categories_calendar_and_order(tmp_path: Path) -> None:
    table = room()
    forecaster = fit_table(
        table, "light", time="when", sort=True, duplicates="first", categories="wind",
        calendar=["hour"], epochs=1, window=16, hidden_size=6, progress=False,
    )  # fmt: skip
    assert forecaster.columns.inputs == (
        *("light", "wind=N", "wind=S", "open", "occupied"),
        *("hour of day, sine", "hour of day, cosine"),
    )
    forecaster.save(tmp_path / "room.lnn")
    again = Forecaster.load(tmp_path / "room.lnn")
    assert again.columns == forecaster.columns
    once = forecaster.predict(table)["predicted_light"].to_numpy()
    shuffled = polars.concat([table.reverse(), table.head(3)])
    np.testing.assert_array_equal(again.predict(shuffled)["predicted_light"].to_numpy(), once)


def test_words_that_are_no_categories_are_refused_with_the_remedy() -> None:
    table = room()
    with pytest.raises(DataError, match=r"wind: expected numbers.*among the categories"):
        choose_columns(table, "light", features=["light", "wind"])
    with pytest.raises(DataError, match=r"light: expected text, integers.*as categories"):
        choose_columns(table, "occupied", categories="light")
    with pytest.raises(DataError, match="wind: cannot be a category and the target"):
        choose_columns(table, "wind", categories="wind")


def test_samples_in_bursts_are_measured_by_the_mean_step() -> None:
    bursts = np.concatenate([k * 7.0 + np.arange(6) * 1e-3 for k in range(20)])
    table = polars.DataFrame({"t": bursts, "x": np.sin(bursts)})
    unit = choose_columns(table, "x", time="t").time_unit
    assert unit == pytest.approx(np.diff(bursts).mean())


@pytest.mark.parametrize(
    "change",
    [
        {"categories": {"y": ["a"]}},
        {"categories": {"x": []}},
        {"categories": {"x": [1.5]}},
        {"categories": ["x"]},
        {"calendar": ["moon"]},
        {"calendar": ["hour"]},
        {"label_per_group": 1},
        {"group": 3},
        {"sort": "yes"},
        {"duplicates": "most"},
        {"time": [1]},
        {"time_format": 7},
    ],
)
def test_descriptions_from_strangers_are_checked(change: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        Columns.from_dict({**Columns(("x",), ("x",)).to_dict(), **change})


def test_older_descriptions_are_read() -> None:
    old = {
        "features": ["x"], "targets": ["x"], "time": "t", "time_unit": 60.0, "dates": True,
        "classes": None,
    }  # fmt: skip
    assert Columns.from_dict(old) == Columns(
        ("x",), ("x",), Order(("t",), dates=True, time_unit=60.0)
    )


# -- the command line --------------------------------------------------------------------------


def lnn(*arguments: Any, **options: Any) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments], **options)


QUICK = ("--epochs", "1", "--hidden-size", "4", "--window", "16")


def test_everything_is_said_before_training(tmp_path: Path) -> None:
    path, model = tmp_path / "room.txt", tmp_path / "room.lnn"
    room().write_csv(path, separator=";")
    arguments = ("train", path, "--target", "occupied", "--time", "when", "--output", model)
    result = lnn(*arguments, *QUICK)
    assert result.exit_code == 0, result.output
    said = result.stderr.splitlines()
    assert said[0].startswith("read 120 rows of 9 columns; ';' between cells")
    assert "occupied: 2 different whole numbers, 0 and 1: classes; --values regresses" in said
    assert any(line.startswith("left out No: ") for line in said)
    quiet = lnn(*arguments, *QUICK, "--quiet")
    assert quiet.exit_code == 0 and "left out" not in quiet.stderr and "read" not in quiet.stderr


def test_options_of_reading_reach_every_command(tmp_path: Path) -> None:
    path, model = tmp_path / "room.dat", tmp_path / "room.lnn"
    table = room().select("when", "light", "wind", "occupied")
    text = table.with_columns(
        polars.col("when").dt.strftime("%d/%m/%Y %H.%M"), light=polars.col("light").round(3)
    ).write_csv(separator="|", include_header=False)
    path.write_bytes(("% größe\n" + text.replace(".", ",")).encode("latin-1"))
    reading = (
        *("--separator", "|", "--decimal", ",", "--encoding", "latin-1", "--no-header"),
        *("--missing", "-999", "--comment", "%"),
    )
    columns = ("--time", "column_1", "--time-format", "%d/%m/%Y %H,%M", "--categories", "column_3")
    trained = lnn(
        "train", path, "--target", "column_2", *reading, *columns, "--sort", "--duplicates",
        "first", "--calendar", "hour", "--output", model, *QUICK,
    )  # fmt: skip
    assert trained.exit_code == 0, trained.output
    order = Forecaster.load(model).columns.order
    assert order.time_format == "%d/%m/%Y %H,%M" and order.sort and order.duplicates == "first"
    found = lnn("predict", model, path, *reading)
    assert found.exit_code == 0, found.output
    assert "01/01/2024 00,01" in found.stdout
    scores = lnn("evaluate", model, "-", *reading, input=path.read_bytes())
    assert scores.exit_code == 0 and "mse" in scores.stdout


def test_groups_and_files_on_the_command_line(tmp_path: Path) -> None:
    table = room().with_columns(who=polars.Series([f"{k // 60:02}" for k in range(ROWS)]))
    path, model = tmp_path / "two.csv", tmp_path / "two.lnn"
    table.write_csv(path)
    result = lnn("train", path, "--target", "light", "--group", "who", "--output", model, *QUICK)
    assert result.exit_code == 0, result.output
    assert "2 series by who, 60 to 60 rows; split each by time" in result.stderr
    names = []
    for who, part in table.partition_by("who", as_dict=True).items():
        names.append(tmp_path / f"{who[0]}.csv")
        part.drop("who").write_csv(names[-1])
    result = lnn("train", *names, "--target", "light", "--output", model, *QUICK)
    assert result.exit_code == 0, result.output
    assert "2 series by file" in result.stderr
    kinds = table.with_columns(kind=polars.col("who"))
    kinds = polars.concat([kinds.with_columns(who=polars.lit(f"{k}") + "-" + kinds["who"])
                           for k in range(5)])  # fmt: skip
    kinds.write_csv(path)
    result = lnn("train", path, "--target", "kind", "--group", "who", "--label-per-group",
                 "--features", "light", "--output", model, *QUICK)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "10 series by who, 60 to 60 rows; split by series" in result.stderr
