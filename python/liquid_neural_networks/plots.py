"""Pictures of a network and of what it does, with matplotlib.

Every function draws on the ``axes`` it is given, or on those of a new figure, and returns the
axes; :func:`save` writes the picture. Nothing here opens a window: figures are outside pyplot's
registry, so they need no display and no closing.

Colours are those of Okabe and Ito, which differ with any colour vision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, Optional, Protocol, Union

import numpy as np
import numpy.typing as npt

from ._checks import check_choice
from ._extras import missing
from ._tensors import array_of
from .errors import DtypeError, ShapeError
from .network import LiquidNetwork, Trace
from .wiring import Wiring

try:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import LogFormatter
except ImportError:
    raise missing("matplotlib", "plots") from None

__all__ = [
    "plot_forecast",
    "plot_history",
    "plot_states",
    "plot_time_constants",
    "plot_wiring",
    "save",
]

BLACK, BLUE, ORANGE = "#000000", "#0072b2", "#d55e00"
GREEN, PINK, SKY = "#009e73", "#cc79a7", "#56b4e9"
EXCITING, INHIBITING = BLUE, ORANGE
_LINES = (BLUE, ORANGE, GREEN, PINK, SKY)

FloatArray = npt.NDArray[np.floating]
Places = dict[tuple[str, int], tuple[float, float]]


def plot_wiring(network: Union[LiquidNetwork, Wiring], axes: Optional[Axes] = None) -> Axes:
    """Layers in columns, from the inputs on the left to the motor neurons on the right.

    Colours are the wiring's polarity, which training may reverse (``inspection.describe`` counts
    the present signs). Synapses between columns leave to the right of the sender; those within
    a column curve to its right, and a ring is a synapse of a neuron to itself.

    Args:
        network: a wiring, or a network, whose first layer is drawn.
        axes: where to draw. Default: a new figure.

    Raises:
        DtypeError: ``network`` is neither.
    """
    wiring = network.wiring if isinstance(network, LiquidNetwork) else network
    if not isinstance(wiring, Wiring):
        raise DtypeError(
            f"expected a LiquidNetwork or a Wiring, got {type(network).__name__}", "network"
        )
    columns: dict[str, list[tuple[str, int]]] = {
        "inputs": [("input", k) for k in range(wiring.input_size)],
        **{name: [("neuron", i) for i in ids] for name, ids in wiring.layers.items()},
    }
    axes = _axes(axes, width=1.6 + 1.5 * len(columns), height=4.2)
    places = _places(list(columns.values()))
    sensory = (wiring.sensory_pre, wiring.sensory_post, wiring.sensory_polarity)
    recurrent = (wiring.pre, wiring.post, wiring.polarity)
    count = wiring.synapse_count + wiring.sensory_synapse_count
    for colour, sign in ((EXCITING, 1), (INHIBITING, -1)):
        curves = [
            _curve(places[kind, int(j)], places["neuron", int(i)])
            for kind, (pre, post, polarity) in (("input", sensory), ("neuron", recurrent))
            for j, i in zip(pre[polarity == sign], post[polarity == sign])
        ]
        # The more synapses, the fainter each: dense wirings read as shades.
        axes.add_collection(
            LineCollection(
                curves,
                colors=colour,
                linewidths=min(max(24 / np.sqrt(count + 1), 0.4), 1.4),
                alpha=min(max(12 / np.sqrt(count + 1), 0.12), 0.8),
            )
        )
    for nodes in columns.values():
        x, y = np.array([places[node] for node in nodes]).T
        size = min(1400 / len(nodes), 90)
        axes.scatter(x, y, s=size, color="white", edgecolors=BLACK, linewidths=0.8, zorder=3)
    _label_columns(axes, columns)
    handles = [
        Line2D([], [], color=EXCITING, label="excites"),
        Line2D([], [], color=INHIBITING, label="inhibits"),
    ]
    axes.legend(
        handles=handles, frameon=False, loc="upper center", ncols=2, bbox_to_anchor=(0.5, 0)
    )
    return axes


def plot_states(
    trace: Trace,
    time: Optional[npt.ArrayLike] = None,
    axes: Optional[Axes] = None,
    *,
    time_label: str = "sample",
    sequence: int = 0,
) -> Axes:
    """The state of every neuron over time, one line each.

    Args:
        trace: what :meth:`LiquidNetwork.trace` returned.
        time: (T,) of the samples. Default: 0, 1, 2, ...
        axes: where to draw. Default: a new figure.
        time_label: of the time, with its unit.
        sequence: which sequence of a batch.

    Raises:
        ShapeError: ``time`` does not have T entries, or the batch has no such sequence.
    """
    return _plot_neurons(trace.states, "state", time, axes, time_label, sequence)


def plot_time_constants(
    trace: Trace,
    time: Optional[npt.ArrayLike] = None,
    axes: Optional[Axes] = None,
    *,
    time_label: str = "sample",
    unit: str = "samples",
    sequence: int = 0,
) -> Axes:
    """The effective time constant of every neuron over time, one line each, on a log scale.

    Arguments and errors are those of :func:`plot_states`; ``unit`` is that of the elapsed time.
    """
    label = f"effective time constant ({unit})"
    axes = _plot_neurons(trace.time_constants, label, time, axes, time_label, sequence)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(LogFormatter())  # only where a decade or less is shown
    return axes


class Losses(Protocol):
    """What :func:`plot_history` draws, as a ``training.History`` has it."""

    train_loss: list[float]
    valid_loss: list[float]
    best_epoch: int


def plot_history(history: Losses, axes: Optional[Axes] = None) -> Axes:
    """Training and validation loss by epoch, the best epoch marked."""
    axes = _axes(axes)
    curves = (("training", history.train_loss, BLUE), ("validation", history.valid_loss, ORANGE))
    for name, loss, colour in curves:
        if len(loss) > 0:
            axes.plot(np.arange(1, len(loss) + 1), loss, color=colour, label=name)
    if history.best_epoch > 0:
        label = f"best epoch, {history.best_epoch}"
        axes.axvline(history.best_epoch, color=BLACK, lw=0.8, linestyle=":", label=label)
    axes.set(xlabel="epoch", ylabel="loss", yscale="log")
    if axes.lines:
        axes.legend(frameon=False)
    return axes


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
    axes = _axes(axes, width=9.0)
    moments, observed = np.asarray(time), np.asarray(actual, dtype=float)
    _check_length("actual", observed, len(moments))
    axes.plot(moments, observed, ".", color=BLACK, markersize=3, label="observed")
    for (name, values), colour in zip(forecasts.items(), _cycle(len(forecasts))):
        forecast = np.asarray(values, dtype=float)
        _check_length(f"forecasts[{name!r}]", forecast, len(moments))
        axes.plot(moments, forecast, color=colour, linewidth=1.2, label=name)
    axes.set(xlabel=time_label, ylabel=label)
    axes.legend(frameon=False)
    return axes


def save(axes: Axes, path: Union[str, PathLike[str], BinaryIO]) -> None:
    """Writes the figure of ``axes``; the ending of ``path`` says how (.png, .svg, .pdf).

    An open binary file receives a PNG.

    Raises:
        OptionError: there is no picture of that ending.
    """
    assert isinstance(axes.figure, Figure)
    if isinstance(path, (str, PathLike)):
        known = axes.figure.canvas.get_supported_filetypes()
        check_choice("path", Path(path).suffix[1:].lower(), known)
    axes.figure.savefig(path, dpi=100)


def _axes(axes: Optional[Axes], width: float = 6.4, height: float = 4.0) -> Axes:
    """The given axes, or those of a new figure; without the frame on top and right."""
    if axes is None:
        axes = Figure(figsize=(width, height), layout="constrained").add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _plot_neurons(
    values: Any,
    label: str,
    time: Optional[npt.ArrayLike],
    axes: Optional[Axes],
    time_label: str,
    sequence: int,
) -> Axes:
    lines = array_of(values)
    if lines.ndim == 3:
        if not 0 <= sequence < len(lines):
            raise ShapeError(f"expected 0 to {len(lines) - 1}, got {sequence}", "sequence")
        lines = lines[sequence]
    moments = np.arange(len(lines)) if time is None else np.asarray(time)
    _check_length("time", moments, len(lines))
    axes = _axes(axes)
    for line, colour in zip(lines.T, _cycle(lines.shape[1])):
        axes.plot(moments, line, color=colour, linewidth=0.9, alpha=0.8)
    axes.set(xlabel=time_label, ylabel=label)
    return axes


def _cycle(count: int) -> list[str]:
    return [_LINES[i % len(_LINES)] for i in range(count)]


def _check_length(name: str, values: npt.NDArray[Any], length: int) -> None:
    if values.shape != (length,):
        raise ShapeError(f"expected ({length},), got {values.shape}", name)


def _places(columns: list[list[tuple[str, int]]]) -> Places:
    """Node -> (x, y): a column of n nodes spreads over the height, the shorter the less."""
    tallest = max(len(nodes) for nodes in columns)
    places: Places = {}
    for x, nodes in enumerate(columns):
        reach = 0.5 * (len(nodes) / tallest) ** 0.5 if len(nodes) > 1 else 0.0
        heights = np.linspace(0.5 + reach, 0.5 - reach, len(nodes)) if reach else [0.5]
        places.update((node, (float(x), float(y))) for node, y in zip(nodes, heights))
    return places


def _curve(start: tuple[float, float], end: tuple[float, float]) -> FloatArray:
    """(points, 2) of the synapse: a cubic that leaves and arrives level."""
    (x0, y0), (x1, y1) = start, end
    if (x0, y0) == (x1, y1):
        angle = np.linspace(0, 2 * np.pi, 25)
        return np.stack([x0 + 0.07 * (1 - np.cos(angle)), y0 + 0.025 * np.sin(angle)], axis=1)
    if x0 == x1:
        bow = 0.15 + 0.35 * abs(y1 - y0)
        pulls = (x0 + bow, x1 + bow)
    else:
        pulls = (x0 + 0.5 * (x1 - x0), x1 - 0.5 * (x1 - x0))
    t = np.linspace(0, 1, 25)[:, None]
    corners = [np.array(p) for p in ((x0, y0), (pulls[0], y0), (pulls[1], y1), (x1, y1))]
    weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3)
    curve: FloatArray = sum(weight * corner for weight, corner in zip(weights, corners))
    return curve


def _label_columns(axes: Axes, columns: Mapping[str, Sequence[object]]) -> None:
    for x, (name, nodes) in enumerate(columns.items()):
        axes.annotate(f"{name}\n{len(nodes)}", (x, 1.06), ha="center", va="bottom")
    axes.set(xlim=(-0.4, len(columns) - 0.4), ylim=(-0.05, 1.2))
    axes.set_axis_off()
