"""``IndexLists``: whole numbers that follow from a wiring, where nothing can change them.

They are no buffers: averaging, casting and loading a module changes its buffers, and an index that
was averaged points somewhere else.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Index = npt.NDArray[np.int64]


class IndexLists:
    """Read-only lists by name, as arrays and, on any device, as tensors."""

    def __init__(self, **lists: npt.ArrayLike):
        self._arrays: dict[str, Index] = {}
        self._tensors: dict[tuple[str, torch.device], Tensor] = {}
        self.add(**lists)

    def add(self, **lists: npt.ArrayLike) -> None:
        """More lists; a name must be new."""
        for name, values in lists.items():
            assert name not in self._arrays
            array = np.array(values, dtype=np.int64)
            array.flags.writeable = False
            self._arrays[name] = array

    def __getitem__(self, name: str) -> Index:
        """The list as an array."""
        return self._arrays[name]

    def tensor(self, name: str, device: torch.device) -> Tensor:
        """The list as a tensor on a device, made when it is first needed there."""
        key = (name, device)
        if key not in self._tensors:
            made = self._made(name, device)
            if type(made) is not Tensor:  # a fake one, which no other call could use
                return made
            self._tensors[key] = made
        return self._tensors[key]

    def _made(self, name: str, device: torch.device) -> Tensor:
        # What is made in inference mode could never take part in training.
        with torch.inference_mode(False):
            return torch.from_numpy(self._arrays[name].copy()).to(device)

    def __getstate__(self) -> dict[str, Any]:
        return {"_arrays": self._arrays, "_tensors": {}}
