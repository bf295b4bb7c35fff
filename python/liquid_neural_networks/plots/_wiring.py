"""A wiring: neurons in columns with a line for each synapse, or a matrix where lines would blur."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional, Union

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from matplotlib.lines import Line2D

from .._checks import check_names, told
from .._hints import explains_keywords
from .._tensors import array_of
from ..errors import DtypeError
from ..network import LiquidNetwork
from ..neuron import LiquidNeuron
from ..wiring import Wiring
from ._figure import BLACK, BLUE, GREY, ORANGE, Array, new_axes, plain

EXCITING, INHIBITING = BLUE, ORANGE
MOST_LINES = 500
"""Synapses drawn as lines, at most: of more nobody can follow one."""
MOST_ARCS = 40
"""Synapses between neurons of the only layer, whose lines all lie in one place."""

Node = tuple[str, int]
Places = dict[Node, tuple[float, float]]


class _Signed(NamedTuple):
    """A wiring, with the sign of each synapse now."""

    wiring: Wiring
    signs: Array
    sensory_signs: Array


@explains_keywords
def plot_wiring(
    network: Union[LiquidNetwork, Wiring],
    axes: Optional[Axes] = None,
    *,
    names: Optional[Sequence[str]] = None,
) -> Axes:
    """Layers in columns, from the inputs on the left to the motor neurons on the right.

    Synapses between columns leave to the right of the sender; those within a column curve to
    its right, and a ring is a synapse of a neuron to itself. Where there are more than 500
    synapses, or more than 40 within the only layer, a matrix is drawn instead: a row for each
    sender, a column for each receiver.

    Colours say whether a synapse excites or inhibits: in a network as it is now, in a wiring as
    it was grown (training may reverse it).

    Args:
        network: a wiring, or a network, whose first layer is drawn.
        axes: where to draw. Default: a new figure.
        names: of the inputs, I of them, such as ``forecaster.input_names``.

    Raises:
        DtypeError: ``network`` is neither.
        ShapeError: there are not as many names as inputs.
    """
    drawn = _signed(network)
    wiring = drawn.wiring
    if names is not None:
        names = check_names("names", names, wiring.input_size, "input")
    draw = _plot_matrix if _is_crowded(wiring) else _plot_columns
    return draw(drawn, axes, names)


def _signed(network: Union[LiquidNetwork, Wiring]) -> _Signed:
    if isinstance(network, Wiring):
        return _Signed(network, network.polarity, network.sensory_polarity)
    if not isinstance(network, LiquidNetwork):
        own = isinstance(getattr(network, "network", None), LiquidNetwork)
        advice = "; give its .network" if own else ""
        raise DtypeError(
            f"expected a LiquidNetwork or a Wiring, got {told(network)}{advice}", "network"
        )
    neuron = network.neurons[0]
    assert isinstance(neuron, LiquidNeuron)
    with torch.no_grad():
        strengths = neuron.dynamics.polarities(neuron.dynamics.values())
    signs = (np.where(array_of(each) > 0, 1, -1) for each in strengths)
    return _Signed(neuron.wiring, *signs)


def _is_crowded(wiring: Wiring) -> bool:
    count = wiring.synapse_count + wiring.sensory_synapse_count
    return count > MOST_LINES or (len(wiring.layers) == 1 and wiring.synapse_count > MOST_ARCS)


# -- columns and lines ---------------------------------------------------------------------------


def _plot_columns(drawn: _Signed, axes: Optional[Axes], names: Optional[Sequence[str]]) -> Axes:
    wiring = drawn.wiring
    columns: dict[str, list[Node]] = {
        "inputs": [("input", k) for k in range(wiring.input_size)],
        **{name: [("neuron", i) for i in ids] for name, ids in wiring.layers.items()},
    }
    tallest = max(map(len, columns.values()))
    margin = 0.0 if names is None else 0.09 * max(map(len, names))
    axes = new_axes(
        axes,
        width=1.6 + 1.5 * len(columns) + margin,
        height=min(max(4.2, 1.2 + 0.2 * tallest), 12.0),
    )
    places = _places(list(columns.values()))
    _draw_synapses(axes, drawn, places)
    for nodes in columns.values():
        x, y = np.array([places[node] for node in nodes]).T
        size = min(1400 / len(nodes), 90)
        axes.scatter(x, y, s=size, color="white", edgecolors=BLACK, linewidths=0.8, zorder=3)
    for (_, k), name in zip(columns["inputs"], names or ()):
        x, y = places["input", k]
        axes.annotate(plain(name), (x - 0.1, y), ha="right", va="center", annotation_clip=False)
    for column, (name, nodes) in enumerate(columns.items()):
        axes.annotate(f"{plain(name)}\n{len(nodes)}", (column, 1.06), ha="center", va="bottom")
    axes.set(xlim=(-0.4, len(columns) - 0.4), ylim=(-0.05, 1.2))
    axes.set_axis_off()
    _add_legend(axes, (0.5, 0))
    return axes


def _draw_synapses(axes: Axes, drawn: _Signed, places: Places) -> None:
    wiring = drawn.wiring
    lists = (
        ("input", wiring.sensory_pre, wiring.sensory_post, drawn.sensory_signs),
        ("neuron", wiring.pre, wiring.post, drawn.signs),
    )
    count = wiring.synapse_count + wiring.sensory_synapse_count
    for colour, sign in ((EXCITING, 1), (INHIBITING, -1)):
        curves = [
            _curve(places[kind, int(j)], places["neuron", int(i)])
            for kind, pre, post, signs in lists
            for j, i in zip(pre[signs == sign], post[signs == sign])
        ]
        # The more synapses, the fainter each: where many cross, they read as shades.
        axes.add_collection(
            LineCollection(
                curves,
                colors=colour,
                linewidths=min(max(24 / np.sqrt(count + 1), 0.4), 1.4),
                alpha=min(max(12 / np.sqrt(count + 1), 0.12), 0.8),
            )
        )


def _places(columns: list[list[Node]]) -> Places:
    """Node -> (x, y): a column of n nodes spreads over the height, the shorter the less."""
    tallest = max(len(nodes) for nodes in columns)
    places: Places = {}
    for x, nodes in enumerate(columns):
        reach = 0.5 * (len(nodes) / tallest) ** 0.5 if len(nodes) > 1 else 0.0
        heights = np.linspace(0.5 + reach, 0.5 - reach, len(nodes)) if reach else [0.5]
        places.update((node, (float(x), float(y))) for node, y in zip(nodes, heights))
    return places


def _curve(start: tuple[float, float], end: tuple[float, float]) -> Array:
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
    curve: Array = sum(weight * corner for weight, corner in zip(weights, corners))
    return curve


# -- matrix --------------------------------------------------------------------------------------


def _plot_matrix(drawn: _Signed, axes: Optional[Axes], names: Optional[Sequence[str]]) -> Axes:
    wiring = drawn.wiring
    order = [i for ids in wiring.layers.values() for i in ids]
    recurrent = np.zeros((wiring.units, wiring.units))
    recurrent[wiring.pre, wiring.post] = drawn.signs
    sensory = np.zeros((wiring.input_size, wiring.units))
    sensory[wiring.sensory_pre, wiring.sensory_post] = drawn.sensory_signs
    matrix = np.concatenate([sensory[:, order], recurrent[np.ix_(order, order)]])

    # Rows of inputs are high enough for their names, but leave most of the height to the rest.
    units, inputs = wiring.units, wiring.input_size
    high = max(1.0, min(0.04 * units, 0.4 * units / inputs))
    top = high * inputs
    rows = np.concatenate([high * np.arange(inputs), top + np.arange(units + 1)])
    margin = 0.0 if names is None else 0.09 * max(map(len, names))
    axes = new_axes(axes, width=6.6 + margin, height=6.8)
    axes.pcolormesh(
        np.arange(units + 1), rows, matrix,
        cmap=ListedColormap([INHIBITING, "white", EXCITING]), vmin=-1, vmax=1,
        rasterized=matrix.size > 5000,  # tens of thousands of squares make a slow SVG
    )  # fmt: skip
    ends = np.cumsum([0, *map(len, wiring.layers.values())])
    labels = [f"{plain(name)}\n{len(ids)}" for name, ids in wiring.layers.items()]
    middles = (ends[1:] + ends[:-1]) / 2
    axes.hlines([top, *(top + ends[1:-1])], 0, units, color=GREY, linewidth=0.8)
    axes.vlines(ends[1:-1], 0, top + units, color=GREY, linewidth=0.8)
    if names is None:
        places, senders = [top / 2], [f"inputs\n{inputs}"]
    else:
        places, senders = list(high * (np.arange(inputs) + 0.5)), list(map(plain, names))
    axes.set_yticks([*places, *(top + middles)], [*senders, *labels])
    axes.set_xticks(middles, labels)
    axes.tick_params(length=0)
    axes.set(xlim=(0, units), ylim=(top + units, 0), xlabel="receives", ylabel="sends")
    axes.spines[["top", "right"]].set_visible(True)
    _add_legend(axes, (0.5, 1.08), marker="s", linestyle="none")
    return axes


def _add_legend(axes: Axes, place: tuple[float, float], **style: Any) -> None:
    handles = [
        Line2D([], [], color=EXCITING, label="excites", **style),
        Line2D([], [], color=INHIBITING, label="inhibits", **style),
    ]
    axes.legend(handles=handles, frameon=False, loc="upper center", ncols=2, bbox_to_anchor=place)
