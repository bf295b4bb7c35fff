"""What every neuron does over time: states and time constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from .._checks import check_integer, check_items, told
from .._hints import explains_keywords
from .._tensors import array_of
from ..errors import DtypeError
from ..network import Trace
from ._figure import (
    BLACK,
    GREY,
    LINES,
    Array,
    check_length,
    colours,
    curve,
    logarithmic,
    new_axes,
    plain,
)

Layers = Mapping[str, Sequence[int]]


@explains_keywords
def plot_states(
    trace: Trace,
    time: Optional[npt.ArrayLike] = None,
    axes: Optional[Axes] = None,
    *,
    time_label: str = "sample",
    sequence: int = 0,
    layers: Optional[Layers] = None,
) -> Axes:
    """The state of every neuron over time, one line each.

    Up to five neurons have a colour each. Of more, all lines are grey with the median over the
    neurons in black, or every layer has a colour.

    Args:
        trace: what :meth:`LiquidNetwork.trace` returned.
        time: (T,) of the samples. Default: 0, 1, 2, ...
        axes: where to draw. Default: a new figure.
        time_label: of the time, with its unit.
        sequence: which sequence of a batch.
        layers: layer name -> neurons, such as ``network.wiring.layers``.

    Raises:
        ShapeError: ``time`` does not have T entries.
        DomainError: ``layers`` names a neuron that is not there, or the batch has no such sequence.
        DtypeError: ``trace`` is none, or another argument is of no such type.
    """
    lines = _of_sequence(trace, "states", sequence)
    return _plot_neurons(lines, "state", time, axes, time_label, layers)


@explains_keywords
def plot_time_constants(
    trace: Trace,
    time: Optional[npt.ArrayLike] = None,
    axes: Optional[Axes] = None,
    *,
    time_label: str = "sample",
    unit: str = "samples",
    sequence: int = 0,
    layers: Optional[Layers] = None,
) -> Axes:
    """The effective time constant of every neuron over time, one line each, on a log scale.

    Arguments, colours and errors are those of :func:`plot_states`; ``unit`` is that of the
    elapsed time.
    """
    label = f"effective time constant ({unit})"
    lines = _of_sequence(trace, "time_constants", sequence)
    axes = _plot_neurons(lines, label, time, axes, time_label, layers)
    logarithmic(axes.yaxis, lines)
    return axes


def _of_sequence(trace: Trace, name: str, sequence: int) -> Array:
    """(T, N) of one sequence of a batch."""
    if not isinstance(trace, Trace):
        raise DtypeError(
            f"expected what network.trace(inputs) returned, got {told(trace)}", "trace"
        )
    lines = array_of(getattr(trace, name))
    lines = lines if lines.ndim == 3 else lines[np.newaxis]
    chosen: Array = lines[check_integer("sequence", sequence, 0, len(lines) - 1)]
    return chosen


def _plot_neurons(
    lines: Array,
    label: str,
    time: Optional[npt.ArrayLike],
    axes: Optional[Axes],
    time_label: str,
    layers: Optional[Layers],
) -> Axes:
    moments = np.arange(len(lines)) if time is None else np.asarray(time)
    check_length("time", moments, len(lines))
    axes = new_axes(axes, width=8.0)
    neurons = lines.shape[1]
    if layers is not None and not isinstance(layers, Mapping):
        raise DtypeError(f"expected a dict of name -> neurons, got {told(layers)}", "layers")
    found = {name: _places(ids, neurons) for name, ids in (layers or {}).items()}
    if len(found) > 1:
        for (name, places), colour in zip(found.items(), colours(len(found))):
            entry = f"{plain(name)}: {len(places)} neuron{'s' * (len(places) != 1)}"
            _plot_alike(axes, moments, lines[:, places], colour, entry)
    elif neurons <= len(LINES):
        for number, colour in zip(range(neurons), colours(neurons)):
            curve(axes, moments, lines[:, number], color=colour, label=f"neuron {number}")
    else:
        _plot_alike(axes, moments, lines, GREY, f"each of {neurons} neurons")
        median = np.median(lines, axis=1)
        curve(axes, moments, median, color=BLACK, linewidth=1.8, label="median of the neurons")
    axes.set(xlabel=plain(time_label), ylabel=plain(label))
    # Beside the axes, which the lines fill.
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return axes


def _plot_alike(axes: Axes, moments: Array, lines: Array, colour: str, entry: str) -> None:
    """Lines of one colour, with one entry in the legend."""
    labels = [entry, *[None] * (lines.shape[1] - 1)]
    for line, each in zip(lines.T, labels):
        curve(axes, moments, line, color=colour, linewidth=0.9, alpha=0.8, label=each)


def _places(ids: Sequence[int], neurons: int) -> list[int]:
    found = check_items("layers", ids, "a dict of name -> neurons")
    return [check_integer("layers", each, 0, neurons - 1) for each in found]
