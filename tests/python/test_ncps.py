"""The same weights give the same numbers as ``ncps.torch.LTC`` 1.0.1, gradients included."""

from __future__ import annotations

import pytest
import torch
from ncps import wirings as peers
from ncps.torch import LTC
from torch import Tensor

from core_cases import positive, sequences
from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.wiring import Wiring

pytestmark = pytest.mark.usefixtures("path")

INPUTS = 5
WIRINGS = {
    "full": lambda: peers.FullyConnected(8, 3),
    "random": lambda: peers.Random(10, 3, sparsity_level=0.5),
    "ncp": lambda: peers.NCP(8, 5, 2, 4, 3, 4, 3),
    "auto_ncp": lambda: peers.AutoNCP(20, 4, sparsity_level=0.5),
}
# Our name -> theirs. Theirs are dense matrices of which a mask keeps what exists.
PER_NEURON = {"c": "cm", "g": "gleak", "vleak": "vleak", "a": "input_w", "b": "input_b"}
PER_SYNAPSE = {"w": "w", "sigma": "sigma", "mu": "mu", "E": "erev"}
READOUT = {"scale": "output_w", "shift": "output_b"}


def pair(name: str, constraint: str = "clip") -> tuple[LTC, LiquidNetwork]:
    """A peer with weights that have moved from where they start, and the same network here."""
    wired = WIRINGS[name]()
    peer = LTC(INPUTS, wired, implicit_param_constraints=constraint == "softplus")
    with torch.no_grad():
        for parameter in peer.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.rand_like(parameter))
    ours = LiquidNetwork(
        INPUTS,
        wiring=Wiring.from_matrices(
            wired.adjacency_matrix, wired.sensory_adjacency_matrix, motor=wired.output_dim
        ),
        readout="motor",
        constraint=constraint,
    )
    values = {
        mine: picked.detach() for mine, picked in listed(peer, ours, lambda p: p.data).items()
    }
    if constraint == "softplus":
        for positive_name in ("c", "g", "w", "sensory_w"):
            values[positive_name] = torch.nn.functional.softplus(values[positive_name])
    ours.neurons[0].dynamics.set_values(values)
    with torch.no_grad():
        for mine, theirs in READOUT.items():
            getattr(ours.readout, mine).copy_(peer.rnn_cell._params[theirs])
    return peer, ours


def listed(peer: LTC, ours: LiquidNetwork, read: object) -> dict[str, Tensor]:
    """Something of every peer parameter, as our per-synapse lists."""
    theirs, wired = peer.rnn_cell._params, ours.wiring
    found = {mine: read(theirs[name]) for mine, name in PER_NEURON.items()}
    for mine, name in PER_SYNAPSE.items():
        found[mine] = read(theirs[name])[wired.pre.copy(), wired.post.copy()]
        found[f"sensory_{mine}"] = read(theirs[f"sensory_{name}"])[
            wired.sensory_pre.copy(), wired.sensory_post.copy()
        ]
    return found


def timespans(kind: str, batch: int, steps: int) -> Tensor | None:
    """None, (T,) shared by the batch, or (B, T); float32."""
    if kind == "unit":
        return None
    spans = positive(*((steps,) if kind == "shared" else (batch, steps)), low=0.05, high=3.0)
    return spans.float()


def run(peer: LTC, ours: LiquidNetwork, kind: str) -> tuple[list[Tensor], list[Tensor], Tensor]:
    batch, steps = 3, 12
    inputs = sequences(batch, steps, INPUTS).float().requires_grad_()
    spans = timespans(kind, batch, steps)
    start = positive(batch, ours.hidden_size, low=-0.5, high=0.5).float()

    outputs, state = ours(inputs, elapsed_time=spans, state=start.unsqueeze(0), return_state=True)
    if kind == "each":
        # The peer takes one timespan a step for the whole batch, so: one sequence at a time.
        rows = [peer(inputs[i : i + 1], start[i : i + 1], spans[i : i + 1]) for i in range(batch)]
        wanted = torch.cat([row[0] for row in rows]), torch.cat([row[1] for row in rows])
    else:
        wanted = peer(inputs, start, None if spans is None else spans.expand(1, -1))
    return [outputs, state.squeeze(0)], list(wanted), inputs


@pytest.mark.parametrize("kind", ["unit", "shared", "each"])
@pytest.mark.parametrize("constraint", ["clip", "softplus"])
@pytest.mark.parametrize("name", sorted(WIRINGS))
def test_same_outputs_states_and_gradients(name: str, constraint: str, kind: str) -> None:
    peer, ours = pair(name, constraint)
    got, wanted, inputs = run(peer, ours, kind)
    for mine, theirs in zip(got, wanted):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)

    input_gradients = []
    for results in (got, wanted):
        inputs.grad = None
        torch.stack([each.square().mean() for each in results]).sum().backward()
        input_gradients.append(inputs.grad)
    torch.testing.assert_close(*input_gradients, rtol=1e-5, atol=1e-5)
    gradients = listed(peer, ours, lambda p: p.grad)
    assert set(gradients) == {mine for mine, _ in ours.neurons[0].dynamics.named_parameters()}
    for mine, parameter in ours.neurons[0].dynamics.named_parameters():
        torch.testing.assert_close(
            parameter.grad, gradients[mine], rtol=1e-5, atol=1e-5, msg=lambda m, n=mine: f"{n}: {m}"
        )
    for mine, theirs in READOUT.items():
        torch.testing.assert_close(
            getattr(ours.readout, mine).grad, peer.rnn_cell._params[theirs].grad
        )


@pytest.mark.parametrize("name", ["ncp", "auto_ncp"])
def test_we_store_only_what_exists(name: str) -> None:
    """The peer trains N x N numbers a parameter, whatever the wiring."""
    peer, ours = pair(name)
    trained = sum(p.numel() for p in peer.parameters() if p.requires_grad)
    kept = sum(p.numel() for p in ours.parameters())
    wired = ours.wiring
    assert kept == sum(
        (
            3 * wired.units,
            4 * wired.synapse_count,
            4 * wired.sensory_synapse_count,
            2 * INPUTS,
            2 * wired.motor,
        )
    )
    assert kept < trained / 2
