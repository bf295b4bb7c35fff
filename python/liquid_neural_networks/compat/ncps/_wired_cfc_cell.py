"""``WiredCfCCell``: closed-form dynamics with the parameters of ``ncps``, a cell a wiring layer."""

from __future__ import annotations

from typing import Any, Optional, Union, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ... import wiring as ours
from ..._parameters import Values
from ..._sequences import Number, Sequences
from ...dynamics import ClosedFormDynamics, Storage
from ._cell import WiredCell
from ._cfc_cell import CfCCell, close
from ._population import Population


class BlockClosedForm(ClosedFormDynamics):
    """Closed-form dynamics whose parameters are stored as in ``ncps``: for every layer of the
    wiring and every head one matrix, of the senders before the layer and then its own neurons, here
    ``layer_0_ff1_W`` (n, I + n) and so on, and one for all heads, ``layer_0_mask``."""

    def __init__(self, wiring: ours.Wiring, **options: Any):
        super().__init__(wiring, leaky_wiring=True, backbone_layers=0, **options)
        self.storage = Storage(ClosedFormDynamics)

    def _initial_values(
        self, wiring: ours.Wiring, generator: Optional[torch.Generator]
    ) -> dict[str, Tensor]:
        shapes: dict[str, tuple[int, ...]] = {}
        before = wiring.input_size
        for layer, size in enumerate(self.layout.sizes):
            for head in self.heads:
                shapes[f"layer_{layer}_{head}_W"] = (size, before + size)
                shapes[f"layer_{layer}_{head}_b"] = (size,)
            if self.mode == "pure":
                shapes |= {f"layer_{layer}_{name}": (1, size) for name in ("w_tau", "A")}
            shapes[f"layer_{layer}_mask"] = (size, before + size)
            before = size
        return {name: torch.empty(shape) for name, shape in shapes.items()}

    def values(self) -> Values:
        values = self.stored()
        for layer in self._layers:
            close(values, f"layer_{layer}_", values[f"layer_{layer}_mask"])
        if self.mode == "pure":
            for name in ("w_tau", "A"):
                parts = [values[f"layer_{layer}_{name}"].flatten() for layer in self._layers]
                values[name] = torch.cat(parts)
        return values

    @property
    def _layers(self) -> range:
        return range(len(self.layout.sizes))

    def _matrices(self, values: Values) -> Values:
        made: Values = {}
        within, everything, start = [], [], 0
        for layer, size in enumerate(self.layout.sizes):
            block = torch.cat([values[f"layer_{layer}_{head}_W"] for head in self.heads])
            before, own = torch.split(block, [block.shape[1] - size, size], 1)
            within.append(_among(own, start, self.units))
            if layer == 0:
                made["W_in"] = before
                everything.append(within[0])
            else:
                made[f"between_{layer}_{layer - 1}"] = before.t()
                # In the state a layer stands right behind the one before.
                everything.append(_among(block, start - before.shape[1], self.units))
            start += size
        below = len(self.heads) * self.units - len(made["W_in"])
        return {
            **made,
            "W_in": functional.pad(made["W_in"], (0, 0, 0, below)),
            "recurrent": torch.cat(within).t(),
            "recurrent_all": torch.cat(everything).t(),
            "bias": torch.cat(
                [values[f"layer_{layer}_{head}_b"] for layer in self._layers for head in self.heads]
            ),
        }

    def _of_layers(self, values: Values) -> Values:
        names = ("w_tau", "A") if self.mode == "pure" else ("time_a_b",)
        return {
            f"{name}_{layer}": values[f"layer_{layer}_{name}"].flatten()
            for name in names
            for layer in self._layers
        }


def _among(block: Tensor, start: int, units: int) -> Tensor:
    """(rows, N) the columns of a block from ``start`` on, and 0 elsewhere."""
    return functional.pad(block, (start, units - start - block.shape[1]))


class WiredCfCCell(WiredCell):
    """One step of a wired CfC, a masked cell for each layer of the wiring.

    As in ``ncps``, the state is ordered by layer (inter, command, motor), and the time gates do
    not respect the wiring.
    """

    def __init__(self, input_size: Optional[int], wiring: Any, mode: str = "default"):
        super().__init__(wiring, input_size, "input_size")
        features, before = wiring.input_dim, None
        for layer in range(wiring.num_layers):
            here = wiring.get_neurons_of_layer(layer)
            synapses = (
                wiring.sensory_adjacency_matrix[:, here]
                if before is None
                else wiring.adjacency_matrix[np.ix_(before, here)]
            )
            mask = np.concatenate([synapses, np.ones((len(here), len(here)))], axis=0)
            cell = CfCCell(features, len(here), mode, backbone_layers=0, sparsity_mask=mask)
            self.register_module(f"layer_{layer}", cell)
            features, before = len(here), here
        grown = _layered(wiring.input_dim, self.layer_sizes)
        self._own = Population(
            lambda: BlockClosedForm(grown, mode=mode),
            grown,
            dynamics="closed_form",
        )

    @property
    def _layers(self) -> list[CfCCell]:
        return [cast(CfCCell, cell) for cell in self.children()]

    @property
    def layer_sizes(self) -> list[int]:
        return [cell.hidden_size for cell in self._layers]

    @property
    def num_layers(self) -> int:
        return len(self._layers)

    def forward(
        self,
        input: Tensor,
        hx: Optional[Tensor],
        timespans: Optional[Number] = None,
        *,
        sequences: Optional[Sequences] = None,
        memory: Optional[Values] = None,
    ) -> Union[Tensor, tuple[Tensor, Tensor]]:
        """The last layer's state and the new state (B, H) of all.

        ``sequences`` and ``memory`` are how :class:`CfC` runs its cell over whole sequences.
        """
        if sequences is not None:
            return self._states(input, sequences, hx, memory)
        return self._step(input, hx, timespans)

    def read_out(self, states: Tensor) -> Tensor:
        """Outputs (..., O) from states (..., H): the last layer's neurons."""
        size = self._layers[-1].hidden_size
        return states.narrow(-1, self.state_size - size, size)

    def _results(self, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.read_out(state), state

    # -- as a population of this library -------------------------------------------------------

    @property
    def like(self) -> Tensor:
        return self._layers[0].like

    def _population(self) -> Population:
        return self._own

    def _lend(self) -> Values:
        return {
            f"layer_{layer}_{name}": value
            for layer, cell in enumerate(self._layers)
            for name, value in cell.heads().items()
        }


def _layered(inputs: int, sizes: list[int]) -> ours.Wiring:
    """Neurons layer by layer, all synapses there: the masks of the cells say which do something."""
    units = sum(sizes)
    members = np.split(np.arange(units), np.cumsum(sizes)[:-1])
    return ours.Wiring.from_matrices(
        np.ones((units, units), dtype=int),
        np.ones((inputs, units), dtype=int),
        layers={f"layer_{index}": ids.tolist() for index, ids in enumerate(members)},
    )
