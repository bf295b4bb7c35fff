"""Kinds of files: those that are read beside plain text, and what is said of the others."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile

import numpy as np
import polars
import pytest

from liquid_neural_networks.data import TableFiles, choose_columns, read_table
from liquid_neural_networks.errors import DataError

ROWS = [
    {"date": f"2020-01-{day:02}", "sales": day * 1.5, "shop": "ab"[day % 2]} for day in range(1, 9)
]
TEXT = polars.DataFrame(ROWS).write_csv().encode()


def archive(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return buffer.getvalue()


def of_unknown_method(packed):
    """A zip archive that says of its members that they are compressed by method 99."""
    local, central = packed.index(b"PK\x03\x04") + 8, packed.index(b"PK\x01\x02") + 10
    changed = bytearray(packed)
    for place in (local, central):
        changed[place : place + 2] = (99).to_bytes(2, "little")
    return bytes(changed)


@pytest.fixture
def read(tmp_path):
    def from_bytes(content, name="table", **options):
        (tmp_path / name).write_bytes(content)
        return read_table(TableFiles(tmp_path / name, **options))

    return from_bytes


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(TEXT),
        bz2.compress(TEXT),
        bz2.compress(TEXT[:50]) + bz2.compress(TEXT[50:]),
        lzma.compress(TEXT),
        archive(table=TEXT),
        archive(**{"folder/table": TEXT, "folder/.hidden": b""}),
    ],
    ids=["gzip", "bzip2", "two of bzip2", "xz", "zip", "zip with a hidden file"],
)
def test_packed_text_is_the_text(read, packed):
    assert read(packed).equals(read(TEXT))


def test_what_a_file_manager_adds_to_an_archive_is_no_file(read):
    packed = archive(**{"table.csv": TEXT, "__MACOSX/._table.csv": b"junk"})
    assert read(packed).equals(read(TEXT))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (archive(a=TEXT, b=TEXT), r"2 files \(a, b\); unpack it"),
        (archive(), "without a file"),
        (archive(**{"folder/": b""}), "without a file"),
        (
            archive(**{"[Content_Types].xml": b"", "xl/workbook.xml": b""}),
            "workbook; save the sheet",
        ),
        (archive(**{"content.xml": b"", "mimetype": b""}), "workbook; save the sheet"),
        (archive(a=TEXT)[:60], "damaged zip archive"),
        (of_unknown_method(archive(a=TEXT)), "cannot be unpacked.*unpack it yourself"),
        (bz2.compress(TEXT)[:-9], "damaged bzip2"),
        (lzma.compress(TEXT)[:-9], "damaged xz"),
        (bz2.compress(bytes(20_000_000)), "unpacks to more than 16 MiB"),
        (lzma.compress(bytes(20_000_000)), "unpacks to more than 16 MiB"),
        (archive(a=bytes(20_000_000)), "unpacks to more than 16 MiB"),
        (b"\x28\xb5\x2f\xfd" + bytes(50), "unzstd"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(50), "7z archive"),
        (b"\xd0\xcf\x11\xe0" + bytes(50), "old Excel workbook; save the sheet"),
        (b"ARROW1" + bytes(50), r"Arrow \(Feather\)"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "HDF5"),
        (b"CDF\x01" + bytes(50), "netCDF"),
        (b"%PDF-1.4\n%\xe2\xe3\n1 0 obj\n" * 9, "PDF"),
        (b"SQLite format 3\x00" + bytes(50), "SQLite"),
        (b"\x80\x04\x95" + bytes(50), "pickle"),
        (b"<html><body>not found</body></html>", "HTML or XML.*a page saved"),
    ],
    ids=range(22),  # archives hold the time at which they were made
)
def test_other_kinds_are_refused_with_what_to_do(read, content, said):
    with pytest.raises(DataError, match=said):
        read(content)


def test_a_tar_archive_and_an_array_are_refused(read, tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        entry = tarfile.TarInfo("table.csv")
        entry.size = len(TEXT)
        packed.addfile(entry, io.BytesIO(TEXT))
    with pytest.raises(DataError, match="tar archive"):
        read(buffer.getvalue())
    np.save(tmp_path / "array.npy", np.zeros((5, 2)))
    with pytest.raises(DataError, match="array of numpy"):
        read_table(tmp_path / "array.npy")


def test_an_encrypted_archive_is_refused(read):
    content = bytearray(archive(a=TEXT))
    content[6] |= 1  # the flags of the member, in both places
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(DataError, match="encrypted"):
        read(bytes(content))


# -- JSON --------------------------------------------------------------------------------------


@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_of_records(read, indent):
    assert read(json.dumps(ROWS, indent=indent).encode()).equals(read(TEXT))


def test_records_one_a_line(read, tmp_path):
    assert read("\n".join(map(json.dumps, ROWS)).encode()).equals(read(TEXT, "text"))
    kept = read_table(tmp_path / "table", text=["date"])
    assert kept["date"].to_list() == [row["date"] for row in ROWS]


def test_numbers_as_text_and_missing_words_in_records(read):
    lines = '{"t": 1, "x": "1,5"}\n{"t": 2, "x": "n/a"}\n{"t": 3}\n{"t": 4, "x": null, "y": null}\n'
    found = read(lines.encode())
    assert found["x"].to_list() == [1.5, None, None, None] and found["y"].null_count() == 4


@pytest.mark.parametrize("text", ['{"a": [1, 2], \n', '[{"a": 1}', '{"a": 1}\nnothing\n'])
def test_damaged_json(read, text):
    with pytest.raises(DataError, match="is JSON"):
        read(text.encode())


# -- several files -----------------------------------------------------------------------------


def test_files_with_their_columns_in_another_order_are_one_table(tmp_path):
    """They were refused as having other columns."""
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("date,x,y\n2020-01-01,1.5,2\n")
    second.write_text("y,date,x\n4,2020-01-02,3.5\n")
    table = read_table([first, second])
    assert table.select("x", "y").rows() == [(1.5, 2), (3.5, 4)]
    second.write_text("y,date,z\n4,2020-01-02,3.5\n")
    with pytest.raises(DataError, match=r"other columns than .*: x, z"):
        read_table([first, second])


def test_a_column_that_is_empty_in_one_file(tmp_path):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("t,x\n1,1.5\n2,2.5\n")
    second.write_text("t,x\n3,\n4,NA\n")
    assert read_table([first, second])["x"].to_list() == [1.5, 2.5, None, None]
    assert read_table([second, first])["x"].to_list() == [None, None, 1.5, 2.5]


def test_json_of_columns(read):
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    assert read(json.dumps(columns).encode()).equals(read(TEXT))
    columns["sales"].pop()
    with pytest.raises(DataError, match="lists of different lengths"):
        read(json.dumps(columns).encode())


@pytest.mark.parametrize("cells", [[[1], [2]], [{"a": 1}, {"a": 2}], [b"1", b"2"], [object()] * 2])
@pytest.mark.parametrize("role", ["time", "group"])
def test_times_and_groups_of_cells_that_are_no_plain_values(cells, role):
    """Lists and objects ended in an error of polars."""
    kind = polars.Object if type(cells[0]) is object else None
    table = polars.DataFrame({"x": [1.5, 2.5], "k": polars.Series(cells, dtype=kind)})
    with pytest.raises(DataError, match=r"k: expected .*, the column holds"):
        choose_columns(table, "x", **{role: "k"})


def test_one_file_tells_the_decimal_mark_of_another(tmp_path):
    """1.100 was 1.1 in one part of a column and 1100 in the other."""
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("t;x\n1;1.100\n2;2.200\n")
    second.write_text("t;x\n3;1.100,5\n4;950,25\n")
    for paths in ([first, second], [second, first]):
        assert sorted(read_table(paths)["x"]) == [950.25, 1100, 1100.5, 2200]
