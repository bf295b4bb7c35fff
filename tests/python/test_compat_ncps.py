"""The drop-in for ``ncps`` beside ``ncps`` 1.0.1 itself: weights, numbers, gradients, use."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any, Optional

import matplotlib
import ncps.torch
import ncps.wirings
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from liquid_neural_networks import LiquidNetwork, engines, fused, interchange, model_file
from liquid_neural_networks.compat import ncps as ours
from liquid_neural_networks.errors import DomainError, LiquidError, OptionError, ShapeError

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


EXACT = {
    "softplus": ("LTC", "ncp", {}),
    "clip": ("LTC", "ncp", {"implicit_param_constraints": False}),
    "epsilon": ("LTC", "random", {"epsilon": 0.05}),
    "no mappings": ("LTC", "auto", {"input_mapping": None, "output_mapping": None}),
    "memory": ("LTC", "auto", {"mixed_memory": True}),
    "backbone": ("CfC", "number", {"backbone_layers": 2, "backbone_units": 9}),
    "wired": ("CfC", "ncp", {"mixed_memory": True}),
}


@both_paths
@pytest.mark.parametrize("batch", [1, 2, 17])
@pytest.mark.parametrize("name", EXACT)
def test_to_the_last_digits_in_double_precision(name: str, batch: int) -> None:
    kind, units, options = EXACT[name]
    peer, mine = (module.double() for module in pair(kind, units, **options))
    inputs = torch.randn(batch, STEPS, INPUTS, dtype=torch.float64)
    start = state(peer, "mixed_memory" in options, batch)
    hx = tuple(each.double() for each in start) if isinstance(start, tuple) else start.double()
    spans = torch.rand(1, STEPS, dtype=torch.float64) + 0.1
    for one, other in zip(outcome(mine, inputs, hx, spans), outcome(peer, inputs, hx, spans)):
        torch.testing.assert_close(one.expand_as(other), other, rtol=1e-9, atol=1e-11)


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


def test_a_wired_cell_says_which_argument_gives_the_inputs() -> None:
    with pytest.raises(OptionError, match="give input_size"):
        ours.WiredCfCCell(None, ours.wirings.AutoNCP(8, 2))


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
        (lambda m: m(torch.randn(3, 6, 4)), "input"),
        (lambda m: m(torch.randn(3, 6, 5), torch.zeros(3, 9)), "hx"),
        (lambda m: m(torch.randn(3, 6, 5), None, torch.ones(2, 6)), "timespans"),
        (lambda m: m(torch.randn(3, 6, 5), None, -torch.ones(3, 6)), "timespans"),
        (lambda m: m(torch.full((3, 6, 5), torch.nan)), "input"),
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


@pytest.mark.parametrize("mode", MODES)
def test_a_cell_without_a_backbone_to_a_network(mode: str) -> None:
    peer, _ = pair("CfC", "number", mode=mode, backbone_layers=0)
    check_converted(peer, False, mode="default" if mode == "pure" else mode)


def test_what_cannot_be_converted() -> None:
    with pytest.raises(OptionError, match="source"):
        LiquidNetwork.from_ncps(nn.Linear(2, 2))
    with pytest.raises(OptionError, match="units"):
        LiquidNetwork.from_ncps({}, units=3)
    with pytest.raises(TypeError, match="source"):
        LiquidNetwork.from_ncps(3)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="mode"):
        LiquidNetwork.from_ncps(ours.CfC(3, 4).state_dict(), mode="pure")


@pytest.mark.parametrize("units", ["number", "ncp"])
@pytest.mark.parametrize("kind", ["LTC", "CfC"])
def test_a_file_is_made_of_weights_without_a_network(kind: str, units: str) -> None:
    peer, _ = pair(kind, units, mixed_memory=True)
    model = interchange.ncps.read(peer.state_dict())
    network = LiquidNetwork.from_model(model_file.loads(model_file.dumps(model)))
    inputs = torch.randn(BATCH, STEPS, INPUTS)
    torch.testing.assert_close(network(inputs), peer(inputs)[0], **CLOSE)


# -- as a module of torch ----------------------------------------------------------------------

KINDS: dict[str, Callable[..., Any]] = {
    "LTC": lambda **options: ours.LTC(INPUTS, grown(ours.wirings, "ncp"), **options),
    "CfC": lambda **options: ours.CfC(INPUTS, 7, **options),
    "wired CfC": lambda **options: ours.CfC(INPUTS, grown(ours.wirings, "ncp"), **options),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
with_memory = pytest.mark.parametrize("mixed", [False, True])


def made(kind: str, mixed: bool = False) -> Any:
    torch.manual_seed(3)
    return KINDS[kind](mixed_memory=mixed)


def gradients(module: Any, inputs: Tensor) -> dict[str, Tensor]:
    module.zero_grad()
    module(inputs)[0].square().mean().backward()
    return {name: p.grad for name, p in module.named_parameters() if p.grad is not None}


def fixed_inputs() -> Tensor:
    return torch.linspace(-1, 1, BATCH * STEPS * INPUTS).view(BATCH, STEPS, INPUTS)


@pytest.mark.skipif(
    not fused.status().available, reason="THE COMPILED ENGINE IS NOT TESTED: it is not built"
)
@with_memory
@every_kind
def test_the_compiled_engine_runs_it(kind: str, mixed: bool) -> None:
    module = made(kind, mixed)
    with engines.report() as choices:
        gradients(module, fixed_inputs())
    assert [choice.engine for choice in choices] == ["compiled"]


def in_inference_mode(module: Any, inputs: Tensor) -> None:
    with torch.inference_mode():
        module.eval()(inputs)
    module.train()


def loaded_in_inference_mode(module: Any, inputs: Tensor) -> None:
    with torch.inference_mode():
        module.load_state_dict(module.state_dict())
        module(inputs)


def moved_in_inference_mode(module: Any, inputs: Tensor) -> None:
    with torch.inference_mode():
        module.cpu().float()
        module(inputs)


def under_grad(module: Any, inputs: Tensor) -> None:
    parameters = {name: p.detach() for name, p in module.named_parameters()}

    def loss(given: Any) -> Tensor:
        return torch.func.functional_call(module, given, (inputs,))[0].square().mean()

    found = torch.func.grad(loss)(parameters)
    for name, gradient in gradients(copy.deepcopy(module), inputs).items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6)


FIRST = [in_inference_mode, loaded_in_inference_mode, moved_in_inference_mode, under_grad]


@both_paths
@pytest.mark.parametrize("first", FIRST)
@with_memory
@every_kind
def test_it_trains_whatever_came_first(kind: str, mixed: bool, first: Any) -> None:
    module, fresh, inputs = made(kind, mixed), made(kind, mixed), fixed_inputs()
    first(module, inputs)
    wanted, got = gradients(fresh, inputs), gradients(module, inputs)
    assert got.keys() == wanted.keys()
    for name, gradient in wanted.items():
        assert torch.equal(got[name], gradient), name


@every_kind
def test_an_ensemble_under_vmap(kind: str) -> None:
    inputs, models = fixed_inputs(), [KINDS[kind]() for _ in range(3)]
    stacked, buffers = torch.func.stack_module_state(models)
    outputs = torch.vmap(
        lambda given, own: torch.func.functional_call(models[0], (given, own), (inputs,))[0]
    )(stacked, buffers)
    for one, model in zip(outputs, models):
        torch.testing.assert_close(one, model(inputs)[0], rtol=1e-4, atol=1e-6)


@with_memory
@every_kind
def test_it_compiles_into_one_graph(kind: str, mixed: bool) -> None:
    module, inputs = made(kind, mixed), fixed_inputs()
    torch._dynamo.reset()
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(inputs)[0], module(inputs)[0])


def replica_of(module: nn.Module) -> nn.Module:
    """As ``DataParallel`` makes them: attributes in place of parameters."""
    copied = module._replicate_for_data_parallel()
    for name, parameter in module._parameters.items():
        setattr(copied, name, None if parameter is None else parameter.clone())
    for name, child in module._modules.items():
        copied._modules[name] = None if child is None else replica_of(child)
    return copied


@with_memory
@every_kind
def test_replicas_have_their_own_parameters(kind: str, mixed: bool) -> None:
    module, inputs = made(kind, mixed), fixed_inputs()
    replica = replica_of(module)
    torch.testing.assert_close(replica(inputs)[0], module(inputs)[0])
    wanted = gradients(module, inputs)
    module.zero_grad()
    replica(inputs)[0].square().mean().backward()
    for name, parameter in module.named_parameters():
        if name in wanted:
            torch.testing.assert_close(parameter.grad, wanted[name])


@both_paths
def test_pruned_conductances() -> None:
    """``ncps`` keeps a second reference to each parameter, so that pruning it does nothing."""
    module, inputs = made("LTC"), fixed_inputs()
    kept = torch.rand_like(module.rnn_cell.mu) > 0.5
    wanted = copy.deepcopy(module)
    with torch.no_grad():
        wanted.rnn_cell.mu.mul_(kept)
    prune.custom_from_mask(module.rnn_cell, "mu", kept)
    for _ in range(2):  # a second training step makes what stands in for it anew
        torch.testing.assert_close(module(inputs)[0], wanted(inputs)[0])
        found = gradients(module, inputs)["rnn_cell.mu_orig"]
        torch.testing.assert_close(found, gradients(wanted, inputs)["rnn_cell.mu"] * kept)
    module.load_state_dict(module.state_dict())
    torch.testing.assert_close(module(inputs)[0], wanted(inputs)[0])


HEADS: dict[str, Callable[[nn.Linear], Any]] = {
    "pruned": lambda layer: prune.l1_unstructured(layer, "weight", 0.4),
    "weight-normed": parametrizations.weight_norm,
    "weight-normed, once": nn.utils.weight_norm,
    "orthogonal": parametrizations.orthogonal,
}


@both_paths
@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
@pytest.mark.parametrize("change", HEADS)
def test_what_stands_in_for_a_layers_weight(change: str) -> None:
    peer, mine = pair("CfC", "number", mixed_memory=True)
    inputs, optimisers = fixed_inputs(), []
    for module in (peer, mine):
        torch.manual_seed(0)
        for layer in (module.rnn_cell.ff1, module.rnn_cell.backbone[0], module.lstm.input_map):
            HEADS[change](layer)
    mine.load_state_dict(peer.state_dict())
    for module in (peer, mine):
        optimisers.append(torch.optim.SGD(module.parameters(), lr=0.1))
    for _ in range(2):
        results = []
        for module, optimiser in zip((peer, mine), optimisers):
            optimiser.zero_grad()
            outputs = module(inputs)[0]
            outputs.square().mean().backward()
            optimiser.step()
            results.append(outputs)
        torch.testing.assert_close(*results, **CLOSE)


def test_a_copy_is_a_module_of_its_own() -> None:
    for kind in KINDS:
        module, inputs = made(kind, mixed=True), fixed_inputs()
        wanted, copied = module(inputs)[0], copy.deepcopy(module)
        with torch.no_grad():
            for parameter in copied.parameters():
                if parameter.requires_grad:
                    parameter.mul_(0.5)
        assert not torch.allclose(copied(inputs)[0], wanted)
        assert torch.equal(module(inputs)[0], wanted)


# -- masks -------------------------------------------------------------------------------------


def other_synapses(package: Any, wirings: Any, kind: str, seed: int) -> Any:
    torch.manual_seed(seed)
    wiring = wirings.NCP(8, 5, 2, 4, 3, 4, 3, seed=seed)
    return getattr(package, kind)(INPUTS, wiring)


@both_paths
@pytest.mark.parametrize("kind", ["LTC", "CfC"])
def test_the_masks_of_another_wiring_come_with_its_weights(kind: str) -> None:
    inputs = torch.randn(BATCH, STEPS, INPUTS)
    mine = other_synapses(ours, ours.wirings, kind, 1)
    before = mine(inputs)[0]
    for seed in (2, 1):
        peer = other_synapses(ncps.torch, ncps.wirings, kind, seed)
        mine.load_state_dict(peer.state_dict())
        check_same(peer, mine, False, None)
    assert torch.equal(mine(inputs)[0], before)
    mine.load_state_dict(other_synapses(ours, ours.wirings, kind, 2).state_dict(), assign=True)
    torch.testing.assert_close(
        mine(inputs)[0], other_synapses(ncps.torch, ncps.wirings, kind, 2)(inputs)[0], **CLOSE
    )


@both_paths
@pytest.mark.parametrize("kind", ["LTC", "CfC"])
def test_a_mask_that_is_changed_in_place(kind: str) -> None:
    """Without ``ncps`` noticing, ``.data`` aside: synapses dropped, and one brought back."""
    peer, mine = pair(kind, "ncp")
    names = [name for name, _ in mine.named_parameters() if name.endswith("mask")]
    for keep in (0.0, 1.0):
        for module in (peer, mine):
            module(torch.zeros(1, 1, INPUTS))
            for name in names:
                mask = module.get_parameter(name)
                with torch.no_grad():
                    mask[mask.nonzero()[0, 0]] *= keep
                    mask[0, 0] = 1 - keep
        check_same(peer, mine, False, None)


def test_a_mask_of_other_numbers_is_refused() -> None:
    mine = made("LTC")
    weights = mine.state_dict()
    weights["rnn_cell.sparsity_mask"] = weights["rnn_cell.sparsity_mask"] * 0.5
    with pytest.raises(DomainError, match="sparsity_mask"):
        mine.load_state_dict(weights)


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


@pytest.mark.parametrize("softplus", [False, True])
def test_weights_that_must_not_be_negative(softplus: bool) -> None:
    cells = [
        package.LTCCell(grown(wirings, "ncp"), INPUTS, implicit_param_constraints=softplus)
        for package, wirings in ((ncps.torch, ncps.wirings), (ours, ours.wirings))
    ]
    for cell in cells:
        with torch.no_grad():
            for parameter in cell.parameters():
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).view_as(parameter))
        cell.apply_weight_constraints()
    wanted, got = (cell.state_dict() for cell in cells)
    for name, value in wanted.items():
        assert torch.equal(got[name], value), name


@both_paths
def test_what_was_moved_to_zero_still_runs() -> None:
    model = ours.LTC(INPUTS, grown(ours.wirings, "ncp"), implicit_param_constraints=False)
    with torch.no_grad():
        for parameter in (model.rnn_cell.cm, model.rnn_cell.gleak, model.rnn_cell.w):
            parameter[:1] = 0.0
    outputs = model(torch.randn(BATCH, STEPS, INPUTS))[0]
    outputs.square().mean().backward()
    assert torch.isfinite(outputs).all()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


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
