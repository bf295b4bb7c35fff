"""Baselines: simple forecasts, checked against what they say they are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars
import pytest

from liquid_neural_networks._forecasting import BASELINES, Baselines, Linear, Past, latest_known
from liquid_neural_networks.data import Columns, Order, Series
from liquid_neural_networks.errors import DataError
from liquid_neural_networks.training import best_baseline, fit_table, verdict
from liquid_neural_networks.training._aim import best_baseline as best_start

HOUR = 3600.0


def columns(unit: float = HOUR, dates: bool = True) -> Columns:
    order = Order(time=("time",), time_unit=unit, dates=dates)
    return Columns(("x",), ("x",), order)


def series(values: Any, elapsed: Any = None) -> Series:
    values = np.asarray(values, dtype=np.float64).reshape(len(values), -1)
    gaps = np.ones(len(values)) if elapsed is None else np.asarray(elapsed)
    return Series(values, values, gaps)


def fitted(values: Any, steps: tuple[int, ...] = (1,), unit: float = HOUR, **more: Any) -> Any:
    """The baselines of a series of which all but the last fifth is learned from."""
    whole = series(values, more.pop("elapsed", None))
    cut = len(values) * 4 // 5
    parts = [slice(0, cut - max(steps))], [slice(cut, len(values) - max(steps))]
    described = columns(unit, **more)
    return whole, described, Baselines.fit(described, steps, 8, [whole], *parts)


@pytest.mark.parametrize("step", [1, 5, 24, 25, 30, 48, 49])
def test_the_same_time_on_an_earlier_day_is_known_when_it_is_used(step: int) -> None:
    values = np.random.RandomState(0).randn(24 * 10)
    whole, described, found = fitted(values, (step,))
    assert "last_day" in found.names(described)
    past, rows = Past.of(whole, whole.targets), np.arange(24 * 10)
    made = found.forecast("last_day", past, rows)[:, 0, 0]
    days = -(-step // 24)  # as few whole days as lead to what is known
    for row in rows:
        known = row + step - 24 * days
        assert known <= row
        assert made[row] == (values[known] if known >= 0 else values[row])


def test_a_season_goes_by_the_clock_where_rows_are_missing() -> None:
    hours = np.delete(np.arange(24 * 12), [30, 31, 32, 100, 101, 200])
    values = np.random.RandomState(0).randn(len(hours))
    elapsed = np.diff(hours, prepend=-1).astype(float)
    whole, _, found = fitted(values, (3,), elapsed=elapsed)
    rows = np.arange(len(hours))
    made = found.forecast("last_day", Past.of(whole, whole.targets), rows)[:, 0, 0]
    for row in rows:
        before = np.flatnonzero(hours <= hours[row] + 3 - 24)
        assert made[row] == values[before[-1] if len(before) else row]


@pytest.mark.parametrize(
    ("unit", "rows", "dates", "seasons"),
    [
        (HOUR, 24 * 5, True, {"last_day"}),
        (HOUR, 24 * 30, True, {"last_day", "last_week"}),
        (24 * HOUR, 1200, True, {"last_week", "last_year"}),
        (24 * HOUR, 500, True, {"last_week"}),
        (7 * 24 * HOUR, 400, True, {"last_year"}),
        (31 * 24 * HOUR, 60, True, {"last_year"}),
        (HOUR, 24 * 30, False, set()),
    ],
)
def test_seasons_are_those_that_the_training_rows_span_twice(
    unit: float, rows: int, dates: bool, seasons: set[str]
) -> None:
    _, described, found = fitted(np.arange(rows) % 7.0, unit=unit, dates=dates)
    assert set(found.seasons) == seasons
    assert set(found.names(described)) == {"latest", "linear", *seasons}


def test_the_linear_forecast_is_exact_where_the_next_value_is_linear_in_the_lags() -> None:
    wave = 20 + np.sin(np.arange(300) * 0.7) + 0.5 * np.cos(np.arange(300) * 0.31)
    whole, _, found = fitted(wave, (1, 4), dates=False)
    past = Past.of(whole, whole.targets)
    made = found.forecast("linear", past, np.arange(260, 290))[:, :, 0]
    np.testing.assert_allclose(made[:, 0], wave[261:291], atol=1e-3)
    np.testing.assert_allclose(made[:, 1], wave[264:294], atol=3e-3)


def test_the_linear_forecast_is_least_squares() -> None:
    rng = np.random.RandomState(0)
    values = np.cumsum(rng.randn(400))
    whole, _, found = fitted(values, dates=False)
    lags, cut = 8, 320
    rows = np.arange(lags, cut - 1)
    seen = [values[rows]] + [values[rows - lag] - values[rows] for lag in range(1, lags + 1)]
    matrix = np.stack([*seen, np.ones(len(rows))], axis=1)
    weights, *_ = np.linalg.lstsq(matrix, values[rows + 1] - values[rows], rcond=None)
    expected = values[rows] + matrix @ weights
    made = found.forecast("linear", Past.of(whole, whole.targets), rows)[:, 0, 0]
    # It also learned from the first rows, and may hold its weights down.
    error, least = (np.mean((each - values[rows + 1]) ** 2) for each in (made, expected))
    assert least <= error < 1.05 * least


@pytest.mark.parametrize(
    "change",
    [{"lagged": [1]}, {"lagged": [-1]}, {"anchors": [1]}, {"before": -1}, {"before": 10**9},
     {"periods": [0.0]}, {"mean": [[np.nan]]}, {"steps": [1, 2]}],
    ids=str,
)  # fmt: skip
def test_a_linear_forecast_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    """Its columns are those of the features, here one."""
    _, _, found = fitted(np.arange(300) % 7.0, dates=False)
    described = found.linear.to_dict()
    assert Linear.from_dict(described, 1, 1).to_dict() == described
    with pytest.raises(DataError, match="linear"):
        Linear.from_dict({**described, **change}, 1, 1)


@pytest.mark.parametrize("name", ["latest", "last_day", "linear"])
def test_nothing_of_one_series_is_in_the_forecasts_of_another(name: str) -> None:
    rng = np.random.RandomState(1)
    one, two = rng.randn(24 * 8), rng.randn(24 * 8) + 100
    described = columns()
    parts = [slice(0, 150)] * 2, [slice(150, 180)] * 2
    found = Baselines.fit(described, (2,), 8, [series(one), series(two)], *parts)
    rows = np.arange(24 * 8)
    alone = found.forecast(name, Past.of(series(two), series(two).targets), rows)
    assert alone.min() > 80
    again = Baselines.from_dict(found.to_dict(), described)
    past = Past.of(series(two), series(two).targets)
    np.testing.assert_array_equal(again.forecast(name, past, rows), alone)


def test_a_network_starts_from_what_is_best_on_the_validation_rows() -> None:
    rng = np.random.RandomState(0)
    daily = np.tile(rng.randn(24) * 10, 20) + rng.randn(480) * 0.01
    whole, described, found = fitted(daily, (6,))
    valid = [slice(384, 474)]
    assert best_start(described, found, [whole], valid) != "latest"
    walk = np.cumsum(rng.choice([-1.0, 1.0], 480))
    whole, described, found = fitted(walk, (6,))
    losses = {}
    for name in found.starts(described):
        made = found.forecast(name, Past.of(whole, whole.targets), np.arange(384, 474))
        losses[name] = np.mean((made[:, 0, 0] - walk[390:480]) ** 2)
    assert best_start(described, found, [whole], valid) == min(losses, key=losses.__getitem__)


def test_every_baseline_is_measured_as_it_is_defined() -> None:
    start = datetime(2020, 1, 1)
    hours = [start + timedelta(hours=hour) for hour in range(24 * 20)]
    rng = np.random.RandomState(0)
    load = np.sin(np.arange(480) * np.pi / 12) * 5 + rng.randn(480)
    table = polars.DataFrame({"hour": hours, "load": load})
    found = fit_table(
        table, "load", time="hour", horizon=3, epochs=1, hidden_size=4, progress=False
    )
    assert found.test is not None
    assert list(found.test["baselines"]) == ["latest", "last_day", "linear"]
    first = 480 - round(480 * 0.15)
    truth = load[first:]
    for name, back in (("latest", 3), ("last_day", 24)):
        made = load[first - back : 480 - back]
        measured = found.test["baselines"][name]
        assert measured["mse"] == pytest.approx(np.mean((made - truth) ** 2))
        assert measured["mae"] == pytest.approx(np.mean(np.abs(made - truth)))


def test_the_commonest_class_is_that_of_the_training_rows() -> None:
    rng = np.random.RandomState(0)
    states = np.array([*["up"] * 150, *["down"] * 90])
    states[:150:5] = "down"
    table = polars.DataFrame({"x": rng.randn(240), "state": states})
    found = fit_table(table, "state", epochs=1, hidden_size=4, window=16, progress=False)
    assert found.test is not None
    assert found.test["baselines"]["commonest"]["accuracy"] == 0.0  # the test part is all down


def test_the_verdict_names_the_best_baseline() -> None:
    values = {"mse": 2.0, "baselines": {"latest": {"mse": 3.0}, "linear": {"mse": 1.0}}}
    assert best_baseline(values, "mse") == "linear"
    assert verdict(values, "mse") == "no better than linear: mse 2 against 1"
    assert verdict({**values, "mse": 1.0}, "mse").startswith("no better")
    assert verdict({**values, "mse": 0.9}, "mse").startswith("better than the best baseline")
    classes = {"accuracy": 0.9, "baselines": {"commonest": {"accuracy": 0.7}}}
    assert verdict(classes, "accuracy").startswith("better")
    assert verdict({**classes, "accuracy": 0.7}, "accuracy") == (
        "no better than commonest: accuracy 0.7 against 0.7"
    )
    assert "no baseline" in verdict({"mse": 1.0, "baselines": {}}, "mse")


def test_the_newest_known_value_is_carried_on() -> None:
    values = np.array([[np.nan], [1.0], [np.nan], [3.0], [np.nan]])
    np.testing.assert_array_equal(latest_known(values).ravel(), [np.nan, 1, 1, 3, 3])


def test_every_baseline_has_a_name() -> None:
    assert set(BASELINES) == {
        *("latest", "last_day", "last_week", "last_year", "linear", "mean", "commonest")
    }
