"""Every path through a network, in generated cases, against the float64 reference of the spec.

A case runs on plain torch, on the compiled step, parallel in time and as a stream; outputs, states
and gradients are compared with ``spec/reference.py``, which shares no code with the library.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, Callable, NamedTuple, Optional
from zlib import crc32

import numpy as np
import pytest
import torch
from spec import reference
from spec.gradients import loss
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import every_path
from every_path import OUTPUTS, Case
from liquid_neural_networks import LiquidNetwork, fused, parallel_time
from liquid_neural_networks.dynamics import DYNAMICS

CASES = every_path.chosen(150)

Array = reference.Array
STEP = 1e-150
"""Of the complex step: infinitesimal beside any number, also when multiplied by 1e30."""
DIFFERENTIABLE = ("inputs", "state", "elapsed_time", "time_constants")


class Tolerance(NamedTuple):
    """Relative to the largest expected number of a tensor, which counts as 1 at least."""

    values: float
    gradients: float


HUGE_SIZE = 1e30
"""Of what is huge: it saturates everything, and its products with a few others fit in float32."""


def tolerance(case: Case) -> Tolerance:
    if case["solver"] == "adaptive":
        return Tolerance(1e-4, 1e-3)
    return Tolerance(1e-11, 1e-9) if case["dtype"] == "float64" else Tolerance(3e-5, 3e-4)


class Subject(NamedTuple):
    """A network, the same network as the reference has it, and what both are called with."""

    case: Case
    net: LiquidNetwork
    model: reference.Model
    arguments: dict[str, Any]
    """As the reference takes them: arrays or None."""
    weights: dict[str, Array]
    """Of the loss, batch first."""
    directions: dict[str, Array]
    """One for each parameter and differentiable argument: gradients are compared along them."""


def subject(case: Case) -> Subject:
    rng = np.random.Generator(np.random.PCG64(crc32(repr(case).encode())))
    net = network(case)
    set_values(net, case, rng)
    model = {
        "config": net.config(),
        "wirings": [plain(neuron.wiring) for neuron in net.neurons],
        "tensors": {name: value.detach().double().numpy() for name, value in net.values().items()},
    }
    arguments = call(case, net, rng)
    prepared = reference.prepare(model, arguments)
    batch, steps, _ = prepared.inputs.shape
    shape = (batch, steps, OUTPUTS) if case["return_sequences"] else (batch, OUTPUTS)
    weights = {"outputs": rng.normal(size=shape), "state": rng.normal(size=prepared.state.shape)}
    there = {name: arguments[name] for name in DIFFERENTIABLE if arguments[name] is not None}
    directions = {
        name: rng.normal(size=each.shape) for name, each in {**model["tensors"], **there}.items()
    }
    return Subject(case, net, model, arguments, weights, directions)


def network(case: Case) -> LiquidNetwork:
    directions = 2 if case["bidirectional"] else 1
    wirings = [
        every_path.recipe(case, seed=depth * directions + direction).build(
            case["units"] * directions if depth else case["inputs"]
        )
        for depth in range(case["layers"])
        for direction in range(directions)
    ]
    net = LiquidNetwork(
        case["inputs"],
        output_size=OUTPUTS,
        wiring=wirings,
        dynamics=every_path.description(case),
        solver=case["solver"],
        unfolds=case["unfolds"],
        constraint=case["constraint"],
        num_layers=case["layers"],
        bidirectional=case["bidirectional"],
        mixed_memory=case["memory"],
        readout=case["readout"],
        batch_first=case["batch_first"],
        return_sequences=case["return_sequences"],
        dropout=case["dropout"],
        seed=0,
    )
    return net.to(getattr(torch, case["dtype"])).train(case["training"])


def plain(wired: Any) -> dict[str, Any]:
    """The wiring as the reference takes it."""
    data = wired.to_dict()
    layers = {name: np.array(ids, dtype=int) for name, ids in data.pop("layers").items()}
    arrays = {k: np.array(v, dtype=int) if isinstance(v, list) else v for k, v in data.items()}
    return {**arrays, "layers": layers}


HUGE = ("sigma", "W_in", "W_rec", "o")
"""The last part of names whose values may be anything: what they enter saturates."""


def set_values(net: LiquidNetwork, case: Case, rng: np.random.Generator) -> None:
    """Away from where they start, so that nothing is 0, 1 or the same for all."""
    values = {}
    bounded = {
        f"neurons.{index}.{name}"
        for index, neuron in enumerate(net.neurons)
        for name in neuron.dynamics.lower_bounds
    }
    for name, value in net.values().items():
        factor, shift = rng.uniform(0.7, 1.3, value.shape), rng.uniform(-0.3, 0.3, value.shape)
        last = name.rsplit(".")[-1]
        if last == "tau" and case["dense.activation"] == "tanh":
            factor *= 0.4  # the rate is positive then with any activation
        if last in ("w", "sensory_w") and case["solver"] in ("euler", "rk4", "adaptive"):
            factor /= case["units"]  # explicit steps diverge where rates are large
        if case["size"] == "huge parameters" and name.startswith("neurons") and last.endswith(HUGE):
            factor *= HUGE_SIZE
        moved = value.detach().double().numpy() * factor + (0.0 if name in bounded else shift)
        values[name] = torch.tensor(single(moved)).to(value.dtype)
    net.set_values(values)


def single(values: Array) -> Array:
    """float64 numbers that float32 can hold: a case is the same in either precision."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def call(case: Case, net: LiquidNetwork, rng: np.random.Generator) -> dict[str, Any]:
    """The arguments of the reference, in the caller's layout."""
    batch, steps, units = case["batch"] or 1, case["steps"], case["units"]

    def uniform(low: float, high: float, *shape: int) -> Array:
        return single(rng.uniform(low, high, shape))

    def laid_out(value: Array) -> Array:
        """(B, T, ...) as the caller has it."""
        if case["batch"] is None:
            return value[0]
        return value if case["batch_first"] else value.swapaxes(0, 1)

    inputs = uniform(-1, 1.5, batch, steps, case["inputs"])
    if case["size"] == "huge inputs":
        inputs = single(HUGE_SIZE * inputs)
    mask = None
    if case["mask"] == "features":
        mask = rng.random(inputs.shape) < 0.7
    elif case["mask"] == "padding":
        mask = rng.random((batch, steps)) < 0.7
        mask[:, rng.integers(steps)] = True  # nothing is all padding
    elif case["mask"] == "packed":
        lengths = rng.integers(1, steps + 1, batch)
        lengths[rng.integers(batch)] = steps
        mask = np.arange(steps) < lengths[:, None]
    if mask is not None:
        inputs = np.where(mask if mask.ndim == 3 else mask[..., None], inputs, np.nan)

    elapsed: dict[Any, Optional[Array]] = {
        None: None,
        "number": np.array(single(np.array(0.7))),
        "(T,)": uniform(0.1, 0.9, steps),
        "(B, T)": laid_out(uniform(0.1, 0.9, batch, steps) * (rng.random((batch, steps)) < 0.8)),
        "long": laid_out(single(10 ** rng.uniform(1, 6, (batch, steps)))),
    }
    taus: dict[Any, Optional[Array]] = {
        None: None,
        "number": np.array(single(np.array(0.8))),
        "(N,)": uniform(0.3, 0.8, units),
        "(B, N)": uniform(0.3, 0.8, batch, units),
        "(B, T, N)": laid_out(uniform(0.3, 0.8, batch, steps, units)),
    }
    state = None
    if case["state"]:
        state = uniform(-0.5, 0.5, len(net.neurons), batch, net.state_size)
        state = state[:, 0] if case["batch"] is None else state
    return {
        "inputs": laid_out(inputs),
        "mask": None if mask is None else laid_out(mask),
        "elapsed_time": elapsed[case["elapsed_time"]],
        "time_constants": taus[case["time_constants"]],
        "state": state,
    }


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


# -- the reference's answers -------------------------------------------------------------------


def expected_slopes(made: Subject) -> dict[str, float]:
    """By a complex step along each direction, all at once."""
    tensors, given = made.model["tensors"], made.arguments
    moved = dict(made.directions)
    if made.case["constraint"] == "softplus":
        for name, factor in softplus_slopes(made.net).items():
            moved[name] = moved[name] * factor
    names = list(moved)

    def worlds(name: str, value: Array) -> list[Array]:
        """The value as it is in the world of each direction."""
        return [value + 1j * STEP * moved[name] if each == name else value + 0j for each in names]

    lifted = {
        # A 1 where the batch is, so that the worlds line up in front of it.
        name: np.stack(worlds(name, value))[:, None]
        for name, value in tensors.items()
    }
    plain = reference.prepare(made.model, given)
    prepared = {name: [getattr(plain, name)] * len(names) for name in DIFFERENTIABLE}
    for name in DIFFERENTIABLE:
        if given[name] is not None:
            here = reference.prepare(
                made.model, {**given, name: given[name] + 1j * STEP * moved[name]}
            )
            prepared[name][names.index(name)] = getattr(here, name)
    stacked = {
        name: None if each[0] is None else np.stack(np.broadcast_arrays(*each))
        for name, each in prepared.items()
    }
    weights = dict(made.weights)
    if made.case["mask"] == "packed" and made.case["return_sequences"]:
        weights["outputs"] = weights["outputs"] * plain.valid[..., None]
    result = reference.run({**made.model, "tensors": lifted}, plain._replace(**stacked))
    losses = np.broadcast_to(loss(result, weights).imag / STEP, len(names))
    return dict(zip(names, losses.tolist()))


def softplus_slopes(net: LiquidNetwork) -> dict[str, Array]:
    """d value / d stored of what the constraint bounds."""
    return {
        f"neurons.{index}.{name}": torch.sigmoid(
            neuron.dynamics.get_parameter(name).detach().double()
        ).numpy()
        for index, neuron in enumerate(net.neurons)
        for name in neuron.dynamics.lower_bounds
    }


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
