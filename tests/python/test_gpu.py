"""The GPU engine: the numbers of the float64 reference, from every kernel. See gpu_cases.py."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest
import torch
from spec.encoding import VECTORS
from torch import Tensor, library

from gpu_cases import (
    DEVICE,
    RUNS,
    Arguments,
    answers,
    arguments,
    check_vector,
    difference,
    elsewhere,
    kernels,
    on_the_gpu,
    patched_once,  # noqa: F401
    reason,
    reasons_against,
    run_interpreted,
    vectors,
)
from liquid_neural_networks import LiquidNeuron, engines, gpu, wiring
from liquid_neural_networks.compat import ncps
from liquid_neural_networks.errors import OptionError
from liquid_neural_networks.gpu import _layout as layout


@elsewhere
def test_interpreted() -> None:
    run_interpreted(__file__)


def test_on_a_card() -> None:
    if DEVICE != "cuda":
        pytest.skip("NO GPU HERE: THE KERNELS RAN IN TRITON'S INTERPRETER, NO CARD WAS TESTED")
    assert RUNS, "there is a GPU, but no Triton"


@kernels
def test_kernels_are_there_without_what_compiles() -> None:
    """Torch takes seconds to import that."""
    code = (
        "import sys, liquid_neural_networks as l; l.gpu.NAME; print('torch._dynamo' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


# -- against the reference -------------------------------------------------------------------------

RECIPES = {
    "one": wiring.fully_connected(1),
    "full": wiring.fully_connected(5),
    "ncp": wiring.auto_ncp(11, motor=2, seed=1),
    "prime": wiring.random(17, sparsity=0.5, seed=3),
    "wide": wiring.random(37, sparsity=0.7, seed=3),
    "through memory": wiring.auto_ncp(71, motor=3, sparsity=0.8, seed=2),
}
"""Each a size class of its own: a tile of 16, of 32 and of 64 neurons, lists that a neuron has
several of, lists with a place for each neuron, and gathers that do not fit a warp."""

CASES = [
    # recipe, dynamics, solver, memory, batch, steps, unfolds, everything given
    ("one", "conductance", "fused", True, 1, 1, 1, True),
    ("full", "conductance", "fused", False, 3, 2, 2, False),
    ("full", "conductance", "exponential", True, 2, 3, 2, True),
    ("ncp", "conductance", "euler", False, 5, 3, 1, True),
    ("ncp", "conductance", "fused", True, 1, 2, 3, False),
    ("prime", "conductance", "fused", False, 2, 3, 2, True),
    ("wide", "conductance", "exponential", False, 1, 2, 1, True),
    ("through memory", "conductance", "fused", False, 2, 2, 1, True),
    ("one", "dense", "fused", False, 7, 1, 2, True),
    ("full", "dense", "exponential", True, 3, 2, 2, True),
    ("ncp", "dense", "euler", False, 2, 2, 2, False),
    ("prime", "tanh", "fused", False, 2, 3, 1, True),
    ("full", "tanh", "exponential", False, 2, 2, 3, True),
    ("wide", "dense", "fused", True, 1, 2, 1, True),
    ("through memory", "dense", "fused", True, 1, 2, 1, True),
]


@kernels
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_states_and_every_gradient(case: tuple[Any, ...]) -> None:
    recipe, kind, solver, memory, batch, steps, unfolds, rich = case
    dynamics = {"type": "dense", "activation": "tanh"} if kind == "tanh" else kind
    neuron = LiquidNeuron(
        3,
        wiring=RECIPES[recipe],
        dynamics=dynamics,
        solver=solver,
        unfolds=unfolds,
        mixed_memory=memory,
        seed=4,
    )
    worst, of = difference(neuron, arguments(neuron, batch, steps, rich))
    assert worst < 1e-5, of


@kernels
@pytest.mark.parametrize("solver", ["fused", "exponential"])
@pytest.mark.parametrize("dynamics", ["conductance", "dense"])
def test_any_gap(dynamics: str, solver: str) -> None:
    """From no time at all to 30 years of seconds, gradients included."""
    neuron = LiquidNeuron(2, 5, dynamics=dynamics, solver=solver, unfolds=2, seed=1)
    given = arguments(neuron, 6, 1, rich=False)
    gaps = torch.tensor([[0.0], [1e-9], [1e-3], [60.0], [86400.0], [1e9]], dtype=torch.float64)
    worst, of = difference(neuron, given._replace(elapsed_time=gaps))
    assert worst < 1e-5, of


@kernels
def test_a_rate_of_zero() -> None:
    """A tanh at its end and a time constant of 1: the exponential step by its series."""
    dynamics = {"type": "dense", "activation": "tanh"}
    neuron = LiquidNeuron(1, 2, dynamics=dynamics, solver="exponential", unfolds=1, seed=1)
    with torch.no_grad():
        neuron.dynamics.b.fill_(-30.0)
        neuron.dynamics.tau.fill_(1.0)
    worst, of = difference(neuron, arguments(neuron, 2, 2, rich=False))
    assert worst < 1e-5, of


@kernels
@pytest.mark.parametrize("constraint", ["clip", "softplus"])
@pytest.mark.parametrize("dynamics", ["conductance", "dense"])
def test_parameters_below_their_bounds(dynamics: str, constraint: str) -> None:
    """They count as the bound and have no gradient; weights at theirs, 0, have one."""
    neuron = LiquidNeuron(2, 5, dynamics=dynamics, constraint=constraint, unfolds=2, seed=1)
    with torch.no_grad():
        for name, lower in neuron.dynamics.lower_bounds.items():
            getattr(neuron.dynamics, name)[1] = lower - 0.5
        if dynamics == "conductance":
            neuron.dynamics.w[0] = neuron.dynamics.sensory_w[0] = 0.0
    worst, of = difference(neuron, arguments(neuron, 2, 2, rich=False))
    assert worst < 1e-5, of


@kernels
def test_rows_share_nothing_and_runs_agree_bit_for_bit() -> None:
    neuron = LiquidNeuron(3, wiring=RECIPES["ncp"], unfolds=2, seed=1).to(DEVICE)
    given = arguments(neuron, 5, 3, rich=True)
    first = answers(neuron, given.on(torch.float32, DEVICE), on_the_gpu)
    first = {name: each.clone() for name, each in first.items()}
    again = answers(neuron, given.on(torch.float32, DEVICE), on_the_gpu)
    assert all(torch.equal(first[name], again[name]) for name in first)
    alone = Arguments(*(None if each is None else each[2:3] for each in given))
    states = on_the_gpu(neuron, alone.on(torch.float32, DEVICE))
    assert torch.equal(states, first["states"][2:3])


@kernels
def test_more_rows_than_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of backward then takes several."""
    monkeypatch.setattr(layout, "PROGRAMS", 2)
    neuron = LiquidNeuron(3, wiring=RECIPES["prime"], unfolds=1, seed=1)
    worst, of = difference(neuron, arguments(neuron, 5, 2, rich=True))
    assert worst < 1e-5, of


@kernels
@pytest.mark.parametrize("memory", [False, True])
def test_backward_in_parts(memory: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two samples and of one, as what is kept for gradients of synapses bounds them."""
    from liquid_neural_networks.gpu import _recurrence

    recipe = RECIPES["through memory"]
    neuron = LiquidNeuron(3, wiring=recipe, unfolds=2, mixed_memory=memory, seed=1)
    sample = 2 * 2 * 3 * layout.tile(71)
    monkeypatch.setattr(_recurrence, "MOST_KEPT", 2 * sample)
    worst, of = difference(neuron, arguments(neuron, 2, 3, rich=not memory))
    assert worst < 1e-5, of


@kernels
def test_memory_laid_out_otherwise() -> None:
    neuron = LiquidNeuron(3, 5, unfolds=1, seed=1).to(DEVICE)
    given = arguments(neuron, 4, 3, rich=True).on(torch.float32, DEVICE)
    strided = Arguments(*(_strided(each) for each in given))
    assert not strided.inputs.is_contiguous()
    wanted, got = (answers(neuron, each, on_the_gpu) for each in (given, strided))
    assert torch.equal(got["states"], wanted["states"])


def _strided(value: Optional[Tensor]) -> Optional[Tensor]:
    """The same numbers, batch last in memory."""
    return None if value is None else value.detach().movedim(0, -1).contiguous().movedim(-1, 0)


# -- the vectors -----------------------------------------------------------------------------------


FILES = vectors(closed_form=False)


def test_there_are_vectors() -> None:
    assert len(FILES) > 50


@kernels
def test_all_other_vectors_are_refused_with_a_reason() -> None:
    covered = {*FILES, *vectors(closed_form=True)}
    others = [path for path in VECTORS.glob("*.msgpack") if path not in covered]
    against = [reasons_against(path) for path in others]
    assert "" not in set().union(*against)
    assert sum(map(bool, against)) > 50


@kernels
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_vector(path: Path) -> None:
    check_vector(path)


# -- torch -----------------------------------------------------------------------------------------


# Those of closed form are here as well: torch takes seconds to load what compiles.


@kernels
@pytest.mark.parametrize("dynamics", ["conductance", "dense", "closed_form"])
def test_compiled_without_a_graph_break(dynamics: str) -> None:
    """A network that has never run, its memory included."""
    own = {} if dynamics == "closed_form" else {"unfolds": 1}
    neuron = LiquidNeuron(2, 3, dynamics=dynamics, mixed_memory=True, seed=1, **own).to(DEVICE)
    given = arguments(neuron, 1, 2, rich=True).on(torch.float32, DEVICE)
    compiled = torch.compile(on_the_gpu, backend="aot_eager", fullgraph=True)
    got = answers(neuron, given, compiled)
    wanted = answers(neuron, given.on(torch.float32, DEVICE), on_the_gpu)
    for name, each in wanted.items():
        torch.testing.assert_close(got[name], each, rtol=1e-6, atol=1e-6)


@kernels
def test_operators_keep_what_they_promise() -> None:
    from liquid_neural_networks.gpu import _recurrence, _sensory

    neuron = LiquidNeuron(2, 5, unfolds=1, seed=1).to(DEVICE)
    inputs = torch.rand(2, 2, 2, device=DEVICE, requires_grad=True)
    synapses = _sensory.synapses_of(neuron.dynamics)
    parameters = [torch.rand(10, device=DEVICE, requires_grad=True) for _ in range(4)]
    operator = torch.ops.liquid_neural_networks.gpu_sensory
    library.opcheck(
        operator, ([inputs, *parameters, *synapses], [True] * 5 + [False] + [True] * 4, [5, 1])
    )
    lists = _recurrence.arrangement(neuron.dynamics)
    sums = torch.rand(2, 2, 2, 5, device=DEVICE, requires_grad=True)
    names = _recurrence.EQUATIONS["conductance"].parameters
    values = [neuron.dynamics.values()[name] for name in names]
    there = [True] + [False] * 5 + [True] * (len(values) + len(lists.synapses))
    by_receiver, by_sender = lists.synapses.entries.shape, lists.synapses.entries_by_sender.shape
    form = [0, 0, 0, 1, 5, *by_receiver, lists.most, *by_sender, lists.sender_most, 1]
    operator = torch.ops.liquid_neural_networks.gpu_recurrence
    library.opcheck(operator, ([sums, *values, *lists.synapses], there, form))


@kernels
def test_the_operator_of_closed_form_keeps_what_it_promises() -> None:
    inputs, state = torch.rand(2, 2, 3, device=DEVICE), torch.rand(2, 5, device=DEVICE)
    weights = [torch.rand(20, 3), torch.rand(20), torch.rand(20, 5)]
    tensors = [inputs, state, *(each.to(DEVICE) for each in weights)]
    for each in tensors:
        each.requires_grad_()
    there = [True, False, True, False] + [True] * 3 + [False] * 8 + [False] * 2
    library.opcheck(torch.ops.liquid_neural_networks.gpu_closed_form, (tensors, there, [0, 0, 5]))


@kernels
def test_no_second_derivatives() -> None:
    neuron = LiquidNeuron(2, 5, unfolds=1, seed=1).to(DEVICE)
    given = arguments(neuron, 1, 1, rich=False).on(torch.float32, DEVICE)
    states = on_the_gpu(neuron, given)
    with pytest.raises(OptionError, match="second derivatives"):
        torch.autograd.grad(states.sum(), given.inputs, create_graph=True)


@kernels
def test_nothing_is_kept_where_nothing_is_differentiated() -> None:
    neuron = LiquidNeuron(2, 5, unfolds=1, seed=1).to(DEVICE)
    given = arguments(neuron, 2, 2, rich=True).on(torch.float32, DEVICE)
    with torch.no_grad():
        states = on_the_gpu(neuron, given)
    assert not states.requires_grad
    assert torch.equal(states, on_the_gpu(neuron, given))


@kernels
def test_a_population_that_moves(tmp_path: Path) -> None:
    """Copies, and lists made on another device or by another population."""
    import copy

    neuron = LiquidNeuron(2, 5, unfolds=1, seed=1).to(DEVICE)
    given = arguments(neuron, 2, 2, rich=False).on(torch.float32, DEVICE)
    states = on_the_gpu(neuron, given)
    twin = copy.deepcopy(neuron).to("meta").to_empty(device=DEVICE)
    twin.load_state_dict(neuron.state_dict())
    assert torch.equal(on_the_gpu(twin, given), states)


# -- when it cannot run ----------------------------------------------------------------------------


def test_says_why_not_without_a_gpu() -> None:
    neuron = LiquidNeuron(2, 5)
    given = arguments(neuron, 1, 1, rich=False).on(torch.float32, "cpu")
    if not gpu.INTERPRETED:
        assert "on cpu, not on a GPU" in reason(neuron, given)


@kernels
@pytest.mark.parametrize(
    "words, options",
    [
        ("rk4 solver", {"solver": "rk4"}),
        ("adaptive solver", {"solver": "adaptive"}),
        ("lrc dynamics", {"dynamics": "lrc"}),
        ("1025 synapses do not fit", {}),
        ("up to 1024 neurons", {"wiring": wiring.random(1025, sparsity=0.9999)}),
    ],
)
def test_says_why_not(words: str, options: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MOST_PLACES", 1024)
    size = {} if "wiring" in options else {"hidden_size": 5}
    if words.startswith("1025"):
        size = {"wiring": wiring.random(40, sparsity=1 - 1025 / 1600, seed=0)}
    neuron = LiquidNeuron(2, **size, **options).to(DEVICE)
    assert words in reason(neuron, arguments(neuron, 1, 1, rich=False).on(torch.float32, DEVICE))


@kernels
def test_says_why_not_to_tensors() -> None:
    neuron = LiquidNeuron(2, 5).to(DEVICE)
    given = arguments(neuron, 1, 1, rich=False).on(torch.float32, DEVICE)

    class Other(Tensor):
        pass

    assert "plain" in reason(
        neuron, given._replace(elapsed_time=torch.ones(1, 1).as_subclass(Other))
    )
    reasons = []
    torch.func.vmap(lambda x: reasons.append(reason(neuron, given)) or x)(torch.ones(2))
    assert "torch.func" in reasons[0]
    assert "float64" in reason(neuron.double(), given.on(torch.float64, DEVICE))


# -- the drop-in -----------------------------------------------------------------------------------

DROP_INS = {
    "LTC": lambda: ncps.LTC(4, ncps.wirings.AutoNCP(9, 2), mixed_memory=True),
    "CfC": lambda: ncps.CfC(4, 7, backbone_units=16),
    "wired CfC": lambda: ncps.CfC(4, ncps.wirings.AutoNCP(9, 2), mode="pure"),
}


@kernels
@pytest.mark.parametrize("name", DROP_INS)
def test_dynamics_with_parameters_stored_otherwise(name: str) -> None:
    torch.manual_seed(0)
    module, inputs = DROP_INS[name]().to(DEVICE), torch.randn(2, 3, 4).to(DEVICE)
    with engines.report() as choices:
        outputs = module(inputs)[0]
    assert [choice.engine for choice in choices] == ["gpu"]
    exact = copy.deepcopy(module).cpu().double()(inputs.cpu().double())[0]
    torch.testing.assert_close(outputs.cpu().double(), exact, rtol=1e-4, atol=1e-5)


# -- lists -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "units, synapses", [(1, 0), (1, 1), (5, 25), (19, 47), (64, 484), (302, 2374)]
)
def test_lists_have_each_synapse_once(units: int, synapses: int) -> None:
    chosen = np.random.default_rng(0).choice(units * units, synapses, replace=False)
    post, pre = np.divmod(np.sort(chosen), units)
    for owners, others in ((post, pre), (pre, post)):
        lists, most = layout.balanced(owners, others, units)
        synapse, other = np.divmod(lists.entries.numpy(), layout.MOST_NEURONS)
        there = synapse >= 0
        assert sorted(synapse[there]) == list(range(synapses))
        assert np.array_equal(other[there], others[synapse[there]])
        assert (other[~there] == 0).all()
        owner = np.broadcast_to(lists.owner.numpy(), synapse.shape)
        assert np.array_equal(owner[there], owners[synapse[there]])
        first, counts = lists.first.numpy()[:units], lists.counts.numpy()[:units]
        column = np.broadcast_to(np.arange(synapse.shape[1]), synapse.shape)[there]
        assert (column >= first[owner[there]]).all()
        assert (column < (first + counts)[owner[there]]).all()
        assert most == max(counts.max(), 1)
        if most == 1:
            assert np.array_equal(first, np.arange(units))
        if layout.is_regular(units, synapse.shape[0], most):
            row = np.broadcast_to(np.arange(synapse.shape[0])[:, None], synapse.shape)
            assert np.array_equal(row[there], other[there])


def test_lists_cost_what_there_is() -> None:
    """A wiring of unequal neurons takes few places beyond its synapses."""
    built = wiring.auto_ncp(32, motor=8, seed=1).build(10)
    lists, _ = layout.balanced(built.post, built.pre, built.units)
    assert lists.places <= 2 * len(built.pre)
    widest = np.bincount(built.post).max()
    assert lists.places < widest * built.units
