"""What the columns of a table are taken for, and why, in words for whoever trains on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Optional, Union

import numpy as np
import numpy.typing as npt
import polars

from ..errors import DataError, DtypeError, OptionError
from ._calendar import CYCLES, check_calendar, cycles_within
from ._columns import WORDS, Columns, Label, plain
from ._order import Order, Rows
from ._tables import check_column, check_no_stray_text, is_number
from ._times import FloatArray

MOST_CATEGORIES = 100
FEW_VALUES = 10
COUNTING = 0.98
"""Share of steps of 1 from which whole numbers count the rows."""
BURSTS = 100.0
"""Mean step over median step from which samples come in bursts."""
RISING_STEPS = 8
"""Whole numbers that rise for so many rows are taken for row numbers or times."""

Names = Union[str, Sequence[str], None]


class Choice(NamedTuple):
    """Columns, and why: one remark a line."""

    columns: Columns
    remarks: tuple[str, ...]


class TargetKind(NamedTuple):
    """Whether the targets are classes, and why."""

    classes: bool
    reason: str


def choose_columns(
    table: polars.DataFrame,
    targets: Union[str, Sequence[str]],
    features: Names = None,
    time: Names = None,
    *,
    horizon: int = 1,
    classes: Optional[bool] = None,
    time_format: Optional[str] = None,
    group: Optional[str] = None,
    categories: Names = None,
    calendar: Names = (),
    training_rows: Optional[int] = None,
) -> Columns:
    """Decides what the columns of a table mean, from their names and what they hold.

    Args:
        targets: one column or several.
        features: columns to feed. Default: every numeric column except the time and the group,
            and the targets if they are classes or ``horizon`` is 0; and except constants and
            whole numbers that rise from row to row, which number the rows.
        time: column of numbers or dates that rise from row to row, or several columns with a
            part each. One unit of elapsed time will be the median step.
        horizon: rows from a sample to the target predicted at it.
        classes: whether the target is a class. Default: yes if it holds text, true and false,
            or two different numbers.
        time_format: strptime pattern of the times. Default: recognised.
        group: column that tells several series apart. Default: the table is one.
        categories: columns of words, flags or whole numbers to feed, one input for each word.
        calendar: cycles to feed, of ``hour``, ``weekday`` and ``yearday``; None for those that
            the table spans often enough.
        training_rows: only so many rows of each series may say how long a unit of time is and
            what is constant. Default: all.

    Raises:
        DataError: a column does not exist, holds what cannot be used, or nothing is left to
            feed; the times do not rise.
        OptionError: ``calendar`` needs dates, or has no such cycle.
    """
    order = Order.of(table, time, time_format=time_format, group=group)
    rows = order.rows(table)
    training = [each.numbers[:training_rows] for each in rows]
    wish = Wish(
        targets=listed("targets", targets),
        features=None if features is None else listed("features", features),
        categories=() if categories is None else listed("categories", categories),
        calendar=None
        if calendar is None
        else (calendar,)
        if isinstance(calendar, str)
        else calendar,
        classes=classes,
        horizon=horizon,
    )
    return choose(table, order, rows, training, wish).columns


@dataclass(frozen=True)
class Wish:
    """What the caller asked for; None where the table is to say."""

    targets: tuple[str, ...]
    features: Optional[tuple[str, ...]] = None
    categories: tuple[str, ...] = ()
    calendar: Optional[Sequence[str]] = ()
    classes: Optional[bool] = None
    horizon: int = 1
    label_per_group: bool = False


def choose(
    table: polars.DataFrame,
    order: Order,
    rows: Sequence[Rows],
    training: Sequence[npt.NDArray[np.int64]],
    wish: Wish,
) -> Choice:
    """As :func:`choose_columns`, for a table whose order is known.

    Args:
        rows: of each recording.
        training: numbers of the rows of each recording that are trained on.
    """
    for column in (*wish.targets, *(wish.features or ()), *wish.categories):
        check_column(table, column)
    used = set(order.kept_as_text)
    check_roles(wish, order)
    kind = target_kind(table, wish.targets, wish.classes)
    labels = _labels(table, wish.targets) if kind.classes else None
    remarks = [kind.reason]
    order = _with_unit(order, rows, [len(each) for each in training])
    calendar = _calendar(wish.calendar, order, rows, [len(each) for each in training])
    if wish.features is None:
        kept_out = used | (set(wish.targets) if kind.classes or not wish.horizon else set())
        offered = [name for name in table.columns if name not in kept_out]
        features, left_out = _worth_feeding(table, offered, training, wish)
        remarks += [f"left out {name}: {why}" for name, why in left_out.items()]
    else:
        features = (*wish.features, *(c for c in wish.categories if c not in wish.features))
    for name in features:
        if name not in wish.categories and not is_number(table[name]):
            check_no_stray_text(table[name])
            raise DataError(
                f"expected numbers, the column holds {table[name].dtype}; if it names kinds, "
                "name it among the categories",
                name,
            )
    if not features and not calendar:
        raise DataError("no numeric column is left to feed", "features")
    categories = {name: _words(table[name]) for name in wish.categories}
    columns = Columns(
        features, wish.targets, order, labels, categories, calendar, wish.label_per_group
    )
    return Choice(columns, (*remarks, *_fed(columns)))


def check_roles(wish: Wish, order: Order) -> None:
    """Raises DataError if a column is to be two things at once."""
    for name in (*wish.targets, *(wish.features or ()), *wish.categories):
        if name in order.kept_as_text:
            raise DataError("cannot be the time or group and a feature or target as well", name)
    twice = [name for name in wish.categories if name in wish.targets]
    if twice:
        raise DataError("cannot be a category and the target as well", twice[0])


def listed(name: str, columns: Union[str, Sequence[str]]) -> tuple[str, ...]:
    """Distinct names of columns."""
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


# -- targets -----------------------------------------------------------------------------------


def target_kind(
    table: polars.DataFrame, targets: Union[str, Sequence[str]], classes: Optional[bool] = None
) -> TargetKind:
    """Whether the targets are classes: as asked for, or by what they hold.

    Text, true and false, and two different numbers are classes.

    Raises:
        DataError: a column does not exist, or is one of numbers but for a cell or two.
    """
    columns = [table[check_column(table, each)] for each in listed("targets", targets)]
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


def _labels(table: polars.DataFrame, targets: tuple[str, ...]) -> tuple[Label, ...]:
    if len(targets) > 1:
        raise DataError("expected one column of classes; train one network for each", "targets")
    column = table[targets[0]]
    labels = _words(column, "classes")
    if len(labels) < 2:
        raise DataError(f"expected at least 2 classes, the column holds {list(labels)}", targets[0])
    return labels


def _words(column: polars.Series, purpose: str = "categories") -> tuple[Label, ...]:
    """The different labels in a column, in order."""
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
            f"for {purpose}; are they numbers or names in a spelling of their own?",
            column.name,
        )
    return tuple(sorted(labels.to_list()))


# -- features ----------------------------------------------------------------------------------


def _worth_feeding(
    table: polars.DataFrame,
    offered: Sequence[str],
    training: Sequence[npt.NDArray[np.int64]],
    wish: Wish,
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The columns to feed if nobody says, and why the others are not."""
    features, left_out = [], {}
    trained = table[np.concatenate(training)] if table.height > sum(map(len, training)) else table
    for name in offered:
        column = table[name]
        if name not in wish.categories and not is_number(column):
            check_no_stray_text(column)
        why = None
        if name not in (*wish.categories, *wish.targets):
            why = _no_feature(column, trained[name]) or _rises(column, training)
        if why is None:
            features.append(name)
        else:
            left_out[name] = why
    return tuple(features), left_out


def _no_feature(column: polars.Series, trained: polars.Series) -> Optional[str]:
    """Why a column says nothing to a network."""
    if column.dtype in WORDS:
        words = column.n_unique() - bool(column.null_count())
        if words <= MOST_CATEGORIES:
            return f"text, {words} different words; --categories {column.name} encodes them"
        return f"text, {words} different words"
    if column.dtype.is_temporal():
        return f"dates; --time {column.name} makes them the time"
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


def _with_unit(order: Order, rows: Sequence[Rows], lengths: Sequence[int]) -> Order:
    """The order with the median step of the training rows as its unit; all rows are checked."""
    if not order.time:
        return order
    between = [
        order.elapsed_time(each)[1:][: max(rows_trained - 1, 1)]
        for each, rows_trained in zip(rows, lengths)
        if rows_trained or len(rows) == 1
    ]
    found = np.concatenate(between) if between else np.empty(0)
    return replace(order, time_unit=_usual(found) if len(found) else 1.0)


def _usual(steps: FloatArray) -> float:
    """The median step; the mean where samples come in bursts, which the median would measure."""
    median, mean = float(np.median(steps)), float(steps.mean())
    return median if median * BURSTS > mean else mean


def _calendar(
    wanted: Optional[Sequence[str]], order: Order, rows: Sequence[Rows], lengths: Sequence[int]
) -> tuple[str, ...]:
    """The cycles to feed: those asked for, or those that the training rows span."""
    check_calendar(wanted)
    on_calendar = order.dates and all(
        each.times is not None and each.times.dtype != polars.Duration for each in rows
    )
    if wanted is not None:
        if wanted and not on_calendar:
            raise OptionError("needs a column of dates, named as the time", "calendar")
        return tuple(wanted)
    if not on_calendar:
        return ()
    times = [each.times[:n] for each, n in zip(rows, lengths) if each.times is not None]
    return cycles_within(times)


def _fed(columns: Columns) -> list[str]:
    """What is fed, in words."""
    names = [
        f"{name} ({len(columns.categories[name])} words)" if name in columns.categories else name
        for name in columns.features
    ]
    names += [f"{CYCLES[each].name}" for each in columns.calendar]
    shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    return [f"feeds {shown}"]
