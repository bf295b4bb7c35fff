"""Networks by handle: made, run, looked into, saved."""

from __future__ import annotations

import copy
import inspect
import io
import platform
import sys
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, Optional, cast
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from .. import __version__, fused, inspection, model_file
from .._checks import check_choice, check_count, check_integer
from ..errors import DomainError, OptionError
from ..network import LiquidNetwork
from ..neuron import LiquidNeuron
from ..wiring import Wiring
from ._arrays import Given, array_description, has_nan, tensor
from ._calls import Plain, guarded, held, hold

DTYPES = {"float32": torch.float32, "float64": torch.float64}
PICTURES = ("wiring", "states", "time_constants")


@guarded
def version() -> Plain:
    """What runs: the version of this package, of torch, and of the compiled step."""
    status = fused.status()
    return {
        "version": __version__,
        "torch": str(torch.__version__),
        "fused": status.available,
        "reason": status.reason,
        "instruction_set": status.instruction_set,
        "python": platform.python_version(),
        "prefix": sys.prefix,
        "threads": torch.get_num_threads(),
    }


@guarded
def set_threads(count: int) -> None:
    """How many threads torch may use."""
    torch.set_num_threads(check_count("threads", count))


@guarded
def create_network(options: Mapping[str, Any], dtype: str = "float32") -> Plain:
    """A network in evaluation mode; ``options`` are those of :class:`LiquidNetwork`.

    A wiring may also be given by its synapses, as :func:`wiring` returns it.
    """
    check_choice("dtype", dtype, DTYPES)
    options = dict(options)
    if "input_size" not in options:
        raise OptionError("is required", "input_size")
    if "wiring" in options:
        options["wiring"] = _wirings(options["wiring"])
    for name in options:
        check_choice("option", name, _OPTIONS)
    return introduced(LiquidNetwork(**options).to(DTYPES[dtype]))


_OPTIONS = tuple(inspect.signature(LiquidNetwork).parameters)


def _wirings(given: Any) -> Any:
    if isinstance(given, (list, tuple)):
        return [_wirings(each) for each in given]
    if isinstance(given, Mapping) and "pre" in given:
        return Wiring.from_dict(given)
    return given


def introduced(network: LiquidNetwork) -> Plain:
    """A handle of the network in evaluation mode, and the facts that tell one from another."""
    populations = [_wiring(each) for each in network.neurons]
    return {
        "handle": hold(network.eval()),
        **network.config(),
        "dtype": str(_dtype(network)).rpartition(".")[2],
        "synapses": sum(each.synapse_count for each in populations),
        "sensory_synapses": sum(each.sensory_synapse_count for each in populations),
        "parameters": sum(each.numel() for each in network.parameters()),
    }


def _wiring(neuron: object) -> Wiring:
    assert isinstance(neuron, LiquidNeuron)
    return neuron.wiring


_dtypes: WeakKeyDictionary[LiquidNetwork, torch.dtype] = WeakKeyDictionary()


def _dtype(network: LiquidNetwork) -> torch.dtype:
    """Of the parameters; it never changes here, and the first look at them takes a while."""
    found = _dtypes.get(network)
    if found is None:
        found = _dtypes[network] = next(network.parameters()).dtype
    return found


def arguments(network: LiquidNetwork, given: Mapping[str, Given]) -> dict[str, Any]:
    """The arguments of a forward pass as tensors; NaN in the inputs is a missing value."""
    made = _tensors(network, given)
    if "mask" not in made and has_nan(made["inputs"]):
        made["mask"] = ~made["inputs"].isnan()
    return made


def _tensors(
    network: LiquidNetwork, given: Mapping[str, Given], copy: bool = True
) -> dict[str, Any]:
    dtype = _dtype(network)
    return {
        name: tensor(value, None if name == "mask" else dtype, copy)
        for name, value in given.items()
        if value is not None
    }


def _run(network: LiquidNetwork, made: Mapping[str, Any], return_state: bool) -> Any:
    """A forward pass; NaN in the inputs is a missing value."""
    try:
        return network(**made, return_state=return_state)
    except DomainError as error:
        # To look for NaN first would take longer than a small network does.
        if error.argument != "inputs" or "mask" in made or not has_nan(made["inputs"]):
            raise
    return network(**made, mask=~made["inputs"].isnan(), return_state=return_state)


def sharing_parameters(network: LiquidNetwork) -> LiquidNetwork:
    """A second network with the very same parameters and buffers, and a mode of its own."""
    shared = {id(each): each for each in chain(network.parameters(), network.buffers())}
    return copy.deepcopy(network, cast("dict[int, Any]", shared))


@guarded
@torch.no_grad()
def forward(
    handle: int,
    given: Mapping[str, Given],
    return_state: bool = False,
    dropout: bool = False,
) -> Plain:
    """Runs a network in evaluation mode, or with dropout, as in training.

    ``given`` are the arguments of :meth:`LiquidNetwork.forward`.
    """
    network = held(handle, LiquidNetwork)
    if dropout:
        network = sharing_parameters(network).train()
    found = _run(network, _tensors(network, given, copy=False), return_state)
    outputs, state = found if return_state else (found, None)
    return {
        "outputs": array_description(outputs),
        "state": None if state is None else array_description(state),
    }


@guarded
@torch.no_grad()
def trace(
    handle: int,
    given: Mapping[str, Given],
    fields: Iterable[str],
    population: int = 0,
) -> Plain:
    """The named fields of :class:`Trace` and, if asked for, the synapses' ``currents``."""
    network = held(handle, LiquidNetwork)
    made, wanted = arguments(network, given), set(fields)
    found = network.trace(**made, population=population, synapses=bool(wanted & _SYNAPTIC))
    values: dict[str, Tensor] = {
        name: value for name, value in found._asdict().items() if name in wanted
    }
    if wanted & _CURRENTS:
        currents = inspection.synapse_currents(network, **made, population=population)
        values["currents"], values["sensory_currents"] = currents
    return {name: array_description(value) for name, value in values.items() if name in wanted}


_SYNAPTIC = {"activations", "sensory_activations"}
_CURRENTS = {"currents", "sensory_currents"}


@guarded
def describe(handle: int) -> Plain:
    """What a network is made of, see :func:`inspection.describe`."""
    return inspection.describe(held(handle, LiquidNetwork)).to_dict()


@guarded
def wiring(handle: int) -> list[Plain]:
    """Every population's synapses, as :func:`create_network` takes them."""
    return [_wiring(each).to_dict() for each in held(handle, LiquidNetwork).neurons]


@guarded
def parameters(handle: int) -> Plain:
    """Every parameter by its name in ``.lnn`` files, as the equations see it."""
    values = held(handle, LiquidNetwork).values()
    return {name: array_description(value) for name, value in values.items()}


@guarded
def set_parameters(handle: int, given: Mapping[str, Given]) -> None:
    """Sets some parameters, all of them or none; names are those of :func:`parameters`."""
    network = held(handle, LiquidNetwork)
    known, values = network.values(), {}
    for name, value in given.items():
        check_choice("parameters", name, known)
        made = tensor(value)
        assert made is not None
        values[name] = made
    network.set_values(values)


@guarded
def save(handle: int, path: str, metadata: Optional[Mapping[str, Any]] = None) -> None:
    """Writes a ``.lnn`` file, atomically."""
    model_file.save(held(handle, LiquidNetwork).to_model(metadata=metadata), path)


@guarded
def load_network(path: str) -> Plain:
    """The network in a ``.lnn`` file, with its scaling and metadata."""
    found = model_file.load(path)
    return {
        **introduced(LiquidNetwork.from_model(found)),
        "scaling": found.scaling,
        "metadata": found.metadata,
    }


@guarded
@torch.no_grad()
def draw(
    handle: int, picture: str, given: Optional[Mapping[str, Given]] = None, population: int = 0
) -> Plain:
    """A PNG of the wiring, or of what one population does with inputs."""
    from .. import plots

    network = held(handle, LiquidNetwork)
    check_choice("picture", picture, PICTURES)
    population = check_integer("population", population, 0, len(network.neurons) - 1)
    if picture == "wiring":
        axes = plots.plot_wiring(_wiring(network.neurons[population]))
    elif given is None:
        raise OptionError("are needed to draw what a network does", "inputs")
    else:
        found = network.trace(**arguments(network, given), population=population)
        plot = plots.plot_states if picture == "states" else plots.plot_time_constants
        axes = plot(found)
    png = io.BytesIO()
    plots.save(axes, png)
    return array_description(np.frombuffer(png.getvalue(), np.uint8))
