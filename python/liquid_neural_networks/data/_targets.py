"""What the targets of a table are: classes or values, and which labels a column holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

import polars

from ..errors import DataError, DtypeError
from ._columns import WORDS, Label, plain
from ._tables import check_column, check_no_stray_text, is_number

MOST_CATEGORIES = 100
FEW_VALUES = 10
"""Different whole numbers that may as well be classes."""


class TargetKind(NamedTuple):
    """Whether the targets are classes, and why."""

    classes: bool
    reason: str


def target_kind(
    table: polars.DataFrame, targets: Union[str, Sequence[str]], classes: Optional[bool] = None
) -> TargetKind:
    """Whether the targets are classes: as asked for, or by what they hold.

    Text, true and false, and two different whole numbers are classes.

    Raises:
        DataError: a column does not exist, or is one of numbers but for a cell or two.
    """
    columns = [table[check_column(table, each)] for each in listed("targets", targets)]
    for column in columns:
        if column.null_count() == len(column):
            raise DataError("holds no value at all: there is nothing to learn", column.name)
    if classes is not True:
        for column in columns:
            check_no_stray_text(column)
    names = ", ".join(column.name for column in columns)
    if classes is not None:
        return TargetKind(classes, f"{names}: {'classes' if classes else 'values'}, as asked for")
    if any(not (is_number(c) and c.dtype != polars.Boolean) for c in columns):
        kinds = "true and false" if columns[0].dtype == polars.Boolean else "text"
        return TargetKind(True, f"{names}: {kinds}: classes")
    if len(columns) > 1:
        return TargetKind(False, f"{names}: numbers: values")
    distinct = columns[0].drop_nulls().unique().sort()
    few = distinct[:FEW_VALUES].to_list()
    if len(distinct) == 2 and all(float(each).is_integer() for each in few):
        reason = (
            f"2 different whole numbers, {few[0]:g} and {few[1]:g}: classes; --values regresses"
        )
        return TargetKind(True, f"{names}: {reason}")
    if len(distinct) <= FEW_VALUES and all(float(each).is_integer() for each in few):
        reason = f"{len(distinct)} different whole numbers: values; --classes classifies"
        return TargetKind(False, f"{names}: {reason}")
    return TargetKind(False, f"{names}: numbers: values")


def class_labels(table: polars.DataFrame, targets: tuple[str, ...]) -> tuple[Label, ...]:
    """The classes of the one target, in order.

    Raises:
        DataError: there are several targets, too many labels, or fewer than two.
    """
    if len(targets) > 1:
        raise DataError("expected one column of classes; train one network for each", "targets")
    column = table[targets[0]]
    labels = words_in(column, "classes")
    if len(labels) < 2:
        raise DataError(f"expected at least 2 classes, the column holds {list(labels)}", targets[0])
    return labels


def words_in(column: polars.Series, purpose: str = "categories") -> tuple[Label, ...]:
    """The different labels in a column, in order.

    Raises:
        DataError: it holds numbers that are not whole, or too many different labels.
    """
    known = column.drop_nulls()
    whole = known.dtype.is_integer() or (
        known.dtype.is_float() and bool((known == known.round()).all())
    )
    if not (known.dtype in (*WORDS, polars.Boolean) or whole):
        raise DataError(
            f"expected text, integers or true and false as {purpose}, the column holds "
            f"{column.dtype}",
            column.name,
        )
    labels = plain(known).unique()
    if len(labels) > MOST_CATEGORIES:
        some = ", ".join(repr(each) for each in known.head(3))
        raise DataError(
            f"holds {len(labels)} different values in {len(known)} rows ({some}, ...), too many "
            f"for {purpose}; if they are numbers, leave units and letters out of the cells",
            column.name,
        )
    return tuple(sorted(labels.to_list()))


def listed(name: str, columns: Union[str, Sequence[str]]) -> tuple[str, ...]:
    """Distinct names of columns."""
    if isinstance(columns, int):
        raise DtypeError(f"expected names of columns as text, such as '{columns}'", name)
    if not isinstance(columns, (str, Sequence)):
        raise DtypeError(f"expected names of columns, got {type(columns).__name__}", name)
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    if not names:
        raise DataError("expected at least one column", name)
    for column in names:
        if not isinstance(column, str):
            raise DtypeError(f"expected names of columns, got {column!r}", name)
    if len(set(names)) < len(names):
        raise DataError("names a column twice", name)
    return names
