"""Lesions, clamps, time and what if: each beside the same experiment done by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from liquid_neural_networks import LiquidNetwork, wiring
from liquid_neural_networks.dynamics import DYNAMICS
from liquid_neural_networks.errors import DomainError, DtypeError, OptionError, ShapeError
from liquid_neural_networks.inspection import clamp, lesions, prune, time_sensitivity, what_if

NCP = wiring.ncp(inter=5, command=3, motor=2, seed=4)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(dynamics: Any = "conductance", **options: Any) -> LiquidNetwork:
    grown = {} if "hidden_size" in options else {"wiring": NCP}
    return (
        LiquidNetwork(3, output_size=2, dynamics=dynamics, seed=1, **{**grown, **options})
        .double()
        .eval()
    )


def sequences(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(*(shape or (2, 7, 3)), dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("dynamics", DYNAMICS)
@pytest.mark.parametrize("of", ["neurons", "synapses", "sensory_synapses"])
def test_lesions_are_ablations_one_by_one(dynamics: str, of: str) -> None:
    made, inputs = network(dynamics), sequences()
    targets = torch.zeros(2, 7, 2)
    found = lesions(made, inputs, 1, of=of, targets=targets)
    intact = made(inputs)
    assert found.intact_loss == pytest.approx(float(intact.detach().square().mean()))
    for index in range(0, len(found.lesioned), 4):
        outputs = made.ablate(**{of: [found.lesioned[index]]})(inputs)
        expected = outputs[:, -1, 1] - intact[:, -1, 1]
        torch.testing.assert_close(found.change[index], expected, rtol=0, atol=1e-12)
        assert float(found.loss[index]) == pytest.approx(float(outputs.square().mean()))
    rows = found.rows()
    assert len(rows) == len(found.lesioned)
    effects = [row["effect"] for row in rows]
    assert effects == sorted(effects, reverse=True) and effects[0] > 0


@pytest.mark.parametrize("solver", ["fused", "euler", "exponential", "rk4"])
def test_a_clamped_neuron_is_an_input_that_is_held(solver: str) -> None:
    """Of neuron 0 held at a series, the others hear what they would hear of an input."""
    made = network(hidden_size=3, solver=solver)
    inputs = sequences()
    series = sequences(2, 7)
    found = clamp(made, inputs, {0: series})
    assert torch.equal(found.states[..., 0], series)
    # The same network with neuron 0 as a fourth input: its outgoing synapses become sensory ones.
    values = made.neurons[0].values()
    grown = wiring.fully_connected(2).build(4)
    other = LiquidNetwork(4, 2, 1, wiring=grown, solver=solver).double()
    heard = {"c": values["c"][1:], "g": values["g"][1:], "vleak": values["vleak"][1:]}
    for name in ("w", "sigma", "mu", "E"):
        recurrent = values[name].view(3, 3)[1:]
        sensory = values[f"sensory_{name}"].view(3, 3)[1:]
        heard[name] = recurrent[:, 1:].flatten()
        heard[f"sensory_{name}"] = torch.cat([sensory, recurrent[:, :1]], 1).flatten()
    other.neurons[0].set_values({name: value.detach() for name, value in heard.items()})
    states = other.trace(torch.cat([inputs, series.unsqueeze(-1)], -1)).states
    torch.testing.assert_close(found.states[..., 1:], states, rtol=0, atol=1e-12)
    torch.testing.assert_close(found.outputs, made.readout(found.states))


@pytest.mark.parametrize(
    "options",
    [*({"dynamics": each} for each in DYNAMICS), {"mixed_memory": True}, {"num_layers": 2,
     "hidden_size": 5}, {"bidirectional": True, "hidden_size": 5}],
    ids=str,
)  # fmt: skip
def test_clamps_run_on_every_network(options: dict[str, Any]) -> None:
    made, inputs = network(**options), sequences()
    arguments = {"elapsed_time": 0.1 + torch.rand(2, 7), "mask": torch.rand(2, 7, 3) > 0.2}
    states = made.trace(inputs, **arguments).states
    found = clamp(made, inputs, {}, **arguments)
    torch.testing.assert_close(found.states, states, rtol=0, atol=1e-12)
    torch.testing.assert_close(found.outputs, made(inputs, **arguments), rtol=0, atol=1e-12)
    held = clamp(made, inputs, {1: 0.3}, **arguments)
    assert float((held.states[..., 1] - 0.3).abs().max()) == 0
    assert not torch.allclose(held.outputs, found.outputs)


@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_time_sensitivity_is_a_difference_quotient(dynamics: str) -> None:
    made, inputs = network(dynamics), sequences()
    elapsed = 0.2 + torch.rand(2, 7, dtype=torch.float64)
    found = time_sensitivity(made, inputs, 1, elapsed_time=elapsed, every=(2, 3))
    core = made.neurons[0].dynamics
    base = core.base_time_constants(core.values()).detach()
    step = 1e-5

    def asked(tau: Tensor, times: Tensor) -> Tensor:
        return made(inputs, tau, elapsed_time=times)[:, -1, 1].detach()

    for neuron in (0, 4):
        up, down = base.clone(), base.clone()
        up[neuron] *= 1 + step
        down[neuron] *= 1 - step
        quotient = (asked(up, elapsed) - asked(down, elapsed)) / (2 * step)
        torch.testing.assert_close(found.time_constants[:, neuron], quotient, rtol=1e-5, atol=1e-9)
    quotient = (asked(base, elapsed * (1 + step)) - asked(base, elapsed * (1 - step))) / (2 * step)
    torch.testing.assert_close(found.elapsed_time.sum(1), quotient, rtol=1e-5, atol=1e-9)
    kept = [0, 2, 4, 6]
    gaps = torch.stack([elapsed[:, 0], *(elapsed[:, i - 1 : i + 1].sum(1) for i in kept[1:])], 1)
    thin = made(inputs[:, kept], elapsed_time=gaps)[:, -1, 1]
    expected = thin - made(inputs, elapsed_time=elapsed)[:, -1, 1]
    torch.testing.assert_close(found.thinned[2], expected, rtol=0, atol=1e-12)
    assert set(found.thinned) == {2, 3}


def test_what_if_changes_one_input_from_a_sample_on() -> None:
    made, inputs = network(), sequences()
    mask = torch.ones(2, 7, 3, dtype=torch.bool)
    mask[0, 5, 1] = False
    found = what_if(made, inputs, 1, 2.0, start=3, stop=6, mask=mask)
    other = inputs.clone()
    other[:, 3:6, 1] = 2.0
    torch.testing.assert_close(found.after, made(other, mask=mask))
    torch.testing.assert_close(found.before, made(inputs, mask=mask))
    assert float(found.change[:, :3].abs().max()) == 0 < float(found.change[:, 3].abs().max())
    moved = what_if(made, inputs[0], 2, shift=0.5, scale=2.0)
    other = inputs[0].clone()
    other[:, 2] = 2 * other[:, 2] + 0.5
    torch.testing.assert_close(moved.after, made(other))


@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_pruning_keeps_the_outputs_and_says_what_it_cost(dynamics: str) -> None:
    made, inputs = network(dynamics), sequences()
    found = prune(made, inputs, limit=0.05)
    outputs = found.network(inputs)
    cost = float((outputs - made(inputs)).square().mean().sqrt())
    assert found.cost == pytest.approx(cost, abs=1e-12)
    assert found.relative_cost <= 0.05
    left = found.network.wiring.synapse_count + found.network.wiring.sensory_synapse_count
    whole = made.wiring.synapse_count + made.wiring.sensory_synapse_count
    gone = len(found.synapses) + len(found.sensory_synapses)
    assert left == whole - gone and gone > 0
    assert found.kept == pytest.approx(left / whole)


LENGTHS = (7, 4, 5)


def ragged() -> tuple[Tensor, Tensor]:
    """Inputs (3, 7, 3) and where they are no padding (3, 7)."""
    return sequences(3, 7, 3), torch.arange(7) < torch.tensor(LENGTHS).unsqueeze(1)


def test_ragged_sequences_are_thinned_from_their_own_last_sample() -> None:
    made, (inputs, valid) = network(), ragged()
    times = torch.rand(3, 7, dtype=torch.float64) + 0.5
    for at in (None, 4):
        found = time_sensitivity(
            made, inputs, elapsed_time=times, mask=valid, at=at, every=(1, 2, 3)
        ).thinned
        assert float(found[1].abs().max()) < 1e-12
        for row, length in enumerate(LENGTHS):
            length = length if at is None else min(length, at + 1)
            alone = time_sensitivity(
                made, inputs[row, :length], elapsed_time=times[row, :length], every=(2, 3)
            ).thinned
            for every, change in alone.items():
                assert float(found[every][row]) == pytest.approx(float(change), abs=1e-12)
                assert abs(float(change)) > 1e-6


def test_samples_thinned_out_keep_what_is_missing_in_them() -> None:
    made, inputs = network(), sequences()
    seen = torch.rand(2, 7, 3) > 0.4
    found = time_sensitivity(made, inputs, mask=seen, every=(2,)).thinned[2]
    times = torch.tensor([1.0, 2.0, 2.0, 2.0]).double()
    kept = made(inputs[:, ::2], elapsed_time=times, mask=seen[:, ::2])[:, -1, 0]
    whole = made(inputs, mask=seen)[:, -1, 0]
    torch.testing.assert_close(found, (kept - whole).detach(), rtol=0, atol=1e-12)


def test_padding_is_no_part_of_a_loss() -> None:
    made, (inputs, valid) = network(), ragged()
    targets = sequences(3, 7, 2)
    targets[~valid] = float("nan")
    found = lesions(made, inputs, mask=valid, targets=targets)
    parts = [made, made.ablate([2])]
    losses = [(each(inputs, mask=valid) - targets)[valid].square().mean() for each in parts]
    assert found.intact_loss == pytest.approx(float(losses[0].detach()))
    assert float(found.loss[2]) == pytest.approx(float(losses[1].detach()))
    targets[0, 0, 0] = float("nan")
    with pytest.raises(DomainError, match="targets: "):
        lesions(made, inputs, mask=valid, targets=targets)


def test_final_outputs_of_both_directions_are_the_networks_own() -> None:
    made = network(hidden_size=4, bidirectional=True, return_sequences=False)
    inputs = sequences()
    found = lesions(made, inputs, targets=made(inputs).detach())
    assert found.intact_loss == pytest.approx(0.0, abs=1e-20)
    assert float(found.loss.max()) > 1e-8


def test_padding_is_no_part_of_the_cost_of_pruning() -> None:
    made, (inputs, valid) = network(), ragged()
    found = prune(made, inputs, 0.2, mask=valid)
    whole = made(inputs, mask=valid)[valid].detach()
    off = found.network(inputs, mask=valid)[valid].detach() - whole
    assert found.cost == pytest.approx(float(off.square().mean().sqrt()))
    assert found.relative_cost == pytest.approx(found.cost / float(whole.std(correction=0)))


def test_one_sample_of_one_output_is_pruned_by_its_cost() -> None:
    made = LiquidNetwork(3, 4, 1, seed=1).double()
    found = prune(made, sequences(1, 3), 0.01)
    assert found.cost == found.relative_cost <= 0.01
    assert found.kept < 1.0


def test_series_are_arranged_as_the_networks_inputs_are() -> None:
    inputs, series, targets = sequences(4, 4, 3), sequences(4, 4), sequences(4, 4, 2)
    first, other = network(), network(batch_first=False)
    turned = inputs.transpose(0, 1), series.transpose(0, 1), targets.transpose(0, 1)
    ours, theirs = (
        (
            what_if(made, fed, 1, line).after,
            clamp(made, fed, {0: line}).states,
            lesions(made, fed, targets=goal).loss,
        )
        for made, fed, line, goal in ((first, inputs, series, targets), (other, *turned))
    )
    for one, same in zip(ours, theirs):
        assert torch.equal(one, same)
    with pytest.raises(ShapeError, match=r"value: expected a number, \(T,\) or \(T, B\)"):
        what_if(other, inputs, 0, sequences(3, 4))


def test_what_cannot_be_done_is_said() -> None:
    made, inputs = network(), sequences()
    with pytest.raises(OptionError, match="of: unknown 'layers'"):
        lesions(made, inputs, of="layers")
    with pytest.raises(ShapeError, match="targets: expected"):
        lesions(made, inputs, targets=torch.zeros(2, 7))
    with pytest.raises(DomainError, match="neurons: "):
        clamp(made, inputs, {10: 0.0})
    with pytest.raises(ShapeError, match="neurons: expected a number"):
        clamp(made, inputs, {1: torch.zeros(3)})
    with pytest.raises(DomainError, match="start: "):
        what_if(made, inputs, 0, 1.0, start=7)
    with pytest.raises(DomainError, match="limit: "):
        prune(made, inputs, limit=1.0)
    with pytest.raises(OptionError, match="several populations"):
        prune(network(hidden_size=5, num_layers=2), inputs)
    backbone = network("closed_form", hidden_size=5)
    with pytest.raises(OptionError, match="a backbone"):
        lesions(backbone, inputs, of="synapses")
    both = network(hidden_size=5, bidirectional=True)
    with pytest.raises(DtypeError, match="neurons: expected a dict"):
        clamp(made, inputs, [0])  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match="scale: "):
        what_if(made, inputs, 0, scale="x")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="shift: "):
        what_if(made, inputs, 0, shift=torch.ones(3))  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="targets: "):
        lesions(made, inputs, targets=3)  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match="limit: "):
        prune(made, inputs, "x")  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match="every: "):
        time_sensitivity(made, inputs, every=2)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="every: "):
        time_sensitivity(both, inputs, every=(2,))
    assert time_sensitivity(both, inputs).thinned == {}
