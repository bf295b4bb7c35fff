"""Lesions, clamps, time and what if: each beside the same experiment done by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from liquid_neural_networks import LiquidNetwork, wiring
from liquid_neural_networks.dynamics import DYNAMICS
from liquid_neural_networks.errors import DomainError, OptionError, ShapeError
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
    assert found.intact_loss == pytest.approx(float(intact.square().mean()))
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
    with pytest.raises(OptionError, match="every: "):
        time_sensitivity(both, inputs)
