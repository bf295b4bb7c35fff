"""Every path through a network, in generated cases, against the float64 reference of the spec.

A case runs on plain torch, on the compiled step, parallel in time and as a stream; outputs, states
and gradients are compared with ``spec/reference.py``, which shares no code with the library.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, Callable, NamedTuple

import numpy as np
import pytest
import torch
from spec import reference
from spec.gradients import DIFFERENTIABLE
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import every_path
from every_path import Case
from every_path_subject import (
    HUGE_SIZE,
    Array,
    Subject,
    expected_slopes,
    subject,
)
from liquid_neural_networks import LiquidNetwork, fused, parallel_time
from liquid_neural_networks.dynamics import DYNAMICS

CASES = every_path.chosen(150)


class Tolerance(NamedTuple):
    """Relative to the largest expected number of a tensor, which counts as 1 at least."""

    values: float
    gradients: float


def tolerance(case: Case) -> Tolerance:
    if case["solver"] == "adaptive":
        return Tolerance(1e-4, 1e-3)
    return Tolerance(1e-11, 1e-9) if case["dtype"] == "float64" else Tolerance(3e-5, 3e-4)


def differentiated(case: Case) -> bool:
    """Whether gradients are compared."""
    if case["closed_form.mode"] == "pure" and saturated_in_float32(case):
        return False  # products of three huge numbers overflow
    if case["solver"] == "adaptive":
        return (case["batch"] or 1) <= 2
    synapses, populations = case["units"] ** 2, case["layers"] * (1 + case["bidirectional"])
    steps = case["steps"] * (case["unfolds"] or 4) * (case["batch"] or 1)
    return synapses * populations**2 * steps < 100_000  # numpy is not fast


def saturated_in_float32(case: Case) -> bool:
    return case["dtype"] == "float32" and case["size"] != "ordinary"


def least_scale(case: Case) -> float:
    """What gradients are at least measured by.

    In float32 a saturated head of a closed form is the last digit away from its end. That digit
    then stands before the huge number.
    """
    closed_form = case["dynamics"] == "closed_form"
    return HUGE_SIZE if closed_form and saturated_in_float32(case) else 1.0


# -- the library's answers ---------------------------------------------------------------------


def leaves(made: Subject) -> dict[str, Tensor]:
    """The arguments as tensors that ask for gradients."""
    dtype = getattr(torch, made.case["dtype"])
    found = {}
    for name in DIFFERENTIABLE:
        value = made.arguments[name]
        if value is not None:
            found[name] = torch.tensor(value).to(dtype).requires_grad_()
    return found


def keywords(made: Subject, given: dict[str, Tensor]) -> dict[str, Any]:
    """What the network is called with."""
    case, mask = made.case, made.arguments["mask"]
    options: dict[str, Any] = {**given, "mask": None if mask is None else torch.tensor(mask)}
    if case["strided"]:
        options = {name: apart(value) for name, value in options.items() if value is not None}
    if case["mask"] == "packed":
        lengths = options.pop("mask").sum(1 if case["batch_first"] else 0)
        whole = given["inputs"].dim()
        for name in ("inputs", "elapsed_time", "time_constants"):
            value = options.get(name)
            if (
                value is not None
                and value.dim() >= 2
                and value.shape[:2] == given["inputs"].shape[:2]
            ):
                if name == "time_constants" and value.dim() < whole:
                    continue  # (B, N) of as many neurons as there are samples
                options[name] = pack_padded_sequence(
                    value, lengths, batch_first=case["batch_first"], enforce_sorted=False
                )
    return options


def apart(value: Tensor) -> Tensor:
    """The same numbers, no two of them side by side in memory."""
    if value.dim() == 0:
        return value
    return torch.stack([value, torch.zeros_like(value)], dim=-1)[..., 0]


def run(made: Subject, given: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Outputs and state, batch first."""
    outputs, state = made.net(**keywords(made, given), return_state=True)
    if isinstance(outputs, PackedSequence):
        outputs, _ = pad_packed_sequence(outputs, batch_first=True)
    elif made.case["batch"] is None:
        return outputs.unsqueeze(0), state.unsqueeze(1)
    elif made.case["return_sequences"] and not made.case["batch_first"]:
        outputs = outputs.transpose(0, 1)
    return outputs, state


def slopes(
    made: Subject, given: dict[str, Tensor], outputs: Tensor, state: Tensor
) -> dict[str, tuple[float, float]]:
    """The loss's slope along each direction, and how large its terms are."""
    parameters = {name.replace(".dynamics", ""): p for name, p in made.net.named_parameters()}
    wanted = {**parameters, **given}
    for leaf in wanted.values():
        leaf.grad = None
    weights = {name: torch.tensor(each).to(outputs.dtype) for name, each in made.weights.items()}
    if made.case["mask"] == "packed":  # there are no outputs at padding
        outputs = (
            outputs * torch.tensor(valid(made)).unsqueeze(-1) if outputs.dim() == 3 else outputs
        )
    ((outputs * weights["outputs"]).sum() + (state * weights["state"]).sum()).backward()
    found = {}
    for name, leaf in wanted.items():
        terms = np.zeros(1)
        if leaf.grad is not None:
            terms = leaf.grad.double().numpy() * made.directions[name]
        found[name] = (float(terms.sum()), float(np.abs(terms).sum()))
    return found


def valid(made: Subject) -> Array:
    return reference.prepare(made.model, made.arguments).valid


# -- tests -------------------------------------------------------------------------------------


def engines(case: Case) -> Iterator[tuple[str, Callable[[], AbstractContextManager[Any]]]]:
    """Name and context of each."""
    yield "plain torch", fused.disabled
    if fused.status().available:
        yield "compiled", lambda: fused.instruction_set(case["instruction_set"])
    if case["steps"] > 1:
        yield "parallel in time", parallel_time.enabled


def check(what: str, got: Any, wanted: Array, limit: float) -> None:
    got = np.asarray(got.detach().double() if isinstance(got, Tensor) else got, dtype=np.float64)
    assert got.shape == wanted.shape, what
    error = np.abs(got - wanted) / max(1.0, float(np.abs(wanted).max()))
    where = np.unravel_index(np.argmax(np.nan_to_num(error, nan=np.inf)), error.shape)
    assert error[where] <= limit, f"{what}: {got[where]} for {wanted[where]} at {where}"


@pytest.mark.parametrize("case", CASES, ids=every_path.name)
def test_every_engine_gives_the_numbers_of_the_reference(case: Case) -> None:
    if case["solver"] == "adaptive":
        pytest.importorskip("torchdiffeq", reason="THE ADAPTIVE SOLVER IS NOT TESTED")
    made, limits = subject(case), tolerance(case)
    prepared = reference.prepare(made.model, made.arguments)
    wanted = reference.run(made.model, prepared)
    gradients = expected_slopes(made) if differentiated(case) else None
    there = np.ones(1)
    if case["mask"] == "packed" and case["return_sequences"]:
        there = prepared.valid[..., None]
    for engine, context in engines(case):
        with context():
            given = leaves(made)
            outputs, state = run(made, given)
            check(f"outputs, {engine}", outputs, wanted.outputs * there, limits.values)
            check(f"state, {engine}", state, wanted.state, limits.values)
            if gradients is None:
                continue
            for name, (slope, size) in slopes(made, given, outputs, state).items():
                error = abs(slope - gradients[name]) / max(least_scale(case), size)
                assert error <= limits.gradients, (
                    f"gradient of {name}, {engine}: {slope} for {gradients[name]}"
                )


def streamed(case: Case) -> bool:
    return not case["bidirectional"]


@pytest.mark.parametrize("case", list(filter(streamed, CASES)), ids=every_path.name)
def test_a_stream_gives_the_numbers_of_the_reference(case: Case) -> None:
    """Of its last row, a lone row where lanes end; its state is set before the first sample."""
    made, limit = subject(case), tolerance(case).values
    given = reference.prepare(made.model, made.arguments)
    wanted = reference.run(made.model, given)
    for off in (False, True):
        with ExitStack() as stack:
            if off:
                stack.enter_context(fused.disabled())
            elif fused.status().available:
                stack.enter_context(fused.instruction_set(case["instruction_set"]))
            live = made.net.train().stream(given.state[:, -1])  # which drops nothing out
            output = None
            for t in np.flatnonzero(given.valid[-1]):
                sample, taus = given.inputs[-1, t], given.time_constants
                if given.seen is not None:
                    sample = np.where(given.seen[-1, t], sample, np.nan)
                own = None if taus is None else taus[-1, t]
                output = live.step(sample, float(given.elapsed_time[-1, t]), own)
                if case["return_sequences"]:
                    check(f"output {t}, compiled: {not off}", output, wanted.outputs[-1, t], limit)
            if not case["return_sequences"]:
                check(f"output, compiled: {not off}", output, wanted.outputs[-1], limit)
            check(f"state, compiled: {not off}", live.state, wanted.state[:, -1], limit)


@pytest.mark.parametrize("dynamics", sorted(DYNAMICS))
@pytest.mark.parametrize("memory", [False, True])
def test_every_engine_drops_the_same_out_in_training(memory: bool, dynamics: str) -> None:
    net = LiquidNetwork(
        3, 5, 2, dynamics=dynamics, num_layers=2, dropout=0.5, mixed_memory=memory, seed=0
    ).double()
    inputs = torch.linspace(-1, 1, 9 * 4 * 3, dtype=torch.float64).view(9, 4, 3)
    whole = net.eval()(inputs).detach()
    found = []
    for context in (nullcontext, fused.disabled):
        torch.manual_seed(0)
        with context():
            found.append(net.train()(inputs).detach())
    torch.testing.assert_close(found[0], found[1])
    assert (found[0] != whole).all()


def test_every_option_of_every_dynamics_has_its_values() -> None:
    assert {name: set(options) for name, options in every_path.OPTIONS.items()} == {
        name: set(dynamics.option_names()) for name, dynamics in DYNAMICS.items()
    }


def test_every_value_occurs_and_most_pairs_of_values() -> None:
    seen = {pair for case in CASES for pair in every_path.pairs(case)}
    source = random.Random(1)
    possible = {pair for _ in range(1500) for pair in every_path.pairs(every_path.drawn(source))}
    values = {(name, case[name]) for case in CASES for name in case}
    assert values >= {(name, each) for name, own in every_path.DIMENSIONS.items() for each in own}
    assert len(seen & possible) > 0.9 * len(possible)
    assert sum(map(differentiated, CASES)) > 0.6 * len(CASES)
