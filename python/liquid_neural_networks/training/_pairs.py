"""Pairs: what a network is fed at each row of a series, and what it is to put out there.

A forecast ahead can be learned as levels or as changes. With changes, the network is fed by how
much each target changed since its latest value, and puts out by how much it will have changed
in ``horizon`` rows. Nothing then leaves the range of the training rows when a trend goes on, and
a network that has learned nothing still repeats the latest value.
"""

from __future__ import annotations

import numpy as np

from ..data import Columns, Series
from ..data._times import FloatArray


def pairs_in(series: Series, columns: Columns, horizon: int, changes: bool) -> Series:
    """The first T - ``horizon`` rows, each with the target ``horizon`` rows later."""
    targets = series.targets[horizon:]
    if changes:
        targets = targets - latest_known(series.targets)[: len(targets)]
    inputs = inputs_in(series, columns, changes)
    return (
        Series(inputs, series.targets, series.elapsed_time)
        .rows(0, len(targets))
        ._replace(targets=targets)
    )


def inputs_in(series: Series, columns: Columns, changes: bool) -> FloatArray:
    """(T, I) what the network is fed, before scaling; NaN where a value is missing."""
    if not changes:
        return series.inputs
    inputs: FloatArray = series.inputs.copy()
    for name in columns.targets:
        index = columns.inputs.index(name)
        level = inputs[:, index : index + 1]
        before = np.concatenate([level[:1], latest_known(level)[:-1]])
        # The first known value has nothing to be compared with: no change.
        inputs[:, index] = (level - np.where(np.isnan(before), level, before))[:, 0]
    return inputs


def latest_known(values: FloatArray) -> FloatArray:
    """(T, O) at each row the newest value known by then; NaN before the first one."""
    rows = np.where(np.isnan(values), -1, np.arange(len(values))[:, None])
    newest = np.maximum.accumulate(rows, axis=0)
    found: FloatArray = np.take_along_axis(values, newest.clip(0), axis=0)
    return found
