"""Streaming: sample by sample gives what the whole sequence gives."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Optional

import numpy as np
import pytest
import torch

from core_cases import METHODS, RECIPES, network, positive, sequences
from liquid_neural_networks import LiquidNetwork, fused, wiring
from liquid_neural_networks.errors import DomainError, LiquidError, OptionError

pytestmark = pytest.mark.usefixtures("path")

TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-12}


def check_stream(net: LiquidNetwork, dtype: torch.dtype = torch.float64, atol: float = 0) -> None:
    """Streams one irregular sequence with holes beside the network itself."""
    inputs, times, taus = sequences(1, 9)[0], positive(9), positive(9, net.hidden_size)
    seen = torch.rand(9, 3) > 0.3
    arguments = (inputs.to(dtype), taus.to(dtype))
    options = {"elapsed_time": times.to(dtype), "mask": seen, "return_state": True}
    wanted, state = net.eval()(*arguments, **options)
    if not net.return_sequences:
        prefixes = (slice(0, t + 1) for t in range(9))
        wanted = torch.stack(
            [
                net(arguments[0][p], arguments[1][p], elapsed_time=times[p].to(dtype), mask=seen[p])
                for p in prefixes
            ]
        )
    with net.stream() as live:
        for t in range(9):
            sample = np.where(seen[t], inputs[t], np.nan)
            output = live.step(sample, float(times[t]), taus[t].numpy())
            close = {"rtol": 0, "atol": atol or TOLERANCE[dtype]}
            np.testing.assert_allclose(output, wanted[t].detach(), **close)
            assert output.shape == (2,) and output.dtype == wanted[t].detach().numpy().dtype
        np.testing.assert_allclose(live.state, state.detach(), **close)


@pytest.mark.parametrize(("dynamics", "solver"), METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_sequence(dtype: torch.dtype, dynamics: str, solver: Optional[str]) -> None:
    # The adaptive solver is the same computation here, for one sequence has one step size.
    check_stream(network(dynamics, solver, dtype), dtype)


@pytest.mark.parametrize("name", sorted(RECIPES))
@pytest.mark.parametrize("readout", ["motor", "dense"])
def test_equals_the_sequence_for_any_wiring_and_readout(readout: str, name: str) -> None:
    check_stream(network(wiring=RECIPES[name], readout=readout))


CLOSED_FORMS = [
    {"dynamics": {"type": "closed_form", "backbone_layers": 0, "mode": mode}, "wiring": recipe}
    for mode in ("default", "no_gate", "pure")
    for recipe in (RECIPES["random"], RECIPES["auto_ncp"])
] + [
    {"dynamics": {"type": "closed_form", "backbone_layers": 1, "backbone_activation": "relu"}},
    {"dynamics": {"type": "closed_form", "backbone_layers": 3, "backbone_activation": "silu"}},
    {"dynamics": {"type": "closed_form", "mode": "pure", "backbone_units": 9}, "num_layers": 2},
]


@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("readout", ["motor", "dense"])
@pytest.mark.parametrize("options", CLOSED_FORMS, ids=str)
def test_equals_the_sequence_for_every_closed_form(
    options: dict[str, object], readout: str, memory: bool
) -> None:
    net = network(**options, readout=readout, mixed_memory=memory)
    check_stream(net)
    inputs = sequences(1, 9)[0]
    with net.stream() as live:  # and with the time constants it learned
        outputs = [live.step(sample) for sample in inputs.numpy()]
    np.testing.assert_allclose(outputs, net(inputs).detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("recipe", ["ncp", "auto_ncp"])
def test_layers_of_wired_closed_forms(recipe: str) -> None:
    dynamics = {"type": "closed_form", "backbone_layers": 0}
    check_stream(network(dynamics, wiring=RECIPES[recipe], num_layers=2, mixed_memory=True))


@pytest.mark.parametrize(
    "options",
    [
        {"num_layers": 3, "dropout": 0.5},
        {"return_sequences": False},
        {"batch_first": False},
        {"constraint": "softplus"},
        {"unfolds": 1},
        {"mixed_memory": True},
        {"mixed_memory": True, "num_layers": 2, "dynamics": "closed_form"},
    ],
    ids=str,
)
def test_equals_the_sequence_with_every_option(options: dict[str, object]) -> None:
    check_stream(network(**options))


def test_a_missing_feature_is_nan() -> None:
    net = network()
    mask = torch.tensor([[True, False, True]])
    sample = torch.tensor([[0.5, 9.0, -0.5]], dtype=torch.float64)
    wanted = net(sample, mask=mask)[0].detach()
    np.testing.assert_allclose(net.stream().step([0.5, float("nan"), -0.5]), wanted, atol=1e-12)
    nothing = net(torch.zeros(1, 3, dtype=torch.float64), mask=[[False] * 3])[0].detach()
    np.testing.assert_allclose(net.stream().step([float("nan")] * 3), nothing, atol=1e-12)


def test_a_sample_may_be_a_list_an_array_or_a_tensor() -> None:
    net = network()
    wanted = net.stream().step([1.0, 2.0, 3.0])
    samples = ((1, 2, 3), np.arange(1, 4), np.arange(1, 4, dtype="f4"), torch.arange(1.0, 4.0))
    for sample in samples:
        assert np.array_equal(net.stream().step(sample), wanted)
    for elapsed in (1, np.float32(1), torch.tensor(1.0)):
        assert np.array_equal(net.stream().step([1.0, 2.0, 3.0], elapsed), wanted)


def test_reset_begins_again_and_leaving_the_session_resets() -> None:
    live = network(num_layers=2).stream()
    first = live.step([1.0, 2.0, 3.0])
    second = live.step([1.0, 2.0, 3.0])
    assert not np.allclose(first, second)
    live.reset()
    assert live.state.shape == (2, 5) and not live.state.any()
    assert np.array_equal(live.step([1.0, 2.0, 3.0]), first)
    with pytest.raises(KeyError), live:
        raise KeyError("the caller's own errors pass through")
    assert not live.state.any()


def test_the_state_handed_out_is_a_copy() -> None:
    live = network().stream()
    live.step([1.0, 2.0, 3.0])
    live.state[:] = 7.0
    assert not (live.state == 7.0).any()


def test_sessions_do_not_share_their_state() -> None:
    net = network()
    first, second = net.stream(), net.stream()
    wanted = first.step([1.0, 2.0, 3.0])
    first.step([1.0, 2.0, 3.0])
    assert np.array_equal(second.step([1.0, 2.0, 3.0]), wanted)


def test_a_session_keeps_the_parameters_it_was_opened_with() -> None:
    net = network()
    wanted = net.stream().step([1.0, 2.0, 3.0])
    live = net.stream()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.5)
    assert np.array_equal(live.step([1.0, 2.0, 3.0]), wanted)
    assert not np.allclose(net.stream().step([1.0, 2.0, 3.0]), wanted)


def test_a_refused_sample_leaves_the_state_as_it_was() -> None:
    live = network(dtype=torch.float32).stream()
    live.step([1.0, 2.0, 3.0])
    before = live.state
    for sample, elapsed in (([1.0, 2.0, float("inf")], 1.0), ([1.0, 2.0, 3.0], -1.0)):
        with pytest.raises(DomainError):
            live.step(sample, elapsed)
    assert np.array_equal(live.state, before)


def test_numbers_too_large_for_the_network_are_refused() -> None:
    """Finite in float64, infinite in the network's float32."""
    live = network(dtype=torch.float32).stream()
    for argument, given in (
        ("sample", {"sample": [1e100, 0.0, 0.0]}),
        ("elapsed_time", {"sample": [0.0] * 3, "elapsed_time": 1e300}),
        ("time_constants", {"sample": [0.0] * 3, "time_constants": 1e300}),
        ("time_constants", {"sample": [0.0] * 3, "time_constants": 1e-300}),
    ):
        with pytest.raises(DomainError) as caught:
            live.step(**given)
        assert caught.value.argument == argument
    assert np.isfinite(live.step([1e30, -1e30, 1e30])).all()


@pytest.mark.parametrize("mode", ["compiled", "reference"])
def test_states_that_grow_infinite_stream_as_a_sequence_does(mode: str) -> None:
    """Euler's method diverges where steps are long: that is no fault of the samples after."""
    net = network("dense", "euler", torch.float32, num_layers=2, unfolds=1)
    inputs = sequences()[0].float()
    with fused.disabled() if mode == "reference" else nullcontext():
        wanted = net(inputs, elapsed_time=1e30).detach()
        live = net.stream()
        got = np.array([live.step(sample.numpy(), 1e30) for sample in inputs])
    assert np.isnan(wanted.numpy()).any()
    np.testing.assert_allclose(got, wanted.numpy(), rtol=1e-5, equal_nan=True)


@pytest.mark.parametrize("default", [torch.float32, torch.float64])
@pytest.mark.parametrize("readout", ["motor", "dense"])
def test_the_default_dtype_does_not_matter(readout: str, default: torch.dtype) -> None:
    for dtype in (torch.float32, torch.float64):
        net = network(dtype=dtype, wiring=RECIPES["ncp"], readout=readout)
        before = torch.get_default_dtype()
        torch.set_default_dtype(default)
        try:
            check_stream(net, dtype)
        finally:
            torch.set_default_dtype(before)


def test_a_bidirectional_network_cannot_stream() -> None:
    with pytest.raises(OptionError) as caught:
        network(bidirectional=True).stream()
    assert caught.value.argument == "bidirectional"


@pytest.mark.parametrize(
    "options",
    [
        {"num_layers": 2},
        {"mixed_memory": True},
        {"dynamics": "closed_form", "wiring": wiring.ncp(inter=4, command=3, motor=2, seed=0)},
    ],
    ids=["layers", "memory", "closed form"],
)
def test_a_stream_goes_on_from_a_state(options: dict[str, Any]) -> None:
    """Through the history at once, then sample by sample; or from another stream's state."""
    size = None if "wiring" in options else 7
    net = LiquidNetwork(3, size, 2, seed=0, **options)
    inputs = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole, end = net(inputs, return_state=True)
        _, state = net(inputs[:5], return_state=True)
    live, again = net.stream(state), net.stream()
    again.state = live.state
    for sample, wanted in zip(inputs[5:], whole[5:]):
        for stream in (live, again):
            np.testing.assert_allclose(stream.step(sample), wanted, atol=1e-5)
    np.testing.assert_allclose(live.state, end, atol=1e-5)
    before = live.state
    for wrong in (before[:, :-1], np.full_like(before, np.nan), "none"):
        with pytest.raises(LiquidError) as caught:
            live.state = wrong
        assert caught.value.argument == "state"
    assert np.array_equal(live.state, before)
