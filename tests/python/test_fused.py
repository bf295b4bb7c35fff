"""The compiled step: the numbers of the reference path, on every instruction set."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import resource
import threading
from contextlib import nullcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, library

from core_cases import engine_of
from liquid_neural_networks import LiquidNetwork, _kernel, fused
from liquid_neural_networks.errors import OptionError
from liquid_neural_networks.fused._ode import SOLVERS
from liquid_neural_networks.wiring import Recipe, c_elegans, ncp, random

pytestmark = pytest.mark.skipif(
    _kernel.native is None, reason=f"THE COMPILED ENGINE IS NOT TESTED: {_kernel.MISSING}"
)

INSTRUCTION_SETS = fused.instruction_sets()
DYNAMICS = ["conductance", "dense", {"type": "dense", "activation": "tanh"}]


def gradients(network: LiquidNetwork, arguments: dict[str, Tensor]) -> list[Tensor]:
    """Outputs, then the gradient of every argument that has one and of every parameter."""
    leaves = [each for each in arguments.values() if each.requires_grad]
    leaves += list(network.parameters())
    for leaf in leaves:
        leaf.grad = None
    outputs, state = network(**arguments, return_state=True)
    weights = torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype).view_as(outputs)
    ((outputs * weights).sum() + state.square().sum()).backward()
    return [outputs.detach()] + [
        torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves
    ]


def arguments_for(
    network: LiquidNetwork, batch: int, steps: int, dtype: torch.dtype, seed: int, rich: bool
) -> dict[str, Tensor]:
    """Everything a call can take; inputs are neither contiguous nor aligned."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    wide = normal(steps, batch, network.input_size + 1)
    arguments = {"inputs": wide.transpose(0, 1)[..., 1:].requires_grad_()}
    if rich:
        shape = (batch, steps)
        arguments["elapsed_time"] = (0.3 * normal(*shape).abs()).requires_grad_()
        tau = 0.5 + normal(*shape, network.hidden_size).abs()
        arguments["time_constants"] = tau.requires_grad_()
        arguments["state"] = (0.5 * normal(1, batch, network.state_size)).requires_grad_()
        arguments["mask"] = normal(*shape, network.input_size) > -0.5
    return arguments


def difference_from_the_reference(
    network: LiquidNetwork, arguments: dict[str, Tensor], instruction_set: str
) -> float:
    """The largest of outputs and gradients, relative to the largest entry of each tensor."""
    with fused.instruction_set(instruction_set):
        got = gradients(network, arguments)
    with fused.disabled():
        wanted = gradients(network, arguments)
    assert len(got) == len(wanted)
    return max(
        float((mine - theirs).abs().max() / theirs.abs().max().clamp(min=1e-3))
        for mine, theirs in zip(got, wanted)
        if theirs.numel()
    )


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("recipe", [c_elegans(), ncp(20, 8, 3, seed=0), random(37)], ids=str)
def test_a_row_alone_with_any_number_of_synapses_a_neuron(
    instruction_set: str, solver: str, recipe: Recipe
) -> None:
    network = LiquidNetwork(5, output_size=2, wiring=recipe, solver=solver, unfolds=20, seed=0)
    network.double()
    arguments = arguments_for(network, 1, 2, torch.float64, seed=0, rich=True)
    assert difference_from_the_reference(network, arguments, instruction_set) < 1e-12


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("size", [3.0, 30.0, 1e4, -1e30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_synapses_far_beyond_saturation(
    instruction_set: str, size: float, dtype: torch.dtype
) -> None:
    """What they get there is as exact, and does not touch the rows beside."""
    network = LiquidNetwork(3, 9, 2, seed=0).to(dtype)
    inputs, state = (torch.rand(shape, dtype=dtype) for shape in ((20, 2, 3), (1, 20, 9)))
    state[0, 4, 5] = inputs[7, 0, 1] = size
    with fused.instruction_set(instruction_set), torch.no_grad():
        outputs = network(inputs, state=state)
        with fused.disabled():
            wanted = network(inputs, state=state)
        torch.testing.assert_close(outputs, wanted)
        state[0, 4, 5] = inputs[7, 0, 1] = 0.0
        ordinary = network(inputs, state=state)
    beside = torch.tensor([row not in (4, 7) for row in range(20)])
    assert torch.equal(outputs[beside], ordinary[beside])
    assert not torch.equal(outputs[~beside], ordinary[~beside])


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@settings(max_examples=15)
@given(
    dynamics=st.sampled_from(DYNAMICS),
    solver=st.sampled_from(SOLVERS),
    sizes=st.tuples(
        st.sampled_from([1, 2, 7, 16, 17, 37]),  # batch
        st.sampled_from([1, 2, 5]),  # steps
        st.sampled_from([1, 3, 11]),  # inputs
        st.sampled_from([1, 2, 13]),  # units
        st.sampled_from([1, 3]),  # unfolds
    ),
    sparsity=st.sampled_from([0.0, 0.5]),
    rich=st.booleans(),
    memory=st.booleans(),
    seed=st.integers(0, 999),
)
def test_equals_the_reference(
    instruction_set: str,
    dynamics: object,
    solver: str,
    sizes: tuple[int, ...],
    sparsity: float,
    rich: bool,
    memory: bool,
    seed: int,
) -> None:
    batch, steps, inputs, units, unfolds = sizes
    if dynamics == DYNAMICS[2] and solver == "exponential":
        solver = "fused"  # with tanh the rate passes through 0, where drive / rate has no digits
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-4)):
        network = LiquidNetwork(
            inputs,
            output_size=2,
            wiring=random(units, sparsity=sparsity, seed=seed),
            dynamics=dynamics,
            solver=solver,
            unfolds=unfolds,
            mixed_memory=memory,
            seed=seed,
        ).to(dtype)
        arguments = arguments_for(network, batch, steps, dtype, seed, rich)
        assert difference_from_the_reference(network, arguments, instruction_set) < tolerance


RICH_AND_MEMORY = [(False, False), (True, False), (True, True)]
CLOSED_FORMS = [
    {},
    {"mode": "no_gate"},
    {"mode": "pure"},
    {"backbone_layers": 0},
    {"backbone_layers": 1, "backbone_units": 5, "backbone_activation": "relu"},
    {"backbone_layers": 3, "backbone_units": 17, "backbone_activation": "tanh"},
    {"backbone_layers": 2, "backbone_units": 9, "backbone_activation": "silu"},
]


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("options", CLOSED_FORMS, ids=str)
@pytest.mark.parametrize(
    ("batch", "steps", "units"), [(1, 1, 1), (5, 3, 7), (17, 4, 33), (40, 2, 20)]
)
@pytest.mark.parametrize(("rich", "memory"), RICH_AND_MEMORY)
def test_closed_form_equals_the_reference(
    instruction_set: str,
    options: dict[str, object],
    batch: int,
    steps: int,
    units: int,
    rich: bool,
    memory: bool,
) -> None:
    for dtype, tolerance in ((torch.float64, 1e-11), (torch.float32, 1e-3)):
        dynamics = {"type": "closed_form", **options}
        network = LiquidNetwork(3, units, 2, dynamics=dynamics, mixed_memory=memory, seed=units).to(
            dtype
        )
        arguments = arguments_for(network, batch, steps, dtype, batch, rich)
        assert engine_of(network, arguments) == "compiled"
        assert difference_from_the_reference(network, arguments, instruction_set) < tolerance


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize("recipe", [ncp(8, 5, 3, seed=0), ncp(21, 1, 1, seed=0)], ids=str)
@pytest.mark.parametrize(
    "options", [{}, {"mode": "no_gate"}, {"mode": "pure"}, {"leaky_wiring": True}], ids=str
)
@pytest.mark.parametrize("batch", [1, 40])
@pytest.mark.parametrize(("rich", "memory"), RICH_AND_MEMORY)
def test_a_wired_closed_form_equals_the_reference(
    instruction_set: str,
    recipe: Recipe,
    options: dict[str, object],
    batch: int,
    rich: bool,
    memory: bool,
) -> None:
    dynamics = {"type": "closed_form", "backbone_layers": 0, **options}
    network = LiquidNetwork(
        3, output_size=2, wiring=recipe, dynamics=dynamics, mixed_memory=memory, seed=1
    ).double()
    arguments = arguments_for(network, batch, 3, torch.float64, batch, rich)
    assert engine_of(network, arguments) == "compiled"
    assert difference_from_the_reference(network, arguments, instruction_set) < 1e-11


def test_a_closed_form_the_kernel_does_not_know_runs_on_the_reference() -> None:
    dynamics = {"type": "closed_form", "backbone_activation": "gelu"}
    network = LiquidNetwork(3, 4, 2, dynamics=dynamics)
    assert engine_of(network, {"inputs": torch.zeros(1, 1, 3)}) == "reference"


def small(batch: int = 70) -> tuple[LiquidNetwork, dict[str, Tensor]]:
    network = LiquidNetwork(4, 9, 2, seed=0)
    return network, arguments_for(network, batch, 6, torch.float32, 0, True)


def test_the_number_of_threads_changes_no_bit() -> None:
    network, arguments = small()
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append(gradients(network, arguments))
    assert all(torch.equal(one, two) for one, two in zip(*results))


def test_the_same_call_twice_gives_the_same_bits() -> None:
    network, arguments = small()
    assert all(map(torch.equal, gradients(network, arguments), gradients(network, arguments)))


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1.5e-7), (torch.float64, 4e-16)])
def test_error_of_the_sigmoid(instruction_set: str, dtype: torch.dtype, bound: float) -> None:
    """Every 1009th float there is; all of them: ``python -m benchmarks.sigmoid``."""
    bits = torch.arange(-(2**31), 2**31, 1009).to(torch.int32)
    x = bits.view(torch.float32)
    x = x[x.isfinite()].to(dtype)
    got = torch.empty_like(x)
    with fused.instruction_set(instruction_set):
        _kernel.built().sigmoid(x, got, _kernel.kernel_for(dtype))
    error = (got.double() - torch.sigmoid(x.double())).abs().max()
    assert 0 < error < bound


@pytest.mark.parametrize("dynamics", ["conductance", "closed_form"])
def test_second_derivatives_are_refused_in_words(dynamics: str) -> None:
    network = LiquidNetwork(4, 9, 2, dynamics=dynamics, seed=0)
    arguments = arguments_for(network, 2, 6, torch.float32, 0, True)
    outputs = network(**arguments).sum()
    with pytest.raises(OptionError, match=r"reference_only"):
        torch.autograd.grad(outputs, arguments["inputs"], create_graph=True)


def test_the_operator_keeps_torchs_rules() -> None:
    network, arguments = small(3)
    dynamics = network.neurons[0].dynamics
    given = (
        arguments["inputs"],
        None,
        arguments["elapsed_time"],
        arguments["time_constants"],
        arguments["state"][0],
        [dynamics.pre, dynamics.post, dynamics.sensory_pre, dynamics.sensory_post],
        [each.detach().requires_grad_() for each in dynamics.values().values()],
        "conductance",
        "fused",
        "sigmoid",
        2,
        dynamics.input_size,
    )
    library.opcheck(torch.ops.liquid_neural_networks.step.default, given)


def test_without_the_extension_the_reference_path_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    network, arguments = small(2)
    wanted = network(**arguments)
    monkeypatch.setattr(_kernel, "native", None)
    monkeypatch.setattr(_kernel, "MISSING", "no such file")
    available, reason, _ = fused.status()
    assert not available
    assert "no such file" in reason and "compiler" in reason
    torch.testing.assert_close(network(**arguments), wanted)


@pytest.mark.parametrize("instruction_set", INSTRUCTION_SETS)
@pytest.mark.parametrize(
    "options",
    [{}, {"mixed_memory": True}, {"dynamics": "closed_form"}],
    ids=["conductance", "memory", "closed form"],
)
def test_the_way_back_runs_on_the_instruction_set_of_the_way_there(
    instruction_set: str, options: dict[str, object]
) -> None:
    network = LiquidNetwork(3, 7, 2, seed=0, **options).double()
    inputs = torch.linspace(-1, 1, 5 * 4 * 3, dtype=torch.float64).view(5, 4, 3)
    with fused.instruction_set(instruction_set):
        outputs = network(inputs)
    got = torch.autograd.grad(outputs.sum(), list(network.parameters()))
    with fused.disabled():
        wanted = torch.autograd.grad(network(inputs).sum(), list(network.parameters()))
    for mine, theirs in zip(got, wanted):
        torch.testing.assert_close(mine, theirs)


def test_an_instruction_set_that_is_not_there() -> None:
    with pytest.raises(OptionError, match="name"), fused.instruction_set("sse9"):
        pass


def test_nan_parameters_give_nan() -> None:
    network, arguments = small(2)
    with torch.no_grad():
        network.neurons[0].dynamics.sigma[0] = float("nan")
    assert network(**arguments).isnan().any()


def _in_child(network: LiquidNetwork, inputs: Tensor, queue: object) -> None:
    torch.set_num_threads(1)  # as DataLoader does in its workers: OpenMP does not survive a fork
    torch.get_num_threads = lambda: 2  # the step must not need it
    with torch.no_grad():
        queue.put(network(inputs).numpy())


@pytest.mark.parametrize("dynamics", DYNAMICS[:2])
def test_what_lies_below_its_bound_is_clipped_as_by_the_reference(dynamics: str) -> None:
    network = LiquidNetwork(3, 7, 2, dynamics=dynamics, seed=0).double()
    with torch.no_grad():
        for name, low in network.neurons[0].dynamics.lower_bounds.items():
            parameter = network.neurons[0].dynamics.get_parameter(name)
            parameter[:2] = torch.tensor([low - 1, low], dtype=torch.float64)
    arguments = arguments_for(network, 5, 3, torch.float64, 0, False)
    # A capacitance of 1e-6 makes a stiff neuron, whose gradient loses digits on either path.
    difference = difference_from_the_reference(network, arguments, INSTRUCTION_SETS[0])
    assert difference < 1e-9


@pytest.mark.parametrize("mode", ["compiled", "reference"])
@pytest.mark.parametrize("dynamics", DYNAMICS[:2])
def test_what_lies_below_its_bound_has_no_gradient_even_where_others_overflow(
    dynamics: str, mode: str
) -> None:
    network = LiquidNetwork(3, 7, 2, dynamics=dynamics, seed=0)
    own = network.neurons[0].dynamics
    name = next(iter(own.lower_bounds))
    with torch.no_grad():
        own.get_parameter(name)[:2] = -1.0
    with fused.disabled() if mode == "reference" else nullcontext():
        outputs = network(torch.randn(100, 3, 3, generator=torch.Generator().manual_seed(0)))
        outputs.backward(torch.full_like(outputs, 3e38))
    grad = own.get_parameter(name).grad
    assert grad[:2].tolist() == [0.0, 0.0] and not grad.isfinite().all()


def test_after_a_fork() -> None:
    torch.set_num_threads(2)
    network, arguments = small(40)
    inputs = arguments["inputs"].detach()
    wanted = network(inputs)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(network, inputs, queue))
    child.start()
    got = torch.from_numpy(queue.get(timeout=60))
    child.join(60)
    assert child.exitcode == 0
    assert torch.equal(got, wanted.detach())


def test_two_networks_in_two_threads() -> None:
    network, arguments = small()
    pairs = [(network, arguments), (copy.deepcopy(network), small()[1])]
    wanted = gradients(*pairs[0])
    results: list[list[Tensor]] = []

    def work(index: int) -> None:
        for _ in range(20):
            results.append(gradients(*pairs[index]))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 40
    assert all(torch.equal(a, b) for each in results for a, b in zip(each, wanted))


def peak() -> int:
    """KiB that this process has ever needed."""
    gc.collect()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize("dynamics", ["conductance", "closed_form"])
def test_thousands_of_calls_leak_nothing(dynamics: str) -> None:
    network = LiquidNetwork(4, 9, 2, dynamics=dynamics, seed=0)
    torch.set_num_threads(1)
    inputs = torch.randn(40, 2, 4)

    def train(times: int) -> None:
        for _ in range(times):
            network(inputs).sum().backward()

    train(500)
    before = peak()
    train(3_500)
    # One call works on about 250 KiB, so even one in a hundred lost would show.
    assert peak() - before < 8_000


def test_a_hundred_live_sessions_leak_nothing() -> None:
    network = LiquidNetwork(4, 200, 2, seed=0)

    def live(times: int) -> None:
        for _ in range(times):
            network.stream().step([0.5] * 4)

    live(20)
    before = peak()
    live(100)
    # A session keeps about 2 MiB.
    assert peak() - before < 20_000
