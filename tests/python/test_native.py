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


STORED: dict[str, dict[str, Any]] = {
    "clip": {"c": ("clip", 0.6), "g": ("clip", 0.7), "w": ("clip", 0.5), "sensory_w": ("clip", 1)},
    "softplus": {name: ("softplus", 0.1) for name in ("c", "g", "w", "sensory_w", "sensory_E")},
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
