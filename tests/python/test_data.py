"""Tables, series, scaling, windows: nothing is lost, nothing leaks, refusals name their cause."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liquid_neural_networks.data import (
    Columns,
    Order,
    Scaling,
    Series,
    Windows,
    choose_columns,
    event_samples,
    read_table,
    split,
    windows,
)
from liquid_neural_networks.errors import (
    DataError,
    DomainError,
    DtypeError,
    LiquidError,
    OptionError,
    ShapeError,
)


def counting(rows: int) -> Series:
    """A series whose input and target at each row are the row's number."""
    number = np.arange(rows, dtype=np.float64)[:, None]
    return Series(number, number, np.ones(rows))


# -- windows and splits ------------------------------------------------------------------------

sizes = st.integers(1, 12)


@st.composite
def cuts(draw: st.DrawFn, horizon: int = 5, widest: int = 12) -> dict[str, int]:
    """Rows that hold one window at least, and how they are cut; a stride of ``widest`` at most."""
    length, ahead = draw(sizes), draw(st.integers(0, horizon))
    stride = draw(st.integers(1, min(widest, 12)))
    rows = length + ahead + draw(st.integers(0, 60))
    return {"rows": rows, "length": length, "stride": stride, "horizon": ahead}


@given(cut=cuts())
def test_windows_are_stretches_of_the_series_with_the_target_ahead(cut: dict[str, int]) -> None:
    rows, horizon = cut.pop("rows"), cut["horizon"]
    found = windows(counting(rows), **cut)
    inputs = found.inputs[..., 0]
    assert inputs.shape[1] == cut["length"] and (inputs.diff(dim=1) == 1).all()
    assert torch.equal(found.targets, found.inputs + horizon)
    # As many as fit, and one more where rows are left over.
    last = rows - horizon - cut["length"]
    starts = list(range(0, last + 1, cut["stride"]))
    assert inputs[:, 0].tolist() == (starts if starts[-1] == last else [*starts, last])


@given(length=sizes, stride=sizes, horizon=st.integers(0, 5))
def test_too_few_rows_for_a_window(length: int, stride: int, horizon: int) -> None:
    enough = length + horizon
    assert len(windows(counting(enough), length, stride, horizon)) == 1
    for rows in {1, enough - 1} - {0, enough}:
        with pytest.raises(DataError, match=f"at least {enough}"):
            windows(counting(rows), length, stride, horizon)


@given(length=sizes, horizon=st.integers(0, 5), more=st.integers(0, 60), data=st.data())
def test_without_gaps_between_windows_every_pair_is_used(
    length: int, horizon: int, more: int, data: st.DataObject
) -> None:
    rows, stride = length + horizon + more, data.draw(st.integers(1, length))
    cut = windows(counting(rows), length, stride, horizon)
    assert set(cut.inputs.flatten().tolist()) == set(range(rows - horizon))


@given(cut=cuts(horizon=0))
def test_without_a_tail_windows_start_at_multiples_of_the_stride(cut: dict[str, int]) -> None:
    rows, length, stride = cut["rows"], cut["length"], cut["stride"]
    found = windows(counting(rows), length, stride, 0, tail=False)
    assert found.inputs[:, 0, 0].tolist() == list(range(0, rows - length + 1, stride))


@given(
    rows=st.integers(30, 200),
    valid=st.floats(0, 0.45),
    test=st.floats(0, 0.45),
    horizon=st.integers(0, 4),
)
def test_a_split_keeps_order_and_rows_and_windows_never_reach_across(
    rows: int, valid: float, test: float, horizon: int
) -> None:
    parts = split(counting(rows), valid, test)
    joined = np.concatenate([part.inputs for part in parts])
    assert np.array_equal(joined, counting(rows).inputs)
    assert abs(len(parts[1].inputs) - rows * valid) <= 0.5 + 1e-9
    assert abs(len(parts[2].inputs) - rows * test) <= 0.5 + 1e-9
    long_enough = [part for part in parts if len(part.inputs) >= 3 + horizon]
    assert long_enough or rows < 3 * (3 + horizon)
    for part in long_enough:
        cut = windows(part, 3, horizon=horizon)
        for values in (cut.inputs, cut.targets):
            assert part.inputs.min() <= float(values.min())
            assert float(values.max()) <= part.inputs.max()


@pytest.mark.parametrize(("rows", "valid", "test"), [(1, 0.5, 0.6), (10, 0.5, 0.5), (4, 0.4, 0.6)])
def test_a_split_that_leaves_nothing_to_train_on(rows: int, valid: float, test: float) -> None:
    with pytest.raises(DomainError, match="valid"):
        split(counting(rows), valid, test)


def test_events_of_mixed_numbers_and_dates() -> None:
    mixed = event_samples([(0, "pulse", 72), (2.5, "pulse", 75.5), (3, "open", True)])
    assert mixed.inputs.tolist() == [[0.0, 72.0], [0.0, 75.5], [1.0, 0.0]]
    first = np.datetime64("2026-01-01T00:00:07")
    stamps = [(first + np.timedelta64(5 * k, "s"), "x", k) for k in range(2)]
    coarse = event_samples(stamps, resolution=10)
    plain = event_samples([(7.0, "x", 0), (12.0, "x", 1)], resolution=10)
    assert coarse.elapsed_time.tolist() == plain.elapsed_time.tolist() == [1.0, 10.0]


@pytest.mark.parametrize("name", ["targets", "features"])
def test_names_of_columns_are_names(name: str) -> None:
    table = polars.DataFrame({"wave": [0.0, 1.0, 2.0], "w": [1.0, 2.0, 3.0]})
    one = choose_columns(table, **{"targets": "w", name: "wave"})
    assert getattr(one, name) == ("wave",)
    with pytest.raises(DtypeError) as caught:
        choose_columns(table, **{"targets": "w", name: 1})
    assert caught.value.argument == name


def test_several_recordings_never_share_a_window() -> None:
    cut = windows([counting(10), counting(7)], 4, 3, 1)
    alone = [windows(counting(rows), 4, 3, 1).inputs for rows in (10, 7)]
    assert torch.equal(cut.inputs, torch.cat(alone))


def test_missing_values_become_a_mask_and_classes_stay_integers() -> None:
    inputs = np.array([[1.0, np.nan], [2.0, 3.0], [np.nan, 4.0], [5.0, 6.0]])
    cut = windows(Series(inputs, np.array([0, 1, -1, 1]), np.ones(4)), 2, horizon=0)
    assert cut.mask is not None
    assert torch.equal(cut.mask, torch.from_numpy(~np.isnan(inputs)).reshape(2, 2, 2))
    assert bool(cut.inputs.isfinite().all())
    assert cut.are_classes and cut.targets.tolist() == [[0, 1], [-1, 1]]


def test_minibatches_hold_every_window_once_in_the_order_asked_for() -> None:
    cut = windows(counting(30), 3)
    order = torch.randperm(len(cut))
    parts = list(cut.batches(4, order))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert torch.equal(torch.cat([part.inputs for part in parts]), cut.inputs[order])


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"inputs": torch.zeros(2, 3)}, ShapeError, "inputs"),
        ({"inputs": torch.zeros(0, 3, 1)}, ShapeError, "inputs"),
        ({"inputs": np.zeros((2, 3, 1))}, DtypeError, "inputs"),
        ({"targets": None}, DtypeError, "targets"),
        ({"targets": torch.zeros(3, 3, 1)}, ShapeError, "targets"),
        ({"mask": torch.ones(1, 3, 1)}, ShapeError, "mask"),
        ({"elapsed_time": torch.ones(5, 3)}, ShapeError, "elapsed_time"),
    ],
)
def test_windows_refuse_what_does_not_belong_together(
    arguments: dict[str, Any], error: type[LiquidError], named: str
) -> None:
    with pytest.raises(error) as raised:
        Windows(**{"inputs": torch.zeros(2, 3, 1), "targets": torch.zeros(2, 3, 1), **arguments})
    assert raised.value.argument == named


@pytest.mark.parametrize(
    ("options", "error", "named"),
    [
        ({"length": 0}, DomainError, "length"),
        ({"length": 2.5}, DtypeError, "length"),
        ({"stride": 0}, DomainError, "stride"),
        ({"horizon": -1}, DomainError, "horizon"),
        ({"tail": 1}, DtypeError, "tail"),
        ({"series": []}, DataError, "series"),
    ],
)
def test_cutting_refuses_bad_sizes(
    options: dict[str, Any], error: type[LiquidError], named: str
) -> None:
    with pytest.raises(error) as raised:
        windows(**{"series": counting(9), "length": 3, **options})
    assert raised.value.argument == named


# -- scaling -----------------------------------------------------------------------------------

tables = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 20), st.integers(1, 4)),
    elements=st.one_of(st.floats(-1e6, 1e6), st.just(np.nan)),
)


@given(values=tables)
def test_scaling_goes_there_and_back(values: np.ndarray) -> None:
    scaling = Scaling.of(values)
    again = Scaling.from_dict(scaling.to_dict())
    assert again == scaling
    np.testing.assert_allclose(again.invert(again.apply(values)), values, rtol=1e-9, atol=1e-6)


def test_scaling_gives_mean_zero_and_deviation_one_of_what_was_seen() -> None:
    values = np.random.RandomState(0).normal(5.0, 3.0, (500, 2))
    values[::7, 1] = np.nan
    scaled = Scaling.of(values).apply(values)
    np.testing.assert_allclose(np.nanmean(scaled, axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.nanstd(scaled, axis=0), 1.0, atol=1e-12)


def test_scaling_leaves_constant_and_never_seen_features_finite() -> None:
    values = np.array([[0.1, np.nan], [0.1, np.nan], [0.1, np.nan]])
    scaled = Scaling.of(values).apply(np.array([[0.1, 3.0], [5.1, 4.0]]))
    np.testing.assert_allclose(scaled, [[0.0, 3.0], [5.0, 4.0]], atol=1e-12)


@pytest.mark.parametrize(
    "description",
    [
        None,
        {"mean": [0.0]},
        {"mean": [0.0], "deviation": [1.0, 2.0]},
        {"mean": [0.0], "deviation": [0.0]},
        {"mean": [float("nan")], "deviation": [1.0]},
        {"mean": ["0"], "deviation": [1.0]},
        {"mean": 0.0, "deviation": 1.0},
        {"mean": [0.0], "deviation": [1.0], "more": 1},
    ],
)
def test_scaling_refuses_descriptions_that_are_none(description: Any) -> None:
    with pytest.raises(DataError):
        Scaling.from_dict(description)


def test_scaling_refuses_another_number_of_features() -> None:
    with pytest.raises(ShapeError, match="expected 2 features, got 3"):
        Scaling((0.0, 0.0), (1.0, 1.0)).apply(np.zeros((4, 3)))


# -- tables ------------------------------------------------------------------------------------

TABLE = polars.DataFrame(
    {
        "when": [datetime(2024, 1, 1, hour) for hour in (0, 1, 2, 5, 6)],
        "heat": [1.0, 2.0, None, 4.0, 5.0],
        "count": [1, 2, 3, 4, 5],
        "open": [True, False, True, None, False],
        "state": ["run", "rest", "run", None, "fall"],
        "share": [0.5, None, 0.25, 0.5, 0.75],
    }
)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
def test_the_same_table_comes_from_every_kind_of_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"table{ending}"
    if ending == ".parquet":
        TABLE.write_parquet(path)
    else:
        TABLE.write_csv(path, separator="\t" if ending == ".tsv" else ",")
    assert read_table(path).equals(TABLE)
    assert read_table(str(path)).equals(TABLE)


def test_a_gzipped_table_is_read_too(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(TABLE.write_csv().encode()))
    assert read_table(path).equals(TABLE)


def test_the_usual_words_for_missing_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text("a,b\n1,x\nNA,y\n?,z\nnan,w\n,v\n2,u\n")
    assert read_table(path)["a"].to_list() == [1, None, None, None, None, 2]


PLACEHOLDERS = ["-", "--", "---", ".", "..", "*", "M", "None", "missing", "nil", "n.a.", "#N/A"]


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_dashes_and_the_like_between_numbers_are_missing(tmp_path: Path, placeholder: str) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text(f"a,b\n1,x\n{placeholder},y\n2.5,z\n")
    assert read_table(path)["a"].to_list() == [1, None, 2.5]


def test_numbers_as_text_are_refused_with_the_columns_name() -> None:
    table = polars.DataFrame({"x": ["1", "2.5"] * 20, "y": [float(i % 7) for i in range(40)]})
    with pytest.raises(DataError, match="holds numbers as text, such as '1'") as caught:
        choose_columns(table, "y", features="x")
    assert caught.value.argument == "x"


@pytest.mark.parametrize(
    ("name", "contents", "said"),
    [
        ("none.csv", None, "no such file"),
        ("table.xlsx", b"PK\x03\x04", "damaged zip archive"),
        ("folder", None, "no such file"),
        ("empty.csv", b"", "has no rows"),
        ("header.csv", b"a,b\n", "has no rows"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3\n", "cannot be read"),
        ("binary.csv", bytes(range(256)), "binary.csv"),
        ("garbage.parquet", b"PAR1garbagePAR1", "damaged Parquet"),
        ("short.parquet", b"PAR1", "damaged Parquet"),
        ("broken.csv.gz", b"\x1f\x8b\x08\x00broken", "broken.csv.gz"),
    ],
)
def test_files_that_are_no_table_are_refused_by_name(
    tmp_path: Path, name: str, contents: Any, said: str
) -> None:
    if contents is not None:
        (tmp_path / name).write_bytes(contents)
    with pytest.raises(DataError, match=said) as raised:
        read_table(tmp_path / name)
    assert name in str(raised.value)


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    TABLE.write_parquet(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), max(len(whole) // 25, 1)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError):
            read_table(path)


def test_something_else_than_a_table_is_refused() -> None:
    with pytest.raises(DtypeError, match="a dictionary of columns or a list of rows"):
        read_table([1, 2, 3])  # type: ignore[arg-type]


def test_a_table_becomes_a_series() -> None:
    columns = choose_columns(TABLE, "count", time="when")
    order = Order(("when",), dates=True, time_unit=3600.0)
    assert columns == Columns(("heat", "count", "open", "share"), ("count",), order)
    series = columns.series(TABLE)
    np.testing.assert_array_equal(series.inputs[:, 0], [1, 2, np.nan, 4, 5])
    np.testing.assert_array_equal(series.inputs[:, 2], [1, 0, 1, np.nan, 0])
    np.testing.assert_array_equal(series.targets[:, 0], [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(series.elapsed_time, [1, 1, 1, 3, 1])
    assert Columns.from_dict(columns.to_dict()) == columns


@pytest.mark.parametrize("kind", ["datetime", "zone", "date", "number", "integer", "duration"])
def test_elapsed_time_is_measured_in_median_steps(kind: str) -> None:
    days = [0, 2, 4, 10, 12]
    start = datetime(2024, 2, 27)
    column = {
        "datetime": polars.Series([start + timedelta(days=d) for d in days]),
        "zone": polars.Series([start + timedelta(days=d) for d in days]).dt.replace_time_zone(
            "UTC"
        ),
        "date": polars.Series([date(2024, 2, 27) + timedelta(days=d) for d in days]),
        "number": polars.Series([1e6 + d / 7 for d in days]),
        "integer": polars.Series(days),
        "duration": polars.Series([timedelta(days=d) for d in days]),
    }[kind]
    table = polars.DataFrame({"t": column, "x": [1.0] * 5})
    columns = choose_columns(table, "x", time="t")
    np.testing.assert_allclose(columns.series(table).elapsed_time, [1, 1, 1, 3, 1], rtol=1e-6)
    # The unit is kept: another table is measured by the first one's.
    later = columns.series(table[[0, 3, 4]])
    np.testing.assert_allclose(later.elapsed_time, [1, 5, 1], rtol=1e-6)


def test_the_unit_of_time_comes_from_the_training_rows() -> None:
    table = polars.DataFrame({"t": [0, 2, 4, 6, 7, 8, 9, 10, 11], "x": [0.0] * 9})
    assert choose_columns(table, "x", time="t").time_unit == 1.0
    assert choose_columns(table, "x", time="t", training_rows=4).time_unit == 2.0


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([0.0, 1.0, 1.0, 2.0], r"t: row 3 \(1.0\) is not after row 2 \(1.0\)"),
        ([0.0, 2.0, 3.0, 1.0], r"t: row 4 \(1.0\) is not after row 3 \(3.0\)"),
        ([0.0, None, 2.0, 3.0], "t: row 2 has no time"),
        ([0.0, float("nan"), 2.0, 3.0], "t: row 2 has no time"),
        ([0.0, 1.0, 2.0, float("inf")], "t: row 4 is infinite"),
        (["a", "b", "c", "d"], "t: expected numbers or dates as times"),
        ([datetime(2024, 1, 2), datetime(2024, 1, 1), None, None], "t: row 3 has no time"),
    ],
)
def test_times_that_do_not_rise_are_refused_with_column_and_row(
    times: list[Any], said: str
) -> None:
    table = polars.DataFrame({"t": times, "x": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(DataError, match=said):
        choose_columns(table, "x", time="t")


def test_labels_become_classes_in_order() -> None:
    columns = choose_columns(TABLE, "state", horizon=0)
    assert columns.classes == ("fall", "rest", "run")
    assert columns.features == ("heat", "count", "open", "share") and columns.outputs == 3
    assert columns.series(TABLE).targets.tolist() == [2, 1, 2, -1, 0]
    assert choose_columns(TABLE, "open").classes == (False, True)
    assert choose_columns(TABLE, "count", classes=True).classes == (1, 2, 3, 4, 5)
    assert "count" not in choose_columns(TABLE, "count", classes=True).features
    again = Columns.from_dict(columns.to_dict())
    with pytest.raises(DataError, match="state: row 2 is 'jump', the classes are fall"):
        again.series(TABLE.with_columns(state=polars.Series(["run", "jump", "run", "run", "run"])))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"targets": "cold"}, "cold: there is no such column; there are when"),
        ({"targets": []}, "targets: expected at least one"),
        ({"targets": ["heat", "heat"]}, "targets: names a column twice"),
        ({"features": ["state"]}, "state: expected numbers"),
        ({"features": ["cold"]}, "cold: there is no such column"),
        ({"time": "clock"}, "clock: there is no such column"),
        ({"time": "state"}, "state: expected numbers or dates"),
        ({"time": "heat"}, "heat: cannot be the time"),
        ({"targets": "share", "classes": True}, "share: expected text, integers"),
        ({"targets": ["state", "open"]}, "targets: expected one column of classes"),
        ({"targets": "state", "classes": False}, "state: expected numbers"),
    ],
)
def test_columns_that_cannot_be_used_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        choose_columns(**{"table": TABLE, "targets": "heat", **options}).series(TABLE)


def test_times_are_of_the_kind_they_were() -> None:
    dated = polars.DataFrame({"x": [1.0, 2.0, 3.0], "t": [date(2026, 1, day) for day in (1, 2, 4)]})
    numbered = dated.with_columns(polars.Series("t", [1, 2, 4]))
    for first, other, kind in ((dated, numbered, "dates"), (numbered, dated, "numbers")):
        columns = choose_columns(first, "x", time="t")
        assert columns.series(first).elapsed_time[-1] > 1
        with pytest.raises(DataError, match=f"t: expected {kind} as before"):
            columns.series(other)


def test_an_infinite_value_is_refused_with_its_row() -> None:
    table = polars.DataFrame({"x": [1.0, 2.0, float("-inf")]})
    with pytest.raises(DataError, match="x: row 3 is infinite"):
        choose_columns(table, "x").series(table)


@pytest.mark.parametrize(
    "change",
    [
        {"features": []},
        {"features": ["a", "a"]},
        {"targets": "x"},
        {"time": 3},
        {"time_unit": 0.0},
        {"time_unit": float("inf")},
        {"time_unit": "1"},
        {"dates": 1},
        {"classes": [1.5]},
        {"more": 1},
    ],
)
def test_descriptions_of_columns_from_strangers_are_checked(change: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        Columns.from_dict({**Columns(("x",), ("x",)).to_dict(), **change})


def test_the_default_fraction_must_leave_something() -> None:
    with pytest.raises(DomainError, match="valid"):
        split(counting(10), 0.5, 0.5)
    with pytest.raises((DomainError, OptionError), match="test"):
        split(counting(10), 0.1, 1.5)
