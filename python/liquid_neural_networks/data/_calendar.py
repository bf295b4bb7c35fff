"""Where a time stands in the day, the week and the year, as sine and cosine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np
import polars

from ..errors import OptionError
from ._times import FloatArray, steps, ticks, ticks_per_second

_DAY = 86400.0


class Cycle(NamedTuple):
    """What repeats itself.

    Attributes:
        name: of the place in it.
        period: in seconds.
        enough: cycles that a recording must span for them to be learned from it.
        finest: fraction of the period that steps must stay below to be distinguished.
        place: the fraction of it that has passed, in words.
    """

    name: str
    period: float
    enough: float
    finest: float
    place: str


CYCLES = {
    "hour": Cycle("hour of day", _DAY, 7, 1 / 2, "(hours since midnight) / 24"),
    "weekday": Cycle("day of week", 7 * _DAY, 4, 1 / 3.5, "(days since Monday, 0:00) / 7"),
    "yearday": Cycle(
        "day of year", 365.2425 * _DAY, 2, 1 / 6, "(days since 1 January, 0:00) / 365.2425"
    ),
}
"""Cycles by the name of the option."""


def check_calendar(calendar: Optional[Sequence[str]]) -> None:
    """Raises OptionError unless all are names of cycles, or None."""
    for name in calendar or ():
        if name not in CYCLES:
            raise OptionError(f"expected some of {', '.join(CYCLES)}; got {name!r}", "calendar")


def cycles_within(times: Sequence[polars.Series]) -> tuple[str, ...]:
    """The cycles that recordings span often enough, in steps that are fine enough."""
    dated = [each for each in times if len(each) > 1]
    if not dated:
        return ()
    unit = ticks_per_second(dated[0])
    span = max((ticks(each)[-1] - ticks(each)[0]) / unit for each in dated)
    step = float(np.median(np.concatenate([steps(each) for each in dated])))
    return tuple(
        name
        for name, cycle in CYCLES.items()
        if span >= cycle.enough * cycle.period and step <= cycle.finest * cycle.period
    )


def calendar_names(calendar: Sequence[str]) -> tuple[str, ...]:
    """The names of the inputs, two for each cycle."""
    return tuple(f"{CYCLES[each].name}, {part}" for each in calendar for part in ("sine", "cosine"))


def calendar_notes(calendar: Sequence[str]) -> tuple[str, ...]:
    """What follows each of these names for those who have to compute the inputs."""
    return tuple(f" of 2 pi {CYCLES[each].place}" for each in calendar for _ in range(2))


def calendar_inputs(times: polars.Series, calendar: Sequence[str]) -> FloatArray:
    """(T, 2 * cycles) sine and cosine of the place in each cycle, by the clock on the wall."""
    if times.dtype == polars.Date:
        times = times.cast(polars.Datetime("us"))
    if getattr(times.dtype, "time_zone", None) is not None:
        times = times.dt.replace_time_zone(None)
    hours = times.dt.hour().cast(polars.Float64) + times.dt.minute() / 60 + times.dt.second() / 3600
    places = {
        "hour": hours / 24,
        "weekday": (times.dt.weekday() - 1 + hours / 24) / 7,
        "yearday": (times.dt.ordinal_day() - 1 + hours / 24) / 365.2425,
    }
    columns = []
    for name in calendar:
        angle = 2 * np.pi * places[name].to_numpy()
        columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, axis=1) if columns else np.empty((len(times), 0))
