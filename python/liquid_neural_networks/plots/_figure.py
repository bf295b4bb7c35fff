"""What all pictures share: colours, axes, ticks, writing."""

from __future__ import annotations

from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, Optional, Union

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter
from torch import Tensor

from .._checks import check_choice, told
from .._files import replace
from .._hints import explains_keywords
from .._tensors import array_of
from ..errors import DtypeError, ShapeError

BLACK, BLUE, ORANGE = "#000000", "#0072b2", "#d55e00"
GREEN, PINK, SKY, GREY = "#009e73", "#cc79a7", "#56b4e9", "#999999"
LINES = (BLUE, ORANGE, GREEN, PINK, SKY)

Array = npt.NDArray[Any]


def new_axes(axes: Optional[Axes], width: float = 6.4, height: float = 4.0) -> Axes:
    """The given axes, or those of a new figure; without the frame on top and right."""
    if axes is None:
        axes = Figure(figsize=(width, height), layout="constrained").add_subplot()
    check_axes(axes)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def check_axes(axes: object) -> None:
    """Raises DtypeError unless these are matplotlib's axes."""
    if isinstance(axes, Axes):
        return
    advice = ""
    if isinstance(axes, Figure):
        advice = "; axes of a figure are figure.add_subplot()"
    elif isinstance(axes, np.ndarray):
        advice = "; give one of them, such as axes.flat[0]"
    raise DtypeError(f"expected matplotlib axes, got {told(axes)}{advice}", "axes")


def numbers(name: str, values: object) -> Array:
    """Floats; None among them becomes NaN.

    Raises:
        DtypeError: they are no numbers.
    """
    if isinstance(values, Tensor):
        values = array_of(values)
    try:
        if np.asarray(values).dtype.kind in "US":  # text is no number, whatever it says
            raise TypeError
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise DtypeError(f"expected real numbers, got {told(values)}", name) from None


def colours(count: int) -> list[str]:
    """So many of the five that lines are drawn in, from the start again after the last."""
    return [LINES[i % len(LINES)] for i in range(count)]


def logarithmic(axis: Axis, values: Array) -> None:
    """A logarithmic scale with plain numbers at its ticks, at least two of them.

    Args:
        values: all that is drawn along the axis, positive.
    """
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")  # type: ignore[attr-defined]
    known = values[np.isfinite(values)]
    decades = float(np.log10(known.max() / known.min())) if known.size else 0.0
    if decades < 0.7:
        axis.set_major_locator(MaxNLocator(5))
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 3 else (1,)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def curve(axes: Axes, x: Array, y: Array, **style: Any) -> None:
    """A line, with a dot at each value that has no neighbour to draw a line to."""
    known = np.isfinite(np.concatenate([[np.nan], y, [np.nan]]))
    alone = np.flatnonzero(known[1:-1] & ~known[:-2] & ~known[2:])
    if len(alone):
        style.update(marker="o", markersize=3, markevery=alone.tolist())
    axes.plot(x, y, **style)


def check_length(name: str, values: Array, length: int) -> None:
    """Raises ShapeError unless the values are (length,)."""
    if values.shape != (length,):
        raise ShapeError(f"expected ({length},), got {values.shape}", name)


def plain(text: object) -> str:
    """What matplotlib draws as ``text`` itself: a dollar in a name begins no formula."""
    return str(text).replace("$", r"\$")


def check_ending(name: str, path: Union[str, PathLike[str]]) -> str:
    """The ending of a picture's name, without the dot.

    Raises:
        OptionError: there is no picture of that ending.
    """
    ending = Path(path).suffix[1:].lower()
    check_choice(name, ending, FigureCanvasBase.get_supported_filetypes())
    return ending


@explains_keywords
def save(axes: Axes, path: Union[str, PathLike[str], BinaryIO]) -> None:
    """Writes the figure of ``axes``; the ending of ``path`` says how (.png, .svg, .pdf).

    An old file is replaced in one step. An open binary file receives a PNG.

    Raises:
        OptionError: there is no picture of that ending.
        DtypeError: ``axes`` are none, or ``path`` is neither a path nor an open file.
        ModelFileError: it leads to something that is no regular file.
        OSError: the system could not write it.
    """
    check_axes(axes)
    assert isinstance(axes.figure, Figure)
    if not isinstance(path, (str, PathLike)):
        if not hasattr(path, "write"):
            raise DtypeError(f"expected a path or an open file, got {told(path)}", "path")
        axes.figure.savefig(path, dpi=100)
        return
    ending, buffer = check_ending("path", path), BytesIO()
    axes.figure.savefig(buffer, format=ending, dpi=100)
    replace(path, buffer.getvalue())
