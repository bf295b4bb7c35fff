"""The cells of ``ncps.torch``: its parameters, this library's step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from ... import wiring as ours
from ..._checks import check_choice
from ..._sequences import Number
from ...errors import OptionError
from ._core import Core, one_step

MODES = ("default", "pure", "no_gate")


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


class Cell(nn.Module, ABC):
    """What the cells share: a core for their wiring, made when first needed."""

    def __init__(self) -> None:
        super().__init__()
        self._cores: dict[bool, Core] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cores": {}}

    def _load_from_state_dict(self, *arguments: Any) -> None:
        # Masks say which synapses exist, and another wiring's may come in.
        super()._load_from_state_dict(*arguments)
        self._cores.clear()

    def core(self, mixed_memory: bool = False) -> Core:
        """This cell's population; it is no submodule, for its parameters are not."""
        if mixed_memory not in self._cores:
            self._cores[mixed_memory] = self._make_core(mixed_memory)
        core = self._cores[mixed_memory]
        core.training = self.training
        return core

    def any_core(self) -> Core:
        """Whichever is there: with and without a memory they have the same wiring."""
        return next(iter(self._cores.values())) if self._cores else self.core()

    @abstractmethod
    def _make_core(self, mixed_memory: bool) -> Core:
        """A population with this cell's wiring."""

    @abstractmethod
    def values(self) -> dict[str, Tensor]:
        """The core's parameters by name, made of this cell's."""

    def _step(self, inputs: Tensor, state: Tensor, elapsed: Optional[Number]) -> Tensor:
        states = self.core().run(
            self.values(), None, inputs.unsqueeze(1), state, one_step(elapsed, len(inputs))
        )
        return states.squeeze(1)


class WiredCell(Cell):
    """A cell that has a wiring, and the sizes which that tells.

    ``argument`` is what ``ncps`` calls the number of inputs in this cell.
    """

    def __init__(self, wiring: Any, input_size: Optional[int], argument: str):
        super().__init__()
        if input_size is not None:
            wiring.build(input_size)
        if not wiring.is_built():
            raise OptionError(
                f"the number of inputs is unknown; give {argument}, or call build()", "wiring"
            )
        self._wiring = wiring

    @property
    def state_size(self) -> int:
        return int(self._wiring.units)

    @property
    def sensory_size(self) -> int:
        return int(self._wiring.input_dim)

    @property
    def motor_size(self) -> int:
        return int(self._wiring.output_dim)

    @property
    def output_size(self) -> int:
        return self.motor_size

    @property
    def synapse_count(self) -> int:
        return int(self._wiring.synapse_count)

    @property
    def sensory_synapse_count(self) -> int:
        return int(self._wiring.sensory_synapse_count)


# -- LTC ---------------------------------------------------------------------------------------


class LTCCell(WiredCell):
    """One step of conductance dynamics; arguments and parameters are those of ``ncps``."""

    sparsity_mask: nn.Parameter
    sensory_sparsity_mask: nn.Parameter
    input_w: nn.Parameter
    input_b: nn.Parameter
    output_w: nn.Parameter
    output_b: nn.Parameter

    def __init__(
        self,
        wiring: Any,
        in_features: Optional[int] = None,
        input_mapping: Optional[str] = "affine",
        output_mapping: Optional[str] = "affine",
        ode_unfolds: int = 6,
        epsilon: float = 1e-8,
        implicit_param_constraints: bool = False,
    ):
        super().__init__(wiring, in_features, "in_features")
        self._input_mapping = input_mapping
        self._output_mapping = output_mapping
        self._ode_unfolds = ode_unfolds
        self._epsilon = epsilon
        self._implicit_param_constraints = implicit_param_constraints
        units, inputs = wiring.units, wiring.input_dim

        def drawn(low: float, high: float, *shape: int) -> nn.Parameter:
            return nn.Parameter(torch.rand(*shape) * (high - low) + low)

        self.gleak = drawn(0.001, 1.0, units)
        self.vleak = drawn(-0.2, 0.2, units)
        self.cm = drawn(0.4, 0.6, units)
        self.sigma = drawn(3, 8, units, units)
        self.mu = drawn(0.3, 0.8, units, units)
        self.w = drawn(0.001, 1.0, units, units)
        self.erev = nn.Parameter(torch.Tensor(wiring.erev_initializer()))
        self.sensory_sigma = drawn(3, 8, inputs, units)
        self.sensory_mu = drawn(0.3, 0.8, inputs, units)
        self.sensory_w = drawn(0.001, 1.0, inputs, units)
        self.sensory_erev = nn.Parameter(torch.Tensor(wiring.sensory_erev_initializer()))
        for name, matrix in (
            ("sparsity_mask", wiring.adjacency_matrix),
            ("sensory_sparsity_mask", wiring.sensory_adjacency_matrix),
        ):
            # A parameter as there, so that state dicts and optimisers' states match.
            mask = nn.Parameter(torch.Tensor(np.abs(matrix)), requires_grad=False)
            self.register_parameter(name, mask)
        for end, mapping, size in (
            ("input", input_mapping, inputs),
            ("output", output_mapping, self.motor_size),
        ):
            if mapping in ("affine", "linear"):
                self.register_parameter(f"{end}_w", nn.Parameter(torch.ones(size)))
            if mapping == "affine":
                self.register_parameter(f"{end}_b", nn.Parameter(torch.zeros(size)))

    def apply_weight_constraints(self) -> None:
        """Moves weights, leaks and capacitances back to 0 or above, unless softplus keeps them."""
        if not self._implicit_param_constraints:
            with torch.no_grad():
                for parameter in (self.w, self.sensory_w, self.cm, self.gleak):
                    parameter.clamp_(min=0.0)

    def forward(
        self, inputs: Tensor, states: Tensor, elapsed_time: Number = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Outputs (B, O) and the new state (B, H) after one step.

        ``elapsed_time`` may be a number, or (B,) or (B, 1): one for each sample.
        """
        state = self._step(inputs, states, elapsed_time)
        return self.read_out(state), state

    def read_out(self, state: Tensor) -> Tensor:
        output = state[..., : self.motor_size]
        if self._output_mapping in ("affine", "linear"):
            output = output * self.output_w
        if self._output_mapping == "affine":
            output = output + self.output_b
        return output

    def _make_core(self, mixed_memory: bool) -> Core:
        wiring = ours.Wiring.from_matrices(
            self.sparsity_mask.detach().int().tolist(),
            self.sensory_sparsity_mask.detach().int().tolist(),
        )
        core = Core(wiring, unfolds=self._ode_unfolds, mixed_memory=mixed_memory)
        for prefix in ("", "sensory_"):
            index = [torch.tensor(getattr(wiring, f"{prefix}{end}")) for end in ("pre", "post")]
            core.register_buffer(f"{prefix}at", index[0] * wiring.units + index[1])
        return core

    def values(self) -> dict[str, Tensor]:
        core = self.any_core()
        positive = functional.softplus if self._implicit_param_constraints else torch.relu
        # What the peer adds to its denominator is a leak towards 0.
        leak = positive(self.gleak)
        g = leak + self._epsilon
        values = {"c": positive(self.cm), "g": g, "vleak": leak * self.vleak / g}
        for prefix in ("", "sensory_"):
            at = core.get_buffer(f"{prefix}at")
            for mine, theirs in (("w", "w"), ("sigma", "sigma"), ("mu", "mu"), ("E", "erev")):
                picked = getattr(self, f"{prefix}{theirs}").flatten()[at.to(self.w.device)]
                values[f"{prefix}{mine}"] = positive(picked) if mine == "w" else picked
        size = self.sensory_size
        mapped = self._input_mapping in ("affine", "linear")
        values["a"] = self.input_w if mapped else self.w.new_ones(size)
        shifted = self._input_mapping == "affine"
        values["b"] = self.input_b if shifted else self.w.new_zeros(size)
        return values


# -- CfC ---------------------------------------------------------------------------------------


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
        self._activation, self._dropout = backbone_activation, backbone_dropout
        self.sparsity_mask: Optional[nn.Parameter] = None
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

    def init_weights(self) -> None:
        for weights in self.parameters():
            if weights.dim() == 2 and weights.requires_grad:
                nn.init.xavier_uniform_(weights)

    def forward(self, input: Tensor, hx: Tensor, ts: Number) -> tuple[Tensor, Tensor]:
        """The new state (B, H), twice; ``ts`` may be a number, or (B,) or (B, 1)."""
        state = self._step(input, hx, ts)
        return state, state

    def _make_core(self, mixed_memory: bool) -> Core:
        wiring = ours.fully_connected(self.hidden_size).build(self.input_size)
        backbone: dict[str, Any] = {}
        if self.backbone is not None:
            first = self.backbone[0]
            assert isinstance(first, nn.Linear)
            backbone = {
                "backbone_units": first.out_features,
                "backbone_activation": self._activation,
                "backbone_dropout": self._dropout,
            }
        dynamics = {
            "type": "closed_form",
            "mode": self.mode,
            "backbone_layers": self.backbone_layers,
            **backbone,
        }
        return Core(wiring, dynamics=dynamics, mixed_memory=mixed_memory)

    def head(self, name: str) -> Tensor:
        """(H, columns) weights of a head, those without a synapse 0."""
        weight: Tensor = getattr(self, name).weight
        if self.sparsity_mask is not None and name in ("ff1", "ff2"):
            return weight * self.sparsity_mask
        return weight

    def heads(self) -> tuple[str, ...]:
        return ("ff1",) if self.mode == "pure" else ("ff1", "ff2", "time_a", "time_b")

    def values(self) -> dict[str, Tensor]:
        values: dict[str, Tensor] = {}
        if self.backbone is not None:
            dense = [layer for layer in self.backbone if isinstance(layer, nn.Linear)]
            parts = torch.split(dense[0].weight, [self.input_size, self.hidden_size], 1)
            values |= {"backbone_0_W_in": parts[0], "backbone_0_W_rec": parts[1]}
            for index, layer in enumerate(dense):
                if index > 0:
                    values[f"backbone_{index}_W"] = layer.weight
                values[f"backbone_{index}_b"] = layer.bias
        for name in self.heads():
            weight = self.head(name)
            if self.backbone is not None:
                values[f"{name}_W"] = weight
            else:
                heard, told = torch.split(weight, [self.input_size, self.hidden_size], 1)
                values |= {f"{name}_W_in": heard.flatten(), f"{name}_W_rec": told.flatten()}
            values[f"{name}_b"] = getattr(self, name).bias
        if self.mode == "pure":
            values |= {"w_tau": self.w_tau.flatten(), "A": self.A.flatten()}
        return values


class WiredCfCCell(WiredCell):
    """One step of a wired CfC, a masked cell for each layer of the wiring.

    As in ``ncps``, the state is ordered by layer (inter, command, motor), and the time gates do
    not respect the wiring.
    """

    def __init__(self, input_size: Optional[int], wiring: Any, mode: str = "default"):
        super().__init__(wiring, input_size, "input_size")
        self._layers: list[CfCCell] = []
        features, before = wiring.input_dim, None
        for layer in range(wiring.num_layers):
            here = wiring.get_neurons_of_layer(layer)
            heard = (
                wiring.sensory_adjacency_matrix[:, here]
                if before is None
                else wiring.adjacency_matrix[np.ix_(before, here)]
            )
            mask = np.concatenate([heard, np.ones((len(here), len(here)))], axis=0)
            cell = CfCCell(features, len(here), mode, backbone_layers=0, sparsity_mask=mask)
            self.register_module(f"layer_{layer}", cell)
            self._layers.append(cell)
            features, before = len(here), here

    @property
    def layer_sizes(self) -> list[int]:
        return [cell.hidden_size for cell in self._layers]

    @property
    def num_layers(self) -> int:
        return len(self._layers)

    def forward(self, input: Tensor, hx: Tensor, timespans: Number) -> tuple[Tensor, Tensor]:
        """The last layer's state and the new state (B, H) of all."""
        state = self._step(input, hx, timespans)
        return self.read_out(state), state

    def read_out(self, state: Tensor) -> Tensor:
        return state[..., -self.layer_sizes[-1] :]

    def _make_core(self, mixed_memory: bool) -> Core:
        """Neurons in the order of the state: layer by layer."""
        places, masked, inputs = self._places()
        wiring = ours.Wiring.from_matrices(
            masked[inputs:].astype(int),
            masked[:inputs].astype(int),
            layers={f"layer_{i}": ids for i, ids in enumerate(self._numbers())},
        )
        dynamics = {"type": "closed_form", "mode": self._layers[0].mode, "leaky_wiring": True}
        core = Core(wiring, dynamics=dynamics, mixed_memory=mixed_memory)
        for kind, wanted in (("ff", masked), ("time", places >= 0)):
            for end, rows in (("in", slice(0, inputs)), ("rec", slice(inputs, None))):
                # Receivers first: the order of the core's lists.
                found = places[rows].T[wanted[rows].T]
                core.register_buffer(f"{kind}_{end}", torch.tensor(found))
        return core

    def _numbers(self) -> list[list[int]]:
        ends = np.cumsum([0, *self.layer_sizes]).tolist()
        return [list(range(start, end)) for start, end in zip(ends, ends[1:])]

    def _places(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], int]:
        """Where each pair's weight stands among all layers' weights, one after another.

        (I + H, H), rows sending: the place, or -1; whether the wiring has that pair; and I.
        """
        inputs = self._layers[0].input_size
        places = np.full((inputs + self.state_size, self.state_size), -1, dtype=np.int64)
        masked = np.zeros(places.shape, dtype=bool)
        senders, start = list(range(inputs)), 0
        for cell, here in zip(self._layers, self._numbers()):
            own = [inputs + i for i in here]
            block = np.ix_(senders + own, here)
            shape = tuple(cell.ff1.weight.shape)
            places[block] = (start + np.arange(np.prod(shape)).reshape(shape)).T
            assert cell.sparsity_mask is not None
            masked[block] = cell.sparsity_mask.detach().cpu().numpy().T != 0
            senders, start = own, start + cell.ff1.weight.numel()
        return places, masked, inputs

    def values(self) -> dict[str, Tensor]:
        core = self.any_core()
        values: dict[str, Tensor] = {}
        for name in self._layers[0].heads():
            weights = torch.cat([cell.head(name).flatten() for cell in self._layers])
            kind = "ff" if name.startswith("ff") else "time"
            for end in ("in", "rec"):
                at = core.get_buffer(f"{kind}_{end}").to(weights.device)
                values[f"{name}_W_{end}"] = weights[at]
            values[f"{name}_b"] = torch.cat([getattr(cell, name).bias for cell in self._layers])
        if self._layers[0].mode == "pure":
            for name in ("w_tau", "A"):
                values[name] = torch.cat([getattr(c, name).flatten() for c in self._layers])
        return values


class LSTMCell(nn.Module):
    """The parameters of the memory beside a cell."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.input_map = nn.Linear(input_size, 4 * hidden_size)
        self.recurrent_map = nn.Linear(hidden_size, 4 * hidden_size, bias=False)
        nn.init.xavier_uniform_(self.input_map.weight)
        nn.init.uniform_(self.input_map.bias, -0.1, 0.1)
        nn.init.orthogonal_(self.recurrent_map.weight)
