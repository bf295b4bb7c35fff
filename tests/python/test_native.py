"""The C extension by itself: what it computes, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from native_cases import (
    KERNELS,
    LANES,
    Problem,
    closed_form_problem,
    dtype_of,
    errors,
    kernel_id,
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
