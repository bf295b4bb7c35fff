"""Tables of other libraries: taken as they come, and given back in the same kind.

Nothing is imported that the caller has not imported already; pandas and PyArrow are recognised by
the names of their classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional, Protocol

import numpy as np
import numpy.typing as npt
import polars
from torch import Tensor

from .._tensors import array_of
from ..errors import DataError


class SupportsArrow(Protocol):
    """A table of pandas, PyArrow or another library that offers the Arrow stream interface."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any: ...


def as_polars(table: Any) -> Any:
    """A table of another library as a polars table; anything else, such as a path, as it is.

    Args:
        table: a table of polars, pandas or PyArrow, or of any library that offers the Arrow
            stream interface; a dictionary from names to columns (arrays, tensors or lists); a
            list of rows, each a dictionary; a numpy array (T, columns), whose columns are called
            ``column_1`` and so on, as in a file without a header, or a structured one. Of
            pandas, dates in the index are a column too, see :func:`dated_index`.

    Raises:
        DataError: the columns differ in length, share a name, or hold what no column can.
    """
    try:
        if isinstance(table, polars.LazyFrame):
            return table.collect()
        if _is_pandas(table):
            return polars.DataFrame(_of_pandas(_framed(table)))
        if _is_rows(table):
            return polars.DataFrame(table, infer_schema_length=None)
        if isinstance(table, Mapping):
            return polars.DataFrame({str(name): _column(each) for name, each in table.items()})
        if isinstance(table, np.ndarray):
            return _of_array(table)
        if hasattr(table, "__arrow_c_stream__") and not isinstance(table, polars.DataFrame):
            return polars.DataFrame(table)
    except (polars.exceptions.PolarsError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"cannot be read as a table: {reason}", "table") from None
    return table


def in_kind_of(table: Any, found: polars.DataFrame, same_rows: bool) -> Any:
    """``found`` as a table of the same kind as ``table``; a polars table where that was a path.

    For a numpy array it is a structured one, for its columns differ in kind.

    Args:
        same_rows: whether each row of ``found`` belongs to the row of ``table`` at its place, if
            there are as many; a table of pandas then keeps its index.
    """
    if _is_pandas(table):
        columns = {name: found[name].to_numpy() for name in found.columns}
        keeps_index = same_rows and len(table) == found.height
        kind = type(_framed(table))
        return kind(columns, index=table.index if keeps_index else None)
    if _is_rows(table):
        return found.to_dicts()
    if isinstance(table, Mapping):
        return {name: found[name].to_numpy() for name in found.columns}
    if isinstance(table, np.ndarray):
        return found.to_numpy(structured=True)
    if type(table).__module__.partition(".")[0] == "pyarrow":
        return found.to_arrow()
    return found


def dated_index(table: Any) -> Optional[str]:
    """The column that the index of a pandas table becomes; None if it holds no dates."""
    if not _is_pandas(table):
        return None
    index = table.index
    dated = index.dtype.kind == "M" or hasattr(index, "tz") or _holds_periods(index)
    return str(index.name or "index") if dated else None


def _is_pandas(table: Any) -> bool:
    kind = type(table)
    known = kind.__name__ in ("DataFrame", "Series")
    return kind.__module__.partition(".")[0] == "pandas" and known


def _framed(table: Any) -> Any:
    """A column of pandas as a table of that column."""
    if type(table).__name__ == "DataFrame":
        return table
    return table.to_frame("value" if table.name is None else table.name)


def _is_rows(table: Any) -> bool:
    return (
        isinstance(table, list) and bool(table) and all(isinstance(row, Mapping) for row in table)
    )


def _holds_periods(values: Any) -> bool:
    return str(values.dtype).startswith("period[")


def _of_pandas(table: Any) -> list[polars.Series]:
    """Its columns; first that of its index, if that holds dates."""
    columns = [(str(name), table.iloc[:, place]) for place, name in enumerate(table.columns)]
    index = dated_index(table)
    if index is not None:
        columns.insert(0, (index, table.index.to_series()))
    names = [name for name, _ in columns]
    if len(set(names)) < len(names):
        raise ValueError("two columns have the same name")
    return [_of_pandas_column(name, column) for name, column in columns]


def _of_pandas_column(name: str, column: Any) -> polars.Series:
    if _holds_periods(column):
        column = column.dt.to_timestamp()
    zone = getattr(column.dtype, "tz", None)
    if zone is not None:
        instants = _column(column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
        local = polars.Series(name, instants).dt.replace_time_zone("UTC")
        return local.dt.convert_time_zone(str(zone))
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufmM":
        return polars.Series(name, _column(column.to_numpy()))
    if getattr(column.dtype, "kind", "") in "iuf":  # pandas' own numbers, which may be missing
        return polars.Series(name, column.to_numpy(dtype=float, na_value=np.nan))
    objects = column.astype(object)
    found = polars.Series(name, objects.where(column.notna(), None).tolist())
    if found.dtype == polars.Object:
        kind = type(found.drop_nulls()[0]).__name__
        raise ValueError(f"column {name} holds {kind}, neither numbers, dates nor text")
    return found


def _of_array(table: npt.NDArray[Any]) -> polars.DataFrame:
    if table.dtype.names is not None:
        return polars.DataFrame({name: _column(table[name]) for name in table.dtype.names})
    if table.ndim != 2:
        raise ValueError(f"expected an array (T, columns), got {table.shape}")
    return polars.DataFrame(
        {f"column_{i + 1}": _column(table[:, i]) for i in range(table.shape[1])}
    )


def _column(values: Any) -> Any:
    """A column as polars takes it: tensors as arrays, dates in a unit that polars has."""
    if isinstance(values, Tensor):
        return array_of(values)
    if hasattr(values, "to_numpy") and not isinstance(values, polars.Series):
        values = values.to_numpy()
    if not isinstance(values, np.ndarray):
        return values
    kind = values.dtype.kind
    if kind in "mM" and np.datetime_data(values.dtype)[0] not in ("ns", "us", "ms"):
        values = values.astype(f"{kind}8[us]")
    return np.ascontiguousarray(values)


def is_plain(column: polars.Series) -> bool:
    """Whether the cells are text, numbers, flags or dates, rather than lists and the like."""
    plain = column.dtype.is_numeric() or column.dtype.is_temporal() or column.dtype == polars.Null
    words = (polars.String, polars.Categorical, polars.Enum, polars.Boolean)
    return column.dtype != polars.Duration and (plain or column.dtype in words)
