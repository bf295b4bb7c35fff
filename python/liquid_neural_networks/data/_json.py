"""Records in JSON: one a line, or in one list."""

from __future__ import annotations

import io
import re

import polars

from ..errors import DataError

_LIST = re.compile(rb"\s*\[\s*\{")
_RECORD = re.compile(rb"\s*\{")


def is_json(content: bytes) -> bool:
    """Whether a text claims to be JSON."""
    return (_LIST.match(content) or _RECORD.match(content)) is not None


def read_json(content: bytes, source: str) -> polars.DataFrame:
    """The table of all records: a column for each name, null where a record lacks it.

    One record of lists is a table column by column.

    Raises:
        DataError: it is no JSON, or something else than records.
    """
    read = polars.read_json if _LIST.match(content) else polars.read_ndjson
    try:
        table = read(io.BytesIO(content), infer_schema_length=None)
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"is JSON, but not records, one a line or in a list: {reason}", source
        ) from None
    if table.height == 1 and all(dtype == polars.List for dtype in table.dtypes):
        table = _columns(table, source)
    return table.with_columns(polars.selectors.by_dtype(polars.Null).cast(polars.String))


def _columns(record: polars.DataFrame, source: str) -> polars.DataFrame:
    try:
        return record.explode(record.columns)
    except polars.exceptions.PolarsError:
        raise DataError("has lists of different lengths for columns", source) from None
