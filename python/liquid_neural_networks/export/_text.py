"""Python values as C text: identifiers, comments, strings, numbers, tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Optional

import numpy as np
import numpy.typing as npt

from ..errors import DomainError, OptionError

FloatArray = npt.NDArray[np.float64]

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_RESERVED = {"main"}
"""Names that would clash with another file of an export."""
_WIDTH = 100


def check_name(name: object) -> str:
    """A name that files, functions and macros may begin with.

    Raises:
        OptionError: it is none.
    """
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name) or name in _RESERVED:
        raise OptionError(
            f"expected at most 40 letters, digits and underscores, a letter first, and not "
            f"'main'; got {name!r}",
            "name",
        )
    return name


def name_from(text: str) -> str:
    """A valid name that is like a text, such as a file's: ``"my-model (2)"`` -> ``my_model_2``."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:38].rstrip("_")
    if not plain or plain in _RESERVED:
        return "network"
    return plain if plain[0].isalpha() else f"n_{plain}"


def comment(text: object) -> str:
    """Any text as one line that may stand in a comment."""
    plain = "".join(c if 32 <= ord(c) < 127 else f"<U+{ord(c):04X}>" for c in str(text))
    # No comment may end or begin here, no line may go on, and there are no trigraphs.
    for strange, instead in (("*/", "* /"), ("/*", "/ *"), ("\\", "|"), ("??", "? ?")):
        plain = plain.replace(strange, instead)
    return plain


def string(text: object) -> str:
    """Any text as a C string of UTF-8 bytes."""
    return '"' + "".join(map(_string_byte, str(text).encode("utf-8", "replace"))) + '"'


def _string_byte(byte: int) -> str:
    if chr(byte) in '"\\?' or not 32 <= byte < 127:
        return f"\\{byte:03o}"  # three octal digits end by themselves
    return chr(byte)


def literal(value: float, where: str) -> str:
    """A float literal with the fewest digits that give the same float32.

    Raises:
        DomainError: it is beyond float32.
    """
    with np.errstate(over="ignore"):
        single = np.float32(value)
    if not np.isfinite(single):
        raise DomainError(f"{value:g} is beyond the range of float32", where)
    return f"{single!s}f"


def index_type(largest: int) -> str:
    """The smallest C type for indices from 0 to ``largest``."""
    if largest <= 255:
        return "uint8_t"
    return "uint16_t" if largest <= 65535 else "int32_t"


def floats(name: str, values: FloatArray) -> str:
    """A table of floats."""
    return _table("float", name, [literal(each, name) for each in values.ravel()])


def indices(kind: str, name: str, values: Iterable[int]) -> str:
    """A table of indices."""
    return _table(kind, name, [str(int(each)) for each in values])


def structures(
    kind: str, name: str, columns: Sequence[FloatArray], remarks: Optional[Sequence[str]] = None
) -> str:
    """A table of structures of floats, one column a field; remarks stand behind the rows."""
    cells = [[literal(each, name) for each in row] for row in zip(*columns)]
    return rows(kind, name, cells, len(columns), remarks or [])


def rows(
    kind: str, name: str, cells: Sequence[Sequence[str]], fields: int, remarks: Sequence[str]
) -> str:
    """A table of structures from the texts of their fields."""
    if not cells:  # C has no tables without rows
        cells, remarks = [["0"] * fields], ["none"]
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = []
    for number, row in enumerate(cells):
        aligned = ", ".join(cell.rjust(width) for cell, width in zip(row, widths))
        remark = f" /* {remarks[number]} */" if remarks else ""
        lines.append(f"    {{{aligned}}},{remark}")
    return "\n".join([f"static const FLASH {kind} {name}[{len(lines)}] = {{", *lines, "};"])


def _table(kind: str, name: str, cells: list[str]) -> str:
    cells = cells or ["0"]
    start = f"static const FLASH {kind} {name}[{len(cells)}] = {{"
    short = f"{start}{', '.join(cells)}}};"
    if len(short) <= _WIDTH:
        return short
    width = max(map(len, cells)) + 2
    across = max((_WIDTH - 4) // width, 1)
    lines = [
        "    " + " ".join(f"{cell},".ljust(width - 1) for cell in cells[at : at + across]).rstrip()
        for at in range(0, len(cells), across)
    ]
    return "\n".join([start, *lines, "};"])


def structure(kind: str, name: str, fields: dict[str, Any]) -> str:
    """One structure that refers to tables by name."""
    lines = [f"    .{field} = {_initial(value)}," for field, value in fields.items()]
    return "\n".join([f"static const {kind} {name} = {{", *lines, "};"])


def _initial(value: Any) -> str:
    return f"{{{', '.join(value)}}}" if isinstance(value, tuple) else str(value)
