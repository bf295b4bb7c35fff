"""A network of given sizes beside its peers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple, Optional

import torch
from torch import Tensor, nn

from ..network import LiquidNetwork
from ..wiring import fully_connected, ncp, random
from ._peers import contestants
from ._timing import interleaved, ratio

MODES = ("forward", "train")


@dataclass(frozen=True)
class Case:
    """What is measured.

    Attributes:
        batch, steps, inputs, units: B, T, I and N.
        wiring: ``"full"``, ``"ncp"``, or ``"sparse"`` (10 % of the synapses).
        dynamics: as :class:`LiquidNetwork` expects it.
    """

    batch: int
    steps: int
    inputs: int
    units: int
    wiring: str = "full"
    dynamics: str = "conductance"

    def build(self) -> LiquidNetwork:
        """The network of this case, float32."""
        recipe: Any
        if self.wiring == "ncp":
            motor = max(1, self.units // 16)
            command = max(1, (self.units - motor) * 2 // 5)
            recipe = ncp(self.units - motor - command, command, motor, seed=0)
        elif self.wiring == "sparse":
            recipe = random(self.units, sparsity=0.9, seed=0)
        else:
            recipe = fully_connected(self.units)
        return LiquidNetwork(
            self.inputs, output_size=1, wiring=recipe, dynamics=self.dynamics, seed=0
        )

    def __str__(self) -> str:
        sizes = f"{self.batch}, {self.steps}, {self.inputs}, {self.units}"
        return f"{sizes} {self.wiring} {self.dynamics}"


class Timing(NamedTuple):
    """One contestant.

    Attributes:
        milliseconds: median time of one call.
        ratio: how many times longer it takes than the compiled step.
        error: largest difference of its outputs from ours, where the model is the same.
    """

    milliseconds: float
    ratio: float
    error: Optional[float]


def compare(case: Case, mode: str, seconds: float = 2.0) -> dict[str, Timing]:
    """Times every contestant, for about ``seconds`` in all.

    ``mode`` is ``"forward"`` (no gradients) or ``"train"`` (forward and backward).
    """
    inputs = torch.randn(
        case.batch, case.steps, case.inputs, generator=torch.Generator().manual_seed(0)
    )
    models = contestants(case.build())
    times = interleaved(
        {name: _call(model, inputs, mode) for name, model in models.items()}, seconds
    )
    same = {"reference", "ncps LTC", "ncps CfC" if case.dynamics == "closed_form" else ""}
    return {
        name: Timing(
            1e3 * median(own),
            ratio(own, times["fused"]),
            _difference(models, name, inputs) if name in same else None,
        )
        for name, own in times.items()
    }


def _call(model: nn.Module, inputs: Tensor, mode: str) -> Callable[[], Any]:
    if mode == "forward":

        def forward() -> Any:
            with torch.no_grad():
                return model(inputs)

        return forward

    def train() -> None:
        model.zero_grad()
        model(inputs).square().mean().backward()

    return train


def _difference(models: Mapping[str, nn.Module], name: str, inputs: Tensor) -> float:
    with torch.no_grad():
        return float((models[name](inputs) - models["fused"](inputs)).abs().max())
