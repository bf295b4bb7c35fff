"""A network that learns on the device: its parameters in RAM, sensitivities and RMSprop in C."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .. import model_file
from .._version import VERSION
from ..errors import OptionError
from ..network import LiquidNetwork
from ..online._layout import Layout, layout_of
from ..online._methods import rows_of
from . import _text as text
from ._design import Exportable, model_of
from ._pieces import filled, helpers_of, piece

METHODS = ("exact", "snap1", "readout")


def files(network: Exportable, name: str, method: str) -> dict[str, str]:
    """``NAME_learn.h`` and ``NAME_learn.c``.

    Raises:
        OptionError: there is no such learner for this network.
    """
    model = model_of(network)
    _check(model)
    built = LiquidNetwork.from_model(model)
    layout = layout_of("neurons.0.", built.neurons[0], built.readout)  # type: ignore[arg-type]
    rows = [np.zeros(0, np.int64)] * len(layout.width)
    if method != "readout":
        rows = rows_of(method, layout)
    first, total = layout.first(1), layout.columns(1)
    positions, values = layout.positions(1), built.values()
    initial, lowest = np.zeros(total), np.full(total, -3e38)
    for key, at in positions.items():
        initial[at] = values[key].detach().double().numpy().reshape(at.shape)
        if key in layout.lower:
            lowest[at] = layout.lower[key]
    sensitivities = int(sum(len(own) * each for own, each in zip(rows, layout.width)))
    common = {
        "name": name,
        "NAME": name.upper(),
        "version": VERSION,
        "inputs": layout.inputs,
        "outputs": layout.outputs,
        "neurons": layout.units,
        "parameters": total,
        # C has no arrays without numbers.
        "sensitivities": max(sensitivities, 1),
        "summary": f"{method}, {total} parameters",
        "bytes": 4 * (layout.units + layout.outputs + 3 * total + max(sensitivities, 1)),
        "stack": _stack(layout),
    }
    dense = layout.motors is None
    source = {
        **common,
        "unfolds": layout.unfolds,
        "synapses": max(len(layout.lists.pre), 1),
        "sensory_synapses": max(len(layout.lists.sensory_pre), 1),
        "readout": int(first[-1]),
        "blocks": 0 if method == "readout" else len(layout.width),
        "widest": int(layout.width.max()),
        "tables": _tables(layout, rows, initial, lowest),
        "read_out": _DENSE if dense else _MOTOR,
        "by_readout": _BY_DENSE if dense else _BY_MOTOR,
    }
    template = filled("learn.c", {**source, "helpers": ""})
    helpers = [piece("numbers"), *(piece(each) for each in helpers_of([template]))]
    return {
        f"{name}_learn.h": filled("learn.h", common),
        f"{name}_learn.c": filled("learn.c", {**source, "helpers": "\n".join(helpers)}),
    }


def _check(model: model_file.Model) -> None:
    config = model.config
    for wrong, what in (
        (config["dynamics"]["type"] != "conductance", "conductance dynamics"),
        (config["solver"] != "fused", "the fused solver"),
        (len(model.wirings) > 1, "one layer of neurons"),
        (config["mixed_memory"], "no memory cell"),
        (config["constraint"] != "clip", "the constraint 'clip'"),
        (model.scaling is not None, "a network that was not trained on a table"),
    ):
        if wrong:
            raise OptionError(f"exported C learns with {what} only", "learn")


def _stack(layout: Layout) -> int:
    """Bytes, with space for addresses and what registers do not hold."""
    lists = 2 * len(layout.lists.pre) + len(layout.lists.sensory_pre)
    numbers = 8 * layout.units + lists + 3 * layout.inputs + layout.outputs
    return 4 * (numbers + int(layout.width.max())) + 512


def _tables(layout: Layout, rows: list[np.ndarray], initial: np.ndarray, lowest: np.ndarray) -> str:
    lists, units = layout.lists, layout.units
    start = np.searchsorted(lists.post, np.arange(units + 1))
    sensory_start = np.searchsorted(lists.sensory_post, np.arange(units + 1))
    counts = [len(own) for own in rows]
    sizes = np.array(counts) * layout.width
    edge_start, edge_row, edge_synapse = [0], [], []
    for own in rows:
        row_of = {int(neuron): row for row, neuron in enumerate(own)}
        for neuron in own:
            for e in range(start[neuron], start[neuron + 1]):
                sender = int(lists.pre[e])
                if sender != neuron and sender in row_of:
                    edge_row.append(row_of[sender])
                    edge_synapse.append(e)
            edge_start.append(len(edge_row))
    tables: dict[str, Iterable[int]] = {
        "start": start,
        "from": lists.pre,
        "sensory_start": sensory_start,
        "sensory_from": lists.sensory_pre,
        "block_first": layout.first(1),
        "rows_start": np.concatenate([[0], np.cumsum(counts)]),
        "row_neuron": np.concatenate(rows),
        "sensitivity_first": np.concatenate([[0], np.cumsum(sizes)]),
        "edge_start": edge_start,
        "edge_row": edge_row,
        "edge_synapse": edge_synapse,
    }
    found = []
    for name, values in tables.items():
        numbers = [int(each) for each in values]
        kind = text.index_type(max(numbers, default=0))
        found.append(text.indices(kind, name, numbers))
    found += [text.floats("initial", initial), text.floats("lowest", lowest)]
    return "\n".join(found)


_MOTOR = "        learner->outputs[o] = p[o] * learner->neurons[o] + p[OUTPUTS + o];"
_DENSE = """\
        float sum = p[OUTPUTS * NEURONS + o];
        for (int i = 0; i < NEURONS; i++) sum += p[o * NEURONS + i] * learner->neurons[i];
        learner->outputs[o] = sum;"""
_BY_MOTOR = """\
        by_neuron[o] += p[o] * by_output[o];
        gradient[READOUT + o] = by_output[o] * learner->neurons[o];
        gradient[READOUT + OUTPUTS + o] = by_output[o];"""
_BY_DENSE = """\
        for (int i = 0; i < NEURONS; i++) {
            by_neuron[i] += p[o * NEURONS + i] * by_output[o];
            gradient[READOUT + o * NEURONS + i] = by_output[o] * learner->neurons[i];
        }
        gradient[READOUT + OUTPUTS * NEURONS + o] = by_output[o];"""
