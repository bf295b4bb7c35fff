"""Which tests run which line, and how long they take: each test file once, under coverage."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import coverage
import pytest

from . import copies, forked
from .generate import Mutant

NOT_RUN = {
    "test_docs.py": "runs the blocks of docs/ in one piece each",
    "test_examples.py": "runs whole applications",
    "test_papers.py": "trains published tasks",
    "test_portable.py": "compiles the C files for other machines",
    "test_readme.py": "compares texts",
}
"""Tests of other things than the package, or that run minutes."""


@dataclass
class Covering:
    """Attributes:
    tests: node id -> seconds of processor time, of those that passed.
    lines: file -> line -> node ids.
    failed: node ids of those that did not pass unchanged; they cannot catch anything.
    """

    tests: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def of(self, mutant: Mutant) -> set[str]:
        """The tests that run one of its lines; of what runs at import, those that run the file,
        whichever of them happened to import it."""
        lines = self.lines.get(str(mutant.file), {})
        if mutant.at_import:
            return set().union(*lines.values())
        for first, last in (mutant.lines, mutant.statement):
            here = [lines[number] for number in range(first, last + 1) if number in lines]
            if here:
                return set().union(*here) or set().union(*lines.values())
        return set()


def covering(processes: int, files: Sequence[str] = ()) -> Covering:
    """Of the checkout as it stands, by all test files or those named; kept until one changes."""
    folder = copies.WORK / "covering"
    folder.mkdir(parents=True, exist_ok=True)
    there = sorted(path.name for path in (copies.ROOT / "tests/python").glob("test_*.py"))
    wanted = list(files) or [name for name in there if name not in NOT_RUN]
    keys = {name: copies.fingerprint(name) for name in wanted}
    missing = [name for name in wanted if _read(folder / f"{name}.json", keys[name]) is None]
    if missing:
        copy = copies.make("covering-copy")
        print(f"finding out what the tests of {len(missing)} files run", flush=True)
        forked.shared(lambda name: _measure(copy, name, folder, keys[name]), missing, processes)
    together = Covering()
    for name in wanted:
        _add(together, _read(folder / f"{name}.json", keys[name]))
    return together


def _read(path: Path, key: str) -> Optional[dict[str, Any]]:
    if not path.exists():
        return None
    data: dict[str, Any] = json.loads(path.read_text())
    return data if data["key"] == key else None


def _add(together: Covering, data: Optional[dict[str, Any]]) -> None:
    assert data is not None
    together.tests |= data["tests"]
    together.failed += data["failed"]
    for file, lines in data["lines"].items():
        kept = together.lines.setdefault(file, {})
        for line, tests in lines.items():
            passed = {data["names"][index] for index in tests} & data["tests"].keys()
            kept.setdefault(int(line), set()).update(passed)


@dataclass
class Watcher:
    """A pytest plugin that tells coverage which test runs, and notes how it ends."""

    measuring: coverage.Coverage
    seconds: dict[str, float] = field(default_factory=dict)
    passed: dict[str, bool] = field(default_factory=dict)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measuring.switch_context(item.nodeid)
        start = _processor_time()
        result = yield
        self.seconds[item.nodeid] = _processor_time() - start
        self.measuring.switch_context("")
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self.passed[report.nodeid] = report.passed


def _processor_time() -> float:
    """Of this process and those it waited for, which says more than a clock on a busy machine."""
    return sum(os.times()[:4])


def _measure(copy: Path, name: str, folder: Path, key: str) -> None:
    """One test file; what it ran goes to a file of its own."""
    start, target = time.monotonic(), folder / f"{name}.json"
    target.unlink(missing_ok=True)

    def child() -> int:
        measuring = coverage.Coverage(
            data_file=None, source=[str(copy / "python")], config_file=False, branch=False
        )
        watcher = Watcher(measuring)
        measuring.start()
        options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-rN", "--tb=line"]
        pytest.main([*options, f"tests/python/{name}"], plugins=[watcher])
        measuring.stop()
        target.write_text(json.dumps({"key": key, **_told(measuring.get_data(), watcher, copy)}))
        return 0

    forked.in_child(copy, child, folder / f"{name}.txt", seconds=3600)
    if not target.exists():
        raise RuntimeError(f"{name} did not run: see {folder / name}.txt")
    print(f"  {name}: {time.monotonic() - start:.0f} s", flush=True)


def _told(data: coverage.CoverageData, watcher: Watcher, copy: Path) -> dict[str, Any]:
    """Plain data, tests as indices into names."""
    names = sorted(watcher.passed)
    index = {name: place for place, name in enumerate(names)}
    lines = {}
    for file in data.measured_files():
        by_line = data.contexts_by_lineno(file)
        lines[os.path.relpath(file, copy)] = {
            line: sorted(index[test] for test in tests if test in index)
            for line, tests in by_line.items()
        }
    return {
        "names": names,
        "tests": {name: watcher.seconds[name] for name in names if watcher.passed[name]},
        "failed": [name for name in names if not watcher.passed[name]],
        "lines": lines,
    }


def in_order(tests: Iterable[str], seconds: dict[str, float]) -> list[str]:
    """One case of each test function first, the quickest first; then the second case of each."""
    cases: dict[str, list[str]] = defaultdict(list)
    for test in sorted(tests, key=lambda test: (seconds[test], test)):
        cases[test.split("[")[0]].append(test)
    ranked = [
        (rank, seconds[test], test) for own in cases.values() for rank, test in enumerate(own)
    ]
    return [test for _, _, test in sorted(ranked)]
