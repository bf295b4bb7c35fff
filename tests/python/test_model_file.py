"""Model files: what was saved comes back bit for bit, and nothing bad gets in."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from liquid_neural_networks import LiquidNetwork, wiring
from liquid_neural_networks._document import MAX_DEPTH, MAX_OBJECTS
from liquid_neural_networks.constraints import CONSTRAINTS
from liquid_neural_networks.dynamics import DYNAMICS
from liquid_neural_networks.errors import DomainError, DtypeError, LiquidError, ModelFileError
from liquid_neural_networks.model_file import FIELDS, ModelFile, dumps, load, loads, save
from spec import make_files

SPEC = Path(make_files.__file__).parent
ROWS = [line.split("\t") for line in (SPEC / "files/index.tsv").read_text("utf-8").splitlines()[1:]]
VALID = [name for name, error, _ in ROWS if error == "-"]
HOSTILE = [(name, says) for name, error, says in ROWS if error == "ModelFileError"]

WIRINGS = {
    "full": wiring.fully_connected(5),
    "random": wiring.random(6, motor=2, sparsity=0.6, seed=3),
    "ncp": wiring.ncp(inter=4, command=3, motor=2, seed=5),
    "auto_ncp": wiring.auto_ncp(units=8, motor=2),
}


def network(**options: Any) -> LiquidNetwork:
    """A small network that has been trained for a step, so no value is a round one."""
    made = LiquidNetwork(3, output_size=2, seed=1, **{"wiring": WIRINGS["ncp"], **options})
    torch.manual_seed(0)
    optimiser = torch.optim.Adam(made.parameters(), lr=0.05)
    made(torch.randn(2, 4, 3)).square().mean().backward()
    optimiser.step()
    return made


def values(made: LiquidNetwork) -> dict[str, torch.Tensor]:
    found = {f"readout.{name}": value.detach() for name, value in made.readout.named_parameters()}
    for index, neuron in enumerate(made.neurons):
        for name, value in neuron.dynamics.values().items():
            found[f"{index}.{name}"] = value.detach()
    return found


def assert_same(loaded: LiquidNetwork, saved: LiquidNetwork) -> None:
    assert loaded.config() == saved.config()
    for mine, theirs in zip(loaded.neurons, saved.neurons):
        assert mine.wiring == theirs.wiring
    ours, expected = values(loaded), values(saved)
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        assert ours[name].dtype == value.dtype, name
        assert torch.equal(ours[name], value), name


# -- there and back ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("constraint", CONSTRAINTS)
@pytest.mark.parametrize("dynamics", DYNAMICS)
@pytest.mark.parametrize("recipe", WIRINGS)
def test_a_network_comes_back_bit_for_bit(recipe, dynamics, constraint, dtype, tmp_path):
    saved = network(wiring=WIRINGS[recipe], dynamics=dynamics, constraint=constraint).to(dtype)
    save(saved, tmp_path / "model.lnn")
    loaded = load(tmp_path / "model.lnn").network
    assert_same(loaded, saved)
    inputs = torch.randn(2, 6, 3, dtype=dtype)
    assert torch.equal(loaded(inputs, elapsed_time=0.3), saved(inputs, elapsed_time=0.3))


@pytest.mark.parametrize(
    "options",
    [
        {"num_layers": 3, "dropout": 0.2},
        {"bidirectional": True},
        {"num_layers": 2, "bidirectional": True, "wiring": WIRINGS["full"]},
        {"return_sequences": False, "batch_first": False},
        {"solver": "exponential", "unfolds": 2, "readout": "dense"},
        {"dynamics": {"type": "dense", "activation": "tanh"}},
        {"wiring": [wiring.random(6, seed=1), wiring.random(6, seed=2)], "num_layers": 2},
    ],
    ids=str,
)
def test_every_option_comes_back(options):
    saved = network(**options)
    assert_same(loads(dumps(saved)).network, saved)


def test_softplus_values_come_back_over_many_magnitudes():
    saved = network(constraint="softplus", wiring=wiring.fully_connected(40))
    with torch.no_grad():
        saved.neurons[0].dynamics.w.copy_(torch.linspace(-80, 80, 1600))
    assert_same(loads(dumps(saved)).network, saved)


def test_c_elegans_comes_back():
    saved = network(wiring=wiring.c_elegans())
    assert_same(loads(dumps(saved)).network, saved)


def test_scaling_and_metadata_come_back_as_plain_data():
    metadata = {"who": "åsa", "scores": (1, 2.5, None), "best": np.float32(0.5), "on": True}
    scaling = {"mean": [np.int64(3), -1.0]}
    loaded = loads(dumps(network(), scaling=scaling, metadata=metadata))
    assert loaded.metadata == {"who": "åsa", "scores": [1, 2.5, None], "best": 0.5, "on": True}
    assert loaded.scaling == {"mean": [3, -1.0]}
    bare = loads(dumps(network()))
    assert (bare.scaling, bare.metadata) == (None, {})


def test_the_network_saves_and_loads_itself(tmp_path):
    saved = network()
    saved.save(tmp_path / "model.lnn", note="hello")
    assert_same(LiquidNetwork.load(str(tmp_path / "model.lnn")), saved)
    assert load(tmp_path / "model.lnn").metadata == {"note": "hello"}


def test_a_loaded_network_evaluates_and_trains_on():
    loaded = loads(dumps(network(num_layers=2, dropout=0.5))).network
    assert not loaded.training
    inputs = torch.randn(1, 3, 3)
    assert torch.equal(loaded(inputs), loaded(inputs))
    before = values(loaded)["0.c"].clone()
    optimiser = torch.optim.SGD(loaded.train().parameters(), lr=10.0)
    loaded(inputs).sum().backward()
    optimiser.step()
    assert not torch.equal(values(loaded)["0.c"], before)
    assert (values(loaded)["0.c"] >= 1e-6).all()


def test_loading_leaves_the_global_random_state_alone():
    data = dumps(network())
    before = torch.get_rng_state()
    loads(data)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_same_network_gives_the_same_bytes():
    assert dumps(network()) == dumps(network())
