"""``fit_table`` and ``Forecaster``: from a table to predictions in its units."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
import torch
from torch import Tensor

from liquid_neural_networks import fused, model_file
from liquid_neural_networks._forecasting import Baselines, Linear
from liquid_neural_networks.data import Columns, Series
from liquid_neural_networks.errors import (
    DataError,
    DomainError,
    DtypeError,
    LiquidError,
    ModelFileError,
    OptionError,
)
from liquid_neural_networks.training import DivergenceError, Forecaster, _losses, fit_table
from liquid_neural_networks.training._aim import Aim
from liquid_neural_networks.training._losses import squared_error
from training_cases import network, same


def swing(rows: int = 240, trend: float = 0.0) -> polars.DataFrame:
    """A wave at irregular times, another feature with gaps, and what state it is in."""
    rng = np.random.RandomState(0)
    when = np.cumsum(rng.uniform(0.5, 1.5, rows))
    height = np.sin(when / 2)
    other = np.where(rng.rand(rows) < 0.1, np.nan, np.cos(when / 2))
    return polars.DataFrame(
        {
            "when": when,
            "height": height * 3 + 10 + trend * when,
            "other": other,
            "state": np.where(height > 0, "up", "down"),
        }
    )


small = partial(fit_table, hidden_size=8, epochs=25, window=16, progress=False)


def test_a_table_becomes_a_forecaster_that_beats_repeating_the_latest_value(
    tmp_path: Path,
) -> None:
    table = swing()
    forecaster = small(table, "height", time="when")
    assert forecaster.columns.features == ("height", "other")
    assert forecaster.test is not None
    assert forecaster.test["mse"] < 0.5 * forecaster.test["baselines"]["latest"]["mse"]
    assert forecaster.test["count"] == round(240 * 0.15)

    forecaster.save(tmp_path / "height.lnn")
    again = Forecaster.load(tmp_path / "height.lnn")
    assert again.predict(table).equals(forecaster.predict(table))
    assert again.evaluate(table) == forecaster.evaluate(table)
    assert (again.columns, again.history, again.test) == (
        forecaster.columns,
        forecaster.history,
        forecaster.test,
    )


def test_what_is_measured_is_what_is_predicted() -> None:
    table = swing()
    forecaster = small(table, "height", time="when", horizon=3, epochs=2)
    predicted = forecaster.predict(table)
    assert predicted.columns == ["when", "made_at", "predicted_height"] and predicted.height == 240
    height, found = table["height"].to_numpy(), predicted["predicted_height"].to_numpy()
    scores = forecaster.evaluate(table)
    assert scores["mse"] == pytest.approx(np.mean((found[:-3] - height[3:]) ** 2))
    assert scores["baselines"]["latest"]["mse"] == pytest.approx(
        np.mean((height[:-3] - height[3:]) ** 2)
    )
    held = round(240 * 0.15)
    assert forecaster.test is not None
    newest = (found[:-3] - height[3:])[-held:]
    assert forecaster.test["mse"] == pytest.approx(np.mean(newest**2))


@pytest.mark.parametrize("baseline", ["latest", "linear", "none"])
def test_a_prediction_knows_nothing_of_later_rows(baseline: str) -> None:
    table = swing()
    forecaster = small(table, "height", time="when", epochs=2, baseline=baseline)
    whole = forecaster.predict(table)["predicted_height"].to_numpy()
    start = forecaster.predict(table.head(100))["predicted_height"].to_numpy()
    np.testing.assert_allclose(whole[:100], start, rtol=1e-5)


def test_nothing_is_learned_from_rows_kept_for_the_test() -> None:
    table = swing()
    spoiled = polars.concat(
        [table.head(204), table.tail(36).with_columns(polars.col("height", "other") * -5)]
    )
    first, second = (small(each, "height", time="when", epochs=3) for each in (table, spoiled))
    assert same(first.network.state_dict(), second.network.state_dict())
    assert first.inputs == second.inputs and first.history == second.history
    assert first.test != second.test


def test_only_training_rows_set_the_scale() -> None:
    table = swing()
    forecaster = small(table, "height", features=["other"], time="when", epochs=1, horizon=0)
    training = table["other"].head(168).to_numpy()
    assert forecaster.inputs.mean[0] == pytest.approx(np.nanmean(training))
    assert forecaster.inputs.deviation[0] == pytest.approx(np.nanstd(training))


@pytest.mark.parametrize("baseline", ["latest", "linear"])
def test_changes_follow_a_trend_out_of_the_range_of_the_training(
    baseline: str,
) -> None:
    forecaster = small(swing(trend=0.5), "height", time="when", baseline=baseline)
    assert forecaster.test is not None
    assert forecaster.test["mse"] < forecaster.test["baselines"]["latest"]["mse"]


def test_missing_values_of_the_target_are_bridged() -> None:
    table = swing().with_row_index()
    gaps = table.with_columns(
        height=polars.when(polars.col("index") % 7 > 0).then(polars.col("height"))
    ).drop("index")
    forecaster = small(gaps, "height", time="when")
    found = forecaster.predict(gaps)["predicted_height"].to_numpy()
    # Row 0 is missing: nothing is known there yet.
    assert np.isnan(found[0]) and np.isfinite(found[1:]).all()
    assert forecaster.test is not None
    assert forecaster.test["mse"] < forecaster.test["baselines"]["latest"]["mse"]


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("baseline", ["latest", "none"])
def test_targets_that_are_unknown_at_first_are_not_measured(baseline: str, horizon: int) -> None:
    table = swing(60)
    height = table["height"].to_numpy().copy()
    height[:7] = np.nan
    late = table.with_columns(height=height)
    forecaster = small(late, "height", time="when", horizon=horizon, baseline=baseline, epochs=1)
    predicted = forecaster.predict(late)["predicted_height"].to_numpy()
    # The change since the latest value is added to it: there is none before row 7.
    assert (
        np.isnan(predicted[:7]).all() == (baseline == "latest") and np.isfinite(predicted[7:]).all()
    )

    scores, rows = forecaster.evaluate(late), np.arange(7, 60 - horizon)
    assert scores["count"] == len(rows)
    truth = height[rows + horizon]
    assert scores["mse"] == pytest.approx(np.mean((predicted[rows] - truth) ** 2), rel=1e-5)
    latest = scores["baselines"]["latest"]["mse"]
    assert latest == pytest.approx(np.mean((height[rows] - truth) ** 2), rel=1e-5)


def test_the_first_known_value_is_no_change() -> None:
    levels = np.array([[np.nan], [np.nan], [5.0], [7.0], [np.nan], [4.0]])
    series, columns = Series(levels, levels, np.ones(6)), Columns(("x",), ("x",))
    aim = Aim(columns, 1, False, Baselines((1,), {}, (0.0,), None), "latest")
    past = aim.past(series)
    found = aim.fed(series, past, aim.start(past)).ravel()
    np.testing.assert_array_equal(found, [np.nan, np.nan, 0.0, 2.0, np.nan, -3.0])


@pytest.mark.parametrize("reference", [False, True])
def test_nothing_is_dropped_when_predicting(reference: bool, tmp_path: Path) -> None:
    dropping = {"type": "closed_form", "backbone_layers": 2, "backbone_units": 8,
                "backbone_dropout": 0.5}  # fmt: skip
    table = swing(60)
    forecaster = small(table, "height", time="when", epochs=1, dynamics=dropping)
    forecaster.save(tmp_path / "height.lnn")
    expected = Forecaster.load(tmp_path / "height.lnn")
    expected.network.eval()
    forecaster.network.train()
    with fused.disabled() if reference else nullcontext():
        for _ in range(2):
            found = forecaster.predict(table)["predicted_height"].to_numpy()
            wanted = expected.predict(table)["predicted_height"].to_numpy()
            np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert forecaster.network.training


def test_a_test_part_without_targets_is_refused_before_training() -> None:
    height = swing()["height"].to_numpy().copy()
    height[-36:] = np.nan
    unknown = swing().with_columns(height=height)
    fail = partial(pytest.fail, "it was trained")
    with pytest.raises(DataError, match="test: no target is known in the newest 36 rows"):
        small(unknown, "height", callback=fail)
    labels = [*swing()["state"].head(204), *[None] * 36]
    with pytest.raises(DataError, match="test: no target is known"):
        small(swing().with_columns(state=polars.Series(labels)), "state", callback=fail)
    assert small(unknown, "height", valid=0, test=0, epochs=1).test is None


def test_a_training_that_diverges_gives_the_best_forecaster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table, epochs = swing(), []
    expected = small(table, "height", time="when", epochs=2)

    def spoiled(outputs: Tensor, targets: Tensor) -> Tensor:
        return squared_error(outputs, targets) * (1.0 if len(epochs) < 2 else torch.nan)

    monkeypatch.setitem(_losses.LOSSES, "mse", spoiled)
    with pytest.raises(DivergenceError, match="of epoch") as raised:
        small(table, "height", time="when", callback=lambda each: bool(epochs.append(each)))
    found = raised.value.forecaster
    assert found is not None and found.history == expected.history and found.test is None
    assert same(found.network.state_dict(), expected.network.state_dict())
    assert found.predict(table).equals(expected.predict(table))


def test_a_table_of_classes(tmp_path: Path) -> None:
    table = swing()
    forecaster = small(table, "state", time="when", features=["height", "other"])
    assert forecaster.columns.classes == ("down", "up") and forecaster.horizon == 0
    assert forecaster.test is not None
    assert forecaster.test["accuracy"] > max(
        0.8, *(each["accuracy"] for each in forecaster.test["baselines"].values())
    )
    forecaster.save(tmp_path / "state.lnn")
    found = Forecaster.load(tmp_path / "state.lnn").predict(table.drop("state"))
    probabilities = ["probability", "probability_down", "probability_up"]
    assert found.columns == ["when", "predicted_state", *probabilities]
    right = (found["predicted_state"] == table["state"]).mean()
    assert right == pytest.approx(forecaster.evaluate(table)["accuracy"])
    assert found["probability"].min() >= 0.5
    each = found.select("probability_down", "probability_up").to_numpy()
    np.testing.assert_allclose(each.sum(axis=1), 1, rtol=1e-6)
    assert (each.max(axis=1) == found["probability"].to_numpy()).all()


@pytest.mark.parametrize(
    ("wiring", "units", "motor"),
    [
        (None, 8, 0),
        ({"type": "ncp", "inter": 5, "command": 3}, 9, 1),
        ({"type": "auto_ncp"}, 8, 1),
        ({"type": "auto_ncp", "units": 11}, 11, 1),
        ({"type": "random", "sparsity": 0.7}, 8, 0),
    ],
)
def test_sizes_a_wiring_leaves_out_follow_from_the_table(
    wiring: Any, units: int, motor: int
) -> None:
    size = 8 if units == 8 else None
    trained = small(swing(), "height", time="when", wiring=wiring, hidden_size=size, epochs=1)
    built = trained.network.wiring
    assert (built.units, built.motor, built.input_size) == (units, motor, trained.aim.inputs)


def test_a_size_that_contradicts_the_wiring_is_refused() -> None:
    with pytest.raises(OptionError, match="hidden_size"):
        small(swing(), "height", hidden_size=10, wiring={"type": "ncp", "inter": 5, "command": 3})


def test_a_test_part_of_no_rows_is_refused_before_training() -> None:
    with pytest.raises(DomainError, match="test"):
        small(swing(), "height", test=0.0001)


def test_text_in_a_column_of_numbers_is_a_mistake() -> None:
    clean = swing()
    for column in ("height", "when"):
        cells = clean[column].cast(polars.String).to_list()
        spoiled = clean.with_columns(polars.Series(column, [*cells[:7], "err", *cells[8:]]))
        with pytest.raises(DataError, match="row 8 is 'err'") as caught:
            small(spoiled, "height")
        assert caught.value.argument == column


def test_an_empty_column_is_a_column_of_missing_values() -> None:
    table = swing().with_columns(polars.lit(1.0).alias("x"))
    forecaster = small(table, "height", features=["height", "x"], epochs=1)
    for empty in (polars.lit(None), polars.lit(None, dtype=polars.String)):
        found = forecaster.predict(table.with_columns(empty.alias("x")))
        assert found.height == table.height


def test_without_valid_and_test_parts_everything_is_trained_on() -> None:
    forecaster = small(swing(), "height", valid=0, test=0, epochs=2)
    assert forecaster.test is None and forecaster.history.valid_loss == []


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"table": "none.csv"}, DataError, "none.csv: there is no such file"),
        ({"targets": "depth"}, DataError, "depth: there is no such column"),
        ({"window": 500}, DataError, "table: has 240 rows, of which 168"),
        ({"horizon": 170}, DataError, "table: has 240 rows, of which 168"),
        ({"horizon": -1}, DomainError, "horizon: expected an integer from 0"),
        ({"window": 0}, DomainError, "window"),
        ({"stride": 0}, DomainError, "stride"),
        ({"valid": 0.5, "test": 0.5}, DomainError, "valid"),
        ({"targets": "state", "baseline": "latest"}, OptionError, "baseline"),
        ({"horizon": 0, "baseline": "latest"}, OptionError, "baseline"),
        ({"features": ["other"], "baseline": "latest"}, OptionError, "baseline"),
        ({"baseline": "last_day"}, OptionError, "baseline: 'last_day'"),
        ({"baseline": "yesterday"}, OptionError, "baseline: unknown 'yesterday'"),
        ({"horizon": 0, "path": True}, OptionError, "path"),
        ({"targets": "state", "path": True}, OptionError, "path"),
        ({"loss": "rmse"}, OptionError, "loss: unknown 'rmse'"),
        ({"targets": "state", "loss": "mae"}, OptionError, "loss: is of values"),
        ({"targets": "state", "quantiles": [0.5]}, OptionError, "quantiles: is of values"),
        ({"balance": True}, OptionError, "balance: is of classes"),
        ({"loss": "mae", "quantiles": [0.5]}, OptionError, "quantiles: are learned by"),
        ({"quantiles": [0.5, 0.1]}, DomainError, "quantiles: expected rising"),
        ({"quantiles": [0.0, 0.5]}, DomainError, "quantiles"),
        ({"quantiles": 0.5}, DtypeError, "quantiles"),
        ({"seeds": 0}, DomainError, "seeds"),
        ({"time": "state"}, DataError, "state: expected numbers or dates"),
        ({"dynamics": "wet"}, OptionError, "unknown 'wet'"),
        ({"wiring": {"type": "web"}}, OptionError, "unknown 'web'"),
    ],
)
def test_tables_that_cannot_be_trained_on_are_refused(
    options: dict[str, Any], error: type[LiquidError], said: str
) -> None:
    with pytest.raises(error, match=said):
        small(**{"table": swing(), "targets": "height", "time": "when", **options})


def test_a_table_without_the_columns_is_refused_when_predicting() -> None:
    forecaster = small(swing(), "height", time="when", epochs=1)
    with pytest.raises(DataError, match="other: there is no such column"):
        forecaster.predict(swing().drop("other"))
    with pytest.raises(DataError, match="when: there is no such column"):
        forecaster.predict(swing().drop("when"))
    with pytest.raises(DataError, match="table: has 1 row to predict, 1 row ahead"):
        forecaster.evaluate(swing().head(1))


def test_files_of_other_networks_are_no_forecasters(tmp_path: Path) -> None:
    file = tmp_path / "plain.lnn"
    network().save(file)
    with pytest.raises(ModelFileError, match=r"LiquidNetwork\.load"):
        Forecaster.load(file)

    forecaster = small(swing(), "height", epochs=1)
    forecaster.save(file)
    found = model_file.load(file)
    assert found.scaling is not None
    baselines = found.metadata["baselines"]
    linear = baselines["linear"]
    for part, name, value in (
        ("metadata", "horizon", -1),
        ("metadata", "horizon", None),
        ("metadata", "horizon", 2**40),
        ("metadata", "path", "yes"),
        ("metadata", "baseline", "last_day"),
        ("metadata", "baseline", None),
        ("metadata", "baselines", {}),
        ("metadata", "window", 0),
        ("metadata", "loss", "rmse"),
        ("metadata", "quantiles", {"levels": [0.5], "shifts": [[[0.0, 0.0]]]}),
        ("metadata", "test", {"\x1b[31mmse": 1.0}),
        ("metadata", "test", {"mse": "\x1b[31m"}),
        ("metadata", "test", 7),
        ("metadata", "baselines", {**baselines, "seasons": {"last_day": 1e-300}}),
        ("metadata", "baselines", {**baselines, "linear": {**linear, "before": 2**40}}),
        ("metadata", "baselines", {**baselines, "linear": {**linear, "periods": [1e-300]}}),
        ("metadata", "columns", {**found.metadata["columns"], "calendar": [[]]}),
        ("metadata", "columns", {"features": 1}),
        ("metadata", "columns", {**found.metadata["columns"], "features": ["height"]}),
        ("metadata", "columns", {**found.metadata["columns"], "targets": ["depth"]}),
        ("metadata", "columns", {**found.metadata["columns"], "classes": [0, 1]}),
        ("metadata", "history", []),
        ("scaling", "inputs", {"mean": [0.0], "deviation": [1.0]}),
        ("scaling", "inputs", 7),
        ("scaling", "outputs", None),
    ):
        parts = {"scaling": dict(found.scaling), "metadata": dict(found.metadata)}
        parts[part][name] = value
        model_file.save(found._replace(**parts), file)
        with pytest.raises(ModelFileError, match=r"plain\.lnn"):
            pytest.fail(f"{name} = {value} was read: {Forecaster.load(file)}")


def test_lags_of_nothing_are_refused() -> None:
    """No weights would be needed for them, however many a file asks for."""
    lagged = {"before": 0, "lagged": [], "anchors": [], "periods": [], "steps": [1]}
    weights = {"mean": [[]], "deviation": [[]], "weights": [[[0.0]]]}
    assert Linear.from_dict({**lagged, **weights}, 0, 1).lags.before == 0
    with pytest.raises(DataError, match="linear"):
        Linear.from_dict({**lagged, **weights, "before": 1}, 0, 1)
