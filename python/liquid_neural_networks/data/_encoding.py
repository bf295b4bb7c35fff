"""Text files of any encoding as UTF-8, which is what polars reads."""

from __future__ import annotations

import codecs
from typing import Optional

from ..errors import DataError, OptionError

# The longer marks first: that of UTF-16 begins that of UTF-32.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD = 4096


def utf8(raw: bytes, encoding: Optional[str], source: str) -> tuple[bytes, str]:
    """The text as UTF-8 without a mark, lines ended by ``\\n``, and the encoding it had.

    Args:
        encoding: a name that Python knows. Default: by the byte order mark; else UTF-16 if
            every other byte is null; else UTF-8 if it is valid; else windows-1252, which most
            8-bit files from Western Europe are in.

    Raises:
        OptionError: there is no such encoding.
        DataError: the bytes are not text, or not in that encoding.
    """
    name = _canonical(encoding) if encoding is not None else _guess(raw)
    text = _decoded(raw, name, source)
    if b"\0" in text[:_HEAD]:
        raise DataError("holds no text: there are null bytes in it", source)
    if text.startswith(codecs.BOM_UTF8):
        text = text[len(codecs.BOM_UTF8) :]
    text = text.removesuffix(b"\x1a")  # the end of a file, to DOS
    if b"\r" in text[:_HEAD] and b"\n" not in text[:_HEAD]:
        text = text.replace(b"\r", b"\n")
    return text, name


def _canonical(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise OptionError(f"there is no encoding {encoding!r}", "encoding") from None


def _guess(raw: bytes) -> str:
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return name
    head = raw[:_HEAD]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) > len(head) // 4 and min(even, odd) < len(head) // 40 + 1:
        return "utf-16-le" if odd > even else "utf-16-be"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


def _decoded(raw: bytes, name: str, source: str) -> bytes:
    try:
        text = raw.decode(name)
    except UnicodeDecodeError as error:
        if name == "windows-1252":  # five bytes mean nothing there, but controls in Latin-1
            text = raw.decode("latin-1")
        else:
            raise DataError(
                f"is no text in {name}: {error.reason} at byte {error.start}; "
                "encoding says another one",
                source,
            ) from None
    except LookupError:  # a codec of bytes to bytes, such as hex
        raise OptionError(f"{name!r} is no encoding of text", "encoding") from None
    return raw if name == "utf-8" else text.encode("utf-8", "replace")
