"""Small steps on text, quick enough for files of many megabytes."""

from __future__ import annotations

import re


def line_start(content: bytes, number: int) -> int:
    """Where the line of this number, counted from 0, begins."""
    start = 0
    for _ in range(number):
        start = content.index(b"\n", start) + 1
    return start


def blanks_as_tabs(content: bytes, quote: str) -> bytes:
    """One tab in place of each run of blanks between cells; cells in quotes stay as they are."""
    mark = re.escape(quote.encode())
    trimmed = re.sub(rb"(?m)^[ \t]+|[ \t\r]+$", b"", content)
    if quote.encode() not in trimmed:
        return re.sub(rb"[ \t]+", b"\t", trimmed)
    cells = re.compile(mark + rb"[^" + mark + rb"\n]*" + mark + rb"|[ \t]+")
    return cells.sub(lambda found: b"\t" if found[0].isspace() else found[0], trimmed)


def quotes_cells(content: bytes, separator: str, quote: str) -> bool:
    """Whether a cell begins with the quote; else it means inches, or itself."""
    mark = quote.encode()
    if mark not in content:
        return False
    begins = rb"(?:^|[\r\n]|" + re.escape(separator.encode()) + rb") *" + re.escape(mark)
    return re.search(begins, content) is not None


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "row"), plural(2_075_259, "row")
    ('1 row', '2,075,259 rows')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
