"""The table of results, and the data behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ._task import HORIZON, SOURCE, FloatArray, Task


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: of the forecaster.
        parameters: how many numbers were trained.
        rmse: root mean square errors on the test years, ppm, one a run.
    """

    name: str
    parameters: int
    rmse: list[float]

    def cells(self) -> list[str]:
        """Name, parameters, mean error, and the lowest to the highest."""
        spread = f"{min(self.rmse):.3f} to {max(self.rmse):.3f}" if len(self.rmse) > 1 else ""
        return [self.name, str(self.parameters), f"{np.mean(self.rmse):.3f}", spread]


@dataclass(frozen=True)
class Results:
    """What the demo found; :meth:`to_dict` is what ``results.json`` holds.

    Attributes:
        rows: the table.
        seeds: of the runs.
        epochs: each network was trained for.
        dates: the days forecast, as ISO text.
        actual: ppm measured on those days.
        forecasts: name -> ppm forecast for those days, one list a run, to a thousandth.
    """

    rows: list[Row]
    seeds: list[int]
    epochs: int
    dates: list[str]
    actual: list[float]
    forecasts: dict[str, list[list[float]]]

    @classmethod
    def of(
        cls,
        task: Task,
        forecasts: Mapping[str, list[FloatArray]],
        parameters: Mapping[str, int],
        seeds: list[int],
        epochs: int,
    ) -> Results:
        """How well (T,) forecasts of the whole record, one a run, did in the test years."""
        part = task.test
        actual = (task.record.ppm + task.rise)[part].round(3)
        tested = {name: [run[part].round(3) for run in runs] for name, runs in forecasts.items()}
        return cls(
            rows=[
                Row(name, parameters[name], [rmse(run, actual) for run in runs])
                for name, runs in tested.items()
            ],
            seeds=seeds,
            epochs=epochs,
            dates=np.datetime_as_string(task.record.dates[part] + HORIZON).tolist(),
            actual=actual.tolist(),
            forecasts={name: [run.tolist() for run in runs] for name, runs in tested.items()},
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"source": SOURCE, "horizon_days": HORIZON, **asdict(self)}

    def __str__(self) -> str:
        spread = f"over {len(self.seeds)} runs" if len(self.seeds) > 1 else ""
        heading = ["forecast 13 weeks ahead", "parameters", "RMSE, ppm", spread]
        return "\n".join(
            f"{name:<30}{parameters:>10}{error:>11}   {spread}"
            for name, parameters, error, spread in (heading, *(row.cells() for row in self.rows))
        )


def rmse(forecasts: FloatArray, actual: FloatArray) -> float:
    """Root mean square error, over the days where both are known."""
    return float(np.sqrt(np.nanmean((forecasts - actual) ** 2)))
