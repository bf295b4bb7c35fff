"""Whatever kind of tensor torch can make: the right numbers or a typed error, never a crash."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core_cases import ALL_DYNAMICS
from isolated import isolated
from liquid_neural_networks import LiquidNetwork, LiquidNeuron, fused
from liquid_neural_networks.compat import ncps
from liquid_neural_networks.errors import LiquidError
from tensor_kinds import DENSE, REFUSED

SIZES = {"batch": 5, "steps": 4, "inputs": 3, "units": 6}


def drawn(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.rand(shape, generator=generator, dtype=torch.float64) + 0.25


def arguments() -> dict[str, Tensor]:
    """Everything that a network can be given, as plain tensors."""
    batch, steps, inputs, units = SIZES.values()
    return {
        "inputs": drawn(batch, steps, inputs),
        "time_constants": drawn(batch, steps, units),
        "elapsed_time": drawn(batch, steps),
        "mask": (drawn(batch, steps, inputs) > 0.6).double(),
        "state": drawn(1, batch, units),
    }


def network(dynamics: str) -> LiquidNetwork:
    return LiquidNetwork(SIZES["inputs"], SIZES["units"], 2, dynamics=dynamics, seed=0).double()


def gradients(net: nn.Module) -> list[Tensor]:
    """Zeros for a parameter that nothing depends on."""
    return [torch.zeros_like(p) if p.grad is None else p.grad for p in net.parameters()]


def run_network(dynamics: str, given: dict[str, Tensor]) -> list[Tensor]:
    """Outputs and gradients of the parameters."""
    net = network(dynamics)
    outputs = net(**given)
    outputs.square().sum().backward()
    return [outputs, *gradients(net)]


def run_neuron(dynamics: str, given: dict[str, Tensor]) -> list[Tensor]:
    neuron = LiquidNeuron(SIZES["inputs"], SIZES["units"], dynamics=dynamics, seed=0).double()
    return [neuron(**given)]


def one_step(given: dict[str, Tensor]) -> dict[str, Tensor]:
    """The arguments of a single time step."""
    return {name: each[0] if name == "state" else each[:, 0] for name, each in given.items()}


def run_drop_in(dynamics: str, given: dict[str, Tensor]) -> list[Tensor]:
    torch.manual_seed(0)
    kind = ncps.CfC if dynamics == "closed_form" else ncps.LTC
    net = kind(SIZES["inputs"], SIZES["units"]).double()
    outputs, _ = net(given["inputs"], given["state"], given["elapsed_time"], mask=given["mask"])
    outputs.square().sum().backward()
    return [outputs, *gradients(net)]


def run_parameters(dynamics: str, given: dict[str, Tensor]) -> list[Tensor]:
    """A network that has this kind in the place of each of its parameters."""
    make = given.pop("make")
    net, own = network(dynamics), dict(network(dynamics).neurons[0].dynamics.named_parameters())
    for name, value in own.items():
        try:
            made = make(value.detach())  # type: ignore[operator]
        except (IndexError, RuntimeError):  # torch makes none of this kind with so few dimensions
            made = value
        del net.neurons[0].dynamics._parameters[name]
        setattr(net.neurons[0].dynamics, name, made)
    outputs = net(**given)
    live = net.stream().step([0.5] * SIZES["inputs"])
    return [outputs, torch.from_numpy(live)]


ENTRIES = {"network": run_network, "neuron": run_neuron, "drop-in": run_drop_in}


def plain_arguments(entry: str) -> dict[str, Tensor]:
    """What an entry point is given, as plain tensors."""
    given = arguments()
    if entry == "neuron":
        return one_step(given)
    return {**given, "state": given["state"][0]} if entry == "drop-in" else given


def plain(value: Any) -> Tensor:
    """The numbers behind whatever came out."""
    if torch._is_functional_tensor(value):
        torch._sync(value)
        value = torch._from_functional_tensor(value)
    value = getattr(value, "held", value)
    return value.detach().as_subclass(Tensor).resolve_neg().clone()


def outcome(entry: str, dynamics: str, kind: str, argument: str) -> tuple[list[Tensor], str]:
    """In a child process: the numbers, or the typed error."""
    given = plain_arguments(entry)
    make = {**DENSE, **REFUSED}[kind]
    given[argument] = make(given[argument])
    try:
        return [plain(each) for each in ENTRIES[entry](dynamics, given)], ""
    except LiquidError as error:
        return [], f"{type(error).__name__}: {error}"


def places() -> list[tuple[str, str]]:
    """Every argument of every entry point; the drop-in takes no time constants."""
    pairs = [(entry, argument) for entry in ENTRIES for argument in arguments()]
    return [pair for pair in pairs if pair != ("drop-in", "time_constants")]


DROP_IN_NAMES = {"inputs": "input", "elapsed_time": "timespans", "state": "hx"}


@pytest.mark.parametrize("kind", DENSE)
@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_numbers_are_those_of_a_plain_tensor(dynamics: str, kind: str) -> None:
    def child() -> None:
        for entry, argument in places():
            got, error = outcome(entry, dynamics, kind, argument)
            assert not error, (entry, argument, error)
            given = plain_arguments(entry)
            given[argument] = plain(DENSE[kind](given[argument])).contiguous()
            with fused.disabled():
                wanted = [plain(each) for each in ENTRIES[entry](dynamics, given)]
            for mine, reference in zip(got, wanted):
                torch.testing.assert_close(
                    mine,
                    reference,
                    rtol=1e-9,
                    atol=1e-11,
                    msg=lambda text, at=(entry, argument): f"{at}: {text}",
                )

    isolated(child)


def makeable(kind: str, value: Tensor) -> bool:
    """Whether torch makes this kind of a tensor of this many dimensions, with these zeros in it."""
    try:
        {**DENSE, **REFUSED}[kind](value)
    except (IndexError, RuntimeError):
        return False
    return True


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_other_kinds_are_refused_by_name(dynamics: str, kind: str) -> None:
    def child() -> None:
        for entry, argument in places():
            if not makeable(kind, plain_arguments(entry)[argument]):
                continue
            got, error = outcome(entry, dynamics, kind, argument)
            name = DROP_IN_NAMES.get(argument, argument) if entry == "drop-in" else argument
            assert error.startswith(("DtypeError", "ShapeError")), (entry, argument, error or got)
            assert f": {name}:" in error, (entry, argument, error)

    isolated(child)


@pytest.mark.parametrize("kind", [*DENSE, *REFUSED])
@pytest.mark.parametrize("dynamics", ALL_DYNAMICS)
def test_kinds_in_the_place_of_parameters(dynamics: str, kind: str) -> None:
    make = {**DENSE, **REFUSED}[kind]

    def child() -> None:
        given: dict[str, Any] = {"inputs": arguments()["inputs"]}
        try:
            got = run_parameters(dynamics, {**given, "make": make})
        except LiquidError:
            assert kind in REFUSED or kind == "functional", kind  # what is traced has no copy
            return
        net = network(dynamics)
        own = net.neurons[0].dynamics
        for name, parameter in own.named_parameters():
            if makeable(kind, parameter.detach()):
                own.set_values({name: plain(make(parameter.detach()))})
        with fused.disabled():
            wanted = [net(**given), torch.from_numpy(net.stream().step([0.5] * SIZES["inputs"]))]
        replaced = any(makeable(kind, p.detach()) for p in own.parameters())
        assert kind in DENSE or not replaced, kind
        for mine, reference in zip(got, wanted):
            torch.testing.assert_close(plain(mine), reference.detach(), rtol=1e-9, atol=1e-11)

    isolated(child)


def test_batched_by_vmap_and_dual() -> None:
    def child() -> None:
        from torch.autograd import forward_ad

        for dynamics in ALL_DYNAMICS:
            net, inputs = network(dynamics), arguments()["inputs"]
            torch.testing.assert_close(torch.func.vmap(net)(inputs), net(inputs))
            tangent = torch.ones_like(inputs)
            for grad_mode in (torch.no_grad, torch.enable_grad):
                with grad_mode(), forward_ad.dual_level():
                    dual = net(forward_ad.make_dual(inputs, tangent))
                    got = forward_ad.unpack_dual(dual).tangent
                    assert got is not None
                step = 1e-6
                central = (net(inputs + step * tangent) - net(inputs - step * tangent)) / (2 * step)
                torch.testing.assert_close(got, central, rtol=1e-6, atol=1e-8)

    isolated(child)


def test_parameters_whose_memory_was_freed() -> None:
    """As fully sharded training leaves them between calls: views of memory that is not there."""

    def child() -> None:
        for dynamics in ALL_DYNAMICS:
            for name in dict(network(dynamics).neurons[0].dynamics.named_parameters()):
                net = network(dynamics)
                view = net.neurons[0].dynamics.get_parameter(name).detach().clone()
                del net.neurons[0].dynamics._parameters[name]
                setattr(net.neurons[0].dynamics, name, view)
                net(arguments()["inputs"])
                view.untyped_storage().resize_(0)
                with pytest.raises(LiquidError, match=name):
                    net(arguments()["inputs"])

    isolated(child)


class _Doubled(nn.Module):
    def forward(self, value: Tensor) -> Tensor:
        return 2.0 * value


def test_parametrized_in_every_place() -> None:
    def child() -> None:
        for dynamics in ALL_DYNAMICS:
            net, wanted = network(dynamics), network(dynamics)
            own = net.neurons[0].dynamics
            names = [name for name, _ in own.named_parameters()]
            for name in names:
                torch.nn.utils.parametrize.register_parametrization(own, name, _Doubled())
            plain_own = wanted.neurons[0].dynamics
            plain_own.set_values({n: 2.0 * p.detach() for n, p in plain_own.named_parameters()})
            inputs = arguments()["inputs"]
            torch.testing.assert_close(net(inputs), wanted(inputs))
            live, other = net.stream(), wanted.stream()
            steps = [torch.from_numpy(each.step([0.1, 0.2, 0.3])) for each in (live, other)]
            torch.testing.assert_close(*steps)

    isolated(child)
