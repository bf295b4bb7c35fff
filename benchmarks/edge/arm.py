"""Cortex-M: flash of the linked code; RAM and instructions of a step in an emulator, unicorn."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .pilot import sequence, whole_inputs

STEPS = 20
STATE, INPUTS, OUTPUTS, STACK, END = 0x20000100, 0x20002000, 0x20003000, 0x20008000, 0x1F0000


class Cost(NamedTuple):
    """Bytes of flash and RAM (state and deepest stack), and instructions or cycles a step."""

    flash: int
    ram: int
    step: float


def build(folder: Path, flags: list[str]) -> Path:
    """The step and what it needs, linked; without start-up code."""
    target = folder / "pilot.elf"
    link = "-Wl,--gc-sections,-Ttext=0x10000,-e,pilot_step,-u,pilot_init"
    lean = ["-ffunction-sections", "-fdata-sections", "-fno-tree-loop-distribute-patterns"]
    command = ["arm-none-eabi-gcc", *flags, "-mthumb", "-std=c99", *lean, "-nostdlib", link]
    subprocess.run([*command, "pilot.c", "-lgcc", "-o", target.name], cwd=folder, check=True)
    return target


def words(*command: str) -> list[list[str]]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines()]


def flash(elf: Path, tools: str = "arm-none-eabi-") -> int:
    sections = {row[0]: row[1] for row in words(f"{tools}size", "-A", str(elf)) if row}
    names = (".text", ".rodata", ".srodata", ".data", ".sdata")
    return sum(int(sections.get(name, 0)) for name in names)


def load(data: bytes, write: Callable[[int, bytes], None]) -> None:
    """Writes the segments of an ELF file of 32 bits."""
    start, count = struct.unpack_from("<I", data, 28)[0], struct.unpack_from("<H", data, 44)[0]
    for index in range(count):
        kind, offset, address, _, size = struct.unpack_from("<5I", data, start + 32 * index)
        if kind == 1:
            write(address, data[offset : offset + size])


def measure(folder: Path, flags: list[str], whole: bool, hard_float: bool) -> Cost:
    """Cost of the pilot in ``folder``; ``whole``: in whole numbers."""
    elf = build(folder, flags)
    functions = {row[2]: int(row[0], 16) for row in words("arm-none-eabi-nm", str(elf))
                 if len(row) == 3}  # fmt: skip
    machine = _Machine(elf)
    machine.call(functions["pilot_init"], [STATE])
    inputs, times = (each[1 : STEPS + 1] for each in sequence())
    counts, depth = [], 0
    for values, time in zip(inputs, times):
        registers, single = [STATE, INPUTS, OUTPUTS], time
        given = np.asarray(values, np.float32)
        if whole:
            given = whole_inputs(values)
            registers = [STATE, INPUTS, int(time * 2**20), OUTPUTS]
        elif not hard_float:
            registers = [STATE, INPUTS, _bits(time), OUTPUTS]
        machine.write(INPUTS, given.tobytes())
        count, deep = machine.call(functions["pilot_step"], registers, _bits(single))
        counts.append(count)
        depth = max(depth, deep)
    return Cost(flash(elf), 76 + depth, float(np.mean(counts)))


def _bits(value: float) -> int:
    return int(struct.unpack("<I", struct.pack("<f", value))[0])


class _Machine:
    """A Cortex-A15 in Thumb mode: it has all instructions of the smaller ones."""

    def __init__(self, elf: Path):
        import unicorn
        from unicorn import arm_const

        self._arm = arm_const
        self._emulator: Any = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
        self._emulator.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_A15)
        self._emulator.mem_map(0, 0x200000)
        self._emulator.mem_map(0x20000000, 0x10000)
        load(elf.read_bytes(), self.write)
        enabled = self._emulator.reg_read(arm_const.UC_ARM_REG_C1_C0_2) | (0xF << 20)
        self._emulator.reg_write(arm_const.UC_ARM_REG_C1_C0_2, enabled)  # the floating-point unit
        self._emulator.reg_write(arm_const.UC_ARM_REG_FPEXC, 0x40000000)
        self._count = 0
        self._emulator.hook_add(unicorn.UC_HOOK_CODE, self._tick)

    def _tick(self, *_: Any) -> None:
        self._count += 1

    def write(self, address: int, data: bytes) -> None:
        self._emulator.mem_write(address, data)

    def call(self, function: int, registers: list[int], single: int = 0) -> tuple[int, int]:
        """Instructions, and bytes of stack."""
        self.write(STACK - 4096, b"\xa5" * 4096)
        for number, value in enumerate(registers):
            self._emulator.reg_write(self._arm.UC_ARM_REG_R0 + number, value)
        self._emulator.reg_write(self._arm.UC_ARM_REG_S0, single)
        self._emulator.reg_write(self._arm.UC_ARM_REG_SP, STACK)
        self._emulator.reg_write(self._arm.UC_ARM_REG_LR, END | 1)
        self._count = 0
        self._emulator.emu_start(function | 1, END)
        stack = bytes(self._emulator.mem_read(STACK - 4096, 4096))
        return self._count, len(stack.lstrip(b"\xa5"))
