"""The three pictures, of the test years."""

from __future__ import annotations

from pathlib import Path

import torch

from .. import plots
from ..network import LiquidNetwork, Trace
from ._networks import LIQUID, as_tensor
from ._task import HORIZON, INPUTS, FloatArray, Task, baselines


def draw(folder: Path, liquid: LiquidNetwork, task: Task, forecasts: FloatArray) -> None:
    """Forecast, wiring and time constants of a network and its (T,) forecasts."""
    record, part = task.record, task.test
    drift = baselines(task)["same week last year + growth"]
    picture = plots.plot_forecast(
        record.dates[part] + HORIZON,
        (record.ppm + task.rise)[part],
        {"same week last year + growth": drift[part], LIQUID: forecasts[part]},
        label="CO2 at Mauna Loa (ppm)",
        time_label="year",
    )
    picture.set_title("Forecast 13 weeks ahead, years the network never saw", loc="left")
    plots.save(picture, folder / "forecast.png")

    plots.save(plots.plot_wiring(liquid, names=INPUTS), folder / "wiring.png")

    trace = liquid.trace(as_tensor(task.inputs), elapsed_time=as_tensor(task.elapsed_time))
    years = torch.from_numpy(part)
    shown = Trace(trace.states[years], trace.time_constants[years])
    wiring = liquid.wiring
    assert wiring is not None
    picture = plots.plot_time_constants(
        shown,
        record.dates[part],
        time_label="year",
        unit="weeks",
        layers=wiring.layers,
    )
    picture.set_title("The time constant of each neuron, years the network never saw", loc="left")
    plots.save(picture, folder / "time_constants.png")
