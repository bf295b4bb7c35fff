"""What must hold for any network, any inputs: the paper's theorems, and invariances."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from core_cases import ALL_DYNAMICS, ODES, network, sequences
from liquid_neural_networks import LiquidNetwork, LiquidNeuron, wiring
from liquid_neural_networks.dynamics import DYNAMICS, ClosedFormDynamics
from liquid_neural_networks.solvers import SOLVERS

pytestmark = pytest.mark.usefixtures("path")

UNCONDITIONAL = ("fused", "exponential")
"""Solvers whose bounds hold for steps of any length; the explicit ones need short steps."""

seeds = st.integers(0, 2**16)
dynamics_names = st.sampled_from(ALL_DYNAMICS)
MODES = [{"type": "closed_form", "mode": mode} for mode in ("default", "pure", "no_gate")]
CLOSED_FORMS = [*MODES, *({**each, "backbone_layers": 0} for each in MODES)]
EVERY = [*ODES, *CLOSED_FORMS]
LTCS = ["conductance", "dense"]
"""The dynamics of the paper whose theorems these are."""


@st.composite
def networks(
    draw: st.DrawFn, dynamics: list[Any] = EVERY, solvers: tuple[str, ...] = UNCONDITIONAL
) -> LiquidNetwork:
    """Random sizes, wirings and parameters, the parameters far from where they start."""
    units = draw(st.integers(1, 7))
    kind = draw(st.sampled_from(dynamics))
    # A backbone needs a full wiring.
    sparse = kind in ODES or kind.get("backbone_layers") == 0
    solved = {"solver": draw(st.sampled_from(solvers)), "unfolds": draw(st.integers(1, 4))}
    net = LiquidNetwork(
        draw(st.integers(1, 4)),
        wiring=wiring.random(
            units,
            sparsity=draw(st.sampled_from([0.0, 0.3, 0.8] if sparse else [0.0])),
            seed=draw(seeds),
        ),
        output_size=1,
        dynamics=kind,
        **(solved if kind in ODES else {}),
        constraint=draw(st.sampled_from(["clip", "softplus"])),
        seed=draw(seeds),
    ).double()
    scale = draw(st.sampled_from([1.0, 10.0]))
    neuron = net.neurons[0].dynamics
    neuron.set_values({name: value * scale for name, value in neuron.values().items()})
    return net


@st.composite
def cases(
    draw: st.DrawFn, dynamics: list[Any] = EVERY, solvers: tuple[str, ...] = UNCONDITIONAL
) -> dict[str, Any]:
    """A network and everything that runs it."""
    net = draw(networks(dynamics, solvers))
    batch, steps = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    random = torch.Generator().manual_seed(draw(seeds))
    size = draw(st.sampled_from([1.0, 100.0, 1e12]))
    longest = draw(st.sampled_from([0.1, 3.0, 1e6]))

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random, dtype=torch.float64)

    return {
        "net": net,
        "inputs": size * (2 * uniform(batch, steps, net.input_size) - 1),
        "elapsed_time": longest * uniform(batch, steps),
        "state": 2 * uniform(1, batch, net.hidden_size) - 1,
        "time_constants": draw(
            st.sampled_from([None, 0.01 + 5 * uniform(batch, steps, net.hidden_size)])
        ),
    }


def run(case: dict[str, Any], **changes: Any) -> tuple[Tensor, Tensor]:
    """Outputs and final state."""
    arguments = {**case, **changes}
    net = arguments.pop("net")
    with torch.no_grad():
        outputs, state = net(**arguments, return_state=True)
    return outputs, state


@given(cases(LTCS))
def test_theorem_1_bounds_of_the_time_constant(case: dict[str, Any]) -> None:
    """tau / (1 + tau W) <= tau_sys <= tau, with W the most that all synapses can conduct."""
    arguments = dict(case)
    net = arguments.pop("net")
    neuron = net.neurons[0].dynamics
    values = neuron.values()
    taus = net.effective_time_constants(**arguments)
    base = neuron.base_time_constants(values)
    if case["time_constants"] is not None:
        base = case["time_constants"]
    most = torch.ones(net.hidden_size, dtype=torch.float64)
    if neuron.name == "conductance":
        most = torch.zeros_like(most)
        most.index_add_(0, neuron.post, values["w"])
        most.index_add_(0, neuron.sensory_post, values["sensory_w"])
        most = most / values["c"]
    slack = 1 + 1e-9
    assert (taus <= base * slack).all()
    assert (taus * slack >= base / (1 + base * most)).all()


@given(cases(CLOSED_FORMS))
def test_bounds_of_closed_forms(case: dict[str, Any]) -> None:
    """Gated states are between their heads; the pure solution forgets no slower than at rest."""
    arguments = dict(case)
    net = arguments.pop("net")
    dynamics = net.neurons[0].dynamics
    assert isinstance(dynamics, ClosedFormDynamics)
    trace = net.trace(**arguments)
    assert (trace.time_constants > 0).all() and torch.isfinite(trace.states).all()
    if dynamics.mode == "pure":
        base = dynamics.base_time_constants(dynamics.values())
        if case["time_constants"] is not None:
            base = case["time_constants"]
        assert (trace.time_constants <= base * (1 + 1e-9)).all()
    else:
        assert trace.states.abs().max() <= (1.0 if dynamics.mode == "default" else 2.0)


@given(cases(LTCS))
def test_theorem_2_bounds_of_the_state(case: dict[str, Any]) -> None:
    """However large the inputs and long the times, each state stays in the hull of what pulls."""
    arguments = dict(case)
    net = arguments.pop("net")
    neuron, wired = net.neurons[0].dynamics, net.wiring
    values = neuron.values()
    states = net.trace(**arguments).states
    for i in range(net.hidden_size):
        start = case["state"][0, :, i]
        if neuron.name == "dense":
            pulls = torch.stack([torch.zeros(()), values["A"][i]])
        else:
            pulls = torch.cat(
                [
                    values["vleak"][i : i + 1],
                    values["E"][torch.tensor(wired.post == i)],
                    values["sensory_E"][torch.tensor(wired.sensory_post == i)],
                ]
            )
        low, high = start.clamp(max=pulls.min()), start.clamp(min=pulls.max())
        slack = 1e-9 * (1 + pulls.abs().max())
        assert (states[:, :, i] >= low.unsqueeze(1) - slack).all()
        assert (states[:, :, i] <= high.unsqueeze(1) + slack).all()


@given(cases(["lrc"]))
def test_bounds_of_lrc(case: dict[str, Any]) -> None:
    """What pulls is at most vleak, what forgets at least a half; the elastance is at most 1."""
    arguments = dict(case)
    net = arguments.pop("net")
    values = net.neurons[0].dynamics.values()
    trace = net.trace(**arguments)
    bound = torch.maximum(case["state"][0].abs(), 2 * values["vleak"].abs()).unsqueeze(1)
    assert (trace.states.abs() <= bound * (1 + 1e-9)).all()
    if case["time_constants"] is None:
        assert (trace.time_constants >= 1).all()


@given(cases(ODES, tuple(sorted(SOLVERS))))
def test_no_elapsed_time_leaves_the_state_alone(case: dict[str, Any]) -> None:
    _, state = run(case, elapsed_time=0.0)
    assert torch.equal(state, case["state"])


@given(networks(ODES, ("exponential",)), seeds, st.integers(2, 5))
def test_splitting_an_interval_with_frozen_rates(net: LiquidNetwork, seed: int, parts: int) -> None:
    """Without recurrent synapses the inputs freeze the rates: many short steps make a long one."""
    wired = wiring.Wiring(
        **{**vars(net.wiring), "pre": [], "post": [], "polarity": [], "recipe": None}
    )
    kind = net.neurons[0].dynamics.name
    step = LiquidNeuron(
        net.input_size, wiring=wired, dynamics=kind, solver="exponential", unfolds=1, seed=seed
    ).double()
    inputs = sequences(3, 1, net.input_size, seed)[:, 0]
    state = sequences(3, 1, net.hidden_size, seed + 1)[:, 0]
    whole = step(inputs, state, elapsed_time=1.7)
    for _ in range(parts):
        state = step(inputs, state, elapsed_time=1.7 / parts)
    torch.testing.assert_close(state, whole, rtol=1e-9, atol=1e-12)


@given(cases(), st.integers(1, 4))
def test_chunks_with_the_state_carried_equal_one_long_run(case: dict[str, Any], cut: int) -> None:
    wanted, wanted_state = run(case)
    state, pieces = case["state"], []
    steps = case["inputs"].shape[1]
    for start in range(0, steps, cut):
        part = slice(start, start + cut)
        given_taus = case["time_constants"]
        outputs, state = run(
            case,
            inputs=case["inputs"][:, part],
            elapsed_time=case["elapsed_time"][:, part],
            time_constants=None if given_taus is None else given_taus[:, part],
            state=state,
        )
        pieces.append(outputs)
    torch.testing.assert_close(torch.cat(pieces, dim=1), wanted)
    torch.testing.assert_close(state, wanted_state)


def select(case: dict[str, Any], rows: list[int]) -> dict[str, Any]:
    given_taus = case["time_constants"]
    return {
        **case,
        "inputs": case["inputs"][rows],
        "elapsed_time": case["elapsed_time"][rows],
        "state": case["state"][:, rows],
        "time_constants": None if given_taus is None else given_taus[rows],
    }


@given(cases())
def test_a_batch_equals_its_sequences_one_by_one(case: dict[str, Any]) -> None:
    outputs, state = run(case)
    for row in range(len(outputs)):
        alone, last = run(select(case, [row]))
        torch.testing.assert_close(alone[0], outputs[row])
        torch.testing.assert_close(last[:, 0], state[:, row])


@given(cases(), st.randoms(use_true_random=False))
def test_permuting_the_batch_permutes_the_results(case: dict[str, Any], random: Any) -> None:
    rows = list(range(len(case["inputs"])))
    random.shuffle(rows)
    outputs, state = run(case)
    shuffled, shuffled_state = run(select(case, rows))
    torch.testing.assert_close(shuffled, outputs[rows])
    torch.testing.assert_close(shuffled_state, state[:, rows])


@given(cases(), st.integers(1, 12))
def test_width_of_the_batch_does_not_change_a_row(case: dict[str, Any], copies: int) -> None:
    """Whatever layout the kernel picks for a batch this wide."""
    wanted, _ = run(case)
    wide, _ = run(select(case, list(range(len(wanted))) * copies))
    torch.testing.assert_close(wide, wanted.repeat(copies, 1, 1))


@given(
    st.sampled_from(UNCONDITIONAL),
    dynamics_names,
    st.sampled_from([torch.float32, torch.float64]),
    seeds,
)
def test_huge_inputs_stay_finite(solver: str, dynamics: str, dtype: torch.dtype, seed: int) -> None:
    """Values and gradients, for inputs near the end of float32 and times of a million."""
    net = network(dynamics, solver if DYNAMICS[dynamics].solvable else None, dtype, seed=seed)
    inputs = (1e30 * sequences(seed=seed)).to(dtype).requires_grad_()
    outputs = net(inputs, elapsed_time=1e6)
    outputs.sum().backward()
    assert torch.isfinite(outputs).all()
    assert torch.isfinite(inputs.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


@pytest.mark.parametrize("solver", UNCONDITIONAL)
def test_number_of_threads_does_not_change_a_bit(solver: str) -> None:
    net, inputs = network("conductance", solver), sequences(37, 9)
    results = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            net.zero_grad()
            states = net.trace(inputs).states
            states.square().sum().backward()
            results.append([states, *(p.grad.clone() for p in net.neurons.parameters())])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, two) for one, two in zip(*results))
