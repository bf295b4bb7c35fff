"""The C extension by itself: what it computes."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import mpmath
import pytest
import torch
from torch import Tensor

from native_cases import (
    KERNELS,
    LANES,
    Problem,
    closed_form_problem,
    dtype_of,
    errors,
    kernel_id,
    native,
    step_problem,
)

TOLERANCE = {torch.float32: 2e-4, torch.float64: 1e-11}


def assert_right(problem: Problem, threads: int = 1) -> None:
    """On every kernel, forward and backward."""
    expected = problem.expected()
    for kernel in KERNELS:
        found = errors(problem.run(kernel, threads), expected)
        allowed = TOLERANCE[dtype_of(kernel)]
        assert all(each < allowed for each in found.values()), (kernel_id(kernel), found)


# -- numbers -------------------------------------------------------------------------------------

STEPS: list[dict[str, Any]] = [
    {"dynamics": dynamics, "solver": solver, "activation": activation}
    for solver in ("fused", "euler", "exponential")
    for dynamics, activation in (
        ("conductance", "sigmoid"),
        ("dense", "sigmoid"),
        ("dense", "tanh"),
    )
]


@pytest.mark.parametrize("rich", [False, True])
@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("options", STEPS, ids=lambda o: "-".join(o.values()))
def test_steps(options: dict[str, Any], rich: bool, memory: bool) -> None:
    for batch in (1, 2, LANES + 1):
        assert_right(step_problem(batch=batch, rich=rich, memory=memory, **options))


@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("dynamics", ["conductance", "dense"])
def test_any_number_of_synapses(dynamics: str, density: float) -> None:
    """None at all, neurons without any, and more than a slice or a panel holds."""
    for batch in (1, 3):
        assert_right(step_problem(dynamics, density=density, units=21, batch=batch, inputs=2))


@pytest.mark.parametrize("unfolds", [1, 6, 7, 11])
@pytest.mark.parametrize("dynamics", ["conductance", "dense"])
def test_any_number_of_unfolds(dynamics: str, unfolds: int) -> None:
    """The usual number has a loop of its own."""
    for batch in (1, 3):
        assert_right(step_problem(dynamics, unfolds=unfolds, batch=batch))


def test_a_row_alone_in_a_group_of_whole_chunks() -> None:
    """Its gradients join theirs, as chunks are more than the 16 groups; for any number of lanes."""
    for lanes in (2, 4, 8, 16):
        assert_right(step_problem(batch=16 * lanes + 1, steps=1, unfolds=1, units=2, inputs=1))


STORED: dict[str, dict[str, Any]] = {
    "clip": {"c": ("clip", 0.6), "g": ("clip", 0.7), "w": ("clip", 0.5), "sensory_w": ("clip", 1)},
    "softplus": dict.fromkeys(("c", "g", "w", "sensory_w", "sensory_E"), ("softplus", 0.1)),
}


@pytest.mark.parametrize("rich", [False, True])
@pytest.mark.parametrize("in_matrices", [False, True])
@pytest.mark.parametrize("constraint", STORED)
def test_parameters_as_they_are_stored(constraint: str, in_matrices: bool, rich: bool) -> None:
    """The kernel makes their values, and gradients of what is stored."""
    options: dict[str, Any] = {"constraints": STORED[constraint], "in_matrices": in_matrices}
    for batch in (1, 2, LANES + 1, 3 * LANES):
        assert_right(step_problem(batch=batch, rich=rich, epsilon=0.05, units=7, **options))
    assert_right(step_problem(density=0.0, memory=True, epsilon=0.05, **options))
    tau = {"tau": (constraint, 0.5)}
    assert_right(step_problem("dense", constraints=tau, in_matrices=in_matrices, rich=rich))


@pytest.mark.parametrize("kernel", KERNELS, ids=kernel_id)
def test_softplus_to_the_last_digits(kernel: int) -> None:
    """As exact as its argument is, rounded. One euler step of neurons without synapses, from 0 and
    over a time of 1, makes the leak g itself the state: c and vleak are 1."""
    dtype, far = dtype_of(kernel), 80 if dtype_of(kernel) == torch.float32 else 650
    stored = torch.cat([torch.linspace(-far, far, 4001), torch.linspace(-2, 2, 4001)]).double()
    problem = step_problem(
        solver="euler", unfolds=1, batch=1, steps=1, units=len(stored), density=0.0, rich=False,
        constraints={"g": ("softplus", 0.0)},
        change={"g": stored, "c": torch.ones_like(stored), "vleak": torch.ones_like(stored),
                "sensory_w": 0 * step_problem(units=len(stored), density=0.0).read["sensory_w"]},
    )  # fmt: skip
    found = problem.run(kernel)
    stored = stored.to(dtype).double()
    limit = (4 + stored.abs()) * torch.finfo(dtype).eps
    wanted = torch.nn.functional.softplus(stored, threshold=1e9)
    wanted = torch.where(stored > 40, stored, wanted)
    given = problem.given_gradients()["grad_states"].flatten().to(dtype).double()
    for mine, exact in (
        (found["states"].flatten(), wanted),
        (found["grad_g"], given * torch.sigmoid(stored)),
    ):
        error = (mine.double() - exact).abs() / exact.abs().clamp(min=torch.finfo(dtype).tiny)
        assert bool((error < limit).all()), stored[(error / limit).argmax()]


CLOSED_FORMS: list[dict[str, Any]] = [
    {"mode": mode, "activation": activation, "backbone": backbone, "layer_sizes": layer_sizes}
    for mode in ("default", "no_gate", "pure")
    for activation, backbone in (("none", 0), ("silu", 0), ("tanh", 1), ("relu", 2), ("silu", 3))
    for layer_sizes in ((5,), (3, 1, 4))
    if backbone == 0 or len(layer_sizes) == 1
]


@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("options", CLOSED_FORMS, ids=lambda o: "-".join(map(str, o.values())))
def test_closed_forms(options: dict[str, Any], memory: bool) -> None:
    for batch, shift in ((1, False), (LANES + 1, True)):
        assert_right(closed_form_problem(batch=batch, shift=shift, memory=memory, **options))


def only_row(problem: Problem, row: int, **options: Any) -> Problem:
    """The same problem with one row of its batch only."""
    change = {
        name: each[row : row + 1] if problem.shape(name, KERNELS[0])[0] == len(each) else each
        for name, each in problem.read.items()
        if name in ("inputs", "mask", "elapsed_time", "time_constants", "state")
    }
    return step_problem(**{**options, "batch": 1, "change": change})


@pytest.mark.parametrize("dynamics", ["conductance", "dense"])
def test_the_row_after_whole_chunks(dynamics: str) -> None:
    """It is its own row, with a state, a mask and times of its own, for any number of lanes."""
    for chunks in (2, 4, 8, 16):
        options: dict[str, Any] = {"dynamics": dynamics, "batch": chunks + 1, "seed": chunks}
        problem = step_problem(**options)
        alone = only_row(problem, chunks, **options).expected()
        for kernel in KERNELS:
            found = problem.run(kernel)
            rows = {name: found[name][-1:] for name in ("states", "grad_inputs", "grad_state")}
            wanted = {name: alone[name] for name in rows}
            wanted["grad_inputs"] = problem.expected()["grad_inputs"][-1:]
            wanted["grad_state"] = problem.expected()["grad_state"][-1:]
            found_errors = errors(rows, wanted)
            assert max(found_errors.values()) < TOLERANCE[dtype_of(kernel)], kernel_id(kernel)


@pytest.mark.parametrize("name", ["sigma", "mu", "sensory_sigma", "sensory_mu", "a", "b"])
def test_parameters_far_beyond_saturation(name: str) -> None:
    """Arguments of the sigmoid that have to be clamped, because a parameter is large."""
    for size in (1e3, 1e6, 1e30):
        for batch in (1, 3):
            plain = step_problem(batch=batch)
            large = plain.read[name].clone()
            large[::2] *= size
            problem = step_problem(batch=batch, change={name: large})
            expected = problem.expected()["states"]
            for kernel in KERNELS:
                states = problem.run(kernel)["states"].double()
                torch.testing.assert_close(states, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [1e4, -1e30, 3e38])
def test_states_and_inputs_far_beyond_saturation(size: float) -> None:
    """They do not touch the rows beside, and nothing overflows."""
    for batch in (1, LANES + 1):
        read = step_problem(batch=batch).read
        inputs, state = read["inputs"].clone(), read["state"].clone()
        inputs[0, :, 1], state[-1, 2] = size, min(size, 1e30)
        problem = step_problem(batch=batch, change={"inputs": inputs, "state": state})
        expected, ordinary = problem.expected(), step_problem(batch=batch)
        for kernel in KERNELS:
            found, beside = problem.run(kernel), ordinary.run(kernel)
            assert errors(found, {"states": expected["states"]})["states"] < 2e-4
            assert torch.equal(found["states"][1:-1], beside["states"][1:-1])


def test_lower_bounds() -> None:
    """What is stored below is taken as the bound, and has no gradient; on it there is one."""
    change = {"c": torch.tensor([-1.0, 0.1, 0.25, 0.7, 0.2], dtype=torch.float64)}
    bounds = {name: ("clip", low) for name, low in (("c", 0.25), ("w", 0.4), ("sensory_w", 0.2))}
    problem = step_problem(constraints=bounds, change=change)
    assert_right(problem)
    gradient = problem.run(KERNELS[0])["grad_c"]
    assert gradient.ne(0).tolist() == [False, False, True, True, False]


@pytest.mark.parametrize("kernel", KERNELS, ids=kernel_id)
def test_sigmoid_from_end_to_end(kernel: int) -> None:
    """As exact as its argument where it is nearly 0, 0 itself beyond, NaN only of NaN."""
    dtype = dtype_of(kernel)
    x = torch.cat([torch.linspace(-100, 100, 4001), torch.linspace(-800, 800, 1001)]).to(dtype)
    x = torch.cat([x, torch.tensor([torch.inf, -torch.inf, 3e38, -3e38, torch.nan], dtype=dtype)])
    found = torch.empty_like(x)
    native.sigmoid(x, found, kernel)
    exact = torch.sigmoid(x.double())
    limits = torch.finfo(dtype)
    allowed = exact * limits.eps * (4 + x.double().abs()) + limits.tiny
    assert ((found.double() - exact).abs() <= allowed)[:-5].all()
    assert found[-5:-1].tolist() == [1.0, 0.0, 1.0, 0.0] and bool(found[-1].isnan())


def test_speeds_are_measured() -> None:
    for kernel in KERNELS:
        # The best of some: a busy machine interrupts others.
        assert 1e7 < max(native.sigmoid_rate(1024, 50, kernel) for _ in range(20)) < 1e12
        assert 1e7 < max(native.synapse_rate(256, 50, kernel) for _ in range(20)) < 1e12
    for arguments in ((0, 1), (1, 0), (2**30, 1)):
        with pytest.raises(native.Refused, match=r"^count: "):
            native.sigmoid_rate(*arguments, KERNELS[0])


def test_lowest() -> None:
    for dtype in (torch.float32, torch.float64):
        tensor = torch.tensor([[3.0, -2.5], [7.0, 1.0]], dtype=dtype)
        assert native.lowest(tensor) == -2.5 and native.lowest(tensor[:0]) == 0.0
        for bad in (torch.inf, -torch.inf, torch.nan):
            tensor[1, 1] = bad
            assert math.isnan(native.lowest(tensor))
    for other in (tensor.t(), tensor.to_sparse(), torch._neg_view(tensor), tensor.long(), 3.0):
        assert native.lowest(other) is None


def test_threads_do_not_change_results() -> None:
    for problem in (step_problem(batch=100), closed_form_problem(batch=100)):
        for kernel in KERNELS:
            one = problem.run(kernel, threads=1)
            for threads in (2, 5, 1000):
                many = problem.run(kernel, threads=threads)
                for name, each in one.items():
                    if not name.startswith("kept"):
                        assert torch.equal(each, many[name]), (name, kernel_id(kernel))


NO_MEMORY_FOR_ALL = """
import resource
import torch
from native_cases import KERNELS, native, step_problem

problem = step_problem(batch=64, steps=1, units=100, density=0.0, unfolds=6000, rich=False)
expected = problem.run(KERNELS[0], threads=4)  # the threads are there now
scratch = 6000 * 100 * 32 * 5  # of a thread: five arrays of a vector a neuron and unfold
for threads_with_memory in (0, 1, 2):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    room = int((threads_with_memory + 0.5) * scratch)
    resource.setrlimit(resource.RLIMIT_AS, (used + room, resource.RLIM_INFINITY))
    try:
        found = problem.run(KERNELS[0], threads=4)
    except MemoryError:
        print("no memory")
    else:
        same = all(torch.equal(found[name], expected[name]) for name in problem.gradients)
        print("the same" if same else "DIFFERENT")
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def test_threads_without_memory_leave_their_share_to_others() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_MEMORY_FOR_ALL],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["no memory", "the same", "the same"]


# -- the exponential solver ----------------------------------------------------------------------


class Exact(NamedTuple):
    """One step of dx/dt = D - R x over z, and its derivatives, to 50 digits."""

    state: float
    by_state: float
    by_rate: float
    by_drive: float
    by_z: float

    @classmethod
    def of(cls, z: float, rate: float, drive: float, state: float) -> Exact:
        with mpmath.workdps(50):
            h, r, d, x = (mpmath.mpf(each) for each in (z, rate, drive, state))
            decay = mpmath.exp(-h * r)
            gain = -mpmath.expm1(-h * r) / r
            by_rate = d * (h * decay - gain) / r - x * h * decay
            all_ = (x * decay + d * gain, decay, by_rate, gain, decay * (d - r * x))
            return cls(*map(float, all_))


def leaky_neurons(gaps: Tensor) -> Problem:
    """A row for each gap, of neurons whose synapses have no weight."""
    units = 9
    leaks = {
        "c": torch.linspace(0.3, 0.9, units),
        "g": torch.logspace(-2, 2, units),
        "vleak": torch.linspace(-1, 1.5, units),
        "sensory_w": torch.zeros(units),
        "elapsed_time": gaps.view(-1, 1),
    }
    problem = step_problem(
        solver="exponential", unfolds=1, batch=len(gaps), steps=1, inputs=1, units=units,
        density=0.0, change={name: each.float().double() for name, each in leaks.items()},
    )  # fmt: skip
    problem.read["sensory_w"] = torch.zeros(problem.sizes["S"], dtype=torch.float64)
    for name in ("time_constants", "mask"):
        problem.read.pop(name)
    problem.gradients.pop("grad_time_constants")
    problem.read["state"] = problem.read["state"].float().double()
    return problem


def assert_exact(problem: Problem, kernel: int, row: int, parameters: bool) -> None:
    """A row of a leaky problem; gradients of parameters are sums over rows, so of one only."""
    found = {name: each.double() for name, each in problem.run(kernel).items()}
    after = problem.given_gradients()["grad_states"].to(dtype_of(kernel)).double()[row, 0]
    elapsed = float(problem.read["elapsed_time"][row])
    precision = 16 * torch.finfo(dtype_of(kernel)).eps

    def check(name: str, got: Tensor, exact: float, size: float, y: float) -> None:
        allowed = precision * (1 + min(y, 1e3)) * (abs(exact) + size) + 1e-20
        assert abs(float(got) - exact) <= allowed, (name, y, float(got), exact)

    by_elapsed = 0.0
    for i in range(problem.sizes["N"]):
        c, g, vleak = (float(problem.read[name][i]) for name in ("c", "g", "vleak"))
        state, weight = float(problem.read["state"][row, i]), float(after[i])
        z, y = elapsed / c, elapsed * g / c
        exact = Exact.of(z, g, g * vleak, state)
        by_elapsed += weight * exact.by_z / c
        check("states", found["states"][row, 0, i], exact.state, abs(vleak) * min(y, 1), y)
        check("grad_state", found["grad_state"][row, i], weight * exact.by_state, 0.0, y)
        if parameters:
            pull = abs(weight * exact.by_state * g) * (abs(vleak) + abs(state))
            by_c = -weight * exact.by_z * z / c
            check("grad_c", found["grad_c"][i], by_c, pull * z / c, y)
            by_g = weight * (exact.by_rate + exact.by_drive * vleak)
            check("grad_g", found["grad_g"][i], by_g, abs(weight * exact.by_drive * vleak), y)
            by_vleak = weight * exact.by_drive * g
            check("grad_vleak", found["grad_vleak"][i], by_vleak, 0.0, y)
    found_by_elapsed = found["grad_elapsed_time"][row, 0]
    check("grad_elapsed_time", found_by_elapsed, by_elapsed, 10 * abs(by_elapsed) + 1e-9, 1.0)


GAPS = (10 ** torch.linspace(-13, 13, 53, dtype=torch.float64)).float().double()


@pytest.mark.parametrize("kernel", KERNELS, ids=kernel_id)
def test_exponential_steps_at_any_gap(kernel: int) -> None:
    """y from 1e-15 to 1e15, in rows side by side and alone."""
    together = leaky_neurons(GAPS)
    for row in range(0, len(GAPS), 4):
        assert_exact(together, kernel, row, parameters=False)
    for gap in (*GAPS, 0.0, 1e30, 1e38):
        assert_exact(leaky_neurons(torch.tensor([gap])), kernel, 0, parameters=True)


@pytest.mark.parametrize("dynamics", ["conductance", "dense"])
def test_exponential_gradients_at_long_gaps(dynamics: str) -> None:
    """Whole networks, where two terms of order elapsed time must not be left to cancel."""
    for elapsed in (1e-6, 1.0, 3600.0, 86400.0, 1e6, 1e9):
        for batch in (1, 3):
            gaps = torch.full((batch, 4), elapsed, dtype=torch.float64)
            options: dict[str, Any] = {"solver": "exponential", "unfolds": 6, "batch": batch}
            problem = step_problem(dynamics, change={"elapsed_time": gaps}, **options)
            expected = problem.expected()
            for kernel in KERNELS:
                found = problem.run(kernel)
                for name, wanted in expected.items():
                    scale = 1.0 + float(wanted.abs().max())
                    difference = (found[name].double() - wanted).abs().max()
                    assert difference < TOLERANCE[dtype_of(kernel)] * scale, (name, elapsed)
