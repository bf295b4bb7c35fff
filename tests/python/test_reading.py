"""Table files as people have them: every dialect, encoding, packing and kind of damage."""

from __future__ import annotations

import csv
import gzip
import io
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_neural_networks.data import TableFiles, choose_columns, read_table
from liquid_neural_networks.errors import DataError, DtypeError, OptionError

ROWS = [("2024-01-01 10:00:00", 1.5, 3), ("2024-01-01 11:00:00", -2.25, 4), ("", 0.5, 5)]


def said(path: Path, **options: Any) -> tuple[polars.DataFrame, str]:
    """A table, and the line that says what was found."""
    lines: list[str] = []
    table = read_table(TableFiles(path, report=lines.append, **options))
    assert len(lines) == 1
    return table, lines[0]


def file(folder: Path, content: Any, name: str = "table.txt") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# -- dialects ----------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "   "])
@pytest.mark.parametrize("ending", [".csv", ".txt", ".data", ".tsv", ""])
def test_the_separator_is_found_whatever_the_ending(
    tmp_path: Path, separator: str, ending: str
) -> None:
    lines = ["day n x", "2024-01-01 1 0.5", "2024-01-02 2 -1.5", "2024-01-03 3 2"]
    text = "\n".join(separator.join(line.split()) for line in lines)
    table = read_table(file(tmp_path, text, f"table{ending}"))
    assert table.columns == ["day", "n", "x"]
    assert table["n"].to_list() == [1, 2, 3] and table["x"].to_list() == [0.5, -1.5, 2.0]
    assert table["day"].dtype == polars.Date


def test_thousands_of_columns_are_no_trouble(tmp_path: Path) -> None:
    wide = 10_000
    text = ",".join(f"sensor_{i}" for i in range(wide)) + "\n" + ("0.25," * wide)[:-1] + "\n"
    begun = time.process_time()
    table = read_table(file(tmp_path, text + text.split("\n")[1]))
    assert table.shape == (2, wide) and table["sensor_9999"].to_list() == [0.25, 0.25]
    assert time.process_time() - begun < 10


def test_everything_found_is_said_in_one_line(tmp_path: Path) -> None:
    text = "# of the roof\nDate;Level\n16/12/2006;4,216\n17/12/2006;?\n18/12/2006;5,36\n"
    table, line = said(file(tmp_path, text))
    assert line == (
        "read 3 rows of 2 columns; ';' between cells, '#' begins comments, ',' decimals, "
        "'?' missing"
    )
    assert table["Level"].to_list() == [4.216, None, 5.36]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"separator": ":"}, "a:b\n1:2\n"),
        ({}, "sep=:\na:b\n1:2\n"),
        ({"separator": " "}, "a  b\n1   2\n"),
        ({"comment": "!"}, "! no\na,b\n! nor\n1,2\n"),
        ({"comment": ""}, "#a,b\n1,2\n"),
        ({"header": False}, "1,2\n"),
        ({"missing": "NONE"}, "a,b\nNONE,3\n1,2\n"),
        ({"missing": ["none at all", "-999"]}, "a,b\nnone at all,-999.0\n1,2\n"),
        ({"encoding": "cp500"}, "a,b\n1,2\n".encode("cp500")),
        ({"decimal": ","}, 'a,b\n"1,0",2\n'),
    ],
)
def test_each_part_of_the_dialect_can_be_set(
    tmp_path: Path, options: dict[str, Any], text: Any
) -> None:
    table = read_table(TableFiles(file(tmp_path, text), **options))
    assert table.tail(1).rows() == [(1, 2)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1998-01-01,2.5,0.\n1998-01-02,2.75,1.\n", ["column_1", "column_2", "column_3"]),
        ("1,2,Phase\n0.1,0.2,D\n0.2,0.1,D\n", ["1", "2", "Phase"]),
        ('"date","x"\n"1","2024-01-01",3\n"2","2024-01-02",4\n', ["column_1", "date", "x"]),
        ("a,b\n1,2,\n3,4,\n", ["a", "b", "column_3"]),
        ("x,y,x\n1,2,3\n", ["x (1)", "y", "x (2)"]),
        (",x\n0,3\n1,4\n", ["column_1", "x"]),
        ("# t x\n0 3\n1 4\n", ["t", "x"]),
        ("name,town\nann,rome\nbob,oslo\n", ["name", "town"]),
        ("rome,ann\noslo,ann\nrome,bob\n", ["column_1", "column_2"]),
        ("Station 7\nRoof\n\nday,x\n2024-01-01,3\n2024-01-02,4\n", ["day", "x"]),
        ("'t','mV'\n'hh:mm','mV'\n'0:00.000',1\n'0:00.003',2\n'0:00.006',2\n", ["t", "mV"]),
    ],
)
def test_names_come_from_the_header_if_there_is_one(
    tmp_path: Path, text: str, names: list[str]
) -> None:
    assert read_table(file(tmp_path, text)).columns == names


def test_the_header_and_rows_of_units_are_no_rows(tmp_path: Path) -> None:
    header = "'Elapsed time','MLII'\n'hh:mm:ss.mmm','mV'\n"
    rows = "'0:00.000',-0.1\n'0:00.003',0.2\n'0:00.006',1\n"
    table, line = said(file(tmp_path, header + rows))
    assert table["MLII"].to_list() == [-0.1, 0.2, 1.0] and "a second header row" in line
    table, line = said(file(tmp_path, "who,load\n,kW\nann,3\nbob,4\neve,5\n"))
    assert table["load"].to_list() == [3, 4, 5] and "a second header row" in line


def test_a_name_that_is_there_twice_means_neither(tmp_path: Path) -> None:
    table, line = said(file(tmp_path, "x,x\n1,2\n2,3\n"))
    assert "2 columns are called 'x'" in line
    with pytest.raises(DataError, match=r"did you mean 'x \([12]\)'"):
        choose_columns(table, "x")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> pytest.TempPathFactory:
    """For examples of one test, which share a folder."""
    return tmp_path_factory


cells = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.floats(-1e6, 1e6).map(lambda x: f"{x:.3f}"),
    st.text("ab ,;|'\n", max_size=6),
)


@given(
    st.lists(st.tuples(st.integers(0, 9), cells, st.floats(-9, 9)), min_size=4, max_size=30),
    st.sampled_from([",", ";", "\t", "|"]),
)
@settings(max_examples=60, deadline=None)
def test_what_a_csv_writer_wrote_is_read_back(
    place: pytest.TempPathFactory, rows: list[Any], separator: str
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=separator, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(["n", "text", "x"])
    writer.writerows(rows)
    path = file(place.getbasetemp(), written.getvalue())
    table = read_table(TableFiles(path, separator=separator), text=["text"])
    assert table["n"].to_list() == [row[0] for row in rows]
    np.testing.assert_allclose(table["x"].to_numpy(), [row[2] for row in rows])
    for found, (_, text, _) in zip(table["text"], rows):
        assert found == text or (found is None and not text.strip())


# -- names, packing, encodings -----------------------------------------------------------------


def test_names_are_names(tmp_path: Path) -> None:
    file(tmp_path, "a\n1\n", "run1.csv")
    file(tmp_path, "a\n2\n", "run[1].csv")
    (tmp_path / "d*").mkdir()
    (tmp_path / "dx").mkdir()
    file(tmp_path / "d*", "a\n3\n", "a.csv")
    file(tmp_path / "dx", "a\n4\n", "a.csv")
    assert read_table(tmp_path / "run[1].csv")["a"].to_list() == [2]
    assert read_table(tmp_path / "d*" / "a.csv")["a"].to_list() == [3]
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "run*.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path / "dx")


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_is_a_file(monkeypatch: pytest.MonkeyPatch, packed: bool) -> None:
    content = b"a;b\n1;2\n"
    stream = io.TextIOWrapper(io.BytesIO(gzip.compress(content, mtime=0) if packed else content))
    monkeypatch.setattr(sys, "stdin", stream)
    assert read_table("-").rows() == [(1, 2)]


def test_several_files_are_one_table_that_names_them(tmp_path: Path) -> None:
    first, second = (file(tmp_path, f"a,b\n{n},2\n", f"{n}.csv") for n in (1, 2))
    table = read_table([first, second])
    assert table.rows() == [(1, 2, "1.csv"), (2, 2, "2.csv")]
    assert table.columns == ["a", "b", "file"]
    other = file(tmp_path, "a,c\n1,2\n", "other.csv")
    with pytest.raises(DataError, match=r"other.csv: has other columns than .*: b, c"):
        read_table([first, other])


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("latin-1", "windows-1252"),
    ],
)
def test_names_are_read_in_their_encoding(tmp_path: Path, encoding: str, named: Any) -> None:
    text = "größe;température\n1;2\n3;4\n"
    table, line = said(file(tmp_path, text.encode(encoding)))
    assert table.columns == ["größe", "température"] and table.rows() == [(1, 2), (3, 4)]
    assert (f"text in {named}" in line) if named else ("text in" not in line)


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_lines_end_as_they_like(tmp_path: Path, ends: str) -> None:
    table = read_table(file(tmp_path, f"a,b{ends}1,2{ends}{ends}3,4{ends}"))
    assert table.columns == ["a", "b"] and table.rows() == [(1, 2), (3, 4)]


def test_options_that_are_none_are_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "a,b\n1,2\n")
    for options, name in (
        ({"separator": ",,"}, "separator"),
        ({"decimal": "-"}, "decimal"),
        ({"encoding": "martian"}, "encoding"),
        ({"encoding": "hex"}, "encoding"),
    ):
        with pytest.raises(OptionError) as caught:
            read_table(TableFiles(path, **options))  # type: ignore[arg-type]
        assert caught.value.argument == name
    with pytest.raises(DtypeError):
        TableFiles([1])  # type: ignore[list-item]
    with pytest.raises(DataError):
        TableFiles([])


# -- damage ------------------------------------------------------------------------------------


def test_a_file_that_unpacks_without_end_is_refused_before_it_does(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"x\n" + b"1\n" * 20_000_000, mtime=0))
    assert path.stat().st_size < 80_000
    begun = time.process_time()
    with pytest.raises(DataError, match="unpacks to more than 16 MiB"):
        read_table(path)
    assert time.process_time() - begun < 2


def test_a_parquet_file_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    polars.DataFrame({"x": polars.zeros(40_000_000, dtype=polars.Int8, eager=True)}).write_parquet(
        path, row_group_size=40_000_000, statistics=False
    )
    assert path.stat().st_size < 40_000
    with pytest.raises(DataError, match="40,000,000 cells in"):
        read_table(path)


def test_damaged_parquet_files_raise_one_typed_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Polars panics on some, with an exception that is none, and prints its stack."""
    whole = io.BytesIO()
    polars.DataFrame({"a": range(100), "b": ["x"] * 100, "c": [1.5] * 100}).write_parquet(whole)
    chance, refused = random.Random(1), 0
    for _ in range(150):
        damaged = bytearray(whole.getvalue())
        for _ in range(3):
            damaged[chance.randrange(4, len(damaged) - 4)] = chance.randrange(256)
        try:
            read_table(file(tmp_path, bytes(damaged)))
        except DataError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 75
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\n1,2\n3,4,5\n", "line 3 has 3 cells, those before it 2"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "damaged gzip"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0) + b"more", "damaged gzip"),
        (b"\x7fELF\0\0\0\1\0\2", "null bytes"),
        (b"a,b\n", "has no rows"),
        (b"\n\n", "has no rows"),
        (b"# nothing\n", "has no rows"),
        (b"<!DOCTYPE html>\n<html>a,b</html>\n", "is HTML or XML"),
        (b"\n<HTML><td>1</td>\n", "is HTML or XML"),
        (b"<?xml version='1.0'?>\n<a>1,2</a>\n", "is HTML or XML"),
        (b'{"a": [1, 2]}\n{"a": \n', "is JSON"),
        (b'[{"a": 1},\n{"a": 2}\n', "is JSON"),
    ],
)
def test_damaged_text_says_where(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        read_table(file(tmp_path, content))
    assert "\n" not in str(caught.value)
    assert caught.value.argument is not None


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_no_bytes_at_all_end_in_another_error(
    place: pytest.TempPathFactory, content: bytes
) -> None:
    path = file(place.getbasetemp(), content)
    try:
        table = read_table(path)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert table.height > 0


def test_a_missing_column_is_one_short_line() -> None:
    wide = polars.DataFrame({f"sensor_{i}": [0.0, 1.0] for i in range(10_000)})
    with pytest.raises(DataError) as caught:
        choose_columns(wide, "sensr_77")
    assert len(str(caught.value)) < 400 and "did you mean 'sensor_77'?" in str(caught.value)


def test_threads_that_read_parquet_files_leave_standard_error_as_it_was(tmp_path: Path) -> None:
    polars.DataFrame({"a": range(10)}).write_parquet(tmp_path / "a.parquet")
    program = (
        "import os, sys\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from liquid_neural_networks.data import read_table\n"
        "with ThreadPoolExecutor(4) as pool:\n"
        "    list(pool.map(read_table, ['a.parquet'] * 200))\n"
        "os.write(2, b'still here')\n"
        "os.close(2)\n"
        "print(read_table('a.parquet').height)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (found.stdout, found.stderr) == ("10\n", "still here")
