"""Forecasts as a table: which series, for when, made when, and what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars

from ..data import Columns, Recording
from ..errors import DataError
from ._run import Array

if TYPE_CHECKING:
    from ._forecaster import Forecaster
    from ._state import Continued

MADE_AT = "made_at"


class _Part(NamedTuple):
    """Forecasts of one series.

    Attributes:
        table: one row for each step ahead at each chosen row.
        order: for each of those, the row of the whole table it was made at.
    """

    table: polars.DataFrame
    order: Array


def forecast_table(
    forecaster: Forecaster, continued: Continued, values: Sequence[Array], latest: bool
) -> polars.DataFrame:
    """See :meth:`Forecaster.predict`.

    Args:
        values: of each series, what is predicted at its new rows.

    Raises:
        DataError: two columns would have the same name.
    """
    check_names(forecaster)
    newest = latest or forecaster.columns.label_per_group
    parts = []
    for recording, first, count, own in zip(
        continued.recordings, continued.firsts, continued.counts(), values
    ):
        chosen = np.arange(first, len(recording.series.inputs))[-1 if newest else 0 :]
        if len(chosen):
            made = own[chosen - first]
            parts.append(_part(forecaster, continued.rows, recording, chosen, count, made))
    order = np.argsort(np.concatenate([each.order for each in parts]), kind="stable")
    return polars.concat([each.table for each in parts])[order]


def check_names(forecaster: Forecaster) -> None:
    """Checks that no two columns of forecasts would have the same name.

    Raises:
        DataError: two have.
    """
    columns = forecaster.columns
    names = [] if columns.group is None else [columns.group]
    names += [_time_name(columns), *([MADE_AT] if max(forecaster.aim.steps) else [])]
    names += value_names(forecaster)
    for name in names:
        if names.count(name) > 1:
            raise DataError(
                "two columns of the forecasts would have this name; rename it in the table", name
            )


def _time_name(columns: Columns) -> str:
    if not columns.time:
        return "row"
    return columns.time[0] if len(columns.time) == 1 else "time"


def value_names(forecaster: Forecaster) -> list[str]:
    """Of what is predicted for one row ahead, in the order of the outputs."""
    columns, quantiles = forecaster.columns, forecaster.quantiles
    if columns.classes is not None:
        labels = [f"probability_{label}" for label in columns.classes]
        return [f"predicted_{columns.targets[0]}", "probability", *labels]
    if quantiles is None:
        return [f"predicted_{target}" for target in columns.targets]
    return [name for target in columns.targets for name in quantiles.names(target)]


def _part(
    forecaster: Forecaster,
    rows: polars.DataFrame,
    recording: Recording,
    chosen: Array,
    count: int,
    values: Array,
) -> _Part:
    """The forecasts made at the chosen rows of a series.

    Args:
        count: rows of the series before its first one here.
    """
    columns, steps = forecaster.columns, np.array(forecaster.aim.steps)
    made = np.repeat(chosen, len(steps))
    due = (chosen[:, None] + steps).reshape(-1)
    found: dict[str, polars.Series] = {}
    if columns.group is not None:
        found[columns.group] = rows[columns.group][recording.rows[made]]
    found.update(_times(columns, rows, recording, made, due, count))
    found.update(_values(forecaster, values.reshape(len(made), *values.shape[2:])))
    return _Part(polars.DataFrame(found), recording.rows[made])


def _times(
    columns: Columns,
    rows: polars.DataFrame,
    recording: Recording,
    made: Array,
    due: Array,
    count: int,
) -> dict[str, polars.Series]:
    """When forecasts are for, and when they were made if that is another time."""
    if not columns.time:
        moments = polars.Series(np.arange(count, count + due.max() + 1) + 1)
    else:
        moments = _moments(columns, rows, recording, int(due.max()) + 1)
    found = {_time_name(columns): moments[due]}
    return found if (made == due).all() else {**found, MADE_AT: moments[made]}


def _moments(
    columns: Columns, rows: polars.DataFrame, recording: Recording, count: int
) -> polars.Series:
    """The first times of a series, as the table writes them; beyond its end, steps like its own
    go on."""
    times = recording.times
    assert times is not None
    beyond = _beyond(times, max(count - len(times), 0), columns)
    if len(columns.time) > 1:
        return columns.write_times(polars.concat([times, beyond]))
    own = rows[columns.time[0]][recording.rows]
    if own.dtype == polars.String:
        beyond = columns.write_times(beyond, like=own[-1])
    elif own.dtype.is_numeric() and beyond.dtype.is_temporal():  # 20240131, seconds since 1970
        beyond = columns.write_times(beyond)
    moments: polars.Series = polars.concat([own, beyond.cast(own.dtype)])
    return moments


def _beyond(times: polars.Series, count: int, columns: Columns) -> polars.Series:
    """So many times after the last one, at the usual step."""
    ahead = polars.Series(np.arange(1, count + 1), dtype=polars.Int64)
    last = times[-1:]
    if not columns.dates:
        later: polars.Series = last.cast(polars.Float64).item() + ahead * columns.time_unit
        return later
    months = _months(columns.time_unit)
    if months:
        each = [last.dt.offset_by(f"{months * number}mo") for number in ahead]
        return polars.concat(each) if each else times[:0]
    exact = polars.Datetime("us") if times.dtype == polars.Date else times.dtype
    step = round(columns.time_unit * _PER_SECOND[getattr(exact, "time_unit", "us")])
    moved: polars.Series = last.cast(exact).to_physical().item() + ahead * step
    instants: polars.Series = moved.cast(exact).cast(times.dtype)
    return instants


_PER_SECOND = {"ns": 10**9, "us": 10**6, "ms": 10**3}


def _months(seconds: float) -> int:
    """How many months of the calendar a step is, or 0 if it is none."""
    days = seconds / 86_400
    return next((each for each in (1, 2, 3, 4, 6, 12) if 30 <= days / each <= 31), 0)


def _values(forecaster: Forecaster, values: Array) -> dict[str, polars.Series]:
    """(R, ...) forecasts as columns."""
    classes = forecaster.columns.classes
    # Of each row all targets in turn, of each target its quantiles.
    found = list(map(polars.Series, values.reshape(len(values), -1).T))
    if classes is not None:
        labels = polars.Series([classes[index] for index in values.argmax(axis=1)])
        found = [labels, polars.Series(values.max(axis=1)), *found]
    return dict(zip(value_names(forecaster), found))
