"""A guard in C, see ``_kernel/src/guard.h``."""

from __future__ import annotations

from typing import Optional

import numpy as np
import numpy.typing as npt
import torch

from .._kernel import built
from ._guard import Array, Arrays, Guard, Options


class CompiledGuard(Guard):
    """See :class:`~._guard.Guard`."""

    def __init__(self, options: Options):
        super().__init__(options)
        native, sizes = built(), dict.fromkeys(("inputs", "scaled"), options.inputs)
        sizes |= dict.fromkeys(("network", "frozen", "output", "target", "lesson"), options.outputs)
        sizes |= dict.fromkeys(("features", "along"), options.inputs + 1)
        passed: Arrays = {name: np.zeros(size) for name, size in sizes.items()}
        self._passed = passed
        with torch.inference_mode(False):
            tensors = {n: torch.from_numpy(each) for n, each in {**self.arrays, **passed}.items()}
        self._guard = native.open_guard(
            options.skip or "none",
            options.scale,
            options.changes,
            options.frozen,
            options.warm_up,
            options.limit,
            tensors,
        )
        self._scale, self._answer = native.guard_scale, native.guard_answer
        self._lesson, self._label = native.guard_lesson, native.guard_label

    def scaled(self, inputs: Array) -> Optional[Array]:
        self._passed["inputs"][:] = inputs
        return self._passed["scaled"] if self._scale(self._guard) else None

    def answer(
        self, slot: int, network: npt.ArrayLike, frozen: Optional[npt.ArrayLike], keep: bool
    ) -> Array:
        self._passed["network"][:] = network
        if frozen is not None:
            self._passed["frozen"][:] = frozen
        self._answer(self._guard, slot, keep)
        output: Array = self._passed["output"].copy()
        return output

    def lesson(self, slot: int, target: npt.ArrayLike) -> tuple[int, Array]:
        self._passed["target"][:] = target
        return self._lesson(self._guard, slot), self._passed["lesson"]

    def label(self, slot: int, delay: int) -> None:
        self._label(self._guard, slot, delay)
