"""Streaming: one sample in, one output out, the state kept in between."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Optional, Union

import numpy as np
import numpy.typing as npt
import torch

from ._sequences import Number, as_reals, check_finite
from .errors import OptionError, ShapeError

if TYPE_CHECKING:
    from .network import LiquidNetwork

Sample = Union[npt.NDArray[np.floating], Sequence[float], torch.Tensor]


class Stream:
    """A live session with a network; made by :meth:`LiquidNetwork.stream`.

    Every step uses the network's parameters and mode of that moment; call ``network.eval()``
    first if it drops out between layers.

    Attributes:
        state: (num_layers, N) array, the state after the last sample.
    """

    def __init__(self, network: LiquidNetwork):
        if network.bidirectional:
            raise OptionError("a bidirectional network cannot stream: it needs the future")
        self._network = network
        self.reset()

    def reset(self) -> None:
        """Back to the zero state."""
        like = next(self._network.parameters())
        self._state = like.new_zeros(self._network.num_layers, self._network.hidden_size)

    @property
    def state(self) -> npt.NDArray[np.floating]:
        return self._state.detach().cpu().numpy()

    @torch.no_grad()
    def step(
        self,
        sample: Sample,
        elapsed_time: float = 1.0,
        time_constants: Optional[Number] = None,
    ) -> npt.NDArray[np.floating]:
        """Feeds one sample and returns the output.

        Args:
            sample: (I,) numbers; NaN marks a missing feature.
            elapsed_time: time since the previous sample, at least 0.
            time_constants: a number or (N,), see :meth:`LiquidNetwork.forward`.

        Returns:
            (O,) array.

        Raises:
            ShapeError, DtypeError, DomainError: naming the argument.
        """
        network = self._network
        like = next(network.parameters())
        values = as_reals("sample", sample, like)
        if tuple(values.shape) != (network.input_size,):
            raise ShapeError(
                f"expected ({network.input_size},), got {tuple(values.shape)}", "sample"
            )
        missing = values.isnan()
        check_finite("sample", values[~missing])
        outputs, self._state = network(
            values.unsqueeze(0),
            time_constants,
            elapsed_time=elapsed_time,
            mask=~missing.unsqueeze(0) if bool(missing.any()) else None,
            state=self._state,
            return_state=True,
        )
        last = outputs[-1] if network.return_sequences else outputs
        return np.asarray(last.cpu())

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.reset()
