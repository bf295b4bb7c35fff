"""Sensitivities in C, see ``_kernel/src/learner.h``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .._kernel import built, kernel_for
from ._engine import Array, Arrays, Lesson, check_memory
from ._layout import Layout
from ._methods import rows_of


class Compiled:
    """One population with a dense or a motor read-out.

    Args:
        layout: of both.
        stored: parameters by name, as they are stored.
        trainable: names of those that move.
        method: which sensitivities are kept.
        loss, optimizer: by name.
        kept: how many outputs wait for a label.
    """

    NAME = "compiled"

    def __init__(
        self,
        layout: Layout,
        stored: Mapping[str, Tensor],
        trainable: set[str],
        method: str,
        loss: str,
        optimizer: str,
        kept: int,
    ):
        self._layout = layout
        self._like = next(iter(stored.values())).detach()
        native, kernel = built(), kernel_for(self._like.dtype)
        lanes = native.lanes(kernel)
        self._positions = layout.positions(lanes)
        self._shapes = {name: tuple(each.shape) for name, each in stored.items()}
        self._trainable = [name for name in stored if name in trainable]
        self.parameters = sum(self._positions[name].size for name in self._trainable)
        rows = rows_of(method, layout)
        self._make_arrays(stored, rows, lanes, kept)
        self._kept, self._newest = kept, -1
        self._ahead = 0
        sample = torch.zeros(layout.inputs, dtype=torch.float64, device="cpu")
        target = torch.zeros(layout.outputs, dtype=torch.float64, device="cpu")
        self._sample, self._target = sample.numpy(), target.numpy()
        self._learner = native.open_learner(
            kernel,
            layout.dynamics,
            layout.solver,
            layout.activation,
            layout.mode,
            loss,
            optimizer,
            layout.unfolds,
            layout.units,
            layout.inputs,
            layout.outputs,
            *(np.ascontiguousarray(each, np.int64).tobytes() for each in layout.lists),
            layout.layer_sizes,
            None if layout.motors is None else layout.motors.tobytes(),
            layout.softplus,
            _packed(rows),
            sample,
            target,
            self._tensors,
        )
        self._step, self._learn = native.learner_step, native.learner_learn
        self._refresh = native.learner_refresh

    def _make_arrays(
        self, stored: Mapping[str, Tensor], rows: list[npt.NDArray[np.int64]], lanes: int, kept: int
    ) -> None:
        layout, count = self._layout, self._layout.columns(lanes)
        check_memory(kept, layout.outputs * (count + 1) + layout.units, self._like)
        widths = np.diff(layout.first(lanes))
        sizes = {
            "parameters": (count,),
            "lower": (count,),
            "wanted": (count,),
            "gradient": (count,),
            "first_moment": (count,),
            "second_moment": (count,),
            "sensitivities": (sum(len(own) * int(each) for own, each in zip(rows, widths)),),
            "state": (layout.units,),
            "time_constants": (layout.units,),
            "outputs": (layout.outputs,),
            "kept_states": (kept, layout.units),
            "kept_outputs": (kept, layout.outputs),
            "kept_sensitivities": (kept, layout.outputs, count),
        }
        self._tensors = {
            name: torch.zeros(shape, dtype=self._like.dtype, device="cpu")
            for name, shape in sizes.items()
        }
        self._arrays: Arrays = {name: each.numpy() for name, each in self._tensors.items()}
        self._arrays["time_constants"][:] = 1
        self._arrays["lower"][:] = -np.inf
        for name, value in stored.items():
            at = self._positions[name]
            self._arrays["parameters"][at] = value.detach().cpu().numpy().reshape(at.shape)
            if name in layout.lower:
                self._arrays["lower"][at] = layout.lower[name]
        for name in self._trainable:
            self._arrays["wanted"][self._positions[name]] = 1
        self._outputs = self._arrays["outputs"]
        self._used = self._used_columns(rows, lanes)

    def _used_columns(
        self, rows: list[npt.NDArray[np.int64]], lanes: int
    ) -> dict[str, npt.NDArray[np.bool_]]:
        """Which numbers of the arrays mean something: filling between blocks does not."""
        count = self._layout.columns(lanes)
        used = np.zeros(count, dtype=bool)
        for at in self._positions.values():
            used[at] = True
        first = self._layout.first(lanes)
        blocks = [
            np.tile(used[start:end], len(own)) for own, start, end in zip(rows, first, first[1:])
        ]
        return {"columns": used, "sensitivities": np.concatenate(blocks)}

    # -- running ---------------------------------------------------------------------------------

    def step(
        self, sample: npt.NDArray[Any], elapsed_time: float, time_constants: Optional[Array]
    ) -> Optional[Array]:
        self._sample[:] = sample
        if time_constants is not None:
            self._arrays["time_constants"][self._layout.place] = time_constants
        keep = -1
        if self._ahead:
            keep = _LOOKING_AHEAD
        elif self._kept:
            keep = (self._newest + 1) % self._kept
        if not self._step(self._learner, elapsed_time, time_constants is not None, keep):
            return None
        if not self._ahead:
            self._newest = keep
        outputs: Array = self._outputs.copy()
        return outputs

    def learn(self, lesson: Lesson) -> tuple[int, float]:
        self._target[:] = lesson.target
        kept = -1 if lesson.delay == 0 else (self._newest - lesson.delay) % self._kept
        outcome: tuple[int, float] = self._learn(
            self._learner, kept, lesson.rate, lesson.largest_norm, lesson.number
        )
        return outcome

    def gradients(self) -> Arrays:
        gradient = self._arrays["gradient"]
        return {
            name: gradient[self._positions[name]].reshape(self._shapes[name])
            for name in self._trainable
        }

    def stored(self) -> dict[str, Tensor]:
        parameters = self._arrays["parameters"]
        return {
            name: torch.from_numpy(parameters[self._positions[name]].reshape(shape))
            for name, shape in self._shapes.items()
        }

    # -- state -----------------------------------------------------------------------------------

    def state(self) -> Array:
        return self._arrays["state"][self._layout.place][None]

    def set_state(self, state: Array) -> None:
        self._arrays["state"][self._layout.place] = state[0]

    def forget(self) -> None:
        if not self._ahead:
            self._arrays["sensitivities"][:] = 0

    def arrays(self) -> Arrays:
        kept = {"newest": np.array([float(self._newest)])}
        for name in _LASTING:
            kept[name] = self._arrays[name][..., self._where(name)].copy()
        return kept

    def misfit(self, arrays: Arrays, waiting: int) -> str:
        used = self._used["columns"]
        if (arrays["second_moment"] < 0).any():
            return "second_moment"
        # A bound rounded to float32 and back may lie a hair below itself.
        lower = self._arrays["lower"][used] * (1 - 1e-6)
        if not self._layout.softplus and (arrays["parameters"] < lower).any():
            return "parameters"
        # -1: no output was kept yet.
        first = 0 if waiting and self._kept else -1
        return "" if float(arrays["newest"][0]) in range(first, self._kept or 0) else "newest"

    def restore(self, arrays: Arrays) -> None:
        for name in _LASTING:
            self._arrays[name][..., self._where(name)] = arrays[name]
        self._newest = int(arrays["newest"][0])
        self._refresh(self._learner)

    def marked(self) -> Arrays:
        self._ahead += 1
        return {"state": self._arrays["state"].copy(), "outputs": self._outputs.copy()}

    def go_back(self, marked: Arrays) -> None:
        self._ahead -= 1
        self._arrays["state"][:], self._outputs[:] = marked["state"], marked["outputs"]

    def _where(self, name: str) -> Any:
        if name in _BY_COLUMN:
            return self._used["columns"]
        return self._used["sensitivities"] if name == "sensitivities" else slice(None)


_BY_COLUMN = ("parameters", "gradient", "first_moment", "second_moment", "kept_sensitivities")
_LOOKING_AHEAD = -2
"""In place of where an output is kept: nothing will be learned from it."""
_KEPT = ("kept_states", "kept_outputs", "kept_sensitivities")
_LASTING = tuple(dict.fromkeys((*_BY_COLUMN, "sensitivities", "state", "outputs", *_KEPT)))
"""What goes into a snapshot."""


def _packed(rows: list[npt.NDArray[np.int64]]) -> bytes:
    parts = [np.concatenate([[len(own)], own]) for own in rows]
    return np.concatenate(parts).astype(np.int32).tobytes()
