"""Why a network says what it says, by handle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional, Union

import torch
from torch import Tensor

from .. import inspection
from ..network import LiquidNetwork
from ._arrays import Given, array_description
from ._calls import Plain, guarded, held
from ._network import arguments, introduced


@guarded
def attribute(
    handle: int,
    given: Mapping[str, Given],
    output: Union[int, list[int]] = 0,
    options: Optional[Mapping[str, Any]] = None,
) -> Plain:
    """The fields of an :class:`inspection.Attribution`; ``given`` may have a ``baseline``."""
    network = held(handle, LiquidNetwork)
    made = arguments(network, given)
    asked = tuple(output) if isinstance(output, list) else output
    found = inspection.attribute(network, output=asked, **made, **(options or {}))  # type: ignore[arg-type]
    return {
        name: array_description(value) if isinstance(value, Tensor) else value
        for name, value in vars(found).items()
    }


@guarded
def rules(
    handle: int, given: Mapping[str, Given], options: Optional[Mapping[str, Any]] = None
) -> Plain:
    """The fields of :class:`inspection.Rules` but for the tree."""
    network = held(handle, LiquidNetwork)
    found = inspection.rules(network, **arguments(network, given), **(options or {}))
    return {name: value for name, value in vars(found).items() if name != "tree"}


@guarded
def formula(
    handle: int, given: Mapping[str, Given], options: Optional[Mapping[str, Any]] = None
) -> Plain:
    """The fields of :class:`inspection.Formula`."""
    network = held(handle, LiquidNetwork)
    found = inspection.formula(network, **arguments(network, given), **(options or {}))
    return dict(vars(found))


@guarded
def ablate(
    handle: int,
    neurons: Iterable[int] = (),
    synapses: Iterable[tuple[int, int]] = (),
    sensory_synapses: Iterable[tuple[int, int]] = (),
    population: int = 0,
) -> Plain:
    """Another network without some neurons or synapses, see :meth:`LiquidNetwork.ablate`."""
    network = held(handle, LiquidNetwork)
    return introduced(network.ablate(neurons, synapses, sensory_synapses, population))


@guarded
def fixed_points(
    handle: int, given: Mapping[str, Given], options: Optional[Mapping[str, Any]] = None
) -> Plain:
    """The fields of :class:`inspection.FixedPoints`; eigenvalues as pairs of real and imaginary
    part."""
    network = held(handle, LiquidNetwork)
    found = inspection.fixed_points(network, **arguments(network, given), **(options or {}))
    return {
        "kind": found.kind,
        "stable": found.stable.tolist(),
        "found": found.found.tolist(),
        "states": array_description(found.states),
        "speeds": array_description(found.speeds),
        "jacobians": array_description(found.jacobians),
        "eigenvalues": array_description(torch.view_as_real(found.eigenvalues)),
        "outputs": None if found.outputs is None else array_description(found.outputs),
    }
