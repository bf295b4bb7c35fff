"""``Series``: one recording as arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy.typing as npt

from ._times import FloatArray


class Series(NamedTuple):
    """One recording, in order of time.

    Attributes:
        inputs: (T, I) features, NaN where missing.
        targets: (T, O) values, NaN where missing; or (T,) class indices, -1 where missing.
        elapsed_time: (T,) time before each sample, in units of ``Columns.time_unit``.
    """

    inputs: FloatArray
    targets: npt.NDArray[Any]
    elapsed_time: FloatArray

    def rows(self, start: int, stop: int) -> Series:
        """The part from row ``start`` to just before row ``stop``."""
        return Series(*(each[start:stop] for each in self))
