"""Histories and metrics: plain data, against their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liquid_neural_networks.errors import (
    DataError,
    DomainError,
    ShapeError,
)
from liquid_neural_networks.training import (
    History,
    class_metrics,
    value_metrics,
)


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), max_size=8), st.booleans())
def test_a_history_survives_plain_data(losses: list[tuple[float, float]], valid: bool) -> None:
    history = History()
    for train_loss, valid_loss in losses:
        history.add(train_loss, valid_loss if valid else None)
    assert History.from_dict(history.to_dict()) == history
    if losses and valid:
        best = [each for _, each in losses]
        assert history.best_epoch == 1 + best.index(min(best))


@pytest.mark.parametrize(
    "change",
    [
        {"train_loss": [1]},
        {"train_loss": None},
        {"valid_loss": [1.0, 2.0]},
        {"valid_loss": [float("nan")]},
        {"best_epoch": 2},
        {"best_epoch": True},
        {"more": 0},
    ],
)
def test_a_history_from_strangers_is_checked(change: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        History.from_dict({"train_loss": [1.0], "valid_loss": [], "best_epoch": 1, **change})


def test_value_metrics_against_their_definitions() -> None:
    rng = np.random.RandomState(0)
    targets = rng.normal(size=(30, 2))
    predictions = targets + rng.normal(size=(30, 2)) * 0.3
    found = value_metrics(predictions, targets)
    assert found["mse"] == pytest.approx(np.mean((predictions - targets) ** 2))
    assert found["mae"] == pytest.approx(np.mean(np.abs(predictions - targets)))
    rest = np.sum((targets - targets.mean(axis=0)) ** 2)
    assert found["r2"] == pytest.approx(1 - np.sum((predictions - targets) ** 2) / rest)

    gaps = np.concatenate([targets, np.full((5, 2), np.nan)])
    padded = np.concatenate([predictions, np.zeros((5, 2))])
    assert value_metrics(padded, gaps) == pytest.approx(found)
    assert value_metrics(np.zeros((3, 1)), np.ones((3, 1)))["r2"] is None


def test_r2_is_about_each_outputs_own_mean() -> None:
    targets = np.array([[0.0, 100.0], [1.0, 102.0], [2.0, 104.0]])
    means = np.broadcast_to([1.0, 102.0], targets.shape)
    assert value_metrics(means, targets)["r2"] == pytest.approx(0.0)
    # Errors of 1, 0, 1 and 0, 0, 0 about variations of 2 and 8.
    predictions = np.array([[1.0, 100.0], [1.0, 102.0], [1.0, 104.0]])
    assert value_metrics(predictions, targets)["r2"] == pytest.approx(1 - 2 / 10)


def test_class_metrics_by_hand() -> None:
    targets = np.array([0, 0, 0, 1, 1, -1])
    predictions = np.array([0, 0, 1, 1, 0, 2])
    found = class_metrics(predictions, targets, 4)
    assert found["confusion"] == [[2, 1, 0, 0], [1, 1, 0, 0], [0] * 4, [0] * 4]
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["f1"] == [pytest.approx(2 / 3), pytest.approx(1 / 2), None, None]
    assert found["macro_f1"] == pytest.approx(7 / 12)
    assert found["count"] == 5


def test_metrics_refuse_what_cannot_be_measured() -> None:
    with pytest.raises(ShapeError, match="predictions"):
        value_metrics(np.zeros((3, 1)), np.zeros(3))
    with pytest.raises(DataError, match="targets"):
        value_metrics(np.zeros((3, 1)), np.full((3, 1), np.nan))
    with pytest.raises(DataError, match="targets"):
        class_metrics(np.zeros(3), np.full(3, -1), 2)


@pytest.mark.parametrize("wrong", ["predictions", "targets"])
def test_a_class_beyond_the_classes_is_refused(wrong: str) -> None:
    given = {"predictions": np.array([0, 1, 2]), "targets": np.array([0, 1, 2])}
    given[wrong] = np.array([0, 1, 3])
    with pytest.raises(DomainError, match=wrong):
        class_metrics(**given, classes=3)
