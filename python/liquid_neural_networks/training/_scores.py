"""How good a forecaster is on some series, beside the baselines that they allow."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from .._forecasting import Past
from ..data import Columns, Series
from ..data._text import plural
from ..errors import DataError
from ._aim import ahead
from ._metrics import Array, Metrics, class_metrics, value_metrics

if TYPE_CHECKING:
    from ._forecaster import Forecaster

LOWER_IS_BETTER = ("mse", "mae")


def scores(forecaster: Forecaster, recordings: Sequence[Series], starts: Sequence[int]) -> Metrics:
    """See :meth:`Forecaster.evaluate_recordings`."""
    parts = [_rows(forecaster, each, start) for each, start in zip(recordings, starts)]
    if not any(map(len, parts)):
        rows = sum(len(each.inputs) - start for each, start in zip(recordings, starts))
        further = plural(forecaster.horizon, "row")
        raise DataError(f"has {plural(rows, 'row')} to predict, {further} ahead", "table")
    pasts = [forecaster.aim.past(each) for each in recordings]
    truth = np.concatenate([_truth(forecaster, *each) for each in zip(recordings, pasts, parts)])
    made = np.concatenate(
        [forecaster.run(each).values[rows] for each, rows in zip(recordings, parts) if len(rows)]
    )
    measured = _class_scores if forecaster.columns.classes is not None else _value_scores
    found = measured(forecaster, made, truth)
    return {**found, "baselines": _baseline_scores(forecaster, pasts, parts, truth)}


def can_measure(
    forecaster: Forecaster, recordings: Sequence[Series], starts: Sequence[int]
) -> bool:
    """See :meth:`Forecaster.can_measure`."""
    for each, start in zip(recordings, starts):
        rows = _rows(forecaster, each, start)
        truth = _truth(forecaster, each, forecaster.aim.past(each), rows)
        if (~np.isnan(truth) if forecaster.columns.classes is None else truth >= 0).any():
            return True
    return False


def best_baseline(found: Metrics, measure: str) -> Optional[str]:
    """The baseline that is best by a metric; None if none could be measured."""
    known = {name: each[measure] for name, each in found["baselines"].items()}
    sign = 1 if measure in LOWER_IS_BETTER else -1
    return min(known, key=lambda name: sign * known[name], default=None)


def verdict(found: Metrics, measure: str) -> str:
    """One line that says whether a network is worth more than the best baseline.

    Args:
        found: as :meth:`Forecaster.evaluate` returns it.
        measure: the metric to go by, a key of it.

    Example:
        >>> from liquid_neural_networks.training import verdict
        >>> verdict({"mse": 3.0, "baselines": {"latest": {"mse": 2.0}}}, "mse")
        'no better than latest: mse 3 against 2'
        >>> verdict({"mse": 1.5, "baselines": {"latest": {"mse": 2.0}}}, "mse")
        'better than the best baseline, latest: mse 1.5 against 2'
    """
    name = best_baseline(found, measure)
    if name is None:
        return "there is no baseline to compare it with"
    own, rival = found[measure], found["baselines"][name][measure]
    better = own < rival if measure in LOWER_IS_BETTER else own > rival
    said = f"better than the best baseline, {name}" if better else f"no better than {name}"
    return f"{said}: {measure} {own:.4g} against {rival:.4g}"


def check_plain(found: Any) -> Optional[Metrics]:
    """Metrics out of a file from a stranger: names and numbers, nothing else.

    Raises:
        DataError: there is something else.
    """
    if not (found is None or (isinstance(found, dict) and _is_plain(found))):
        raise DataError("expected names and numbers", "test")
    return found


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(name.isidentifier() for name in value) and all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or (isinstance(value, (int, float)) and abs(value) < inf)


def _rows(forecaster: Forecaster, series: Series, start: int) -> Array:
    """The rows at which nothing but targets from row ``start`` on is predicted."""
    first = max(start - forecaster.aim.steps[0], 0)
    return np.arange(first, max(len(series.inputs) - forecaster.horizon, first))


def _truth(forecaster: Forecaster, series: Series, past: Past, rows: Array) -> Array:
    """(R, S, O) what comes true after these rows, or (R,) classes, as far as it can be
    measured."""
    aim = forecaster.aim
    if aim.columns.classes is not None:
        classes: Array = series.targets[rows + aim.horizon]
        return classes
    truth = ahead(series.targets, aim.steps)[rows]
    # Where no value was known yet, there is neither a baseline nor anything to start from.
    return np.where(np.isnan(past.targets[rows])[:, None], np.nan, truth)


def _class_scores(forecaster: Forecaster, made: Array, truth: Array) -> Metrics:
    return class_metrics(made[:, 0].argmax(axis=1), truth, forecaster.columns.outputs)


def _value_scores(forecaster: Forecaster, made: Array, truth: Array) -> Metrics:
    quantiles = forecaster.quantiles
    if quantiles is None:
        return {**value_metrics(made, truth), **_by_step(forecaster, made, truth)}
    middle = made[..., quantiles.middle]
    known = ~np.isnan(truth)
    levels = np.array(quantiles.levels)
    errors = truth[known][:, None] - made[known]
    return {
        **value_metrics(middle, truth),
        **_by_step(forecaster, middle, truth),
        "levels": list(quantiles.levels),
        "coverage": (errors < 0).mean(axis=0).tolist(),
        "pinball": float(np.maximum(levels * errors, (levels - 1) * errors).mean()),
    }


def _by_step(forecaster: Forecaster, made: Array, truth: Array) -> Metrics:
    if not forecaster.aim.path:
        return {}
    squares = np.square(made - truth).swapaxes(0, 1)
    known = [each[~np.isnan(each)] for each in squares]
    return {"mse_by_step": [float(each.mean()) if len(each) else None for each in known]}


def _baseline_scores(
    forecaster: Forecaster, pasts: Sequence[Past], parts: Sequence[Array], truth: Array
) -> dict[str, Metrics]:
    """Baseline -> what counts of its metrics."""
    aim = forecaster.aim
    kept = LOWER_IS_BETTER if aim.columns.classes is None else ("accuracy", "macro_f1")
    found = {}
    for name in aim.baselines.names(aim.columns):
        made = [aim.baselines.forecast(name, *each) for each in zip(pasts, parts) if len(each[1])]
        metrics = _metrics(aim.columns, np.concatenate(made), truth)
        found[name] = {metric: metrics[metric] for metric in kept}
    return found


def _metrics(columns: Columns, made: Array, truth: Array) -> Metrics:
    """Of (R, S, O) values, or of scores of classes, NaN where nothing is known of a class."""
    if columns.classes is None:
        return value_metrics(made, truth)
    return class_metrics(np.nan_to_num(made[:, 0]).argmax(axis=1), truth, columns.outputs)
