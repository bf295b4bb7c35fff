"""What a table is taken for, and the windows that a network is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Optional, Protocol, Union

import numpy as np
import polars

from .._checks import check_flag, check_integer
from ..data import Columns, Order, Recording, Series, Table, TableFiles, Windows, cuts
from ..data import windows as cut_windows
from ..data._choice import Names, Wish, check_roles, choose
from ..data._epochs import likely_unit
from ..data._frames import as_polars, dated_index
from ..data._tables import FILE_COLUMN, Spelled, read_as_before
from ..data._targets import listed, target_kind
from ..data._text import plural
from ..data._times import spoken_time
from ..errors import DataError, DomainError, OptionError
from ._aim import MOST_AHEAD


class Preprocessing(Protocol):
    """What turns a series into what a network is fed and puts out."""

    def pairs(self, series: Series) -> Series:
        """The rows that have a target ``horizon`` rows later, each with that target."""


class Prepared(NamedTuple):
    """A table, ready to be trained on.

    Attributes:
        columns: what its columns mean.
        recordings: its series.
        cuts: for each series the first row of the valid part and the first of the test part.
        horizon: rows from a sample to the target predicted at it.
        remarks: what was decided, one line each, for whoever trains on it.
    """

    columns: Columns
    recordings: list[Recording]
    cuts: list[tuple[int, int]]
    horizon: int
    remarks: list[str]

    def parts(
        self, preprocessing: Preprocessing, window: int, stride: Optional[int] = None
    ) -> tuple[Windows, Optional[Windows]]:
        """Windows to train on and to choose the best epoch on; none crosses two series.

        A part of a series that is shorter than a window is one padded window. With one target
        for each series, a window holds a whole series.

        Args:
            stride: rows between the starts of training windows. Default: half a window.
        """
        pairs = [preprocessing.pairs(each.series) for each in self.recordings]
        train, valid = [], []
        for series, (first, second) in zip(pairs, self.cuts):
            train.append(series.rows(0, max(first - self.horizon, 0)))
            valid.append(series.rows(first, max(second - self.horizon, first)))
        if self.columns.label_per_group:
            window = max(len(each.inputs) for each in (*train, *valid))
            stride = window
        stride = max(window // 2, 1) if stride is None else stride
        train_part = _windows(train, window, stride)
        assert train_part is not None
        return train_part, _windows(valid, window, window)


def _windows(parts: Sequence[Series], window: int, stride: int) -> Optional[Windows]:
    """Windows of all parts; None if all are empty."""
    parts = [each for each in parts if len(each.inputs)]
    if not parts:
        return None
    # If all are short, so are the windows: padding would be waste.
    window = min(window, max(len(each.inputs) for each in parts))
    return cut_windows(parts, window, stride, horizon=0, pad=True)


def prepare(
    table: Table,
    targets: Union[str, Sequence[str]],
    *,
    features: Names = None,
    time: Names = None,
    time_format: Optional[str] = None,
    sort: bool = False,
    duplicates: str = "error",
    calendar: Names = None,
    group: Optional[str] = None,
    split: Optional[str] = None,
    label_per_group: bool = False,
    categories: Names = None,
    horizon: Optional[int] = None,
    classes: Optional[bool] = None,
    valid: float = 0.15,
    test: float = 0.15,
    window: int = 32,
    seed: int = 0,
) -> Prepared:
    """Reads a table and decides what to do with it; :func:`fit_table` says what the options mean.

    Raises:
        DataError: the table cannot be read, has no such column, or too few rows.
        DomainError: a fraction leaves nothing to train on, or keeps nothing back.
        OptionError: options contradict each other.
    """
    time = dated_index(table) if time is None else time
    names = () if time is None else listed("time", time)
    rows, spelled, group, remarks = _read(table, names, group)
    split = _split(split, group, check_flag("label_per_group", label_per_group))
    wish = Wish(
        targets=listed("targets", targets),
        features=None if features is None else listed("features", features),
        categories=() if categories is None else listed("categories", categories),
        calendar=_calendar(calendar),
        classes=classes,
        label_per_group=label_per_group,
    )
    order = Order.of(
        rows, names, time_format=time_format, group=group, sort=sort, duplicates=duplicates
    )
    check_roles(wish, order)
    arranged = order.arranged(rows)
    if arranged.height < rows.height:
        remarks.append(f"{rows.height - arranged.height:,} rows of the same time merged")
    parts = order.rows(arranged)
    kind = target_kind(arranged, wish.targets, classes)
    same_row = kind.classes or label_per_group
    horizon = (0 if same_row else 1) if horizon is None else horizon
    horizon = check_integer("horizon", horizon, 0, MOST_AHEAD)
    if label_per_group and horizon:
        raise OptionError("there is one target for each series, and nothing ahead of it", "horizon")
    cut = cuts([len(each.numbers) for each in parts], valid, test, split, seed)
    training = [each.numbers[:first] for each, (first, _) in zip(parts, cut)]
    _check_length(arranged.height, training, horizon, window, group)
    _check_parts(cut, [len(each.numbers) for each in parts], test)
    choice = choose(arranged, order, parts, training, replace(wish, horizon=horizon))
    columns = replace(choice.columns, spelled=spelled)
    recordings = columns.recordings(arranged, rows=parts)
    remarks += [*choice.remarks, *_about(columns, recordings, horizon, split)]
    return Prepared(columns, recordings, cut, horizon, remarks)


def _read(
    table: Table, time: Sequence[str], group: Optional[str]
) -> tuple[polars.DataFrame, Spelled, Optional[str], list[str]]:
    """The table, its spelling, what tells its series apart, and what is to be said about that.

    Several files without times are a series each: nothing else says that one goes on where
    another ended.
    """
    given = as_polars(table)
    rows, spelled = read_as_before(given, [*time, *(() if group is None else (group,))])
    if isinstance(given, polars.DataFrame):
        return rows, spelled, group, []
    count = len((given if isinstance(given, TableFiles) else TableFiles(given)).names)
    if count < 2 or group is not None:
        return rows, spelled, group, []
    if time:
        said = f"{count} files are one series; --group {FILE_COLUMN} makes each a series"
        return rows, spelled, None, [said]
    return rows, spelled, FILE_COLUMN, [f"{count} files are a series each, for there is no time"]


def _split(split: Optional[str], group: Optional[str], label_per_group: bool) -> str:
    if label_per_group and group is None:
        raise OptionError("needs a column that tells the series apart", "label_per_group")
    if split is None:
        return "group" if label_per_group else "time"
    if split == "group" and group is None:
        raise OptionError("'group' needs a column that tells the series apart", "split")
    if split == "time" and label_per_group:
        raise OptionError("one target for each series leaves nothing to split by time", "split")
    return split


def _calendar(calendar: Names) -> Optional[tuple[str, ...]]:
    if calendar is None or not len(calendar):
        return None if calendar is None else ()
    return listed("calendar", calendar)


def _check_parts(cut: Sequence[tuple[int, int]], lengths: Sequence[int], test: float) -> None:
    if test and all(second == length for (_, second), length in zip(cut, lengths)):
        said = f"{test:g} of {plural(max(lengths), 'row')} is none; 0 keeps none back"
        if len(lengths) > 1:
            said += ", and split by group keeps back whole series"
        raise DomainError(said, "test")


def _check_length(
    rows: int,
    training: Sequence[np.ndarray[tuple[int], np.dtype[np.int64]]],
    horizon: int,
    window: int,
    group: Optional[str],
) -> None:
    longest = max(map(len, training))
    if group is None and longest - horizon < window:
        fits = f", or a window of at most {longest - horizon}" if longest > horizon else ""
        raise DataError(
            f"has {plural(rows, 'row')}, of which {longest} are to train on; {horizon} ahead and a "
            f"window of {window} need {horizon + window}: use a longer table{fits}",
            "table",
        )
    if longest - horizon < 1:
        raise DataError(f"no series has {horizon + 1} rows to train on, {horizon} ahead", "table")


def _about(
    columns: Columns, recordings: Sequence[Recording], horizon: int, split: str
) -> list[str]:
    """Series, times and what is predicted when, in words."""
    said = []
    if columns.group is not None:
        lengths = [len(each.rows) for each in recordings]
        parts = "by series" if split == "group" else "each by time"
        said.append(
            f"{len(recordings)} series by {columns.group}, {min(lengths)} to {max(lengths)} rows; "
            f"split {parts}"
        )
    step = ""
    if columns.time:
        unit = columns.time_unit
        ahead = f"{', '.join(columns.time)} + {horizon * unit:g}"
        step = spoken_time(horizon * unit) if columns.dates else ahead
        usual = spoken_time(unit) if columns.dates else f"{unit:g}"
        first = recordings[0].times
        unit_since_1970 = None if columns.dates or first is None else likely_unit(first)
        hint = (
            ""
            if unit_since_1970 is None
            else f"; if these are {unit_since_1970} since 1970, --time-format {unit_since_1970} "
            "makes them dates"
        )
        said.append(f"time {', '.join(columns.time)}: the usual step is {usual}{hint}")
    names = ", ".join(columns.targets)
    if columns.label_per_group:
        said.append(f"predicts {names} at the end of each series")
    elif horizon:
        rows = "1 row" if horizon == 1 else f"{horizon} rows"
        said.append(f"predicts {names} {rows} ahead" + (f": {step}" if step else ""))
    else:
        said.append(f"predicts {names} at the same row")
    return said
