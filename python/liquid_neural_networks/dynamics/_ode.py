"""``OdeDynamics``: liquid dynamics that are differential equations.

All have the same form,

    dx/dt = drive(x, u) - rate(x, u) * x

with ``rate > 0``, so ``1 / rate`` is the effective ("liquid") time constant and
``drive / rate`` the state it decays to. Solvers need nothing but ``rate`` and ``drive``.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Optional

from torch import Tensor

from .._parameters import Values
from ._base import Dynamics, Hear, Sensory, Solve


class OdeDynamics(Dynamics):
    """Base of the dynamics that a solver integrates."""

    solvable = True

    @abstractmethod
    def rate_and_drive(
        self, values: Values, state: Tensor, sensory: Sensory, time_constants: Optional[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """rate and drive of dx/dt = drive - rate x, each (..., N).

        Args:
            values: what :meth:`prepare` returned.
            state: (..., N).
            sensory: what :meth:`sensory` returned, for the same time step.
            time_constants: base time constants (..., N) in place of the learned ones, or None.
        """

    @abstractmethod
    def sensory_from(self, values: Values, received: Tensor, mask: Optional[Tensor]) -> Sensory:
        """What :meth:`sensory` returns, from the inputs that each sensory synapse receives
        (..., S)."""

    @abstractmethod
    def rate_and_drive_from(
        self,
        values: Values,
        state: Tensor,
        received: Tensor,
        sensory: Sensory,
        time_constants: Optional[Tensor],
    ) -> tuple[Tensor, Tensor]:
        """What :meth:`rate_and_drive` returns, from the states that each recurrent synapse
        receives (..., E)."""

    def advance(
        self,
        values: Values,
        state: Tensor,
        sensory: Sensory,
        elapsed: Tensor,
        time_constants: Optional[Tensor],
        solve: Optional[Solve],
    ) -> Tensor:
        assert solve is not None

        def field(x: Tensor) -> tuple[Tensor, Tensor]:
            return self.rate_and_drive(values, x, sensory, time_constants)

        return solve(field, state, elapsed)

    def advance_by_synapse(
        self,
        values: Values,
        state: Tensor,
        inputs: Tensor,
        mask: Optional[Tensor],
        elapsed: Tensor,
        time_constants: Optional[Tensor],
        solve: Optional[Solve],
        hear: Hear,
    ) -> Tensor:
        assert solve is not None
        received = hear("sensory", inputs.index_select(-1, self.sensory_pre))
        seen = None if mask is None else mask.index_select(-1, self.sensory_pre)
        sensory = self.sensory_from(values, received, seen)

        def field(x: Tensor) -> tuple[Tensor, Tensor]:
            heard = hear("recurrent", x.index_select(-1, self.pre))
            return self.rate_and_drive_from(values, x, heard, sensory, time_constants)

        return solve(field, state, elapsed)

    def effective_time_constants(
        self, values: Values, state: Tensor, sensory: Sensory, time_constants: Optional[Tensor]
    ) -> Tensor:
        rate, _ = self.rate_and_drive(values, state, sensory, time_constants)
        return 1.0 / rate
