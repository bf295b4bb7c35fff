"""Every conformance vector that exported C can express, on every target whose tools are there.

    python -m tests.exports [--random 1000]

Targets are compilers with the command line of the tests, the sanitizers, and other processors in
qemu's user mode: s390x has its bytes in the other order. Whole numbers (int16) have to be Python's,
bit for bit. Writes one line a target: cases, worst error. Exits with 1 where one fails.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

from spec.encoding import VECTORS

from export_cases import SANITIZE, Case, Program, Target, whole_error
from liquid_neural_networks import LiquidNetwork, wiring

from .networks import random_networks

TARGETS = (
    Target("gcc", "gcc"),
    Target("clang", "clang"),
    Target("gcc -Os -ffast-math", "gcc", ("-Os", "-ffast-math")),
    Target("sanitizers", "gcc", ("-O1", *SANITIZE)),
    Target("aarch64", "aarch64-linux-gnu-gcc", ("-O2",), ("qemu-aarch64",)),
    Target("s390x, big endian", "s390x-linux-gnu-gcc", ("-O2",), ("qemu-s390x",)),
)
WITHIN = 1e-5
"""As the spec counts errors; it allows 1e-4."""


def at_hand(target: Target) -> bool:
    return all(shutil.which(tool) for tool in (target.compiler, *target.emulator[:1]))


def vectors(target: Target) -> Iterator[tuple[str, float]]:
    """(case, error)."""
    cases = [Case(path) for path in sorted(VECTORS.glob("*.msgpack"))]
    cases = [case for case in cases if not case.why_not]
    with tempfile.TemporaryDirectory() as folder:
        program = Program(Path(folder), {case.name: case.network() for case in cases}, target)
        for case in cases:
            yield case.name, case.error(program)


def whole(target: Target) -> Iterator[tuple[str, float]]:
    """(network, how many whole numbers differ from Python's)."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(300, 10)).astype(np.float32).astype(np.float64)
    inputs[rng.random(inputs.shape) < 0.05] = np.nan
    times = (10 ** rng.uniform(-4, 2.5, 300)).astype(np.float32).astype(np.float64)
    for seed in range(5):
        recipe = wiring.ncp(inter=12, command=6, motor=1)
        network = LiquidNetwork(10, wiring=recipe, num_layers=1 + seed % 2, seed=seed)
        with tempfile.TemporaryDirectory() as folder:
            yield f"pilot {seed}", whole_error(network, Path(folder), inputs, times, target)


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
    parser.add_argument("--random", type=int, default=0, help="Networks, with the first target.")
    options = parser.parse_args()
    failed = 0
    for target in TARGETS:
        if not at_hand(target):
            print(f"{target.name:28} SKIPPED: there is no {target.compiler} or no emulator")
            continue
        failed += report(target.name, dict(vectors(target)))
        failed += report(f"{target.name}, int16", dict(whole(target)))
    if options.random:
        failed += report("random networks", dict(random_ones(TARGETS[0], options.random)))
    return 1 if failed else 0


def report(name: str, errors: dict[str, float]) -> int:
    """Prints a line; returns how many were too far off."""
    bad = [case for case, error in errors.items() if not error <= WITHIN]
    print(
        f"{name:28} {len(errors):5} cases, worst error {max(errors.values()):.1e}", *bad, flush=True
    )
    return len(bad)


if __name__ == "__main__":
    sys.exit(main())
