"""``LiquidNetwork``: every option against what it stands for, spelled out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from core_cases import ALL_DYNAMICS, RECIPES, network, positive, sequences
from liquid_neural_networks import LiquidNetwork, wiring

pytestmark = pytest.mark.usefixtures("path")


def test_works_with_nothing_else_given() -> None:
    net = LiquidNetwork(input_size=10, hidden_size=32, output_size=2)
    outputs = net(torch.randn(8, 20, 10))
    assert outputs.shape == (8, 20, 2)
    outputs.square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


def test_a_few_steps_of_training_lower_the_loss() -> None:
    net = network(dtype=torch.float32)
    inputs = sequences(16, 12).float()
    target = inputs.cumsum(1)[..., :2] / 4
    optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
    losses = []
    for _ in range(40):
        optimiser.zero_grad()
        loss = (net(inputs) - target).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


# -- layouts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_network_is_its_neuron_step_by_step(dynamics: str) -> None:
    net = network(dynamics)
    inputs, times = sequences(), positive(4, 6)
    state, states = torch.zeros(4, 5, dtype=torch.float64), []
    for t in range(6):
        state = net.neurons[0](inputs[:, t], state, elapsed_time=times[:, t])
        states.append(state)
    outputs, final = net(inputs, elapsed_time=times, return_state=True)
    torch.testing.assert_close(final[0], state)
    torch.testing.assert_close(outputs, net.readout(torch.stack(states, dim=1)))


OPTIONS = [
    {},
    {"num_layers": 2},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True},
    {"dynamics": "dense"},
    {"dynamics": "closed_form", "bidirectional": True},
    {"mixed_memory": True, "num_layers": 2, "bidirectional": True},
    {"dynamics": {"type": "closed_form", "mode": "pure"}, "mixed_memory": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_one_sequence_without_a_batch(options: dict[str, object]) -> None:
    net = network(**options)
    inputs, times, taus = sequences(1), positive(1, 6), positive(1, 6, 5)
    mask = torch.rand(1, 6, 3) > 0.3
    state = positive(len(net.neurons), 1, net.state_size)
    wanted, wanted_state = net(
        inputs, taus, elapsed_time=times, mask=mask, state=state, return_state=True
    )
    got, got_state = net(
        inputs[0],
        taus[0],
        elapsed_time=times[0],
        mask=mask[0],
        state=state[:, 0],
        return_state=True,
    )
    torch.testing.assert_close(got, wanted[0])
    torch.testing.assert_close(got_state, wanted_state[:, 0])


@pytest.mark.parametrize("options", OPTIONS, ids=str)
# B equal to T, to I and to N: where a mix-up of dimensions would pass unnoticed.
@pytest.mark.parametrize("batch", [1, 3, 5, 6])
def test_batch_second(options: dict[str, object], batch: int) -> None:
    first, second = network(**options), network(**options, batch_first=False)
    inputs, times, taus = sequences(batch), positive(batch, 6), positive(batch, 6, 5)
    padding, seen = torch.rand(batch, 6) > 0.3, torch.rand(batch, 6, 3) > 0.3
    per_step = positive(6, seed=9)
    for mask in (padding, seen):
        wanted = first(inputs, taus, elapsed_time=times, mask=mask)
        got = second(
            inputs.transpose(0, 1),
            taus.transpose(0, 1),
            elapsed_time=times.T,
            mask=mask.transpose(0, 1),
        )
        torch.testing.assert_close(got, wanted.transpose(0, 1))
    torch.testing.assert_close(
        second(inputs.transpose(0, 1), elapsed_time=per_step),
        first(inputs, elapsed_time=per_step).transpose(0, 1),
    )


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("batch_first", [True, False])
def test_last_output_only(options: dict[str, object], batch_first: bool) -> None:
    last = network(**options, batch_first=batch_first, return_sequences=False)
    inputs = sequences() if batch_first else sequences().transpose(0, 1)
    outputs, state = last(inputs, return_state=True)
    top = torch.cat(list(state[-last.directions :, ..., : last.hidden_size]), dim=-1)
    assert outputs.shape == (4, 2)
    torch.testing.assert_close(outputs, last.readout(top))
    torch.testing.assert_close(last(sequences()[0]), outputs[0])


def test_memory_layout_of_the_inputs_does_not_matter() -> None:
    inputs = sequences()
    strided = torch.zeros(4, 12, 6, dtype=torch.float64)[:, ::2, ::2]
    strided.copy_(inputs)
    assert not strided.is_contiguous()
    torch.testing.assert_close(network()(strided), network()(inputs))


# -- time --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_ways_to_give_elapsed_time(dynamics: str) -> None:
    net, inputs = network(dynamics), sequences()
    assert torch.equal(net(inputs), net(inputs, elapsed_time=1))
    wanted = net(inputs, elapsed_time=torch.full((4, 6), 0.5, dtype=torch.float64))
    same = (0.5, [0.5] * 6, np.full(6, 0.5), torch.tensor(0.5), np.full((4, 6), 0.5, np.float32))
    for given in same:
        assert torch.equal(net(inputs, elapsed_time=given), wanted)
    whole = net(inputs, elapsed_time=torch.full((6,), 2))
    assert torch.equal(whole, net(inputs, elapsed_time=2.0))
    assert not torch.allclose(whole, wanted)


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
@pytest.mark.parametrize("batch", [4, 5, 6])
def test_ways_to_give_time_constants(dynamics: str, batch: int) -> None:
    net, inputs = network(dynamics), sequences(batch)

    def full(value: Tensor) -> Tensor:
        return net(inputs, value.expand(batch, 6, 5))

    for given, spread in (
        (0.7, torch.tensor(0.7, dtype=torch.float64)),
        (positive(5), positive(5)),
        (positive(batch, 5), positive(batch, 1, 5)),
        (positive(batch, 5).tolist(), positive(batch, 1, 5)),
        (positive(batch, 6, 5).numpy(), positive(batch, 6, 5)),
    ):
        assert torch.equal(net(inputs, given), full(spread))


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_given_time_constants_stand_in_for_the_learned_ones(dynamics: str) -> None:
    net, inputs = network(dynamics), sequences()
    neuron = net.neurons[0].dynamics
    learned = neuron.base_time_constants(neuron.values()).detach()
    torch.testing.assert_close(net(inputs, learned), net(inputs))
    assert not torch.allclose(net(inputs, 3 * learned), net(inputs), atol=1e-3)


# -- masks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_masked_values_do_not_matter_and_may_be_nan(dynamics: str, num_layers: int) -> None:
    net, inputs = network(dynamics, num_layers=num_layers), sequences()
    mask = torch.rand(4, 6, 3) > 0.4
    wanted = net(torch.where(mask, inputs, 123.0), mask=mask)
    holes = torch.where(mask, inputs, torch.nan).requires_grad_()
    got = net(holes, mask=mask)
    assert torch.equal(got, wanted)
    got.sum().backward()
    assert torch.isfinite(holes.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


def test_a_missing_feature_closes_its_synapses() -> None:
    """Which is not the same as feeding a zero."""
    net, inputs = network("conductance"), sequences()
    mask = torch.ones(4, 6, 3, dtype=torch.bool)
    mask[..., 1] = False
    without = network("conductance")
    values = without.neurons[0].dynamics.values()
    closed = torch.from_numpy(net.wiring.sensory_pre == 1)
    weights = values["sensory_w"].masked_fill(closed, 0.0)
    without.neurons[0].dynamics.set_values({"sensory_w": weights})
    torch.testing.assert_close(net(inputs, mask=mask), without(inputs))
    assert not torch.allclose(net(inputs, mask=mask), net(inputs * mask), atol=1e-3)


def test_ways_to_give_a_mask() -> None:
    net, inputs = network(), sequences()
    mask = torch.rand(4, 6, 3) > 0.4
    wanted = net(inputs, mask=mask)
    for given in (
        mask.numpy(),
        mask.tolist(),
        mask.int(),
        mask.double(),
        mask.numpy().astype("u1"),
    ):
        assert torch.equal(net(inputs, mask=given), wanted)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("side", ["right", "left", "gaps"])
@pytest.mark.parametrize("return_sequences", [True, False])
def test_padding_equals_sequences_run_alone(
    options: dict[str, object], side: str, return_sequences: bool
) -> None:
    net = network(**options, return_sequences=return_sequences)
    inputs, times, taus = sequences(4, 7), positive(4, 7), positive(4, 7, 5)
    valid = {
        "right": torch.arange(7) < torch.tensor([[6], [1], [4], [5]]),
        "left": torch.arange(7) >= torch.tensor([[0], [6], [3], [1]]),
        "gaps": torch.rand(4, 7) > 0.5,
    }[side]
    valid[0, 3] = valid[1, 6] = valid[2, 4] = valid[3, 2] = True
    hidden = torch.where(valid, 0.0, torch.nan)
    start = positive(len(net.neurons), 4, net.state_size, low=-1.0)
    together, final = net(
        inputs + hidden.unsqueeze(-1),
        taus,
        elapsed_time=times + hidden,
        mask=valid,
        state=start,
        return_state=True,
    )
    for row, keep in enumerate(valid):
        alone, last = net(
            inputs[row, keep],
            taus[row, keep],
            elapsed_time=times[row, keep],
            state=start[:, row],
            return_state=True,
        )
        got = together[row, keep] if return_sequences else together[row]
        torch.testing.assert_close(got, alone)
        torch.testing.assert_close(final[:, row], last)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("other", [True, False])
def test_a_row_of_nothing_but_padding_keeps_its_state(
    options: dict[str, object], other: bool
) -> None:
    net = network(**options)
    start = positive(len(net.neurons), 2, net.state_size)
    valid = torch.tensor([[other] * 6, [False] * 6])
    _, final = net(sequences(2), mask=valid, state=start, return_state=True)
    assert torch.equal(final[:, 1], start[:, 1])
    assert torch.equal(final[:, 0], start[:, 0]) != other


# -- layers, directions, dropout ---------------------------------------------------------------


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_layers_feed_the_next(dynamics: str) -> None:
    net = network(dynamics, num_layers=2)
    inputs, times = sequences(), positive(4, 6)
    lower = net.trace(inputs, elapsed_time=times, population=0).states
    upper = net.trace(inputs, elapsed_time=times, population=1).states
    state = torch.zeros(4, 5, dtype=torch.float64)
    for t in range(6):
        state = net.neurons[1](lower[:, t], state, elapsed_time=times[:, t])
        torch.testing.assert_close(upper[:, t], state)
    torch.testing.assert_close(net(inputs, elapsed_time=times), net.readout(upper))


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_backward_direction_reads_the_sequence_in_reverse(dynamics: str) -> None:
    net = network(dynamics, bidirectional=True)
    inputs, times, taus = sequences(), positive(4, 6), positive(4, 6, 5)
    forward = net.trace(inputs, taus, elapsed_time=times, population=0).states
    backward = net.trace(inputs, taus, elapsed_time=times, population=1).states
    state = torch.zeros(4, 5, dtype=torch.float64)
    for t in reversed(range(6)):
        # Between samples t and t+1 lies elapsed_time[t+1]; the last one starts with the first's.
        elapsed = times[:, t + 1] if t < 5 else times[:, 0]
        state = net.neurons[1](inputs[:, t], state, taus[:, t], elapsed_time=elapsed)
        torch.testing.assert_close(backward[:, t], state)
    both = torch.cat([forward, backward], dim=-1)
    torch.testing.assert_close(net(inputs, taus, elapsed_time=times), net.readout(both))


def test_dropout_acts_between_layers_while_training_only() -> None:
    net, inputs = network(num_layers=2, dropout=0.5), sequences()
    plain = network(num_layers=2)
    assert torch.equal(net.eval()(inputs), plain(inputs))
    net.train()
    assert not torch.equal(net(inputs), net(inputs))
    single = network(num_layers=1, dropout=0.5)
    assert torch.equal(single(inputs), single(inputs))


# -- read-outs and wirings ---------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_motor_readout_reads_the_motor_neurons(name: str) -> None:
    net = network(wiring=RECIPES[name])
    assert net.readout_kind == "motor"
    with torch.no_grad():
        net.readout.scale.copy_(torch.tensor([2.0, 3.0]))
        net.readout.shift.copy_(torch.tensor([0.5, -1.0]))
    states = net.trace(sequences()).states
    wanted = torch.stack([2 * states[..., 0] + 0.5, 3 * states[..., 1] - 1], dim=-1)
    torch.testing.assert_close(net(sequences()), wanted)


def test_which_readout_is_chosen() -> None:
    motor, none = wiring.ncp(3, 2, 2), wiring.random(6)
    assert LiquidNetwork(3, wiring=motor).readout_kind == "motor"
    assert LiquidNetwork(3, wiring=motor, output_size=5).readout_kind == "dense"
    assert LiquidNetwork(3, wiring=motor, readout="dense").readout_kind == "dense"
    assert LiquidNetwork(3, wiring=none, output_size=2).readout_kind == "dense"
    assert LiquidNetwork(3, wiring=none, output_size=2, readout="motor").readout_kind == "motor"
    assert LiquidNetwork(3, wiring=motor, bidirectional=True).readout_kind == "dense"


def test_ways_to_give_a_wiring() -> None:
    recipe = wiring.ncp(inter=3, command=2, motor=2, seed=1)
    inputs = sequences()
    wanted = network(wiring=recipe)(inputs)
    assert torch.equal(network(wiring=recipe.build(3))(inputs), wanted)
    assert torch.equal(network(wiring=recipe.to_dict())(inputs), wanted)
    stacked = network(wiring=recipe, num_layers=2)
    listed = [neuron.wiring for neuron in stacked.neurons]
    assert torch.equal(network(wiring=listed, num_layers=2)(inputs), stacked(inputs))


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
@pytest.mark.parametrize("constraint", ["clip", "softplus"])
def test_config_builds_the_same_network(dynamics: str, constraint: str) -> None:
    net = network(dynamics, constraint=constraint, num_layers=2, dropout=0.25, unfolds=3).eval()
    again = LiquidNetwork(**net.config(), wiring=[n.wiring for n in net.neurons]).double().eval()
    again.load_state_dict(net.state_dict())
    assert again.config() == net.config()
    assert torch.equal(again(sequences()), net(sequences()))


# -- looking inside ----------------------------------------------------------------------------


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_trace_and_effective_time_constants(dynamics: str) -> None:
    net, inputs, times = network(dynamics), sequences(), positive(4, 6)
    trace = net.trace(inputs, elapsed_time=times, synapses=True)
    neuron = net.neurons[0].dynamics
    values = neuron.prepare(neuron.values())
    sensory = neuron.sensory(values, inputs, None)
    wanted = neuron.effective_time_constants(values, trace.states, sensory, None)
    if neuron.solvable:
        rate, _ = neuron.rate_and_drive(values, trace.states, sensory, None)
        torch.testing.assert_close(wanted, 1 / rate)
    assert (wanted > 0).all()
    assert torch.equal(trace.time_constants, wanted)
    assert torch.equal(net.effective_time_constants(inputs, elapsed_time=times), wanted)
    assert trace.activations.shape == (4, 6, net.wiring.synapse_count)
    assert trace.sensory_activations.shape == (4, 6, net.wiring.sensory_synapse_count)
    assert torch.equal(net(inputs, elapsed_time=times), net.readout(trace.states))
    one = net.trace(inputs[0], elapsed_time=times[0], synapses=True)
    for alone, batched in zip(one, trace):
        torch.testing.assert_close(alone, batched[0])


def test_trace_under_dropout_speaks_of_one_run() -> None:
    """The time constants belong to the states beside them, not to another draw."""
    net = network("dense", num_layers=2, dropout=0.5).train()
    handed: list[Tensor] = []
    net.dropout.register_forward_hook(lambda _module, _inputs, outputs: handed.append(outputs))
    trace = net.trace(sequences(), population=1)
    upper = net.neurons[1].dynamics
    values = upper.values()
    rate, _ = upper.rate_and_drive(
        values, trace.states, upper.sensory(values, handed[0], None), None
    )
    torch.testing.assert_close(trace.time_constants, 1 / rate)


# -- numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_outputs_keep_the_networks_dtype(dtype: torch.dtype) -> None:
    net = network(dtype=dtype)
    outputs, state = net(sequences().to(dtype), return_state=True)
    assert outputs.dtype == state.dtype == dtype
    taus = net.effective_time_constants(sequences().to(dtype), positive(5).numpy())
    assert taus.dtype == dtype
