"""ATmega328P: flash of a program that runs the network; RAM and cycles of a step in simavr."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .arm import Cost, words

PROGRAM = r"""
#include "pilot.h"

static pilot_state state;
volatile NUMBER inputs[PILOT_INPUTS];
volatile OUTPUT outputs[PILOT_OUTPUTS];

int main(void) {
    pilot_init(&state);
    for (;;) pilot_step(&state, (const NUMBER *)inputs, TIME, (OUTPUT *)outputs);
}
"""
MEASURING = r"""
#include <avr/io.h>
#include <avr/interrupt.h>
#include <avr/sleep.h>
#include <string.h>
#include "pilot.h"

extern uint8_t __bss_end;
static pilot_state state;

static void say(uint32_t number) {
    char text[11];
    int at = 10;
    text[at] = '\n';
    do {
        text[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    for (; at < 11; at++) {
        while (!(UCSR0A & (1 << UDRE0))) {
        }
        UDR0 = (uint8_t)text[at];
    }
}

int main(void) {
    NUMBER inputs[PILOT_INPUTS];
    OUTPUT outputs[PILOT_OUTPUTS];
    volatile uint8_t *const bottom = &__bss_end;
    uint8_t *const top = (uint8_t *)SP - 64;
    UCSR0B = 1 << TXEN0;
    for (int k = 0; k < PILOT_INPUTS; k++) inputs[k] = (NUMBER)(ONE * (k - 5) / 5);
    pilot_init(&state);
    pilot_step(&state, inputs, TIME, outputs);
    for (volatile uint8_t *at = bottom; at < top; at++) *at = 0xa5;
    TCCR1B = (1 << CS11) | (1 << CS10); /* a tick is 64 cycles */
    TCNT1 = 0;
    pilot_step(&state, inputs, TIME, outputs);
    const uint16_t ticks = TCNT1;
    volatile uint8_t *deep = bottom;
    while (deep < top && *deep == 0xa5) deep++;
    say((uint32_t)ticks * 64);
    say((uint32_t)(RAMEND - (uint16_t)deep + 1));
    cli();
    sleep_enable();
    sleep_cpu();
    return 0;
}
"""
TYPES = {
    "float32": ("float", "float", "1.0f", "0.5f"),
    "int16": ("int16_t", "int32_t", "4096", "524288"),
    "int8": ("int16_t", "int32_t", "4096", "524288"),
}
TYPES["float16"] = TYPES["float32"]


OPTIONS = ["-Os", "-mrelax", "-mcall-prologues"]


def measure(folder: Path, numbers: str) -> Cost:
    """Cost of the pilot in ``folder``."""
    code, data, _ = _build(folder, "program", PROGRAM, numbers)
    _, *static = _build(folder, "measuring", MEASURING, numbers)
    done = subprocess.run(
        ["simavr", "-m", "atmega328p", "-f", "16000000", "measuring.elf"],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    printed = (done.stdout + done.stderr).replace("\x1b[32m", "").replace("\x1b[0m", "")
    said = [line.strip(". \r") for line in printed.splitlines()]
    cycles, stack = [int(line) for line in said if line.isdigit()][:2]
    return Cost(code + data, sum(static) + stack, cycles)


def _build(folder: Path, name: str, program: str, numbers: str) -> list[int]:
    """Bytes of code, of variables with a value and of others."""
    (folder / f"{name}.c").write_text(program)
    names = ("NUMBER", "OUTPUT", "ONE", "TIME")
    macros = [f"-D{name}={value}" for name, value in zip(names, TYPES[numbers])]
    lean = ["-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"]
    flags = ["-mmcu=atmega328p", "-std=gnu99", *OPTIONS, *lean]
    files = [f"{name}.c", "pilot.c", "-o", f"{name}.elf"]
    subprocess.run(["avr-gcc", *flags, *macros, *files], cwd=folder, check=True)
    return [int(size) for size in words("avr-size", str(folder / f"{name}.elf"))[1][:3]]
