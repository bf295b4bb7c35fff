"""A population of this library that computes with the parameters of a cell of ``ncps``."""

from __future__ import annotations

from typing import Any, Callable, Optional, TypeVar

import torch
from torch import Tensor, nn

from ..._parameters import ParameterModule, Values, refresh
from ..._sequences import Sequences
from ...dynamics import Dynamics
from ...memory import MemoryCell
from ...neuron import LiquidNeuron
from ...wiring import Wiring

Parameters = TypeVar("Parameters", bound=ParameterModule)


class Population:
    """A population without parameters of its own: every call lends it those of a cell.

    It is no module: a cell that has one keeps the parameters, the state dict and the submodules
    that it has in ``ncps``.

    Args:
        make: its dynamics, on the meta device: their parameters are shapes without numbers.
        wiring: of the population.
        **options: of :class:`LiquidNeuron`; ``dynamics`` names those that these compute like.
    """

    def __init__(self, make: Callable[[], Dynamics], wiring: Wiring, **options: Any):
        with torch.device("meta"):
            self._neuron = LiquidNeuron(wiring.input_size, wiring=wiring, **options)
            self._neuron.dynamics = make()
            self._memory = MemoryCell(wiring.input_size, wiring.units)

    def states(
        self,
        parameters: Values,
        memory: Optional[Values],
        sequences: Sequences,
        state: Optional[Tensor],
        training: bool,
    ) -> Tensor:
        """(B, T, N) after each time step, with a memory (B, T, 2 N).

        Args:
            parameters: of the dynamics, by their names there.
            memory: of the memory cell beside the neurons, or None.
            sequences, state: see :meth:`LiquidNeuron.forward`.
            training: whether dropout acts.
        """
        neuron = _with(
            self._neuron,
            dynamics=_lent(self._neuron.dynamics, parameters, training),
            memory=None if memory is None else _lent(self._memory, memory, training),
        )
        # No one can have hung hooks on it, so it need not be called as a module.
        return neuron.forward(sequences.inputs, state, sequences=sequences)


def _lent(module: Parameters, parameters: Values, training: bool) -> Parameters:
    """The same module with the parameters of another, for one call."""
    return _with(module, _parameters=parameters, training=training)


Module = TypeVar("Module", bound=nn.Module)


def _with(module: Module, **attributes: Any) -> Module:
    """The same module but for some attributes. Nothing is copied, as in torch's own replicas for
    several devices: what a module has found out about its wiring is shared."""
    other = object.__new__(type(module))
    other.__dict__.update(module.__dict__, **attributes)
    return other


def own(module: nn.Module, name: str) -> Tensor:
    """A parameter of a module, or what stands in for it: pruned, parametrised, of a replica. An
    attribute of a module takes longer to find than a parameter."""
    parameters = module._parameters
    found = parameters[name] if name in parameters else getattr(module, name)
    assert found is not None
    return found


def linear(name: str, layer: nn.Module) -> Values:
    """The weights and the bias of a linear layer, as a call of it would find them."""
    if layer._forward_pre_hooks:
        refresh(layer)
    return {f"{name}_W": own(layer, "weight"), f"{name}_b": own(layer, "bias")}
