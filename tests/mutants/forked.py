"""Runs tests in a fork of this process, which has torch imported but nothing of ours.

Importing torch and what the tests need takes longer than most tests: a fork has it at once.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import pytest

PRELOADED = (
    "torch", "torch._dynamo", "torch.export", "torch.utils.data", "numpy", "hypothesis",
    "hypothesis.strategies", "polars", "msgpack", "click.testing", "networkx", "tqdm",
    "torchdiffeq", "matplotlib.pyplot", "ncps.torch", "ncps.wirings",
)  # fmt: skip

MEMORY = 12 * 2**30
"""Bytes that a run may address: a mutant may ask for any number."""


def preload() -> None:
    """Imports what the tests import, as far as it is there."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("MPLBACKEND", "agg")
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    ours = [name for name in sys.modules if name.startswith("liquid_neural_networks")]
    if ours:
        raise RuntimeError(f"{ours[0]} is imported already: forks would not see what is planted")


@dataclass(frozen=True)
class Outcome:
    """How a run of tests ended.

    Attributes:
        caught: whether a test failed, the process died or the time ran out.
        reason: the test, the signal or the time; empty if not caught.
        ran: how many tests ran.
        seconds: of wall time.
    """

    caught: bool
    reason: str
    ran: int
    seconds: float


@dataclass
class Selection:
    """A pytest plugin that runs some tests in some order, and writes down what happens."""

    wanted: Sequence[str]
    log: Path

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if not all("::" in name for name in self.wanted):
            return  # whole files
        place = {name: index for index, name in enumerate(self.wanted)}
        named = {item: place.get(item.nodeid, place.get(_function(item))) for item in items}
        found = [(index, item) for item, index in named.items() if index is not None]
        items[:] = [item for _, item in sorted(found, key=lambda pair: pair[0])]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.failed:
            with self.log.open("a") as file:
                file.write(f"{'FAILED' if report.failed else 'ok'} {report.nodeid}\n")


def _function(item: pytest.Item) -> str:
    """The node id of a test without the case."""
    return item.nodeid.split("[")[0]


def run(copy: Path, tests: Sequence[str], log: Path, seconds: float) -> Outcome:
    """These tests (node ids, functions or whole files) in a copy of the checkout, until one fails.

    ``seconds`` is how much of a processor they may use; one that only waits is ended as well.
    """
    log.unlink(missing_ok=True)
    files = sorted({test.split("::")[0] for test in tests})
    start = time.monotonic()

    def child() -> int:
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-rN", "--tb=short"]
        return int(pytest.main([*options, *files], plugins=[Selection(tests, log)]))

    code = in_child(copy, child, log.with_suffix(".txt"), seconds)
    lines = log.read_text().splitlines() if log.exists() else []
    failed = [line[7:] for line in lines if line.startswith("FAILED ")]
    spent = time.monotonic() - start
    if code == 0 or (code == pytest.ExitCode.NO_TESTS_COLLECTED and not failed):
        return Outcome(False, "", len(lines), spent)
    return Outcome(True, failed[0] if failed else _how_it_died(code), len(lines), spent)


def _how_it_died(code: Optional[int]) -> str:
    if code in (None, -signal.SIGXCPU):
        return "out of time"
    return f"signal {-code}" if code < 0 else "does not import"


def in_child(copy: Path, work: Callable[[], int], output: Path, seconds: float) -> Optional[int]:
    """What ``work`` returns in a fork whose package is that of the copy; None if it only waits.

    A negative number is the signal that ended the fork.
    """
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            _become(copy, output)
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, resource.RLIM_INFINITY))
            code = work()
            sys.stdout.flush()
        finally:
            os._exit(code)
    return _wait(pid, 600 + 10 * seconds)  # on a machine that has other things to do


def _become(copy: Path, output: Path) -> None:
    """The fork's own group, output, folder, path and limits."""
    os.setsid()
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.RLIM_INFINITY))  # tests set others
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(copy)
    os.environ["PYTHONPATH"] = str(copy / "python")
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    root = Path(__file__).resolve().parents[2]
    others = {str(root / "python"), str(root), ""}
    sys.path[:] = [str(copy / "python"), str(copy)] + [p for p in sys.path if p not in others]
    importlib.invalidate_caches()


def shared(work: Callable[[Any], None], items: Sequence[Any], processes: int) -> None:
    """Does all items in so many forks, each of which takes the next when it is done.

    Raises:
        RuntimeError: one of them failed.
    """
    following = multiprocessing.get_context("fork").Value("i", 0)

    def child() -> None:
        while True:
            with following.get_lock():
                index = following.value
                following.value += 1
            if index >= len(items):
                return
            work(items[index])

    sys.stdout.flush()
    pids = []
    for _ in range(processes):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                child()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        pids.append(pid)
    if any(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids):
        raise RuntimeError("a process failed, see above")


def _wait(pid: int, timeout: float) -> Optional[int]:
    """The fork's end; its whole group ends with it."""
    end = time.monotonic() + timeout
    code: Optional[int] = None
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            break
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if code is None:
        os.waitpid(pid, 0)
    return code
