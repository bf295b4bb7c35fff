"""Streams of events, each one value of one feature at one time, as samples for a network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Optional, Union

import numpy as np
import polars
import torch
from torch import Tensor

from .._checks import check_positive
from ..errors import DataError, DtypeError
from ._tables import is_number, numbers
from ._times import FloatArray, steps, ticks, ticks_per_second

Events = Union[polars.DataFrame, Iterable[tuple[Any, str, float]]]
"""Triples (timestamp, feature, value), or a table of three such columns."""


class EventSamples(NamedTuple):
    """One sequence for a network: ``network(s.inputs, elapsed_time=s.elapsed_time, mask=s.mask)``.

    Attributes:
        inputs: (T, I), zeros where nothing was measured.
        mask: (T, I) of bool, True where something was.
        elapsed_time: (T,) time before each sample.
        features: the I names, in the order of the inputs.
    """

    inputs: Tensor
    mask: Tensor
    elapsed_time: Tensor
    features: tuple[str, ...]


def event_samples(
    events: Events,
    features: Optional[Sequence[str]] = None,
    *,
    resolution: Optional[float] = None,
    time_unit: float = 1.0,
    first_elapsed: float = 1.0,
) -> EventSamples:
    """Gathers events into one sample for each time at which anything happened.

    Args:
        events: (timestamp, feature, value) triples in any order, or a table with three columns
            in that order. Timestamps are numbers, or dates; values finite numbers. If a feature
            has several values at one time, the last one given counts.
        features: the names that make the inputs, in this order; other events are left out.
            Give it, so that every stream has the same inputs. Default: all, sorted.
        resolution: merges events into samples this far apart: timestamps are rounded down to
            its multiples. In seconds for dates, counted from 1970, else in the timestamps' unit.
            Default: only events at the same time share a sample.
        time_unit: how much time is one unit of elapsed time, as for ``resolution``.
        first_elapsed: elapsed time before the first sample, in that unit.

    Raises:
        DtypeError: the events are neither triples nor a table of three columns.
        DataError: there are none, a timestamp is missing, or a value is no finite number.
        DomainError: ``resolution``, ``time_unit`` or ``first_elapsed`` is not positive.

    Example:
        >>> from liquid_neural_networks.data import event_samples
        >>> samples = event_samples(
        ...     [(0.0, "pulse", 72.0), (0.0, "temperature", 36.9), (2.5, "pulse", 75.0)]
        ... )
        >>> samples.inputs.tolist(), samples.elapsed_time.tolist()
        ([[72.0, 36.900001525878906], [75.0, 0.0]], [1.0, 2.5])
    """
    for name, given in (("time_unit", time_unit), ("first_elapsed", first_elapsed)):
        check_positive(name, given)
    table = _table(events)
    names = tuple(features) if features is not None else tuple(sorted(table["feature"].unique()))
    if not names or len(set(names)) < len(names):
        raise DataError(f"expected distinct names, got {list(names)}", "features")
    table = table.filter(polars.col("feature").is_in(names))
    if table.height == 0:
        raise DataError(f"none is of {', '.join(names)}", "events")
    if resolution is not None:
        check_positive("resolution", resolution)
        table = _rounded(table, resolution)
    wide = table.pivot("feature", index="time", values="value", aggregate_function="last")
    wide = wide.sort("time")
    missing = np.full(wide.height, np.nan)
    columns = [wide[n].to_numpy() if n in wide.columns else missing for n in names]
    values: FloatArray = np.stack(columns, axis=1).astype(np.float64)
    seen = ~np.isnan(values)
    elapsed = np.concatenate([[first_elapsed], steps(wide["time"]) / time_unit])
    return EventSamples(
        torch.from_numpy(np.where(seen, values, 0.0)).float(),
        torch.from_numpy(seen),
        torch.from_numpy(elapsed).float(),
        names,
    )


def _table(events: Events) -> polars.DataFrame:
    """Columns time, feature and value, checked."""
    if isinstance(events, polars.DataFrame):
        table = events
    else:
        try:
            times, features, values = zip(*((t, f, v) for t, f, v in events))
            table = polars.DataFrame(
                {
                    "time": _alike(times),
                    "feature": features,
                    "value": [float(value) for value in values],
                }
            )
        except (TypeError, ValueError, polars.exceptions.PolarsError):
            raise DtypeError("expected (timestamp, feature, value) triples", "events") from None
    if table.width != 3:
        raise DtypeError(f"expected three columns, got {', '.join(table.columns)}", "events")
    table = table.rename(dict(zip(table.columns, ("time", "feature", "value"))))
    if table.height == 0:
        raise DataError("there are none", "events")
    if not (is_number(table["time"]) or table["time"].dtype.is_temporal()):
        raise DataError(f"expected numbers or dates, got {table['time'].dtype}", "timestamps")
    if table["time"].null_count() or (
        table["time"].dtype.is_float() and table["time"].is_nan().any()
    ):
        raise DataError("a timestamp is missing", "timestamps")
    if table["feature"].dtype != polars.String or table["feature"].null_count():
        raise DataError(f"expected names, got {table['feature'].dtype}", "features")
    if np.isnan(numbers(table["value"])).any():
        raise DataError("a value is missing; leave that event out", "value")
    return table


def _alike(times: Sequence[Any]) -> polars.Series:
    """Timestamps of one type, exact: whole numbers and dates as such, else numbers."""
    if all(isinstance(time, np.datetime64) for time in times):
        dates = np.array(times)
        # polars knows no coarser unit than milliseconds.
        exact = np.datetime_data(dates.dtype)[0] in ("ns", "us", "ms")
        return polars.Series(dates if exact else dates.astype("datetime64[us]"))
    plain = [time.item() if isinstance(time, np.generic) else time for time in times]
    if any(isinstance(time, float) for time in plain):
        plain = list(map(float, plain))
    return polars.Series(plain)


def _rounded(table: polars.DataFrame, resolution: float) -> polars.DataFrame:
    """Timestamps down to multiples of the resolution; the order of events is kept within each."""
    table = table.sort("time", maintain_order=True)
    time = table["time"]
    if time.dtype == polars.Date:
        time = time.cast(polars.Datetime("us"))
    since = ticks(time) if time.dtype.is_temporal() else time
    period = resolution * ticks_per_second(time)
    if since.dtype.is_integer() and float(period).is_integer():
        down = (since // int(period)) * int(period)
    else:
        down = (since.cast(polars.Float64) / period).floor() * period
    if time.dtype.is_temporal():
        down = down.round().cast(polars.Int64).cast(time.dtype)
    return table.with_columns(down.alias("time"))
