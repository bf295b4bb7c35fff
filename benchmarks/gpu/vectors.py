"""The conformance vectors on a card."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from spec.encoding import VECTORS
from torch import Tensor

from liquid_neural_networks import LiquidNetwork, conformance, engines


def errors(device: str, only: str = "") -> Iterator[tuple[str, float]]:
    """For each vector that the GPU engine runs its name and its largest error, by what is allowed.

    Args:
        device: where to run them.
        only: what the names of the files begin with.
    """
    for path in sorted(VECTORS.glob(f"{only}*.msgpack")):
        case = conformance.read(path)
        if "refused" not in case:
            network = conformance.build(case["model"], torch.float32).to(device)
            if _is_run(network, case, device):
                yield path.stem, _error(network, case, device)


def _is_run(network: LiquidNetwork, case: Any, device: str) -> bool:
    with torch.no_grad(), engines.report() as choices:
        network(**_arguments(case, device))
    return all(choice.engine == "gpu" for choice in choices)


def _error(network: LiquidNetwork, case: Any, device: str) -> float:
    worst, arguments = 0.0, _arguments(case, device)
    with torch.device(device):
        for _, got, expected in conformance._compared(case, network, arguments, torch.float32):
            if expected.size:
                error = np.abs(got - expected).max() / max(1.0, np.abs(expected).max())
                worst = max(worst, float(error) / case["tolerance"]["f4"])
    return worst


def _arguments(case: Any, device: str) -> dict[str, Any]:
    made = conformance._arguments(case["arguments"], torch.float32)
    return {name: _leaf(each, device) for name, each in made.items()}


def _leaf(value: Any, device: str) -> Any:
    if not isinstance(value, Tensor):
        return value
    return value.detach().to(device).requires_grad_(value.requires_grad)
