"""``CfCCell``: closed-form dynamics with the parameters of ``ncps``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional, Union, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ... import wiring as ours
from ..._checks import check_choice
from ..._parameters import Values
from ..._sequences import Number, Sequences
from ...dynamics import ClosedFormDynamics, Storage
from ...dynamics._closed_form import MODES
from ._cell import Cell
from ._population import Population, linear, own


class LeCun(nn.Module):
    """1.7159 tanh(0.666 y)."""

    def forward(self, y: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(0.666 * y)


ACTIVATIONS: Mapping[str, type[nn.Module]] = {
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "lecun_tanh": LeCun,
}


class JoinedClosedForm(ClosedFormDynamics):
    """Closed-form dynamics whose parameters are stored as in ``ncps``: weights of inputs and of
    neurons side by side in one matrix (rows, I + N), here ``backbone_0_W`` or, without a backbone,
    ``ff1_W`` and so on. A ``mask`` may close synapses of ff1 and ff2."""

    def __init__(self, wiring: ours.Wiring, masked: bool, **options: Any):
        self._masked = masked
        super().__init__(wiring, **options)
        self.storage = Storage(ClosedFormDynamics)

    def _initial_values(
        self, wiring: ours.Wiring, generator: Optional[torch.Generator]
    ) -> dict[str, Tensor]:
        joined, hidden, units = wiring.input_size + wiring.units, self.backbone_units, wiring.units
        shapes: dict[str, tuple[int, ...]] = {}
        width = joined
        for layer in range(self.backbone_layers):
            shapes |= {f"backbone_{layer}_W": (hidden, width), f"backbone_{layer}_b": (hidden,)}
            width = hidden
        for head in self.heads:
            shapes |= {f"{head}_W": (units, width), f"{head}_b": (units,)}
        if self.mode == "pure":
            shapes |= {"w_tau": (1, units), "A": (1, units)}
        if self._masked:
            shapes["mask"] = (units, width)
        return {name: torch.empty(shape) for name, shape in shapes.items()}

    def values(self) -> Values:
        values = self.stored()
        if self._masked:
            close(values, "", values.pop("mask"))
        if self.mode == "pure":
            values |= {name: values[name].flatten() for name in ("w_tau", "A")}
        if self.backbone is not None:
            parts = torch.split(values.pop("backbone_0_W"), [self.input_size, self.units], 1)
            values["backbone_0_W_in"], values["backbone_0_W_rec"] = parts
        return values

    def _matrices(self, values: Values) -> Values:
        if self.backbone is not None:
            return super()._matrices(values)
        weights = torch.cat([values[f"{head}_W"] for head in self.heads])
        sensory, recurrent = torch.split(weights, [self.input_size, self.units], 1)
        return {
            "W_in": sensory,
            "bias": torch.cat([values[f"{head}_b"] for head in self.heads]),
            "recurrent": recurrent.t(),
            "recurrent_all": recurrent.t(),
        }


class CfCCell(Cell):
    """One step of closed-form dynamics; arguments and parameters are those of ``ncps``."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        mode: str = "default",
        backbone_activation: str = "lecun_tanh",
        backbone_units: int = 128,
        backbone_layers: int = 1,
        backbone_dropout: float = 0.0,
        sparsity_mask: Optional[npt.NDArray[Any]] = None,
    ):
        super().__init__()
        check_choice("mode", mode, MODES)
        check_choice("backbone_activation", backbone_activation, ACTIVATIONS)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.mode = mode
        self.backbone_layers = backbone_layers
        self.sparsity_mask: Optional[nn.Parameter] = None
        self._masked = sparsity_mask is not None
        if sparsity_mask is not None:
            mask = torch.from_numpy(np.abs(sparsity_mask.T).astype(np.float32))
            self.sparsity_mask = nn.Parameter(mask, requires_grad=False)
        self.backbone: Optional[nn.Sequential] = None
        width = input_size + hidden_size
        if backbone_layers > 0:
            layers: list[nn.Module] = []
            for layer in range(backbone_layers):
                layers += [nn.Linear(width, backbone_units), ACTIVATIONS[backbone_activation]()]
                if layer > 0 and backbone_dropout > 0.0:
                    layers.append(nn.Dropout(backbone_dropout))
                width = backbone_units
            self.backbone = nn.Sequential(*layers)
        self.ff1 = nn.Linear(width, hidden_size)
        if mode == "pure":
            self.w_tau = nn.Parameter(torch.zeros(1, hidden_size))
            self.A = nn.Parameter(torch.ones(1, hidden_size))
        else:
            self.ff2 = nn.Linear(width, hidden_size)
            self.time_a = nn.Linear(width, hidden_size)
            self.time_b = nn.Linear(width, hidden_size)
        self.init_weights()
        options: dict[str, Any] = {"mode": mode, "backbone_layers": backbone_layers}
        if backbone_layers > 0:
            options |= {
                "backbone_units": backbone_units,
                "backbone_activation": backbone_activation,
                "backbone_dropout": backbone_dropout,
            }
        masked, wiring = self._masked, ours.fully_connected(hidden_size).build(input_size)
        self._own = Population(
            lambda: JoinedClosedForm(wiring, masked, **options),
            wiring,
            dynamics="closed_form",
        )

    def init_weights(self) -> None:
        for weights in self.parameters():
            if weights.dim() == 2 and weights.requires_grad:
                nn.init.xavier_uniform_(weights)

    def forward(
        self,
        input: Tensor,
        hx: Optional[Tensor],
        ts: Optional[Number] = None,
        *,
        sequences: Optional[Sequences] = None,
        memory: Optional[Values] = None,
    ) -> Union[Tensor, tuple[Tensor, Tensor]]:
        """The new state (B, H), twice; ``ts`` may be a number, or (B,) or (B, 1).

        ``sequences`` and ``memory`` are how :class:`CfC` runs its cell over whole sequences.
        """
        if sequences is not None:
            return self._states(input, sequences, hx, memory)
        return self._step(input, hx, ts)

    def _results(self, state: Tensor) -> tuple[Tensor, Tensor]:
        return state, state

    # -- as a population of this library -------------------------------------------------------

    @property
    def sizes(self) -> tuple[int, int]:
        return self.input_size, self.hidden_size

    @property
    def like(self) -> Tensor:
        return own(self.ff1, "weight")

    def _population(self) -> Population:
        return self._own

    def _lend(self) -> Values:
        lent: Values = {}
        if self.backbone is not None:
            dense = [layer for layer in self.backbone if isinstance(layer, nn.Linear)]
            for index, layer in enumerate(dense):
                lent |= linear(f"backbone_{index}", layer)
        return lent | self.heads()

    def heads(self) -> Values:
        """The parameters of the heads, their mask among them."""
        lent: Values = {}
        for head in MODES[self.mode]:
            lent |= linear(head, cast(nn.Module, self._modules[head]))
        if self.mode == "pure":
            lent |= {"w_tau": own(self, "w_tau"), "A": own(self, "A")}
        if self._masked:
            lent["mask"] = own(self, "sparsity_mask")
        return lent


def close(values: Values, prefix: str, mask: Tensor) -> None:
    """Multiplies the weights of the heads that respect a wiring by its mask."""
    for name in (f"{prefix}ff1_W", f"{prefix}ff2_W"):
        if name in values:
            values[name] = values[name] * mask
