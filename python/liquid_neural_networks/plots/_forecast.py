"""Forecasts beside what happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from ..errors import ShapeError
from ._figure import BLACK, check_length, colours, new_axes, plain


def plot_forecast(
    time: npt.ArrayLike,
    actual: npt.ArrayLike,
    forecasts: Mapping[str, npt.ArrayLike],
    axes: Optional[Axes] = None,
    *,
    label: str = "value",
    time_label: str = "time",
) -> Axes:
    """What happened, and what each forecaster predicted.

    Args:
        time: (T,) numbers or dates.
        actual: (T,) observed values; NaN leaves a gap.
        forecasts: name -> (T,) forecast values for the same times.
        axes: where to draw. Default: a new figure.
        label: of the value, with its unit.
        time_label: of the time.

    Raises:
        ShapeError: lengths differ.
    """
    moments, observed = np.asarray(time), np.asarray(actual, dtype=float)
    if moments.ndim != 1:
        raise ShapeError(f"expected (T,), got {moments.shape}", "time")
    axes = new_axes(axes, width=9.0)
    check_length("actual", observed, len(moments))
    axes.plot(moments, observed, ".", color=BLACK, markersize=3, label="observed")
    for (name, values), colour in zip(forecasts.items(), colours(len(forecasts))):
        forecast = np.asarray(values, dtype=float)
        check_length(f"forecasts[{name!r}]", forecast, len(moments))
        axes.plot(moments, forecast, color=colour, linewidth=1.2, label=plain(name))
    axes.set(xlabel=plain(time_label), ylabel=plain(label))
    axes.legend(frameon=False)
    return axes
