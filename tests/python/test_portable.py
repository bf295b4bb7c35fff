"""The C sources built by other compilers, and for other machines: the conformance vectors again.

Each build runs as a program of its own, in an emulator where it must, and answers the problems
that the Python side would have put to the extension.
"""

from __future__ import annotations

import ctypes
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional

import pytest
import torch

from liquid_neural_networks import conformance, fused
from liquid_neural_networks.fused import _operator as operator

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "python/liquid_neural_networks/fused/src"
FLAGS = ["-std=c11", "-O2", "-ffp-contract=fast", "-fno-trapping-math", "-fno-math-errno"]


class Build(NamedTuple):
    """A compiler, its own flags, and what runs the result."""

    compiler: str
    flags: tuple[str, ...] = ()
    emulator: tuple[str, ...] = ()


BUILDS = {
    "gcc": Build("gcc"),
    "clang": Build("clang"),
    "gcc's sanitizers": Build("gcc", ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")),
    "an x86-64 without AVX": Build("gcc", emulator=("qemu-x86_64", "-cpu", "qemu64")),
    "aarch64": Build(
        "aarch64-linux-gnu-gcc",
        emulator=("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"),
    ),
}


STEP, CLOSED_FORM, WIDTH = range(3)
"""Kinds of questions, see ``tests/c/serve.c``."""


class Program:
    """Stands in for the extension module."""

    def __init__(self, command: list[str]):
        self.calls = [0, 0, 0]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def forward(self, sizes: Any, addresses: Any, bounds: Any, threads: int) -> None:
        lengths = arrays_of(sizes)
        self._put_step(sizes, bounds, addresses, lengths, backward=False)
        self._get_into(addresses[5:6], lengths[5:6])

    def backward(self, sizes: Any, addresses: Any, bounds: Any, grads: Any, threads: int) -> None:
        lengths = arrays_of(sizes)
        # Gradients are as long as what they are gradients of.
        of = [lengths[i] for i in (5, 0, 2, 3, 4)] + lengths[10:]
        self._put_step(sizes, bounds, (*addresses, *grads), lengths + of, backward=True)
        self._get_into(grads[1:], of[1:])

    def closed_form(self, sizes: Any, addresses: Any, backward: bool, threads: int) -> None:
        rows = self.closed_form_width(sizes[-1])
        lengths = closed_arrays_of(sizes, -(-sizes[3] // rows) * rows, backward)
        self._ask(CLOSED_FORM, *sizes, backward, len(addresses))
        self._put_arrays(addresses, lengths)
        answered = slice(-4, None) if backward else slice(7, 11)
        self._get_into(addresses[answered], lengths[answered])

    def closed_form_width(self, double: int) -> int:
        self._ask(WIDTH, double)
        (width,) = struct.unpack("<q", self._get(8))
        return int(width)

    def lowest(self, *arguments: Any) -> float:
        lowest: float = REAL.lowest(*arguments)
        return lowest

    def _put_step(
        self, sizes: Any, bounds: Any, addresses: Any, lengths: list[int], backward: bool
    ) -> None:
        bounds = bounds or [-float("inf")] * parameter_count(sizes)
        self._ask(STEP, *sizes, backward, len(addresses))
        self._write(struct.pack(f"<{len(bounds)}d", *bounds))
        self._put_arrays(addresses, lengths)

    def _ask(self, kind: int, *integers: int) -> None:
        self.calls[kind] += 1
        self._write(struct.pack(f"<{1 + len(integers)}q", kind, *integers))

    def _put_arrays(self, addresses: Any, lengths: list[int]) -> None:
        for address, length in zip(addresses, lengths):
            size = length if address else 0
            self._write(struct.pack("<q", size) + ctypes.string_at(address, size))

    def _write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    def _get_into(self, addresses: Any, lengths: list[int]) -> None:
        for address, length in zip(addresses, lengths):
            if address:
                ctypes.memmove(address, self._get(length), length)

    def _get(self, length: int) -> bytes:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.flush()
        answer = self.process.stdout.read(length)
        assert len(answer) == length, f"the program ended with {self.process.wait()}"
        return answer


REAL: Any = operator.kernel


def parameter_count(sizes: Any) -> int:
    return 3 if operator.DYNAMICS[sizes[0]] == "dense" else 13


def arrays_of(sizes: Any) -> list[int]:
    """Bytes of every array of a problem, in the order of the addresses."""
    dynamics, _, _, _, batch, steps, inputs, units, recurrent, sensory, double = sizes
    real, samples = 8 if double else 4, batch * steps
    reals = [samples * inputs, samples * inputs, samples, samples * units, batch * units]
    reals.append(samples * units)
    indices = [recurrent, recurrent, sensory, sensory]
    if operator.DYNAMICS[dynamics] == "dense":
        parameters = [recurrent, units, units]
    else:
        parameters = [units] * 3 + [recurrent] * 4 + [sensory] * 4 + [inputs] * 2
    return [real * n for n in reals] + [8 * n for n in indices] + [real * n for n in parameters]


def closed_arrays_of(sizes: Any, padded_batch: int, backward: bool) -> list[int]:
    """The same of closed-form dynamics; what is kept of the heads is for whole chunks."""
    _, _, layers, batch, steps, units, hidden, double = sizes
    samples, heads = batch * steps, 4 * units
    numbers = [samples * hidden, samples, samples * units, batch * units]
    numbers += [hidden * units, heads * hidden, heads, samples * units]
    of_backbone = layers * samples * hidden
    numbers += [of_backbone, padded_batch * steps * heads, of_backbone]
    numbers += [hidden * hidden, hidden] * max(layers - 1, 0)
    if backward:
        numbers += [samples * units, of_backbone, samples * heads]
        numbers += [samples, batch * units]
    return [n * (8 if double else 4) for n in numbers]


def missing(build: Build) -> Optional[str]:
    needed = (build.compiler, *build.emulator[:1])
    return next((tool for tool in needed if shutil.which(tool) is None), None)


@pytest.fixture(params=BUILDS)
def program(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Program]:
    build = BUILDS[request.param]
    tool = missing(build)
    if tool:
        pytest.skip(f"THE STEP ON {request.param.upper()} IS NOT TESTED: no {tool} on the path")
    if not fused.status().available:
        pytest.skip(f"THE STEP ON {request.param.upper()} IS NOT TESTED: {fused.status().reason}")
    kernels = [path.name for path in SOURCES.glob("kernel_*.c")]
    files = [SOURCES / name for name in ("problem.c", "parallel.c", *kernels)]
    binary = tmp_path / "serve"
    command = [build.compiler, *FLAGS, *build.flags, f"-I{SOURCES}", str(ROOT / "tests/c/serve.c")]
    command += [*map(str, files), "-o", str(binary), "-pthread", "-ldl", "-Wall", "-Wextra"]
    command += ["-Wno-psabi", "-Werror"]
    subprocess.run(command, check=True)
    program = Program([*build.emulator, str(binary)])
    monkeypatch.setattr(operator, "kernel", program)
    yield program
    assert program.process.stdin is not None
    program.process.stdin.close()
    assert program.process.wait(10) == 0


def test_conformance(program: Program) -> None:
    torch.set_num_threads(1)
    try:
        failed = [result for result in conformance.run() if not result.passed]
    finally:
        torch.set_num_threads(2)
    assert not failed
    assert program.calls[STEP] > 200 and program.calls[CLOSED_FORM] > 10
