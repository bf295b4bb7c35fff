"""Small networks and inputs that several test modules use."""

from __future__ import annotations

from typing import Any, Optional

import torch
from torch import Tensor

from liquid_neural_networks import LiquidNetwork, engines, wiring
from liquid_neural_networks.dynamics import DYNAMICS
from liquid_neural_networks.solvers import SOLVERS

ALL_DYNAMICS = sorted(DYNAMICS)
ALL_SOLVERS = sorted(SOLVERS)
ODES = sorted(name for name, each in DYNAMICS.items() if each.solvable)
METHODS = [(dynamics, solver) for dynamics in ODES for solver in ALL_SOLVERS]
METHODS += [(dynamics, None) for dynamics in ALL_DYNAMICS if dynamics not in ODES]
"""Every dynamics with every solver it takes."""

RECIPES = {
    "full": wiring.fully_connected(7, motor=2),
    "random": wiring.random(7, motor=2, sparsity=0.6, seed=3),
    "ncp": wiring.ncp(inter=3, command=2, motor=2, seed=1),
    "auto_ncp": wiring.auto_ncp(9, motor=2, sparsity=0.4, seed=2),
}


def network(
    dynamics: Any = "conductance",
    solver: Optional[str] = None,
    dtype: torch.dtype = torch.float64,
    **options: Any,
) -> LiquidNetwork:
    """3 inputs, 5 neurons, 2 outputs unless said otherwise."""
    options.setdefault("seed", 0)
    if not DYNAMICS[dynamics if isinstance(dynamics, str) else dynamics["type"]].solvable:
        options.pop("unfolds", None)
    sizes = {} if "wiring" in options else {"hidden_size": 5}
    built = LiquidNetwork(3, output_size=2, dynamics=dynamics, solver=solver, **sizes, **options)
    return built.to(dtype)


def sequences(batch: int = 4, steps: int = 6, features: int = 3, seed: int = 1) -> Tensor:
    """(B, T, I) normal random numbers, float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, steps, features, generator=generator, dtype=torch.float64)


def positive(*shape: int, low: float = 0.1, high: float = 2.0, seed: int = 2) -> Tensor:
    """Uniform random numbers between ``low`` and ``high``, float64."""
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(*shape, generator=generator, dtype=torch.float64)


def engine_of(net: LiquidNetwork, arguments: dict[str, Any]) -> str:
    """The name of the engine that runs a call of the first population."""
    with engines.report() as choices:
        net(**arguments)
    return choices[0].engine
