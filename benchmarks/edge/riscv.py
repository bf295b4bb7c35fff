"""rv32imc: flash of the linked code; RAM and instructions of a step in an emulator, unicorn."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from .arm import END, INPUTS, OUTPUTS, STACK, STATE, STEPS, Cost, flash, load, words
from .pilot import sequence, whole_inputs

TOOLS = "riscv64-unknown-elf-"


def measure(folder: Path, flags: list[str]) -> Cost:
    """Cost of the pilot in whole numbers in ``folder``."""
    import unicorn
    from unicorn import riscv_const as register

    elf = folder / "riscv.elf"
    lean = ["-ffreestanding", "-ffunction-sections", "-fdata-sections",
            "-fno-tree-loop-distribute-patterns"]  # fmt: skip
    link = "-Wl,--gc-sections,--no-relax,-Ttext=0x10000,-e,pilot_step,-u,pilot_init"
    machine_flags = ["-march=rv32imc", "-mabi=ilp32", "-std=c99", "-nostdlib"]
    subprocess.run(
        [f"{TOOLS}gcc", *flags, *machine_flags, *lean, link, "pilot.c", "-lgcc", "-o", elf.name],
        cwd=folder, check=True,
    )  # fmt: skip
    functions = {row[2]: int(row[0], 16) for row in words(f"{TOOLS}nm", str(elf)) if len(row) == 3}
    emulator: Any = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
    emulator.mem_map(0, 0x200000)
    emulator.mem_map(0x20000000, 0x10000)
    load(elf.read_bytes(), emulator.mem_write)
    count = 0

    def tick(*_: Any) -> None:
        nonlocal count
        count += 1

    emulator.hook_add(unicorn.UC_HOOK_CODE, tick)

    def call(function: str, arguments: list[int]) -> int:
        emulator.mem_write(STACK - 4096, b"\xa5" * 4096)
        for number, value in enumerate(arguments):
            emulator.reg_write(register.UC_RISCV_REG_A0 + number, value)
        emulator.reg_write(register.UC_RISCV_REG_SP, STACK)
        emulator.reg_write(register.UC_RISCV_REG_RA, END)
        emulator.emu_start(functions[function], END)
        return len(bytes(emulator.mem_read(STACK - 4096, 4096)).lstrip(b"\xa5"))

    call("pilot_init", [STATE])
    count, depth = 0, 0
    inputs, times = (each[1 : STEPS + 1] for each in sequence())
    for values, time in zip(whole_inputs(inputs), times):
        emulator.mem_write(INPUTS, values.tobytes())
        depth = max(depth, call("pilot_step", [STATE, INPUTS, int(time * 2**20), OUTPUTS]))
    return Cost(flash(elf, TOOLS), 76 + depth, float(np.round(count / STEPS)))
