"""``Series``: one recording as arrays, and ``Columns``: which columns of a table it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple, Optional, Union

import numpy as np
import numpy.typing as npt
import polars

from .._checks import check_fraction
from ..errors import DataError, DomainError, DtypeError
from ._tables import (
    FloatArray,
    check_column,
    check_no_stray_text,
    is_number,
    numbers,
    row_number,
    steps,
)

Label = Union[str, int, bool]
"""What a class is called in the table."""


class Series(NamedTuple):
    """One recording, in order of time.

    Attributes:
        inputs: (T, I) features, NaN where missing.
        targets: (T, O) values, NaN where missing; or (T,) class indices, -1 where missing.
        elapsed_time: (T,) time before each sample, in units of ``Columns.time_unit``.
    """

    inputs: FloatArray
    targets: npt.NDArray[Any]
    elapsed_time: FloatArray

    def rows(self, start: int, stop: int) -> Series:
        """The part from row ``start`` to just before row ``stop``."""
        return Series(*(each[start:stop] for each in self))


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


@dataclass(frozen=True)
class Columns:
    """What the columns of a table mean; made by :func:`choose_columns`, kept with the network.

    Attributes:
        features: I numeric columns, the inputs.
        targets: O columns to predict; exactly one if they are classes.
        time: column of the times, or None: the samples are evenly spaced.
        time_unit: how much time is one unit of elapsed time: in seconds for a column of dates,
            else in the column's own unit.
        dates: whether the times are dates.
        classes: the labels, in the order of the network's outputs; None for value targets.
    """

    features: tuple[str, ...]
    targets: tuple[str, ...]
    time: Optional[str] = None
    time_unit: float = 1.0
    dates: bool = False
    classes: Optional[tuple[Label, ...]] = None

    @property
    def outputs(self) -> int:
        """O, what the network must put out: values, or one score per class."""
        return len(self.targets) if self.classes is None else len(self.classes)

    def series(self, table: polars.DataFrame, targets: bool = True) -> Series:
        """The recording in a table.

        Args:
            targets: whether to read the targets too; without, they are all missing.

        Raises:
            DataError: a column is missing, holds something else than before, or the times do
                not rise.
        """
        for column in (*self.features, *(self.targets if targets else ())):
            check_column(table, column)
        inputs = np.stack([numbers(table[column]) for column in self.features], axis=1)
        return Series(inputs, self._targets(table, targets), self._elapsed_time(table))

    def _targets(self, table: polars.DataFrame, wanted: bool) -> npt.NDArray[Any]:
        if self.classes is not None:
            if not wanted:
                return np.full(table.height, -1)
            return _class_indices(table[self.targets[0]], self.classes)
        if not wanted:
            return np.full((table.height, len(self.targets)), np.nan)
        return np.stack([numbers(table[column]) for column in self.targets], axis=1)

    def _elapsed_time(self, table: polars.DataFrame) -> FloatArray:
        if self.time is None:
            return np.ones(table.height)
        column = table[check_column(table, self.time)]
        if column.dtype.is_temporal() != self.dates:
            kind = "dates" if self.dates else "numbers"
            raise DataError(
                f"expected {kind} as before, the column holds {column.dtype}", self.time
            )
        # Nothing is known about the time before the first sample: one unit, like most others.
        between = steps(column) / self.time_unit
        return np.concatenate([[1.0], between])

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :meth:`from_dict` reads back."""
        return {
            "features": list(self.features),
            "targets": list(self.targets),
            "time": self.time,
            "time_unit": self.time_unit,
            "dates": self.dates,
            "classes": None if self.classes is None else list(self.classes),
        }

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> Columns:
        """The columns described by plain data.

        Raises:
            DataError: it is no such description.
        """
        _check_description(description)
        classes = description["classes"]
        return cls(
            tuple(description["features"]),
            tuple(description["targets"]),
            description["time"],
            float(description["time_unit"]),
            description["dates"],
            None if classes is None else tuple(classes),
        )


def choose_columns(
    table: polars.DataFrame,
    targets: Union[str, Sequence[str]],
    features: Union[str, Sequence[str], None] = None,
    time: Optional[str] = None,
    *,
    horizon: int = 1,
    classes: Optional[bool] = None,
    training_rows: Optional[int] = None,
) -> Columns:
    """Decides what the columns of a table mean, from their names and what they hold.

    Args:
        targets: one column or several.
        features: columns to feed. Default: every numeric column except the time; and except
            the targets, if they are classes or ``horizon`` is 0.
        time: column of numbers or dates that rise from row to row. One unit of elapsed time
            will be the median step.
        horizon: rows from a sample to the target predicted at it.
        classes: whether the target is a class. Default: yes if it holds text or true and
            false, no if it holds numbers.
        training_rows: only these first rows may say how long a unit of time is. Default: all.

    Raises:
        DataError: a column does not exist, holds what cannot be used, or nothing is left to
            feed; the times do not rise.
    """
    targets = _listed("targets", targets)
    features = None if features is None else _listed("features", features)
    for column in (*targets, *(features or ()), *((time,) if time is not None else ())):
        check_column(table, column)
    if classes is None:
        classes = holds_classes(table, targets)
    labels = _labels(table, targets) if classes else None
    if features is None:
        kept_out = {time, *(targets if classes or horizon == 0 else ())}
        offered = [table[name] for name in table.columns if name not in kept_out]
        for column in offered:
            check_no_stray_text(column)
        features = tuple(column.name for column in offered if is_number(column))
    if time in features or time in targets:
        raise DataError("cannot be the time and a feature or target as well", time)
    if not features:
        raise DataError("no numeric column is left to feed", "features")
    dates = time is not None and table[time].dtype.is_temporal()
    return Columns(features, targets, time, _unit(table, time, training_rows), dates, labels)


def holds_classes(table: polars.DataFrame, targets: Union[str, Sequence[str]]) -> bool:
    """Whether the targets look like classes: text, or true and false, rather than numbers."""
    columns = [table[check_column(table, each)] for each in _listed("targets", targets)]
    for column in columns:
        check_no_stray_text(column)
    return not all(column.dtype.is_numeric() or column.dtype == polars.Null for column in columns)


def _listed(name: str, columns: Union[str, Sequence[str]]) -> tuple[str, ...]:
    if not isinstance(columns, (str, Sequence)):
        raise DtypeError(f"expected names of columns, got {type(columns).__name__}", name)
    listed = (columns,) if isinstance(columns, str) else tuple(columns)
    if not listed:
        raise DataError("expected at least one column", name)
    for column in listed:
        if not isinstance(column, str):
            raise DtypeError(f"expected names of columns, got {column!r}", name)
    if len(set(listed)) < len(listed):
        raise DataError("names a column twice", name)
    return listed


def _unit(table: polars.DataFrame, time: Optional[str], training_rows: Optional[int]) -> float:
    """The median step of the training rows; the order of all rows is checked."""
    if time is None:
        return 1.0
    between = steps(table[time])
    if training_rows is not None:
        between = between[: max(training_rows - 1, 1)]
    return float(np.median(between)) if len(between) else 1.0


def _labels(table: polars.DataFrame, targets: tuple[str, ...]) -> tuple[Label, ...]:
    if len(targets) > 1:
        raise DataError("expected one column of classes; train one network for each", "targets")
    column = table[targets[0]]
    if not (column.dtype in _LABELS or column.dtype.is_integer()):
        raise DataError(
            f"expected text, integers or true and false as classes, the column holds "
            f"{column.dtype}",
            targets[0],
        )
    labels = sorted(_plain(column).drop_nulls().unique().to_list())
    if len(labels) < 2:
        raise DataError(f"expected at least 2 classes, the column holds {labels}", targets[0])
    return tuple(labels)


_LABELS = (polars.String, polars.Boolean, polars.Categorical, polars.Enum)


def _plain(column: polars.Series) -> polars.Series:
    return column.cast(polars.String) if column.dtype in _LABELS[2:] else column


def _class_indices(column: polars.Series, classes: tuple[Label, ...]) -> npt.NDArray[np.int64]:
    index = {label: i for i, label in enumerate(classes)}
    labels = _plain(column).to_list()
    strange = np.array([label is not None and label not in index for label in labels])
    if strange.any():
        row = row_number(strange)
        known = ", ".join(str(label) for label in classes)
        raise DataError(f"row {row} is {labels[row - 1]!r}, the classes are {known}", column.name)
    return np.array([-1 if label is None else index[label] for label in labels], dtype=np.int64)


def _check_description(description: Mapping[str, Any]) -> None:
    fields = ("features", "targets", "time", "time_unit", "dates", "classes")
    if not isinstance(description, Mapping) or set(description) != set(fields):
        raise DataError(f"expected a map of {', '.join(fields)}", "columns")
    for name in ("features", "targets", "classes"):
        value = description[name]
        kinds = (str, int) if name == "classes" else (str,)
        if name == "classes" and value is None:
            continue
        if not (
            isinstance(value, (list, tuple))
            and value
            and all(isinstance(each, kinds) for each in value)
            and len(set(value)) == len(value)
        ):
            raise DataError("expected a list of distinct names", name)
    if not (description["time"] is None or isinstance(description["time"], str)):
        raise DataError("expected the name of a column or nothing", "time")
    if not isinstance(description["dates"], bool):
        raise DataError("expected true or false", "dates")
    unit = description["time_unit"]
    if isinstance(unit, bool) or not isinstance(unit, (int, float)):
        raise DataError("expected a number", "time_unit")
    if not (isfinite(unit) and unit > 0):
        raise DataError("expected a positive number", "time_unit")
