"""Tables as public sources publish them: read for what they mean, or refused with what to type."""

import polars
import pytest

from liquid_neural_networks.data import TableFiles, choose_columns, read_table
from liquid_neural_networks.data._choice import Wish, choose
from liquid_neural_networks.data._order import Order
from liquid_neural_networks.errors import DataError


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


@pytest.mark.parametrize("cells", [["950", "1.125", "2.5"], ["1500", "1.125"], ["1.125", "2.250"]])
def test_decimals_are_no_thousands(read, cells):
    assert read(column(cells))[0]["x"].to_list() == [float(each) for each in cells]


def test_numbers_in_brackets_are_negative(read):
    table, said = read(column(["(1.5)", "2.5", "($3)", "(1,010.37)"]).replace("($3)", "(3)"))
    assert table["x"].to_list() == [-1.5, 2.5, -3, -1010.37]
    assert "numbers in brackets are negative" in said


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
