"""Tables of every usual library go in, and predictions come out in the same kind."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Callable

import numpy as np
import pandas
import polars
import pytest
import torch

from liquid_neural_networks.data import read_table
from liquid_neural_networks.errors import DataError, DtypeError
from liquid_neural_networks.training import Forecaster, fit_table

ROWS = 90
HOURS = np.datetime64("2024-01-01T00", "s") + np.arange(ROWS) * np.timedelta64(3600, "s")
WAVE = np.sin(np.arange(ROWS) / 3)
LEVEL = np.arange(ROWS) % 5
TABLE = polars.DataFrame({"hour": HOURS.astype("datetime64[us]"), "wave": WAVE, "level": LEVEL})


def arrow() -> Any:
    pyarrow = pytest.importorskip("pyarrow", reason="PYARROW TABLES ARE NOT TESTED: no pyarrow")
    return pyarrow.table({"hour": HOURS, "wave": WAVE, "level": LEVEL})


KINDS: dict[str, Callable[[], Any]] = {
    "polars": lambda: TABLE,
    "lazy": lambda: TABLE.lazy(),
    "pandas": lambda: pandas.DataFrame({"hour": HOURS, "wave": WAVE, "level": LEVEL}),
    "dict of arrays": lambda: {"hour": HOURS, "wave": WAVE, "level": LEVEL},
    "dict of tensors": lambda: {"wave": torch.tensor(WAVE), "level": torch.tensor(LEVEL)},
    "dict of lists": lambda: {"wave": WAVE.tolist(), "level": LEVEL.tolist()},
    "structured array": lambda: TABLE.to_numpy(structured=True),
    "list of rows": lambda: TABLE.to_dicts(),
    "arrow": arrow,
}


@pytest.fixture(scope="module")
def forecaster() -> Forecaster:
    return fit_table(TABLE, "wave", epochs=1, window=8, hidden_size=4, progress=False)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_as_the_same_table(kind: str) -> None:
    found = read_table(KINDS[kind]())
    assert found.columns == [name for name in TABLE.columns if name in found.columns]
    for column in found:
        expected = TABLE[column.name]
        assert column.cast(expected.dtype).equals(expected), column.name


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_come_in_the_kind_that_was_given(kind: str, forecaster: Forecaster) -> None:
    given = KINDS[kind]()
    expected = forecaster.predict(TABLE)["predicted_wave"].to_numpy()
    found = forecaster.predict(given)
    if kind == "list of rows":
        values = [row["predicted_wave"] for row in found]
    else:
        values = found["predicted_wave"]
    np.testing.assert_array_equal(np.asarray(values), expected)
    if kind == "lazy":
        assert isinstance(found, polars.DataFrame)
    else:
        assert type(found) is type(given)


def test_arrays_without_names_are_numbered(forecaster: Forecaster) -> None:
    array = np.stack([WAVE, LEVEL], axis=1)
    made = fit_table(array, "column_1", epochs=1, window=8, hidden_size=4, progress=False)
    found = made.predict(array)
    assert isinstance(found, np.ndarray) and found["predicted_column_1"].shape == (ROWS,)
    assert made.test is not None


def test_classes_from_an_array_keep_their_labels() -> None:
    names = np.array(["low", "high"])[LEVEL // 3]
    array = np.empty(ROWS, dtype=[("wave", float), ("state", "U4")])
    array["wave"], array["state"] = WAVE, names
    made = fit_table(array, "state", epochs=1, window=8, hidden_size=4, progress=False)
    found = made.predict(array)
    assert {"predicted_state", "probability"} <= set(found.dtype.names)
    assert set(found["predicted_state"]) <= {"low", "high"}


def test_a_table_of_pandas_keeps_its_index_and_gives_its_dates(forecaster: Forecaster) -> None:
    index = pandas.DatetimeIndex(HOURS, name="hour")
    table = pandas.DataFrame({"wave": WAVE, "level": LEVEL}, index=index)
    made = fit_table(table, "wave", time="hour", epochs=1, window=8, hidden_size=4, progress=False)
    found = made.predict(table)
    assert found.index.equals(index)
    assert made.columns.time is not None
    unnamed = read_table(pandas.DataFrame({"wave": WAVE}, index=pandas.DatetimeIndex(HOURS)))
    assert unnamed.columns == ["index", "wave"]
    assert read_table(pandas.DataFrame({"wave": WAVE}, index=LEVEL)).columns == ["wave"]


def test_an_index_of_pandas_is_kept_only_for_the_very_same_rows() -> None:
    options: dict[str, Any] = {"epochs": 1, "window": 8, "hidden_size": 4, "progress": False}
    table = pandas.DataFrame({"hour": HOURS, "wave": WAVE}, index=np.arange(ROWS) + 100)
    backwards = table[::-1]
    by_time = fit_table(backwards, "wave", time="hour", sort=True, **options).predict(backwards)
    # Sorted, the first forecast is no longer that of the first row given.
    assert by_time["made_at"].iloc[0] == HOURS[0] and by_time.index[0] == 0
    path = fit_table(table, "wave", horizon=2, path=True, **options)
    assert path.predict(table, latest=True).index.tolist() == [0, 1]
    with pytest.warns(UserWarning, match="2 rows of a series"):
        assert path.predict(table[:2], latest=True).index.tolist() == [0, 1]


def test_what_pandas_calls_missing_is_missing() -> None:
    table = pandas.DataFrame(
        {
            "float": [1.0, np.nan, 3.0],
            "whole": pandas.array([1, None, 3], dtype="Int64"),
            "flag": pandas.array([True, None, False], dtype="boolean"),
            "text": ["a", None, "c"],
            "kind": pandas.Categorical(["x", None, "y"]),
            "when": pandas.to_datetime(["2024-01-01", None, "2024-01-03"]),
            "mixed": pandas.Series([1.5, None, 2.5], dtype=object),
        }
    )
    found = read_table(table)
    for column in found:
        values = column.to_list()
        assert values[1] is None or values[1] != values[1], column.name
        assert values[0] is not None and values[2] is not None
    assert found["whole"].dtype.is_numeric() and found["flag"].dtype == polars.Boolean
    assert found["text"].dtype == found["kind"].dtype == polars.String
    assert found["when"][2] == datetime(2024, 1, 3) and found["mixed"].dtype == polars.Float64


@pytest.mark.parametrize("zone", ["UTC", "Europe/Vienna"])
def test_time_zones_stay(zone: str) -> None:
    times = pandas.date_range("2024-03-30", periods=48, freq="h", tz=zone)
    found = read_table(pandas.DataFrame({"when": times, "x": range(48)}))["when"]
    assert found.dtype == polars.Datetime(found.dtype.time_unit, zone)
    seconds = found.dt.epoch("s").diff().drop_nulls()
    assert seconds.to_list() == [3600] * 47


def test_nanoseconds_are_exact() -> None:
    times = np.datetime64("2024-01-01", "ns") + np.arange(5) * np.timedelta64(1500, "ns")
    for table in ({"when": times}, pandas.DataFrame({"when": times})):
        assert read_table(table)["when"].dt.epoch("ns").diff().to_list()[1:] == [1500] * 4


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ({"a": [1, 2], "b": [1, 2, 3]}, DataError),
        (np.zeros(5), DataError),
        (np.zeros((2, 3, 4)), DataError),
        (pandas.DataFrame([[1, 2]], columns=["a", "a"]), DataError),
        (pandas.DataFrame({"a": []}), DataError),
        ({}, DataError),
        (3, DtypeError),
    ],
    ids=["lengths", "1-d", "3-d", "names", "empty", "no columns", "number"],
)
def test_what_is_no_table_is_refused(table: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="table"):
        read_table(table)


DATED = pandas.DataFrame({"wave": WAVE, "level": LEVEL}, index=pandas.DatetimeIndex(HOURS))
SMALL: dict[str, Any] = {"epochs": 1, "window": 8, "hidden_size": 4, "progress": False}


@pytest.mark.parametrize("kind", ["dates", "zone", "periods"])
def test_dates_in_the_index_are_the_times(kind: str) -> None:
    table = {
        "dates": DATED,
        "zone": DATED.tz_localize("Europe/Vienna"),
        "periods": DATED.to_period("h"),
    }[kind]
    found = fit_table(table, "wave", **SMALL)
    assert found.columns.time == ("index",) and found.columns.time_unit == 3600
    assert found.predict(table)["index"].iloc[0] == found.predict(table)["made_at"].iloc[1]
    assert fit_table(table.reset_index(drop=True), "wave", **SMALL).columns.time == ()


def test_a_column_of_pandas_is_a_table() -> None:
    for column in (DATED["wave"], DATED["wave"].rename(None)):
        name = column.name or "value"
        found = fit_table(column, name, **SMALL)
        predicted = found.predict(column)
        assert isinstance(predicted, pandas.DataFrame) and len(predicted) == ROWS
        assert (predicted.index == DATED.index).all()


def test_periods_in_a_column_are_dates() -> None:
    table = DATED.reset_index(names="hour").assign(hour=lambda rows: rows["hour"].dt.to_period("h"))
    assert read_table(table)["hour"].to_list() == TABLE["hour"].to_list()


def test_what_pandas_has_no_name_for() -> None:
    numbered = pandas.DataFrame(np.random.RandomState(0).randn(ROWS, 2))
    with pytest.raises(DtypeError, match=r"targets: .* such as '1'"):
        fit_table(numbered, 1, **SMALL)
    assert fit_table(numbered, "1", **SMALL).columns.targets == ("1",)
    with pytest.raises(DataError, match=r"table: .*column odd holds complex"):
        read_table(pandas.DataFrame({"odd": [1j, 2j]}))
