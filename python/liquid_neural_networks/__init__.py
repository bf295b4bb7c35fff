"""Liquid neural networks: small continuous-time recurrent networks with adaptive time constants.

>>> import torch
>>> from liquid_neural_networks import LiquidNetwork
>>> network = LiquidNetwork(input_size=10, hidden_size=32, output_size=2)
>>> outputs = network(torch.randn(8, 50, 10))
"""

from importlib import import_module
from types import ModuleType

from . import engines, errors, fused, parallel_time, wiring
from ._version import VERSION as __version__
from .network import LiquidNetwork, Trace
from .neuron import LiquidNeuron
from .streaming import Stream

_ON_DEMAND = (
    "compat",
    "conformance",
    "data",
    "export",
    "imputation",
    "inspection",
    "plots",
    "tasks",
    "training",
)


def __getattr__(name: str) -> ModuleType:
    # These take time to import, so only who names them waits for it.
    if name in _ON_DEMAND:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "LiquidNetwork",
    "LiquidNeuron",
    "Stream",
    "Trace",
    "__version__",
    "engines",
    "errors",
    "fused",
    "parallel_time",
    "wiring",
]
