"""Checks of what comes sample by sample."""

from __future__ import annotations

from typing import Any, Union

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ._inputs import real_array
from ._sequences import Number
from .errors import DomainError, ShapeError

Array = npt.NDArray[np.floating[Any]]
Sample = Union[npt.ArrayLike, Tensor]


class SampleChecks:
    """What a population of this size and dtype can be fed, one sample at a time.

    Args:
        input_size: I.
        units: N.
        dtype: of the network.
    """

    def __init__(self, input_size: int, units: int, dtype: torch.dtype):
        self.shape, self._units = (input_size,), units
        limits = torch.finfo(dtype)
        self._smallest, self.largest = limits.tiny, limits.max

    def sample(self, name: str, sample: Sample) -> npt.NDArray[Any]:
        """(I,) numbers; NaN marks a missing feature.

        Raises:
            ShapeError, DtypeError, DomainError: here and below.
        """
        if type(sample) is np.ndarray and sample.dtype.kind in "fiu":
            values = sample
        else:
            values = real_array(name, sample)
        if values.shape != self.shape:
            raise ShapeError(f"expected {self.shape}, got {values.shape}", name)
        return values

    def elapsed_time(self, elapsed_time: object) -> float:
        """A number of at least 0."""
        if not isinstance(elapsed_time, float):
            array = real_array("elapsed_time", elapsed_time)
            if array.shape != ():
                raise ShapeError(f"expected a number, got {array.shape}", "elapsed_time")
            elapsed_time = float(array)
        if not 0.0 <= elapsed_time <= self.largest:
            raise DomainError(
                f"expected a finite number from 0, got {elapsed_time}", "elapsed_time"
            )
        return elapsed_time

    def time_constants(self, time_constants: Number) -> Array:
        """(N,) positive numbers, from as many or from one."""
        values = real_array("time_constants", time_constants)
        if values.shape not in ((), (1,), (self._units,)):
            raise ShapeError(
                f"expected a number or ({self._units},), got {values.shape}", "time_constants"
            )
        if not ((values >= self._smallest) & (values <= self.largest)).all():
            raise DomainError("expected positive finite numbers", "time_constants")
        return np.broadcast_to(values, (self._units,))

    def state(self, state: Sample, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        """Finite numbers of this shape."""
        values = real_array("state", state)
        if values.shape != shape:
            raise ShapeError(f"expected {shape}, got {values.shape}", "state")
        if not (np.abs(values) <= self.largest).all():
            raise DomainError("contains NaN or infinity", "state")
        return values


BEYOND = "contains infinity, or nearly so"
"""What is wrong with a sample that the dtype cannot hold."""
