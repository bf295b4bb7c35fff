"""LRC dynamics: the paper's equations by hand, its unit LRCU, given time constants."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from core_cases import positive, sequences
from liquid_neural_networks import LiquidNetwork, LiquidNeuron, wiring
from liquid_neural_networks.dynamics import LrcDynamics
from liquid_neural_networks.errors import OptionError

ELASTANCES = ("symmetric", "asymmetric")
SPARSE = wiring.random(6, sparsity=0.4, seed=5).build(3)


def sigmoid(x):  # type: ignore[no-untyped-def]
    return 1 / (1 + np.exp(-x))


def neuron(elastance: str, **options: object) -> LiquidNeuron:
    kind = {"type": "lrc", "elastance": elastance}
    options = {"wiring": SPARSE, **options}
    built = LiquidNeuron(3, dynamics=kind, seed=0, **options).double()  # type: ignore[arg-type]
    # Everything away from where it starts, so that nothing is 0 or 1 by chance.
    for name, value in built.values().items():
        built.set_values({name: value.detach() + 0.3 * positive(*value.shape, seed=len(name))})
    return built


@pytest.mark.parametrize("elastance", ELASTANCES)
def test_equation_synapse_by_synapse(elastance: str) -> None:
    dynamics = neuron(elastance).dynamics
    assert isinstance(dynamics, LrcDynamics)
    inputs, state = sequences(1, 1)[0, 0], sequences(1, 1, 6)[0, 0]
    x = state.tolist()
    p = {name: value.tolist() for name, value in dynamics.values().items()}
    u = [a * each + b for a, each, b in zip(p["a"], inputs.tolist(), p["b"])]
    forget, drive, charge = list(p["g"]), list(p["g"]), list(p["p"])
    for start, senders, pre, post in (
        ("", x, SPARSE.pre, SPARSE.post),
        ("sensory_", u, SPARSE.sensory_pre, SPARSE.sensory_post),
    ):
        for e, (j, i) in enumerate(zip(pre.tolist(), post.tolist())):
            s = sigmoid(p[f"{start}sigma"][e] * (senders[j] - p[f"{start}mu"][e]))
            forget[i] += p[f"{start}w"][e] * s
            drive[i] += p[f"{start}k"][e] * s
            charge[i] += p[f"{start}o"][e] * senders[j]
    for i in range(6):
        moved = sigmoid(charge[i])
        if elastance == "symmetric":
            moved = sigmoid(charge[i] + p["v"][i]) - sigmoid(charge[i] - p["v"][i])
        forget[i] = moved * sigmoid(forget[i])
        drive[i] = moved * p["vleak"][i] * math.tanh(drive[i])
    values = dynamics.values()
    rate_and_drive = dynamics.rate_and_drive(
        values, state, dynamics.sensory(values, inputs, None), None
    )
    for got, wanted in zip(rate_and_drive, (forget, drive)):
        np.testing.assert_allclose(got.detach(), wanted, rtol=1e-12)


@pytest.mark.parametrize("elastance", ELASTANCES)
def test_one_euler_step_is_the_lrc_unit(elastance: str) -> None:
    """The gated cell of the paper, in its matrices: every neuron hears all."""
    cell = neuron(elastance, wiring=wiring.fully_connected(6), solver="euler", unfolds=1)
    inputs, x = sequences(4, 1)[:, 0].numpy(), sequences(4, 1, 6)[:, 0].numpy()
    p = {name: value.detach().numpy() for name, value in cell.values().items()}
    senders = np.concatenate([p["a"] * inputs + p["b"], x], axis=1)

    def matrix(name: str) -> np.ndarray:
        """(senders, receivers)."""
        return np.concatenate([p[f"sensory_{name}"].reshape(6, 3).T, p[name].reshape(6, 6).T])

    open_ = sigmoid(matrix("sigma") * (senders[:, :, None] - matrix("mu")))
    forget_gate = sigmoid(p["g"] + (matrix("w") * open_).sum(1))
    update = np.tanh(p["g"] + (matrix("k") * open_).sum(1))
    charge = senders @ matrix("o") + p["p"]
    gate = sigmoid(charge)
    if elastance == "symmetric":
        gate = sigmoid(charge + p["v"]) - sigmoid(charge - p["v"])
    wanted = (1 - gate * forget_gate) * x + gate * update * p["vleak"]
    got = cell(torch.from_numpy(inputs), torch.from_numpy(x)).detach()
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("elastance", ELASTANCES)
def test_given_time_constants_stretch_time(elastance: str) -> None:
    """A capacitance multiplies both terms: k times the time constants are k times the time."""
    cell = neuron(elastance)
    inputs, state = sequences(4, 1)[:, 0], sequences(4, 1, 6)[:, 0]
    base = cell.dynamics.base_time_constants(cell.dynamics.values()).detach()
    learned = cell(inputs, state, elapsed_time=0.5)
    for factor in (1.0, 3.0):
        stretched = cell(inputs, state, factor * base, elapsed_time=factor * 0.5)
        torch.testing.assert_close(stretched, learned, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("elastance", ELASTANCES)
def test_a_neuron_that_hears_nothing_has_the_given_time_constant(elastance: str) -> None:
    deaf = wiring.Wiring.from_matrices(np.zeros((2, 2)), np.zeros((3, 2)))
    net = LiquidNetwork(
        3, 2, 1, wiring=deaf, dynamics={"type": "lrc", "elastance": elastance}
    ).double()
    given = net.effective_time_constants(sequences(), 0.7)
    torch.testing.assert_close(given, torch.full_like(given, 0.7), rtol=1e-12, atol=0.0)


def test_states_stay_between_the_leak_potentials() -> None:
    """rate > 0 and |drive| < 2 |vleak| rate, as sigmoid(f) >= 1/2: what the saturation is for."""
    net = LiquidNetwork(3, 8, 1, dynamics="lrc", seed=0).double()
    states = net.trace(100 * sequences(4, 200)).states
    leak = net.neurons[0].dynamics.values()["vleak"].detach()
    assert (states.abs() <= 2 * leak.abs() + 1e-12).all() and states.abs().max() > 0.01


@pytest.mark.parametrize("elastance", ELASTANCES)
def test_time_constants_are_finite_however_large_the_inputs(elastance: str) -> None:
    for dtype in (torch.float32, torch.float64):
        net = LiquidNetwork(3, 5, 1, dynamics={"type": "lrc", "elastance": elastance}).to(dtype)
        taus = net.effective_time_constants((1e6 * sequences()).to(dtype))
        assert torch.isfinite(taus).all() and (taus > 0).all()


def test_starts_with_the_signs_of_the_wiring_and_the_size_of_an_orthogonal_matrix() -> None:
    wired = wiring.random(40, sparsity=0.5).build(30)
    values = {name: value.detach() for name, value in LrcDynamics(wired).values().items()}
    for name, polarity in (("k", wired.polarity), ("sensory_k", wired.sensory_polarity)):
        assert (values[name] * torch.tensor(polarity) >= 0).all()
        mean = len(polarity) / 40
        assert float(values[name].square().mean()) * mean == pytest.approx(1.0, rel=0.15)
    assert (values["p"] == 0).all() and (values["v"] == 1).all()


def test_unknown_elastance() -> None:
    with pytest.raises(OptionError, match="elastance"):
        LiquidNeuron(3, 4, dynamics={"type": "lrc", "elastance": "magic"})
