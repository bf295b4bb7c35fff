"""``python -m tests.mutants [python|survivors|c|clojure]``; ``make mutants`` runs all four.

Reports are written to ``build/mutants``; the exit status says whether enough was caught.
"""

from __future__ import annotations

import argparse
import sys

from . import copies, covering, edits, edits_run, equivalents, forked, generate, python_run

ENOUGH = 0.95
"""The share of faults that the tests have to catch."""

KINDS = ["python", "survivors", "c", "clojure"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("kinds", nargs="*", default=KINDS, metavar="KIND",
                        help=f"{', '.join(KINDS)}; default: all")  # fmt: skip
    parser.add_argument("--count", type=int, default=200, help="Python mutants in the sample")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--modules", nargs="+", default=python_run.MODULES, metavar="MODULE")
    parser.add_argument("--tests", nargs="+", default=(), metavar="FILE", help="default: all")
    parser.add_argument("--limit", type=float, default=240.0, metavar="SECONDS",
                        help="of tests that a Python mutant has to survive")  # fmt: skip
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    copies.WORK.mkdir(parents=True, exist_ok=True)
    forked.preload()
    good = True
    for kind in options.kinds:
        share, text = _python(options) if kind == "python" else _by_hand(kind, options)
        (copies.WORK / f"{kind}.txt").write_text(text + "\n")
        print(text, flush=True)
        good = good and share >= ENOUGH
    sys.exit(0 if good else 1)


def _python(options: argparse.Namespace) -> tuple[float, str]:
    known = equivalents.read()
    files = generate.files_of(options.modules)
    mutants = generate.sample(files, options.count, options.seed)
    covered = covering.covering(options.processes, options.tests)
    results = python_run.run(mutants, covered, known, options.processes, options.limit)
    return python_run.share(results), python_run.report(results)


def _by_hand(kind: str, options: argparse.Namespace) -> tuple[float, str]:
    planned = edits.read(kind)
    results = edits_run.run(kind, planned, options.processes)
    return sum(each.caught for each in results) / len(results), edits_run.report(results)


main()
