"""Every GPU kernel really compiled, for cards that are not there: what its machine code says."""

from __future__ import annotations

import importlib
import os
import pkgutil
from importlib.util import find_spec

import pytest

if find_spec("triton") is None:
    pytest.skip("NO GPU KERNEL IS COMPILED: Triton is not installed", allow_module_level=True)
if os.environ.get("TRITON_INTERPRET") == "1":
    pytest.skip("NO GPU KERNEL IS COMPILED: Triton interprets here", allow_module_level=True)

from triton.runtime.jit import JITFunction

from benchmarks.gpu import compiled, model, static_model
from benchmarks.gpu.card import LIMITS, Limits
from benchmarks.gpu.compiled import Machine
from liquid_neural_networks import gpu

LARGE = "LTC 302 sparse"
SPILLED = {
    ("sm_80", LARGE): 470,
    ("sm_90", LARGE): 470,
    ("gfx942", LARGE): 130,
}
"""Instructions, on AMD registers, that may move to memory or back; none in all other classes."""
OVER_SPECIAL = 1.5
"""By how much an unfold of conductance may be longer than its special functions alone."""


def check(name: str, target: str, each: static_model.Found) -> None:
    """What a kernel of a class is bound to, if the class runs on the target at all."""
    if not static_model.fits(name, target):
        return
    machine = each.machine
    assert machine.shared <= static_model.SHARED[target]
    assert machine.spilled <= SPILLED.get((target, name), 0)
    if target != "gfx942":
        assert machine.registers <= 255
        assert name == LARGE or not any(compiled.spills(body) for body in machine.loops)
    if target == "sm_90":
        assert machine.by_columns, "threads wait for the same bank"
        if each.kernel == "conductance.forward":
            unfold = each.loops[-1]
            assert unfold.work <= OVER_SPECIAL * unfold.special


@pytest.mark.parametrize("target", compiled.TARGETS)
def test_every_class(target: str) -> None:
    """One test a target: most classes share some kernels, which are compiled once in a process."""
    wrong = []
    for name in static_model.CLASSES:
        for each in static_model.found(name, target):
            try:
                check(name, target, each)
            except AssertionError as error:
                wrong.append(f"{name}, {each.kernel}: {error}")
    assert not wrong


def test_every_kernel_is_in_a_class() -> None:
    """A new one is compiled from the day it is launched."""
    launched = {
        launch.name
        for name in static_model.CLASSES
        for launch in static_model.class_launches(name, "sm_90")
    }
    kernels = set()
    for module in pkgutil.iter_modules(gpu.__path__):
        if module.name.endswith("_kernels"):
            found = vars(importlib.import_module(f"{gpu.__name__}.{module.name}"))
            stem = module.name.strip("_").replace("_kernels", "")
            kernels |= {
                f"{stem}.{name}"
                for name, each in found.items()
                # What is called from within kernels has no sizes that change from call to call.
                if isinstance(each, JITFunction)
                and each.do_not_specialize
                and each.fn.__module__.endswith(module.name)
            }
    assert kernels
    assert kernels == launched


# -- reading machine code --------------------------------------------------------------------------

CODE = """
        /*0000*/                   MOV R1, c[0x0][0x28] ;
.L_x_1:
        /*0010*/                   FFMA R2, R2, R3, R4 ;
.L_x_0:
        /*0020*/              @!P0 MUFU.EX2 R5, R2 ;
        /*0030*/               @P1 BRA `(.L_x_0) ;
        /*0040*/                   STL [R1], R5 ;
        /*0050*/              @!P2 BRA `(.L_x_1) ;
        /*0060*/                   BRA `(.L_x_2) ;
.L_x_2:
        /*0070*/                   EXIT ;
"""


def test_loops_without_what_is_inside_them() -> None:
    instructions, labels = compiled._instructions(CODE)
    assert len(instructions) == 8
    outer, inner = compiled._loops(instructions, labels)
    assert [compiled.opcode(each) for each in outer] == ["FFMA", "STL", "BRA"]
    assert [compiled.opcode(each) for each in inner] == ["MUFU.EX2", "BRA"]


# -- the model -------------------------------------------------------------------------------------


def test_a_chain_waits_and_what_is_independent_does_not() -> None:
    chain = ["FFMA R1, R1, R2, R3"] * 10
    assert model.latency(chain) == 10 * model.ARITHMETIC
    assert model.latency([f"FFMA R{place}, R100, R101, R102" for place in range(10)]) == 10
    assert model.latency(["MUFU.EX2 R1, R1"]) == model.LATENCY["MUFU"]
    assert model.latency(["SHFL.BFLY PT, R1, R1, 0x1, 0x1f"]) == model.LATENCY["SHFL"]


def test_a_wide_load_fills_several_registers() -> None:
    last = ["LDS.128 R4, [R0]", "FADD R0, R7, R7"]
    assert model.latency(last) == model.LATENCY["LDS"] + model.ARITHMETIC
    assert model.latency(["LDS.64 R4, [R0]", "FADD R0, R7, R7"]) < model.latency(last)


def test_a_barrier_waits_for_what_was_stored() -> None:
    exchanged = ["STS [R0], R1", "BAR.SYNC.DEFER_BLOCKING 0x0", "LDS R1, [R2]"]
    least = model.STORED + model.TOGETHER + model.LATENCY["LDS"]
    assert least <= model.latency(exchanged) <= least + 3


def test_warps_meet_at_barriers() -> None:
    """Between two of them a program takes as long as its slowest chain or as its busiest unit."""
    barrier = "BAR.SYNC.DEFER_BLOCKING 0x0"
    chain = ["FFMA R1, R1, R2, R3"] * 20
    busy = [f"MUFU.EX2 R{place}, R99" for place in range(10, 30)]
    body = [*busy[:3], *chain, barrier, *busy, barrier, *busy[:2]]
    least = 20 * model.ARITHMETIC + 8 * 20 * 2
    assert least <= model.duration(body, 8) <= least + 8 * 5 * 2 + 2 * model.TOGETHER
    assert model.duration(body, 8) > max(model.latency(body), 8 * model.modelled(body).work)
    assert model.duration(chain, 8) == model.latency(chain)


def test_the_busiest_unit_counts() -> None:
    assert model.modelled(["MUFU.RCP R1, R2"] * 4).work == 8
    assert model.modelled(["FFMA R1, R2, R3, R4"] * 8).work == 2
    assert model.modelled(["LDS.128 R4, [R0+0x10]"]).work == 4
    assert model.modelled(["LDS.128 R4, [UR4+0x10]"]).work == 1  # the same for all threads


def test_a_full_card_is_as_slow_as_its_busiest_unit() -> None:
    card = Limits(1e12, 100, 1e9)
    body = ["MUFU.EX2 R1, R1"] * 10
    machine = Machine(32, 0, 0, [body], True)
    few, many = (model.time(machine, 1, count, [1000], card) for count in (100, 100 * 1000))
    assert few.predicted == pytest.approx(1e3 * 1000 * 10 * model.LATENCY["MUFU"] / 1e9)
    assert few.limit == pytest.approx(few.predicted * 2 / model.LATENCY["MUFU"])
    assert many.limit == pytest.approx(1000 * few.limit)
    assert many.limit <= many.predicted <= 1.1 * many.limit


def test_programs_share_registers_and_shared_memory() -> None:
    assert model.resident(Machine(255, 0, 0, [], True), 8) == 1
    assert model.resident(Machine(64, 0, 0, [], True), 4) == 8
    assert model.resident(Machine(16, 0, 100 * 1024, [], True), 1) == 2


def test_limits_by_a_cards_name() -> None:
    assert LIMITS["H200"].flops == pytest.approx(66.9e12, rel=1e-3)  # as the data sheet has it
