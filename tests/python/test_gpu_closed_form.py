"""Closed-form dynamics on the GPU engine: the numbers of the float64 reference, every gradient."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import pytest
import torch
from torch import Tensor

from gpu_cases import (
    DEVICE,
    Arguments,
    answers,
    arguments,
    check_vector,
    difference,
    elsewhere,
    kernels,
    on_the_gpu,
    patched_once,  # noqa: F401
    reason,
    run_interpreted,
    vectors,
)
from liquid_neural_networks import LiquidNeuron, wiring

RECIPES = {
    "one": wiring.fully_connected(1),
    "full": wiring.fully_connected(5),
    "prime": wiring.random(17, sparsity=0.4, seed=3),
    "wide": wiring.random(37, sparsity=0.7, seed=3),
    "ncp": wiring.ncp(inter=4, command=3, motor=2, seed=1),
    "three layers": wiring.auto_ncp(23, motor=3, seed=2),
}
MASKED = {"backbone_layers": 0}
LEAKY = {"leaky_wiring": True}


def backbone(layers: int, units: int, activation: str) -> dict[str, Any]:
    return {
        "backbone_layers": layers,
        "backbone_units": units,
        "backbone_activation": activation,
    }


CASES: list[tuple[str, str, dict[str, Any], bool, int, int, bool]] = [
    # recipe, mode, other options, memory, batch, steps, everything given
    ("one", "default", MASKED, False, 1, 1, True),
    ("full", "default", MASKED, True, 3, 2, False),
    ("full", "no_gate", MASKED, False, 5, 3, True),
    ("full", "pure", MASKED, True, 2, 3, True),
    ("prime", "default", {}, False, 5, 2, True),
    ("prime", "pure", {}, False, 1, 3, False),
    ("wide", "no_gate", {}, False, 2, 2, True),
    ("ncp", "default", {}, False, 5, 3, True),
    ("ncp", "no_gate", LEAKY, True, 2, 2, True),
    ("ncp", "pure", {}, False, 3, 2, True),
    ("three layers", "default", LEAKY, False, 2, 2, False),
    ("three layers", "default", {}, True, 1, 2, True),
    ("one", "default", backbone(1, 1, "tanh"), False, 7, 1, True),
    ("full", "default", backbone(1, 9, "lecun_tanh"), True, 5, 2, True),
    ("full", "no_gate", backbone(2, 17, "silu"), False, 2, 3, True),
    ("full", "pure", backbone(2, 5, "relu"), True, 3, 2, True),
    ("full", "default", backbone(2, 37, "tanh"), False, 2, 2, False),
]


def neuron_of(recipe: str, mode: str, options: dict[str, Any], memory: bool) -> LiquidNeuron:
    dynamics = {"type": "closed_form", "mode": mode, **options}
    return LiquidNeuron(3, wiring=RECIPES[recipe], dynamics=dynamics, mixed_memory=memory, seed=4)


@elsewhere
def test_interpreted() -> None:
    run_interpreted(__file__)


@kernels
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_states_and_every_gradient(case: tuple[Any, ...]) -> None:
    *described, batch, steps, rich = case
    neuron = neuron_of(*described)
    worst, of = difference(neuron, arguments(neuron, batch, steps, rich))
    assert worst < 1e-5, of


@kernels
@pytest.mark.parametrize(
    "described",
    [("ncp", "default", {}, True), ("full", "pure", backbone(2, 5, "tanh"), False)],
    ids=lambda described: described[0],
)
def test_sequences_in_parts(described: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two samples and one, as long ones are."""
    from liquid_neural_networks.gpu import _closed_form_passes as passes

    neuron = neuron_of(*described)
    given = arguments(neuron, 3, 5, rich=True)
    monkeypatch.setattr(passes, "NUMBERS_AT_ONCE", 3 * 2 * 100)
    parts = []

    def noted(*arguments: Any, unchanged: Any = passes.parts) -> list[slice]:
        parts.append(list(unchanged(*arguments)))
        return parts[-1]

    monkeypatch.setattr(passes, "parts", noted)
    worst, of = difference(neuron, given)
    assert worst < 1e-5, of
    assert len(parts[0]) > 1


@kernels
@pytest.mark.parametrize("mode", ["default", "no_gate", "pure"])
def test_any_gap(mode: str) -> None:
    """From no time at all to 30 years of seconds, gradients included."""
    neuron = neuron_of("full", mode, MASKED, False)
    given = arguments(neuron, 6, 1, rich=False)
    gaps = torch.tensor([[0.0], [1e-9], [1e-3], [60.0], [86400.0], [1e9]], dtype=torch.float64)
    worst, of = difference(neuron, given._replace(elapsed_time=gaps))
    assert worst < 1e-5, of


@kernels
def test_rows_share_nothing_and_runs_agree_bit_for_bit() -> None:
    neuron = neuron_of("ncp", "default", {}, False).to(DEVICE)
    given = arguments(neuron, 5, 3, rich=True)
    first = answers(neuron, given.on(torch.float32, DEVICE), on_the_gpu)
    first = {name: each.clone() for name, each in first.items()}
    again = answers(neuron, given.on(torch.float32, DEVICE), on_the_gpu)
    assert all(torch.equal(first[name], again[name]) for name in first)
    alone = Arguments(*(None if each is None else each[4:] for each in given))
    states = on_the_gpu(neuron, alone.on(torch.float32, DEVICE))
    torch.testing.assert_close(states, first["states"][4:], rtol=1e-6, atol=1e-6)


@kernels
def test_memory_laid_out_otherwise() -> None:
    neuron = neuron_of("ncp", "default", {}, True).to(DEVICE)
    given = arguments(neuron, 4, 3, rich=True).on(torch.float32, DEVICE)
    strided = Arguments(*(_strided(each) for each in given))
    assert not strided.inputs.is_contiguous()
    wanted, got = (on_the_gpu(neuron, each) for each in (given, strided))
    torch.testing.assert_close(got, wanted, rtol=1e-6, atol=1e-6)


def _strided(value: Optional[Tensor]) -> Optional[Tensor]:
    """The same numbers, batch last in memory."""
    return None if value is None else value.detach().movedim(0, -1).contiguous().movedim(-1, 0)


# -- the vectors -----------------------------------------------------------------------------------


FILES = vectors(closed_form=True)


def test_there_are_vectors() -> None:
    assert len(FILES) > 60


@kernels
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_vector(path: Path) -> None:
    check_vector(path)


# -- torch -----------------------------------------------------------------------------------------


@kernels
def test_gradients_under_autocast_are_not_shortened() -> None:
    neuron = neuron_of("full", "default", backbone(1, 9, "tanh"), False).to(DEVICE)
    given = arguments(neuron, 3, 2, rich=True)
    wanted = answers(neuron, given.on(torch.float32, DEVICE), on_the_gpu)
    wanted = {name: each.clone() for name, each in wanted.items()}
    with torch.autocast(DEVICE, dtype=torch.bfloat16):
        neuron.zero_grad()
        leaves = given.on(torch.float32, DEVICE)
        with torch.autocast(DEVICE, enabled=False):  # as a network does
            states = on_the_gpu(neuron, leaves)
        weights = torch.linspace(-1, 1, states.numel(), device=DEVICE).view_as(states)
        (states * weights).sum().backward()
    for name, parameter in neuron.named_parameters():
        assert torch.equal(parameter.grad, wanted[name]), name


# -- when it cannot run ----------------------------------------------------------------------------


@kernels
@pytest.mark.parametrize(
    "words, size, options",
    [
        ("65 neurons", 65, MASKED),
        ("3 x 8 units", 5, backbone(3, 8, "tanh")),
        ("1 x 129 units", 5, backbone(1, 129, "tanh")),
        ("gelu", 5, backbone(1, 8, "gelu")),
        ("dropout", 5, {**backbone(2, 8, "tanh"), "backbone_dropout": 0.5}),
    ],
)
def test_says_why_not(words: str, size: int, options: dict[str, Any]) -> None:
    neuron = LiquidNeuron(2, size, dynamics={"type": "closed_form", **options}).to(DEVICE)
    given = arguments(neuron, 1, 1, rich=False).on(torch.float32, DEVICE)
    assert words in reason(neuron, given)
    assert "dropout" not in reason(neuron.eval(), given)


@kernels
def test_says_what_shared_memory_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from liquid_neural_networks.gpu import _closed_form

    monkeypatch.setattr(_closed_form, "_shared_bytes_of", lambda device: 100 * 1024)
    small, large = (LiquidNeuron(2, size, dynamics="closed_form").to(DEVICE) for size in (32, 33))
    given = arguments(small, 1, 1, rich=False).on(torch.float32, DEVICE)
    assert reason(small, given) == ""
    assert "shared memory" in reason(large, given)
