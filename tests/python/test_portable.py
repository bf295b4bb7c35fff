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


class Program:
    """Stands in for the extension module."""

    def __init__(self, command: list[str]):
        self.calls = 0
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def forward(self, sizes: Any, addresses: Any, bounds: Any, threads: int) -> None:
        lengths = arrays_of(sizes)
        self._put(sizes, bounds, addresses, lengths, backward=False)
        self._get(addresses[5], lengths[5])

    def backward(self, sizes: Any, addresses: Any, bounds: Any, grads: Any, threads: int) -> None:
        lengths = arrays_of(sizes)
        # Gradients are as long as what they are gradients of.
        of = [lengths[i] for i in (5, 0, 2, 3, 4)] + lengths[10:]
        self._put(sizes, bounds, (*addresses, *grads), lengths + of, backward=True)
        for address, length in list(zip(grads, of))[1:]:
            if address:
                self._get(address, length)

    def lowest(self, *arguments: Any) -> float:
        lowest: float = REAL.lowest(*arguments)
        return lowest

    def _put(
        self, sizes: Any, bounds: Any, addresses: Any, lengths: list[int], backward: bool
    ) -> None:
        self.calls += 1
        bounds = bounds or [-float("inf")] * parameter_count(sizes)
        parts = [struct.pack("<13q", *sizes, backward, len(addresses))]
        parts.append(struct.pack(f"<{len(bounds)}d", *bounds))
        for address, length in zip(addresses, lengths):
            size = length if address else 0
            parts += [struct.pack("<q", size), ctypes.string_at(address, size) if size else b""]
        assert self.process.stdin is not None
        self.process.stdin.write(b"".join(parts))
        self.process.stdin.flush()

    def _get(self, address: int, length: int) -> None:
        assert self.process.stdout is not None
        answer = self.process.stdout.read(length)
        assert len(answer) == length, f"the program ended with {self.process.wait()}"
        ctypes.memmove(address, answer, length)


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
    assert program.calls > 200
