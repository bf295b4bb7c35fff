"""Which columns of a table are worth feeding to a network if nobody says, and why not others."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import Optional

import numpy as np
import numpy.typing as npt
import polars

from ._columns import WORDS
from ._tables import check_no_stray_text, is_number
from ._targets import MOST_CATEGORIES

COUNTING = 0.98
"""Share of steps of 1 from which whole numbers count the rows."""
RISING_STEPS = 8
"""Whole numbers that rise for so many rows are taken for row numbers or times."""


def worth_feeding(
    table: polars.DataFrame,
    offered: Sequence[str],
    asked_for: Sequence[str],
    training: Sequence[npt.NDArray[np.int64]],
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The columns to feed if nobody says, and why the others are not.

    Args:
        asked_for: those of the offered that are fed whatever they hold: targets and categories.
        training: numbers of the rows of each series that are trained on.

    Raises:
        DataError: a column holds numbers but for a cell or two.
    """
    features, left_out = [], {}
    trained = table[np.concatenate(training)] if table.height > sum(map(len, training)) else table
    for name in offered:
        why = None
        if name not in asked_for:
            check_no_stray_text(table[name])
            why = _no_feature(table[name], trained[name]) or _rises(table[name], training)
        if why is None:
            features.append(name)
        else:
            left_out[name] = why
    return tuple(features), left_out


def _no_feature(column: polars.Series, trained: polars.Series) -> Optional[str]:
    """Why a column says nothing to a network."""
    if column.dtype in WORDS:
        words = column.n_unique() - bool(column.null_count())
        if words == 1 and not column.null_count():
            return "text, the same in all rows"
        if words <= MOST_CATEGORIES:
            return f"text, {words} different words; --categories {quote(column.name)} encodes them"
        return f"text, {words} different words"
    if column.dtype.is_temporal():
        return f"dates; --time {quote(column.name)} makes them the time"
    if not is_number(column):
        return f"holds {column.dtype}"
    known = trained.drop_nulls()
    if not len(known):
        return "no value in the rows to train on"
    if len(trained) > 1 and known.n_unique() == 1 and not trained.null_count():
        return f"constant in the rows to train on ({known[0]})"
    return None


def _rises(column: polars.Series, training: Sequence[npt.NDArray[np.int64]]) -> Optional[str]:
    """Why whole numbers that rise from row to row are no feature."""
    if not column.dtype.is_integer() or column.null_count():
        return None
    values = column.to_numpy().astype(np.float64)
    changes = np.concatenate([np.diff(values[rows]) for rows in training])
    if len(changes) < RISING_STEPS:
        return None
    # A count may begin anew where one file ends and the next begins.
    if (changes == 1).mean() > COUNTING:
        return "numbers the rows; --features feeds it all the same"
    if (changes > 0).all():
        return "rises from row to row like a time; --time or --features may name it"
    return None
