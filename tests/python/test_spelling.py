"""Numbers as people write them are numbers, or refused with what to do; never classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_neural_networks.data import TableFiles, choose_columns, read_table
from liquid_neural_networks.data._spelling import spelled_numbers, spelling
from liquid_neural_networks.errors import DataError


def column(cells: list[Any], folder: Path, **options: Any) -> polars.Series:
    path = folder / "table.csv"
    path.write_text("x\tother\n" + "\n".join(f"{cell}\tw{i}" for i, cell in enumerate(cells)))
    return read_table(TableFiles(path, **options))["x"]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["10,5", "1,25", "3"], [10.5, 1.25, 3.0]),
        (["10,000", "1,250,000"], [10_000, 1_250_000]),
        (["10,000.5", "250"], [10_000.5, 250.0]),
        (["10.000,5", "250"], [10_000.5, 250.0]),
        (["1.250.000", "10.000"], [1_250_000, 10_000]),
        (["$10", "$1,250.75", "-$3"], [10.0, 1250.75, -3.0]),
        (["10 €", "12,5 €"], [10.0, 12.5]),
        (["65%", "7.5 %", "0"], [65.0, 7.5, 0.0]),
        (["1 000", "12 345"], [1000, 12_345]),
        (["1\u00a0000,5", "2,25"], [1000.5, 2.25]),
        (["1'000", "2'500'000"], [1000, 2_500_000]),
        (["\u22125.5", "2"], [-5.5, 2.0]),
        ([" 1.5 ", "2.5"], [1.5, 2.5]),
        (["1,5e3", "2,0E-1"], [1500.0, 0.2]),
        (["1.5", "-", "2"], [1.5, None, 2.0]),
        (["1.5", "None", "2"], [1.5, None, 2.0]),
        (["NaN", "1.5", "NA"], [None, 1.5, None]),
    ],
)
def test_numbers_are_understood_in_every_usual_spelling(
    tmp_path: Path, cells: list[str], values: list[Any]
) -> None:
    assert column(cells, tmp_path).to_list() == values


def test_a_column_of_decimal_commas_alone_is_one_column(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("x\n10,5\n11,25\n9\n")
    assert read_table(path)["x"].to_list() == [10.5, 11.25, 9.0]
    path.write_text("x\n1,5\n2,7\n3,9\n")  # numbered rows, as statistics packages write them
    assert read_table(path).rows() == [(1, 5), (2, 7), (3, 9)]


def test_signs_left_away_are_said(tmp_path: Path) -> None:
    lines: list[str] = []
    column(["65%", "7%"], tmp_path, report=lines.append)
    assert "'%' left away" in lines[0]


@pytest.mark.parametrize(("mark", "value"), [(".", 10_000), (",", 10.0)])
def test_what_can_be_read_in_two_ways_is_asked_about(
    tmp_path: Path, mark: str, value: float
) -> None:
    path = tmp_path / "table.txt"
    path.write_text("x\n10,000\n12,500\n")
    table = read_table(TableFiles(path, separator=";"))
    with pytest.raises(DataError, match=r"x: row 1 is '10,000'.*--decimal \. or --decimal ,"):
        choose_columns(table, "x")
    with pytest.raises(DataError, match="--decimal"):
        choose_columns(table.with_columns(y=polars.Series([1.0, 2.0])), "y")
    assert read_table(TableFiles(path, separator=";", decimal=mark))["x"][0] == value


def test_what_one_column_leaves_open_another_decides(tmp_path: Path) -> None:
    path = tmp_path / "table.txt"
    path.write_text("open;comma\n10,000;1,5\n2,500;2,5\n")
    assert read_table(path)["open"].to_list() == [10.0, 2.5]
    path.write_text("open;point\n10,000;1.5\n2,500;2.5\n")
    assert read_table(path)["open"].to_list() == [10_000, 2500]
    path.write_text("grouped;comma\n1.234;1,5\n2.500;2,5\n")
    assert read_table(path)["grouped"].to_list() == [1234, 2500]
    path.write_text("point;other\n1.234;1.5\n2.500;2.5\n")
    assert read_table(path)["point"].to_list() == [1.234, 2.5]


def test_what_can_be_read_in_one_way_only_is_read_so(tmp_path: Path) -> None:
    for cells, values in (
        (["1,234.5", "2"], [1234.5, 2.0]),
        (["0,123", "0,456"], [0.123, 0.456]),
        (["1.5", "2.25"], [1.5, 2.25]),
        (["0.123", "0.456"], [0.123, 0.456]),
    ):
        for decimal in (None, ".", ","):
            assert column(cells, tmp_path, decimal=decimal).to_list() == values
    path = tmp_path / "table.txt"
    path.write_text("share;open;comma\n65%;1,234;1,5\n7%;2,500;2,5\n")
    assert read_table(path)["open"].to_list() == [1.234, 2.5]


@pytest.mark.parametrize(
    "cells",
    [["$10", "€12"], ["65%", "0.7"], ["1,2,3", "4"], ["1.5 kg", "2"], ["12 34", "5"], ["1-2", "3"]],
)
def test_what_is_no_number_stays_text(tmp_path: Path, cells: list[str]) -> None:
    assert column(cells, tmp_path).dtype == polars.String


def test_a_stray_word_among_numbers_is_refused_with_its_row(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("x,y\n1,2\n2,broken\n3,4\n4,5\n")
    for options in ({"targets": "y"}, {"targets": "x"}, {"targets": "x", "features": "y"}):
        with pytest.raises(DataError, match=r"y: row 2 is 'broken'.*--missing"):
            choose_columns(read_table(path), **options)
    assert choose_columns(read_table(TableFiles(path, missing=["broken"])), "y").classes is None


def test_numbers_never_become_hundreds_of_classes() -> None:
    names = polars.DataFrame({"x": [f"{i}x" for i in range(400)], "y": range(400)})
    with pytest.raises(DataError, match="x: holds 400 different values in 400 rows"):
        choose_columns(names, "x", features="y")


@given(
    st.lists(st.floats(-1e9, 1e9).map(lambda x: round(x, 2)), min_size=1, max_size=20),
    st.sampled_from(["en", "de", "fr", "ch"]),
    st.sampled_from(["", "$", "%"]),
)
def test_numbers_written_in_a_language_come_back(
    values: list[float], language: str, sign: str
) -> None:
    group, mark = {"en": ",.", "de": ".,", "fr": "\u202f,", "ch": "'."}[language]
    swap = str.maketrans({",": group, ".": mark})
    cells = [f"{value:,.2f}".translate(swap) for value in values]
    if sign == "$":
        cells = [f"-${cell[1:]}" if cell.startswith("-") else f"${cell}" for cell in cells]
    elif sign:
        cells = [cell + sign for cell in cells]
    text = polars.Series("x", cells)
    how = spelling(text)
    assert how is not None and how.decimal == mark
    assert spelled_numbers(text, how.decimal).cast(polars.Float64).to_list() == values
