"""Tables in Arrow's file format, which may come from strangers.

Before polars reads one, its batches are looked at: compressed ones, and those with more rows than
so many bytes can hold, would take far more memory than the file has bytes. Their places stand in
the file as FlatBuffers (Arrow columnar format 1.5, "IPC file format", and Schema.fbs, Message.fbs
and File.fbs there).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Optional

import polars

UNREADABLE = (
    *(polars.exceptions.PolarsError, polars.exceptions.PanicException),  # no Exception, the last
    *(OSError, OverflowError, ValueError),
)
"""What :func:`table_of` raises of bytes that are no such table."""

MAGIC = b"ARROW1"
DICTIONARIES, BATCHES = 2, 3
"""Fields of the footer. A message's header has the same numbers as its kind."""


def bytes_of(table: polars.DataFrame) -> bytes:
    """The table, not compressed."""
    buffer = io.BytesIO()
    table.write_ipc(buffer, compression="uncompressed")
    return buffer.getvalue()


def table_of(data: bytes) -> polars.DataFrame:
    """The table in these bytes.

    Raises:
        one of :data:`UNREADABLE`: it is none, is compressed, or has more rows than so many bytes
            can hold at a bit each.
    """
    try:
        rows = sum(_rows(data, place) for place in _batches(data))
    except struct.error:
        raise ValueError("ends too early") from None
    if rows > 8 * len(data):
        raise ValueError(f"{rows} rows in {len(data)} bytes")
    return polars.read_ipc(io.BytesIO(data))


def _batches(data: bytes) -> Iterator[int]:
    """Where the header of each batch is, those of dictionaries included."""
    if not data.endswith(MAGIC):
        raise ValueError("is no Arrow file")
    end = len(data) - len(MAGIC) - 4
    footer = _target(data, end - _number("i", data, end))
    for field in (DICTIONARIES, BATCHES):
        place = _field(data, footer, field)
        if place is None:
            continue
        blocks = _target(data, place)
        for index in range(_number("I", data, blocks)):
            yield _header(data, _number("q", data, blocks + 4 + 24 * index), field)


def _header(data: bytes, start: int, kind: int) -> int:
    """Of the batch in the message at ``start``."""
    if _number("I", data, start) != 0xFFFFFFFF:
        raise ValueError("is of an older format")
    message = _target(data, start + 8)
    if _number("B", data, _needed(data, message, 1)) != kind:
        raise ValueError("has another message where a batch should be")
    header = _target(data, _needed(data, message, 2))
    return header if kind == BATCHES else _target(data, _needed(data, header, 1))


def _rows(data: bytes, batch: int) -> int:
    if _field(data, batch, 3) is not None:
        raise ValueError("is compressed")
    # Lengths and nulls of columns, places and lengths of their buffers, buffers of text.
    nodes, buffers, texts = (_numbers(data, batch, *each) for each in ((1, 2), (2, 2), (4, 1)))
    most = 8 * len(data)
    if not all(0 <= each <= most for each in (*nodes, *buffers, *texts)):
        raise ValueError("has lengths that do not fit in so many bytes")
    if sum(buffers[1::2]) > len(data) or sum(texts) > len(buffers):
        raise ValueError("has longer buffers than bytes")
    place = _field(data, batch, 0)
    return 0 if place is None else abs(_number("q", data, place))


def _numbers(data: bytes, table: int, index: int, each: int) -> tuple[int, ...]:
    """In a field that is a list of so many numbers each; none if it is not there."""
    place = _field(data, table, index)
    if place is None:
        return ()
    start = _target(data, place)
    return struct.unpack_from(f"<{each * _number('I', data, start)}q", data, start + 4)


def _needed(data: bytes, table: int, index: int) -> int:
    place = _field(data, table, index)
    if place is None:
        raise ValueError("lacks a field")
    return place


def _field(data: bytes, table: int, index: int) -> Optional[int]:
    """Where a field of a FlatBuffers table is; None if it has its default."""
    known = table - _number("i", data, table)
    if 4 + 2 * index >= _number("H", data, known):
        return None
    offset = _number("H", data, known + 4 + 2 * index)
    return table + offset if offset else None


def _target(data: bytes, place: int) -> int:
    """Where the offset at this place leads."""
    return place + _number("I", data, place)


def _number(kind: str, data: bytes, place: int) -> int:
    if place < 0:
        raise ValueError("points before its beginning")
    found: int = struct.unpack_from(f"<{kind}", data, place)[0]
    return found
