"""Published tasks: files are found, fetched and checked; protocols give the published windows."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from liquid_neural_networks import data
from liquid_neural_networks.data import TASKS, _tasks
from liquid_neural_networks.errors import DataError, OptionError

HERE = os.environ.get("LNN_DATA")
PROTOCOLS = [(name, protocol) for name, task in TASKS.items() for protocol in task.protocols]


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No data folder, and a cache with nothing in it."""
    monkeypatch.delenv("LNN_DATA", raising=False)
    monkeypatch.setattr(_tasks, "cache", lambda: tmp_path / "cache")
    return tmp_path


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address it is served under."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()


def _serve(
    server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, content: bytes, claimed: bytes
) -> None:
    """Has the task sunspots downloaded from our own server, with a checksum of ``claimed``."""
    folder, address = server
    (folder / "monthly-sunspots.csv").write_bytes(content)
    task = replace(TASKS["sunspots"], download=address)
    monkeypatch.setattr(_tasks, "TASKS", {"sunspots": task})
    digest = hashlib.sha256(claimed).hexdigest()
    monkeypatch.setattr(_tasks, "CHECKSUMS", {"sunspots": {"monthly-sunspots.csv": digest}})


MONTHS = ('"Month","Sunspots"\n' + "".join(f"m{i},{i % 40}.5\n" for i in range(700))).encode()


def test_what_is_nowhere_is_downloaded_once_and_then_cached(
    empty: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve(server, monkeypatch, MONTHS, MONTHS)
    train, _, _ = data.load("sunspots")
    assert train.inputs.shape[1:] == (64, 1)
    (server[0] / "monthly-sunspots.csv").unlink()
    assert data.find("sunspots") == empty / "cache" / "sunspots"


def test_a_download_that_is_not_what_was_published_is_refused(
    empty: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve(server, monkeypatch, MONTHS + b"x", MONTHS)
    with pytest.raises(DataError, match=r"sunspots: downloading .* failed"):
        data.find("sunspots")
    assert not list((empty / "cache" / "sunspots").glob("*.csv"))


def test_a_failed_download_says_what_to_do(
    empty: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve(server, monkeypatch, MONTHS, MONTHS)
    (server[0] / "monthly-sunspots.csv").unlink()
    with pytest.raises(DataError, match="LNN_DATA"):
        data.find("sunspots")


def test_the_folder_in_the_environment_comes_first(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (empty / "mine", empty / "cache"):
        (place / "sunspots").mkdir(parents=True)
        (place / "sunspots" / "monthly-sunspots.csv").write_bytes(MONTHS)
    assert data.find("sunspots") == empty / "cache" / "sunspots"
    monkeypatch.setenv("LNN_DATA", str(empty / "mine"))
    assert data.find("sunspots") == empty / "mine" / "sunspots"


@pytest.mark.parametrize("name", sorted(TASKS))
def test_without_files_and_network_the_error_says_where_to_get_them(empty: Path, name: str) -> None:
    with pytest.raises(DataError) as raised:
        data.find(name, download=False)
    assert TASKS[name].source in str(raised.value) and "LNN_DATA" in str(raised.value)


def test_damaged_files_are_refused(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LNN_DATA", str(empty))
    for name in ("sunspots", "half_cheetah", "occupancy"):
        (empty / name).mkdir()
        for file in TASKS[name].files:
            (empty / name / file).write_bytes(b"nothing of the kind")
        with pytest.raises(DataError, match=f"{name}: the files in .* are damaged"):
            data.load(name)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(OptionError, match="did you mean 'half_cheetah'"):
        data.load("half_cheeta")
    with pytest.raises(OptionError, match="protocol"):
        data.load("sunspots", "paper")


if HERE:

    @pytest.mark.parametrize(("name", "protocol"), PROTOCOLS)
    def test_every_protocol_gives_windows_that_fit_together(name: str, protocol: str) -> None:
        parts = data.load(name, protocol)
        for part in parts:
            assert part.inputs.shape[1:] == parts.train.inputs.shape[1:]
            # One class a digit, one target a sample elsewhere.
            assert part.targets.shape[:2] == part.inputs.shape[: 1 if name == "mnist" else 2]
            assert bool(part.inputs.isfinite().all())
            assert part.are_classes == (TASKS[name].metric != "mse")

    # Sizes of train, valid and test in the published code.
    PUBLISHED = {
        "half_cheetah": (970, 485, 970),
        "walker2d": (9684, 1272, 1937),
        "gesture": (455, 60, 90),
        "occupancy": (7315, 812, 1549),
        "traffic": (9033, 1204, 1806),
        "ozone": (25, 3, 4),
    }

    @pytest.mark.parametrize("name", sorted(PUBLISHED))
    def test_paper_protocols_have_the_published_sizes(name: str) -> None:
        assert tuple(len(part) for part in data.load(name, "paper")) == PUBLISHED[name]

    def _mse(predictions: Tensor, targets: Tensor) -> float:
        return float((predictions - targets).double().square().mean())

    # What trivial predictors score on the test part, worked out from the raw files by others.
    @pytest.mark.parametrize(("name", "known"), [("half_cheetah", 62.866), ("walker2d", 4.538)])
    def test_copying_the_input_scores_what_is_known(name: str, known: float) -> None:
        test = data.load(name).test
        assert _mse(test.inputs, test.targets) == pytest.approx(known, abs=6e-4)

    @pytest.mark.parametrize(("name", "known"), [("gesture", 26.35), ("occupancy", 75.8)])
    def test_the_commonest_class_scores_what_is_known(name: str, known: float) -> None:
        parts = data.load(name)
        commonest = parts.train.targets.flatten().mode().values
        share = (parts.test.targets == commonest).double().mean()
        assert 100 * float(share) == pytest.approx(known, abs=0.06)

    def test_predicting_the_mean_of_traffic_scores_what_is_known() -> None:
        targets = data.load("traffic", "paper").test.targets
        assert _mse(torch.zeros_like(targets), targets) == pytest.approx(0.998, abs=6e-4)

    def test_repeating_the_latest_month_of_sunspots_scores_what_is_known() -> None:
        raw = np.genfromtxt(
            Path(str(HERE)) / "sunspots" / "monthly-sunspots.csv", delimiter=",", skip_header=1
        )[:, 1]
        test = data.load("sunspots").test
        assert test.targets.flatten()[-1] == pytest.approx(raw[-1])
        newest = raw[-len(raw) // 5 :]
        assert np.sqrt(np.mean(np.diff(newest) ** 2)) == pytest.approx(20.10, abs=0.05)

    def test_walker_is_irregular_by_whole_steps() -> None:
        elapsed = data.load("walker2d").train.elapsed_time
        assert elapsed is not None
        assert float(elapsed.min()) == 1.0 and float(elapsed.max()) >= 3.0
        assert float((elapsed > 1).double().mean()) == pytest.approx(0.1, abs=0.01)

    @pytest.mark.parametrize("name", ["gesture", "traffic", "power", "ozone"])
    def test_honest_protocols_test_on_rows_no_training_window_has(name: str) -> None:
        parts = data.load(name, "honest")
        rows = [
            {row.tobytes() for row in part.inputs.flatten(0, 1).numpy()}
            for part in (parts.train, parts.test)
        ]
        shared = len(rows[0] & rows[1])
        # Weather and power readings repeat themselves now and then; windows never do.
        windows = [
            {window.tobytes() for window in part.inputs.numpy()}
            for part in (parts.train, parts.test)
        ]
        assert shared < 0.5 * len(rows[1]) and not windows[0] & windows[1]
