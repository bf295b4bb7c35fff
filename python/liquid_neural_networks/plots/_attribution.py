"""What each input brought to an output, and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from .._checks import check_integer, check_names
from .._hints import explains_keywords
from .._inputs import real_array
from ..errors import DomainError, ShapeError
from ._figure import BLUE, ORANGE, new_axes, plain

_SIGNED = LinearSegmentedColormap.from_list("signed", [ORANGE, "#f7f7f7", BLUE])
MOST_LABELS = 6
WIDTH = 50
"""Letters that times may have below the picture, together."""


@explains_keywords
def plot_attribution(
    parts: npt.ArrayLike,
    names: Sequence[str],
    times: Optional[Sequence[str]] = None,
    axes: Optional[Axes] = None,
    *,
    label: str = "part",
    first: int = 0,
) -> Axes:
    """What each input brought at each time: blue raised the output, orange lowered it.

    The sum over time stands behind each name.

    Args:
        parts: (T, I), such as ``inputs`` of :func:`inspection.attribute` for one sequence.
        names: (I,) of the inputs.
        times: (T,) of the samples, as text. Default: counted back from the newest, which is 0.
        axes: where to draw. Default: a new figure.
        label: of the colours, with the unit.
        first: sample from which on they are shown; sums are over all.

    Raises:
        ShapeError: the sizes do not fit together, or there is nothing to draw.
        DtypeError, DomainError: a part is no finite number, or another argument of no such type.
    """
    values = real_array("parts", parts)
    if values.ndim != 2 or values.size == 0:
        advice = "; take one of the sequences" if values.ndim == 3 else ""
        raise ShapeError(f"expected (T, I), and nothing empty, got {values.shape}{advice}", "parts")
    inputs = check_names("names", names, values.shape[1], "input")
    if not np.isfinite(values).all():
        raise DomainError("contains NaN or infinity", "parts")
    steps = len(values)
    first = check_integer("first", first, 0, steps - 1)
    shown = [str(t - steps + 1) for t in range(steps)]
    if times is not None:
        shown = [plain(each) for each in check_names("times", times, steps, "sample")]
    longest = max(map(len, inputs))
    height = min(1.6 + 0.3 * len(inputs), 12.0)
    axes = new_axes(axes, width=8.0 + 0.07 * max(min(longest, 60) - 16, 0), height=height)
    most = float(np.abs(values).max()) or 1.0
    mesh = axes.pcolormesh(values[first:].T, cmap=_SIGNED, vmin=-most, vmax=most, rasterized=True)
    sums = values.sum(axis=0)
    labels = [f"{plain(name)}  {each:+.3g}" for name, each in zip(inputs, sums)]
    axes.set_yticks(np.arange(len(inputs)) + 0.5, labels)
    count = min(MOST_LABELS, max(WIDTH // max(map(len, shown)), 2), steps - first)
    places = np.unique(np.linspace(first, steps - 1, count).astype(int))
    axes.set_xticks(places - first + 0.5, [shown[t] for t in places])
    if times is None:
        axes.set_xlabel("sample, counted back from the newest")
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    assert axes.figure is not None
    axes.figure.colorbar(mesh, ax=axes, label=plain(label))
    return axes
