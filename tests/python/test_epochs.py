"""Times counted from 1970: exact, written as they were, hinted at, refused where they are none."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import polars
import pytest
from click.testing import CliRunner

from liquid_neural_networks.cli import main
from liquid_neural_networks.data import choose_columns
from liquid_neural_networks.data._epochs import COUNTED, likely_unit, to_dates, to_numbers
from liquid_neural_networks.errors import DataError
from liquid_neural_networks.training import fit_table

START = datetime(2024, 2, 28, 22, tzinfo=timezone.utc)
HOURS = 24 * 12


def counted(unit: str) -> polars.Series:
    first = int(START.timestamp()) * COUNTED[unit]
    return polars.Series("at", first + 3600 * COUNTED[unit] * np.arange(HOURS))


def load() -> np.ndarray:
    return np.sin(np.arange(HOURS) * np.pi / 12)


@pytest.mark.parametrize("unit", COUNTED)
def test_whole_numbers_are_dates_and_back(unit: str) -> None:
    numbers = counted(unit)
    dates = to_dates(numbers, unit)
    wanted = [(START + timedelta(hours=k)).replace(tzinfo=None) for k in range(HOURS)]
    assert dates.to_list() == wanted
    assert to_numbers(dates, unit).to_list() == numbers.to_list()
    assert likely_unit(numbers) == unit


def test_nanoseconds_and_fractions_are_exact() -> None:
    odd = polars.Series([1_700_000_000_123_456_789, -5])
    assert to_numbers(to_dates(odd, "nanoseconds"), "nanoseconds").to_list() == odd.to_list()
    parts = polars.Series([1_700_000_000.5, 1_700_000_001.25])
    assert to_dates(parts, "seconds").dt.microsecond().to_list() == [500_000, 250_000]
    assert to_numbers(to_dates(parts, "seconds"), "seconds").to_list() == parts.to_list()


@pytest.mark.parametrize("unit", COUNTED)
def test_forecasts_are_for_times_as_the_file_writes_them(unit: str) -> None:
    table = polars.DataFrame({"at": counted(unit), "load": load()})
    forecaster = fit_table(
        table, "load", time="at", time_format=unit, epochs=1, window=16, hidden_size=4,
        progress=False,
    )  # fmt: skip
    assert forecaster.columns.inputs == ("load", "hour of day, sine", "hour of day, cosine")
    assert "last_day" in forecaster.aim.baselines.seasons
    latest = forecaster.predict(table, latest=True)
    step = 3600 * COUNTED[unit]
    assert latest["at"].to_list() == [table["at"][-1] + step]
    words = forecaster.predict(table.cast({"at": polars.String}), latest=True)
    assert words["at"].to_list() == [str(table["at"][-1] + step)]
    row = {"at": str(table["at"][-1]), "load": 0.5}
    assert forecaster.stream().step(row)["predicted_load"] is not None


def test_numbers_that_are_dates_by_their_digits_are_written_as_such() -> None:
    days = polars.date_range(datetime(2024, 1, 1), datetime(2024, 4, 30), eager=True)
    numbers = days.dt.to_string("%Y%m%d").cast(polars.Int64).alias("at")
    table = polars.DataFrame({"at": numbers, "load": np.sin(np.arange(len(days)))})
    forecaster = fit_table(table, "load", time="at", epochs=1, window=16, hidden_size=4)
    assert forecaster.predict(table, latest=True)["at"].to_list() == [20240501]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["1700000000", "soon"], "one column of seconds since 1970"),
        ([1.7e9, float("nan")], r"row 2 \(nan\)"),
        ([1.7e9, float("inf")], r"row 2 \(inf\)"),
        ([1_700_000_000_000, 1_700_003_600_000], r"not within 285 years of 1970 in seconds"),
        ([2**62, 2**62 + 1], "not within 285 years"),
        (polars.Series([2**64 - 1, 5], dtype=polars.UInt64), r"row 1 \(18446744073709551615\)"),
    ],
)
def test_what_is_no_such_time_is_refused(cells: list[object], said: str) -> None:
    table = polars.DataFrame({"at": cells, "load": [1.0, 2.0]}, strict=False)
    with pytest.raises(DataError, match=said):
        choose_columns(table, "load", time="at", time_format="seconds")


@pytest.mark.parametrize("unit", COUNTED)
@pytest.mark.parametrize(
    "kind", ["Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32"]
)
def test_numbers_of_every_width(kind: str, unit: str) -> None:
    numbers = polars.Series([1, None, 100], dtype=getattr(polars, kind))
    dates = to_dates(numbers, unit)
    assert to_numbers(dates, unit).to_list() == [1, None, 100]
    assert dates.to_list()[1] is None
    assert to_dates(numbers[:0], unit).is_empty()


def test_two_columns_are_refused() -> None:
    table = polars.DataFrame({"a": [1, 2], "b": [1, 2], "load": [1.0, 2.0]})
    with pytest.raises(DataError, match="one column of seconds"):
        choose_columns(table, "load", time=["a", "b"], time_format="seconds")


@pytest.mark.parametrize(
    "numbers", [[0, 1], [1999, 2000], [20240101, 20240102], [1e9, 5e9], [1e18, None], []]
)
def test_other_numbers_are_not_taken_for_such(numbers: list[object]) -> None:
    assert likely_unit(polars.Series(numbers, dtype=polars.Float64)) is None


def test_the_command_hints_and_then_reads(tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    polars.DataFrame({"at": counted("milliseconds"), "load": load()}).write_csv(file)
    arguments = ["train", str(file), "--target", "load", "--time", "at", "--epochs", "1"]
    arguments += ["--hidden-size", "4", "--output", str(tmp_path / "m.lnn")]
    plain = CliRunner().invoke(main, arguments)
    assert plain.exit_code == 0
    assert "--time-format milliseconds makes them dates" in plain.output
    dated = CliRunner().invoke(main, [*arguments, "--time-format", "milliseconds"])
    assert dated.exit_code == 0
    assert "the usual step is 1 hour" in dated.output and "makes them dates" not in dated.output
