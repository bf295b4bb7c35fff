"""Every conformance vector that exported C can express, on every target whose tools are there.

    python -m tests.exports [--random 1000]

Forecasters with everything that forecasts start from run there too, beside ``predict``.
Targets are compilers with the command line of the tests, the sanitizers, and other processors in
emulators: s390x has its bytes in the other order, microcontrollers have no operating system. Whole
numbers have to be those of the vectors, bit for bit. Writes one line a target: cases, worst error.
Exits with 1 where one fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

from spec.encoding import VECTORS
from spec.fixed_cases import VECTORS as FIXED_VECTORS

from export_cases import TARGETS, Case, FixedCase, Program, Target, at_hand
from forecast_cases import KINDS, fitted, name, sequence, table
from liquid_neural_networks import LiquidNetwork

from .networks import random_networks

WITHIN = 1e-5
"""As the spec counts errors; it allows 1e-4."""


def vectors(target: Target) -> Iterator[tuple[str, float]]:
    """(case, error)."""
    cases = [Case(path) for path in sorted(VECTORS.glob("*.msgpack"))]
    cases = [case for case in cases if not case.why_not]
    # What has no operating system has little memory: a program for each network.
    for some in [[case] for case in cases] if target.bare else [cases]:
        with tempfile.TemporaryDirectory() as folder:
            program = Program(Path(folder), {case.name: case.network() for case in some}, target)
            for case in some:
                yield case.name, case.error(program)


def fixed_vectors(target: Target) -> Iterator[tuple[str, float]]:
    """(case, how many numbers differ)."""
    for path in sorted(FIXED_VECTORS.glob("*.msgpack")):
        with tempfile.TemporaryDirectory() as folder:
            yield path.stem, FixedCase(path).differences(Path(folder), target)


def forecasts(target: Target) -> Iterator[tuple[str, float]]:
    """(what forecasts start from, relative error) beside ``predict``."""
    if target.compiler == "avr-gcc":
        # simavr takes an addition of 29 or 61 that may be skipped for a jump of two words, and
        # skips what follows too; with -Os, rings of so many samples have such additions.
        target = target._replace(options=("-O1", *target.options[1:]))
    for hours in ("even", "as they come"):
        whole = table(hours)
        rows = whole.head(32 if target.bare else len(whole))
        for kind, options in KINDS.items():
            forecaster = fitted(options, whole)
            inputs, times, wanted = sequence(forecaster, rows)
            with tempfile.TemporaryDirectory() as folder:
                program = Program(Path(folder), {name(kind): forecaster}, target)
                found = program.outputs(name(kind), inputs, times)
            missed = np.abs(found - wanted) / np.maximum(1, np.abs(wanted))
            same = (np.isnan(found) == np.isnan(wanted)).all()
            yield f"{kind}, {hours}", float(np.nanmax(missed)) if same else np.inf


def random_ones(target: Target, count: int) -> Iterator[tuple[str, float]]:
    """(network, error) of exported C beside a stream in float64, in programs of 50 networks.

    Errors count beyond four times those of a stream in float32: some of these networks, explicit
    solvers above all, make much of rounding.
    """
    rng = np.random.default_rng(0)
    for start in range(0, count, 50):
        made = dict(random_networks(range(start, min(start + 50, count))))
        with tempfile.TemporaryDirectory() as folder:
            program = Program(Path(folder), made, target)
            for name, network in made.items():
                inputs = rng.normal(size=(12, network.input_size)).astype(np.float32)
                inputs[rng.random(inputs.shape) < 0.1] = np.nan
                times = np.exp(rng.normal(size=12)).astype(np.float32)
                found = program.run(name, inputs, times).outputs
                single = streamed(network, inputs, times)
                exact = streamed(network.double(), inputs, times)
                forgiven = 4 * np.abs(single - exact).max()
                scale = max(1, np.abs(exact).max())
                yield name, float(max(np.abs(found - exact).max() - forgiven, 0) / scale)


def streamed(network: LiquidNetwork, inputs: np.ndarray, times: np.ndarray) -> np.ndarray:
    stream = network.stream()
    return np.stack([stream.step(u, float(t)) for u, t in zip(inputs, times)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", nargs="*", help="The first words of names; default: all.")
    parser.add_argument("--random", type=int, default=0, help="Networks, with the first target.")
    options = parser.parse_args()
    failed = 0
    chosen = options.targets or [""]
    for target in TARGETS:
        if not target.name.startswith(tuple(chosen)):
            continue
        if not at_hand(target):
            print(f"{target.name:32} SKIPPED: there is no {target.compiler} or no emulator")
            continue
        failed += report(f"{target.name}, whole numbers", dict(fixed_vectors(target)))
        failed += report(target.name, dict(vectors(target)))
        failed += report(f"{target.name}, forecasts", dict(forecasts(target)))
    if options.random:
        failed += report("random networks", dict(random_ones(TARGETS[0], options.random)))
    return 1 if failed else 0


def report(name: str, errors: dict[str, float]) -> int:
    """Prints a line; returns how many were too far off."""
    bad = [case for case, error in errors.items() if not error <= WITHIN]
    print(
        f"{name:32} {len(errors):5} cases, worst error {max(errors.values()):.1e}", *bad, flush=True
    )
    return len(bad)


if __name__ == "__main__":
    sys.exit(main())
