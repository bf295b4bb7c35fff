"""Liquid neural networks: small continuous-time recurrent networks with adaptive time constants.

>>> import torch
>>> from liquid_neural_networks import LiquidNetwork
>>> network = LiquidNetwork(input_size=10, hidden_size=32, output_size=2)
>>> outputs = network(torch.randn(8, 50, 10))
"""

from importlib import import_module as _import
from pkgutil import iter_modules as _iter_modules
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from . import engines, errors, fused, parallel_time, wiring
    from ._version import VERSION as __version__
    from .network import LiquidNetwork, Trace
    from .neuron import LiquidNeuron
    from .streaming import Stream

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

_HOMES = {
    "LiquidNetwork": ("network", "LiquidNetwork"),
    "LiquidNeuron": ("neuron", "LiquidNeuron"),
    "Stream": ("streaming", "Stream"),
    "Trace": ("network", "Trace"),
    "__version__": ("_version", "VERSION"),
}
"""Public name -> the module that has it, and its name there."""


def __dir__() -> list[str]:
    modules = {each.name for each in _iter_modules(__path__) if not each.name.startswith("_")}
    return sorted({*_HOMES, *modules, "__all__", "__doc__", "__file__", "__name__", "__path__"})


def __getattr__(name: str) -> _Any:
    # Imported when first asked for: torch takes seconds, and `lnn --help` needs none of it.
    if name in _HOMES:
        module, inside = _HOMES[name]
        value = globals()[name] = getattr(_import(f"{__name__}.{module}"), inside)
        return value
    if name in __dir__():
        return _import(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
