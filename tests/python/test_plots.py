"""Pictures show one artist for each thing there is, and need no display."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure

from liquid_neural_networks import LiquidNetwork, plots, wiring
from liquid_neural_networks.errors import DtypeError, ShapeError
from liquid_neural_networks.training import History

WIRINGS = {
    "ncp": wiring.ncp(inter=12, command=6, motor=1).build(3),
    "full": wiring.fully_connected(16).build(3),
    "one": wiring.fully_connected(1).build(1),
    "c_elegans": wiring.c_elegans(4).build(8),
}


@pytest.mark.parametrize("name", WIRINGS)
def test_every_neuron_and_synapse_is_drawn_once(name: str) -> None:
    drawn = WIRINGS[name]
    axes = plots.plot_wiring(drawn)
    exciting, inhibiting = (c for c in axes.collections if isinstance(c, LineCollection))
    signs = np.concatenate([drawn.polarity, drawn.sensory_polarity])
    assert len(exciting.get_segments()) == (signs == 1).sum()
    assert len(inhibiting.get_segments()) == (signs == -1).sum()
    nodes = [c for c in axes.collections if isinstance(c, PathCollection)]
    assert len(nodes) == 1 + len(drawn.layers)
    places = np.concatenate([c.get_offsets() for c in nodes])
    assert len(np.unique(places, axis=0)) == drawn.units + drawn.input_size


def test_synapses_join_the_neurons_they_name() -> None:
    drawn = wiring.Wiring.from_matrices([[0, 1], [0, 0]], [[0, -1]], layers={"a": [0], "b": [1]})
    axes = plots.plot_wiring(drawn)
    exciting, inhibiting = (c for c in axes.collections if isinstance(c, LineCollection))
    a_to_b, input_to_b = exciting.get_segments()[0], inhibiting.get_segments()[0]
    assert a_to_b[[0, -1], 0].tolist() == [1, 2]
    assert input_to_b[[0, -1], 0].tolist() == [0, 2]


def test_a_network_is_drawn_as_its_wiring() -> None:
    axes = plots.plot_wiring(LiquidNetwork(3, wiring=WIRINGS["ncp"]))
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
    assert len(axes.lines) == 5
    assert axes.lines[0].get_xdata()[-1] == 4.0
    field = trace.states if plot is plots.plot_states else trace.time_constants
    np.testing.assert_array_equal(axes.lines[3].get_ydata(), field[1, :, 3].detach())
    assert axes.get_xlabel() == "time (s)" and axes.get_ylabel()


def test_history_marks_the_best_epoch() -> None:
    axes = plots.plot_history(History([1.0, 0.5, 0.4], [1.1, 0.6, 0.7], best_epoch=2))
    training, validation, best = axes.lines
    assert list(training.get_ydata()) == [1.0, 0.5, 0.4]
    assert list(validation.get_ydata()) == [1.1, 0.6, 0.7]
    assert best.get_xdata()[0] == validation.get_xdata()[1] == 2


def test_history_before_the_first_epoch_is_empty() -> None:
    assert len(plots.plot_history(History()).lines) == 0


def test_forecasts_are_named() -> None:
    axes = plots.plot_forecast([1, 2], [0.0, np.nan], {"a": [1, 2], "b": [2, 3]}, label="CO2 (ppm)")
    assert [line.get_label() for line in axes.lines] == ["observed", "a", "b"]
    assert axes.get_ylabel() == "CO2 (ppm)"


def test_pictures_are_written_without_a_display(tmp_path: Path) -> None:
    axes = plots.plot_wiring(WIRINGS["ncp"])
    plots.save(axes, tmp_path / "wiring.png")
    assert (tmp_path / "wiring.png").read_bytes().startswith(b"\x89PNG")
    plots.save(axes, tmp_path / "wiring.svg")
    assert b"<svg" in (tmp_path / "wiring.svg").read_bytes()


def test_bad_input_is_named() -> None:
    trace = LiquidNetwork(2, 5, 1).trace(torch.randn(3, 9, 2))
    with pytest.raises(DtypeError, match="network: expected a LiquidNetwork or a Wiring"):
        plots.plot_wiring("ncp")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="sequence: expected 0 to 2, got 3"):
        plots.plot_states(trace, sequence=3)
    with pytest.raises(ShapeError, match=r"time: expected \(9,\), got \(8,\)"):
        plots.plot_states(trace, range(8))
    with pytest.raises(ShapeError, match=r"forecasts\['a'\]: expected \(2,\)"):
        plots.plot_forecast([1, 2], [0, 1], {"a": [1]})
