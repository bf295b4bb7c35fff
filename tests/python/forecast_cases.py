"""Forecasters of every start, for what runs them outside Python."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars

from liquid_neural_networks.training import Forecaster, fit_table

ROWS = 24 * 12
TARGETS = ["load", "price"]


def table(kind: str) -> polars.DataFrame:
    """Hours: whole ones, or ones that come when they come, with values missing."""
    rng = np.random.default_rng(0)
    hours = (
        np.arange(ROWS) if kind == "even" else np.cumsum(rng.choice([0.73, 1.01, 1.19, 3.2], ROWS))
    )
    clock = [datetime(2024, 1, 1) + timedelta(seconds=round(3600 * hour)) for hour in hours]
    load = 40 + 9 * np.sin(hours * np.pi / 12) + rng.normal(size=ROWS)
    price, wind = 0.1 * load**2 + rng.normal(size=ROWS), rng.normal(size=ROWS)
    columns = {"load": load, "price": price, "wind": wind}
    if kind != "even":
        for values in columns.values():
            values[rng.random(ROWS) < 0.1] = np.nan
        load[:3], price[:5] = np.nan, np.nan
    return polars.DataFrame({"at": clock, **columns}).with_columns(
        polars.exclude("at").fill_nan(None)
    )


KINDS: dict[str, dict[str, Any]] = {
    "linear": {"baseline": "linear"},
    "linear, three ahead": {"baseline": "linear", "horizon": 3},
    "linear, two targets": {"target": TARGETS, "baseline": "linear"},
    "linear of what is not the target": {
        "features": ["price", "wind"], "baseline": "linear", "horizon": 0,
    },
    "yesterday": {"baseline": "last_day", "horizon": 2},
    "yesterday, two targets": {"target": TARGETS, "baseline": "last_day"},
    "every step, linear": {"baseline": "linear", "horizon": 4, "path": True},
    "every step, yesterday": {"baseline": "last_day", "horizon": 26, "path": True},
    "every step, latest": {"baseline": "latest", "horizon": 3, "path": True},
    "every step, nothing": {"baseline": "none", "horizon": 2, "path": True, "target": TARGETS},
    "quantiles": {"baseline": "none", "quantiles": [0.1, 0.5, 0.9]},
    "quantiles of every step": {
        "baseline": "linear", "horizon": 2, "path": True, "quantiles": [0.2, 0.7],
        "target": TARGETS,
    },
    "quantiles, latest": {"baseline": "latest", "quantiles": [0.5]},
}  # fmt: skip


def fitted(options: dict[str, Any], rows: polars.DataFrame) -> Forecaster:
    own = {"time": "at", "epochs": 1, "window": 16, "test": 0, "hidden_size": 4, **options}
    return fit_table(rows, own.pop("target", "load"), progress=False, **own)


def sequence(forecaster: Forecaster, rows: polars.DataFrame) -> tuple[Any, Any, Any]:
    """Inputs (T, I), times (T,), and what Python forecasts: (T, outputs)."""
    (recording,) = forecaster.columns.recordings(forecaster.columns.read(rows))
    series, found = recording.series, forecaster.run(recording.series).values
    return series.inputs, series.elapsed_time, found.reshape(len(found), -1)


def name(kind: str) -> str:
    return "".join(each if each.isalnum() else "_" for each in kind)
