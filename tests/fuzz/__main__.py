"""Random changes of live networks, then everything that reads parameters: no crash, no difference.

A sequence makes a network, changes it a few times in ways that torch offers (pruning,
parametrizing, exchanging modules, casting, moving to the meta device and back, loading, averaging,
sharing, copying, replacing data), and then runs it forward, backward, live and through a file, on
the compiled engine and on the reference engine. Run under sanitizers it also finds what reads or
writes out of bounds:

    make fuzz
"""

from __future__ import annotations

import copy
import io
import random
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from liquid_neural_networks import LiquidNetwork, LiquidNeuron, fused, model_file, wiring
from liquid_neural_networks.errors import LiquidError

INPUTS, STEPS = 3, 4
SOLVERS = ["fused", "euler", "exponential", "rk4"]


class Halved(nn.Module):
    """A parametrization."""

    def forward(self, value: Tensor) -> Tensor:
        return 0.5 * value


def make(draw: random.Random) -> LiquidNetwork:
    """A small network with any of the options."""
    kind = draw.choice(["conductance", "dense", "lrc", "closed_form", "backbone"])
    options: dict[str, Any] = {}
    if kind == "backbone":
        options = {"backbone_units": 4, "backbone_layers": draw.choice([1, 2])}
        kind = "closed_form"
    if kind == "closed_form":
        options["mode"] = draw.choice(["default", "no_gate", "pure"])
    sparse = draw.random() < 0.5 and "backbone_units" not in options
    recipe = wiring.ncp(inter=3, command=2, motor=2) if sparse else None
    solver = (
        None if kind == "closed_form" else draw.choice(["fused", "euler", "exponential", "rk4"])
    )
    network = LiquidNetwork(
        INPUTS,
        None if sparse else draw.choice([1, 4, 9]),
        2,
        wiring=recipe,
        dynamics={"type": kind, **options},
        solver=solver,
        unfolds=None if solver is None else draw.choice([1, 6]),
        constraint=draw.choice(["clip", "softplus"]),
        mixed_memory=draw.random() < 0.3,
        num_layers=draw.choice([1, 1, 2]),
        readout=draw.choice(["dense", None]),
        seed=draw.randrange(2**20),
    )
    return network.double()


# -- changes: each takes a network and returns one ------------------------------------------------

Change = Callable[[LiquidNetwork, random.Random], LiquidNetwork]


def _module(network: LiquidNetwork, draw: random.Random) -> nn.Module:
    """A module that has parameters of its own."""
    found = [m for m in network.modules() if any(p is not None for p in m._parameters.values())]
    return draw.choice(found)


def _parameter(module: nn.Module, draw: random.Random) -> str:
    return draw.choice([name for name, each in module._parameters.items() if each is not None])


def pruned(network: LiquidNetwork, draw: random.Random) -> LiquidNetwork:
    module = _module(network, draw)
    name = _parameter(module, draw)
    if name.endswith("_orig") or module.get_parameter(name).numel() < 2:
        return network
    prune.random_unstructured(module, name, 0.3)
    if draw.random() < 0.5:
        prune.remove(module, name)
    return network


def parametrized(network: LiquidNetwork, draw: random.Random) -> LiquidNetwork:
    module = _module(network, draw)
    name = _parameter(module, draw)
    if not name.endswith("_orig") and not hasattr(module, "parametrizations"):
        parametrize.register_parametrization(module, name, Halved())
        if draw.random() < 0.3:
            parametrize.remove_parametrizations(module, name)
    return network


def read_out_exchanged(network: LiquidNetwork, draw: random.Random) -> LiquidNetwork:
    width, like = network.hidden_size, network.neurons[0].dynamics.like
    network.readout = draw.choice([
        nn.Linear(width, draw.choice([1, 5])), nn.Linear(width, 2, bias=False), nn.Identity(),
    ]).to(like)  # fmt: skip
    return network


def population_exchanged(network: LiquidNetwork, draw: random.Random) -> LiquidNetwork:
    index = draw.randrange(len(network.neurons))
    old: Any = network.neurons[index]
    new = LiquidNeuron(
        old.input_size, wiring=old.wiring, seed=draw.randrange(2**20), **old.config()
    )
    network.neurons[index] = new.to(old.dynamics.like)
    return network


def cast(network: LiquidNetwork, draw: random.Random) -> LiquidNetwork:
    return network.float().double() if draw.random() < 0.5 else network.float()


def through_meta(network: LiquidNetwork, draw: random.Random) -> LiquidNetwork:
    state = {name: value.clone() for name, value in network.state_dict().items()}
    if any(type(each).__name__.startswith("Parametrized") for each in network.modules()):
        return network
    network.to("meta")
    network.to_empty(device="cpu")
    network.load_state_dict(state)
    return network


def loaded(network: LiquidNetwork, draw: random.Random) -> LiquidNetwork:
    state = {name: value + 0.01 for name, value in network.state_dict().items()}
    network.load_state_dict(state, assign=draw.random() < 0.5)
    return network


def averaged(network: LiquidNetwork, draw: random.Random) -> LiquidNetwork:
    if any(not each.is_leaf for module in network.modules() for each in vars(module).values()
           if isinstance(each, Tensor)):  # fmt: skip
        return network  # torch does not copy what is pruned and was used
    average = AveragedModel(network, use_buffers=draw.random() < 0.5)
    average.update_parameters(network)
    average.update_parameters(network)
    return average.module


def shared(network: LiquidNetwork, draw: random.Random) -> LiquidNetwork:
    owner = _module(network, draw)
    name = _parameter(owner, draw)
    shape = owner._parameters[name].shape
    others = [(m, n) for m in network.modules() for n, p in m._parameters.items()
              if p is not None and p.shape == shape]  # fmt: skip
    module, other = draw.choice(others)
    module._parameters[other] = owner._parameters[name]
    return network


def copied(network: LiquidNetwork, draw: random.Random) -> LiquidNetwork:
    try:
        if draw.random() < 0.5:
            return copy.deepcopy(network)
        buffer = io.BytesIO()
        torch.save(network, buffer)
    except RuntimeError:
        return network  # torch neither copies what was pruned and used, nor what is parametrized
    buffer.seek(0)
    found: LiquidNetwork = torch.load(buffer, weights_only=False)
    return found


def data_replaced(network: LiquidNetwork, draw: random.Random) -> LiquidNetwork:
    module = _module(network, draw)
    parameter = module._parameters[_parameter(module, draw)]
    value = parameter.detach().abs() + 0.05
    parameter.data = draw.choice([
        value, value.flip(0), torch.stack([value, value], -1)[..., 0], torch._neg_view(-value),
    ])  # fmt: skip
    return network


def spoilt(network: LiquidNetwork, draw: random.Random) -> LiquidNetwork:
    """Something that must be refused: another shape or dtype in a parameter's place."""
    module: Any = network.neurons[0].dynamics
    name = _parameter(module, draw)
    if name.endswith("_orig"):
        return network  # torch multiplies it with its mask before any of ours sees it
    value = module._parameters[name].detach()
    module._parameters[name] = nn.Parameter(
        draw.choice([value.float(), value.double(), value[:1], torch.cat([value, value])])
    )
    return network


def trained(network: LiquidNetwork, draw: random.Random) -> LiquidNetwork:
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    network(inputs_for(network, draw)).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()
    return network


CHANGES: list[Change] = [
    pruned, parametrized, read_out_exchanged, population_exchanged, cast, through_meta, loaded,
    averaged, shared, copied, data_replaced, spoilt, trained,
]  # fmt: skip


# -- what is done with a network afterwards --------------------------------------------------------


def inputs_for(network: LiquidNetwork, draw: random.Random) -> Tensor:
    generator = torch.Generator().manual_seed(draw.randrange(2**20))
    batch = draw.choice([1, 2, 5, 9])
    values = torch.randn(batch, STEPS, INPUTS, generator=generator)
    return values.to(network.neurons[0].dynamics.like.dtype)


def outcome(network: LiquidNetwork, inputs: Tensor) -> list[Tensor]:
    """Outputs, every gradient, a live run of the first row, and the outputs after a file."""
    network.zero_grad()
    outputs = network(inputs)
    outputs.square().sum().backward()
    grads = [p.grad.clone() for p in network.parameters() if p.grad is not None]
    live = network.stream()
    steps = [torch.from_numpy(live.step(sample.numpy())) for sample in inputs[0]]
    data = model_file.dumps(network.to_model())
    again = LiquidNetwork.from_model(model_file.loads(data))(inputs)
    return [outputs.detach(), *grads, torch.stack(steps), again.detach()]


def run(seed: int) -> str:
    """One sequence; returns what went wrong, or nothing."""
    draw = random.Random(seed)
    network = make(draw)
    names = []
    for change in draw.choices(CHANGES, k=draw.randint(1, 5)):
        names.append(change.__name__)
        with suppress(LiquidError):  # refused in words
            network = change(network, draw)
    inputs = inputs_for(network, draw)
    results = []
    for disabled in (False, True):
        try:
            if disabled:
                with fused.disabled():
                    results.append(outcome(network, inputs))
            else:
                results.append(outcome(network, inputs))
        except LiquidError as error:
            results.append([str(error).partition(":")[0]])
    got, wanted = results
    what = f"seed {seed}: {', '.join(names)}: "
    if len(got) != len(wanted):
        return f"{what}{got if len(got) == 1 else 'numbers'}, the reference {wanted[:1]}"
    if isinstance(got[0], str):
        return "" if got == wanted else f"{what}{got}, the reference {wanted}"
    single = any(each.dtype == torch.float32 for each in got)
    for index, (mine, reference) in enumerate(zip(got, wanted)):
        if not same(mine, reference, single):
            return f"{what}result {index} differs by {(mine - reference).abs().max():.1e}"
    if not same(got[-2], got[0][0], single):
        return f"{what}the stream differs"
    if not same(got[-1], got[0], single):
        return f"{what}the file differs"
    return ""


def same(mine: Tensor, wanted: Tensor, single: bool) -> bool:
    """But for rounding, which is that of the largest number: the others may be what is left of
    sums of such."""
    rtol, atol = (1e-3, 1e-4) if single else (1e-8, 1e-9)
    finite = wanted[wanted.isfinite()]
    scale = max(1.0, float(finite.abs().max())) if finite.numel() else 1.0
    return torch.allclose(mine, wanted, rtol=rtol, atol=atol * scale, equal_nan=True)


@click.command()
@click.option("--sequences", default=20_000, show_default=True, help="How many to run.")
@click.option("--seed", default=0, show_default=True, help="Of the first; the others follow.")
def main(sequences: int, seed: int) -> None:
    """Changes networks at random and compares the engines, --sequences times."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    wrong, start = 0, time.perf_counter()
    for number in tqdm(range(seed, seed + sequences), mininterval=10):
        try:
            found = run(number)
        except Exception as error:
            found = f"seed {number}: {type(error).__name__}: {error}"
            traceback.print_exc()
        if found:
            wrong += 1
            tqdm.write(found)
    seconds = time.perf_counter() - start
    click.echo(f"{sequences} sequences, {wrong} with a difference, 0 crashes, {seconds:.0f} s")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
