"""The drop-in for ``ncps`` beside ``ncps`` 1.0.1 itself: weights, numbers, gradients, use."""

from __future__ import annotations

import copy
import io
from typing import Any, Optional

import matplotlib
import ncps.torch
import ncps.wirings
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from liquid_neural_networks import LiquidNetwork
from liquid_neural_networks.compat import ncps as ours
from liquid_neural_networks.errors import LiquidError, OptionError, ShapeError

matplotlib.use("Agg")
both_paths = pytest.mark.usefixtures("path")

INPUTS, BATCH, STEPS = 5, 3, 6
MODES = ["default", "pure", "no_gate"]
CLOSE = {"rtol": 1e-5, "atol": 1e-5}

WIRINGS = {
    "full": ("FullyConnected", (8, 3), {}),
    "no-self": ("FullyConnected", (6, 2), {"self_connections": False}),
    "random": ("Random", (10, 3), {"sparsity_level": 0.5}),
    "ncp": ("NCP", (8, 5, 2, 4, 3, 4, 3), {}),
    "ncp-seed": ("NCP", (7, 4, 3, 2, 2, 5, 2), {"seed": 7}),
    "auto": ("AutoNCP", (20, 4), {"sparsity_level": 0.5}),
    "auto-sparse": ("AutoNCP", (28, 4), {"sparsity_level": 0.9, "seed": 3}),
}
UNITS = ["number", *WIRINGS]


def grown(module: Any, name: str) -> Any:
    kind, arguments, options = WIRINGS[name]
    return getattr(module, kind)(*arguments, **options)


def pair(kind: str, units: str, **options: Any) -> tuple[Any, Any]:
    """The peer and the drop-in, made with the same seed, then with weights that have moved."""
    made = []
    for package, wirings in ((ncps.torch, ncps.wirings), (ours, ours.wirings)):
        torch.manual_seed(1)
        size = 7 if units == "number" else grown(wirings, units)
        made.append(getattr(package, kind)(INPUTS, size, **options))
    peer, mine = made
    assert list(peer.state_dict()) == list(mine.state_dict())
    for name, value in peer.state_dict().items():
        assert torch.equal(mine.state_dict()[name], value), f"{name} starts elsewhere"
    with torch.no_grad():
        for parameter in peer.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.rand_like(parameter))
    mine.load_state_dict(peer.state_dict())
    return peer, mine


def state(module: Any, mixed: bool, batch: int = BATCH) -> Any:
    liquid, memory = 0.3 * torch.randn(2, batch, module.state_size)
    return (liquid, memory) if mixed else liquid


def outcome(module: Any, inputs: Tensor, hx: Any, spans: Optional[Tensor]) -> list[Tensor]:
    """Outputs, final state, gradients of the inputs and of every parameter."""
    given = inputs.clone().requires_grad_()
    outputs, final = module(given, hx, spans)
    results = [outputs, *(final if isinstance(final, tuple) else [final])]
    module.zero_grad()
    sum(each.square().mean() for each in results).backward()
    gradients = [p.grad for p in module.parameters() if p.requires_grad]
    return [*results, given.grad, *(torch.zeros(()) if g is None else g for g in gradients)]


def check_same(peer: Any, mine: Any, mixed: bool, spans: Optional[Tensor]) -> None:
    inputs, hx = torch.randn(BATCH, STEPS, INPUTS), state(peer, mixed)
    wanted, got = outcome(peer, inputs, hx, spans), outcome(mine, inputs, hx, spans)
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted):
        torch.testing.assert_close(one.expand_as(other), other, **CLOSE)


# -- numbers -----------------------------------------------------------------------------------


@both_paths
@pytest.mark.parametrize("spans", [None, torch.tensor([[0.1, 1.0, 2.5, 0.4, 0.7, 1.3]])], ids=str)
@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("softplus", [False, True])
@pytest.mark.parametrize("units", UNITS)
def test_ltc(units: str, softplus: bool, mixed: bool, spans: Optional[Tensor]) -> None:
    options = {"mixed_memory": mixed, "implicit_param_constraints": softplus}
    check_same(*pair("LTC", units, **options), mixed, spans)


@pytest.mark.parametrize("spans", [None, torch.tensor([[0.1, 1.0, 2.5, 0.4, 0.7, 1.3]])], ids=str)
@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("units", UNITS)
def test_cfc(units: str, mode: str, mixed: bool, spans: Optional[Tensor]) -> None:
    check_same(*pair("CfC", units, mode=mode, mixed_memory=mixed), mixed, spans)


@pytest.mark.parametrize("units", ["number", "ncp", "auto"])
@pytest.mark.parametrize("mode", MODES)
def test_cfc_projection(mode: str, units: str) -> None:
    check_same(*pair("CfC", units, mode=mode, proj_size=4), False, None)


@pytest.mark.parametrize("activation", ["lecun_tanh", "tanh", "relu", "silu", "gelu"])
@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_cfc_backbones(layers: int, activation: str) -> None:
    options = {"backbone_layers": layers, "backbone_units": 11, "activation": activation}
    check_same(*pair("CfC", "number", **options), False, None)


def test_dropout_of_the_backbone_acts_while_training_only() -> None:
    options = {"backbone_layers": 2, "backbone_dropout": 0.5}
    peer, mine = pair("CfC", "number", **options)
    inputs = torch.randn(BATCH, STEPS, INPUTS)
    assert not torch.equal(mine(inputs)[0], mine(inputs)[0])
    torch.testing.assert_close(mine.eval()(inputs)[0], peer.eval()(inputs)[0], **CLOSE)


@pytest.mark.parametrize("output", [None, "linear", "affine"])
@pytest.mark.parametrize("given", [None, "linear", "affine"])
def test_ltc_mappings(given: Optional[str], output: Optional[str]) -> None:
    options = {"input_mapping": given, "output_mapping": output, "ode_unfolds": 3}
    check_same(*pair("LTC", "auto", epsilon=1e-3, **options), False, None)


@pytest.mark.parametrize("kind", ["LTC", "CfC"])
@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_layouts(return_sequences: bool, batch_first: bool, mixed: bool, kind: str) -> None:
    options = {"return_sequences": return_sequences, "batch_first": batch_first}
    peer, mine = pair(kind, "auto", mixed_memory=mixed, **options)
    spans = torch.rand(1, STEPS) + 0.1
    shape = (BATCH, STEPS) if batch_first else (STEPS, BATCH)
    inputs, laid = torch.randn(*shape, INPUTS), spans if batch_first else spans.T
    alone = state(peer, mixed)
    calls: list[tuple[Any, ...]] = [(inputs,), (inputs, state(peer, mixed)), (inputs, alone, laid)]
    if return_sequences or batch_first:  # one sequence alone, the peer cannot squeeze otherwise
        hx = tuple(each[0] for each in alone) if mixed else alone[0]
        calls += [(torch.randn(STEPS, INPUTS),), (torch.randn(STEPS, INPUTS), hx)]
    for call in calls:
        wanted, got = peer(*call), mine(*call)
        torch.testing.assert_close(got[0], wanted[0], **CLOSE)
        torch.testing.assert_close(got[1], wanted[1], **CLOSE)


@pytest.mark.parametrize("spans", [1.0, 0.3, torch.tensor(0.7)], ids=str)
def test_cells(spans: Any) -> None:
    inputs = torch.randn(BATCH, INPUTS)
    wired, mine = grown(ncps.wirings, "ncp"), grown(ours.wirings, "ncp")
    cells = [(ncps.torch.LTCCell(wired, INPUTS), ours.LTCCell(mine, INPUTS))]
    for mode in MODES:
        cells += [
            (ncps.torch.CfCCell(INPUTS, 9, mode), ours.CfCCell(INPUTS, 9, mode)),
            (
                ncps.torch.WiredCfCCell(None, wired, mode),
                ours.WiredCfCCell(None, mine, mode),
            ),
        ]
    for peer, own in cells:
        own.load_state_dict(peer.state_dict())
        hx = 0.3 * torch.randn(BATCH, 9 if hasattr(own, "ff1") else 15)
        for got, wanted in zip(own(inputs, hx, spans), peer(inputs, hx, spans)):
            torch.testing.assert_close(got, wanted, **CLOSE)
        each = own(inputs, hx, torch.tensor([0.1, 1.0, 2.0]))[1]
        alone = own(inputs[1:2], hx[1:2], 1.0)[1]
        torch.testing.assert_close(each[1:2], alone, **CLOSE)


def test_a_cell_with_a_mask_of_its_own() -> None:
    mask = (np.random.default_rng(0).random((INPUTS + 9, 9)) < 0.5).astype(int)
    options = {"backbone_layers": 0, "sparsity_mask": mask}
    peer, own = ncps.torch.CfCCell(INPUTS, 9, **options), ours.CfCCell(INPUTS, 9, **options)
    own.load_state_dict(peer.state_dict())
    inputs, hx = torch.randn(BATCH, INPUTS), torch.randn(BATCH, 9)
    torch.testing.assert_close(own(inputs, hx, 1.0), peer(inputs, hx, 1.0), **CLOSE)


# -- where the peer is wrong -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["LTC", "CfC"])
@pytest.mark.parametrize("batch", [3, 8])  # 8: as many as units, where the peer mixes them up
@pytest.mark.parametrize("batch_first", [False, True])
def test_time_spans_of_each_sequence(batch_first: bool, batch: int, kind: str) -> None:
    peer, mine = pair(kind, "full", batch_first=batch_first)
    inputs, spans = torch.randn(batch, STEPS, INPUTS), torch.rand(batch, STEPS) + 0.1
    rows = []
    for row in range(batch):
        call = (inputs[row : row + 1], None, spans[row : row + 1])
        laid = call if batch_first else (call[0].transpose(0, 1), None, call[2].T)
        rows.append(peer(*laid)[0])
    wanted = torch.cat(rows, dim=0 if batch_first else 1)
    if not batch_first:
        inputs, spans = inputs.transpose(0, 1), spans.T
    torch.testing.assert_close(mine(inputs, None, spans)[0], wanted, **CLOSE)
    torch.testing.assert_close(mine(inputs, None, spans.unsqueeze(-1))[0], wanted, **CLOSE)


@pytest.mark.parametrize("kind", ["LTC", "CfC"])
def test_masks(kind: str) -> None:
    _, mine = pair(kind, "auto")
    inputs = torch.randn(BATCH, STEPS, INPUTS)
    padding = torch.arange(STEPS) < torch.tensor([[6], [2], [4]])
    _, final = mine(inputs, mask=padding)
    for row, length in enumerate((6, 2, 4)):
        _, alone = mine(inputs[row, :length])
        torch.testing.assert_close(final[row], alone)


def test_no_time_at_all_is_no_nan() -> None:
    _, mine = pair("LTC", "auto")
    assert torch.isfinite(mine(torch.randn(2, STEPS, INPUTS), None, torch.zeros(2, STEPS))[0]).all()


@pytest.mark.parametrize("name", WIRINGS)
def test_a_wiring_comes_back_from_its_configuration(name: str) -> None:
    first = grown(ours.wirings, name)
    again = type(first).from_config(first.get_config())
    for wiring in (first, again):
        wiring.build(INPUTS)
        wiring.build(INPUTS)  # changes nothing
    assert (again.adjacency_matrix == first.adjacency_matrix).all()
    assert (again.sensory_adjacency_matrix == first.sensory_adjacency_matrix).all()


def test_a_wiring_that_was_not_built_is_refused_by_name() -> None:
    for refused, argument in (
        (ours.wirings.to_wiring, "wiring"),
        (lambda each: each.sensory_synapse_count, "wiring"),
        (lambda each: each.add_sensory_synapse(0, 0, 1), "src"),
    ):
        with pytest.raises(OptionError, match="build") as caught:
            refused(grown(ours.wirings, "auto"))
        assert caught.value.argument == argument


def test_counts_of_synapses() -> None:
    _, mine = pair("LTC", "auto")
    wiring = mine._wiring
    assert mine.synapse_count == np.count_nonzero(wiring.adjacency_matrix)
    assert mine.sensory_synapse_count == np.count_nonzero(wiring.sensory_adjacency_matrix)


@pytest.mark.parametrize(
    ("wrong", "argument"),
    [
        (lambda m: m(torch.randn(3, 6, 4)), "inputs"),
        (lambda m: m(torch.randn(3, 6, 5), torch.zeros(3, 9)), "state"),
        (lambda m: m(torch.randn(3, 6, 5), None, torch.ones(2, 6)), "timespans"),
        (lambda m: m(torch.full((3, 6, 5), torch.nan)), "inputs"),
        (lambda m: m(torch.randn(3, 6, 5), (torch.zeros(3, 20),) * 2), "hx"),
    ],
)
def test_bad_calls(wrong: Any, argument: str) -> None:
    _, mine = pair("CfC", "auto")
    with pytest.raises(LiquidError) as caught:
        wrong(mine)
    assert caught.value.argument == argument


def test_bad_options() -> None:
    wiring = ours.wirings.AutoNCP(20, 4)
    for build in (
        lambda: ours.CfC(5, wiring, backbone_units=3),
        lambda: ours.CfC(5, 8, mode="fast"),
        lambda: ours.CfC(5, 8, activation="swish"),
        lambda: ours.LTCCell(ours.wirings.FullyConnected(5)),
        lambda: ours.wirings.AutoNCP(5, 4),
        lambda: ours.wirings.Random(5, sparsity_level=1.0),
        lambda: ours.wirings.NCP(4, 2, 1, 9, 1, 1, 1),
        lambda: ours.wirings.FullyConnected(5).add_synapse(0, 7, 1),
        lambda: ours.wirings.FullyConnected(5).add_synapse(0, 1, 2),
    ):
        with pytest.raises(ValueError):
            build()


# -- the way to LiquidNetwork ------------------------------------------------------------------


def check_converted(peer: Any, mixed: bool, **options: Any) -> None:
    inputs, spans = torch.randn(BATCH, STEPS, INPUTS), torch.rand(1, STEPS) + 0.1
    wanted, _ = peer(inputs, None, spans)
    for source, given in ((peer, {}), (peer.state_dict(), options)):
        network = LiquidNetwork.from_ncps(source, **given)
        assert network.config()["mixed_memory"] == mixed
        torch.testing.assert_close(network(inputs, elapsed_time=spans[0]), wanted, **CLOSE)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("softplus", [False, True])
@pytest.mark.parametrize("units", UNITS)
def test_ltc_to_a_network(units: str, softplus: bool, mixed: bool) -> None:
    options = {"implicit_param_constraints": softplus}
    peer, mine = pair("LTC", units, mixed_memory=mixed, **options)
    check_converted(peer, mixed, **options)
    check_converted(mine, mixed, **options)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("units", UNITS)
def test_cfc_to_a_network(units: str, mode: str, mixed: bool) -> None:
    options = {"proj_size": 4} if units in ("number", "ncp", "auto") else {}
    peer, _ = pair("CfC", units, mode=mode, mixed_memory=mixed, **options)
    check_converted(peer, mixed, mode="default" if mode == "pure" else mode)


def test_a_backbone_to_a_network() -> None:
    options = {"activation": "silu", "backbone_dropout": 0.2}
    peer, _ = pair("CfC", "number", backbone_layers=2, backbone_units=9, **options)
    check_converted(peer.eval(), False, **options)
    network = LiquidNetwork.from_ncps(peer)
    assert network.config()["dynamics"]["backbone_dropout"] == 0.2


def test_what_cannot_be_converted() -> None:
    with pytest.raises(OptionError, match="source"):
        LiquidNetwork.from_ncps(nn.Linear(2, 2))
    with pytest.raises(OptionError, match="units"):
        LiquidNetwork.from_ncps({}, units=3)
    with pytest.raises(TypeError, match="source"):
        LiquidNetwork.from_ncps(3)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="mode"):
        LiquidNetwork.from_ncps(ours.CfC(3, 4).state_dict(), mode="pure")


# -- as its users use it -----------------------------------------------------------------------


def test_training_copies_and_files() -> None:
    torch.manual_seed(0)
    model = ours.CfC(2, ours.wirings.AutoNCP(16, 1))
    inputs = torch.randn(8, 20, 2)
    target = inputs.cumsum(1)[..., :1].tanh()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        loss = (model(inputs)[0] - target).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    wanted = model(inputs)[0]
    assert torch.equal(copy.deepcopy(model)(inputs)[0], wanted)
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    assert torch.equal(torch.load(buffer, weights_only=False)(inputs)[0], wanted)
    other = ours.CfC(2, ours.wirings.AutoNCP(16, 1, seed=5))
    other.load_state_dict(model.state_dict())  # another wiring comes with its masks
    torch.testing.assert_close(other(inputs)[0], wanted)


def test_an_optimisers_state_comes_along() -> None:
    peer, mine = pair("LTC", "ncp")
    first, second = (torch.optim.Adam(m.parameters(), lr=0.01) for m in (peer, mine))
    inputs = torch.randn(BATCH, STEPS, INPUTS)
    peer(inputs)[0].square().mean().backward()
    first.step()
    mine.load_state_dict(peer.state_dict())
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for module, optimiser in ((peer, first), (mine, second)):
        optimiser.zero_grad()
        module(inputs)[0].square().mean().backward()
        optimiser.step()
    wanted, got = first.state_dict()["state"], second.state_dict()["state"]
    assert got.keys() == wanted.keys() and got
    for index, each in wanted.items():
        assert got[index]["step"] == each["step"] == 2
        torch.testing.assert_close(got[index]["exp_avg"], each["exp_avg"], **CLOSE)


def test_weights_that_must_not_be_negative() -> None:
    cell = ours.LTCCell(grown(ours.wirings, "ncp"), INPUTS)
    with torch.no_grad():
        cell.w.fill_(-1.0)
    cell.apply_weight_constraints()
    assert (cell.w == 0).all()


@pytest.mark.parametrize("name", WIRINGS)
def test_the_same_seed_grows_the_same_wiring(name: str) -> None:
    peer, mine = grown(ncps.wirings, name), grown(ours.wirings, name)
    for wiring in (peer, mine):
        wiring.build(INPUTS)
    assert (mine.adjacency_matrix == peer.adjacency_matrix).all()
    assert (mine.sensory_adjacency_matrix == peer.sensory_adjacency_matrix).all()
    assert (mine.erev_initializer() == peer.erev_initializer()).all()
    assert [mine.get_type_of_neuron(i) for i in range(mine.units)] == [
        peer.get_type_of_neuron(i) for i in range(mine.units)
    ]
    theirs, graph = peer.get_graph(), mine.get_graph()
    assert dict(graph.nodes(data=True)) == dict(theirs.nodes(data=True))
    assert set(graph.edges(data="polarity")) == set(theirs.edges(data="polarity"))
    assert len(mine.draw_graph(layout="circular", draw_labels=True)) == 3 + (mine.num_layers == 9)


def test_a_wiring_made_by_hand() -> None:
    results = []
    for package, wirings in ((ncps.torch, ncps.wirings), (ours, ours.wirings)):
        wiring = wirings.Wiring(4)
        wiring.build(2)
        wiring.set_output_dim(1)
        for src, dest, polarity in ((3, 0, 1), (2, 0, -1), (3, 2, 1), (0, 0, -1)):
            wiring.add_synapse(src, dest, polarity)
        wiring.add_sensory_synapse(0, 3, 1)
        wiring.add_sensory_synapse(1, 2, -1)
        torch.manual_seed(0)
        results.append(package.LTC(2, wiring)(torch.linspace(-1, 1, 24).view(2, 6, 2))[0])
    torch.testing.assert_close(*results, **CLOSE)


def test_wirings_of_the_peer_are_taken_as_they_are() -> None:
    wiring = ncps.wirings.AutoNCP(16, 2)
    assert ours.LTC(3, wiring)(torch.randn(2, 4, 3))[0].shape == (2, 4, 2)
    assert ours.wirings.to_wiring(wiring).motor == 2
    with pytest.raises(OptionError):
        ours.wirings.to_wiring(ours.wirings.AutoNCP(16, 2))


def test_one_step_at_a_time_equals_the_sequence() -> None:
    model = ours.LTC(3, ours.wirings.AutoNCP(16, 2), mixed_memory=True)
    inputs = torch.randn(1, 5, 3)
    wanted, last = model(inputs)
    hx, outputs = None, []
    for t in range(5):
        output, hx = model(inputs[:, t : t + 1], hx)
        outputs.append(output)
    torch.testing.assert_close(torch.cat(outputs, 1), wanted)
    torch.testing.assert_close(hx, last)


def test_names_as_in_the_peers_modules() -> None:
    from liquid_neural_networks.compat.ncps import torch as twin

    assert twin.__all__ == ours.__all__[:5]
    assert set(ours.torch.__all__) == set(ncps.torch.__all__)
    with pytest.raises(ShapeError):
        ours.CfC(3, 4)(torch.randn(3))
