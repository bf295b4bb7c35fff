"""``python -m tests.mutants python|c|clojure``; ``make mutants`` runs all three."""

from __future__ import annotations

import argparse

from . import copies, covering, equivalents, forked, generate, python_run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="mutants in the sample")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--limit", type=float, default=240.0, metavar="SECONDS",
                        help="of tests that a mutant has to survive")  # fmt: skip
    parser.add_argument("--tests", nargs="+", default=(), metavar="FILE", help="default: all")
    parser.add_argument("modules", nargs="*", default=python_run.MODULES)
    options = parser.parse_args()
    copies.WORK.mkdir(parents=True, exist_ok=True)
    known = equivalents.read()
    mutants = generate.sample(generate.files_of(options.modules), options.count, options.seed)
    forked.preload()
    covered = covering.covering(options.processes, options.tests)
    results = python_run.run(mutants, covered, known, options.processes, options.limit)
    text = python_run.report(results)
    (copies.WORK / "python.txt").write_text(text + "\n")
    print(text)


main()
