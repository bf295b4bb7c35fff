"""Pictures show one artist for each thing there is, and need no display."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection, QuadMesh
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from liquid_neural_networks import LiquidNetwork, Trace, plots, wiring
from liquid_neural_networks.errors import DomainError, DtypeError, OptionError, ShapeError
from liquid_neural_networks.training import History

COLUMNS = {
    "ncp": wiring.ncp(inter=12, command=6, motor=1).build(3),
    "full": wiring.fully_connected(6).build(3),
    "one": wiring.fully_connected(1).build(1),
}
MATRICES = {
    "full": wiring.fully_connected(16).build(3),
    "many inputs": wiring.fully_connected(10).build(60),
    "c_elegans": wiring.c_elegans(4).build(8),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_every_neuron_and_synapse_is_drawn_once(name: str) -> None:
    drawn = COLUMNS[name]
    axes = plots.plot_wiring(drawn)
    exciting, inhibiting = (c for c in axes.collections if isinstance(c, LineCollection))
    signs = np.concatenate([drawn.polarity, drawn.sensory_polarity])
    assert len(exciting.get_segments()) == (signs == 1).sum()
    assert len(inhibiting.get_segments()) == (signs == -1).sum()
    nodes = [c for c in axes.collections if isinstance(c, PathCollection)]
    assert len(nodes) == 1 + len(drawn.layers)
    places = np.concatenate([c.get_offsets() for c in nodes])
    assert len(np.unique(places, axis=0)) == drawn.units + drawn.input_size


@pytest.mark.parametrize("name", MATRICES)
def test_crowded_wirings_are_matrices_with_a_square_for_each_synapse(name: str) -> None:
    drawn = MATRICES[name]
    axes = plots.plot_wiring(drawn)
    (mesh,) = (c for c in axes.collections if isinstance(c, QuadMesh))
    order = [i for ids in drawn.layers.values() for i in ids]
    signs = np.concatenate(
        [drawn.sensory_adjacency()[:, order], drawn.adjacency()[np.ix_(order, order)]]
    )
    np.testing.assert_array_equal(mesh.get_array(), signs)
    assert mesh.cmap(mesh.norm(1)) == to_rgba(plots.BLUE)
    assert mesh.cmap(mesh.norm(-1)) == to_rgba(plots.ORANGE)
    heights = np.diff(mesh.get_coordinates()[:, 0, 1])
    np.testing.assert_allclose(heights[drawn.input_size :], 1)
    assert heights.sum() < 2.2 * drawn.units or drawn.input_size > drawn.units


def test_inputs_have_their_names() -> None:
    names = ["wind", "CO2 (ppm)", "hour"]
    texts = [t.get_text() for t in plots.plot_wiring(COLUMNS["ncp"], names=names).texts]
    assert texts[:3] == names
    ticks = plots.plot_wiring(MATRICES["full"], names=names).get_yticklabels()
    assert [t.get_text() for t in ticks] == [*names, "neurons\n16"]


def test_a_network_has_the_signs_of_now() -> None:
    grown = wiring.Wiring.from_matrices([[0, 1], [0, 0]], [[1, 0]])
    network = LiquidNetwork(1, wiring=grown, readout="dense", output_size=1)
    network.neurons[0].dynamics.set_values({"E": torch.tensor([-0.5])})
    exciting, inhibiting = plots.plot_wiring(network).collections[:2]
    assert (len(exciting.get_segments()), len(inhibiting.get_segments())) == (1, 1)


def test_synapses_join_the_neurons_they_name() -> None:
    drawn = wiring.Wiring.from_matrices([[0, 1], [0, 0]], [[0, -1]], layers={"a": [0], "b": [1]})
    axes = plots.plot_wiring(drawn)
    exciting, inhibiting = (c for c in axes.collections if isinstance(c, LineCollection))
    a_to_b, input_to_b = exciting.get_segments()[0], inhibiting.get_segments()[0]
    assert a_to_b[[0, -1], 0].tolist() == [1, 2]
    assert input_to_b[[0, -1], 0].tolist() == [0, 2]


def test_a_network_is_drawn_as_its_wiring() -> None:
    axes = plots.plot_wiring(LiquidNetwork(3, wiring=COLUMNS["ncp"]))
    assert [t.get_text() for t in axes.texts] == [
        "inputs\n3",
        "inter\n12",
        "command\n6",
        "motor\n1",
    ]


@pytest.mark.parametrize("plot", [plots.plot_states, plots.plot_time_constants])
def test_one_line_a_neuron_on_the_axes_given(plot: object) -> None:
    trace = LiquidNetwork(2, 5, 1).trace(torch.randn(3, 9, 2))
    axes = Figure().add_subplot()
    assert plot(trace, np.arange(9) / 2, axes, sequence=1, time_label="time (s)") is axes
    assert [line.get_label() for line in axes.lines] == [f"neuron {i}" for i in range(5)]
    assert axes.lines[0].get_xdata()[-1] == 4.0
    field = trace.states if plot is plots.plot_states else trace.time_constants
    np.testing.assert_array_equal(axes.lines[3].get_ydata(), field[1, :, 3].detach())
    assert axes.get_xlabel() == "time (s)" and axes.get_ylabel()


def test_many_neurons_are_told_apart_by_layer_or_not_at_all() -> None:
    network = LiquidNetwork(2, wiring=wiring.ncp(inter=4, command=3, motor=1))
    trace = network.trace(torch.randn(9, 2))
    *each, median = plots.plot_states(trace).lines
    assert len(each) == 8 and len({line.get_color() for line in each}) == 1
    np.testing.assert_allclose(median.get_ydata(), np.median(trace.states.detach(), axis=1))
    axes = plots.plot_time_constants(trace, layers=network.wiring.layers)
    shown = [t.get_text() for t in axes.get_legend().get_texts()]
    assert shown == ["inter: 4 neurons", "command: 3 neurons", "motor: 1 neuron"]
    assert len(axes.lines) == 8 and len({line.get_color() for line in axes.lines}) == 3
    np.testing.assert_array_equal(
        axes.lines[-1].get_ydata(),
        trace.time_constants.detach()[:, network.wiring.layers["motor"][0]],
    )


@pytest.mark.parametrize("low, high", [(1.01, 1.02), (0.3, 1.1), (0.02, 40), (1e-3, 1e5)])
def test_logarithmic_axes_have_plain_numbers(low: float, high: float) -> None:
    values = np.geomspace(low, high, 20)[:, None]
    axes = plots.plot_time_constants(Trace(torch.tensor(values), torch.tensor(values)))
    plots.save(axes, BytesIO())
    lowest, highest = axes.get_ylim()
    ticks = [t for t in axes.yaxis.get_major_ticks() if lowest <= t.get_loc() <= highest]
    shown = [t.label1.get_text() for t in ticks]
    assert 2 <= len(shown) <= 10
    assert [float(text) for text in shown] == pytest.approx([t.get_loc() for t in ticks])
    assert not any(t.label1.get_text() for t in axes.yaxis.get_minor_ticks())


def test_history_marks_the_best_epoch() -> None:
    axes = plots.plot_history(History([1.0, 0.5, 0.4], [1.1, 0.6, 0.7], best_epoch=2))
    training, validation, line, best = axes.lines
    assert list(training.get_ydata()) == [1.0, 0.5, 0.4]
    assert list(validation.get_ydata()) == [1.1, 0.6, 0.7]
    assert best.get_xdata() == line.get_xdata()[:1] == [2] and best.get_ydata() == [0.6]
    assert best.get_label() == "best epoch: 2, loss 0.6"
    plots.save(axes, BytesIO())
    assert all(tick.get_text().isdigit() for tick in axes.get_xticklabels())


def test_losses_below_zero_are_on_a_plain_scale() -> None:
    axes = plots.plot_history(History([1.0, 0.5], [-1.0, -2.0], best_epoch=2))
    assert axes.get_yscale() == "linear"


def test_history_before_the_first_epoch_is_empty() -> None:
    assert len(plots.plot_history(History()).lines) == 0


def test_forecasts_are_named() -> None:
    axes = plots.plot_forecast([1, 2], [0.0, np.nan], {"a": [1, 2], "b": [2, 3]}, label="CO2 (ppm)")
    assert [line.get_label() for line in axes.lines] == ["observed", "a", "b"]
    assert axes.get_ylabel() == "CO2 (ppm)"


def test_values_that_stand_alone_are_dots() -> None:
    """A line through one value draws nothing."""
    axes = plots.plot_forecast(
        [1, 2, 3, 4], [0.0] * 4, {"a": [np.nan, 2.0, np.nan, np.nan], "b": [1, 2, 3, 4]}
    )
    assert [line.get_markevery() for line in axes.lines[1:]] == [[1], None]
    assert axes.lines[2].get_marker() == "None"
    trace = LiquidNetwork(2, 5, 1).trace(torch.randn(1, 2))
    for plot in (plots.plot_states, plots.plot_time_constants):
        assert all(line.get_marker() == "o" for line in plot(trace).lines)


def test_times_below_an_attribution_have_room() -> None:
    parts = np.ones((100, 2))
    axes = plots.plot_attribution(parts, ["a", "b"])
    assert [t.get_text() for t in axes.get_xticklabels()][-2:] == ["-20", "0"]
    assert axes.get_xlabel() == "sample, counted back from the newest"
    assert plots.plot_attribution(parts[:1], ["a", "b"]).get_xticklabels()[0].get_text() == "0"
    newest = plots.plot_attribution(parts, ["a", "b"], first=90)
    assert newest.get_xticklabels()[0].get_text() == "-9"
    assert newest.get_yticklabels()[0].get_text() == "a  +100"
    (mesh,) = (c for c in newest.collections if isinstance(c, QuadMesh))
    assert mesh.get_array().shape == (2, 10)
    names = ["the temperature of the air outside, at the north face", "b"]
    axes = plots.plot_attribution(
        parts, names, [f"2024-01-{1 + t % 28:02} 10:00:00" for t in range(100)]
    )
    figure = axes.figure
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    boxes = [t.get_window_extent(renderer) for t in axes.get_xticklabels()]
    assert len(boxes) >= 2
    assert all(left.x1 < right.x0 for left, right in zip(boxes, boxes[1:]))


def test_attributions_have_a_row_for_each_input() -> None:
    parts = np.array([[0.5, -1.0], [0.25, 0.0], [0.0, 0.125]])
    axes = plots.plot_attribution(parts, ["wind", "CO2"], ["mon", "tue", "wed"], label="ppm")
    (mesh,) = (c for c in axes.collections if isinstance(c, QuadMesh))
    np.testing.assert_array_equal(mesh.get_array(), parts.T)
    assert mesh.cmap(mesh.norm(1.0)) == to_rgba(plots.BLUE)
    assert mesh.cmap(mesh.norm(-1.0)) == to_rgba(plots.ORANGE)
    assert [t.get_text() for t in axes.get_yticklabels()] == ["wind  +0.75", "CO2  -0.875"]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["mon", "tue", "wed"]
    with pytest.raises(ShapeError, match="names: expected 2, one for each input, got 1"):
        plots.plot_attribution(parts, ["wind"])


def test_pictures_are_written_without_a_display(tmp_path: Path) -> None:
    axes = plots.plot_wiring(COLUMNS["ncp"])
    plots.save(axes, tmp_path / "wiring.png")
    assert (tmp_path / "wiring.png").read_bytes().startswith(b"\x89PNG")
    plots.save(axes, tmp_path / "wiring.svg")
    assert b"<svg" in (tmp_path / "wiring.svg").read_bytes()


def test_dollars_in_names_are_drawn_as_they_are() -> None:
    """Between dollars matplotlib reads formulas, and refuses those that are none."""
    odd = "a$x_$"
    parts, trace = np.ones((3, 2)), LiquidNetwork(2, 5, 1).trace(torch.randn(9, 2))
    layers = {odd: [0, 1], "b": [2, 3, 4]}
    crowded = wiring.fully_connected(30).build(2)
    drawn = [
        plots.plot_attribution(parts, [odd, "b"], [odd, "now", odd], label=odd),
        plots.plot_forecast([1, 2], [0, 1], {odd: [1, 2]}, label=odd, time_label=odd),
        plots.plot_states(trace, time_label=odd, layers=layers),
        plots.plot_time_constants(trace, unit=odd, layers=layers),
        plots.plot_wiring(wiring.fully_connected(3).build(2), names=[odd, "b"]),
        plots.plot_wiring(crowded, names=[odd, "b"]),
        plots.plot_wiring(replace(crowded, layers={odd: tuple(range(30))})),
        plots.plot_wiring(
            replace(wiring.fully_connected(3).build(2), layers={odd: (0, 1, 2)}), names=[odd, "b"]
        ),
    ]
    for axes in drawn:
        buffer = BytesIO()
        axes.figure.savefig(buffer, format="svg")
        shown = re.findall("<!-- (.*?) -->", buffer.getvalue().decode(), re.DOTALL)
        assert any(odd in text for text in shown)
        assert not any("\\" in text for text in shown)


def test_an_old_picture_is_replaced_whole_or_kept(tmp_path: Path) -> None:
    path = tmp_path / "wiring.svg"
    path.write_bytes(b"old")
    axes = plots.plot_wiring(COLUMNS["ncp"])
    axes.set_title(r"$\frac{$")
    with pytest.raises(ValueError):
        plots.save(axes, path)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(OptionError, match="path: unknown 'txt'"):
        plots.save(axes, tmp_path / "wiring.txt")
    with pytest.raises(DtypeError, match="path: "):
        plots.save(axes, None)  # type: ignore[arg-type]


def test_bad_input_is_named() -> None:
    trace = LiquidNetwork(2, 5, 1).trace(torch.randn(3, 9, 2))
    with pytest.raises(DtypeError, match="network: expected a LiquidNetwork or a Wiring"):
        plots.plot_wiring("ncp")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="names: expected 3, one for each input, got 2"):
        plots.plot_wiring(COLUMNS["ncp"], names=["a", "b"])
    with pytest.raises(DomainError, match="layers: expected an integer from 0 to 4"):
        plots.plot_states(trace, layers={"a": [0], "b": [5]})
    with pytest.raises(DomainError, match="sequence: expected an integer from 0 to 2, got 3"):
        plots.plot_states(trace, sequence=3)
    with pytest.raises(ShapeError, match=r"time: expected \(9,\), got \(8,\)"):
        plots.plot_states(trace, range(8))
    with pytest.raises(ShapeError, match=r"forecasts\['a'\]: expected \(2,\)"):
        plots.plot_forecast([1, 2], [0, 1], {"a": [1]})
    with pytest.raises(ShapeError, match=r"time: expected \(T,\), got \(\)"):
        plots.plot_forecast(3, 3, {})
    with pytest.raises(ShapeError, match="parts: "):
        plots.plot_attribution(np.zeros((0, 2)), ["a", "b"])
    with pytest.raises(DomainError, match="parts: contains NaN"):
        plots.plot_attribution(np.full((3, 2), np.nan), ["a", "b"])
    with pytest.raises(DtypeError, match="parts: "):
        plots.plot_attribution("x", ["a", "b"])
    with pytest.raises(DtypeError, match="names: "):
        plots.plot_attribution(np.ones((3, 2)), 5)  # type: ignore[arg-type]
