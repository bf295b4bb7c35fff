"""ATmega328P in simavr: flash and RAM of a whole program, cycles of a step."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .arm import Cost

PROGRAM = r"""
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


def measure(folder: Path, numbers: str) -> Cost:
    """Cost of the pilot in ``folder``, at -Os."""
    (folder / "avr.c").write_text(PROGRAM)
    names = ("NUMBER", "OUTPUT", "ONE", "TIME")
    macros = [f"-D{name}={value}" for name, value in zip(names, TYPES[numbers])]
    flags = ["-mmcu=atmega328p", "-std=gnu99", "-Os", "-ffunction-sections", "-fdata-sections"]
    command = ["avr-gcc", *flags, *macros, "-Wl,--gc-sections", "avr.c", "pilot.c", "-o", "avr.elf"]
    subprocess.run(command, cwd=folder, check=True)
    sizes = subprocess.run(
        ["avr-size", "avr.elf"], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.splitlines()[1].split()  # fmt: skip
    done = subprocess.run(
        ["simavr", "-m", "atmega328p", "-f", "16000000", "avr.elf"],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    printed = (done.stdout + done.stderr).replace("\x1b[32m", "").replace("\x1b[0m", "")
    said = [line.strip(". \r") for line in printed.splitlines()]
    cycles, stack = [int(line) for line in said if line.isdigit()][:2]
    static = int(sizes[1]) + int(sizes[2])
    return Cost(int(sizes[0]) + int(sizes[1]), static + stack, cycles)
