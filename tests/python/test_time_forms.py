"""Dates as public sources write them: each against what Python's own datetime says they are."""

from datetime import datetime, timedelta

import polars
import pytest

from liquid_neural_networks.data import choose_columns
from liquid_neural_networks.data._time_columns import read_times
from liquid_neural_networks.data._times import spoken_time, written
from liquid_neural_networks.errors import DataError
from liquid_neural_networks.training import fit_table

START = datetime(2019, 12, 20, 6)
DAYS = [START + timedelta(days=number) for number in range(40)]
HOURS = [START + timedelta(hours=number) for number in range(40)]


def read(cells, **options):
    return read_times([polars.Series("when", cells)], **options)


def instants(values):
    return values.cast(polars.Datetime("us")).dt.replace_time_zone(None).to_list()


@pytest.mark.parametrize(
    "form",
    [
        *("%d-%b-%Y", "%d/%b/%Y", "%d%b%Y", "%b %d %Y", "%B %d %Y", "%b-%d-%Y", "%Y %b %d"),
        *("%Y-%b-%d", "%Y-%j", "%Y%j", "%G-W%V-%u", "%a %b %d %Y", "%A, %B %d, %Y"),
    ],
)
def test_days(form):
    found = read([each.strftime(form) for each in DAYS])
    assert instants(found.values) == [each.replace(hour=0) for each in DAYS]
    assert written(found.values, found.format).to_list() == [each.strftime(form) for each in DAYS]


@pytest.mark.parametrize(
    "form",
    [
        *("%Y%m%d%H", "%Y%m%d:%H%M", "%Y-%m-%d_%H:%M", "%Y-%m-%d-%H:%M", "%d%b%Y:%H:%M:%S"),
        *("%d/%b/%Y:%H:%M:%S +0000", "%a, %d %b %Y %H:%M:%S GMT", "%d.%m.%Y, %H:%M"),
    ],
)
def test_hours(form):
    found = read([each.strftime(form) for each in HOURS])
    assert instants(found.values) == HOURS
    again = written(found.values, found.format, like=HOURS[-1].strftime(form))
    assert again.to_list() == [each.strftime(form) for each in HOURS]


@pytest.mark.parametrize("form", ["%B %Y", "%b %Y", "%Y %b", "%YM%m", "%Y M%m"])
def test_months(form):
    months = [datetime(2000 + number // 12, number % 12 + 1, 1) for number in range(30)]
    months = months[4:]  # May is its own abbreviation
    found = read([each.strftime(form) for each in months])
    assert instants(found.values) == months
    assert written(found.values, found.format).to_list() == [m.strftime(form) for m in months]


@pytest.mark.parametrize("form", ["{}Q{}", "{}-Q{}", "{} Q{}", "Q{1} {0}", "Q{1}/{0}", "Q{1}-{0}"])
def test_quarters(form):
    cells = [form.format(1980 + number // 4, number % 4 + 1) for number in range(12)]
    found = read(cells)
    months = [datetime(1980 + number // 4, 3 * (number % 4) + 1, 1) for number in range(12)]
    assert instants(found.values) == months
    assert written(found.values, found.format).to_list() == cells


@pytest.mark.parametrize("form", ["%G-W%V", "%GW%V"])
def test_weeks(form):
    mondays = [datetime(2019, 12, 16) + timedelta(weeks=number) for number in range(60)]
    found = read([each.strftime(form) for each in mondays])
    assert instants(found.values) == mondays
    assert written(found.values, found.format).to_list() == [m.strftime(form) for m in mondays]


def test_24_oclock_is_the_end_of_the_day():
    cells = [
        f"{each - timedelta(hours=1):%d.%m.%Y} {(each.hour - 1) % 24 + 1}:00" for each in HOURS
    ]
    assert instants(read(cells).values) == HOURS
    assert instants(read(["2019123123", "2019123124"]).values)[1] == datetime(2020, 1, 1)
    assert instants(read(["2020-12-31T24:00:00"]).values) == [datetime(2021, 1, 1)]
    with pytest.raises(DataError, match="row 1 is '2020-01-01 24:30'"):
        read(["2020-01-01 24:30", "2020-01-02 00:00"])


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M:%S", "%m/%d/%y %H:%M"])
def test_a_date_alone_among_dates_with_a_clock_is_midnight(form):
    cells = [each.strftime(form if each.hour else form.split()[0]) for each in HOURS]
    assert instants(read(cells).values) == HOURS


def test_a_whole_second_among_fractions_needs_no_fraction():
    found = read(["2019-12-20T06:00:00Z", "2019-12-20T06:00:00.5Z"])
    assert instants(found.values) == [START, START + timedelta(seconds=0.5)]


def test_hours_alone_may_be_the_distance_from_utc():
    found = read(["2019-12-20 06:00:00+02", "2019-12-20 06:00:00+01"])
    assert instants(found.values) == [START - timedelta(hours=2), START - timedelta(hours=1)]


@pytest.mark.parametrize("zone", ["+02:00", "-0330", "+02", "Z"])
def test_times_to_come_keep_the_distance_from_utc(zone):
    """They were written in UTC, whatever stood in the table."""
    table = polars.DataFrame(
        {"when": [f"{each:%Y-%m-%dT%H:%M:%S}{zone}" for each in HOURS], "v": range(40)}
    )
    forecaster = fit_table(
        table,
        "v",
        time="when",
        window=4,
        hidden_size=2,
        epochs=1,
        baseline="latest",
        progress=False,
    )
    expected = f"{HOURS[-1] + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}{zone}"
    assert forecaster.predict(table, latest=True)["when"][0] == expected


def test_an_hour_beside_the_date_is_part_of_the_times_of_forecasts():
    """All forecasts of a day had the same time."""
    table = polars.DataFrame(
        {
            "Date": [f"{each - timedelta(hours=1):%m/%d/%Y}" for each in HOURS],
            "Hour": [(each.hour - 1) % 24 + 1 for each in HOURS],
            "v": range(40),
        }
    )
    forecaster = fit_table(
        table, "v", time=["Date", "Hour"], window=4, hidden_size=2, epochs=1, progress=False
    )
    found = forecaster.predict(table)
    assert found["time"][-1] == f"{HOURS[-1] + timedelta(hours=1):%m/%d/%Y %H:%M}"
    assert found["time"].n_unique() == len(table)
    early = table.with_columns(Date=polars.lit("01/02/2020"), Hour=polars.Series(range(40)) // 2)
    early = early.unique("Hour", keep="first", maintain_order=True)
    assert forecaster.predict(early, latest=True)["made_at"][0] == "01/02/2020 19:00"


def test_the_pattern_advised_for_dates_beside_hours_is_of_the_dates():
    table = polars.DataFrame({"Date": ["1/2/2020", "1/3/2020"], "Hour": [5, 5], "v": [1.5, 2.25]})
    with pytest.raises(DataError, match="'%d/%m/%Y' or '%m/%d/%Y' says it"):
        choose_columns(table, "v", time=["Date", "Hour"])
    found = choose_columns(table, "v", time=["Date", "Hour"], time_format="%d/%m/%Y")
    assert found.order.time_format == "%d/%m/%Y %H:%M" and found.time_unit == 29 * 86_400


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"YY": [99], "MM": [7], "DD": [4], "hh": [5], "mm": [30]}, datetime(1999, 7, 4, 5, 30)),
        ({"YR": [2020], "MO": [2], "DY": [29], "HR": [24]}, datetime(2020, 3, 1)),
        ({"year": [2020], "doy": [60]}, datetime(2020, 2, 29)),
        ({"Year": [1980], "Quarter": [3]}, datetime(1980, 7, 1)),
        ({"Year": [2000], "Month": ["May"]}, datetime(2000, 5, 1)),
        ({"Year": [2000], "Month": ["June"], "Day": [9]}, datetime(2000, 6, 9)),
        ({"Year": [2000], "Period": ["M03"]}, datetime(2000, 3, 1)),
    ],
)
def test_parts_in_several_columns(columns, expected):
    found = read_times([polars.Series(name, cells) for name, cells in columns.items()])
    assert instants(found.values) == [expected]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"year": [2020], "doy": [367]}, "367"),
        ({"year": [2020], "quarter": [5]}, "5"),
        ({"year": [2020], "yr": [2020]}, "several columns hold the year"),
        ({"year": [2020], "day": [1]}, "without a gap"),
    ],
)
def test_parts_that_are_no_time(columns, said):
    with pytest.raises(DataError, match=said):
        read_times([polars.Series(name, cells) for name, cells in columns.items()])


@pytest.mark.parametrize("cells", [["20191301", "20191302"], ["2019367", "2019368"], ["1000001"]])
def test_numbers_that_are_no_dates_stay_numbers(cells):
    assert read(cells).values.dtype.is_integer()


def test_the_row_that_is_no_time_is_named():
    """The first row was named, whichever the wrong one was."""
    cells = [each.strftime("%m/%d/%Y") for each in DAYS]
    with pytest.raises(DataError, match=r"row 41 is 'Total'.*delete that line"):
        read([*cells, "Total"])
    with pytest.raises(DataError, match="row 41 is '30/30/2020', unlike '12/20/2019': correct it"):
        read([*cells, "30/30/2020"])


def test_one_hour_is_no_hours():
    assert spoken_time(3600.5) == "1 hour" and spoken_time(0.9999) == "1 second"
