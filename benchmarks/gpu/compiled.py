"""Kernels compiled without a card: what the engine launches is recorded, then compiled.

Nothing is listed by hand. A call of the engine is made on tensors of the CPU with launching turned
off, so that a kernel, its sizes and its options are those that a card would get.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
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
_TYPES = {torch.float32: "*fp32", torch.int64: "*i64", torch.int32: "*i32"}


class Launch(NamedTuple):
    """A kernel as it would be launched, by what decides how it is compiled."""

    kernel: Any
    signature: dict[str, str]
    constants: dict[str, Any]
    options: dict[str, Any]
    programs: int

    @property
    def name(self) -> str:
        """Of its module and function: ``"conductance.forward"``."""
        module = self.kernel.fn.__module__.rpartition(".")[2]
        return f"{module.strip('_').replace('_kernels', '')}.{self.kernel.fn.__name__}"

    @property
    def warps(self) -> int:
        return int(self.options["num_warps"]) if "num_warps" in self.options else 4

    def key(self) -> str:
        """The same for launches that are compiled once."""
        return f"{self.name} {self.signature} {self.constants} {self.options}"


@contextmanager
def recording(target: str) -> Iterator[list[Launch]]:
    """What is launched inside the ``with`` block on a target, which does not run."""
    launches: list[Launch] = []

    def record(self: Any, *args: Any, grid: Any, warmup: bool, **given: Any) -> None:
        launches.append(_launch(self, dict(zip(self.arg_names, args)) | given, grid))

    run, hip = JITFunction.run, torch.version.hip
    JITFunction.run = record
    torch.version.hip = "as on that card" if target.startswith("gfx") else None
    try:
        yield launches
    finally:
        JITFunction.run, torch.version.hip = run, hip


def _launch(kernel: Any, given: dict[str, Any], grid: tuple[int, ...]) -> Launch:
    signature, constants, programs = {}, {}, 1
    for parameter in kernel.params:
        value = given.pop(parameter.name)
        if parameter.is_constexpr or value is None:
            signature[parameter.name], constants[parameter.name] = "constexpr", value
        elif isinstance(value, torch.Tensor):
            signature[parameter.name] = _TYPES[value.dtype]
        else:
            signature[parameter.name] = "i32" if isinstance(value, int) else "fp32"
    for size in grid:
        programs *= size
    return Launch(kernel, signature, constants, given, programs)


def compiled(launch: Launch, target: str) -> Any:
    """Triton's compiled kernel for a key of :data:`TARGETS`."""
    aligned = {
        (place,): [["tt.divisibility", 16]]
        for place, parameter in enumerate(launch.kernel.params)
        if launch.signature[parameter.name].startswith("*")
        and not parameter.do_not_specialize_on_alignment
    }
    source = ASTSource(launch.kernel, launch.signature, launch.constants, aligned)
    return triton.compile(source, target=TARGETS[target], options=dict(launch.options))


class Machine(NamedTuple):
    """What the machine code of a kernel says.

    Attributes:
        registers: of a thread.
        spilled: instructions that move a register to memory or back, or on AMD such registers;
            its scalar ones go to vector registers instead, and do not count.
        shared: bytes of shared memory.
        loops: the instructions of each loop but those of loops inside it, outer loops first; none
            on AMD.
        by_columns: whether all weights that a matrix product reads from shared memory lie there
            with neighbouring columns side by side.
    """

    registers: int
    spilled: int
    shared: int
    loops: list[list[str]]
    by_columns: bool


_inspected: dict[tuple[str, str], Machine] = {}


def inspected(launch: Launch, target: str) -> Machine:
    """The machine code of a launch; that of the same kernel is read once."""
    key = launch.key(), target
    if key not in _inspected:
        _inspected[key] = _inspect(launch, target)
    return _inspected[key]


def _inspect(launch: Launch, target: str) -> Machine:
    kernel = compiled(launch, target)
    by_columns = _by_columns(kernel.asm["ttgir"])
    if target.startswith("gfx"):
        text = kernel.asm["amdgcn"]
        registers, spilled = (_number(text, f"vgpr_{what}count") for what in ("", "spill_"))
        return Machine(registers, spilled, kernel.metadata.shared, [], by_columns)
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder) / "kernel.cubin"
        binary.write_bytes(kernel.asm["cubin"])
        usage = _output("cuobjdump", "-res-usage", str(binary))
        code = _output("nvdisasm", "-c", str(binary))
    found = re.search(r"REG:(\d+)", usage)
    assert found is not None, usage
    instructions, labels = _instructions(code)
    spilled = spills(instructions)
    loops = _loops(instructions, labels)
    return Machine(int(found[1]), spilled, kernel.metadata.shared, loops, by_columns)


def _output(tool: str, *arguments: str) -> str:
    command = [str(TOOLS / tool), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _number(text: str, name: str) -> int:
    found = re.search(rf"\.{name}:\s+(\d+)", text)
    return int(found[1]) if found else 0


def _by_columns(intermediate: str) -> bool:
    """By the order of dimensions of each layout in shared memory that a product's second operand
    is loaded from."""
    layouts = dict(re.findall(r"(#\w+) = #ttg\.\w*shared<\{.*?order = \[(\d), \d\]", intermediate))
    read = re.findall(
        r"ttg\.local_load .*?memdesc<\w+, (#\w+), .*?dot_op<\{opIdx = 1", intermediate
    )
    return all(layouts[name] == "1" for name in read)


# -- reading assembly ------------------------------------------------------------------------------


def opcode(instruction: str) -> str:
    """The operation with its modifiers: ``"LDS.128"``."""
    return re.sub(r"^@!?U?P\w+\s+", "", instruction).split()[0]


def spills(instructions: list[str]) -> int:
    """How many of them move a register to memory or back."""
    return sum(opcode(each).startswith(("LDL", "STL")) for each in instructions)


def _instructions(code: str) -> tuple[list[str], dict[str, int]]:
    """Instructions, and the place of each label among them."""
    instructions: list[str] = []
    labels: dict[str, int] = {}
    for line in code.splitlines():
        label = re.match(r"\s*(\.L_x_\d+):", line)
        if label:
            labels[label[1]] = len(instructions)
        found = re.search(r"/\*[0-9a-f]{4,}\*/\s+(.*?)\s*;", line)
        if found:
            instructions.append(found[1])
    return instructions, labels


def _loops(instructions: list[str], labels: dict[str, int]) -> list[list[str]]:
    """Between a label and a jump back to it."""
    spans = []
    for end, each in enumerate(instructions):
        target = re.search(r"\bBRA\b.*`\((\.L_x_\d+)\)", each)
        if target and labels.get(target[1], end) < end:
            spans.append((labels[target[1]], end))
    spans.sort(key=lambda span: (span[0], -span[1]))
    return [
        [
            instructions[place]
            for place in range(span[0], span[1] + 1)
            if not any(a <= place <= b for a, b in _inside(span, spans))
        ]
        for span in spans
    ]


def _inside(span: tuple[int, int], spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    start, end = span
    return [each for each in spans if each != span and start <= each[0] and each[1] <= end]
