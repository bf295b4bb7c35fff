"""Parquet files: damaged ones end in one typed error, large ones before they fill the memory."""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Optional

import polars

from ..errors import DataError

CELLS_PER_BYTE = 1000
"""At most so many cells for each byte of the file, beyond the first ten million."""
FREE_CELLS = 10_000_000


def read_parquet(raw: bytes, source: str) -> polars.DataFrame:
    """The table in the bytes of a Parquet file.

    Raises:
        DataError: the file is damaged, or unpacks to far more than tables do.
    """
    try:
        with _no_panic_on_stderr():
            _check_size(raw, source)
            return polars.read_parquet(io.BytesIO(raw))
    # Rust's panics arrive as an exception that is no Exception.
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"is a damaged Parquet file: {reason}", source) from None


def _check_size(raw: bytes, source: str) -> None:
    table = polars.scan_parquet(io.BytesIO(raw))
    cells = table.select(polars.len()).collect().item() * len(table.collect_schema())
    if cells > max(FREE_CELLS, CELLS_PER_BYTE * len(raw)):
        raise DataError(f"claims {cells:,} cells in {len(raw):,} bytes, as no table does", source)


@contextmanager
def _no_panic_on_stderr() -> Iterator[None]:
    """Holds back what is written to the process's standard error; drops it after a panic.

    Rust prints a stack trace there before the exception arrives.
    """
    with _stderr_held_back:
        kept = _copy_of_stderr()
        with nullcontext() if kept is None else _held_back(kept):
            yield


_stderr_held_back = threading.Lock()
"""The process has one standard error: a second thread would keep the first one's file as it."""


def _copy_of_stderr() -> Optional[int]:
    """A second descriptor of standard error; None if it is closed."""
    try:
        return os.dup(2)
    except OSError:
        return None


@contextmanager
def _held_back(kept: int) -> Iterator[None]:
    """The same for one thread; ``kept`` is a copy of standard error, closed at the end."""
    with tempfile.TemporaryFile() as held_back:
        panicked = False
        try:
            os.dup2(held_back.fileno(), 2)
            yield
        except polars.exceptions.PanicException:
            panicked = True
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            if not panicked:
                held_back.seek(0)
                os.write(2, held_back.read() or b"")
