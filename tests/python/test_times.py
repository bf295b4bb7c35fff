"""Times in every usual form, exact to the nanosecond; what can be read in two ways is refused."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import numpy as np
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_neural_networks.data import Order, choose_columns, event_samples
from liquid_neural_networks.data._calendar import calendar_inputs, calendar_notes, cycles_within
from liquid_neural_networks.data._time_columns import read_times
from liquid_neural_networks.data._times import spoken_time, steps, written
from liquid_neural_networks.errors import DataError, OptionError


def read(*cells: Any, pattern: Any = None) -> list[Any]:
    return read_times([polars.Series("t", cells)], pattern).values.to_list()


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("2024-01-31", date(2024, 1, 31)),
        ("2024/01/31", date(2024, 1, 31)),
        ("31/01/2024", date(2024, 1, 31)),
        ("01/31/2024", date(2024, 1, 31)),
        ("1/31/2024", date(2024, 1, 31)),
        ("31.01.2024", date(2024, 1, 31)),
        ("31-1-2024", date(2024, 1, 31)),
        ("31/01/24", date(2024, 1, 31)),
        ("31-Jan-2024", date(2024, 1, 31)),
        ("31-Jan-24", date(2024, 1, 31)),
        ("31 Jan 2024", date(2024, 1, 31)),
        ("31 January 2024", date(2024, 1, 31)),
        ("Jan 31, 2024", date(2024, 1, 31)),
        ("January 31, 2024", date(2024, 1, 31)),
        ("1749-01", date(1749, 1, 1)),
        ("1990/12", date(1990, 12, 1)),
        ("12/1990", date(1990, 12, 1)),
        ("Dec-1990", date(1990, 12, 1)),
        ("20240131", date(2024, 1, 31)),
        (20240131, date(2024, 1, 31)),
        ("199012", date(1990, 12, 1)),
        (199012, date(1990, 12, 1)),
        ("202401311559", datetime(2024, 1, 31, 15, 59)),
        ("20240131155958", datetime(2024, 1, 31, 15, 59, 58)),
        ("20240131T155958", datetime(2024, 1, 31, 15, 59, 58)),
        ("2024-01-31 15:59", datetime(2024, 1, 31, 15, 59)),
        ("2024-01-31T15:59:58", datetime(2024, 1, 31, 15, 59, 58)),
        ("2024-01-31 15:59:58.25", datetime(2024, 1, 31, 15, 59, 58, 250_000)),
        ("2024-01-31 15:59:58,25", datetime(2024, 1, 31, 15, 59, 58, 250_000)),
        ("31/01/2024 3:59 PM", datetime(2024, 1, 31, 15, 59)),
        ("1/31/2024 3:59:58 pm", datetime(2024, 1, 31, 15, 59, 58)),
        ("31-Jan-2024 15:59", datetime(2024, 1, 31, 15, 59)),
        (" 2024-01-31 ", date(2024, 1, 31)),
    ],
)
def test_the_usual_forms_are_recognised(cell: Any, meant: Any) -> None:
    assert read(cell) == [meant]


def test_zones_are_told_apart() -> None:
    for cell in ("2024-01-31T15:59:58Z", "2024-01-31T16:59:58+01:00", "2024-01-31 16:59:58 +0100"):
        assert [each.replace(tzinfo=None) for each in read(cell)] == [
            datetime(2024, 1, 31, 15, 59, 58)
        ]
    # An hour put back is no step back where the offset is written.
    summer, winter = "2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00+01:00"
    assert steps(read_times([polars.Series([summer, winter])]).values).tolist() == [3600.0]


@pytest.mark.parametrize(
    ("cells", "readings"),
    [
        (["01/02/1990", "01/03/1990"], ("1 February 1990", "2 January 1990")),
        (["03.04.20 10:00", "04.04.20 10:00"], ("3 April 2020", "4 March 2020")),
        (["01-02-1990 1:00 PM"], ("1 February 1990", "2 January 1990")),
    ],
)
def test_day_and_month_that_could_change_places_are_refused_with_both_readings(
    cells: list[str], readings: tuple[str, str]
) -> None:
    with pytest.raises(DataError) as caught:
        read(*cells)
    assert f"{readings[0]} or {readings[1]}?" in str(caught.value)
    assert caught.value.argument == "t" and "--time-format" in str(caught.value)


def test_one_row_that_decides_is_enough() -> None:
    assert read("01/02/1990", "13/02/1990")[0] == date(1990, 2, 1)
    assert read("01/02/1990", "01/13/1990")[0] == date(1990, 1, 2)
    assert read("02/02/1990") == [date(1990, 2, 2)]


@pytest.mark.parametrize(
    ("pattern", "cell", "meant"),
    [
        ("%d/%m/%Y", "01/02/1990", date(1990, 2, 1)),
        ("%m/%d/%Y", "01/02/1990", date(1990, 1, 2)),
        ("%Y;%j", "1990;33", date(1990, 2, 2)),
        ("%d %B %Y, %H h", "1 February 1990, 05 h", datetime(1990, 2, 1, 5)),
        ("%H:%M:%S.%f %d.%m.%y", "01:02:03.5 01.02.90", datetime(1990, 2, 1, 1, 2, 3, 500_000)),
        ("%Y%m", 199002, date(1990, 2, 1)),
    ],
)
def test_a_pattern_reads_what_it_says(pattern: str, cell: Any, meant: Any) -> None:
    assert read(cell, pattern=pattern) == [meant]


def test_patterns_and_times_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="t: row 2 is '1990-02-31', which %Y-%m-%d does not read"):
        read("1990-02-01", "1990-02-31", pattern="%Y-%m-%d")
    for pattern in ("%Q", "day"):
        with pytest.raises(OptionError, match="time_format: expected a strptime pattern"):
            read("1990-02-01", pattern=pattern)
    with pytest.raises(DataError, match="t: expected numbers or dates as times, row 2 is 'soon'"):
        read("1990-02-01", "soon")
    with pytest.raises(DataError, match="row 2"):
        read("01/02/1990", "1990-02-01")


def parts(**columns: Any) -> polars.Series:
    return read_times([polars.Series(name, cells) for name, cells in columns.items()]).values


def test_parts_of_the_time_in_several_columns() -> None:
    hours = parts(year=[2010, 2010], month=[1, 12], day=["2", "31"], hour=[0, 23])
    assert hours.to_list() == [datetime(2010, 1, 2), datetime(2010, 12, 31, 23)]
    assert parts(Yr=[1990], Mo=[2]).to_list() == [date(1990, 2, 1)]
    joined = parts(Date=["16/12/2006"], Time=["17:24:00"])
    assert joined.to_list() == [datetime(2006, 12, 16, 17, 24)]
    beside = parts(dteday=["2011-01-01", "2011-01-01"], hr=[0, 1])
    assert beside.to_list() == [datetime(2011, 1, 1), datetime(2011, 1, 1, 1)]
    for wrong, said in (
        ({"year": [2010], "month": [13], "day": [1]}, r"row 1 \(2010, 13, 1\) is no time"),
        ({"year": [2010, 2010], "day": [1, 2]}, "without a gap"),
        ({"year": [2010], "x": [1]}, "x: cannot tell which part"),
    ):
        with pytest.raises(DataError, match=said):
            parts(**wrong)


def test_a_pattern_reads_joined_columns() -> None:
    columns = [polars.Series("day", ["01/02/1990"]), polars.Series("hour", [1730])]
    found = read_times(columns, "%d/%m/%Y %H%M")
    assert found.values.to_list() == [datetime(1990, 2, 1, 17, 30)]
    again = read_times(columns, known=found.format)
    assert again.values.equals(found.values)
    with pytest.raises(DataError, match="day,hour: row 1 is '01/02/1990 9930'"):
        read_times([columns[0], polars.Series("hour", [9930])], "%d/%m/%Y %H%M")


def test_times_of_day_and_stopwatches_are_durations() -> None:
    clock = read_times([polars.Series(["23:59:58", "23:59:59"])]).values
    assert clock.dtype == polars.Duration and steps(clock).tolist() == [1.0]
    recorder = read_times([polars.Series(["0:00.000", "0:00.003", "1:00.006"])]).values
    np.testing.assert_allclose(steps(recorder), [0.003, 60.003], rtol=1e-12)
    minutes = read_times([polars.Series(["12:30", "13:00"])]).values
    assert steps(minutes).tolist() == [1800.0]
    with pytest.raises(DataError, match="--time DATE,TIME"):
        steps(read_times([polars.Series("t", ["23:59:59", "00:00:00"])]).values)


# -- exactness ---------------------------------------------------------------------------------

nanoseconds = st.lists(st.integers(0, 2**62), min_size=2, max_size=20, unique=True).map(sorted)


@given(nanoseconds, st.sampled_from(["typed", "text", "integer", "unsigned"]))
def test_nanoseconds_are_exact_from_end_to_end(since: list[int], kind: str) -> None:
    typed = polars.Series("t", since).cast(polars.Datetime("ns"))
    column = {
        "typed": typed,
        "text": typed.dt.strftime("%Y-%m-%d %H:%M:%S%.9f"),
        "integer": polars.Series("t", since),
        "unsigned": polars.Series("t", since, dtype=polars.UInt64),
    }[kind]
    unit = 1.0 if column.dtype.is_integer() else 1e9
    # Exact as integers, then rounded once.
    expected = np.array([(b - a) / unit for a, b in zip(since, since[1:])])
    np.testing.assert_array_equal(steps(read_times([column]).values), expected)


def test_the_report_of_uneven_nanosecond_steps_is_gone() -> None:
    times = polars.Series(np.arange(6) * 1500 + 1_700_000_000_000_000_000)
    table = polars.DataFrame({"t": times.cast(polars.Datetime("ns")), "x": np.arange(6) % 2 * 0.5})
    columns = choose_columns(table, "x", time="t")
    assert columns.time_unit == 1.5e-6
    np.testing.assert_array_equal(columns.series(table).elapsed_time, np.ones(6))
    stamps = np.datetime64("2024-01-01", "ns") + np.arange(3) * np.timedelta64(1500, "ns")
    events = event_samples([(stamp, "x", 1.0) for stamp in stamps], time_unit=1.5e-6)
    assert events.elapsed_time.tolist() == [1.0, 1.0, 1.0]
    late = 2**60
    epochs = event_samples([(late + k, "x", 1.0) for k in (0, 1, 3)])
    assert epochs.elapsed_time.tolist() == [1.0, 1.0, 2.0]
    coarse = event_samples([(late + k, "x", 1.0) for k in (0, 1, 5, 9)], resolution=4)
    assert coarse.elapsed_time.tolist() == [1.0, 4.0, 4.0]


# -- order -------------------------------------------------------------------------------------


def arranged(table: polars.DataFrame, **options: Any) -> polars.DataFrame:
    return Order.of(table, "t", **options).arranged(table)


def test_rows_are_sorted_and_merged_only_if_asked_for() -> None:
    table = polars.DataFrame({"t": [3, 1, 1, 2], "x": [3.0, 1.0, 2.0, 5.0], "w": list("cabd")})
    assert arranged(table).equals(table)
    assert arranged(table, sort=True)["w"].to_list() == ["a", "b", "d", "c"]
    for duplicates, row in (
        ("first", (1, 1.0, "a")), ("last", (1, 2.0, "b")), ("mean", (1, 1.5, "a"))
    ):  # fmt: skip
        found = arranged(table, sort=True, duplicates=duplicates)
        assert found.columns == table.columns
        assert found.rows() == [row, (2, 5.0, "d"), (3, 3.0, "c")]


def test_each_series_is_sorted_by_itself() -> None:
    table = polars.DataFrame({"t": [2, 1, 1, 1], "id": list("baab"), "x": [0.0, 1.0, 2.0, 3.0]})
    found = arranged(table, sort=True, duplicates="first", group="id")
    assert found.rows() == [(1, "b", 3.0), (2, "b", 0.0), (1, "a", 1.0)]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["2024-01-01", "2024-01-01"], "--duplicates first"),
        (["2024-01-02", "2024-01-01"], "--sort puts the rows in order"),
        (["2024-10-27 02:45:00", "2024-10-27 02:00:00"], "clocks were put back an hour there"),
        (["2024-11-03 01:00:00", "2024-11-03 01:00:00"], "clocks were put back an hour there"),
        (["2024-10-23 02:00:00", "2024-10-23 02:00:00"], "--duplicates first"),
    ],
)
def test_times_that_do_not_rise_are_refused_with_what_helps(cells: list[str], said: str) -> None:
    with pytest.raises(DataError, match=f"t: row 2 .* is not after row 1 .*{said}"):
        steps(read_times([polars.Series("t", cells)]).values)


def test_options_of_times_need_times() -> None:
    table = polars.DataFrame({"t": [1, 2], "x": [0.5, 1.5]})
    for options in ({"sort": True}, {"duplicates": "first"}, {"time_format": "%Y"}):
        with pytest.raises(OptionError, match="needs a column of times"):
            Order.of(table, None, **options)
    with pytest.raises(OptionError, match="did you mean 'first'"):
        Order.of(table, "t", duplicates="frist")


def test_a_description_with_other_times_than_columns_is_refused_by_name() -> None:
    for time in (3, [3], {"t": 1}):
        with pytest.raises(DataError, match="names of columns or nothing") as caught:
            Order.from_dict({"time": time})
        assert caught.value.argument == "time"


def test_another_table_is_read_as_the_first_one_was() -> None:
    first = polars.DataFrame({"t": ["13/02/1990", "14/02/1990"], "x": [0.5, 1.5]})
    columns = choose_columns(first, "x", time="t")
    assert columns.order.time_format == "%d/%m/%Y"
    later = polars.DataFrame({"t": ["01/03/1990", "02/03/1990"], "x": [0.5, 1.5]})
    times = columns.recordings(later)[0].times
    assert times is not None and times.to_list() == [date(1990, 3, 1), date(1990, 3, 2)]
    assert columns.write_times(times).to_list() == later["t"].to_list()
    other = polars.DataFrame({"t": ["1990-03-01", "1990-03-02"], "x": [0.5, 1.5]})
    again = columns.recordings(other)[0].times
    assert again is not None and again.equals(times, check_names=False)


DAY, MONTH = date(2024, 3, 23), date(2024, 3, 1)
FORMS = {
    DAY: [
        "2024-3-23", "2024/3/23", "2024.3.23", "20240323", "23/3/2024", "3/23/2024", "23-3-2024",
        "3-23-2024", "23.3.2024", "3.23.2024", "3/23/24", "3-23-24", "3.23.24", "23-Mar-2024",
        "23-Mar-24", "23 Mar 2024", "23 Mar 24", "23 March 2024", "Mar 23, 2024", "March 23, 2024",
    ],
    MONTH: ["Mar-2024", "Mar 2024", "Mar-24", "2024-Mar", "2024-3", "2024/3", "3/2024"],
    date(1999, 3, 23): ["23/3/99", "23-3-99", "99-3-23", "23.3.99"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "wanted"), [(cell, day) for day, cells in FORMS.items() for cell in cells]
)
def test_each_form_of_a_date_is_read(cell: str, wanted: date) -> None:
    found = read_times([polars.Series([cell])]).values
    assert [each.date() if isinstance(each, datetime) else each for each in found] == [wanted]


@pytest.mark.parametrize(
    ("cell", "form"),
    [("31/01/2024 15:59", "%d/%m/%Y %H:%M"), ("199012", "%Y%m"), ("05-Jan-24", "%d-%b-%y")],
)
def test_times_are_written_as_they_were_read(cell: str, form: str) -> None:
    found = read_times([polars.Series([cell])])
    assert found.format == form and written(found.values, found.format).to_list() == [cell]


@pytest.mark.parametrize(
    ("times", "text"),
    [
        ([1, 2], ["1", "2"]),
        ([1.0, 2.0], ["1", "2"]),
        ([1.0, 2.5], ["1.0", "2.5"]),
        ([date(2024, 1, 31)], ["2024-01-31"]),
        ([datetime(2024, 1, 31, 5)], ["2024-01-31 05:00:00.000000"]),
    ],
)
def test_times_without_a_pattern_are_written_plainly(times: list[Any], text: list[str]) -> None:
    assert written(polars.Series(times), None).to_list() == text


# -- calendar ----------------------------------------------------------------------------------


def test_the_calendar_is_sine_and_cosine_of_the_place_in_each_cycle() -> None:
    times = polars.Series([datetime(2024, 1, 1), datetime(2024, 1, 1, 6), datetime(2024, 7, 1, 12)])
    found = calendar_inputs(times, ["hour", "weekday", "yearday"])
    np.testing.assert_allclose(found[0], [0, 1, 0, 1, 0, 1], atol=1e-12)  # a Monday at midnight
    np.testing.assert_allclose(found[1, :2], [1, 0], atol=1e-12)
    np.testing.assert_allclose(found[2, :2], [0, -1], atol=1e-12)
    np.testing.assert_allclose(found[2, 4:], [np.sin(2 * np.pi * 182.5 / 365.2425), -1], atol=1e-2)
    np.testing.assert_allclose(found[:, ::2] ** 2 + found[:, 1::2] ** 2, 1)


@pytest.mark.parametrize(
    ("every", "rows", "cycles"),
    [
        ("1h", 24 * 6, ()),
        ("1h", 24 * 8, ("hour",)),
        ("1h", 24 * 30, ("hour", "weekday")),
        ("1d", 30, ("weekday",)),
        ("1d", 800, ("weekday", "yearday")),
        ("1mo", 30, ("yearday",)),
        ("1y", 30, ()),
    ],
)
def test_cycles_are_fed_if_they_are_spanned_often_enough(
    every: str, rows: int, cycles: tuple[str, ...]
) -> None:
    start = datetime(2000, 1, 1)
    end = polars.Series([start]).dt.offset_by(f"{rows}{every[1:]}")[0]
    times = polars.datetime_range(start, end, every, eager=True)
    assert cycles_within([times]) == cycles


def test_a_calendar_needs_dates() -> None:
    table = polars.DataFrame({"t": [1.0, 2.0], "x": [0.5, 1.5]})
    for time in ("t", None):
        with pytest.raises(OptionError, match="calendar: needs a column of dates"):
            choose_columns(table, "x", time=time, features="x", calendar="hour")
    with pytest.raises(OptionError, match="calendar: expected some of hour, weekday, yearday"):
        choose_columns(table, "x", calendar="moon")


def test_lengths_of_time_in_words() -> None:
    assert [spoken_time(s) for s in (1, 0.003, 60, 3600, 86400, 2.6e6)] == [
        *("1 second", "0.003 seconds", "1 minute", "1 hour", "1 day", "30.1 days"),
    ]


def test_what_the_notes_say_is_what_is_fed():
    """Whoever computes the inputs elsewhere has their names and these notes alone."""
    when = polars.Series([datetime(2024, 3, 6, 18, 45)])  # a Wednesday
    days = 31 + 29 + 5 + 18.75 / 24
    places = {"hour": 18.75 / 24, "weekday": (2 + 18.75 / 24) / 7, "yearday": days / 365.2425}
    for name, place in places.items():
        fed = calendar_inputs(when, [name])[0]
        np.testing.assert_allclose(fed, [np.sin(2 * np.pi * place), np.cos(2 * np.pi * place)])
    assert calendar_notes(["hour"]) == (" of 2 pi (hours since midnight) / 24",) * 2
    assert "Monday, 0:00) / 7" in calendar_notes(["weekday"])[0]
    assert "1 January, 0:00) / 365.2425" in calendar_notes(["yearday"])[1]
