"""The record, what is forecast from what, and which forecasts train, validate and test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .._extras import require
from ..data import Series, Windows, windows

SOURCE = "statsmodels.datasets.co2: weekly CO2 at Mauna Loa, Keeling and Whorf, 1958 to 2001"
HORIZON = 13 * 7  # days
VALID_FROM, TEST_FROM = np.datetime64("1990-01-01"), np.datetime64("1995-01-01")

WINDOW, STRIDE = 52, 4  # samples
WARM_UP = 8  # samples at the start of a training window whose forecasts do not count

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
DateArray = npt.NDArray[np.datetime64]


INPUTS = ("above the past year", "season (sine)", "season (cosine)")


class Record(NamedTuple):
    """Measurements in the order of time.

    Attributes:
        dates: (T,) days.
        ppm: (T,) CO2 in parts per million.
    """

    dates: DateArray
    ppm: FloatArray

    def at(self, dates: DateArray) -> FloatArray:
        """The values measured on these days, NaN where there are none."""
        index = np.searchsorted(self.dates, dates).clip(max=len(self.dates) - 1)
        return np.where(self.dates[index] == dates, self.ppm[index], np.nan)


@dataclass(frozen=True)
class Task:
    """The record as sequences: at every sample, forecast the rise over the next 13 weeks.

    Attributes:
        record: what was measured.
        inputs: (T, 3): how far the value lies above the mean of the past year, in units of
            4 ppm, and the sine and cosine of the season.
        elapsed_time: (T,) weeks since the previous sample.
        rise: (T,) ppm from now to 13 weeks from now, NaN where that was not measured.
        train, valid, test: (T,) which forecasts belong to which part.
    """

    record: Record
    inputs: FloatArray
    elapsed_time: FloatArray
    rise: FloatArray
    train: BoolArray
    valid: BoolArray
    test: BoolArray

    @property
    def scale(self) -> float:
        """Standard deviation of ``rise`` over ``train``, the unit networks forecast in."""
        return float(self.rise[self.train].std())

    def train_windows(self) -> Windows:
        """The training years in windows of a year that overlap."""
        last = int(np.flatnonzero(self.train)[-1])
        return _windows(self._series(self.train).rows(0, last + 1), WINDOW, WARM_UP)

    def valid_windows(self) -> Windows:
        """One window: the validation years, and a year before them to warm up."""
        chosen = np.flatnonzero(self.valid)
        stretch = self._series(self.valid).rows(chosen[0] - WINDOW, chosen[-1] + 1)
        return _windows(stretch, len(stretch.inputs), WINDOW)

    def _series(self, part: BoolArray) -> Series:
        """Targets are known only in the given part, and in units of :attr:`scale`."""
        targets = np.where(part, self.rise / self.scale, np.nan)
        return Series(self.inputs, targets[:, None], self.elapsed_time)


def _windows(series: Series, length: int, warm_up: int) -> Windows:
    cut = windows(series, length, STRIDE, horizon=0)
    cut.targets[:, :warm_up] = np.nan
    return cut


def load_record() -> Record:
    """The Mauna Loa record, without the weeks that were not measured.

    Raises:
        MissingDependencyError: statsmodels, which brings the record, is not installed.
    """
    table = require("statsmodels.datasets", "demo").co2.load_pandas().data["co2"].dropna()
    return Record(table.index.to_numpy().astype("datetime64[D]"), table.to_numpy(dtype=float))


def make_task(record: Record) -> Task:
    """Inputs from the past alone, targets from 13 weeks later, parts by time."""
    dates, ppm = record
    days = (dates - np.datetime64("1958-01-01")).astype(float)
    year_ago = np.searchsorted(dates, dates - 365, side="right")
    sums = np.concatenate([[0.0], np.cumsum(ppm)])
    now = np.arange(1, len(ppm) + 1)
    past_year = (sums[now] - sums[year_ago]) / (now - year_ago)
    season = 2 * np.pi * days / 365.25
    rise = record.at(dates + HORIZON) - ppm
    known, due = ~np.isnan(rise), dates + HORIZON
    return Task(
        record,
        inputs=np.stack([(ppm - past_year) / 4, np.sin(season), np.cos(season)], axis=1),
        elapsed_time=np.diff(days, prepend=days[0] - 7) / 7,
        rise=rise,
        train=known & (due < VALID_FROM),
        valid=known & (dates >= VALID_FROM) & (due < TEST_FROM),
        test=known & (due >= TEST_FROM),
    )


def baselines(task: Task) -> dict[str, FloatArray]:
    """Name -> (T,) ppm forecast for 13 weeks from now, by rules without parameters."""
    record = task.record
    year_before = record.at(record.dates + HORIZON - 364)
    growth = record.ppm - record.at(record.dates - 364)
    return {
        "persistence": record.ppm,
        "same week last year": year_before,
        "same week last year + growth": year_before + growth,
    }
