"""Several series in one table: nothing of one is ever seen in another."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from liquid_neural_networks.data import Series, cuts, windows
from liquid_neural_networks.errors import DataError, DomainError, OptionError
from liquid_neural_networks.training import Forecaster, fit_table
from liquid_neural_networks.training._table_windows import Prepared, prepare

SERIES = 1000
"""Row k of series s holds the number SERIES * s + k."""


class Ahead(NamedTuple):
    """Pairs as they are, the target ``horizon`` rows later."""

    horizon: int

    def pairs(self, series: Series) -> Series:
        rows = max(len(series.inputs) - self.horizon, 0)
        return Series(
            series.inputs[:rows], series.targets[self.horizon :], series.elapsed_time[:rows]
        )


def numbered(lengths: list[int], order: list[int]) -> polars.DataFrame:
    """Series of these lengths, their rows dealt out in an order; all rows tell where they belong.

    The number is a half more than whole, so that it is no row number.
    """
    told = [
        {"id": f"s{s}", "t": 3 * k + s, "x": SERIES * s + k + 0.5}
        for s, length in enumerate(lengths)
        for k in range(length)
    ]
    if not order:
        return polars.DataFrame(told)
    # Rows of one series keep their order, as a log of several sensors does.
    by_series = np.repeat(np.arange(len(lengths)), lengths)
    shuffled = np.random.RandomState(order[0]).permutation(by_series)
    following = [iter([row for row in told if row["id"] == f"s{s}"]) for s in range(len(lengths))]
    return polars.DataFrame([next(following[s]) for s in shuffled])


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    lengths = draw(st.lists(st.integers(1, 30), min_size=2, max_size=8))
    return {
        "lengths": lengths,
        "order": draw(st.lists(st.integers(0, 99), max_size=1)),
        "horizon": draw(st.integers(0, 3)),
        "window": draw(st.integers(1, 12)),
        "stride": draw(st.integers(1, 12)),
        "split": draw(st.sampled_from(["time", "group"])),
        "valid": draw(st.sampled_from([0.0, 0.15, 0.3])),
        "test": draw(st.sampled_from([0.15, 0.3])),
        "seed": draw(st.integers(0, 5)),
    }


@given(tables())
@settings(max_examples=200, deadline=None)
def test_no_window_and_no_part_crosses_two_series(case: dict[str, Any]) -> None:
    lengths, horizon = case["lengths"], case["horizon"]
    table = numbered(lengths, case["order"])
    options = {name: case[name] for name in ("horizon", "window", "split", "valid", "test", "seed")}
    try:
        prepared = prepare(
            table, "x", features="x" if horizon else "t", time=None, group="id", **options
        )
    except (DataError, DomainError):
        return
    if not horizon:  # the rows tell where they belong by the target instead
        assert prepared.columns.features == ("t",)
    seen: dict[str, set[float]] = {"train": set(), "valid": set()}
    parts = prepared.parts(Ahead(horizon), case["window"], case["stride"])
    for name, part in zip(seen, parts):
        if part is None:
            continue
        known = ~torch.isnan(part.targets[..., 0])
        belongs = torch.where(known, part.targets[..., 0] // SERIES, torch.nan)
        for window in range(len(part)):
            assert len(set(belongs[window][known[window]].tolist())) <= 1
            rows = part.targets[window, known[window], 0]
            assert (rows.diff() == 1).all()
            if horizon:
                fed = part.inputs[window, known[window], 0]
                assert torch.equal(fed + horizon, rows)
        seen[name] |= set(part.targets[..., 0][known].tolist())
    assert not seen["train"] & seen["valid"]
    held = held_back(prepared)
    assert not (seen["train"] | seen["valid"]) & held
    if case["split"] == "group":
        of = {name: {row // SERIES for row in rows} for name, rows in seen.items()}
        assert not of["train"] & of["valid"]
        assert not (of["train"] | of["valid"]) & {row // SERIES for row in held}
    # Every pair of a training part long enough for one is learned from.
    for series, (first, _) in enumerate(ordered_cuts(prepared, len(lengths))):
        start = SERIES * series + 0.5 + horizon
        wanted = {start + k for k in range(first - horizon)}
        assert wanted <= seen["train"] or case["stride"] > case["window"]


def held_back(prepared: Prepared) -> set[float]:
    return {
        float(target)
        for recording, (_, second) in zip(prepared.recordings, prepared.cuts)
        for target in recording.series.targets[second:, 0]
    }


def ordered_cuts(prepared: Prepared, count: int) -> list[tuple[int, int]]:
    found = {each.group: cut for each, cut in zip(prepared.recordings, prepared.cuts)}
    return [found[f"s{s}"] for s in range(count)]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=9), st.floats(0, 0.5), st.floats(0, 0.4))
def test_cuts_by_time_are_those_of_each_series_alone(
    lengths: list[int], valid: float, test: float
) -> None:
    for rows, (first, second) in zip(
        lengths, cuts(lengths, valid, test) if len(lengths) > 1 else []
    ):
        assert 0 <= first <= second <= rows
        assert abs((rows - second) - rows * test) <= 0.5 + 1e-9


@given(st.lists(st.integers(1, 40), min_size=3, max_size=30), st.integers(0, 9))
def test_cuts_by_group_put_every_series_in_one_part(lengths: list[int], seed: int) -> None:
    found = cuts(lengths, 0.2, 0.2, "group", seed)
    kinds = [((r, r), (0, r), (0, 0)).index(cut) for r, cut in zip(lengths, found)]
    assert kinds.count(2) == round(len(lengths) * 0.2)
    assert kinds.count(1) == round(len(lengths) * 0.2)
    assert found == cuts(lengths, 0.2, 0.2, "group", seed)


def waves(series: int = 6, rows: int = 60) -> polars.DataFrame:
    """Waves of several sensors at uneven times, each around its own level."""
    rng = np.random.RandomState(0)
    parts = []
    for number in range(series):
        when = np.cumsum(rng.uniform(0.5, 1.5, rows))
        height = np.sin(when / 2 + number) + 10 * number
        parts.append({"sensor": [f"{number:03}"] * rows, "when": when, "height": height})
    return polars.concat([polars.DataFrame(each) for each in parts])


small = partial(fit_table, hidden_size=6, epochs=3, window=16, progress=False)


def predicted(forecaster: Forecaster, table: polars.DataFrame) -> np.ndarray:
    values: np.ndarray = forecaster.predict(table)["predicted_height"].to_numpy()
    return values


@pytest.mark.parametrize("split", ["time", "group"])
def test_a_series_is_predicted_as_if_it_were_alone(split: str) -> None:
    table = waves()
    forecaster = small(table, "height", time="when", group="sensor", split=split)
    assert forecaster.columns.group == "sensor" and forecaster.test is not None
    together = predicted(forecaster, table)
    alone = [predicted(forecaster, part) for part in table.partition_by("sensor")]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-5)
    # Rows of several series may come in turns, as they do in a log.
    turns = table.sort("when")
    found = forecaster.predict(turns).with_columns(turns["sensor"], turns["when"])
    again = found.sort("sensor", "when")["predicted_height"].to_numpy()
    np.testing.assert_allclose(again, together, rtol=1e-5)


@pytest.mark.parametrize("valid", [0.0, 0.2])
def test_quantiles_are_shifted_by_the_series_kept_for_validation(valid: float) -> None:
    forecaster = small(waves(), "height", time="when", group="sensor", split="group",
                       quantiles=[0.1, 0.9], valid=valid, epochs=1)  # fmt: skip
    assert forecaster.quantiles is not None and forecaster.test is not None
    assert forecaster.quantiles.shifts.any() == (valid > 0)


def test_quantiles_of_one_value_a_series() -> None:
    table = walks().with_columns(length=polars.len().over("walk") + 0.5)
    forecaster = small(table, "length", group="walk", label_per_group=True, loss="quantile",
                       features="swing", epochs=1)  # fmt: skip
    assert forecaster.predict(table).height == table["walk"].n_unique()


def test_a_series_that_was_never_seen_is_predicted() -> None:
    table = waves()
    forecaster = small(table, "height", time="when", group="sensor", epochs=20)
    other = waves(7).filter(polars.col("sensor") == "006")
    scores = forecaster.evaluate(other)
    assert np.isfinite(predicted(forecaster, other)).all() and scores["r2"] > 0


def test_what_is_in_one_series_changes_nothing_in_another() -> None:
    table = waves()
    other = table.with_columns(
        polars.when(polars.col("sensor") == "003").then(7.5).otherwise("height").alias("height")
    )
    forecaster = small(table, "height", time="when", group="sensor", epochs=1)
    first, second = predicted(forecaster, table), predicted(forecaster, other)
    same = (table["sensor"] != "003").to_numpy()
    np.testing.assert_array_equal(first[same], second[same])


def walks(count: int = 24) -> polars.DataFrame:
    """Walks of unlike length, each of one kind that its frequency tells."""
    rng = np.random.RandomState(1)
    parts = []
    for number in range(count):
        rows, kind = rng.randint(8, 20), number % 2
        swing = np.sin(np.arange(rows) * (0.5 + 1.5 * kind)) + 0.05 * rng.normal(size=rows)
        parts.append({"walk": [number] * rows, "swing": swing, "kind": ["slow", "fast"][kind]})
    return polars.concat([polars.DataFrame(each) for each in parts])


def test_one_label_a_series_is_learned_at_its_end(tmp_path: Path) -> None:
    table = walks(40)
    forecaster = fit_table(
        table, "kind", group="walk", label_per_group=True, test=0.25, hidden_size=8, epochs=60,
        batch_size=8, learning_rate=0.02, patience=None, progress=False,
    )  # fmt: skip
    assert forecaster.columns.label_per_group and forecaster.horizon == 0
    assert forecaster.test is not None
    assert forecaster.test["count"] == 10 and forecaster.test["accuracy"] > 0.8
    forecaster.save(tmp_path / "walks.lnn")
    again = Forecaster.load(tmp_path / "walks.lnn")
    assert again.columns == forecaster.columns
    assert again.evaluate(table)["count"] == 40


def test_one_label_a_series_trains_on_whole_series() -> None:
    table = walks()
    prepared = prepare(table, "kind", group="walk", label_per_group=True)
    train, _ = prepared.parts(Ahead(0), 4, None)
    lengths = [len(each.rows) for each in prepared.recordings]
    trained = [n for n, (first, _) in zip(lengths, prepared.cuts) if first]
    assert train.inputs.shape[:2] == (len(trained), max(trained))
    known = (train.targets >= 0).nonzero()
    assert known[:, 1].tolist() == [length - 1 for length in trained]
    assert train.mask is not None
    assert train.mask.all(dim=2).sum(dim=1).tolist() == trained
    mixed = table.with_columns(
        kind=polars.Series(["slow", "fast"] * (table.height // 2 + 1))[: table.height]
    )
    with pytest.raises(DataError, match="kind: walk 0 has several values"):
        prepare(mixed, "kind", group="walk", label_per_group=True)


def test_values_of_a_series_are_learned_at_its_end_too() -> None:
    table = walks().with_columns(length=polars.len().over("walk") + 0.5)
    prepared = prepare(table, "length", group="walk", label_per_group=True)
    for each in prepared.recordings:
        assert np.isnan(each.series.targets[:-1]).all()
        assert each.series.targets[-1, 0] == len(each.rows) + 0.5


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"label_per_group": True}, OptionError, "label_per_group: needs a column"),
        ({"split": "group"}, OptionError, "split: 'group' needs a column"),
        ({"group": "walk", "split": "row"}, OptionError, "split: unknown 'row'"),
        ({"group": "none"}, DataError, "none: there is no such column"),
        ({"group": "walk", "features": "walk"}, DataError, "walk: cannot be the time or group"),
        ({"group": "walk", "label_per_group": True, "horizon": 1}, OptionError, "horizon: there"),
        ({"group": "walk", "label_per_group": True, "split": "time"}, OptionError, "split: one"),
        ({"group": "walk", "horizon": 40}, DataError, "no series has 41 rows to train on"),
    ],
)
def test_groups_that_make_no_sense_are_refused(
    options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        prepare(walks(), "kind", **options)


def test_a_row_of_no_series_is_refused() -> None:
    table = waves(2, 30).with_columns(
        sensor=polars.when(polars.int_range(polars.len()) != 7).then("sensor")
    )
    with pytest.raises(DataError, match="sensor: row 8 belongs to none"):
        prepare(table, "height", group="sensor")


def test_a_series_out_of_order_is_named() -> None:
    table = waves(2, 30)
    with pytest.raises(DataError, match=r"in sensor 001: when: row 2 .* --sort"):
        prepare(polars.concat([table.head(30), table.tail(30).reverse()]), "height",
                time="when", group="sensor")  # fmt: skip
    with pytest.raises(DataError, match=r"when: row 31 .* --group names the column"):
        prepare(table, "height", time="when")


def test_identifiers_are_text_even_if_they_look_like_numbers(tmp_path: Path) -> None:
    path = tmp_path / "waves.csv"
    waves(3, 40).write_csv(path)
    prepared = prepare(path, "height", time="when", group="sensor")
    assert [each.group for each in prepared.recordings] == ["000", "001", "002"]
    assert prepared.columns.features == ("height",)


def test_several_files_are_a_series_each_unless_times_go_on(tmp_path: Path) -> None:
    paths = []
    for number, part in enumerate(waves(2, 40).partition_by("sensor")):
        paths.append(tmp_path / f"{number}.csv")
        part.drop("sensor").with_columns(when=part["when"] + 100 * number).write_csv(paths[-1])
    apart = prepare(paths, "height")
    assert [each.group for each in apart.recordings] == ["0.csv", "1.csv"]
    assert any("2 files are a series each" in line for line in apart.remarks)
    joined = prepare(paths, "height", time="when")
    assert [len(each.rows) for each in joined.recordings] == [80]
    named = prepare(paths, "height", time="when", group="file")
    assert [len(each.rows) for each in named.recordings] == [40, 40]
    # What was trained on several files predicts for one.
    assert named.columns.recordings(named.columns.read(paths[1]))[0].group == "1.csv"


def test_short_series_are_padded_and_the_padding_is_not_seen() -> None:
    short = Series(np.ones((3, 2)), np.arange(3.0)[:, None], np.full(3, 2.0))
    none = Series(np.ones((1, 2)), np.zeros((1, 1)), np.ones(1))
    found = windows([short, none], 5, horizon=1, pad=True)
    assert len(found) == 1 and found.mask is not None
    assert found.mask.tolist() == [[[True, True]] * 3 + [[False, False]] * 2]
    assert found.targets[0, :2, 0].tolist() == [1.0, 2.0] and found.targets[0, 2:].isnan().all()
    classes = windows(short._replace(targets=np.array([1, 0, 1])), 4, horizon=0, pad=True)
    assert classes.targets.tolist() == [[1, 0, 1, -1]]
    with pytest.raises(DataError, match="at least one recording"):
        windows(none, 5, horizon=1, pad=True)
