"""Liquid neural networks: small continuous-time recurrent networks with adaptive time constants.

>>> import torch
>>> from liquid_neural_networks import LiquidNetwork
>>> network = LiquidNetwork(input_size=10, hidden_size=32, output_size=2)
>>> outputs = network(torch.randn(8, 50, 10))
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from . import errors, fused, parallel_time, wiring
from .network import LiquidNetwork, Trace
from .neuron import LiquidNeuron
from .streaming import Stream

try:
    __version__ = version("liquid-neural-networks")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

_ON_DEMAND = (
    "compat",
    "conformance",
    "data",
    "imputation",
    "inspection",
    "plots",
    "tasks",
    "training",
)


def __getattr__(name: str) -> ModuleType:
    # Rooms that take their time to import, for those who reach them from here.
    if name in _ON_DEMAND:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "LiquidNetwork",
    "LiquidNeuron",
    "Stream",
    "Trace",
    "__version__",
    "errors",
    "fused",
    "parallel_time",
    "wiring",
]
