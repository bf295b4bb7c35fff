"""What ``predict`` writes: for when, from when, how sure; and the state between two tables."""

from __future__ import annotations

import io
import struct
import warnings
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import polars
import pytest
import torch

from liquid_neural_networks import _document
from liquid_neural_networks._document import pack, unpack
from liquid_neural_networks.errors import DataError, ModelFileError, OptionError
from liquid_neural_networks.training import (
    DivergenceError,
    Forecaster,
    PinballLoss,
    _ipc,
    _losses,
    _run,
    backtest,
    fit_table,
)
from liquid_neural_networks.training._ipc import bytes_of, table_of
from liquid_neural_networks.training._losses import LOSSES, balanced
from liquid_neural_networks.training._state import read_state

small = partial(fit_table, hidden_size=4, epochs=1, window=16, progress=False)


def hourly(rows: int = 24 * 15, seed: int = 0) -> polars.DataFrame:
    """Loads of a day and night, with other text than ISO as times."""
    start = datetime(2021, 3, 13)
    hours = [(start + timedelta(hours=hour)).strftime("%d.%m.%Y %H:%M") for hour in range(rows)]
    rng = np.random.RandomState(seed)
    load = np.sin(np.arange(rows) * np.pi / 12) * 5 + rng.randn(rows) + 20
    return polars.DataFrame({"hour": hours, "load": load, "other": rng.randn(rows)})


def two_plants(rows: int = 24 * 15) -> polars.DataFrame:
    """Two series in one table, their rows by turns."""
    parts = [
        hourly(rows, seed).with_columns(plant=polars.lit(name)) for seed, name in enumerate("ab")
    ]
    both = polars.concat(parts).with_row_index()
    return both.sort(polars.col("index") % rows, "plant").drop("index")


def predict(forecaster: Forecaster, table: Any, **options: Any) -> polars.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return forecaster.predict(table, **options)


# -- for when ----------------------------------------------------------------------------------


def test_a_forecast_bears_the_time_it_is_for_as_the_table_writes_times() -> None:
    table = hourly()
    forecaster = small(table, "load", time="hour", horizon=3)
    found = forecaster.predict(table)
    assert found.columns == ["hour", "made_at", "predicted_load"]
    hours = table["hour"].to_list()
    assert found["made_at"].to_list() == hours
    beyond = [f"28.03.2021 0{hour}:00" for hour in range(3)]
    assert found["hour"].to_list() == [*hours[3:], *beyond]


@pytest.mark.parametrize(
    ("times", "beyond"),
    [
        ([f"{1980 + m // 12}-{m % 12 + 1:02}" for m in range(100)], ["1988-05", "1988-06"]),
        ([date(2020, 1, 1) + timedelta(days=7 * w) for w in range(100)],
         [date(2021, 12, 1), date(2021, 12, 8)]),
        ([0.5 * step for step in range(100)], [50.0, 50.5]),
    ],
    ids=["months", "weeks", "numbers"],
)  # fmt: skip
def test_times_beyond_the_table_go_on_at_the_usual_step(times: Any, beyond: Any) -> None:
    table = polars.DataFrame({"when": times, "x": np.sin(np.arange(100))})
    found = small(table, "x", time="when", horizon=2).predict(table)
    assert found["when"].to_list() == [*times[2:], *beyond]


def test_without_times_rows_are_counted() -> None:
    table = hourly().drop("hour")
    found = small(table, "load", horizon=2).predict(table)
    assert found["row"].to_list() == list(range(3, 24 * 15 + 3))
    assert found["made_at"].to_list() == list(range(1, 24 * 15 + 1))
    same_row = small(table, "load", horizon=0).predict(table)
    assert same_row.columns == ["row", "predicted_load"]


def test_the_newest_forecast_alone() -> None:
    table = two_plants()
    forecaster = small(table, "load", time="hour", group="plant", horizon=2)
    every, newest = forecaster.predict(table), forecaster.predict(table, latest=True)
    assert every.columns == ["plant", "hour", "made_at", "predicted_load"]
    assert every["plant"].to_list() == table["plant"].to_list()
    assert newest.equals(every.tail(2))


def test_a_path_has_every_row_up_to_the_horizon() -> None:
    table = hourly()
    forecaster = small(table, "load", time="hour", horizon=3, path=True)
    found = forecaster.predict(table)
    assert found.height == 3 * table.height
    hours = [*table["hour"].to_list(), *(f"28.03.2021 0{hour}:00" for hour in range(3))]
    for row in (0, 17, table.height - 1):
        part = found[3 * row : 3 * row + 3]
        assert part["made_at"].to_list() == [hours[row]] * 3
        assert part["hour"].to_list() == hours[row + 1 : row + 4]
    assert forecaster.test is not None and len(forecaster.test["mse_by_step"]) == 3
    assert np.mean(forecaster.test["mse_by_step"]) == pytest.approx(forecaster.test["mse"])
    assert forecaster.predict(table, latest=True).equals(found.tail(3))
    load, made = table["load"].to_numpy(), found["predicted_load"].to_numpy().reshape(-1, 3)
    first = table.height - round(table.height * 0.15)
    rows = np.arange(first - 1, table.height - 3)
    errors = made[rows] - load[rows[:, None] + np.array([1, 2, 3])]
    assert forecaster.test["mse"] == pytest.approx(np.mean(errors**2))


# -- how sure ----------------------------------------------------------------------------------


def test_quantiles_cover_as_much_as_they_say(tmp_path: Path) -> None:
    rng = np.random.RandomState(0)
    noise = rng.randn(3000)
    values = np.zeros(3000)
    for row in range(1, 3000):
        values[row] = 0.8 * values[row - 1] + noise[row]
    table = polars.DataFrame({"x": values})
    forecaster = small(table, "x", quantiles=[0.1, 0.5, 0.9], epochs=5)
    assert forecaster.test is not None and forecaster.loss == "quantile"
    assert forecaster.test["levels"] == [0.1, 0.5, 0.9]
    np.testing.assert_allclose(forecaster.test["coverage"], [0.1, 0.5, 0.9], atol=0.05)
    found = forecaster.predict(table)
    names = ["predicted_x_q10", "predicted_x_q50", "predicted_x_q90"]
    assert found.columns == ["row", "made_at", *names]
    made = found.select(names).to_numpy()
    assert (np.diff(made, axis=1) >= 0).all()
    first = 3000 - 450
    below = (values[first:, None] < made[first - 1 : -1]).mean(axis=0)
    np.testing.assert_allclose(forecaster.test["coverage"], below)
    # Of noise of deviation 1, the best quantiles lie 1.28 about the best forecast.
    assert np.mean(made[:, 2] - made[:, 0]) == pytest.approx(2 * 1.28, rel=0.1)
    forecaster.save(tmp_path / "x.lnn")
    assert Forecaster.load(tmp_path / "x.lnn").predict(table).equals(found)


def test_quantiles_of_a_path_of_two_targets() -> None:
    forecaster = small(hourly(), ["load", "other"], time="hour", horizon=2, path=True,
                       loss="quantile")  # fmt: skip
    found = forecaster.predict(hourly(), latest=True)
    assert found.height == 2
    assert found.columns[2:] == [
        f"predicted_{name}_q{level}" for name in ("load", "other") for level in (10, 50, 90)
    ]
    assert forecaster.network.output_size == 12


def test_quantiles_have_as_many_digits_as_tell_them_apart() -> None:
    levels = [0.1, 0.10000001, 0.9]
    forecaster = small(hourly(100), "load", time="hour", quantiles=levels)
    names = forecaster.predict(hourly(100)).columns[2:]
    assert names == ["predicted_load_q10", "predicted_load_q10.000001", "predicted_load_q90"]


@pytest.mark.parametrize(
    ("name", "options"),
    [("row", {}), ("made_at", {"time": "hour"}), ("predicted_load", {"time": "hour"})],
)
def test_a_series_called_like_a_column_of_forecasts_is_refused(name: str, options: Any) -> None:
    table = two_plants(100).rename({"plant": name})
    with pytest.raises(DataError, match=f"{name}: two columns"):
        small(table, "load", group=name, features="load", **options)


def test_pinball_loss_is_its_formula() -> None:
    rng = np.random.RandomState(0)
    made, truth = rng.randn(5, 7, 6), rng.randn(5, 7, 2)
    truth[0, :3, 1] = np.nan
    levels = np.array([0.1, 0.5, 0.95])
    errors = truth[..., None] - made.reshape(5, 7, 2, 3)
    costs = np.where(errors > 0, levels * errors, (levels - 1) * errors)
    found = PinballLoss(tuple(levels))(torch.from_numpy(made), torch.from_numpy(truth))
    assert found.item() == pytest.approx(np.nanmean(costs))


@pytest.mark.parametrize(
    ("name", "cost"),
    [
        ("mse", np.square),
        ("mae", np.abs),
        ("huber", lambda e: np.where(np.abs(e) < 1, e**2 / 2, np.abs(e) - 0.5)),
    ],
)
@pytest.mark.parametrize("gaps", [False, True])
def test_losses_are_their_formulas(name: str, cost: Any, gaps: bool) -> None:
    rng = np.random.RandomState(0)
    made, truth = rng.randn(6, 4) * 2, rng.randn(6, 4)
    if gaps:
        truth[2, 1:] = np.nan
    outputs = torch.from_numpy(made).requires_grad_()
    found = LOSSES[name](outputs, torch.from_numpy(truth))
    assert found.item() == pytest.approx(np.nanmean(cost(made - truth)))
    found.backward()
    assert outputs.grad is not None and bool(outputs.grad.isfinite().all())


def test_balanced_classes_count_the_same() -> None:
    targets = torch.tensor([[0, 0, 0, 1], [0, 0, 0, -1]])
    scores = torch.randn(2, 4, 2, generator=torch.Generator().manual_seed(0)).double()
    each = -scores.log_softmax(-1)
    rare, common = each[0, 3, 1], each[..., 0][targets == 0].mean()
    found = balanced(targets, 2)(scores, targets)
    assert found.item() == pytest.approx(((rare + common) / 2).item())


def test_balance_finds_a_rare_class() -> None:
    rng = np.random.RandomState(0)
    x = rng.randn(1200)
    rare = (x + rng.randn(1200)) > 2.2
    table = polars.DataFrame({"x": x, "alarm": rare})
    plain, even = (small(table, "alarm", balance=b, epochs=4) for b in (False, True))
    assert plain.test is not None and even.test is not None
    assert (plain.measure, even.measure) == ("accuracy", "macro_f1")
    hits = [found.test["confusion"][1][1] for found in (plain, even)]  # type: ignore[index]
    assert hits[1] > hits[0]


# -- state -------------------------------------------------------------------------------------


@pytest.mark.parametrize("baseline", ["none", "latest", "last_day", "linear"])
@pytest.mark.parametrize("pieces", [[24 * 15 - 1], [100, 101, 300]])
def test_a_table_in_pieces_is_predicted_as_a_whole(
    tmp_path: Path, baseline: str, pieces: list[int]
) -> None:
    table = hourly().with_columns(
        load=polars.when(polars.arange(0, 24 * 15) % 11 > 0).then(polars.col("load"))
    )
    forecaster = small(table, "load", time="hour", horizon=3, baseline=baseline)
    whole = forecaster.predict(table)
    state, parts = tmp_path / "state", []
    for start, stop in zip([0, *pieces], [*pieces, table.height]):
        parts.append(predict(forecaster, table[start:stop], state=state))
        # A forecast made at the end of a piece is for a time that no row has yet.
        assert parts[-1]["made_at"].to_list() == table["hour"][start:stop].to_list()
    joined = polars.concat(parts)
    assert joined["hour"].to_list() == whole["hour"].to_list()
    np.testing.assert_allclose(
        joined["predicted_load"].to_numpy(), whole["predicted_load"].to_numpy(), rtol=1e-6
    )


def test_the_state_keeps_every_series_and_its_place(tmp_path: Path) -> None:
    table, state = two_plants(), tmp_path / "state"
    forecaster = small(table, "load", time="hour", group="plant", horizon=1)
    whole = forecaster.predict(table, latest=True)
    predict(forecaster, table.head(500), state=state)
    rest = table.tail(table.height - 500)
    for plant in "ba":
        found = predict(forecaster, rest.filter(plant=plant), state=state, latest=True)
        expected = whole.filter(plant=plant)
        assert found["hour"].to_list() == expected["hour"].to_list()
        np.testing.assert_allclose(
            found["predicted_load"].to_numpy(), expected["predicted_load"].to_numpy(), rtol=1e-6
        )
    rows = table.drop("hour", "plant")
    counted = small(rows, "load", horizon=1)
    predict(counted, rows.head(300), state=tmp_path / "rows")
    later = predict(counted, rows[300:302], state=tmp_path / "rows")
    assert later["made_at"].to_list() == [301, 302]


def test_a_state_that_does_not_fit_is_refused_and_kept(tmp_path: Path) -> None:
    table, state = hourly(), tmp_path / "state"
    forecaster = small(table, "load", time="hour")
    forecaster.predict(table, state=state)
    written = state.read_bytes()
    with pytest.raises(ModelFileError, match="of another network"):
        small(table, "load", time="hour", seed=1).predict(table, state=state)
    with pytest.raises(DataError, match=r"the state ends at .*: give newer rows"):
        predict(forecaster, table.tail(5), state=state)
    with pytest.raises(DataError, match="is not after"):
        predict(forecaster, hourly(24 * 16).tail(3).reverse(), state=state)
    with pytest.raises(DataError, match="other"):
        predict(forecaster, table.drop("other"), state=state)
    with pytest.raises(DataError, match="no folder"):
        forecaster.predict(table, state=tmp_path / "none" / "state")
    assert state.read_bytes() == written
    other = written[:200] + bytes([written[200] ^ 1]) + written[201:]
    for damaged in (b"", written[:-9], other, b"\x80"):
        state.write_bytes(damaged)
        with pytest.raises(ModelFileError, match="state"):
            forecaster.predict(table, state=state)


def test_a_table_that_was_read_already_is_noticed_without_times(tmp_path: Path) -> None:
    table = hourly().drop("hour")
    forecaster, state = small(table, "load"), tmp_path / "state"
    forecaster.predict(table, state=state)
    with pytest.warns(UserWarning, match="its rows now count twice"):
        forecaster.predict(table, state=state)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecaster.predict(table[:50], state=state)


def test_a_state_of_a_stranger_is_refused(tmp_path: Path) -> None:
    table, state = two_plants(100), tmp_path / "state"
    forecaster = small(table, "load", time="hour", group="plant")
    forecaster.predict(table, state=state)
    written = unpack(state.read_bytes())
    assert len(written["states"]) == 2 * 4 * 8  # two series, four neurons
    many = io.BytesIO()
    polars.DataFrame({"load": np.zeros(10**6)}).write_ipc(many, compression="zstd")
    negative = polars.DataFrame({"group": ["a", "b"], "read": [100, -1]})
    for part, spoilt in (
        ("rows", b""),
        ("rows", many.getvalue()),
        ("rows", written["rows"][:-20] + b"\xff" * 20),
        ("series", written["rows"]),
        ("series", bytes_of(negative)),
        ("states", written["states"][:-8]),
        ("states", written["states"][:-1]),
        ("version", 1),
        ("sum", [0]),
    ):
        found = {**written, part: spoilt}
        if isinstance(spoilt, bytes):
            found["sum"] = crc32(found["rows"] + found["series"] + found["states"])
        state.write_bytes(pack(found))
        with pytest.raises(ModelFileError, match="state"):
            forecaster.predict(table, state=state)


def test_compressed_tables_are_refused_before_they_are_read() -> None:
    words = polars.Series(["a", "b"] * 50, dtype=polars.Categorical)
    table = polars.DataFrame({"words": words, "x": np.arange(100.0), "text": ["x" * 30] * 100})
    assert table_of(bytes_of(table)).equals(table)
    assert table_of(bytes_of(table.clear())).equals(table.clear())
    assert table_of(bytes_of(polars.concat([table, table], rechunk=False))).height == 200
    for compression in ("lz4", "zstd"):
        for each in (table, table.select("words"), table.select("text")):
            packed = io.BytesIO()
            each.write_ipc(packed, compression=compression)
            with pytest.raises(ValueError, match="is compressed"):
                table_of(packed.getvalue())


@pytest.mark.parametrize("field", [1, 2, 4])
def test_lengths_beyond_the_bytes_are_refused_before_they_are_read(field: int) -> None:
    """Polars would ask for that much memory, and end the whole process."""
    data = bytearray(bytes_of(polars.DataFrame({"text": ["x" * 30] * 10})))
    (batch,) = _ipc._batches(bytes(data))
    place = _ipc._field(bytes(data), batch, field)
    assert place is not None
    last = _ipc._target(bytes(data), place) + 4 + (0 if field == 4 else 8)
    struct.pack_into("<q", data, last, 2**40)
    with pytest.raises(ValueError, match="lengths that do not fit"):
        table_of(bytes(data))


def test_a_state_has_room_for_any_number_of_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many objects a document may hold."""
    table = hourly(1500).select("load", name=polars.arange(0, 1500) // 30)
    forecaster = small(table, "load", group="name", baseline="latest")
    monkeypatch.setattr(_document, "MAX_OBJECTS", 40)
    state = tmp_path / "state"
    predict(forecaster, table, state=state)
    found = read_state(state, forecaster)
    assert found is not None and len(found.series) == 50
    assert found.series[-1].group == "49" and found.series[-1].read == 30
    last = forecaster.run(forecaster.columns.recordings(table)[-1].series).state
    np.testing.assert_allclose(found.series[-1].state, last)


def test_a_short_table_is_warned_of(tmp_path: Path) -> None:
    table = hourly()
    forecaster = small(table, "load", time="hour", baseline="last_day")
    for rows in (1, 15, 23):  # fewer than the training's window, or than it looks back
        with pytest.warns(UserWarning, match=f"has {rows} rows? of a series") as seen:
            forecaster.predict(table.head(rows))
        assert seen[0].filename == __file__  # of whoever called
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecaster.predict(table, state=tmp_path / "state")
        later = [[f"28.03.2021 0{hour}:00" for hour in range(2)], [20.0, 21.0], [0.0, 0.0]]
        found = forecaster.predict(
            polars.DataFrame(dict(zip(table.columns, later))), state=tmp_path / "state"
        )
    assert found.height == 2


def test_between_two_calls_of_the_network_it_can_be_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = hourly()
    forecaster = small(table, "load", time="hour", mixed_memory=True, unfolds=3)
    whole = forecaster.predict(table)
    monkeypatch.setattr(_run, "MOST_UNFOLDS", 150)  # 50 rows at a time
    assert forecaster.predict(table).equals(whole)
    calls: list[int] = []

    def interrupted(*_: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    forecaster.network.register_forward_hook(interrupted)
    with pytest.raises(KeyboardInterrupt):
        forecaster.predict(table)


def test_a_short_series_with_one_label_is_whole() -> None:
    rng = np.random.RandomState(0)
    walks = [f"w{number // 12}" for number in range(240)]
    side = np.array([number // 12 % 2 for number in range(240)])
    table = polars.DataFrame(
        {
            "walk": walks,
            "x": rng.randn(240) + 4 * side,
            "label": np.where(side == 1, "right", "left"),
        }
    )
    forecaster = small(table, "label", group="walk", label_per_group=True, epochs=15)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = forecaster.predict(table)
    assert found["walk"].to_list() == sorted(set(walks), key=walks.index)
    assert found["row"].to_list() == [12] * 20
    right = found["predicted_label"] == table[::12]["label"]
    assert right.mean() > 0.8


# -- seeds and backtests -----------------------------------------------------------------------


def test_of_several_seeds_the_best_in_validation_is_kept(tmp_path: Path) -> None:
    table = hourly(24 * 8)
    each = [small(table, "load", time="hour", seed=seed, epochs=2) for seed in (3, 4, 5)]
    best = min(each, key=lambda found: found.history.best_loss)
    kept = small(table, "load", time="hour", seed=3, seeds=3, epochs=2,
                 checkpoint=tmp_path / "run")  # fmt: skip
    assert kept.history == best.history and kept.test is not None
    assert kept.predict(table).equals(best.predict(table))
    assert kept.test.pop("seeds") == {
        "seed": [3, 4, 5],
        "valid_loss": [found.history.best_loss for found in each],
        "mse": [found.test["mse"] for found in each],  # type: ignore[index]
    }
    assert kept.test == best.test
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run-3", "run-4", "run-5"]


def test_a_seed_that_diverges_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    table = hourly(24 * 8)
    expected = small(table, "load", time="hour", seed=1)
    calls: list[int] = []

    def spoiled(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return (outputs - targets).square().mean() * (torch.nan if len(calls) == bad else 1.0)

    monkeypatch.setitem(_losses.LOSSES, "mse", spoiled)
    bad = 1
    found = small(table, "load", time="hour", seeds=2)
    assert found.test is not None and found.test["seeds"]["seed"] == [1]
    assert found.history.epochs == expected.history.epochs
    monkeypatch.setitem(_losses.LOSSES, "mse", lambda outputs, _: outputs.sum() * torch.nan)
    with pytest.raises(DivergenceError):
        small(table, "load", time="hour", seeds=2)


def test_a_backtest_trains_on_what_came_before_each_origin() -> None:
    table = hourly(24 * 10)
    options = {"time": "hour", "calendar": "hour", "hidden_size": 4, "epochs": 1, "window": 16,
               "progress": False}  # fmt: skip
    found = backtest(table, "load", folds=3, test=0.1, **options)
    assert [(fold.trained, fold.tested) for fold in found.folds] == [
        (168, 24),
        (192, 24),
        (216, 24),
    ]
    days = [fold.since for fold in found.folds]
    assert days == [f"2021-03-{day} 00:00:00" for day in (20, 21, 22)]
    # The last fold is a training whose test part is the last tenth.
    alone = fit_table(table, "load", test=0.1, **options)
    assert alone.test is not None
    assert found.folds[-1].test["mse"] == pytest.approx(alone.test["mse"], rel=1e-9)
    means = [np.mean([fold.test["baselines"][name]["mse"] for fold in found.folds])
             for name in found.mean["baselines"]]  # fmt: skip
    assert [each["mse"] for each in found.mean["baselines"].values()] == pytest.approx(means)
    assert found.to_dict()["verdict"] == found.verdict
    # What comes after a fold has no part in it.
    changed = table.with_columns(
        load=polars.when(polars.arange(0, table.height) < 192).then("load").otherwise(-50.0)
    )
    again = backtest(changed, "load", folds=3, test=0.1, **options)
    assert again.folds[0].test == found.folds[0].test
    assert again.folds[1].test != found.folds[1].test


def test_a_backtest_does_not_choose_columns_by_what_comes_later() -> None:
    table = hourly(24 * 10)
    late = np.where(np.arange(table.height) < 168, 0.0, np.arange(table.height) % 7)
    found = [
        backtest(each, "load", folds=3, test=0.1, time="hour", hidden_size=4, epochs=1, window=16,
                 progress=False).folds[0].test
        for each in (table, table.with_columns(late=late))
    ]  # fmt: skip
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["checkpoint", "resume"])
def test_a_backtest_keeps_no_checkpoints(name: str) -> None:
    with pytest.raises(OptionError, match="not kept by a backtest") as caught:
        backtest(hourly(), "load", folds=3, test=0.1, time="hour", **{name: "kept.pt"})
    assert caught.value.argument == name
