"""``Start``: what a forecast starts from, and what its network is fed for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..data import Columns
from ..errors import OptionError
from ._baselines import Baselines, fed_targets
from ._past import FloatArray, Past, latest_known

NO_BASELINE = "none"
"""The network puts out the values themselves."""


class Start(NamedTuple):
    """A baseline to which the outputs of a network are added.

    Where the targets are fed, the network is fed how much each changed since its latest value, so
    that nothing leaves the range of the training rows when a trend goes on.

    Attributes:
        columns: of the table.
        baselines: those that it allows.
        name: the one, or :data:`NO_BASELINE`.
    """

    columns: Columns
    baselines: Baselines
    name: str = NO_BASELINE

    @classmethod
    def of(cls, columns: Columns, baselines: Baselines, name: object) -> Start:
        """The start of this name, as a file may claim it.

        Raises:
            OptionError: no forecast of these columns can start from it.
        """
        known = (NO_BASELINE, *baselines.starts(columns))
        if not isinstance(name, str) or name not in known:
            raise OptionError(
                f"{name!r} is none that a forecast of these columns can start from", "baseline"
            )
        return cls(columns, baselines, name)

    @property
    def is_seen(self) -> bool:
        """Whether the network is fed the baseline too, beside the columns."""
        return self.name not in (NO_BASELINE, "latest")

    @property
    def changes(self) -> tuple[int, ...]:
        """Which inputs are fed as changes, one for each target; or none."""
        return () if self.name == NO_BASELINE else fed_targets(self.columns)

    @property
    def input_names(self) -> tuple[str, ...]:
        """(I,) what each number is that the network is fed."""
        names = list(self.columns.inputs)
        for index in self.changes:
            names[index] = f"change of {names[index]}"
        if self.is_seen:
            names += [f"{target} by {self.name}" for target in self.columns.targets]
        return tuple(names)

    def forecast(self, past: Past) -> FloatArray:
        """(T, S, O) what is added to the network's outputs, NaN where nothing is known yet."""
        rows = np.arange(len(past.clock))
        if self.name == NO_BASELINE:
            return np.zeros((len(rows), len(self.baselines.steps), self.columns.outputs))
        return self.baselines.forecast(self.name, past, rows)

    def fed(self, inputs: FloatArray, past: Past, forecast: FloatArray) -> FloatArray:
        """(T, I) what the network is fed, before scaling; NaN where a value is missing.

        Args:
            inputs: (T, I) of the columns.
            forecast: what :meth:`forecast` says.
        """
        if self.name == NO_BASELINE:
            return inputs
        fed: FloatArray = inputs.copy()
        for index in self.changes:
            level = inputs[:, index : index + 1]
            before = np.concatenate([level[:1], latest_known(level)[:-1]])
            # The first known value has nothing to be compared with: no change.
            fed[:, index] = (level - np.where(np.isnan(before), level, before))[:, 0]
        if not self.is_seen:
            return fed
        leads = forecast[:, -1] - past.targets if self.changes else forecast[:, -1]
        return np.concatenate([fed, leads], axis=1)
