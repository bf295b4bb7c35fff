"""How long machine code takes: by the units that it keeps busy, and by how its results wait.

In a cycle a multiprocessor of Hopper issues four instructions of warps, and does as many as four of
multiply-adds, half a one of special functions and one that moves numbers: of memory or shuffles.
So much work bounds a full card. A small batch does not fill it: then one warp takes as long as its
longest chain of results, each of which takes the cycles that have been measured for its kind, and
the warps of a program wait for each other at its barriers.

Left out: that numbers wait for the same bank of shared memory, or for the second cache.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from .card import Limits
from .compiled import Machine, opcode

SCHEDULERS = 4
UNITS = {
    "special": (("MUFU",), 2.0),
    "float": (("FFMA", "FMUL", "FADD"), 0.25),
    "moved": (("SHFL", "LDS", "LDSM", "STS", "STSM", "LDL", "STL", "LDG", "STG"), 1.0),
}
"""The instructions of a unit, and the cycles for which one of a warp occupies it."""
WIDE = {".64": 2.0, ".128": 4.0}
"""By how much a wider load occupies it longer, unless all threads read from the same place."""

LATENCY = {"MUFU": 22, "SHFL": 24, "LDS": 30, "LDSM": 33, "LDG": 280, "LDC": 30, "S2R": 30}
"""Cycles until a result can be used, as published measurements of Hopper have them; a load from
global memory is one that the second cache has. All others take :data:`ARITHMETIC`."""
ARITHMETIC = 5
STORED, TOGETHER = 18, 12
"""Cycles until a store to shared memory is seen, and until all warps pass a barrier."""
_WITHOUT_RESULT = ("STS", "STSM", "STG", "STL", "BAR", "BRA", "NOP", "DEPBAR", "LDGDEPBAR", "EXIT")

REGISTERS, SHARED, WARPS = 65536, 227 * 1024, 64
"""Of a multiprocessor of Hopper: how many programs it holds depends on them."""


class Loop(NamedTuple):
    """One pass through a loop.

    Attributes:
        instructions: of a warp.
        special: cycles of a multiprocessor's special-function unit, for one warp.
        work: cycles of its busiest unit, for one warp.
        latency: cycles from one pass to the next of a warp by itself.
    """

    instructions: int
    special: float
    work: float
    latency: int


def modelled(body: list[str]) -> Loop:
    """A loop without loops inside."""
    return Loop(len(body), _busy(body)["special"], _work(body), latency(body))


def _busy(body: list[str]) -> dict[str, float]:
    """Cycles of each unit for one warp."""
    return {name: sum(_cycles(each, *unit) for each in body) for name, unit in UNITS.items()}


def _work(body: list[str]) -> float:
    return max(len(body) / SCHEDULERS, *_busy(body).values())


def _cycles(instruction: str, of_unit: tuple[str, ...], cycles: float) -> float:
    operation = opcode(instruction)
    if operation.partition(".")[0] not in of_unit:
        return 0.0
    uniform = re.search(r"\[UR\d+", instruction) is not None
    wider = [factor for suffix, factor in WIDE.items() if suffix in operation]
    return cycles * (wider[0] if wider and not uniform else 1.0)


# -- chains of results -----------------------------------------------------------------------------


def latency(body: list[str]) -> int:
    """Cycles of one pass of a warp by itself."""
    issued = _issued(body)
    return issued[-1] - issued[-1 - len(body)]


def duration(body: list[str], warps: int) -> float:
    """Cycles of one pass of a program by itself: from barrier to barrier it takes as long as one
    warp waits for results, or as its warps keep a unit busy."""
    barriers = [place for place, each in enumerate(body) if opcode(each).startswith("BAR")]
    if warps == 1 or not barriers:
        return max(float(latency(body)), warps * _work(body))
    turn = barriers[-1] + 1
    turned = body[turn:] + body[:turn]  # so that it ends with a barrier
    ends = [place + 1 for place, each in enumerate(turned) if opcode(each).startswith("BAR")]
    issued = _issued(turned)[-len(body) - 1 :]
    return sum(
        max(float(issued[end] - issued[start]), warps * _work(turned[start:end]))
        for start, end in zip([0, *ends], ends)
    )


def _issued(body: list[str], passes: int = 4) -> list[int]:
    """When each instruction of several passes is issued: in order, when what it reads is there."""
    there: dict[str, int] = {}
    now, stored, issued = 0, 0, []
    parts = [_operands(each) for each in body]
    for _ in range(passes):
        for operation, written, read in parts:
            now = max([now + 1, *(there.get(name, 0) for name in read)])
            if operation == "BAR":
                now = max(now, stored) + TOGETHER
            elif operation in ("STS", "STSM"):
                stored = now + STORED
            for name in written:
                there[name] = now + LATENCY.get(operation, ARITHMETIC)
            issued.append(now)
    return issued


def _operands(instruction: str) -> tuple[str, list[str], list[str]]:
    """The operation, and the registers and predicates that it writes and reads."""
    guard = re.match(r"@!?(U?P\w+)\s+", instruction)
    rest = instruction[guard.end() :] if guard else instruction
    operation, _, text = rest.partition(" ")
    base = operation.partition(".")[0]
    operands = [each.strip() for each in text.split(",")]
    count = 0 if base in _WITHOUT_RESULT else _results(base, operands)
    width = 4 if ".128" in operation else 2 if ".64" in operation or ".WIDE" in operation else 1
    written = _registers(operands[:count])
    if written and written[0].startswith("R"):
        first = int(written[0][1:])
        written = [f"R{first + place}" for place in range(width)] + written[1:]
    read = _registers(operands[count:]) + ([guard[1]] if guard else [])
    return base, written, read


def _results(operation: str, operands: list[str]) -> int:
    """How many operands are written: a register, or predicates and perhaps a register."""
    predicates = 0
    while predicates < 2 and re.fullmatch(r"U?P(T|\d)", operands[min(predicates, 1)]):
        predicates += 1
        if len(operands) == 1:
            break
    return predicates + 1 if operation == "SHFL" or predicates == 0 else predicates


def _registers(operands: Iterable[str]) -> list[str]:
    return [name for each in operands for name in re.findall(r"\b(?:U?R\d+|U?P\d)\b", each)]


# -- a whole card ----------------------------------------------------------------------------------


def resident(machine: Machine, warps: int) -> int:
    """Programs that a multiprocessor holds at the same time."""
    registers = -(-machine.registers // 8) * 8 * 32 * warps
    fits = [REGISTERS // registers, WARPS // warps, 32]
    if machine.shared:
        fits.append(SHARED // (machine.shared + 1024))
    return max(min(fits), 1)


class Time(NamedTuple):
    """Of a kernel on a card, in milliseconds.

    Attributes:
        predicted: by work or by what waits, whichever is longer.
        limit: what the special functions alone take, evenly spread over the card.
    """

    predicted: float
    limit: float


def time(machine: Machine, warps: int, programs: int, passes: list[int], card: Limits) -> Time:
    """Of a kernel whose loops a program passes through so often.

    Args:
        machine: its machine code.
        warps: of a program.
        programs: of a launch.
        passes: of each loop of ``machine``.
        card: where it runs.
    """
    per_card = resident(machine, warps) * card.multiprocessors
    cycles = limit = 0.0
    for body, count in zip(machine.loops, passes):
        loop = modelled(body)
        limit += count * loop.special * warps * programs / card.multiprocessors
        for first in range(0, programs, per_card):
            held = -(-min(per_card, programs - first) // card.multiprocessors)
            cycles += count * max(duration(body, warps), loop.work * warps * held)
    return Time(1e3 * cycles / card.clock, 1e3 * limit / card.clock)
