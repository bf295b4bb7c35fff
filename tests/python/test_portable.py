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
        lengths = arrays_of(sizes, self._whole_chunks(sizes[4], sizes[-1]))
        self._put_step(sizes, bounds, addresses, lengths, backward=False)
        written = (5, 13, 14, 15)
        self._get_into([addresses[i] for i in written], [lengths[i] for i in written])

    def backward(self, sizes: Any, addresses: Any, bounds: Any, grads: Any, threads: int) -> None:
        lengths = arrays_of(sizes, self._whole_chunks(sizes[4], sizes[-1]))
        # Gradients are as long as what they are gradients of.
        of = [lengths[i] for i in (5, 13, 0, 2, 3, 4, 10, 12)] + lengths[16:]
        self._put_step(sizes, bounds, (*addresses, *grads), lengths + of, backward=True)
        self._get_into(grads[2:], of[2:])

    def closed_form(self, sizes: Any, addresses: Any, backward: bool, threads: int) -> None:
        lengths = closed_arrays_of(sizes, self._whole_chunks(sizes[4], sizes[-1]), backward)
        self._ask(CLOSED_FORM, *sizes, backward, len(addresses))
        self._put_arrays(addresses, lengths)
        answered = slice(-8, None) if backward else slice(-7, None)
        self._get_into(addresses[answered], lengths[answered])

    def closed_form_width(self, kernel: int) -> int:
        self._ask(WIDTH, kernel)
        (width,) = struct.unpack("<q", self._get(8))
        return int(width)

    def _whole_chunks(self, batch: int, kernel: int) -> int:
        rows = self.closed_form_width(kernel)
        return -(-batch // rows) * rows

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


def arrays_of(sizes: Any, padded_batch: int) -> list[int]:
    """Bytes of every array of a problem, in the order of the addresses."""
    dynamics, _, _, _, batch, steps, inputs, units, recurrent, sensory, kernel = sizes
    real, samples = 8 if kernel % 2 else 4, batch * steps
    reals = [samples * inputs, samples * inputs, samples, samples * units, batch * units]
    reals.append(samples * units)
    indices = [recurrent, recurrent, sensory, sensory]
    of_memory = memory_arrays_of(batch, steps, units, padded_batch)
    if operator.DYNAMICS[dynamics] == "dense":
        parameters = [recurrent, units, units]
    else:
        parameters = [units] * 3 + [recurrent] * 4 + [sensory] * 4 + [inputs] * 2
    return (
        [real * n for n in reals]
        + [8 * n for n in indices]
        + [real * n for n in (*of_memory, *parameters)]
    )


def memory_arrays_of(batch: int, steps: int, units: int, padded_batch: int) -> list[int]:
    """Numbers in what a memory cell reads and writes."""
    states = batch * steps * units
    read = [4 * states, 4 * units * units, batch * units]
    return [*read, states, states, padded_batch * steps * 4 * units]


def closed_arrays_of(sizes: Any, padded_batch: int, backward: bool) -> list[int]:
    """The same of closed-form dynamics; what is kept of the heads is for whole chunks."""
    mode, _, layers, tiers, batch, steps, units, hidden, kernel = sizes
    samples, heads = batch * steps, units if mode == 2 else 4 * units
    states, of_backbone = samples * units, layers * samples * hidden
    of_memory = memory_arrays_of(batch, steps, units, padded_batch)
    numbers = [samples * hidden, samples, states, batch * units]
    numbers += [hidden * units, heads * hidden, heads, heads * units, 0, units, *of_memory[:3]]
    numbers += [hidden * hidden, hidden] * max(layers - 1, 0)
    numbers += [states, of_backbone, padded_batch * steps * heads, of_backbone, *of_memory[3:]]
    if backward:
        numbers += [states, states, of_backbone, samples * heads, samples, batch * units]
        numbers += [states, states]
        numbers += [of_memory[0], of_memory[2]]
    lengths = [n * (8 if kernel % 2 else 4) for n in numbers]
    lengths[8] = 8 * (tiers + 1)  # where tiers start
    return lengths


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


def test_the_extension_is_there_where_it_can_be_built() -> None:
    """Its build is optional, and what needs it is skipped without it: that must have a reason."""
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("THE COMPILED STEP IS NOT TESTED: no C compiler on the path")
    assert fused.status().available, fused.status().reason


def test_conformance(program: Program) -> None:
    torch.set_num_threads(1)
    try:
        failed = [result for result in conformance.run() if not result.passed]
    finally:
        torch.set_num_threads(2)
    assert not failed
    assert program.calls[STEP] > 200 and program.calls[CLOSED_FORM] > 10
