"""Kernels compiled without a card: what the engine launches is recorded and compiled for a target.

Nothing is listed by hand: a call of the engine is made on tensors of the CPU with launching turned
off, so that a kernel, its sizes and its options are those that a card would get.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

TARGETS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_90": GPUTarget("cuda", 90, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}
TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
_TYPES = {
    torch.float32: "*fp32",
    torch.int64: "*i64",
    torch.int32: "*i32",
    torch.float16: "*fp16",
    torch.bfloat16: "*bf16",
}


class Launch(NamedTuple):
    """A kernel as it would be launched."""

    kernel: Any
    signature: dict[str, str]
    constants: dict[str, Any]
    options: dict[str, Any]
    grid: tuple[int, ...]

    @property
    def name(self) -> str:
        return f"{self.kernel.fn.__module__.rpartition('.')[2]}.{self.kernel.fn.__name__}"

    @property
    def warps(self) -> int:
        return int(self.options.get("num_warps", 4))


@contextmanager
def recording() -> Iterator[list[Launch]]:
    """What is launched inside the ``with`` block, in place of running it."""
    launches: list[Launch] = []

    def record(self: Any, *args: Any, grid: Any, warmup: bool, **given: Any) -> None:
        launches.append(_launch(self, dict(zip(self.arg_names, args)) | given, grid))

    run, JITFunction.run = JITFunction.run, record
    try:
        yield launches
    finally:
        JITFunction.run = run


def _launch(kernel: Any, given: dict[str, Any], grid: Any) -> Launch:
    signature, constants = {}, {}
    for parameter in kernel.params:
        value = given.pop(parameter.name)
        if parameter.is_constexpr or value is None:
            signature[parameter.name], constants[parameter.name] = "constexpr", value
        elif isinstance(value, torch.Tensor):
            signature[parameter.name] = _TYPES[value.dtype]
        else:
            signature[parameter.name] = "i32" if isinstance(value, int) else "fp32"
    return Launch(kernel, signature, constants, given, tuple(grid))


def compiled(launch: Launch, target: str) -> Any:
    """Triton's compiled kernel for a key of :data:`TARGETS`."""
    aligned = {
        (place,): [["tt.divisibility", 16]]
        for place, parameter in enumerate(launch.kernel.params)
        if launch.signature[parameter.name].startswith("*")
        and not parameter.do_not_specialize_on_alignment
    }
    source = ASTSource(launch.kernel, launch.signature, launch.constants, aligned)
    options = dict(launch.options)
    if target.startswith("gfx"):
        options.pop("maxnreg", None)
    return triton.compile(source, target=TARGETS[target], options=options)


class Report(NamedTuple):
    """What the machine code of a kernel says of itself.

    Attributes:
        registers: of a thread.
        spilled: instructions that move a register to or from memory.
        shared: bytes of shared memory.
        loops: instructions of each loop by the word they begin with, outer ones first.
    """

    registers: int
    spilled: int
    shared: int
    loops: list[Counter[str]]


def inspected(launch: Launch, target: str) -> Report:
    """The report on a launch compiled for a target."""
    kernel = compiled(launch, target)
    if target.startswith("gfx"):
        return _of_amd(kernel)
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "kernel.cubin"
        binary.write_bytes(kernel.asm["cubin"])
        usage = _output("cuobjdump", "-res-usage", str(binary))
        code = _output("nvdisasm", "-c", str(binary))
    found = re.search(r"REG:(\d+)", usage)
    assert found is not None, usage
    instructions, labels = _instructions(code)
    spilled = sum(word.startswith(("LDL", "STL")) for word, _ in instructions)
    return Report(int(found[1]), spilled, kernel.metadata.shared, _loops(instructions, labels))


def _output(tool: str, *arguments: str) -> str:
    command = [str(TOOLS / tool), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _of_amd(kernel: Any) -> Report:
    text = kernel.asm["amdgcn"]

    def number(name: str) -> int:
        found = re.search(rf"\.{name}:\s+(\d+)", text)
        return int(found[1]) if found else 0

    spilled = number("vgpr_spill_count") + number("sgpr_spill_count")
    return Report(number("vgpr_count"), spilled, kernel.metadata.shared, [])


def _instructions(code: str) -> tuple[list[tuple[str, str]], dict[str, int]]:
    """(first word, all of it) of each instruction, and where each label is."""
    instructions: list[tuple[str, str]] = []
    labels: dict[str, int] = {}
    for line in code.splitlines():
        label = re.match(r"\s*(\.L_x_\d+):", line)
        if label:
            labels[label[1]] = len(instructions)
        found = re.search(r"/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?(\S+?)[.\s;](.*?);?\s*$", line)
        if found:
            instructions.append((found[1], line))
    return instructions, labels


def _loops(instructions: list[tuple[str, str]], labels: dict[str, int]) -> list[Counter[str]]:
    """Instructions between a label and a jump back to it, those of loops inside left out."""
    spans = []
    for end, (word, line) in enumerate(instructions):
        target = re.search(r"`\((\.L_x_\d+)\)", line) if word == "BRA" else None
        if target and labels.get(target[1], end) < end:
            spans.append((labels[target[1]], end))
    spans.sort(key=lambda span: (span[0], -span[1]))
    loops = []
    for start, end in spans:
        inside = [each for each in spans if start <= each[0] and each[1] <= end]
        inside.remove((start, end))
        words = [
            word
            for place, (word, _) in enumerate(instructions)
            if start <= place <= end and not any(a <= place <= b for a, b in inside)
        ]
        loops.append(Counter(words))
    return loops
