"""Wirings: what each recipe promises, and the round trips."""

from __future__ import annotations

import json
import pickle
from collections import Counter

import numpy as np
import pytest

from liquid_neural_networks import wiring
from liquid_neural_networks.wiring import Wiring

INPUTS = 6
RECIPES = {
    "fully_connected": wiring.fully_connected(8, motor=3, seed=4),
    "random": wiring.random(20, motor=3, sparsity=0.7, seed=4),
    "ncp": wiring.ncp(inter=12, command=6, motor=2, seed=4),
    "auto_ncp": wiring.auto_ncp(28, motor=4, sparsity=0.5, seed=4),
    "c_elegans": wiring.c_elegans(motor=5, seed=4),
}


@pytest.fixture(params=sorted(RECIPES))
def recipe(request: pytest.FixtureRequest) -> wiring.Recipe:
    return RECIPES[request.param]


def test_every_recipe_is_tested() -> None:
    assert set(RECIPES) == set(wiring.RECIPES)


def test_same_seed_same_wiring_other_seed_another(recipe: wiring.Recipe) -> None:
    assert recipe.build(INPUTS) == recipe.build(INPUTS)
    other = wiring.recipe({**recipe.to_dict(), "seed": 5}).build(INPUTS)
    assert other != recipe.build(INPUTS)


def test_growing_leaves_numpys_global_random_state_alone(recipe: wiring.Recipe) -> None:
    np.random.seed(7)
    before = np.random.get_state()[1].copy()
    recipe.build(INPUTS)
    assert (np.random.get_state()[1] == before).all()


def test_synapses_are_sorted_unique_and_within_range(recipe: wiring.Recipe) -> None:
    grown = recipe.build(INPUTS)
    for prefix, senders in (("", grown.units), ("sensory_", INPUTS)):
        pre, post = getattr(grown, f"{prefix}pre"), getattr(grown, f"{prefix}post")
        pairs = list(zip(post.tolist(), pre.tolist()))
        assert pairs == sorted(set(pairs))
        assert all(0 <= i < senders for i in pre.tolist())
        assert all(0 <= i < grown.units for i in post.tolist())
        assert set(getattr(grown, f"{prefix}polarity").tolist()) <= {-1, 1}
    assert grown.synapse_count == len(grown.pre) == np.count_nonzero(grown.adjacency())
    assert grown.sensory_synapse_count == np.count_nonzero(grown.sensory_adjacency())


def test_plain_data_round_trip(recipe: wiring.Recipe) -> None:
    grown = recipe.build(INPUTS)
    # Through JSON, so that nothing but plain data passes.
    assert Wiring.from_dict(json.loads(json.dumps(grown.to_dict()))) == grown
    again = wiring.recipe(json.loads(json.dumps(recipe.to_dict())))
    assert again == recipe
    assert again.build(INPUTS) == grown
    assert wiring.recipe(grown.recipe).build(INPUTS) == grown


def test_plain_data_stays_plain_for_numpy_numbers() -> None:
    sizes = {"units": np.int64(9), "motor": np.int32(2), "seed": np.uint8(3)}
    grown = wiring.auto_ncp(**sizes).build(np.int64(3))
    assert json.loads(json.dumps(grown.to_dict()))["units"] == 9


def test_matrices_round_trip(recipe: wiring.Recipe) -> None:
    grown = recipe.build(INPUTS)
    again = Wiring.from_matrices(
        grown.adjacency(), grown.sensory_adjacency(), grown.motor, grown.layers
    )
    assert again.to_dict() == {**grown.to_dict(), "recipe": None}
    for matrix in (grown.adjacency(), grown.sensory_adjacency()):
        assert matrix.dtype == np.int64 and set(np.unique(matrix)) <= {-1, 0, 1}


def test_pickle_round_trip(recipe: wiring.Recipe) -> None:
    grown = recipe.build(INPUTS)
    assert pickle.loads(pickle.dumps(grown)) == grown


def test_synapse_lists_cannot_be_changed_by_accident() -> None:
    grown = wiring.fully_connected(3).build(2)
    with pytest.raises(ValueError, match="read-only"):
        grown.pre[0] = 1


def test_graph_has_every_neuron_and_synapse(recipe: wiring.Recipe) -> None:
    grown = recipe.build(INPUTS)
    graph = grown.graph()
    assert graph.number_of_nodes() == INPUTS + grown.units
    assert graph.number_of_edges() == grown.synapse_count + grown.sensory_synapse_count
    edges = {(a, b): data["polarity"] for a, b, data in graph.edges(data=True)}
    adjacency = grown.adjacency()
    for pre, post in zip(grown.pre.tolist(), grown.post.tolist()):
        assert edges[("neuron", pre), ("neuron", post)] == adjacency[pre, post]
    for name, ids in grown.layers.items():
        assert all(graph.nodes["neuron", i]["layer"] == name for i in ids)


def test_order_of_the_lists_does_not_matter() -> None:
    grown = wiring.random(6, seed=1).build(3)
    order = np.random.RandomState(0).permutation(grown.synapse_count)
    data = grown.to_dict()
    for name in ("pre", "post", "polarity"):
        data[name] = [data[name][i] for i in order]
    assert Wiring.from_dict(data) == grown


def test_fully_connected() -> None:
    grown = wiring.fully_connected(8).build(INPUTS)
    assert grown.is_full
    assert (grown.synapse_count, grown.sensory_synapse_count) == (64, 48)
    loopless = wiring.fully_connected(8, self_connections=False).build(INPUTS)
    assert not loopless.is_full
    assert loopless.synapse_count == 56
    assert not np.diag(loopless.adjacency()).any()


@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.9])
def test_random_keeps_the_asked_fraction(sparsity: float) -> None:
    grown = wiring.random(20, sparsity=sparsity).build(10)
    assert grown.synapse_count == round(400 * (1 - sparsity))
    assert grown.sensory_synapse_count == round(200 * (1 - sparsity))


@pytest.mark.parametrize(
    ("recipe", "exciting"),
    [
        (wiring.fully_connected(60), 2 / 3),
        (wiring.random(60, sparsity=0.2), 2 / 3),
        (wiring.c_elegans(), 2 / 3),
        (wiring.ncp(40, 40, 10), 1 / 2),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_polarity_follows_the_stated_share(recipe: wiring.Recipe, exciting: float) -> None:
    polarity = recipe.build(10).polarity
    spread = np.sqrt(exciting * (1 - exciting) / len(polarity))
    assert abs((polarity > 0).mean() - exciting) < 4 * spread


def test_ncp_signals_go_sensory_inter_command_motor() -> None:
    grown = wiring.ncp(inter=12, command=6, motor=2).build(INPUTS)
    assert list(grown.layers) == ["inter", "command", "motor"]
    assert grown.layers["motor"] == (0, 1)
    layer_of = {i: name for name, ids in grown.layers.items() for i in ids}
    routes = {(layer_of[a], layer_of[b]) for a, b in zip(grown.pre.tolist(), grown.post.tolist())}
    assert routes == {("inter", "command"), ("command", "command"), ("command", "motor")}
    assert {layer_of[i] for i in grown.sensory_post.tolist()} == {"inter"}


def test_ncp_fan_outs() -> None:
    grown = wiring.ncp(
        inter=10,
        command=8,
        motor=4,
        sensory_fanout=6,
        inter_fanout=5,
        recurrent_command=7,
        motor_fanin=3,
    ).build(INPUTS)
    inter, command, motor = (set(grown.layers[name]) for name in ("inter", "command", "motor"))
    synapses = list(zip(grown.pre.tolist(), grown.post.tolist()))
    assert sum(a in command and b in command for a, b in synapses) == 7
    # Fan-outs are a minimum: neurons that nobody reached get a few synapses more.
    from_input = Counter(grown.sensory_pre.tolist())
    assert all(from_input[k] >= 6 for k in range(INPUTS))
    from_inter = Counter(a for a, b in synapses if a in inter)
    assert all(from_inter[i] >= 5 for i in inter)
    to_motor = Counter(b for a, b in synapses if b in motor)
    assert all(to_motor[i] >= 3 for i in motor)


@pytest.mark.parametrize("seed", range(10))
def test_ncp_leaves_no_neuron_alone(seed: int) -> None:
    """Narrow fan-outs over wide layers, where the first pass must leave neurons out."""
    grown = wiring.ncp(15, 9, 2, 1, 1, 1, 1, seed=seed).build(2)
    inter, command, motor = (grown.layers[name] for name in ("inter", "command", "motor"))
    adjacency = grown.adjacency()
    assert grown.sensory_adjacency()[:, inter].any(axis=0).all()
    assert adjacency[np.ix_(inter, command)].any(axis=0).all()
    assert adjacency[np.ix_(command, motor)].any(axis=1).all()
    assert adjacency[np.ix_(command, motor)].any(axis=0).all()


@pytest.mark.parametrize(("units", "motor"), [(3, 1), (4, 2), (19, 1), (64, 8)])
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.95])
def test_auto_ncp_uses_every_neuron(units: int, motor: int, sparsity: float) -> None:
    grown = wiring.auto_ncp(units, motor, sparsity).build(INPUTS)
    assert (grown.units, grown.motor) == (units, motor)
    assert sum(len(ids) for ids in grown.layers.values()) == units


def test_auto_ncp_is_sparser_when_asked() -> None:
    counts = [wiring.auto_ncp(40, 4, sparsity).build(8).synapse_count for sparsity in (0.1, 0.8)]
    assert counts[1] < counts[0] / 2


def test_c_elegans_has_the_worms_counts() -> None:
    grown = wiring.c_elegans().build(INPUTS)
    assert {name: len(ids) for name, ids in grown.layers.items()} == {
        "sensory": 83,
        "inter": 81,
        "command": 10,
        "motor": 128,
    }
    assert grown.units == 302
    # Varshney et al. 2011: 2,194 chemical connections among 279 neurons.
    assert grown.synapse_count == int(2194 * 302 / 279)
    assert set(grown.sensory_post.tolist()) <= set(grown.layers["sensory"])


def test_repr_names_the_layers() -> None:
    text = repr(wiring.ncp(inter=12, command=6, motor=1).build(32))
    assert "12 inter" in text and "6 command" in text and "1 motor" in text
