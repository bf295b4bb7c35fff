"""Estimators: the checks of scikit-learn and sktime themselves, and what they do not look at."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from liquid_neural_networks import estimators
from liquid_neural_networks.errors import OptionError, ShapeError

sklearn = pytest.importorskip("sklearn", reason="ESTIMATORS ARE NOT TESTED: no scikit-learn")
from sklearn.base import clone  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

from liquid_neural_networks.estimators import LiquidClassifier, LiquidRegressor  # noqa: E402

QUICK: dict[str, Any] = {"hidden_size": 16, "epochs": 5, "learning_rate": 0.03, "random_state": 0}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks and batches as small as these gain nothing from a second one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


WAVE = np.sin(np.arange(300) / 3)
PAST, NEXT = np.lib.stride_tricks.sliding_window_view(WAVE[:-1], 12), WAVE[12:]


@parametrize_with_checks([LiquidRegressor(**QUICK), LiquidClassifier(**QUICK)])
def test_what_scikit_learn_checks(estimator: Any, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some checks are about warnings of other estimators
        check(estimator)


def sktime_results(name: str) -> dict[str, Any]:
    pytest.importorskip("sktime", reason=f"{name} IS NOT TESTED: no sktime")
    from sktime.utils.estimator_checks import check_estimator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: dict[str, Any] = check_estimator(getattr(estimators, name), verbose=False)
    return found


@pytest.mark.parametrize(("name", "least"), [("LiquidForecaster", 600), ("SeriesClassifier", 150)])
def test_what_sktime_checks(name: str, least: int) -> None:
    """Takes half a minute each: sktime has as many checks, and its rule is all of them."""
    results = sktime_results(name)
    assert len(results) > least
    assert {test: found for test, found in results.items() if found != "PASSED"} == {}


def test_a_forecaster_continues_a_wave() -> None:
    pytest.importorskip("sktime", reason="LiquidForecaster IS NOT TESTED: no sktime")
    import pandas

    series = pandas.Series(WAVE, index=pandas.period_range("2000-01", periods=300, freq="M"))
    series.iloc[50] = np.nan
    model = estimators.LiquidForecaster(random_state=0)
    found = model.fit(series[:250], fh=[1, 6]).predict()
    assert list(found.index) == [series.index[250], series.index[255]]
    np.testing.assert_allclose(found, series.iloc[[250, 255]], atol=0.2)
    # New samples move the forecast on, without training.
    model.update(series[250:270], update_params=False)
    np.testing.assert_allclose(model.predict(), series.iloc[[270, 275]], atol=0.2)


def test_grid_search_over_a_pipeline_chooses_sizes() -> None:
    model = make_pipeline(StandardScaler(), LiquidRegressor(12, epochs=5, random_state=0))
    grid = {"liquidregressor__hidden_size": [2, 12]}
    search = GridSearchCV(model, grid, cv=2).fit(PAST, NEXT)
    assert search.best_params_ == {"liquidregressor__hidden_size": 12}
    assert search.best_score_ > 0.9


def test_rows_of_a_table_and_arrays_of_series_are_the_same() -> None:
    table = LiquidRegressor(12, epochs=2, random_state=0).fit(PAST, NEXT)
    series = LiquidRegressor(epochs=2, random_state=0).fit(PAST[..., None], NEXT)
    assert table.series_shape_ == series.series_shape_ == (12, 1)
    np.testing.assert_array_equal(table.predict(PAST), series.predict(PAST[..., None]))


def test_missing_values_are_not_seen() -> None:
    holes = PAST.copy()
    holes[:, 3] = np.nan
    model = LiquidRegressor(12, epochs=2, random_state=0).fit(holes, NEXT)
    filled = np.where(np.isnan(holes), 1e6, holes)
    assert np.isfinite(model.predict(holes)).all()
    assert not np.allclose(model.predict(filled), model.predict(holes))


def test_a_clone_learns_the_same() -> None:
    model = LiquidClassifier(12, epochs=2, dynamics="closed_form", random_state=3)
    labels = np.where(NEXT > 0, "up", "down")
    first = model.fit(PAST, labels).predict_proba(PAST)
    np.testing.assert_array_equal(clone(model).fit(PAST, labels).predict_proba(PAST), first)
    assert model.set_params(random_state=4).fit(PAST, labels).score(PAST, labels) > 0.5
    assert (model.predict_proba(PAST) != first).any()


def test_wrong_shapes_and_options_are_named() -> None:
    with pytest.raises(ShapeError, match="a multiple of 5 columns"):
        LiquidRegressor(5).fit(PAST, NEXT)
    model = LiquidRegressor(epochs=1).fit(PAST[..., None], NEXT)
    with pytest.raises(ValueError, match="features"):
        model.predict(PAST[:, :6, None])
    with pytest.raises(OptionError, match="it is called 'conductance'"):
        LiquidRegressor(12, dynamics="ltc").fit(PAST, NEXT)


def test_without_the_library_one_line_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['sktime'] = sys.modules['sklearn'] = None\n"
        "from liquid_neural_networks import errors, estimators\n"
        "for name in estimators.__all__:\n"
        "    try: getattr(estimators, name)\n"
        "    except errors.MissingDependencyError as error: print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    extras = ["scikit-learn", "sktime", "scikit-learn", "sktime"]
    said = [line.rpartition("[")[2].rstrip("]'") for line in run.stdout.splitlines()]
    assert said == extras, run.stderr
