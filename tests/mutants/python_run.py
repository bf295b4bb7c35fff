"""A sample of mutants of the Python package, each against the tests that run its lines."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

from . import copies, forked
from .covering import Covering, in_order
from .equivalents import Equivalent
from .generate import Mutant

MODULES = (
    "wiring", "dynamics", "memory", "constraints", "readout", "solvers", "engines", "fused",
    "_kernel", "parallel_time", "neuron", "network", "_inputs", "_sequences", "_parameters",
    "_indices", "streaming", "model_file", "interchange", "data", "training", "inspection",
    "compat", "interop",
)  # fmt: skip
"""What is mutated unless other modules are named."""

FIRST_SECONDS, FIRST_FILES = 8.0, 6
"""Of the tests that run first: most mutants are caught by them, and few files are imported."""


@dataclass(frozen=True)
class Result:
    """How one mutant fared; ``how`` is ``caught``, ``survived``, ``not run`` or ``equivalent``."""

    file: str
    line: int
    how: str
    reason: str
    tests: int
    seconds: float
    diff: str


def run(
    mutants: Sequence[Mutant],
    known: Covering,
    equivalents: Sequence[Equivalent],
    processes: int,
    limit: float,
) -> list[Result]:
    """All of them; ``limit`` is the seconds of tests that a mutant has to survive."""
    for name in known.failed:
        print(f"fails unchanged, and catches nothing: {name}")
    _check_unchanged(known)
    target = copies.WORK / "results.jsonl"
    target.unlink(missing_ok=True)
    copied: dict[int, Path] = {}

    def work(numbered: tuple[int, Mutant]) -> None:
        pid = os.getpid()
        if pid not in copied:
            copied[pid] = copies.make(f"copy-{pid}")
        number, mutant = numbered
        result = _result(copied[pid], mutant, known, equivalents, limit)
        with target.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")
        print(f"{number + 1}/{len(mutants)} {result.how}: {result.file}:{result.line} "
              f"({result.seconds:.0f} s) {result.reason}", flush=True)  # fmt: skip

    forked.shared(work, list(enumerate(mutants)), processes)
    return [Result(**json.loads(line)) for line in target.read_text().splitlines()]


def _check_unchanged(known: Covering) -> None:
    """A few tests must pass in a copy that nothing was planted in, or all would be 'caught'."""
    tests = [t for t in in_order(known.tests, known.tests) if known.tests[t] < 0.5][:150]
    outcome = forked.run(copies.make("unchanged"), tests, copies.WORK / "unchanged.log", 600)
    if outcome.caught or outcome.ran != len(tests):
        raise RuntimeError(f"tests fail with nothing planted: {outcome}")


def _result(
    copy: Path,
    mutant: Mutant,
    known: Covering,
    equivalents: Sequence[Equivalent],
    limit: float,
) -> Result:
    start = time.monotonic()
    outcome = _outcome(copy, mutant, in_order(known.of(mutant), known.tests), known, limit)
    if outcome is None:
        how, reason, ran = "not run", "no test runs it", 0
    else:
        how, reason, ran = "caught" if outcome.caught else "survived", outcome.reason, outcome.ran
    if how != "caught":
        why = next((each.why for each in equivalents if each.is_of(mutant)), None)
        how, reason = (how, reason) if why is None else ("equivalent", why)
    seconds = time.monotonic() - start
    return Result(str(mutant.file), mutant.lines[0], how, reason, ran, seconds, mutant.diff())


def _outcome(
    copy: Path, mutant: Mutant, tests: Sequence[str], known: Covering, limit: float
) -> Optional[forked.Outcome]:
    """Of the first tests, then of the others; None where there are none."""
    if not tests:
        return None
    first = _within(tests, known.tests, FIRST_SECONDS, FIRST_FILES)
    others = _within(tests[len(first) :], known.tests, limit, len(tests))
    ran = 0
    outcome = None
    for part in (first, others):
        if not part:
            continue
        expected = sum(known.tests[test] for test in part)
        log = copies.WORK / f"{copy.name}.log"
        with copies.planted(copy, mutant.file, mutant.after):
            outcome = forked.run(copy, part, log, timeout=60 + 5 * expected)
        ran += outcome.ran
        if outcome.caught:
            break
    assert outcome is not None
    reason = outcome.reason
    left = len(tests) - len(first) - len(others)
    if not outcome.caught and left:
        reason = f"{left} slower tests were left out"
    return forked.Outcome(outcome.caught, reason, ran, outcome.seconds)


def _within(
    tests: Sequence[str], seconds: dict[str, float], most: float, most_files: int
) -> list[str]:
    """As many of the first as fit."""
    kept: list[str] = []
    total, files = 0.0, set()
    for test in tests:
        total += seconds[test]
        files.add(test.split("::")[0])
        if kept and (total > most or len(files) > most_files):
            break
        kept.append(test)
    return kept


def share(results: Sequence[Result]) -> float:
    """Of those that somebody could notice, how many were."""
    counted = [each.how for each in results if each.how != "equivalent"]
    return counted.count("caught") / max(len(counted), 1)


def report(results: Sequence[Result]) -> str:
    """A table by module, then every survivor's diff."""
    names = sorted({_module(each) for each in results})
    hows = ("caught", "survived", "not run", "equivalent")
    rows = [("module", *hows)]
    for name in [*names, "all"]:
        own = [each.how for each in results if name in (_module(each), "all")]
        rows.append((name, *(str(own.count(how)) for how in hows)))
    lines = ["".join(f"{cell:<18}" if i == 0 else f"{cell:>12}" for i, cell in enumerate(row))
             for row in rows]  # fmt: skip
    counted = sum(each.how != "equivalent" for each in results)
    caught = sum(each.how == "caught" for each in results)
    spent = sum(each.seconds for each in results) / max(len(results), 1)
    percent = 100 * share(results)
    lines.append(f"{caught} of {counted} caught: {percent:.1f} %; {spent:.1f} s a mutant")
    for each in results:
        if each.how in ("survived", "not run"):
            lines += ["", f"{each.how}: {each.reason}" if each.reason else each.how, each.diff]
        elif each.how == "equivalent":
            lines += ["", f"equivalent: {each.reason}", each.diff]
    return "\n".join(lines)


def _module(result: Result) -> str:
    return Path(result.file).parts[2].removesuffix(".py")
