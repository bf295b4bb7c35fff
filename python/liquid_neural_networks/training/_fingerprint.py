"""Fingerprints of what a training is made of: a checkpoint goes on with the same only."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any, Callable, Optional
from zlib import crc32

import torch
from torch import nn

from .._tensors import array_of
from ..data import Windows
from ..network import LiquidNetwork


def of_data(*parts: Optional[Windows]) -> int:
    """Of every number in some windows."""
    digest = 0
    for part in parts:
        if part is not None:
            for value in (part.inputs, part.targets, part.elapsed_time, part.mask):
                there = b"" if value is None else array_of(value).tobytes()
                digest = crc32(there, digest)
    return digest


def of_network(network: nn.Module) -> int:
    """Of what a state dict does not tell of a liquid network: its options and its wirings."""
    if not isinstance(network, LiquidNetwork):
        return 0
    wirings = [neuron.dynamics.wiring_digest() for _, neuron in network.populations()]
    return crc32(repr((network.config(), wirings)).encode())


def of_optimizer(optimizer: torch.optim.Optimizer) -> str:
    """Its name and options, but for those that only say how it computes the same, and for the
    learning rate, which is a setting of its own."""
    left_out = ("lr", "fused", "foreach")
    options = {name: value for name, value in optimizer.defaults.items() if name not in left_out}
    return f"{type(optimizer).__name__} {sorted(options.items())}"


def of_function(function: Callable[..., Any]) -> str:
    """Its name, or that of its class; of a dataclass, its fields as well."""
    if is_dataclass(function):
        return repr(function)
    return getattr(function, "__qualname__", type(function).__qualname__)
