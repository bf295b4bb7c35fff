"""What the columns of a table are taken for, and why, in words for whoever trains on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Optional, Union

import numpy as np
import numpy.typing as npt
import polars

from ..errors import DataError, OptionError
from ._calendar import CYCLES, check_calendar, cycles_within
from ._columns import Columns
from ._features import worth_feeding
from ._order import Order, Rows
from ._sentinels import remarks as on_marks
from ._tables import check_column, check_no_stray_text, is_number
from ._targets import class_labels, listed, target_kind, words_in
from ._text import plural
from ._times import FloatArray

BURSTS = 100.0
"""Mean step over median step from which samples come in bursts."""
MOST_REMARKS = 20
"""Columns left out that are named one by one."""

Names = Union[str, Sequence[str], None]


class Choice(NamedTuple):
    """Columns, and why: one remark a line."""

    columns: Columns
    remarks: tuple[str, ...]


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
            or two whole numbers.
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
    check_roles(wish, order)
    kind = target_kind(table, wish.targets, wish.classes)
    labels = class_labels(table, wish.targets) if kind.classes else None
    lengths = [len(each) for each in training]
    order = _with_unit(order, rows, lengths)
    calendar = _calendar(wish.calendar, order, rows, lengths)
    features, left_out = _features(table, order, training, wish, fed=not kind.classes)
    if not features and not calendar:
        raise DataError("no numeric column is left to feed", "features")
    categories = {name: words_in(table[name]) for name in wish.categories}
    columns = Columns(
        features, wish.targets, order, labels, categories, calendar, wish.label_per_group
    )
    doubts = _doubts(table, columns, training)
    return Choice(columns, (kind.reason, *left_out, *_fed(columns), *doubts))


def _doubts(
    table: polars.DataFrame, columns: Columns, training: Sequence[npt.NDArray[np.int64]]
) -> list[str]:
    """Numbers that may mean no value, and targets that never change."""
    values = () if columns.classes is not None else columns.targets
    fed = [name for name in columns.features if name not in columns.categories]
    said = [each for name in dict.fromkeys([*values, *fed]) for each in on_marks(table[name])]
    trained = np.concatenate(training)
    for name in values:
        if len(trained) > 1 and table[name][trained].drop_nulls().n_unique() == 1:
            said.append(f"{name}: the same in all rows to train on: there is nothing to learn")
    return said


def _features(
    table: polars.DataFrame,
    order: Order,
    training: Sequence[npt.NDArray[np.int64]],
    wish: Wish,
    fed: bool,
) -> tuple[tuple[str, ...], list[str]]:
    """The columns to feed, and remarks on those left out.

    Args:
        fed: whether the targets are values, whose past may be fed.
    """
    if wish.features is None:
        kept_out = {*order.kept_as_text, *(wish.targets if not (fed and wish.horizon) else ())}
        offered = [name for name in table.columns if name not in kept_out]
        asked_for = (*wish.targets, *wish.categories)
        features, left_out = worth_feeding(table, offered, asked_for, training)
        remarks = [f"left out {name}: {why}" for name, why in left_out.items()]
        if len(remarks) > MOST_REMARKS:
            more = plural(len(remarks) - MOST_REMARKS, "column")
            remarks = [*remarks[:MOST_REMARKS], f"left out {more} more for such reasons"]
    else:
        features = (*wish.features, *(c for c in wish.categories if c not in wish.features))
        remarks = []
    for name in features:
        if name not in wish.categories and not is_number(table[name]):
            check_no_stray_text(table[name])
            raise DataError(
                f"expected numbers, the column holds {table[name].dtype}; if it names kinds, "
                "name it among the categories",
                name,
            )
    return features, remarks


def check_roles(wish: Wish, order: Order) -> None:
    """Raises DataError if a column is to be two things at once."""
    for name in (*wish.targets, *(wish.features or ()), *wish.categories):
        if name in order.kept_as_text:
            raise DataError("cannot be the time or group and a feature or target as well", name)
    twice = [name for name in wish.categories if name in wish.targets]
    if twice:
        raise DataError("cannot be a category and the target as well", twice[0])


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
