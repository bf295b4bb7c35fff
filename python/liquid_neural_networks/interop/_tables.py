"""Tables, and forecasters trained on them, by handle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional, Union

import polars

from .. import data, training
from ..errors import ShapeError
from ..training import Forecaster
from ._arrays import array_description, copied
from ._calls import Plain, guarded, held, hold
from ._epochs import Watch, started
from ._network import introduced

PlainColumns = Sequence[Mapping[str, Any]]
"""Each ``{"name", "kind", "values"}``: a description of numbers, or a list of text and flags.

Of kind ``"numbers"``; ``"dates"``, ``"times"`` without and ``"instants"`` with a time zone, all
three in microseconds since 1970; or ``"plain"``. NaN is a missing number or time."""

PlainTable = Union[str, PlainColumns]
"""The path of a table, or its columns."""

_TIMES = {
    "dates": polars.Date(),
    "times": polars.Datetime("us"),
    "instants": polars.Datetime("us", "UTC"),
}


@guarded
def read_table(path: str) -> list[Plain]:
    """The columns of the table in a file, see :func:`data.read_table`."""
    return _columns(data.read_table(path))


@guarded
def fit_table(table: PlainTable, targets: Any, options: Mapping[str, Any], stop: int) -> int:
    """Starts to train a network on a table, see :func:`training.fit_table`.

    Args:
        options: of :func:`training.fit_table`.
        stop: as for :func:`train`.

    Returns:
        The handle for :func:`next_epoch`, whose result is the forecaster, with its history.
    """
    watch, rows = Watch(stop), _table(table)

    def run() -> Callable[[], Plain]:
        forecaster = training.fit_table(
            rows,
            targets,
            **options,
            progress=False,
            callback=watch.epoch,
            interrupted=watch.interrupted,
        )
        forecaster.network.eval()
        return lambda: {**_introduced(forecaster), "history": watch.course(forecaster.history)}

    return started(watch, run)


@guarded
def load_forecaster(path: str) -> Plain:
    """The forecaster in a ``.lnn`` file."""
    return _introduced(Forecaster.load(path))


def _introduced(forecaster: Forecaster) -> Plain:
    """Handles of a forecaster and of its network, and what there is to know of it."""
    return {
        "handle": hold(forecaster),
        "network": introduced(forecaster.network),
        "columns": forecaster.columns.to_dict(),
        "horizon": forecaster.horizon,
        "path": forecaster.aim.path,
        "baseline": forecaster.aim.baseline,
        "history": forecaster.history.to_dict(),
        "test": forecaster.test,
    }


@guarded
def forecast(
    handle: int, table: PlainTable, latest: bool = False, state: Optional[str] = None
) -> list[Plain]:
    """What a forecaster predicts at each row of a table, as columns."""
    return _columns(held(handle, Forecaster).predict(_table(table), latest=latest, state=state))


@guarded
def evaluate_forecaster(handle: int, table: PlainTable) -> Plain:
    """How well a forecaster predicts a table whose targets are known."""
    return dict(held(handle, Forecaster).evaluate(_table(table)))


@guarded
def save_forecaster(handle: int, path: str) -> None:
    """Writes a ``.lnn`` file, atomically."""
    held(handle, Forecaster).save(path)


def _table(table: PlainTable) -> Any:
    if isinstance(table, str):
        return table
    columns = [_series(**column) for column in table]
    for column in columns:
        if len(column) != len(columns[0]):
            expected = f"{len(columns[0])} rows like {columns[0].name}"
            raise ShapeError(f"expected {expected}, got {len(column)}", column.name)
    return polars.DataFrame(columns)


def _series(name: str, kind: str, values: Any) -> polars.Series:
    if kind == "plain":
        return polars.Series(name, values)
    numbers: polars.Series = polars.Series(name, copied(values))
    if numbers.dtype.is_float():
        numbers = numbers.fill_nan(None)
    if kind == "numbers":
        return numbers
    times: polars.Series = numbers.cast(polars.Int64).cast(polars.Datetime("us")).cast(_TIMES[kind])
    return times


def _columns(table: polars.DataFrame) -> list[Plain]:
    return [{"name": column.name, **_described(column)} for column in table]


def _described(column: polars.Series) -> Plain:
    if column.dtype.is_numeric():
        return _handed("numbers", column)
    if column.dtype == polars.Date:
        return _handed("dates", _microseconds(column))
    if column.dtype == polars.Datetime:
        zone = getattr(column.dtype, "time_zone", None)
        return _handed("times" if zone is None else "instants", _microseconds(column))
    flags = column.dtype == polars.Boolean
    return {"kind": "plain", "values": (column if flags else column.cast(polars.String)).to_list()}


def _microseconds(times: polars.Series) -> polars.Series:
    """Since 1970 began."""
    if times.dtype == polars.Date:
        times = times.cast(polars.Datetime("us"))
    return times.dt.timestamp("us")


def _handed(kind: str, numbers: polars.Series) -> Plain:
    return {"kind": kind, "values": array_description(numbers.cast(polars.Float64).to_numpy())}
