"""Forecasts beside what happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from .._checks import told
from .._hints import explains_keywords
from ..errors import DtypeError, ShapeError
from ._figure import BLACK, check_length, colours, curve, new_axes, numbers, plain


@explains_keywords
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
        DtypeError: what should be numbers, a dict or axes is something else.
    """
    if not isinstance(forecasts, Mapping):
        raise DtypeError(f"expected a dict of name -> values, got {told(forecasts)}", "forecasts")
    moments, observed = np.asarray(time), numbers("actual", actual)
    if moments.ndim != 1:
        raise ShapeError(f"expected (T,), got {moments.shape}", "time")
    axes = new_axes(axes, width=9.0)
    check_length("actual", observed, len(moments))
    axes.plot(moments, observed, ".", color=BLACK, markersize=3, label="observed")
    for (name, values), colour in zip(forecasts.items(), colours(len(forecasts))):
        which = f"forecasts[{name!r}]"
        forecast = numbers(which, values)
        check_length(which, forecast, len(moments))
        curve(axes, moments, forecast, color=colour, linewidth=1.2, label=plain(name))
    axes.set(xlabel=plain(time_label), ylabel=plain(label))
    axes.legend(frameon=False)
    return axes
