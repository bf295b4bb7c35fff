"""The faults written by hand, each in a copy, against the tests it names."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from . import copies, forked
from .edits import Edit
from .native import Extension


@dataclass(frozen=True)
class Result:
    """How one edit fared."""

    name: str
    file: str
    caught: bool
    reason: str
    seconds: float


Try = Callable[[Path, Sequence[str]], forked.Outcome]
"""Runs tests in a copy, as it stands."""


def run(kind: str, edits: Sequence[Edit], processes: int) -> list[Result]:
    """All of them; ``kind`` is ``survivors``, ``c`` or ``clojure``.

    Raises:
        RuntimeError: tests fail with nothing planted.
    """
    makers = {"survivors": _python_tests, "c": _c_tests, "clojure": _clojure_tests}
    target = copies.WORK / f"{kind}.jsonl"
    target.unlink(missing_ok=True)
    ready: dict[int, tuple[Path, Try]] = {}
    first = copies.make(f"{kind}-unchanged")
    every = sorted({test for edit in edits for test in edit.tests})
    outcome = makers[kind](first)(first, every)
    if outcome.caught:
        raise RuntimeError(f"tests fail with nothing planted: {outcome}")

    def work(numbered: tuple[int, Edit]) -> None:
        if os.getpid() not in ready:
            made = copies.make(f"{kind}-{os.getpid()}")
            ready[os.getpid()] = made, makers[kind](made)
        copy, attempt = ready[os.getpid()]
        number, edit = numbered
        start = time.monotonic()
        with copies.planted(copy, edit.file, edit.planted()):
            outcome = attempt(copy, edit.tests)
        seconds = time.monotonic() - start
        result = Result(edit.name, str(edit.file), outcome.caught, outcome.reason, seconds)
        with target.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")
        print(f"{number + 1}/{len(edits)} {'caught' if result.caught else 'SURVIVED'}: "
              f"{result.name} ({result.seconds:.0f} s) {result.reason}", flush=True)  # fmt: skip

    forked.shared(work, list(enumerate(edits)), processes)
    return [Result(**json.loads(line)) for line in target.read_text().splitlines()]


def _python_tests(_: Path) -> Try:
    """pytest."""

    def attempt(copy: Path, tests: Sequence[str]) -> forked.Outcome:
        return forked.run(copy, tests, copies.WORK / f"{copy.name}.log", seconds=1800)

    return attempt


def _c_tests(copy: Path) -> Try:
    """pytest, after the extension was built anew."""
    extension = Extension(copy, copies.WORK / "objects")
    run_tests = _python_tests(copy)

    def attempt(copy: Path, tests: Sequence[str]) -> forked.Outcome:
        try:
            extension.build()
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"does not compile:\n{error.stderr.decode()}") from None
        return run_tests(copy, tests)

    return attempt


def _clojure_tests(_: Path) -> Try:
    """``tests/clojure/run`` with some namespaces."""

    def attempt(copy: Path, namespaces: Sequence[str]) -> forked.Outcome:
        log = copies.WORK / f"{copy.name}.txt"
        names = [f"liquid-neural-networks.{each}" for each in namespaces]
        environment = {
            "LNN_PYTHON": str(copies.ROOT / ".venv/bin/python"),
            **os.environ,
            "PYTHONPATH": str(copy / "python"),
        }
        start = time.monotonic()
        with log.open("wb") as file:
            process = subprocess.Popen(
                ["tests/clojure/run", *names], cwd=copy, env=environment,
                stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            try:
                code = process.wait(timeout=3600)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return forked.Outcome(True, "out of time", 0, time.monotonic() - start)
        lines = log.read_text(errors="replace").splitlines()
        failed = [line for line in lines if line.startswith("FAILED")]
        reason = "" if code == 0 else failed[0] if failed else "does not load"
        return forked.Outcome(code != 0, reason, 0, time.monotonic() - start)

    return attempt


def report(results: Sequence[Result]) -> str:
    """The score, and who survived."""
    caught = sum(each.caught for each in results)
    spent = sum(each.seconds for each in results) / max(len(results), 1)
    share = 100 * caught / max(len(results), 1)
    lines = [f"{caught} of {len(results)} caught: {share:.1f} %; {spent:.0f} s each"]
    lines += [f"survived: {each.name} ({each.file})" for each in results if not each.caught]
    return "\n".join(lines)
