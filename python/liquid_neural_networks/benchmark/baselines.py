"""The networks liquid ones are compared with, each called as a liquid network is.

Elapsed time reaches the gated networks as one more feature, when ``timed``. Of a mask only padding
at the end is looked at, since windows hold zeros, the mean of scaled features, where a value is
missing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Optional

import torch
from torch import Tensor, nn

UNFOLDS = 6


class Baseline(nn.Module, ABC):
    """A core that turns features into states, with the linear read-out that liquid networks have.

    Args:
        input_size, hidden_size, output_size: I, N and O.
        timed: feed the elapsed time as one more feature.
        return_sequences: (B, T, O) if True, (B, O) of the last sample if False.
    """

    core: Any

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        *,
        timed: bool = False,
        return_sequences: bool = True,
    ):
        super().__init__()
        self.timed, self.return_sequences = timed, return_sequences
        self.core = self.make_core(input_size + timed, hidden_size)
        self.readout = nn.Linear(hidden_size, output_size)

    @abstractmethod
    def make_core(self, input_size: int, hidden_size: int) -> nn.Module:
        """What turns features into states."""

    def states(self, inputs: Tensor, elapsed_time: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(B, T, I) and (B, T) -> states (B, T, N), and the state to go on from."""
        states, state = self.core(inputs, state)
        return states, state

    def forward(
        self,
        inputs: Tensor,
        *,
        elapsed_time: Optional[Tensor] = None,
        mask: Optional[Tensor] = None,
        state: Any = None,
        return_state: bool = False,
    ) -> Any:
        elapsed = inputs.new_ones(inputs.shape[:2]) if elapsed_time is None else elapsed_time
        if self.timed:
            inputs = torch.cat([inputs, elapsed.unsqueeze(-1)], dim=-1)
        states, state = self.states(inputs, elapsed, state)
        outputs = self.readout(states if self.return_sequences else _last(states, mask))
        return (outputs, state) if return_state else outputs


class LSTM(Baseline):
    """Long short-term memory [Hochreiter and Schmidhuber 1997]."""

    def make_core(self, input_size: int, hidden_size: int) -> nn.Module:
        return nn.LSTM(input_size, hidden_size, batch_first=True)


class GRU(Baseline):
    """Gated recurrent units [Cho et al. 2014]."""

    def make_core(self, input_size: int, hidden_size: int) -> nn.Module:
        return nn.GRU(input_size, hidden_size, batch_first=True)


class MLP(Baseline):
    """Two hidden layers on each sample alone: no memory."""

    def make_core(self, input_size: int, hidden_size: int) -> nn.Module:
        return nn.Sequential(
            *(nn.Linear(input_size, hidden_size), nn.Tanh()),
            *(nn.Linear(hidden_size, hidden_size), nn.Tanh()),
        )

    def states(self, inputs: Tensor, elapsed_time: Tensor, state: Any) -> tuple[Tensor, Any]:
        return self.core(inputs), state


class Linear(Baseline):
    """A linear map of each sample alone."""

    def make_core(self, input_size: int, hidden_size: int) -> nn.Module:
        return nn.Identity()

    def __init__(self, input_size: int, hidden_size: int, output_size: int, **options: bool):
        super().__init__(input_size, hidden_size, output_size, **options)
        self.readout = nn.Linear(input_size + self.timed, output_size)

    def states(self, inputs: Tensor, elapsed_time: Tensor, state: Any) -> tuple[Tensor, Any]:
        return inputs, state


class Stepwise(Baseline):
    """A core that is called once for each sample, with the time before it."""

    @abstractmethod
    def step(self, inputs: Tensor, elapsed: Tensor, state: Tensor) -> Tensor:
        """(B, I), (B, 1) and (B, N) -> the next state (B, N)."""

    def states(self, inputs: Tensor, elapsed_time: Tensor, state: Any) -> tuple[Tensor, Any]:
        if state is None:
            state = inputs.new_zeros(len(inputs), self.readout.in_features)
        states = []
        for sample, elapsed in zip(inputs.unbind(1), elapsed_time.unbind(1)):
            state = self.step(sample, elapsed.unsqueeze(-1), state)
            states.append(state)
        return torch.stack(states, dim=1), state


class CTRNN(Stepwise):
    """Continuous-time RNN [Funahashi and Nakamura 1993]: dx/dt = -x / tau + tanh(W [x, u] + b),
    six explicit Euler steps a sample, as in the LTC paper's comparison."""

    def make_core(self, input_size: int, hidden_size: int) -> nn.Module:
        self.log_tau = nn.Parameter(torch.zeros(hidden_size))
        return nn.Linear(input_size + hidden_size, hidden_size)

    def step(self, inputs: Tensor, elapsed: Tensor, state: Tensor) -> Tensor:
        h = elapsed / UNFOLDS
        # At least the step: explicit Euler diverges below half of it.
        tau = self.log_tau.exp().clamp(min=1.0)
        fed = nn.functional.linear(inputs, self.core.weight[:, : inputs.shape[1]], self.core.bias)
        recurrent = self.core.weight[:, inputs.shape[1] :]
        for _ in range(UNFOLDS):
            state = state + h * (torch.tanh(fed + state @ recurrent.T) - state / tau)
        return state


class ODERNN(Stepwise):
    """ODE-RNN [Rubanova et al. 2019]: a learned field between samples, solved by torchdiffeq's
    fourth-order Runge-Kutta, and a plain RNN cell at each."""

    def make_core(self, input_size: int, hidden_size: int) -> nn.Module:
        self.field = nn.Sequential(
            nn.Linear(hidden_size, hidden_size), nn.Tanh(), nn.Linear(hidden_size, hidden_size)
        )
        return nn.RNNCell(input_size, hidden_size)

    def step(self, inputs: Tensor, elapsed: Tensor, state: Tensor) -> Tensor:
        from torchdiffeq import odeint

        # Each sequence has its own elapsed time: the field is stretched to the unit interval.
        evolved = odeint(
            lambda _, x: elapsed * self.field(x),
            state,
            elapsed.new_tensor([0.0, 1.0]),
            method="rk4",
        )[-1]
        after: Tensor = self.core(inputs, evolved)
        return after


def _last(states: Tensor, mask: Optional[Tensor]) -> Tensor:
    """(B, N) of each sequence's last sample, (B, T) ``mask`` saying where padding is."""
    if mask is None or mask.dim() != 2:
        return states[:, -1]
    last: Tensor = mask.sum(dim=1) - 1
    return states[torch.arange(len(states)), last]


def parameters(network: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(each.numel() for each in network.parameters() if each.requires_grad)
