"""``LTC`` and ``CfC`` of ``ncps.torch``: whole sequences through their cells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Optional, Union, cast

import torch
from torch import Tensor, nn

from ..._inputs import as_floats, as_reals, check_sequences, check_state
from ..._sequences import Number, Sequences
from ...errors import OptionError, ShapeError
from . import wirings
from ._cfc_cell import CfCCell
from ._ltc_cell import LTCCell
from ._memory import LSTMCell
from ._wired_cfc_cell import WiredCfCCell

State = Union[Tensor, tuple[Tensor, Tensor]]


class Layer(nn.Module, ABC):
    """What both share: layouts, time, state and memory."""

    rnn_cell: Union[LTCCell, CfCCell, WiredCfCCell]
    input_size: int
    state_size: int
    batch_first: bool
    return_sequences: bool

    def _remember(self, input_size: int, mixed_memory: bool) -> None:
        self.use_mixed = mixed_memory
        if mixed_memory:
            self.lstm = LSTMCell(input_size, self.state_size)

    @abstractmethod
    def _read_out(self, states: Tensor) -> Tensor:
        """Outputs from states, both (B, L, ...) or (B, ...); behind the H neurons of a state may
        stand their memory."""

    def forward(
        self,
        input: Tensor,
        hx: Optional[State] = None,
        timespans: Optional[Tensor] = None,
        *,
        mask: Optional[Number] = None,
    ) -> tuple[Tensor, State]:
        """Outputs and the final state.

        Args:
            input: (B, L, C), or (L, B, C) if not ``batch_first``; (L, C) for one sequence.
            hx: (B, H), or a pair of them with a memory; without B for one sequence. Default: 0.
            timespans: time before each sample, laid out as the input without C, or with a last
                size of 1; a size of 1 in place of B is shared by all. Default: 1.
            mask: as for :meth:`LiquidNetwork.forward`, laid out as the input: missing features or
                padding. ``ncps`` has no such argument.

        Raises:
            ShapeError, DtypeError, DomainError: naming the argument.
        """
        cell, units = self.rnn_cell, self.state_size
        like = cell.like
        sequences = check_sequences(
            as_floats("input", input, like),
            None,
            None if timespans is None else self._elapsed(timespans, input),
            mask,
            input_size=self.input_size,
            units=units,
            like=like,
            batch_first=self.batch_first,
        )
        state = None if hx is None else self._start(hx, sequences, like)
        memory = self.lstm() if self.use_mixed else None
        states = cast(Tensor, cell(sequences.inputs, state, sequences=sequences, memory=memory))
        final = states[:, -1]
        outputs = self._read_out(states if self.return_sequences else final)
        if self.return_sequences:
            outputs = cast(Tensor, sequences.layout.as_given(outputs))
        elif not sequences.batched:
            outputs = outputs.squeeze(0)
        if not sequences.batched:
            final = final.squeeze(0)
        if not self.use_mixed:
            return outputs, final
        liquid, remembered = torch.split(final, units, -1)
        return outputs, (liquid, remembered)

    def _start(self, hx: State, sequences: Sequences, like: Tensor) -> Tensor:
        """(B, H), with a memory (B, 2 H)."""
        if self.use_mixed:
            if isinstance(hx, Tensor):
                raise ShapeError("a network with mixed_memory takes a pair (h0, c0)", "hx")
            state = torch.cat([as_floats("hx", each, like) for each in hx], -1)
        elif isinstance(hx, Tensor):
            state = as_floats("hx", hx, like)
        else:
            raise ShapeError("expected a tensor; only mixed_memory takes a pair", "hx")
        state = state if sequences.batched else state.unsqueeze(0)
        size = self.state_size * (2 if self.use_mixed else 1)
        return check_state(state, (len(sequences.inputs), size), "(B, H)", like)

    def _elapsed(self, timespans: Any, input: Tensor) -> Tensor:
        """Times laid out as the input, without its last size."""
        spans = as_reals("timespans", timespans, input)
        shape = input.shape[:-1]
        if spans.dim() == len(shape) + 1 and spans.shape[-1] == 1:
            spans = spans.squeeze(-1)
        # Of a batch, a size of 1 in its place is shared by all.
        shared = (1, shape[1]) if self.batch_first else (shape[0], 1)
        if spans.shape != shape and not (len(shape) == 2 and spans.shape == shared):
            raise ShapeError(
                f"expected {tuple(shape)}, as the input without its last size, got "
                f"{tuple(timespans.shape)}",
                "timespans",
            )
        return spans


class LTC(Layer):
    """Liquid time-constant network; arguments are those of ``ncps.torch.LTC``."""

    rnn_cell: LTCCell

    def __init__(
        self,
        input_size: int,
        units: Any,
        return_sequences: bool = True,
        batch_first: bool = True,
        mixed_memory: bool = False,
        input_mapping: Optional[str] = "affine",
        output_mapping: Optional[str] = "affine",
        ode_unfolds: int = 6,
        epsilon: float = 1e-8,
        implicit_param_constraints: bool = True,
    ):
        super().__init__()
        self.input_size = input_size
        self.wiring_or_units = units
        self.batch_first = batch_first
        self.return_sequences = return_sequences
        self._wiring = units if _is_wiring(units) else wirings.FullyConnected(units)
        self.rnn_cell = LTCCell(
            self._wiring,
            input_size,
            input_mapping,
            output_mapping,
            ode_unfolds,
            epsilon,
            implicit_param_constraints,
        )
        self._remember(input_size, mixed_memory)

    def _read_out(self, states: Tensor) -> Tensor:
        return self.rnn_cell.read_out(states)

    @property
    def state_size(self) -> int:  # type: ignore[override]
        return self.rnn_cell.state_size

    @property
    def sensory_size(self) -> int:
        return self.rnn_cell.sensory_size

    @property
    def motor_size(self) -> int:
        return self.rnn_cell.motor_size

    @property
    def output_size(self) -> int:
        return self.rnn_cell.output_size

    @property
    def synapse_count(self) -> int:
        return self.rnn_cell.synapse_count

    @property
    def sensory_synapse_count(self) -> int:
        return self.rnn_cell.sensory_synapse_count


class CfC(Layer):
    """Closed-form network; arguments are those of ``ncps.torch.CfC``."""

    def __init__(
        self,
        input_size: int,
        units: Any,
        proj_size: Optional[int] = None,
        return_sequences: bool = True,
        batch_first: bool = True,
        mixed_memory: bool = False,
        mode: str = "default",
        activation: str = "lecun_tanh",
        backbone_units: Optional[int] = None,
        backbone_layers: Optional[int] = None,
        backbone_dropout: Optional[float] = None,
    ):
        super().__init__()
        self.input_size = input_size
        self.wiring_or_units = units
        self.proj_size = proj_size
        self.batch_first = batch_first
        self.return_sequences = return_sequences
        self.wired_mode = _is_wiring(units)
        backbone = {
            "backbone_units": backbone_units,
            "backbone_layers": backbone_layers,
            "backbone_dropout": backbone_dropout,
        }
        if self.wired_mode:
            for name, option in backbone.items():
                if option is not None:
                    raise OptionError("a wired CfC has no backbone", name)
            self.wiring = units
            self.rnn_cell = WiredCfCCell(input_size, units, mode)
            self.state_size, self.output_size = units.units, units.output_dim
        else:
            self.rnn_cell = CfCCell(
                input_size,
                units,
                mode,
                activation,
                128 if backbone_units is None else backbone_units,
                1 if backbone_layers is None else backbone_layers,
                0.0 if backbone_dropout is None else backbone_dropout,
            )
            self.state_size = self.output_size = units
        self._remember(input_size, mixed_memory)
        self.fc: nn.Module = nn.Identity()
        if proj_size is not None:
            self.fc = nn.Linear(self.output_size, proj_size)

    def _read_out(self, states: Tensor) -> Tensor:
        cell = self.rnn_cell
        if isinstance(cell, WiredCfCCell):
            read = cell.read_out(states)
            if self.proj_size is not None:
                read = read[..., : self.output_size]  # of a single layer, its motor neurons
        else:
            read = states.narrow(-1, 0, self.state_size) if self.use_mixed else states
        outputs: Tensor = self.fc(read)
        return outputs


def _is_wiring(units: object) -> bool:
    """One of ours, or one of ``ncps``."""
    return hasattr(units, "adjacency_matrix")
