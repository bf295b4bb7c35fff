"""``Model``: a network as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

from torch import Tensor

from .wiring import Wiring


class Model(NamedTuple):
    """A network as plain data: what a file holds, and what a network can be made of.

    Attributes:
        config: the options of the network except the wirings, see :meth:`LiquidNetwork.config`.
        wirings: one a population, in the order of the network's state.
        values: every parameter by name as it enters the equations, see
            :meth:`LiquidNetwork.values`.
        scaling: plain data saying how inputs and outputs were scaled, or None.
        metadata: plain data of any kind.
        learner: a snapshot of one that goes on with the network, or None; see
            :func:`~liquid_neural_networks.online.resume`.
    """

    config: Mapping[str, Any]
    wirings: Sequence[Wiring]
    values: Mapping[str, Tensor]
    scaling: Optional[Mapping[str, Any]]
    metadata: Mapping[str, Any]
    learner: Optional[bytes] = None
