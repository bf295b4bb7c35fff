"""Tables: files read through polars, and columns turned into arrays."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, Union

import numpy as np
import numpy.typing as npt
import polars

from ..errors import DataError, DtypeError
from ._frames import as_polars

FloatArray = npt.NDArray[np.float64]
Table = Union[
    polars.DataFrame, str, "PathLike[str]", Mapping[str, Any], npt.NDArray[Any], "SupportsArrow"
]
"""A table of any kind that :func:`as_polars` knows, or the path of a file that holds one."""


class SupportsArrow(Protocol):
    """A table of pandas, PyArrow or another library that offers the Arrow stream interface."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any: ...


SEPARATORS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}
MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "?"]
"""Cells of a text file that mean: no value."""


def read_table(source: Table) -> polars.DataFrame:
    """The table in a file, or a table of another library, as a polars table.

    Args:
        source: a ``.csv``, ``.tsv`` (either may be ``.gz``) or ``.parquet`` file. Text files
            have a header row; dates and times are recognised in ISO 8601; the cells in
            :data:`MISSING` are missing values. Or a table of polars, pandas or PyArrow, a
            dictionary of columns, or a numpy array.

    Raises:
        DataError: the file does not exist, is of another kind, is damaged, or has no rows.
        DtypeError: ``source`` is neither a path nor a table.

    Example:
        >>> from liquid_neural_networks.data import read_table
        >>> read_table("weather.csv").columns  # doctest: +SKIP
        ['date', 'temperature', 'wind']
    """
    source = as_polars(source)
    if isinstance(source, polars.DataFrame):
        table = source
        name = "table"
    elif isinstance(source, (str, PathLike)):
        name = str(source)
        table = _read_file(Path(source), name)
    else:
        raise DtypeError(
            f"expected a path, or a table of polars, pandas, PyArrow or numpy, or a dictionary of "
            f"columns; got {type(source).__name__}",
            "table",
        )
    if table.height == 0 or table.width == 0:
        raise DataError("has no rows", name)
    if table.width == 1 and ";" in table.columns[0]:
        raise DataError("has its columns separated by semicolons, expected commas or tabs", name)
    return table


def _read_file(path: Path, name: str) -> polars.DataFrame:
    kind = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    kind = kind.lower()
    if kind not in SEPARATORS and kind != ".parquet":
        known = ", ".join([*SEPARATORS, ".parquet"])
        raise DataError(f"expected a table file ({known}), got {kind or 'no ending'!r}", name)
    if not path.is_file():
        raise DataError("there is no such file", name)
    try:
        if kind == ".parquet":
            return polars.read_parquet(path)
        return polars.read_csv(
            path,
            separator=SEPARATORS[kind],
            try_parse_dates=True,
            null_values=MISSING,
            infer_schema_length=None,
        )
    except (polars.exceptions.PolarsError, OSError) as error:
        # The first line says what; the rest is advice about polars' own arguments.
        reason = str(error).partition("\n")[0]
        raise DataError(f"cannot be read as a table: {reason}", name) from None


def check_column(table: polars.DataFrame, column: object) -> str:
    """The name of a column that exists."""
    if not isinstance(column, str):
        raise DtypeError(f"expected the name of a column, got {column!r}", "column")
    if column not in table.columns:
        raise DataError(f"there is no such column; there are {', '.join(table.columns)}", column)
    return column


def is_number(column: polars.Series) -> bool:
    """Whether the column can be fed to a network: numbers, or true and false, or nothing at all."""
    empty = column.null_count() == len(column)
    return empty or column.dtype.is_numeric() or column.dtype == polars.Boolean


def check_no_stray_text(column: polars.Series) -> None:
    """A column of numbers in which a cell or two are text is a mistake, not a column of text.

    Raises:
        DataError: naming the first such row.
    """
    if column.dtype != polars.String:
        return
    known = column.is_not_null().to_numpy()
    parsed = column.cast(polars.Float64, strict=False).is_not_null().to_numpy()
    stray = known & ~parsed
    if stray.any() and parsed.sum() > stray.sum():
        row = row_number(stray)
        raise DataError(
            f"row {row} is {column[row - 1]!r}, most others are numbers; correct it, leave the "
            "cell empty, or name the columns that are features or classes",
            column.name,
        )


def numbers(column: polars.Series) -> FloatArray:
    """(T,) the column's numbers, NaN where a value is missing.

    Raises:
        DataError: the column holds something else, or an infinite number.
    """
    if not is_number(column):
        raise DataError(f"expected numbers, the column holds {column.dtype}", column.name)
    values: FloatArray = column.cast(polars.Float64).to_numpy().astype(np.float64)
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(f"row {row_number(infinite)} is infinite", column.name)
    return values


def instants(column: polars.Series) -> npt.NDArray[Any]:
    """(T,) when each sample was taken: numbers as they are, dates as microseconds.

    Raises:
        DataError: a time is missing or infinite, is text, or is not after the one before.
    """
    if column.dtype.is_temporal() and column.dtype != polars.Time:
        missing = column.is_null().to_numpy()
        times = microseconds(column).fill_null(0).to_numpy()
    elif column.dtype.is_numeric():
        times = numbers(column)
        missing = np.isnan(times)
    else:
        raise DataError(
            f"expected numbers or ISO 8601 dates as times, the column holds {column.dtype}",
            column.name,
        )
    if missing.any():
        raise DataError(f"row {row_number(missing)} has no time", column.name)
    late = np.flatnonzero(np.diff(times) <= 0)
    if len(late):
        before, after = column[int(late[0])], column[int(late[0]) + 1]
        raise DataError(
            f"row {late[0] + 2} ({after}) is not after row {late[0] + 1} ({before}); "
            "sort the table by time and leave one row per time",
            column.name,
        )
    return times


def microseconds(column: polars.Series) -> polars.Series:
    """Since 1970 began, as integers: exact for any date."""
    if column.dtype == polars.Date:
        column = column.cast(polars.Datetime("us"))
    if column.dtype == polars.Duration:
        since: polars.Series = column.dt.total_microseconds()
    else:
        since = column.dt.timestamp("us")
    return since


def steps(column: polars.Series) -> FloatArray:
    """(T - 1,) the times between samples: in seconds for dates, else in the column's unit.

    Raises:
        DataError: as :func:`instants`.
    """
    between: FloatArray = np.diff(instants(column)).astype(np.float64)
    return between / 1e6 if column.dtype.is_temporal() else between


def row_number(flags: npt.NDArray[np.bool_]) -> int:
    """The first row flagged, counted from 1 as spreadsheets do, without the header."""
    return int(np.argmax(flags)) + 1
