"""What torch's own tools do to a network: pruning, averaging, tracing, devices, sharding, modes.

Each once crashed, or gave other numbers without a word; each runs in a process of its own.
"""

from __future__ import annotations

import copy
import io
import pickle
import threading
import warnings
from typing import Any, Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn

from core_cases import ALL_DYNAMICS, network, sequences
from isolated import isolated
from liquid_neural_networks import LiquidNetwork, LiquidNeuron, engines, fused, wiring
from liquid_neural_networks.compat import ncps
from liquid_neural_networks.dynamics import DYNAMICS, ConductanceDynamics
from liquid_neural_networks.errors import DtypeError, LiquidError, OptionError


def live(net: LiquidNetwork) -> Tensor:
    """The output of one sample."""
    return torch.from_numpy(net.stream().step([0.1, 0.2, 0.3]))


def results(net: LiquidNetwork) -> list[Tensor]:
    """Outputs, gradients by name and a live step: whatever reads parameters."""
    net.zero_grad()
    outputs = net(sequences())
    outputs.square().sum().backward()
    grads = [p.grad for _, p in sorted(net.named_parameters()) if p.grad is not None]
    return [outputs, *grads, live(net)]


def same(got: list[Tensor], wanted: list[Tensor]) -> None:
    for mine, reference in zip(got, wanted):
        torch.testing.assert_close(mine, reference, rtol=1e-9, atol=1e-11)


# -- parameters ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_parameters_registered_in_another_order(dynamics: str) -> None:
    def child() -> None:
        net = network(dynamics)
        wanted = results(net)
        for name, _ in list(net.neurons[0].dynamics.named_parameters()):
            prune.identity(net.neurons[0].dynamics, name)
            prune.remove(net.neurons[0].dynamics, name)
            same(results(net)[:1], wanted[:1])
        got = results(net)
        same([got[0], got[-1]], [wanted[0], wanted[-1]])

    isolated(child)


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
@pytest.mark.parametrize("memory", [False, True])
def test_pruned_parameters_follow_what_is_loaded(memory: bool, dynamics: str) -> None:
    def child() -> None:
        net, other = (network(dynamics, seed=seed, mixed_memory=memory) for seed in (0, 1))
        modules = [net.neurons[0].memory if memory else net.neurons[0].dynamics]
        name = next(iter(dict(modules[0].named_parameters())))
        twin = other.neurons[0].memory if memory else other.neurons[0].dynamics
        for each in (modules[0], twin):
            prune.l1_unstructured(each, name, 0.3)
        results(net)
        net.load_state_dict(other.state_dict())
        same(results(net), results(other))
        net(sequences()).sum().backward()
        net(sequences()).sum().backward()  # nothing of the first pass is left over
        pruned = dict(net.neurons[0].dynamics.named_buffers() if not memory else {})
        assert all(mask.dtype == torch.float64 for mask in pruned.values())
        single = copy.deepcopy(other.load_state_dict(net.state_dict()) and other)
        same(results(single), results(net))
        assert net.float()(sequences().float()).dtype == torch.float32
        with pytest.raises(OptionError, match=name):
            net.set_values(net.values())

    isolated(child)


def test_set_values_is_all_or_nothing() -> None:
    def child() -> None:
        net = network()
        prune.l1_unstructured(net.neurons[0].dynamics, "mu", 0.3)
        values = {name: value.detach() + 0.5 for name, value in net.values().items()}
        before = {name: value.detach().clone() for name, value in net.values().items()}
        with pytest.raises(OptionError, match="mu"):
            net.set_values(values)
        for name, value in net.values().items():
            assert torch.equal(value, before[name]), name

    isolated(child)


def test_weight_norm_and_spectral_norm() -> None:
    def child() -> None:
        for wrap in (nn.utils.weight_norm, nn.utils.parametrizations.weight_norm):
            net, wanted = network("dense", mixed_memory=True), network("dense", mixed_memory=True)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                wrap(net.neurons[0].memory, "W_rec")
                wrap(net.readout, "weight")
            got, expected = results(net), results(wanted)
            same([got[0], got[-1]], [expected[0], expected[-1]])
            opened = LiquidNetwork.load(saved(net))
            torch.testing.assert_close(opened(sequences()), net(sequences()))

    isolated(child)


def saved(net: LiquidNetwork) -> str:
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".lnn", delete=False) as file:
        net.save(file.name)
    return file.name


def test_parameter_that_is_no_tensor() -> None:
    def child() -> None:
        net = network()
        net.neurons[0].dynamics.a = None
        with pytest.raises(LiquidError, match="a: expected a tensor"):
            net(sequences())

    isolated(child)


# -- read-outs and populations -------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["compiled", "reference"])
def test_read_outs_that_are_put_in(mode: str) -> None:
    def child() -> None:
        for readout in (nn.Linear(5, 4000), nn.Linear(5, 3), nn.Linear(5, 3, bias=False),
                        nn.Identity()):  # fmt: skip
            net = network()
            net.readout = readout.double()
            inputs = sequences()[0]
            wanted = net(inputs)
            assert net.output_size == wanted.shape[-1]
            live = net.stream()
            for sample, output in zip(inputs, wanted):
                got = live.step(sample.numpy())
                torch.testing.assert_close(torch.from_numpy(got), output.detach())
            torch.testing.assert_close(LiquidNetwork.load(saved(net))(inputs), wanted)

    with fused.disabled() if mode == "reference" else fused.instruction_set("baseline"):
        isolated(child)


def test_read_outs_that_do_not_fit_are_refused_when_put_in() -> None:
    net = network()
    for readout in (nn.Linear(6, 2), nn.Sequential(nn.Linear(5, 2)), nn.ReLU(), None, "dense"):
        with pytest.raises(OptionError, match="readout"):
            net.readout = readout
    same(results(net), results(network()))


def test_quantised_read_out_streams() -> None:
    def child() -> None:
        net = LiquidNetwork(3, 5, 2, seed=0).eval()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            small = torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)
        inputs = sequences()[0].float()
        wanted = small(inputs).detach()
        live = small.stream()
        got = [live.step(sample.numpy()) for sample in inputs]
        torch.testing.assert_close(
            torch.tensor(np.array(got)), wanted.detach(), rtol=0.05, atol=0.02
        )
        with pytest.raises(LiquidError, match="readout"):
            saved(small)

    isolated(child)


def test_populations_that_are_put_in() -> None:
    def child() -> None:
        net = network(num_layers=2)
        other = LiquidNeuron(5, 5, seed=9).double()
        net.neurons[1] = other
        inputs = sequences()[0]
        live, wanted = net.stream(), net(inputs)
        got = np.array([live.step(sample.numpy()) for sample in inputs])
        torch.testing.assert_close(torch.from_numpy(got), wanted.detach())
        torch.testing.assert_close(LiquidNetwork.load(saved(net))(inputs), wanted)
        for wrong in (
            LiquidNeuron(5, 6, seed=0), LiquidNeuron(4, 5, seed=0), nn.Linear(5, 5),
            LiquidNeuron(5, 5, dynamics="dense"), LiquidNeuron(5, 5, unfolds=2),
            LiquidNeuron(5, 5, mixed_memory=True), LiquidNeuron(5, 5, solver="euler"),
        ):  # fmt: skip
            with pytest.raises(OptionError, match="neurons"):
                net.neurons[1] = wrong
        for change in (lambda: net.neurons.append(other), lambda: net.neurons.pop(0)):
            with pytest.raises(OptionError, match="neurons"):
                change()

    isolated(child)


def test_config_says_when_populations_differ() -> None:
    net = network(num_layers=2)
    net.neurons[0].unfolds = 2
    with pytest.raises(OptionError, match="unfolds"):
        net.config()
    with pytest.raises(OptionError, match="wiring"):
        _ = network(num_layers=2).wiring


# -- devices, tracing, modes ---------------------------------------------------------------------


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_another_default_device(dynamics: str) -> None:
    def child() -> None:
        recipe = None if dynamics == "conductance" else wiring.ncp(inter=3, command=2, motor=2)
        size = 5 if recipe is None else None
        net = LiquidNetwork(3, size, 2, wiring=recipe, dynamics=dynamics, seed=0).double()
        inputs = sequences()
        packed = nn.utils.rnn.pack_sequence([inputs[0], inputs[1][:4]])

        def run() -> list[Tensor]:
            live = net.stream().step([1, 2, 3], 0.5, [1.0] * net.hidden_size)
            times = net(inputs, [0.5] * net.hidden_size, elapsed_time=[1, 2, 3, 4, 5, 6])
            return [net(inputs), net(packed).data, times, torch.from_numpy(live)]

        wanted = run()
        torch.set_default_device("meta")
        got = run()
        made = LiquidNetwork(3, 5, 2, dynamics=dynamics, seed=0)
        assert all(each.is_meta for each in made.parameters())
        torch.set_default_device("cpu")
        same(got, wanted)

    isolated(child)


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_traced(dynamics: str) -> None:
    def child() -> None:
        net = network(dynamics, unfolds=2)
        inputs, others = sequences(), sequences() + 0.25
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for mode in (torch.no_grad, torch.enable_grad):
                with mode():
                    traced = torch.jit.trace(net, (inputs,), check_trace=False)
                torch.testing.assert_close(traced(others), net(others))

    isolated(child)


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_averaged_models(dynamics: str) -> None:
    def child() -> None:
        net = network(dynamics)
        average = AveragedModel(net, avg_fn=get_ema_avg_fn(0.9), use_buffers=True)
        for _ in range(3):
            average.update_parameters(net)
        torch.testing.assert_close(average(sequences()), net(sequences()))

    isolated(child)


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_batches_of_gradients(dynamics: str) -> None:
    def child() -> None:
        for memory in (False, True):
            net, inputs = network(dynamics, mixed_memory=memory), sequences(2, 3).requires_grad_()
            both = [torch.autograd.functional.jacobian(net, inputs, vectorize=each)
                    for each in (True, False)]  # fmt: skip
            torch.testing.assert_close(*both)

    isolated(child)


def test_hooks_of_populations_and_dynamics_run() -> None:
    seen: dict[str, Any] = {}
    net = network(num_layers=2)
    net.neurons[0].register_forward_hook(lambda m, i, o: seen.update(states=o))
    net.neurons[1].register_forward_pre_hook(lambda m, i: (seen.update(fed=i[0]), (0.5 * i[0],))[1])
    net.neurons[1].dynamics.register_forward_hook(lambda m, i, o: 2.0 * o)
    inputs = sequences()
    outputs = net(inputs)
    plain = network(num_layers=2)
    lower = plain.trace(inputs, population=0).states
    torch.testing.assert_close(seen["states"], lower)
    torch.testing.assert_close(seen["fed"], lower)
    upper = plain.neurons[1]
    state, outs = None, []
    for t in range(inputs.shape[1]):
        state = upper(0.5 * lower[:, t], state)
        outs.append(plain.readout(2.0 * state))
    torch.testing.assert_close(outputs, torch.stack(outs, 1))


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_replicas_and_shards(dynamics: str) -> None:
    def child() -> None:
        from torch.distributed.fsdp import fully_shard

        from tensor_kinds import spread

        net = network(dynamics)
        wanted = net(sequences())
        spread(torch.zeros(2))  # makes the process group
        from torch.distributed.device_mesh import init_device_mesh

        mesh = init_device_mesh("cpu", (1,))
        fully_shard(net.neurons[0].dynamics, mesh=mesh)
        fully_shard(net, mesh=mesh)
        got = net(sequences())
        torch.testing.assert_close(got, wanted)
        got.square().sum().backward()
        reference = network(dynamics)
        reference(sequences()).square().sum().backward()
        grads = dict(reference.named_parameters())
        for name, parameter in net.named_parameters():
            gathered = parameter.grad.full_tensor()
            torch.testing.assert_close(gathered, grads[name].grad)
        with pytest.raises(LiquidError):
            net.stream()

    isolated(child)


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_replicas_of_data_parallel(dynamics: str) -> None:
    """As ``nn.DataParallel`` makes them: modules without parameters of their own."""

    def replica_of(module: nn.Module) -> nn.Module:
        copied = module._replicate_for_data_parallel()
        copied._former_parameters = {}
        for name, parameter in module._parameters.items():
            setattr(copied, name, None if parameter is None else parameter.clone())
        for name, child in module._modules.items():
            copied._modules[name] = None if child is None else replica_of(child)
        return copied

    net = network(dynamics, mixed_memory=True)
    torch.testing.assert_close(replica_of(net)(sequences()), net(sequences()))


@pytest.mark.parametrize("kind", ["LTC", "CfC", "wired CfC"])
def test_inference_mode_first(kind: str) -> None:
    def child() -> None:
        units = ncps.wirings.AutoNCP(8, 2) if kind == "wired CfC" else 6
        net = (ncps.LTC if kind == "LTC" else ncps.CfC)(3, units).double()
        with torch.inference_mode():
            first, _ = net(sequences())
            net.load_state_dict(net.state_dict())
        second, _ = net(sequences())
        torch.testing.assert_close(first.clone(), second)
        second.sum().backward()

        ours = network()
        with torch.inference_mode():
            ours(sequences())
            ours.cpu()
            ours.load_state_dict(ours.state_dict())
        ours(sequences()).sum().backward()

    isolated(child)


PARTS: dict[str, Callable[[LiquidNetwork], nn.Module]] = {
    "a population": lambda net: net.neurons[1],
    "dynamics": lambda net: net.neurons[0].dynamics,
    "memory": lambda net: net.neurons[1].memory,
    "readout": lambda net: net.readout,
}


@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_a_part_converted_by_itself_is_refused_by_name(dynamics: str, memory: bool) -> None:
    """On either engine, for sequences and live."""
    for part, find in PARTS.items():
        if part == "memory" and not memory:
            continue
        for solver in ["fused", "rk4"] if DYNAMICS[dynamics].solvable else [None]:
            net = network(dynamics, solver, num_layers=2, mixed_memory=memory)
            find(net).float()
            name = part if part in ("memory", "readout") else "dynamics|inputs|memory"
            for run in (results, live):
                with pytest.raises(DtypeError, match=rf"^({name}): .*float32"):
                    run(net)
                with fused.disabled(), pytest.raises(DtypeError, match=rf"^({name}): .*float32"):
                    run(net)


# -- streams -------------------------------------------------------------------------------------


def test_streams_are_neither_copied_nor_pickled() -> None:
    live = network().stream()
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(OptionError, match="another one"):
            attempt(live)


def test_what_a_masked_array_hides_is_missing() -> None:
    net = network()
    hidden = np.ma.MaskedArray([0.5, 7.0, 0.25], mask=[False, True, False])
    got = net.stream().step(hidden)
    assert got.tolist() == net.stream().step([0.5, float("nan"), 0.25]).tolist()


# -- the registered operator ---------------------------------------------------------------------


def operator_arguments() -> dict[str, Any]:
    neuron = LiquidNeuron(3, 5, seed=0).double()
    own: ConductanceDynamics = neuron.dynamics  # type: ignore[assignment]
    return {
        "inputs": sequences(),
        "mask": None,
        "elapsed_time": torch.ones(4, 6).double(),
        "time_constants": None,
        "state": torch.zeros(4, 5).double(),
        "synapses": [own.pre, own.post, own.sensory_pre, own.sensory_post],
        "parameters": [each.detach() for each in own.values().values()],
        "dynamics": "conductance",
        "solver": "fused",
        "activation": "sigmoid",
        "unfolds": 6,
        "input_size": 3,
    }


def _one_element(arguments: dict[str, Any]) -> None:
    arguments["parameters"] = [each[:1] for each in arguments["parameters"]]


SPOILT: dict[str, Callable[[dict[str, Any]], None]] = {
    "a million units": lambda a: a.update(state=torch.zeros(1, 10**6).double()),
    "parameters of one element": _one_element,
    "a parameter too few": lambda a: a["parameters"].pop(),
    "parameters in another order": lambda a: a["parameters"].reverse(),
    "another dtype": lambda a: a.update(state=a["state"].float()),
    "indices out of range": lambda a: a["synapses"].__setitem__(0, a["synapses"][0] + 100),
    "indices of another type": lambda a: a["synapses"].__setitem__(0, a["synapses"][0].int()),
    "a list too few": lambda a: a["synapses"].pop(),
    "no such dynamics": lambda a: a.update(dynamics="lrc"),
    "no such solver": lambda a: a.update(solver="rk4"),
    "no such activation": lambda a: a.update(activation="relu"),
    "no unfolds": lambda a: a.update(unfolds=0),
    "too many unfolds": lambda a: a.update(unfolds=2**62),
    "another number of inputs": lambda a: a.update(input_size=2),
    "elapsed time of another shape": lambda a: a.update(elapsed_time=torch.ones(4, 5).double()),
}


def test_the_operator_runs() -> None:
    got = torch.ops.liquid_neural_networks.step(**operator_arguments())
    net = LiquidNeuron(3, 5, seed=0).double()
    state = None
    for t in range(6):
        state = net(sequences()[:, t], state)
    torch.testing.assert_close(got[:, -1], state)


@pytest.mark.parametrize("case", SPOILT)
def test_the_operator_checks_what_it_is_given(case: str) -> None:
    def child() -> None:
        arguments = operator_arguments()
        SPOILT[case](arguments)
        with pytest.raises(LiquidError):
            torch.ops.liquid_neural_networks.step(**arguments)
        states = torch.zeros(4, 6, 5).double()
        with pytest.raises(LiquidError):
            torch.ops.liquid_neural_networks.step_backward(states, states, **arguments)

    isolated(child)


# -- which engine ran ----------------------------------------------------------------------------


def test_reports_say_which_engine_ran_and_why() -> None:
    net, inputs = network(), sequences()
    with engines.report() as choices:
        net(inputs)
        with fused.disabled():
            net(inputs)
        network("lrc")(inputs)
        torch.func.vmap(net)(inputs)
        net(inputs.as_subclass(_Named))
    names = [choice.engine for choice in choices]
    assert names[1:] == ["reference"] * 4
    assert names[0] == ("compiled" if fused.status().available else "reference")
    if fused.status().available:
        reasons = [choice.reasons["compiled"] for choice in choices[1:]]
        assert "disabled" in reasons[0] and "lrc" in reasons[1] and "torch.func" in reasons[2]
        assert reasons[3].startswith("inputs")


class _Named(torch.Tensor):
    pass


def test_reports_are_of_one_thread() -> None:
    net = network()
    with engines.report() as choices:
        thread = threading.Thread(target=net, args=(sequences(),))
        thread.start()
        thread.join()
    assert choices == []


def test_saving_torch_modules_keeps_working() -> None:
    net = network()
    buffer = io.BytesIO()
    torch.save(net, buffer)
    buffer.seek(0)
    same(results(torch.load(buffer, weights_only=False)), results(net))
    same(results(copy.deepcopy(net)), results(net))


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_a_parametrized_network_that_has_run_is_copied(dynamics: str) -> None:
    """Torch copies parametrized modules in its own way; what a run has kept must not be in it."""
    net = network(dynamics)
    population = net.neurons[0].dynamics
    named = [name for name, _ in population.named_parameters()]
    parametrize.register_parametrization(population, named[0], nn.Softplus())
    wanted = results(net)
    copied = copy.deepcopy(net)
    same(results(copied), wanted)
    assert copied.neurons[0].dynamics.derived is not population.derived
    for name in set(population.lower_bounds) - {named[0]}:
        parameter = getattr(copied.neurons[0].dynamics, name)
        parameter.data.fill_(-1e6)
        torch.optim.SGD([parameter], 0.1).step()
        assert (parameter == population.lower_bounds[name]).all(), name


@pytest.mark.parametrize("solver", ["fused", "rk4"])
def test_a_read_out_of_another_dtype_streams_as_it_runs_forward(solver: str) -> None:
    """Of motor neurons: torch lifts float32 states to its float64."""
    net = LiquidNetwork(3, wiring=wiring.ncp(inter=3, command=2, motor=2), solver=solver, seed=0)
    net.readout.double()
    inputs = sequences()[0].float()
    outputs = net(inputs)
    assert outputs.dtype == torch.float64
    live = net.stream()
    steps = [torch.from_numpy(live.step(sample.numpy())) for sample in inputs]
    torch.testing.assert_close(torch.stack(steps), outputs, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_a_network_on_the_meta_device_says_its_shapes(dynamics: str) -> None:
    net = network(dynamics).to("meta")
    outputs = net(sequences().to("meta"))
    assert outputs.device.type == "meta"
    assert outputs.shape == network(dynamics)(sequences()).shape
