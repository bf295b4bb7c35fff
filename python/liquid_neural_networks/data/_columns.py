"""``Columns``: what the columns of a table mean, and how they become inputs and targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional, Union

import numpy as np
import numpy.typing as npt
import polars

from ..errors import DataError
from ._calendar import CYCLES, calendar_inputs, calendar_names, calendar_notes
from ._order import Order, Rows
from ._series import Series
from ._tables import AS_USUAL, Spelled, Table, check_column, numbers, read_as_before
from ._times import FloatArray, row_number, written

Label = Union[str, int, bool]
"""What a class is called in the table."""

WORDS = (polars.String, polars.Categorical, polars.Enum)


class Recording(NamedTuple):
    """One series of a table.

    Attributes:
        series: its features, targets and elapsed time.
        rows: (T,) numbers of its rows in the table.
        group: what tells it from others; None if there is one only.
        times: (T,) of its rows; None without a column of times.
    """

    series: Series
    rows: npt.NDArray[np.int64]
    group: Optional[str]
    times: Optional[polars.Series]


@dataclass(frozen=True)
class Columns:
    """What the columns of a table mean; made by :func:`choose_columns`, kept with the network.

    Attributes:
        features: columns to feed: of numbers, or of words if they are in ``categories``.
        targets: O columns to predict; exactly one if they are classes.
        order: which columns say when a row was taken, and of which recording.
        classes: the labels, in the order of the network's outputs; None for value targets.
        categories: the words of each feature that holds words; one input stands for each.
        calendar: cycles fed as sine and cosine, see :data:`CYCLES`.
        label_per_group: whether a recording has one target, predicted at its last row.
        spelled: how the files trained on write numbers, and that there is none.
    """

    features: tuple[str, ...]
    targets: tuple[str, ...]
    order: Order = field(default_factory=Order)
    classes: Optional[tuple[Label, ...]] = None
    categories: Mapping[str, tuple[Label, ...]] = field(default_factory=dict)
    calendar: tuple[str, ...] = ()
    label_per_group: bool = False
    spelled: Spelled = AS_USUAL

    @property
    def inputs(self) -> tuple[str, ...]:
        """I names of what the network is fed: features, words of features, and the calendar."""
        fed: list[str] = []
        for name in self.features:
            words = self.categories.get(name)
            fed += [name] if words is None else [f"{name}={word}" for word in words]
        return (*fed, *calendar_names(self.calendar))

    @property
    def notes(self) -> tuple[str, ...]:
        """What follows the name of each input that is no number of the table as it is, for those
        who have to compute it; else nothing."""
        found: list[str] = []
        for name in self.features:
            words = self.categories.get(name)
            found += [""] if words is None else [", 1 if it is so, else 0"] * len(words)
        return (*found, *calendar_notes(self.calendar))

    @property
    def outputs(self) -> int:
        """O, what the network must put out: values, or one score per class."""
        return len(self.targets) if self.classes is None else len(self.classes)

    @property
    def time(self) -> tuple[str, ...]:
        """Columns of the times; none: the samples are evenly spaced."""
        return self.order.time

    @property
    def time_unit(self) -> float:
        """How much time is one unit of elapsed time: in seconds for dates."""
        return self.order.time_unit

    @property
    def dates(self) -> bool:
        """Whether the times are dates."""
        return self.order.dates

    @property
    def group(self) -> Optional[str]:
        """Column that tells recordings apart; None: the table is one."""
        return self.order.group

    def read(self, table: Table) -> polars.DataFrame:
        """A table with its rows in the order in which the network sees them.

        Times and groups keep the file's own text. Rows of the same time are merged as they were
        for training.

        Raises:
            DataError: the table cannot be read, or lacks times or groups.
        """
        read, _ = read_as_before(table, self.order.kept_as_text, self.spelled)
        return self.order.arranged(read)

    def recordings(
        self,
        table: polars.DataFrame,
        targets: bool = True,
        rows: Optional[Sequence[Rows]] = None,
    ) -> list[Recording]:
        """The series in a table, in the order in which they begin.

        Args:
            table: as :meth:`read` gives it.
            targets: whether to read the targets too; without, they are all missing.
            rows: of each series, if :meth:`Order.rows` has found them already.

        Raises:
            DataError: a column is missing, holds something else than before, or the times do
                not rise.
        """
        for column in (*self.features, *(self.targets if targets else ())):
            if column in self.features and column in self.targets and column not in table.columns:
                raise DataError(
                    "there is no such column, and forecasts are made from its past", column
                )
            check_column(table, column)
        fed, wanted = self._inputs(table), self._targets(table, targets)
        found = self.order.rows(table) if rows is None else rows
        return [self._recording(each, fed, wanted) for each in found]

    def _recording(self, rows: Rows, fed: FloatArray, wanted: npt.NDArray[Any]) -> Recording:
        inputs = fed[rows.numbers]
        if self.calendar:
            assert rows.times is not None
            inputs = np.concatenate([inputs, calendar_inputs(rows.times, self.calendar)], axis=1)
        targets = wanted[rows.numbers]
        if self.label_per_group:
            targets = self._at_the_end(targets, rows.group)
        return Recording(
            Series(inputs, targets, self.order.elapsed_time(rows)),
            rows.numbers,
            rows.group,
            rows.times,
        )

    def series(self, table: polars.DataFrame, targets: bool = True) -> Series:
        """The one recording in a table, as :meth:`recordings`.

        Raises:
            DataError: also where there are several.
        """
        found = self.recordings(table, targets)
        if len(found) > 1:
            raise DataError(f"holds {len(found)} series", "table")
        return found[0].series

    def write_times(self, times: polars.Series, like: str = "") -> polars.Series:
        """Times as text, spelled as in the table trained on.

        Args:
            like: the text of another time, whose distance from UTC these are written with.
        """
        return written(times, self.order.time_format, like)

    def _inputs(self, table: polars.DataFrame) -> FloatArray:
        fed = []
        for name in self.features:
            words = self.categories.get(name)
            fed += [numbers(table[name])] if words is None else _indicators(table[name], words)
        return np.stack(fed, axis=1) if fed else np.empty((table.height, 0))

    def _targets(self, table: polars.DataFrame, wanted: bool) -> npt.NDArray[Any]:
        if self.classes is not None:
            if not wanted:
                return np.full(table.height, -1)
            return class_indices(table[self.targets[0]], self.classes)
        if not wanted:
            return np.full((table.height, len(self.targets)), np.nan)
        return np.stack([numbers(table[column]) for column in self.targets], axis=1)

    def _at_the_end(self, targets: npt.NDArray[Any], group: Optional[str]) -> npt.NDArray[Any]:
        """The one target of a recording at its last row, nothing at the others."""
        known = targets >= 0 if self.classes is not None else ~np.isnan(targets)
        ends = np.full_like(targets, -1 if self.classes is not None else np.nan)
        # One column of classes, or O of values.
        columns = zip(*(each.reshape(len(targets), -1).T for each in (targets, known, ends)))
        for name, (values, is_known, end) in zip(self.targets, columns):
            values = values[is_known]
            if (values != values[:1]).any():
                raise DataError(
                    f"{self.group} {group} has several values; without label_per_group each row "
                    "has its own",
                    name,
                )
            end[-1:] = values[:1] if len(values) else end[-1:]
        return ends

    def to_dict(self) -> dict[str, Any]:
        """Plain data that :meth:`from_dict` reads back."""
        return {
            "features": list(self.features),
            "targets": list(self.targets),
            **self.order.to_dict(),
            "classes": None if self.classes is None else list(self.classes),
            "categories": {name: list(words) for name, words in self.categories.items()},
            "calendar": list(self.calendar),
            "label_per_group": self.label_per_group,
            **({"missing": list(self.spelled.missing)} if self.spelled.missing else {}),
            **({"decimal": self.spelled.decimal} if self.spelled.decimal else {}),
        }

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> Columns:
        """The columns described by plain data; what is absent has its default.

        Raises:
            DataError: it is no such description.
        """
        _check_description(description)
        classes = description["classes"]
        return cls(
            tuple(description["features"]),
            tuple(description["targets"]),
            Order.from_dict(description),
            None if classes is None else tuple(classes),
            {name: tuple(w) for name, w in description.get("categories", {}).items()},
            tuple(description.get("calendar", ())),
            description.get("label_per_group", False),
            Spelled(tuple(description.get("missing", ())), description.get("decimal")),
        )


def plain(column: polars.Series) -> polars.Series:
    """Labels as text, integers or flags."""
    kind = polars.String if column.dtype in WORDS else polars.Int64
    return column.cast(kind) if column.dtype in WORDS or column.dtype.is_float() else column


def class_indices(column: polars.Series, classes: Sequence[Label]) -> npt.NDArray[np.int64]:
    """(T,) the number of each row's label, -1 where it is missing.

    Raises:
        DataError: a label is none of the classes.
    """
    found = _indices(column, classes)
    strange = (found < 0) & column.is_not_null().to_numpy()
    if strange.any():
        row = row_number(strange)
        known = ", ".join(str(label) for label in classes)
        raise DataError(f"row {row} is {column[row - 1]!r}, the classes are {known}", column.name)
    return found


def _indices(column: polars.Series, labels: Sequence[Label]) -> npt.NDArray[np.int64]:
    """(T,) the number of each row's label, -1 where it is missing or unknown."""
    if column.null_count() == len(column):
        return np.full(len(column), -1)
    wanted = polars.Series(list(labels))
    if wanted.dtype == polars.String:
        column = column.cast(polars.String)
    elif column.dtype.is_numeric() and wanted.dtype.is_integer():
        column, wanted = column.cast(polars.Float64), wanted.cast(polars.Float64)
    elif column.dtype != wanted.dtype:
        return np.full(len(column), -1)
    numbered = polars.Series(range(len(labels)), dtype=polars.Int64)
    found: npt.NDArray[np.int64] = column.replace_strict(
        wanted, numbered, default=-1, return_dtype=polars.Int64
    ).to_numpy()
    return found


def _indicators(column: polars.Series, words: Sequence[Label]) -> list[FloatArray]:
    """One (T,) of 1 and 0 for each word, NaN where the cell is missing."""
    found = _indices(column, words)
    missing = column.is_null().to_numpy()
    return [np.where(missing, np.nan, found == i) for i in range(len(words))]


def _check_description(description: Mapping[str, Any]) -> None:
    needed = {"features", "targets", "classes"}
    known = {*Columns((), ()).to_dict(), "missing", "decimal"}
    if not isinstance(description, Mapping) or not needed <= set(description) <= known:
        raise DataError(f"expected a map of {', '.join(sorted(known))}", "columns")
    _check_names("targets", description["targets"])
    _check_names("features", description["features"], empty=bool(description.get("calendar")))
    if description["classes"] is not None:
        _check_names("classes", description["classes"], (str, int))
    _check_names("missing", description.get("missing", []), empty=True)
    if description.get("decimal") not in (None, ".", ","):
        raise DataError("expected '.' or ','", "decimal")
    categories = description.get("categories", {})
    if not isinstance(categories, Mapping) or not set(categories) <= set(description["features"]):
        raise DataError("expected a map of features to words", "categories")
    for words in categories.values():
        _check_names("categories", words, (str, int))
    calendar = description.get("calendar", [])
    if not isinstance(calendar, (list, tuple)) or not all(
        isinstance(each, str) and each in CYCLES for each in calendar
    ):
        raise DataError(f"expected some of {', '.join(CYCLES)}", "calendar")
    if calendar and not description.get("dates"):
        raise DataError("needs dates", "calendar")
    if not isinstance(description.get("label_per_group", False), bool):
        raise DataError("expected true or false", "label_per_group")


def _check_names(
    name: str, value: object, kinds: tuple[type, ...] = (str,), empty: bool = False
) -> None:
    if not (
        isinstance(value, (list, tuple))
        and (value or empty)
        and all(isinstance(each, kinds) for each in value)
        and len(set(value)) == len(value)
    ):
        raise DataError("expected a list of distinct names", name)
