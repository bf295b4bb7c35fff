"""Tables: files of any usual kind read through polars, and columns turned into arrays."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from os import PathLike, fspath
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple, Optional, Union

import numpy as np
import numpy.typing as npt
import polars

from ..errors import DataError, DtypeError
from ._bytes import STANDARD_INPUT, contents, is_parquet
from ._dialect import BLANKS, SAMPLE, Dialect, find_dialect
from ._encoding import utf8
from ._footer import without_footer
from ._frames import SupportsArrow, as_polars
from ._json import is_json, read_json
from ._parquet import read_parquet
from ._spelling import check_decimal, looks_numeric, spelling
from ._text import blanks_as_tabs, line_start, plural, quotes_cells
from ._times import FloatArray, row_number
from ._typing import typed

FILE_COLUMN = "file"
"""The column that names the file of each row, where several files make one table."""

PathName = Union[str, "PathLike[str]"]


@dataclass(frozen=True)
class TableFiles:
    """Files that hold one table, one below the other, and how to read them.

    Args:
        paths: of delimited text of any ending, Parquet, or records in JSON; perhaps packed by
            gzip, bzip2, xz or zip; ``"-"`` is standard input. Names are literal: ``*`` is a
            character like any other.
        separator: one character between cells, or a blank for runs of blanks. Default: found.
        decimal: ``"."`` or ``","``. Default: found.
        encoding: of text, by a name that Python knows. Default: found.
        header: whether the first row names the columns. Default: found.
        missing: words that mean no value, beside the usual ones.
        comment: what begins a line that is no row; ``""`` for nothing. Default: found.
        report: called with one line for each file that says what was found in it.

    Example:
        >>> from liquid_neural_networks.data import TableFiles, read_table
        >>> files = TableFiles("power.txt.gz", separator=";", missing=["?"], report=print)
        >>> table = read_table(files)  # doctest: +SKIP
        read 2,075,259 rows of 9 columns; ';' between cells, '?' missing
    """

    paths: Union[PathName, Sequence[PathName]]
    separator: Optional[str] = None
    decimal: Optional[str] = None
    encoding: Optional[str] = None
    header: Optional[bool] = None
    missing: Union[str, Sequence[str]] = ()
    comment: Optional[str] = None
    report: Optional[Callable[[str], None]] = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "paths", tuple(_listed(self.paths)))
        check_decimal(self.decimal)

    @property
    def names(self) -> tuple[str, ...]:
        """The paths as text."""
        return tuple(_listed(self.paths))

    @property
    def words(self) -> tuple[str, ...]:
        """Those of :attr:`missing`, of which there may be one."""
        return (self.missing,) if isinstance(self.missing, str) else tuple(self.missing)


def _listed(paths: object) -> list[str]:
    one = isinstance(paths, (str, PathLike))
    listed = [paths] if one else paths
    if not isinstance(listed, Sequence) or not all(
        isinstance(path, (str, PathLike)) for path in listed
    ):
        raise DtypeError(
            "expected paths, or a table of polars, pandas, PyArrow or numpy, a dictionary of "
            f"columns or a list of rows; got {type(paths).__name__}",
            "table",
        )
    if not listed:
        raise DataError("expected at least one file", "table")
    return [fspath(path) for path in listed]


Table = Union[
    polars.DataFrame,
    SupportsArrow,
    Mapping[str, Any],
    Sequence[Mapping[str, Any]],
    npt.NDArray[Any],
    PathName,
    Sequence[PathName],
    TableFiles,
]
"""A table of any kind that :func:`as_polars` knows, or where to read one."""


def read_table(source: Table, *, text: Sequence[str] = ()) -> polars.DataFrame:
    """The table in one or several files, or a table of another library, as a polars table.

    Delimited text is recognised whatever the name of the file ends in: what separates cells,
    comments, the header, the encoding, decimal commas, groups of thousands, currency and percent
    signs, missing words, and dates in ISO 8601. :class:`TableFiles` sets each of these. Several
    files must have the same columns, in any order; a column :data:`FILE_COLUMN` then names the
    file of each row.

    Args:
        source: paths, :class:`TableFiles`, a table of polars, pandas or PyArrow, a dictionary of
            columns, a list of rows, or a numpy array.
        text: columns to keep as the file's own text, such as times and identifiers. If
            :data:`FILE_COLUMN` is one of them, it is there for a single file too.

    Raises:
        DataError: a file does not exist, is damaged, has no rows, or differs in its columns.
        DtypeError: ``source`` is none of these.
        OptionError: an option of ``source`` has no such value.

    Example:
        >>> from liquid_neural_networks.data import read_table
        >>> read_table("weather.csv").columns  # doctest: +SKIP
        ['date', 'temperature', 'wind']
    """
    return read_as_before(source, text)[0]


class Spelled(NamedTuple):
    """How the files of a table write what is in it.

    Attributes:
        missing: words and numbers that mean no value, beside the usual ones.
        decimal: the mark in their numbers; None where nothing shows one.
    """

    missing: tuple[str, ...] = ()
    decimal: Optional[str] = None


AS_USUAL = Spelled()


def read_as_before(
    source: Table, text: Sequence[str], before: Spelled = AS_USUAL
) -> tuple[polars.DataFrame, Spelled]:
    """As :func:`read_table`, and how the files are spelled.

    Args:
        before: of earlier files. Their words mean no value in these too, and their decimal mark
            decides what these leave open.
    """
    given = as_polars(source)
    if isinstance(given, polars.DataFrame):
        if given.height == 0 or given.width == 0:
            raise DataError("has no rows", "table")
        return given, before
    files = given if isinstance(given, TableFiles) else TableFiles(given)
    files = replace(files, missing=tuple(dict.fromkeys([*files.words, *before.missing])))
    found = [_read_file(path, files, text, before.decimal) for path in files.names]
    marks = {mark for _, decimals in found for mark in decimals}
    mark = files.decimal or (marks.pop() if len(marks) == 1 else None)
    tables = [table for table, _ in found]
    if mark is not None and len(tables) > 1:
        # What one file leaves open, another may tell.
        quiet = replace(files, report=None)
        for index, (path, (_, decimals)) in enumerate(zip(files.names, found)):
            if not decimals and path != STANDARD_INPUT:
                tables[index], _ = _read_file(path, quiet, text, mark)
    table = tables[0]
    if len(tables) > 1 or FILE_COLUMN in text:
        table = _one_below_the_other(tables, files.names)
    return table, Spelled(files.words, mark)


def _read_file(
    path: str, files: TableFiles, text: Sequence[str], usual: Optional[str]
) -> tuple[polars.DataFrame, set[str]]:
    """The table in a file, and the decimal marks in it."""
    decimals: set[str] = set()
    source = "standard input" if path == STANDARD_INPUT else path
    raw = contents(path)
    if is_parquet(raw):
        table, found = read_parquet(raw, source), ["Parquet"]
    else:
        table, found, decimals = _read_text(raw, source, files, text, usual)
    if table.height == 0 or table.width == 0:
        raise DataError("has no rows", source)
    if files.report is not None:
        size = f"read {plural(table.height, 'row')} of {plural(table.width, 'column')}"
        files.report("; ".join([size, ", ".join(found)]) if found else size)
    return table, decimals


def _read_text(
    raw: bytes, source: str, files: TableFiles, text: Sequence[str], usual: Optional[str]
) -> tuple[polars.DataFrame, list[str], set[str]]:
    """The table in a text, what was found, in words, and the decimal marks."""
    content, encoding = utf8(raw, files.encoding, source)
    if is_json(content):
        return _typed_json(read_json(content, source), files, text, usual)
    dialect = find_dialect(
        content[:SAMPLE].decode("utf-8", "replace") + "\n" * (len(content) <= SAMPLE),
        source,
        separator=files.separator,
        comment=files.comment,
        header=files.header,
        missing=files.words,
    )
    cells, below = without_footer(_cells(content, dialect, source))
    table, findings = typed(
        cells,
        decimal=files.decimal,
        missing=files.words,
        text=text,
        usual=usual,
        between_commas=cells.width > 1 and dialect.separator == ",",
    )
    found = [_between(dialect.separator)] if table.width > 1 else []
    found += [f"{dialect.comment!r} begins comments"] if dialect.comment else []
    found += [*findings.remarks(), *dialect.remarks]
    found += [plural(below, "line") + " below the table left out"] if below else []
    found += [f"text in {encoding}"] if encoding != "utf-8" else []
    return table, found, findings.decimals


def _typed_json(
    table: polars.DataFrame, files: TableFiles, text: Sequence[str], usual: Optional[str]
) -> tuple[polars.DataFrame, list[str], set[str]]:
    """Numbers and times in place of their text, as in delimited text."""
    words = table.select(polars.selectors.string())
    found, findings = typed(
        words, decimal=files.decimal, missing=files.words, text=text, usual=usual
    )
    return table.with_columns(found), ["JSON", *findings.remarks()], findings.decimals


def _between(separator: str) -> str:
    return f"{_spoken(separator)} between cells"


def _spoken(separator: str) -> str:
    return {BLANKS: "blanks", "\t": "tabs"}.get(separator) or repr(separator)


def _cells(content: bytes, dialect: Dialect, source: str) -> polars.DataFrame:
    """The cells of a delimited text, all of them text; empty lines are left out."""
    rows = content[line_start(content, dialect.rows_at) :]
    separator = dialect.separator
    if separator == BLANKS:
        rows, separator = blanks_as_tabs(rows, dialect.quote), "\t"
        _check_no_blank_cells(rows, dialect, source)
    try:
        table = polars.read_csv(
            rows,
            has_header=False,
            schema=dict.fromkeys(dialect.names, polars.String),
            separator=separator,
            quote_char=dialect.quote if quotes_cells(rows, separator, dialect.quote) else None,
            comment_prefix=dialect.comment,
        )
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        reason = _ragged(rows, separator, dialect) or str(error).partition("\n")[0]
        raise DataError(f"cannot be read as a table: {reason}", source) from None
    empty = polars.all_horizontal(polars.all().is_null())
    return table.filter(~empty)


def _check_no_blank_cells(rows: bytes, dialect: Dialect, source: str) -> None:
    """Between runs of blanks an empty cell leaves no trace: those after it would move up.

    Raises:
        DataError: a row has fewer cells than the others.
    """
    between, mark = len(dialect.names) - 1, (dialect.comment or "").encode()
    if rows.count(b"\t") == between * (rows.rstrip(b"\n").count(b"\n") + 1):
        return  # as many as there should be; a row with too many is refused elsewhere
    for number, line in enumerate(rows.split(b"\n"), dialect.rows_at + 1):
        cells = line.count(b"\t") + 1
        if line and cells <= between and not (mark and line.startswith(mark)):
            raise DataError(
                f"line {number} has {cells} of {between + 1} cells, and between blanks nobody can "
                "tell which is empty; write NA there, or delete the line if it is no row",
                source,
            )


def _ragged(rows: bytes, separator: str, dialect: Dialect) -> Optional[str]:
    """Which line has too many cells, or a quote too many."""
    lines = rows.decode("utf-8", "replace").split("\n")
    width = len(dialect.names)
    reader = csv.reader(lines, delimiter=separator, quotechar=dialect.quote)
    try:
        for cells in reader:
            if len(cells) > width and not (
                dialect.comment and cells[0].startswith(dialect.comment)
            ):
                line = dialect.rows_at + reader.line_num
                return (
                    f"line {line} has {len(cells)} cells, those before it {width}; correct or "
                    f"delete it, or put quotes around a cell with {_spoken(separator)} in it"
                )
    except csv.Error:
        pass
    odd = [n for n, line in enumerate(lines) if line.count(dialect.quote) % 2]
    if not odd:
        return None
    return f"line {dialect.rows_at + odd[0] + 1} has a quote {dialect.quote} without its other half"


def _one_below_the_other(
    tables: Sequence[polars.DataFrame], paths: Sequence[str]
) -> polars.DataFrame:
    columns = tables[0].columns
    named = []
    for table, path in zip(tables, paths):
        if table.columns != columns:
            other = sorted(set(columns) ^ set(table.columns))
            if other:
                raise DataError(f"has other columns than {paths[0]}: {_shortened(other)}", path)
            table = table.select(columns)
        if FILE_COLUMN not in columns:
            table = table.with_columns(polars.lit(Path(path).name).alias(FILE_COLUMN))
        named.append(table)
    try:
        return polars.concat(named, how="vertical_relaxed")
    except polars.exceptions.PolarsError as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"cannot be read as one table: {reason}", ", ".join(paths)) from None


def check_column(table: polars.DataFrame, column: object) -> str:
    """The name of a column that exists."""
    if not isinstance(column, str):
        raise DtypeError(f"expected the name of a column, got {column!r}", "column")
    if column not in table.columns:
        known = _shortened(table.columns)
        raise DataError(
            f"there is no such column; there are {known}{_meant(table.columns, column)}", column
        )
    return column


def _meant(columns: Sequence[str], name: str) -> str:
    """Which column was probably meant, or what else went wrong, as the end of a message."""
    if len(columns) == 1:
        return (
            ", one alone; --separator says what stands between cells" if name in columns[0] else ""
        )
    twins = [each for each in columns if each.startswith(f"{name} (")]
    alike = [each for each in columns if each.lower().startswith(name.lower())]
    close = twins[:1] or get_close_matches(name, columns, n=1) or alike
    if not close:
        return ""
    if "," in close[0] and "," not in name:
        return (
            f"; did you mean {close[0]!r}? A name with a comma stands in quotes: '\"{close[0]}\"'"
        )
    return f"; did you mean {close[0]!r}?"


def _shortened(names: Sequence[str], most: int = 20) -> str:
    """Names for an error that a person reads."""
    listed = ", ".join(repr(name) if "," in name else name for name in names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more"


def is_number(column: polars.Series) -> bool:
    """Whether the column can be fed to a network: numbers, or true and false, or nothing at all."""
    empty = column.null_count() == len(column)
    return empty or column.dtype.is_numeric() or column.dtype == polars.Boolean


def check_no_stray_text(column: polars.Series) -> None:
    """A column of numbers in which a cell or two are text is a mistake, not a column of text.

    Raises:
        DataError: naming the first such row, or the two ways to read the numbers.
    """
    if column.dtype != polars.String or column.null_count() == len(column):
        return
    how = spelling(column)
    if how is not None and how.decimal is None:
        row = int(column.str.contains("[.,]").arg_max() or 0)
        raise DataError(
            f"row {row + 1} is {column[row]!r}, which has thousands or decimals: "
            "--decimal . or --decimal , says which mark stands before decimals",
            column.name,
        )
    known = column.is_not_null().to_numpy()
    parsed = looks_numeric(column)
    stray = known & ~parsed.to_numpy()
    if not stray.any():
        raise DataError(
            f"holds numbers as text, such as {column.drop_nulls()[0]!r}; convert them", column.name
        )
    if parsed.sum() > stray.sum():
        row = row_number(stray)
        cell = column[row - 1]
        said = f"row {row} is {cell!r}, most others are numbers; "
        if any(each.isdigit() for each in cell):
            helps = "correct it, or leave the cell empty"
        else:
            helps = f"if it means that there is none: --missing {quote(cell.strip())}"
            if row == len(column):
                helps = f"delete that line if it is no row of the table; {helps}"
        raise DataError(
            f"{said}{helps}; a column of words is named by --categories, and --features leaves "
            "columns out",
            column.name,
        )


def numbers(column: polars.Series) -> FloatArray:
    """(T,) the column's numbers, NaN where a value is missing.

    Raises:
        DataError: the column holds something else, or an infinite number.
    """
    if not is_number(column):
        check_no_stray_text(column)
        raise DataError(f"expected numbers, the column holds {column.dtype}", column.name)
    values: FloatArray = column.cast(polars.Float64).to_numpy().astype(np.float64)
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(f"row {row_number(infinite)} is infinite", column.name)
    return values
