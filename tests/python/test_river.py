"""The estimators of river: its own checks, and what their pages promise."""

from __future__ import annotations

import copy
import pickle
from typing import Any, Callable

import numpy as np
import pytest

pytest.importorskip(
    "river", reason="THE ESTIMATORS OF RIVER ARE NOT TESTED: pip install -e '.[river]'"
)

from river import checks, time_series

from liquid_neural_networks.errors import DomainError, DtypeError, OptionError, ShapeError
from liquid_neural_networks.estimators import (
    LiquidOnlineClassifier,
    LiquidOnlineForecaster,
    LiquidOnlineRegressor,
)

Made = Any
CHECKS = [
    pytest.param(model, check, id=f"{type(model).__name__}-{check.__name__}")
    for model in (LiquidOnlineRegressor(), LiquidOnlineClassifier(), LiquidOnlineForecaster())
    for check in checks.yield_checks(model)
]


@pytest.mark.parametrize(("model", "check"), CHECKS)
def test_passes_the_checks_of_river(model: Made, check: Callable[[Made], None]) -> None:
    check(model.clone())


def stream(count: int, seed: int = 0) -> list[tuple[dict[str, float], float]]:
    source = np.random.default_rng(seed)
    rows = source.normal(size=(count, 2)).tolist()
    return [({"a": a, "b": b}, 20 + 3 * a - b) for a, b in rows]


def test_predictions_move_nothing() -> None:
    asked, quiet = LiquidOnlineRegressor(), LiquidOnlineRegressor()
    for number, (x, y) in enumerate(stream(120)):
        given = dict(x)
        first = asked.predict_one(x)
        asked.predict_one({"a": 9.0})
        assert asked.predict_one(x) == first
        assert x == given
        if number % 2:
            assert quiet.predict_one(x) == first
        asked.learn_one(x, y)
        quiet.learn_one(x, y)


def test_it_learns_beyond_the_mean() -> None:
    model, errors = LiquidOnlineRegressor(), []
    for x, y in stream(600):
        errors.append(abs(model.predict_one(x) - y))
        model.learn_one(x, y)
    assert np.mean(errors[-200:]) < 0.2 * np.mean([abs(y - 20) for _, y in stream(600)])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_go_on_the_same_and_apart(copied: Callable[[Made], Made]) -> None:
    model = LiquidOnlineRegressor()
    rows = stream(100)
    for x, y in rows[:70]:
        model.learn_one(x, y)
    model.predict_one(rows[70][0])
    other = copied(model)
    wanted = []
    for x, y in rows[70:]:
        wanted.append(model.predict_one(x))
        model.learn_one(x, y)
    for (x, y), value in zip(rows[70:], wanted):
        assert other.predict_one(x) == value
        other.learn_one(x, y)


def test_features_appear_and_vanish() -> None:
    model = LiquidOnlineRegressor()
    for number, (x, y) in enumerate(stream(60)):
        model.learn_one({**x, f"extra {number // 5}": 1.0} if number > 20 else {"a": x["a"]}, y)
        assert np.isfinite(model.predict_one({"never seen": 1.0}))
    with pytest.raises(DtypeError, match="a: expected a number, got 'x'"):
        model.predict_one({"a": "x"})


def test_labels_appear() -> None:
    model, right = LiquidOnlineClassifier(), []
    for number in range(900):
        label = "abc"[number % 3] if number > 100 else "ab"[number % 2]
        x = {"a": float(label == "a"), "b": float(label == "b")}
        right.append(model.predict_one(x) == label)
        model.learn_one(x, label)
    assert np.mean(right[-200:]) > 0.9
    assert sum(model.predict_proba_one({"a": 1.0}).values()) == pytest.approx(1.0)


def test_features_and_labels_may_be_missing_from_the_first_on() -> None:
    sparse, full = LiquidOnlineRegressor(), LiquidOnlineRegressor()
    for model, nothing in ((sparse, {}), (full, {"a": None, "b": float("nan")})):
        model.learn_one(nothing, 1.0)
        for x, y in stream(20):
            model.learn_one({**x, "b": None}, y)
    assert sparse.predict_one({"a": 1.0}) == full.predict_one({"a": 1.0, "b": None})

    classifier = LiquidOnlineClassifier()
    for number in range(60):
        said = (None, float("nan"), "odd" if number % 2 else "even")[min(number % 5, 2)]
        classifier.learn_one({} if number == 0 else {"a": number % 2}, said)
    assert set(classifier.predict_proba_one({"a": 1})) == {"odd", "even"}
    before = pickle.dumps(classifier)
    with pytest.raises(DtypeError, match="y"):
        classifier.learn_one({"a": 1.0, "new": 2.0}, ["odd"])  # type: ignore[arg-type]
    assert pickle.dumps(classifier) == before


def test_forecasts_reach_ahead_and_move_nothing() -> None:
    model = LiquidOnlineForecaster(lags=6)
    assert model.forecast(2) == [0.0, 0.0]
    for number in range(300):
        model.learn_one(10 + np.sin(number * np.pi / 3), {"step": number % 6})
    found = model.forecast(12, [{"step": number % 6} for number in range(300, 312)])
    assert model.forecast(12, [{"step": number % 6} for number in range(300, 312)]) == found
    np.testing.assert_allclose(found, 10 + np.sin(np.arange(300, 312) * np.pi / 3), atol=0.1)
    with pytest.raises(ShapeError, match="xs: expected 3"):
        model.forecast(3, [{}])


def test_forecasts_beat_the_last_value_on_airline_passengers() -> None:
    from river import datasets, metrics

    model, last = LiquidOnlineForecaster(), 0.0
    error, naive = metrics.MAE(), metrics.MAE()
    for _, y in datasets.AirlinePassengers():
        error.update(y, model.forecast(1)[0])
        naive.update(y, last)
        model.learn_one(y)
        last = y
    assert error.get() < 0.6 * naive.get()
    assert isinstance(model, time_series.base.Forecaster)


def test_a_forecaster_follows_what_grows_with_its_seasons() -> None:
    rng = np.random.default_rng(7)
    season, error, naive = rng.normal(size=6), [], []
    model, last = LiquidOnlineForecaster(lags=6), 0.0
    for number in range(400):
        value = float(np.exp(0.01 * number + 0.2 * season[number % 6] + 0.02 * rng.normal()))
        error.append(abs(model.forecast(1)[0] - value) / value)
        naive.append(abs(last - value) / value)
        model.learn_one(value)
        last = value
    assert np.mean(error[100:]) < 0.35 * np.mean(naive[100:])


def test_what_is_refused_leaves_no_trace() -> None:
    regressor, classifier = LiquidOnlineRegressor(), LiquidOnlineClassifier()
    forecaster = LiquidOnlineForecaster(lags=2)
    for number in range(30):
        x = {"a": number % 3, "b": float("nan") if number % 5 == 0 else 1.0}
        regressor.learn_one(x, number % 3)
        classifier.learn_one(x, "odd" if number % 2 else "even")
        forecaster.learn_one(number % 3, x)
    hostile: list[dict[str, Any]] = [{"a": np.inf}, {"a": "q", "z": 1.0}]
    refused: list[tuple[Any, tuple[Any, Any]]] = [
        *((regressor, (x, 1.0)) for x in hostile),
        *((regressor, ({"a": 1.0, "new": 2.0}, y)) for y in (np.inf, "nope")),
        *((classifier, (x, "new")) for x in hostile),
        *((forecaster, (1.0, x)) for x in hostile),
        *((forecaster, (y, {"a": 1.0})) for y in (np.inf, "nope")),
    ]
    for model, arguments in refused:
        before = pickle.dumps(model)
        with pytest.raises((DomainError, DtypeError)):
            model.learn_one(*arguments)
        assert pickle.dumps(model) == before
    wrong = LiquidOnlineForecaster(method="foo")
    for _ in range(2):
        with pytest.raises(OptionError, match="method"):
            wrong.learn_one(1.0)
    for lags in (-1, 2.5):
        with pytest.raises((DomainError, DtypeError), match="lags"):
            LiquidOnlineForecaster(lags=lags)  # type: ignore[arg-type]
    for horizon in (-1, 2.5):
        with pytest.raises((DomainError, DtypeError), match="horizon"):
            forecaster.forecast(horizon)  # type: ignore[arg-type]


def test_a_covariance_beyond_memory_is_refused() -> None:
    with pytest.raises(DomainError, match="11,584; 'gradient'") as refused:
        LiquidOnlineForecaster(lags=2**16).learn_one(1.0)
    assert refused.value.argument == "skip"


def test_a_huge_feature_is_an_outlier_not_the_end() -> None:
    model = LiquidOnlineClassifier()
    for number in range(200):
        model.learn_one({"a": number % 2}, "odd" if number % 2 else "even")
    model.learn_one({"a": 1e200}, "odd")
    for number in range(50):
        model.learn_one({"a": number % 2}, "odd" if number % 2 else "even")
    assert model.predict_proba_one({"a": 1})["odd"] > 0.9
    assert model.predict_proba_one({"a": 0})["even"] > 0.9
