"""Writes the table of what the pilot costs, with the compilers and emulators that are there.

    python -m benchmarks.edge

Debian: gcc-arm-none-eabi, gcc-riscv64-unknown-elf, gcc-avr, avr-libc, simavr, clang, lld,
binaryen; PyPI: unicorn.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import arm, avr, pilot, riscv

M4F = ["-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]
CONTRACT = "-ffp-contract=fast"
M4, M0 = ["-mcpu=cortex-m4"], ["-mcpu=cortex-m0plus"]
ROWS = (
    ("Cortex-M4F float32 -O2", "float32", [*M4F, "-O2"]),
    ("Cortex-M4F float32 -O2 contract", "float32", [*M4F, "-O2", CONTRACT]),
    ("Cortex-M4F float32 -Os contract", "float32", [*M4F, "-Os", CONTRACT]),
    ("Cortex-M4F float16 -Os contract", "float16", [*M4F, "-Os", CONTRACT]),
    ("Cortex-M0+ float32 -O2", "float32", [*M0, "-O2"]),
    ("Cortex-M4 int16 -O2", "int16", [*M4, "-O2"]),
    ("Cortex-M4 int16 -Os", "int16", [*M4, "-Os"]),
    ("Cortex-M0+ int16 -O2", "int16", [*M0, "-O2"]),
    ("Cortex-M0+ int16 -Os", "int16", [*M0, "-Os"]),
    ("Cortex-M0+ int8 -Os", "int8", [*M0, "-Os"]),
)
WHOLE = ("int16", "int8")


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folders = pilot.sources(Path(place))
        errors = pilot.errors(folders)
        print("| target | flash B | RAM B | a step | error |")
        print("|--------+---------+-------+--------+-------|")
        if shutil.which("arm-none-eabi-gcc") and importlib.util.find_spec("unicorn"):
            for name, numbers, flags in ROWS:
                hard = "-mfloat-abi=hard" in flags
                cost = arm.measure(folders[numbers], flags, numbers in WHOLE, hard)
                row(name, cost, "instructions", errors[numbers])
        else:
            print("Cortex-M is not measured: no arm-none-eabi-gcc, or no unicorn")
        if shutil.which("riscv64-unknown-elf-gcc") and importlib.util.find_spec("unicorn"):
            for option in ("-O2", "-Os"):
                cost = riscv.measure(folders["int16"], [option])
                row(f"rv32imc int16 {option}", cost, "instructions", errors["int16"])
        else:
            print("rv32 is not measured: no riscv64-unknown-elf-gcc, or no unicorn")
        if shutil.which("avr-gcc") and shutil.which("simavr"):
            for numbers, folder in folders.items():
                name = f"ATmega328P {numbers} {' '.join(avr.OPTIONS)}"
                row(name, avr.measure(folder, numbers), "cycles", errors[numbers])
        else:
            print("AVR is not measured: no avr-gcc, or no simavr")
        if shutil.which("clang") and shutil.which("wasm-ld"):
            for numbers, folder in folders.items():
                print(f"| wasm32 {numbers} -Oz | {wasm(folder)} | | | {errors[numbers]:.1e} |")
        else:
            print("WebAssembly is not measured: no clang, or no wasm-ld")


def row(name: str, cost: arm.Cost, unit: str, error: float) -> None:
    print(f"| {name} | {cost.flash} | {cost.ram} | {cost.step:.0f} {unit} | {error:.1e} |")


def wasm(folder: Path) -> int:
    """Bytes of the module."""
    exported = [f"-Wl,--export=pilot_{each}" for each in ("init", "step")]
    command = ["clang", "--target=wasm32", "-std=c99", "-Oz", "-fno-builtin", "-ffreestanding"]
    command += ["-nostdlib", "-Wl,--no-entry,--strip-all", *exported, "pilot.c", "-o", "pilot.wasm"]
    subprocess.run(command, cwd=folder, check=True)
    return (folder / "pilot.wasm").stat().st_size


if __name__ == "__main__":
    main()
