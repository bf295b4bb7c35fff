"""Tables as public sources publish them: read for what they mean, or refused with what to type."""

import json

import polars
import pytest
from click.testing import CliRunner

from liquid_neural_networks.cli import main
from liquid_neural_networks.data import Columns, TableFiles, choose_columns, read_table
from liquid_neural_networks.data._choice import Wish, choose
from liquid_neural_networks.data._order import Order
from liquid_neural_networks.data._time_columns import read_times
from liquid_neural_networks.errors import DataError
from liquid_neural_networks.training import Forecaster, fit_table


@pytest.fixture
def read(tmp_path):
    def from_text(text, name="table.csv", **options):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        said = []
        table = read_table(TableFiles(path, report=said.append, **options))
        return table, said[0]

    return from_text


def column(cells, separator=";"):
    return f"row{separator}x\n" + "".join(f"{i}{separator}{cell}\n" for i, cell in enumerate(cells))


def said_of(table, target):
    order = Order()
    rows = order.rows(table)
    return choose(table, order, rows, [each.numbers for each in rows], Wish((target,))).remarks


@pytest.mark.parametrize("cells", [["950", "1.100", "87"], ["1.250", "-950", "2.000", "0"]])
def test_thousands_beside_hundreds_are_asked_for(read, cells):
    """950 and 1.100 were read as 950 and 1.1, without a word."""
    table, _ = read(column(cells))
    with pytest.raises(DataError, match=r"--decimal \. or --decimal , says which"):
        choose_columns(table, "x")
    whole = [float(cell.replace(".", "")) for cell in cells]
    assert read(column(cells), decimal=",")[0]["x"].cast(polars.Float64).to_list() == whole


def test_other_columns_say_what_points_are(read):
    rows = "a;b\n950;{}\n1.100;{}\n"
    assert read(rows.format("0.5", "2.25"))[0]["a"].to_list() == [950, 1.1]
    assert read(rows.format("0,5", "2,25"))[0]["a"].to_list() == [950, 1100]


@pytest.mark.parametrize("cells", [["45.123", "46"], ["1.125", "2", "3.375"], ["950", "1.100"]])
def test_between_commas_points_are_decimal(read, cells):
    rows = "".join(f"{k},{cell}\n" for k, cell in enumerate(cells))
    assert read(f"t,x\n{rows}")[0]["x"].to_list() == [float(cell) for cell in cells]


@pytest.mark.parametrize("cells", [["950", "1.125", "2.5"], ["1500", "1.125"], ["1.125", "2.250"]])
def test_decimals_are_no_thousands(read, cells):
    assert read(column(cells))[0]["x"].to_list() == [float(each) for each in cells]


def test_numbers_in_brackets_are_negative(read):
    table, said = read(column(["(1.5)", "2.5", "($3)", "(1,010.37)"]).replace("($3)", "(3)"))
    assert table["x"].to_list() == [-1.5, 2.5, -3, -1010.37]
    assert "numbers in brackets are negative" in said


def test_numbered_notes_are_no_debts(read):
    assert read(column(["(1)", "(2)", "(3)"]))[0]["x"].to_list() == ["(1)", "(2)", "(3)"]


@pytest.mark.parametrize(
    "rows",
    [
        "2001,2002,2003,2004\n2005,2006,2007,2008\n2009,2010,2011,2012\n",
        "0.1,2047,2048,2049,2050\n0.2,2040,2046,2049,2060\n0.3,2043,2048,2041,2050\n",
        "1/2/20,1/3/20,1/4/20,1/5/20,1\n,,,,2\n1/6/20,1/7/20,1/8/20,1/9/20,3\n",
    ],
)
def test_rows_of_what_may_be_times_are_no_header(read, rows):
    table, said = read(rows)
    assert table.height == rows.count("\n")
    assert "no header" in said


@pytest.mark.parametrize("last", ["10+", "A12", "?"])
def test_a_last_row_without_values_is_no_note(read, last):
    table, said = read("age,v\n" + "".join(f"{n},{n}.5\n" for n in range(20)) + f"{last},\n")
    assert table.height == 21
    assert "left out" not in said


def test_words_that_recur_are_no_header(read):
    """A device that says nothing at first."""
    table, _ = read("state,v\nidle,wait\nidle,wait\nrun,5\nrun,6\nrun,7\n")
    assert table["state"].to_list() == ["idle", "idle", "run", "run", "run"]


@pytest.mark.parametrize("cells", [[None, "a"], [None, None, "2020-13-41"]])
def test_times_that_are_none_below_empty_cells(cells):
    with pytest.raises(DataError, match=f"row {len(cells)} is {cells[-1]!r}"):
        read_times([polars.Series("t", cells)])


@pytest.mark.parametrize(
    "word", ["n/a", "#DIV/0!", "#VALUE!", "<NA>", "MM", ":", "\\N", "No data", "(blank)", "nd"]
)
def test_words_for_nothing_between_numbers(read, word):
    table, said = read(column(["1.5", word, "2.5"]))
    assert table["x"].to_list() == [1.5, None, 2.5]
    assert f"{word!r} missing" in said


def test_a_stray_word_comes_with_what_to_type(read):
    with pytest.raises(DataError, match=r"row 2 is 'too low'.*--missing 'too low'"):
        choose_columns(read(column(["1.5", "too low", "2.5"]))[0], "x")
    assert read(column(["1", "too low"]), missing=["too low"])[0]["x"].to_list() == [1, None]
    with pytest.raises(DataError, match=r"row 2 is '1\.5\*'.*correct it") as caught:
        choose_columns(read(column(["1.5", "1.5*", "2.5"]))[0], "x")
    assert "--missing" not in str(caught.value)


@pytest.mark.parametrize(
    ("mark", "others"),
    [(-999.9, [3.5, -20, 12]), (9999, [1010, 1020]), (99, [0.5, 3]), (1e20, [1, 2]), (-99, [0, 9])],
)
def test_a_number_that_may_mean_nothing_is_pointed_out(mark, others):
    table = polars.DataFrame({"x": [*others, mark, *others, mark]}, strict=False)
    said = [line for line in said_of(table, "x") if "--missing" in line]
    assert said == [
        f"x: {mark:.10g} stands in 2 of {len(table)} rows, far from all other numbers; if it means "
        f"that there is none: --missing {mark:.10g}"
    ]


@pytest.mark.parametrize(
    "numbers", [[0, 50, 98, 99], [1, 2, 999, 500], [-9, 1, 2], [5.5, 5.5, 5.5, 99]]
)
def test_other_numbers_are_not_pointed_out(numbers):
    assert "--missing" not in "\n".join(said_of(polars.DataFrame({"x": numbers}), "x"))


def test_two_marks_in_one_column_are_both_pointed_out():
    table = polars.DataFrame({"x": [1.5, 2.5, 99.0, 999.0, 3.5]})
    said = "\n".join(said_of(table, "x"))
    assert "--missing 99\n" in said + "\n" and "--missing 999" in said


def test_a_target_that_never_changes_is_pointed_out():
    said = said_of(polars.DataFrame({"x": [7.5] * 9, "y": [1.5, 2.5, 0.5] * 3}), "x")
    assert "x: the same in all rows to train on: there is nothing to learn" in said


def test_a_target_without_a_value_is_refused():
    """The advice was to keep no rows back, which ended in another error."""
    table = polars.DataFrame({"x": [None] * 9, "y": [1.5, 2.5, 0.5] * 3})
    with pytest.raises(DataError, match="x: holds no value at all"):
        choose_columns(table, "x")


# -- above and below the rows ------------------------------------------------------------------


def rows(count=6, separator=","):
    return "".join(
        f"2020-01-{n + 1:02}{separator}{n * 1.5}{separator}{n % 4}\n" for n in range(count)
    )


@pytest.mark.parametrize("extra", [1, 2, 3])
def test_several_header_rows(read, extra):
    """All but one of them were rows of the table."""
    more = ["Ticker,ABC,ABC\n", ",USD,USD\n", "Date,,\n"][-extra:]
    table, said = read("Price,Close,High\n" + "".join(more) + rows())
    assert table.shape == (6, 3) and table["Close"].dtype == polars.Float64
    assert ("a second header row left out" if extra == 1 else f"{extra} more header") in said


@pytest.mark.parametrize(
    "names",
    ["country,code,2001,2002,2003,2004,2005", "country,code,2001-01,2001-02,2001-03,2001-04,a"],
)
def test_names_that_are_times(read, names):
    """They were taken for the first row."""
    text = f"{names}\n" + "".join(f"land {n},L{n}" + f",{n}.5" * 5 + "\n" for n in range(8))
    table, said = read(text)
    assert table.columns == names.split(",") and table.height == 8
    assert "named by times, where a row for each time is expected" in said


def test_months_as_names_are_pointed_out(read):
    months = "Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec"
    assert (
        "named by times" in read(f"Year,{months}\n1900" + ",1.5" * 12 + "\n1901" + ",2.5" * 12)[1]
    )


def test_rows_of_numbers_that_count_are_no_names(read):
    assert read("5,6,7,8,9\n1,2,3,4,5\n2,3,4,5,6\n")[0].height == 3
    assert read("1998,1999,2000,2001\n1999,2000,2001,2002\n" * 2)[0].height >= 3


def test_units_in_a_comment_are_no_names(read):
    """As buoys are published: the units below the names were taken for these."""
    text = "#YY  MM DD WSPD  GST\n#yr  mo dy  m/s  m/s\n" + "2020 01 02 3.5 4.5\n" * 5
    assert read(text)[0].columns == ["YY", "MM", "DD", "WSPD", "GST"]
    assert read("# in the cellar today\n# a b c d\n" + "1 2 3.5 4\n" * 5)[0].columns == [*"abcd"]


def test_a_column_may_be_called_by_the_mark_of_comments(read):
    assert read("#,date,x\n" + "".join(f"{n},2020-01-0{n},{n}.5\n" for n in range(1, 7)))[
        0
    ].columns == ["#", "date", "x"]


@pytest.mark.parametrize(
    ("footer", "lines"),
    [
        ("Source: an office\n", 1),
        ("\n\nSource: an office\n\n(c) 2020\n", 2),
        ('"Source: an office, in town"\n', 1),
        ("note,,\n", 1),
        ("\x1a", 0),
    ],
)
def test_lines_below_the_table(read, footer, lines):
    table, said = read("date,x,y\n" + rows() + footer)
    assert table.height == 6 and table["date"].dtype == polars.Date
    assert ("below the table left out" in said) == bool(lines)


def test_rows_that_look_like_a_footer_are_kept(read):
    assert read("name,x,y\nan,1,2\nben,3,4\ncid\n")[0].height == 3
    assert read("date,x,y\n" + rows() + "2020-01-07\n")[0].height == 7
    assert read("date,x,y\n" + rows() + "Total,5.5,7\n")[0].height == 7
    assert read("x\n1.5\n2.5\nend\n")[0].height == 3


def test_quotes_within_cells_are_inches(read):
    """Such a file could not be read at all."""
    text = "".join(f'{n}.5,{5 if n % 3 else 7}" pipe\n' for n in range(9))
    table, _ = read("x,kind\n" + text)
    assert table["kind"].unique().sort().to_list() == ['5" pipe', '7" pipe']
    assert read('x,kind\n1,"a, b"\n2,"c"\n')[0]["kind"].to_list() == ["a, b", "c"]


def test_a_lost_quote_is_named_by_its_line(read):
    with pytest.raises(DataError, match="line 4 has a quote"):
        read('x,kind\n1,"a, b"\n2,"c"\n3,"d\n' + "".join(f"{n},e\n" for n in range(50)))


def test_a_line_with_too_many_cells_comes_with_what_to_do(read):
    with pytest.raises(DataError, match="line 3 has 4 cells, those before it 3; correct or delete"):
        read("date,x,y\n2020-01-01,1,2\n2020-01-02,1,2,3\n" + rows())


def test_dates_count_as_known_cells(read):
    """A group number was wrong, so that a day was text where a header was looked for."""
    assert read("2020-01-01 05:00,a\n2020-01-02 05:00,b\n")[0].columns == ["column_1", "column_2"]


# -- ARFF --------------------------------------------------------------------------------------

# In ARFF % begins a comment, and @ declares the columns.
ARFF = """% a room
@RELATION room

@ATTRIBUTE light NUMERIC
@attribute 'air temperature' real
@ATTRIBUTE class {on,off}

@DATA
% morning
"""


def test_arff_names_its_columns(read):
    table, _ = read(ARFF + "0.5,20.25,on\n?,21.25,off\n", "room.arff")
    assert table.columns == ["light", "air temperature", "class"]
    assert table["light"].to_list() == [0.5, None] and table["class"].to_list() == ["on", "off"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ARFF + "{0 1.5, 2 on}\n", "is sparse ARFF"),
        (ARFF + "0.5,on\n0.25,off\n", "declares 3 attributes, its rows have 2 cells"),
        ("@problemName x\n@classLabel true 1 2\n@data\n1,2,3:1\n", "whole series.*--group"),
        ("@relation x\n@attribute n string\n@frequency daily\n@data\nT1:1,2\n", "whole series"),
    ],
)
def test_arff_that_is_no_table_is_refused(read, text, said):
    with pytest.raises(DataError, match=said):
        read(text)


# -- what means nothing, after training --------------------------------------------------------


def test_a_model_remembers_the_numbers_that_mean_nothing(tmp_path):
    """A forecast from the same file took -999 for a value unless --missing was typed again."""
    path, model = tmp_path / "table.csv", tmp_path / "m.lnn"
    values = [-999 if n % 9 == 4 else n % 7 + 0.5 for n in range(80)]
    path.write_text("t,x\n" + "".join(f"{n},{value}\n" for n, value in enumerate(values)))
    quick = {"hidden_size": 2, "epochs": 1, "window": 8, "progress": False}
    files = TableFiles(path, missing=["-999"])
    trained = fit_table(files, "x", time="t", **quick)
    trained.save(model)
    again = Forecaster.load(model)
    assert again.columns.spelled.missing == ("-999",)
    for source in (path, str(path), [path], TableFiles(path), files):
        assert again.predict(source).equals(trained.predict(files))
    assert again.evaluate(path)["mse"] == trained.evaluate(files)["mse"]
    table = read_table(files)
    assert again.predict(table)["predicted_x"].equals(trained.predict(files)["predicted_x"])
    lines = "".join(f'{{"t": {n}, "x": {value}}}\n' for n, value in enumerate(values))
    streamed = CliRunner().invoke(main, ["stream", str(model)], input=lines)
    assert streamed.exit_code == 0, streamed.stderr
    newest = json.loads(streamed.stdout.splitlines()[-1])["predicted_x"]
    assert newest == pytest.approx(again.predict(path, latest=True)["predicted_x"][0], rel=1e-5)


def test_a_model_without_such_words_says_nothing_of_them():
    description = Columns(("x",), ("x",)).to_dict()
    assert not {"missing", "decimal"} & set(description)
    with pytest.raises(DataError, match="missing: expected a list of distinct names"):
        Columns.from_dict({**description, "missing": [5]})
    with pytest.raises(DataError, match="decimal: expected"):
        Columns.from_dict({**description, "decimal": 5})


@pytest.mark.parametrize("told", [None, ","])
def test_a_model_remembers_the_decimal_mark_of_its_files(tmp_path, told):
    """1.100 alone was read as 1.1, though training had told thousands from it."""
    path, new, model = tmp_path / "table.csv", tmp_path / "new.csv", tmp_path / "m.lnn"
    ends = ["", ""] if told else [",25", ",5"]
    path.write_text("x\n" + "".join(f"{n % 7 + 1}.{100 + n}{ends[n % 2]}\n" for n in range(60)))
    quick = {"hidden_size": 2, "epochs": 1, "window": 8, "baseline": "latest", "progress": False}
    fit_table(TableFiles(path, separator=";", decimal=told), "x", **quick).save(model)
    again = Forecaster.load(model)
    assert again.columns.spelled.decimal == ","
    for cells in (["1.100", "2.200"], ["950", "1.100"], ["1100,0", "1.100,5"]):
        new.write_text("x\n" + "\n".join(cells) + "\n")
        assert again.columns.read(TableFiles(new, separator=";"))["x"].max() >= 1100, cells
    new.write_text("x\ty\n1.100\t0.5\n2.200\t1.25\n")
    assert again.columns.read(new)["x"].to_list() == [1.1, 2.2]
    new.write_text("x\n950\n1.100\n")
    assert again.columns.read(TableFiles(new, decimal="."))["x"].to_list() == [950, 1.1]


# -- columns that stand apart by blanks --------------------------------------------------------


@pytest.mark.parametrize("at", [0, 1, 2, 9])
def test_an_empty_cell_between_blanks_is_refused(read, at):
    """The cells after it moved up a column, without a word."""
    lines = [f"  {n:4.1f}  {n + 10:4.1f}  {n + 20:4.1f}" for n in range(10)]
    lines[at] = f"  {at:4.1f}        {at + 20:4.1f}"
    with pytest.raises(DataError, match=rf"line {at + 2} has 2 of 3 cells.*write NA there"):
        read("   A     B     C\n" + "\n".join(lines) + "\n")


def test_lines_between_blanks_that_are_no_rows(read):
    text = "A B C\n" + "1 2 3.5\n# a note\n\n4 5 6.5\n  \n"
    assert read(text, comment="#")[0].shape == (2, 3)
    assert read("A B\n'x y' 2\n'z w' 3\n".replace("'", '"'))[0].shape == (2, 2)


def test_dates_with_blanks_around_them_are_dates(read):
    assert read("d | x\n2020-01-01 | 1.5\n2020-01-02 | 2.5\n")[0]["d"].dtype == polars.Date


@pytest.mark.parametrize(("names", "count"), [("date,x", 2), ("date,x,y,z,u,v", 6)])
def test_names_that_do_not_fit_are_pointed_out(read, names, count):
    _, said = read(names + "\n" + "".join(f"2020-01-0{n},{n}.5,{n},{n}\n" for n in range(1, 8)))
    assert f"no header: {count} names stand above 4 columns" in said
