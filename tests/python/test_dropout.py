"""Dropout: torch's own numbers, from torch's generator or from others."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from liquid_neural_networks import LiquidNetwork, fused
from liquid_neural_networks._dropout import Dropout, Generators, drawing_from, dropout


@pytest.fixture(autouse=True)
def global_state() -> Iterator[Tensor]:
    torch.manual_seed(1)
    yield torch.get_rng_state()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("training", [True, False])
def test_it_gives_torchs_numbers(dtype: torch.dtype, p: float, training: bool) -> None:
    x = torch.linspace(-2, 2, 63, dtype=dtype).reshape(7, 9)
    torch.manual_seed(3)
    expected = functional.dropout(x, p, training)
    torch.manual_seed(3)
    assert torch.equal(dropout(x, p, training), expected)
    with drawing_from(Generators(3)):
        assert torch.equal(dropout(x, p, training), expected)


def test_generators_leave_the_global_state_alone(global_state: Tensor) -> None:
    x = torch.ones(50)
    with drawing_from(Generators(3)):
        first, second = dropout(x, 0.5, True), dropout(x, 0.5, True)
    assert not torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), global_state)
    dropout(x, 0.5, True)
    assert not torch.equal(torch.get_rng_state(), global_state)


def test_blocks_can_be_nested_and_end_with_an_error() -> None:
    x = torch.ones(50)
    with drawing_from(Generators(3)):
        with pytest.raises(KeyError), drawing_from(Generators(4)):
            raise KeyError
        inner = dropout(x, 0.5, True)
    torch.manual_seed(3)
    assert torch.equal(inner, functional.dropout(x, 0.5))
    torch.manual_seed(7)
    outside = dropout(x, 0.5, True)
    torch.manual_seed(7)
    assert torch.equal(outside, functional.dropout(x, 0.5))


def test_another_thread_draws_from_its_own() -> None:
    x, found = torch.ones(50), {}

    def draw(name: str) -> None:
        torch.manual_seed(7)
        found[name] = dropout(x, 0.5, True)

    with drawing_from(Generators(3)):
        other = Thread(target=draw, args=("other",))
        other.start()
        other.join()
        draw("own")
    torch.manual_seed(7)
    assert torch.equal(found["other"], functional.dropout(x, 0.5))
    torch.manual_seed(3)
    assert torch.equal(found["own"], functional.dropout(x, 0.5))


def test_transforms_of_torch_func() -> None:
    x = torch.ones(6, 40)
    with drawing_from(Generators(3)):
        gradient = torch.func.grad(lambda each: dropout(each, 0.5, True).sum())(x)
        _, tangent = torch.func.jvp(lambda each: dropout(each, 0.5, True), (x,), (x,))
        rows = {
            randomness: torch.func.vmap(
                lambda each: dropout(each, 0.5, True), randomness=randomness
            )(x)
            for randomness in ("different", "same")
        }
        with pytest.raises(RuntimeError, match="randomness"):
            torch.func.vmap(lambda each: dropout(each, 0.5, True))(x)
    assert set(gradient.unique().tolist()) == set(tangent.unique().tolist()) == {0.0, 2.0}
    assert not all(torch.equal(each, rows["different"][0]) for each in rows["different"])
    assert all(torch.equal(each, rows["same"][0]) for each in rows["same"])


def test_compiled_code_has_no_break_and_is_compiled_once(global_state: Tensor) -> None:
    graphs: list[Any] = []

    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(Dropout(0.5), backend=backend, fullgraph=True)
    x = torch.ones(50)
    outside = compiled(x)
    torch.set_rng_state(global_state)
    with drawing_from(Generators(3)):
        inside = compiled(x)
    # From torch's global state in both cases.
    assert torch.equal(inside, outside) and len(graphs) == 1
    torch.set_rng_state(global_state)
    assert torch.equal(functional.dropout(x, 0.5), outside)


def test_the_module_is_torchs_to_others() -> None:
    module = Dropout(0.25)
    assert isinstance(module, nn.Dropout) and repr(module) == repr(nn.Dropout(0.25))
    for each in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert each.p == 0.25
    x = torch.ones(9)
    assert torch.equal(module.eval()(x), x)


@pytest.mark.parametrize(
    "options",
    [
        {"num_layers": 2, "dropout": 0.5},
        {"dynamics": {"type": "closed_form", "backbone_layers": 2, "backbone_dropout": 0.5}},
    ],
    ids=["between layers", "in a backbone"],
)
def test_networks_drop_in_training_only_and_from_the_generators(
    options: dict[str, Any], global_state: Tensor
) -> None:
    network, x = LiquidNetwork(2, 8, 1, seed=0, **options), torch.ones(3, 5, 2)
    with drawing_from(Generators(3)):
        first, second = network(x), network(x)
    with drawing_from(Generators(3)):
        again = network(x)
    assert torch.equal(first, again) and not torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), global_state)
    network.eval()
    compiled = network(x)
    with fused.disabled():  # the reference engine drops by itself
        torch.testing.assert_close(network(x), compiled)


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="DROPOUT ON A GPU IS NOT TESTED: there is none"
)
def test_every_device_has_a_generator_of_its_own() -> None:
    x, states = torch.ones(500, device="cuda"), (torch.get_rng_state(), torch.cuda.get_rng_state())
    found = []
    for _ in range(2):
        with drawing_from(Generators(3)):
            dropout(torch.ones(7), 0.5, True)  # which does not change what follows
            found.append(dropout(x, 0.5, True))
    assert torch.equal(*found) and 0.3 < float((found[0] == 0).float().mean()) < 0.7
    assert torch.equal(torch.get_rng_state(), states[0])
    assert torch.equal(torch.cuda.get_rng_state(), states[1])
