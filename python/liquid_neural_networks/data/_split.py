"""Which rows are trained on, which choose the epoch, and which measure the result."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._checks import check_choice, check_fraction
from ..errors import DomainError
from ._series import Series

SPLITS = ("time", "group")


def split(series: Series, valid: float = 0.15, test: float = 0.15) -> tuple[Series, Series, Series]:
    """Cuts a series at two instants: the oldest part to train on, the newest to test on.

    No row is in two parts, and windows taken from a part stay within it.

    Args:
        valid, test: fractions of the rows, in [0, 1), together below 1.

    Returns:
        train, valid and test; a part whose fraction is 0 is empty.

    Raises:
        DomainError: the fractions leave nothing to train on.
    """
    first, second = boundaries(len(series.inputs), valid, test)
    rows = len(series.inputs)
    return series.rows(0, first), series.rows(first, second), series.rows(second, rows)


def boundaries(rows: int, valid: float, test: float) -> tuple[int, int]:
    """The first row of the valid part and the first row of the test part."""
    check_fraction("valid", valid)
    check_fraction("test", test)
    second = rows - round(rows * test)
    first = second - round(rows * valid)
    if first < 1:
        raise DomainError(f"together with test = {test:g} leaves no rows to train on", "valid")
    return first, second


def cuts(
    lengths: Sequence[int], valid: float, test: float, by: str = "time", seed: int = 0
) -> list[tuple[int, int]]:
    """For each recording the first row of its valid part and the first row of its test part.

    Args:
        lengths: rows of each recording.
        valid, test: fractions, in [0, 1), together below 1: of the rows of each recording, or
            of the recordings.
        by: ``"time"`` cuts each recording at two instants; ``"group"`` puts each recording
            into one part as a whole: (T, T), (0, T) or (0, 0).
        seed: of the choice of recordings.

    Raises:
        DomainError: nothing is left to train on.
        OptionError: ``by`` is neither of these.
    """
    check_choice("split", by, SPLITS)
    if by == "time":
        if len(lengths) == 1:
            return [boundaries(lengths[0], valid, test)]
        check_fraction("valid", valid)
        check_fraction("test", test)
        found = []
        for rows in lengths:
            second = rows - round(rows * test)
            found.append((max(second - round(rows * valid), 0), second))
        return found
    first, second = boundaries(len(lengths), valid, test)
    order = np.random.default_rng(seed).permutation(len(lengths))
    place = {int(each): position for position, each in enumerate(order)}
    return [
        (rows, rows) if place[i] < first else (0, rows) if place[i] < second else (0, 0)
        for i, rows in enumerate(lengths)
    ]
