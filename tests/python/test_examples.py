"""Every example runs in its smoke size: it trains, reports, draws, and reaches a number."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Callable

import numpy as np
import pytest

from examples.__main__ import PAGE, page, readme
from examples.common import Report, Size, perform
from liquid_neural_networks import LiquidNetwork

HERE = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.parent.name for path in HERE.glob("*/__main__.py"))

# What the reduced size must reach: beat the reference, or nothing was learned.
REACHED: dict[str, Callable[[Report], bool]] = {
    "adaptation": lambda report: (
        report.score("exact + least squares") < report.score("frozen") / 1.5
    ),
    "anomaly": lambda report: report.score("liquid") > 50,
    "arm": lambda report: report.score("liquid") > report.score("nothing"),
    "car": lambda report: report.score("liquid") > report.score("nothing") + 50,
    "disease": lambda report: report.score("liquid") < report.score("same as today"),
    "drone": lambda report: report.score("liquid") > report.score("nothing"),
    "ecg": lambda report: report.score("liquid") > 1.5 * report.score("call every beat"),
    # A network that did well here would have seen the test.
    "eeg": lambda report: (
        report.score("most similar row", "shuffled rows") > 90 and report.score("liquid") < 60
    ),
    "embedded": lambda report: report.score("liquid") > 2 * report.score("nothing"),
    "finance": lambda report: report.score("liquid") < report.score("same as today"),
    "iot": lambda report: report.score("liquid") > report.score("commonest answer") + 5,
    "sensors": lambda report: report.score("liquid") > 1.5 * report.score("lies"),
    "weather": lambda report: report.score("liquid") < report.score("same as today"),
}
SIMULATORS = {"arm": "mujoco", "drone": "mujoco", "embedded": "mujoco", "car": "highway_env"}


def needed(name: str) -> None:
    """Skips, loudly, what cannot run here."""
    if name in SIMULATORS:
        pytest.importorskip(
            SIMULATORS[name],
            reason=f"THE EXAMPLE {name} IS NOT TESTED: pip install -e '.[examples]'",
        )
    elif not os.environ.get("LNN_DATA"):
        pytest.skip(f"THE EXAMPLE {name} IS NOT TESTED: LNN_DATA names no folder with its data")


@pytest.mark.parametrize("name", NAMES)
def test_the_smoke_size_reaches_its_number(name: str, tmp_path: Path) -> None:
    needed(name)
    run = importlib.import_module(f"examples.{name}.__main__").run
    report = perform(run, Size(1, smoke=True), tmp_path)
    assert REACHED[name](report), f"\n{report}"
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    again = Report.from_dict(json.loads((tmp_path / "results.json").read_text()))
    assert str(again) == str(report)


def test_an_episode_becomes_a_moving_picture(tmp_path: Path) -> None:
    needed("embedded")
    moving = importlib.import_module("examples.embedded.moving")
    pole = moving.Pole()
    network = LiquidNetwork(2, 4, 1, seed=0)
    shown = moving.moments(pole, network, 3)  # untrained, it falls soon
    assert len(shown) == 3 and all(each.states.shape == (4,) for each in shown)
    live, seen = network.stream(), pole.reset(np.random.default_rng(0), "knocks")
    for each in shown:
        assert live.step(seen, elapsed_time=pole.pace)[0] == pytest.approx(each.push)
        seen, *_ = pole.step(np.array([each.push]))
    moving.draw(shown, tmp_path / "pole.gif")
    image = importlib.import_module("PIL.Image").open(tmp_path / "pole.gif")
    assert image.format == "GIF" and image.n_frames == 3


@pytest.mark.parametrize("name", NAMES)
def test_the_page_shows_what_was_measured(name: str) -> None:
    folder = HERE / name
    text = (folder / "README.org").read_text()
    assert text == readme(folder)
    assert "[[file:picture.png]]" in text and (folder / "picture.png").stat().st_size > 5000
    assert f"python -m examples.{name}" in text


def test_the_page_of_all_shows_what_was_measured() -> None:
    assert PAGE.read_text() == page()


def test_closed_loop_numbers_rest_on_twenty_episodes() -> None:
    for name in SIMULATORS:
        report = Report.from_dict(json.loads((HERE / name / "results.json").read_text()))
        assert report.over == "episodes"
        for row in report.rows:
            assert all(len(scores) >= 20 for scores in row.scores.values())


def test_nab_rewards_early_alarms_and_charges_false_ones() -> None:
    from examples.anomaly.__main__ import Stream, nab_score

    stream = Stream("s", np.zeros(100), np.zeros((100, 5)), [(40, 59), (70, 89)])

    def score(*alarms: int) -> float:
        return nab_score([np.isin(np.arange(100), alarms).astype(float)], [stream], 0.5)

    assert score() == 0.0  # silence
    assert score(40, 70) == pytest.approx(100.0)  # both at once
    assert score(5) == 0.0  # in probation, which does not count
    assert 0 < score(59, 89) < score(50, 80) < 100
    assert score(40, 41, 59, 70) == pytest.approx(100.0)  # only the first in a window counts
    # One alarm long before any window costs 0.11 of the two that could be won.
    assert score(20, 40, 70) == pytest.approx(100 * (4 - 0.11) / 4)
