"""The lines above the rows of ARFF, the format of Weka and OpenML, which declare the columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Optional

from ..errors import DataError

COMMENT = "%"
_NAME = re.compile(r"\s*@attribute\s+('[^']*'|\"[^\"]*\"|\S+)", re.IGNORECASE)
_OF_WHOLE_SERIES = ("@problemname", "@timestamps", "@classlabel", "@frequency", "@horizon")


class Declared(NamedTuple):
    """The columns' names, and the number of the line, from 0, from which rows may come."""

    names: list[str]
    rows_at: int


def declared(lines: Sequence[str], source: str) -> Optional[Declared]:
    """What ARFF declares in these lines; None if they are no ARFF.

    Raises:
        DataError: the rows hold whole series, or only what is not zero.
    """
    words = [line.split(None, 1)[0].lower() if line.strip() else "" for line in lines]
    if "@data" not in words:
        return None
    rows_at = words.index("@data") + 1
    if any(word in _OF_WHOLE_SERIES for word in words[:rows_at]):
        raise DataError(
            "has a whole series in each line; write one row for each time, and beside it a column "
            "that names the series, for --group",
            source,
        )
    found = [_NAME.match(line) for line in lines[:rows_at]]
    names = [each[1].strip("'\"") for each in found if each is not None]
    if any(line.lstrip().startswith("{") for line in lines[rows_at : rows_at + 20]):
        raise DataError("is sparse ARFF; write all cells of each row", source)
    return Declared(names, rows_at) if names else None
