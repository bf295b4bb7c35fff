"""Packed, missing and irregular data: against the same sequences one by one, and by hand."""

from __future__ import annotations

import copy
import math
from datetime import datetime, timedelta

import numpy as np
import polars
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence

from core_cases import ALL_DYNAMICS, network, positive, sequences
from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.data import Windows, event_samples
from liquid_neural_networks.errors import (
    DataError,
    DomainError,
    DtypeError,
    OptionError,
    ShapeError,
)
from liquid_neural_networks.imputation import ImputedNetwork, last_seen, time_since_seen
from liquid_neural_networks.training import fit

LENGTHS = (4, 6, 1, 6)
"""Out of order, with a tie: what makes orders go wrong."""


def ragged(*shape: int, seed: int = 1) -> list[Tensor]:
    """One positive tensor (length, *shape) for each length."""
    return [positive(n, *shape, seed=seed + i) for i, n in enumerate(LENGTHS)]


def packed(parts: list[Tensor]) -> PackedSequence:
    return pack_sequence(parts, enforce_sorted=False)


# -- packed sequences --------------------------------------------------------------------------

OPTIONS = [
    {},
    {"bidirectional": True},
    {"num_layers": 2},
    {"batch_first": False},
    {"mixed_memory": True, "bidirectional": True},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
@pytest.mark.usefixtures("path")
def test_packed_sequences_are_the_sequences_one_by_one(dynamics: str, options: dict) -> None:
    net = network(dynamics, **options)
    inputs, times = ragged(3), ragged(seed=9)
    outputs, state = net(packed(inputs), elapsed_time=packed(times), return_state=True)
    assert isinstance(outputs, PackedSequence)
    for i, own in enumerate(nn.utils.rnn.unpack_sequence(outputs)):
        alone, final = net(inputs[i], elapsed_time=times[i], return_state=True)
        torch.testing.assert_close(own, alone)
        torch.testing.assert_close(state[:, i], final)


@pytest.mark.parametrize("enforce_sorted", (True, False))
def test_packing_comes_out_as_from_an_lstm(enforce_sorted: bool) -> None:
    parts = ragged(3)
    if enforce_sorted:
        parts.sort(key=len, reverse=True)
    inputs = pack_sequence(parts, enforce_sorted=enforce_sorted)
    theirs, (hidden, _) = nn.LSTM(3, 5).double()(inputs)
    ours, state = LiquidNetwork(3, 5, 5).double()(inputs, return_state=True)
    assert state.shape == hidden.shape and ours.data.shape == theirs.data.shape
    for one, other in zip(ours[1:], theirs[1:]):
        assert one is other or torch.equal(one, other)


def test_gradients_through_packed_sequences() -> None:
    net, leaves = network(), [each.requires_grad_() for each in ragged(3)]
    net(packed(leaves)).data.square().sum().backward()
    for leaf in leaves:
        alone = leaf.detach().requires_grad_()
        net(alone).square().sum().backward()
        torch.testing.assert_close(leaf.grad, alone.grad)


@pytest.mark.parametrize("batch_first", (True, False))
def test_other_arguments_may_be_padded_or_packed(batch_first: bool) -> None:
    net = network(batch_first=batch_first)
    inputs, times, constants = ragged(3), ragged(seed=9), ragged(5, seed=20)
    seen = [each > 1 for each in ragged(3, seed=30)]
    inputs[0][~seen[0]] = math.nan
    state = sequences(1, 4, 5)

    def pad(parts: list[Tensor]) -> Tensor:
        return nn.utils.rnn.pad_sequence(parts, batch_first=batch_first)

    def run(how) -> tuple[Tensor, Tensor]:
        outputs, final = net(
            packed(inputs),
            packed(constants) if how is packed else pad(constants).clamp(min=0.1),
            elapsed_time=how(times),
            mask=how(seen),
            state=state,
            return_state=True,
        )
        return outputs.data, final

    for one, other in zip(run(packed), run(pad)):
        torch.testing.assert_close(one, other)
    column = packed([each.unsqueeze(-1) for each in times])
    torch.testing.assert_close(
        net(packed(ragged(3)), elapsed_time=column).data,
        net(packed(ragged(3)), elapsed_time=packed(times)).data,
    )


def test_last_outputs_of_packed_sequences() -> None:
    net = network(return_sequences=False)
    inputs = ragged(3)
    torch.testing.assert_close(net(packed(inputs)), torch.stack([net(each) for each in inputs]))
    trace = network().trace(packed(inputs))
    assert trace.states.shape == (4, 6, 5)


@pytest.mark.parametrize(
    ("dynamics", "options"),
    [("conductance", {}), ("closed_form", {"bidirectional": True, "batch_first": False})],
)
def test_packed_and_padded_sequences_where_the_network_is_compiled(
    dynamics: str, options: dict
) -> None:
    """Lengths are numbers, which break the graph; the second call has others than the first."""
    torch.compiler.reset()
    net = network(dynamics, unfolds=1, **options)
    compiled = torch.compile(copy.deepcopy(net), backend="eager")
    for lengths in ((1, 2), (1, 1, 1)):
        inputs, times = [sequences(1, n)[0] for n in lengths], [positive(n) for n in lengths]
        padded = nn.utils.rnn.pad_sequence(inputs, batch_first=net.batch_first)
        present = nn.utils.rnn.pad_sequence([torch.ones(n) > 0 for n in lengths], net.batch_first)
        found = []
        for module in (net, compiled):
            ours, state = module(packed(inputs), elapsed_time=packed(times), return_state=True)
            (ours.data.square().sum() + module(padded, mask=present).square().sum()).backward()
            found.append([*ours, state, *(each.grad.clone() for each in module.parameters())])
        torch.testing.assert_close(found[1], found[0])


def test_packed_arguments_that_do_not_fit() -> None:
    net, inputs = network(), packed(ragged(3))
    with pytest.raises(DtypeError, match="elapsed_time: is packed"):
        net(sequences(), elapsed_time=packed(ragged()))
    with pytest.raises(ShapeError, match="elapsed_time: expected the same lengths"):
        net(inputs, elapsed_time=packed(ragged()[::-1]))
    with pytest.raises(ShapeError, match="mask: packed inputs say themselves"):
        net(inputs, mask=torch.ones(4, 6))
    with pytest.raises(ShapeError, match="inputs: expected"):
        net(packed(ragged(2)))
    with pytest.raises(DomainError, match="time_constants: expected positive"):
        net(inputs, packed([-each for each in ragged(5)]))
    with pytest.raises(DtypeError, match=r"inputs: expected torch\.float64"):
        net(pack_padded_sequence(torch.ones(2, 3, 3), torch.tensor([3, 2]), batch_first=True))


# -- imputation --------------------------------------------------------------------------------

SEEN = torch.tensor([[0, 1, 0, 0, 1, 0]], dtype=torch.bool).unsqueeze(-1)
VALUES = torch.tensor([[9.0, 2.0, 9.0, 9.0, 4.0, 9.0]]).unsqueeze(-1)
TIMES = torch.tensor([[1.0, 0.5, 2.0, 0.25, 1.0, 3.0]])


def test_when_and_how_long_ago() -> None:
    assert last_seen(SEEN).flatten().tolist() == [-1, 1, 1, 1, 4, 4]
    ages = time_since_seen(SEEN, TIMES)
    assert ages.flatten().tolist() == [1.0, 0.0, 2.0, 2.25, 0.0, 3.0]


def test_late_ages_are_exact() -> None:
    elapsed = torch.full((1, 200_000), 0.1)
    seen = torch.ones(1, 200_000, 1, dtype=torch.bool)
    seen[:, -1] = False
    assert float(time_since_seen(seen, elapsed)[0, -1]) == pytest.approx(0.1, rel=1e-5)


def test_carried_forward() -> None:
    filled = ImputedNetwork(
        LiquidNetwork(2, 4, 1), "forward", mean=7.0, time_since_seen=True
    ).impute(VALUES, elapsed_time=TIMES, mask=SEEN)
    assert filled[0, :, 0].tolist() == [7, 2, 2, 2, 4, 4]
    assert filled[0, :, 1].tolist() == [1.0, 0.0, 2.0, 2.25, 0.0, 3.0]


def test_learned_decay_by_hand_and_its_gradients() -> None:
    imputed = ImputedNetwork(LiquidNetwork(1, 4, 1), mean=7.0)
    with torch.no_grad():
        imputed.log_rate.fill_(math.log(0.5))
    filled = imputed.impute(VALUES, elapsed_time=TIMES, mask=SEEN)[0, :, 0]
    kept = [math.exp(-0.5 * age) for age in (2.0, 2.25, 3.0)]
    expected = [7, 2, *(k * 2 + (1 - k) * 7 for k in kept[:2]), 4, kept[2] * 4 + (1 - kept[2]) * 7]
    torch.testing.assert_close(filled, torch.tensor(expected))
    filled.sum().backward()
    assert imputed.mean.grad.abs() > 0 and imputed.log_rate.grad.abs() > 0


@pytest.mark.parametrize("method", ("forward", "learned"))
def test_nothing_missing_changes_nothing(method: str) -> None:
    net = network()
    imputed = ImputedNetwork(net, method)
    inputs, padding = sequences(), torch.ones(4, 6, dtype=torch.bool)
    padding[1, 3:] = False
    for mask in (None, padding, torch.ones_like(inputs, dtype=torch.bool)):
        torch.testing.assert_close(imputed(inputs, mask=mask), net(inputs, mask=mask))


@pytest.mark.parametrize("options", [{}, {"batch_first": False}], ids=str)
def test_imputing_packed_sequences_and_other_layouts(options: dict) -> None:
    imputed = ImputedNetwork(network(**options), mean=0.5)
    inputs, seen, times = ragged(3), [each > 1 for each in ragged(3, seed=30)], ragged(seed=9)
    outputs = imputed(packed(inputs), elapsed_time=packed(times), mask=packed(seen))
    for i, own in enumerate(nn.utils.rnn.unpack_sequence(outputs)):
        torch.testing.assert_close(own, imputed(inputs[i], elapsed_time=times[i], mask=seen[i]))


def test_missing_values_that_last_are_learned_from_the_last_one_seen() -> None:
    """The value is shown once, and asked for 6 samples later: only what is carried tells it."""
    generator = torch.Generator().manual_seed(0)
    shown = torch.rand(256, 1, 1, generator=generator) * 2 - 1
    inputs = torch.cat([shown, torch.full((256, 6, 1), math.nan)], 1)
    windows = Windows(inputs.nan_to_num(), shown[:, 0], mask=~inputs.isnan())
    net = LiquidNetwork(1, 8, 1, return_sequences=False, seed=0)
    history = fit(ImputedNetwork(net, "forward"), windows, epochs=15, progress=False)
    assert history.train_loss[-1] < 0.1 * float(shown.var())


def test_imputation_that_does_not_fit() -> None:
    with pytest.raises(DtypeError, match="network: expected a LiquidNetwork"):
        ImputedNetwork(nn.Linear(2, 2))  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="method"):
        ImputedNetwork(network(), "backward")
    with pytest.raises(OptionError, match=r"time_since_seen: .* even input_size; got 3"):
        ImputedNetwork(network(), time_since_seen=True)
    with pytest.raises(ShapeError, match=r"inputs: .* I = 3"):
        ImputedNetwork(network())(sequences(features=2))


# -- events ------------------------------------------------------------------------------------

EVENTS = [(3.0, "b", 5.0), (1.0, "a", 1.0), (1.0, "b", 2.0), (3.0, "b", 6.0), (3.5, "a", 4.0)]


def test_events_by_hand() -> None:
    samples = event_samples(EVENTS, time_unit=0.5, first_elapsed=3.0)
    assert samples.features == ("a", "b")
    assert samples.inputs.tolist() == [[1, 2], [0, 6], [4, 0]]
    assert samples.mask.tolist() == [[True, True], [False, True], [True, False]]
    assert samples.elapsed_time.tolist() == [3.0, 4.0, 1.0]


def test_events_of_chosen_features_and_merged_in_time() -> None:
    samples = event_samples(EVENTS, ["b", "c"])
    assert samples.inputs.tolist() == [[2, 0], [6, 0]] and not samples.mask[:, 1].any()
    merged = event_samples(EVENTS, resolution=3.0)
    assert merged.inputs.tolist() == [[1, 2], [4, 6]]
    assert merged.elapsed_time.tolist() == [1.0, 3.0]


def test_events_with_dates_and_as_a_table() -> None:
    start = datetime(2024, 5, 1)
    dated = [(start + timedelta(seconds=t), name, value) for t, name, value in EVENTS]
    table = polars.DataFrame(dated, schema=["when", "what", "value"], orient="row")
    plain = event_samples(EVENTS)
    for events in (dated, table):
        for one, other in zip(event_samples(events)[:3], plain[:3]):
            assert torch.equal(one, other)
    minutes = event_samples(table, time_unit=60.0)
    torch.testing.assert_close(minutes.elapsed_time[1:], plain.elapsed_time[1:] / 60)


def test_event_streams_make_a_ragged_batch() -> None:
    streams = [event_samples(EVENTS), event_samples(EVENTS[:3])]
    net = LiquidNetwork(2, 4, 1)
    inputs, mask, elapsed = (
        packed([getattr(each, name) for each in streams])
        for name in ("inputs", "mask", "elapsed_time")
    )
    outputs = nn.utils.rnn.unpack_sequence(net(inputs, elapsed_time=elapsed, mask=mask))
    for own, each in zip(outputs, streams):
        alone = net(each.inputs, elapsed_time=each.elapsed_time, mask=each.mask)
        torch.testing.assert_close(own, alone)


@pytest.mark.parametrize(
    ("events", "options", "error", "message"),
    [
        ([(1.0, "a")], {}, DtypeError, "events: expected .* triples"),
        ([(1.0, 2, 3.0)], {}, DataError, "features: expected names"),
        ([("noon", "a", 3.0)], {}, DataError, "timestamps: expected numbers or dates"),
        ([(math.nan, "a", 3.0)], {}, DataError, "timestamp is missing"),
        ([(1.0, "a", math.nan)], {}, DataError, "value is missing"),
        ([(1.0, "a", np.inf)], {}, DataError, "infinite"),
        (EVENTS, {"features": ["z"]}, DataError, "none is of z"),
        (EVENTS, {"features": ["a", "a"]}, DataError, "distinct"),
        (EVENTS, {"resolution": 0.0}, DomainError, "resolution"),
        (EVENTS, {"time_unit": -1.0}, DomainError, "time_unit"),
    ],
)
def test_bad_events(events, options, error, message) -> None:
    with pytest.raises(error, match=message):
        event_samples(events, **options)


def test_no_events() -> None:
    with pytest.raises((DataError, DtypeError), match="events"):
        event_samples([])
