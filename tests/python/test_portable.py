"""The C sources built by other compilers, and for other machines.

Each build runs as a program of its own, in an emulator where it must, and answers the problems of
``native_cases``: those that the kernels differ in, for every kernel that the machine has.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Optional

import pytest
import torch

from native_cases import (
    LANES,
    Arrays,
    Problem,
    closed_form_problem,
    errors,
    native,
    step_problem,
)

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "python/liquid_neural_networks/_kernel/src"
WITHOUT_PYTHON = ("instruction_sets.c", "runs.c", "threads.c", "kernel_*.c")
FLAGS = ["-std=c11", "-O1", "-ffp-contract=fast", "-fno-trapping-math", "-fno-math-errno"]
WARNINGS = ["-Wall", "-Wextra", "-Wno-psabi", "-Werror"]


class Build(NamedTuple):
    """A compiler, its own flags, and what runs the result."""

    compiler: str
    flags: tuple[str, ...] = ()
    emulator: tuple[str, ...] = ()


BUILDS = {
    "clang": Build("clang"),
    "gcc's sanitizers": Build("gcc", ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")),
    "an x86-64 without AVX": Build("gcc", emulator=("qemu-x86_64", "-cpu", "qemu64")),
    "aarch64": Build(
        "aarch64-linux-gnu-gcc",
        emulator=("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"),
    ),
}

PROBLEMS: dict[str, Problem] = {
    "conductance": step_problem(batch=LANES + 1, unfolds=6, units=11),
    "conductance, sparse": step_problem(batch=1, rich=False, density=0.1, units=20, inputs=2),
    "conductance, nothing there": step_problem(density=0.0, inputs=0, rich=False),
    "conductance, euler": step_problem(
        solver="euler", batch=2, constraints={"w": ("clip", 0.4), "c": ("softplus", 0.1)}
    ),
    "conductance, exponential": step_problem(solver="exponential", batch=LANES + 1),
    "conductance, beyond saturation": step_problem(
        batch=3, rich=False, change={"sigma": torch.full((16,), 1e6, dtype=torch.float64)}
    ),
    "conductance, memory": step_problem(batch=LANES + 1, memory=True),
    "conductance, in matrices": step_problem(batch=1, in_matrices=True, epsilon=1e-3),
    "dense": step_problem("dense", batch=LANES + 1, units=11, density=1.0),
    "dense, tanh": step_problem("dense", activation="tanh", density=0.1, units=11, memory=True),
    "dense, one row": step_problem("dense", batch=1, units=11, density=1.0),
    "closed form": closed_form_problem(batch=LANES + 1, layer_sizes=(3, 4), backbone=0),
    "closed form, backbone": closed_form_problem(activation="silu", backbone=3, memory=True),
    "closed form, relu": closed_form_problem("no_gate", "relu", batch=2 * LANES + 1),
    "closed form, pure": closed_form_problem("pure", batch=1),
}

TABLES = ("conductance", "dense", "closed_form")
WORDS = (
    ("fused", "euler", "exponential"),
    ("sigmoid", "tanh"),
    ("default", "no_gate", "pure"),
    ("tanh", "relu", "silu", "none"),
)
CONSTRAINTS = ("as stored", "clip", "softplus")
"""These four and one in the order of the enumerations in problems.h."""


class Program:
    """Answers problems; see ``tests/c/serve.c``."""

    def __init__(self, command: list[str]):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, problem: Problem, kernel: int) -> Optional[Arrays]:
        """All that forward and backward write; None if the machine has no such kernel."""
        rows = -(-problem.sizes["B"] // LANES) * LANES  # enough for any kernel
        arrays = problem.forward_arrays(kernel, rows=rows)
        if not self._ask(problem, kernel, arrays, backward=False):
            return None
        arrays = problem.backward_arrays(kernel, arrays, rows)
        assert self._ask(problem, kernel, arrays, backward=True)
        return arrays

    def _ask(self, problem: Problem, kernel: int, arrays: Arrays, backward: bool) -> bool:
        """Runs one direction, whose answer comes into the arrays."""
        names = _names(problem)
        question = _integers(kernel, TABLES.index(problem.table), backward)
        question += _description(problem)
        for name in names:
            data = arrays[name].contiguous().numpy().tobytes() if name in arrays else b""
            question += _integers(len(data)) + data
        assert self.process.stdin is not None
        self.process.stdin.write(question)
        self.process.stdin.flush()
        if not struct.unpack("<q", self._get(8))[0]:
            return False
        for name in names:
            if name in arrays and arrays[name].numel():
                size = arrays[name].numel() * arrays[name].element_size()
                found = torch.frombuffer(bytearray(self._get(size)), dtype=arrays[name].dtype)
                arrays[name] = found.view(arrays[name].shape)
        return True

    def _get(self, length: int) -> bytes:
        assert self.process.stdout is not None
        answer = self.process.stdout.read(length)
        assert len(answer) == length, f"the program ended with {self.process.wait()}"
        return answer


def _integers(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *numbers)


def _names(problem: Problem) -> list[str]:
    """All arrays in the order in which they are asked for."""
    names = [row[0] for row in native.FIELDS[problem.table] if not row[0].startswith("hidden_")]
    further = range(1, problem.sizes.get("L", 0))
    return names + [f"hidden_{part}{layer}" for layer in further for part in ("", "bias_")]


def _description(problem: Problem) -> bytes:
    """What the plan says."""
    solvers, activations, modes, backbone_activations = WORDS
    batch, steps = problem.sizes["B"], problem.sizes["T"]
    if problem.table == "closed_form":
        mode, activation, backbone, units, hidden, layer_sizes = problem.made_of
        words = modes.index(mode), backbone_activations.index(activation)
        sizes = (backbone, batch, steps, units, hidden, len(layer_sizes), *layer_sizes)
        return _integers(*words, *sizes)
    _, solver, activation, unfolds, units, inputs, *lists, constraints, in_matrices, epsilon = (
        problem.made_of
    )
    words = solvers.index(solver), activations.index(activation)
    written = _integers(*words, unfolds, batch, steps, inputs, units, in_matrices)
    written += struct.pack("<d", epsilon)
    for each in lists:
        written += _integers(len(each) // 8) + each
    for name in _parameters(problem.table):
        kind, lower = constraints.get(name, ("as stored", 0.0))
        written += struct.pack("<qd", CONSTRAINTS.index(kind), lower)
    return written


def _parameters(table: str) -> list[str]:
    """Those that have one size, of neurons, synapses or inputs."""
    names = {row[0] for row in native.FIELDS[table]}
    rows = native.FIELDS[table]
    return [row[0] for row in rows if f"grad_{row[0]}" in names and len(row[2]) == 1]


def missing(build: Build) -> Optional[str]:
    needed = (build.compiler, *build.emulator[:1])
    return next((tool for tool in needed if shutil.which(tool) is None), None)


@pytest.fixture(scope="module", params=BUILDS)
def program(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Program]:
    build = BUILDS[request.param]
    tool = missing(build)
    if tool:
        pytest.skip(f"THE KERNELS ON {request.param.upper()} ARE NOT TESTED: no {tool} on the path")
    files = [str(path) for pattern in WITHOUT_PYTHON for path in SOURCES.glob(pattern)]
    binary = str(tmp_path_factory.mktemp("portable") / "serve")
    command = [build.compiler, *FLAGS, *build.flags, *WARNINGS, f"-I{SOURCES}"]
    command += [str(ROOT / "tests/c/serve.c"), *files, "-o", binary, "-pthread", "-ldl", "-lm"]
    subprocess.run(command, check=True)
    program = Program([*build.emulator, binary])
    yield program
    assert program.process.stdin is not None
    program.process.stdin.close()
    assert program.process.wait(10) == 0


@pytest.mark.parametrize("name", PROBLEMS)
def test_answers(program: Program, name: str) -> None:
    problem = PROBLEMS[name]
    expected, answered = problem.expected(), 0
    for kernel in range(6):
        found = program.run(problem, kernel)
        if found is None:
            continue
        answered += 1
        allowed = 1e-11 if kernel % 2 else 2e-4
        off = {each: error for each, error in errors(found, expected).items() if error > allowed}
        assert not off, kernel
    assert answered >= 2  # at least the instruction set that every machine has
