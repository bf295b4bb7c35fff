"""Published tasks: files are found, fetched and checked; protocols give the published windows."""

from __future__ import annotations

import csv
import hashlib
import http.server
import io
import os
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from liquid_neural_networks import tasks
from liquid_neural_networks.errors import DataError, OptionError
from liquid_neural_networks.tasks import TASKS, _fetch, _registry
from liquid_neural_networks.tasks._mnist import moved
from liquid_neural_networks.tasks._xor_irregular import sequences

HERE = os.environ.get("LNN_DATA", "")
data_here = pytest.mark.skipif(
    not HERE, reason="THE TASKS ARE NOT TESTED ON THEIR DATA: LNN_DATA names no folder with it"
)
PROTOCOLS = [(name, protocol) for name, task in TASKS.items() for protocol in task.protocols]


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No data folder, and a cache with nothing in it."""
    monkeypatch.delenv("LNN_DATA", raising=False)
    monkeypatch.setattr(_fetch, "cache", lambda: tmp_path / "cache")
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
    files = {"monthly-sunspots.csv": hashlib.sha256(claimed).hexdigest()}
    task = replace(TASKS["sunspots"], download=address, files=files)
    monkeypatch.setattr(_registry, "TASKS", {"sunspots": task})


MONTHS = ('"Month","Sunspots"\n' + "".join(f"m{i},{i % 40}.5\n" for i in range(700))).encode()


def test_what_is_nowhere_is_downloaded_once_and_then_cached(
    empty: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve(server, monkeypatch, MONTHS, MONTHS)
    train, _, _ = tasks.load("sunspots")
    assert train.inputs.shape[1:] == (64, 1)
    (server[0] / "monthly-sunspots.csv").unlink()
    assert tasks.find("sunspots") == empty / "cache" / "sunspots"


def test_a_download_that_is_not_what_was_published_is_refused(
    empty: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve(server, monkeypatch, MONTHS + b"x", MONTHS)
    with pytest.raises(DataError, match=r"sunspots: downloading .* failed"):
        tasks.find("sunspots")
    assert not list((empty / "cache" / "sunspots").glob("*.csv"))


def test_a_failed_download_says_what_to_do(
    empty: Path, server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve(server, monkeypatch, MONTHS, MONTHS)
    (server[0] / "monthly-sunspots.csv").unlink()
    with pytest.raises(DataError, match="LNN_DATA"):
        tasks.find("sunspots")


def test_the_folder_in_the_environment_comes_first(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (empty / "mine", empty / "cache"):
        (place / "sunspots").mkdir(parents=True)
        (place / "sunspots" / "monthly-sunspots.csv").write_bytes(MONTHS)
    assert tasks.find("sunspots") == empty / "cache" / "sunspots"
    monkeypatch.setenv("LNN_DATA", str(empty / "mine"))
    assert tasks.find("sunspots") == empty / "mine" / "sunspots"


@pytest.mark.parametrize("name", sorted(name for name, task in TASKS.items() if task.files))
def test_without_files_and_network_the_error_says_where_to_get_them(empty: Path, name: str) -> None:
    with pytest.raises(DataError) as raised:
        tasks.find(name, download=False)
    assert TASKS[name].source in str(raised.value) and "LNN_DATA" in str(raised.value)


def test_damaged_files_are_refused(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LNN_DATA", str(empty))
    for name in ("sunspots", "half_cheetah", "occupancy"):
        (empty / name).mkdir()
        for file in TASKS[name].files:
            (empty / name / file).write_bytes(b"nothing of the kind")
        with pytest.raises(DataError, match=f"{name}: the files in .* are damaged"):
            tasks.load(name)


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_damaged_archives_are_refused(
    empty: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("LNN_DATA", str(empty))
    name = {"tar": "physionet2012", "zip": "walker2d"}[kind]
    (empty / name).mkdir()
    for file in TASKS[name].files:
        (empty / name / file).write_bytes(
            b"PK\x03\x04 and no more" if kind == "zip" else b"x" * 999
        )
    (empty / name / "Outcomes-a-first1500.txt").write_text("RecordID,In-hospital_death\n1,0\n")
    with pytest.raises(DataError, match=f"{name}: the files in .* are damaged"):
        tasks.load(name)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(OptionError, match="did you mean 'half_cheetah'"):
        tasks.load("half_cheeta")
    with pytest.raises(OptionError, match="protocol"):
        tasks.load("sunspots", "paper")


def test_irregular_parity_is_made_as_published() -> None:
    """Bit by bit, as the published generator tells it; and its labels, from what is seen."""
    made = sequences(300, seed=48736)
    rng = np.random.RandomState(48736)
    for row in range(300):
        seen: list[tuple[int, int]] = []
        last, counter, ones = -1, 0, 0
        for _ in range(rng.randint(2, 32)):
            counter += 1
            bit = int(rng.randint(0, 2))
            ones += bit
            if bit != last:
                seen.append((bit, counter))
                counter = 0
            last = bit
        if counter > 0:
            seen.append((last, counter))
        padding = [(0, 0)] * (32 - len(seen))
        assert made.elapsed_time is not None and made.mask is not None
        found = zip(made.inputs[row, :, 0].tolist(), (32 * made.elapsed_time[row]).tolist())
        assert list(found) == seen + padding
        assert made.mask[row].tolist() == [True] * len(seen) + [False] * len(padding)
        assert int(made.targets[row]) == ones % 2


def _centre(images: Tensor) -> Tensor:
    """(B, 2): the row and column, in pixels from the middle, around which the brightness lies."""
    places = torch.arange(28) - 13.5
    rows, columns = (images.sum(dim) @ places / images.sum((1, 2)) for dim in (2, 1))
    return torch.stack([rows, columns], dim=1)


def test_moved_digits_stay_whole_and_near() -> None:
    dots = torch.zeros(200, 28, 28)
    dots[:100, 13:15, 13:15] = 1  # in the middle: shifted only, by up to 2 pixels
    dots[100:, 13:15, 20:22] = 1  # 7 to its right: turned by up to 10 degrees as well
    found = moved(dots, seed=3)
    torch.testing.assert_close(found.sum((1, 2)), torch.full((200,), 4.0), atol=0.15, rtol=0)
    shifts = _centre(found) - _centre(dots)
    middle, right = shifts.abs().split(100)
    assert 1.8 < middle.max() < 2.1
    assert middle.mean() == pytest.approx(1.0, abs=0.15)
    assert 2.2 < right[:, 0].max() < 3.6  # 2 (cos 10 + sin 10) + 7 sin 10
    assert torch.equal(found, moved(dots, seed=3))


@data_here
def test_digits_are_as_many_as_published_and_the_first_are_unmoved() -> None:
    train, valid, test = load("mnist", "paper")
    images, *copies = train.inputs.split(7200)
    assert (len(copies), len(valid), len(test)) == (7, 800, 2000)
    steps = images * 255
    torch.testing.assert_close(steps, steps.round(), atol=1e-4, rtol=0)
    labels = train.targets.split(7200)
    for copy, copied in zip(copies, labels[1:]):
        assert torch.equal(copied, labels[0])
        far = (_centre(copy) - _centre(images)).abs().amax(dim=1)
        assert 1.0 < far.mean() < 2.0  # max of two uniform ones up to 2: 4/3, and a little turn
        assert far.max() < 4


load = lru_cache(maxsize=1)(tasks.load)


@data_here
@pytest.mark.parametrize(("name", "protocol"), PROTOCOLS)
def test_every_protocol_gives_windows_that_fit_together(name: str, protocol: str) -> None:
    parts = load(name, protocol)
    for part in parts:
        assert part.inputs.shape[1:] == parts.train.inputs.shape[1:]
        whole = name in ("mnist", "physionet2012", "xor_irregular")  # one class a sequence
        assert part.targets.shape[:2] == part.inputs.shape[: 1 if whole else 2]
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
    "xor_irregular": (95000, 5000, 10000),
    "physionet2012": (1020, 180, 300),
}


@data_here
@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_paper_protocols_have_the_published_sizes(name: str) -> None:
    assert tuple(len(part) for part in tasks.load(name, "paper")) == PUBLISHED[name]


def _mse(predictions: Tensor, targets: Tensor) -> float:
    return float((predictions - targets).double().square().mean())


# What trivial predictors score on the test part, worked out from the raw files by others.
@data_here
@pytest.mark.parametrize(("name", "known"), [("half_cheetah", 62.866), ("walker2d", 4.538)])
def test_copying_the_input_scores_what_is_known(name: str, known: float) -> None:
    test = tasks.load(name).test
    assert _mse(test.inputs, test.targets) == pytest.approx(known, abs=6e-4)


@data_here
@pytest.mark.parametrize(("name", "known"), [("gesture", 26.35), ("occupancy", 75.8)])
def test_the_commonest_class_scores_what_is_known(name: str, known: float) -> None:
    parts = tasks.load(name)
    commonest = parts.train.targets.flatten().mode().values
    share = (parts.test.targets == commonest).double().mean()
    assert 100 * float(share) == pytest.approx(known, abs=0.06)


@data_here
def test_predicting_the_mean_of_traffic_scores_what_is_known() -> None:
    targets = tasks.load("traffic", "paper").test.targets
    assert _mse(torch.zeros_like(targets), targets) == pytest.approx(0.998, abs=6e-4)


@data_here
def test_repeating_the_latest_month_of_sunspots_scores_what_is_known() -> None:
    raw = np.genfromtxt(
        Path(HERE) / "sunspots" / "monthly-sunspots.csv", delimiter=",", skip_header=1
    )[:, 1]
    test = tasks.load("sunspots").test
    assert test.targets.flatten()[-1] == pytest.approx(raw[-1])
    newest = raw[-len(raw) // 5 :]
    assert np.sqrt(np.mean(np.diff(newest) ** 2)) == pytest.approx(20.10, abs=0.05)


@data_here
def test_walker_is_irregular_by_whole_steps() -> None:
    elapsed = tasks.load("walker2d").train.elapsed_time
    assert elapsed is not None
    assert float(elapsed.min()) == 1.0 and float(elapsed.max()) >= 3.0
    assert float((elapsed > 1).double().mean()) == pytest.approx(0.1, abs=0.01)


@data_here
def test_a_patient_is_what_the_file_says() -> None:
    """Record 132539, the first of all, read with the standard library."""
    folder = Path(HERE) / "physionet2012"
    with tarfile.open(folder / "set-a-first1500.tar.gz") as archive:
        file = archive.extractfile("set-a/132539.txt")
        assert file is not None
        rows = list(csv.reader(io.TextIOWrapper(file)))[2:]
    hours = [int(time[:2]) + int(time[3:]) / 60 for time, _, _ in rows]
    rounded = [round(round(hour / 0.016) * 0.016, 6) for hour in hours]
    measured = {(hour, name) for hour, (_, name, _) in zip(rounded, rows)}
    train, valid, test = load("physionet2012")
    # In the order of the published shuffling: test, validation, training.
    patients, died, elapsed, masks = (
        torch.cat([getattr(part, field) for part in (test, valid, train)])
        for field in ("inputs", "targets", "elapsed_time", "mask")
    )
    place = int(np.flatnonzero(np.random.RandomState(42).permutation(1500) == 0)[0])
    length = int(masks[place].sum())
    assert length == len(set(rounded))
    times = elapsed[place, :length].cumsum(0).tolist()
    assert times == pytest.approx(sorted(set(rounded)), abs=1e-4)
    values, present = patients[place].split(40, dim=1)
    assert int(present.sum()) == len(measured)
    assert bool((values[present == 0] == 0).all())
    assert int(died[place]) == 0


@data_here
@pytest.mark.parametrize("name", ["gesture", "traffic", "power", "ozone"])
def test_honest_protocols_test_on_rows_no_training_window_has(name: str) -> None:
    parts = tasks.load(name, "honest")
    rows = [
        {row.tobytes() for row in part.inputs.flatten(0, 1).numpy()}
        for part in (parts.train, parts.test)
    ]
    shared = len(rows[0] & rows[1])
    # Weather and power readings repeat themselves now and then; windows never do.
    windows = [
        {window.tobytes() for window in part.inputs.numpy()} for part in (parts.train, parts.test)
    ]
    assert shared < 0.5 * len(rows[1]) and not windows[0] & windows[1]
