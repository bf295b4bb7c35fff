"""What a reader should distrust, as sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Optional

import numpy as np

from ..training import Forecaster, best_baseline
from ._subject import Subject

FAR = 4.0
"""Deviations from the mean of the training rows beyond which an input is unusual."""
FEW = 50
"""Forecasts that a measure should rest on, at least."""


def warnings_of(
    subject: Subject, forecaster: Optional[Forecaster], scores: Optional[Mapping[str, Any]]
) -> list[str]:
    """Sentences, none if nothing was found."""
    found = [*_of_inputs(subject, forecaster is not None)]
    if forecaster is None:
        return [
            *found,
            "The network was not trained on a table by this library: how good it is, is not known.",
        ]
    return [*_of_scores(forecaster, scores), *_of_training(forecaster), *found]


def _of_scores(forecaster: Forecaster, scores: Optional[Mapping[str, Any]]) -> Iterator[str]:
    if scores is None:
        yield "The table knows no outcome, so how good the forecasts are could not be measured."
        return
    measure = forecaster.measure
    name = best_baseline(dict(scores), measure)
    if name is not None:
        own, rival = scores[measure], scores["baselines"][name][measure]
        if not (own < rival if measure in ("mse", "mae") else own > rival):
            yield f"A simple rule, {name}, does as well or better on this table."
    if scores.get("count", FEW) < FEW:
        count = scores["count"]
        yield f"The measures rest on {count} forecast{'s' * (count != 1)} only."
    for level, share in zip(scores.get("levels", ()), scores.get("coverage", ())):
        if abs(level - share) > 0.1:
            yield (
                f"{100 * share:.0f} % of the values lie below the quantile that should have "
                f"{100 * level:g} % below it."
            )
    yield (
        "The measures are of this table: if the network was trained on rows of it, they flatter it."
    )


def _of_training(forecaster: Forecaster) -> Iterator[str]:
    history = forecaster.history
    if history.epochs and history.best_epoch == history.epochs:
        yield "The last epoch of the training was the best: more epochs might have gone further."
    if history.valid_loss and history.best_loss > 2 * history.train_loss[history.best_epoch - 1]:
        yield "On rows it had not seen the loss was more than twice that of the training."
    if forecaster.test is None:
        yield "It was not tested on rows kept back when it was trained."


def _of_inputs(subject: Subject, scaled: bool) -> Iterator[str]:
    fed = subject.inputs
    missing = np.isnan(fed).mean(axis=0)
    for name, share in zip(subject.names, missing):
        if share > 0.2:
            yield f"{100 * share:.0f} % of the values of {name} are missing in the rows shown."
    if scaled:
        known = np.where(np.isnan(fed), 0.0, np.abs(fed))
        for name, far in zip(subject.names, known[-1]):
            if far > FAR:
                yield (
                    f"{name} is {far:.1f} deviations from its mean in the newest row: the network "
                    "has hardly seen such values."
                )
    gaps = subject.elapsed_time
    if len(gaps) > 2 and gaps.max() > 10 * np.median(gaps):
        yield (
            f"The longest gap between rows shown is {gaps.max():.3g} {subject.unit}, more than ten "
            "times the usual one."
        )
