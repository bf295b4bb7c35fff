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
from ._base import Dynamics, Sensory, Solve


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

    def effective_time_constants(
        self, values: Values, state: Tensor, sensory: Sensory, time_constants: Optional[Tensor]
    ) -> Tensor:
        rate, _ = self.rate_and_drive(values, state, sensory, time_constants)
        return 1.0 / rate
