"""A network as an ONNX graph of standard operators: one step, or a Scan of it over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._version import VERSION
from ._design import Design
from ._graph import OPSET, Graph, Value, onnx_package
from ._onnx_dynamics import Sample, advance, remember


def model(design: Design, step: bool) -> bytes:
    """The contents of a ``.onnx`` file."""
    onnx = onnx_package()
    given, made = _inputs(design, step), _outputs(design, step)
    if step:
        graph = _step(design, "").proto(given, made)
    else:
        graph = _scan(design).proto(given, made)
    found = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=8,
        producer_name="liquid-neural-networks",
        producer_version=VERSION,
    )
    onnx.checker.check_model(found, full_check=True)
    return bytes(found.SerializeToString())


# -- what goes in and comes out ------------------------------------------------------------------

Shapes = dict[Value, list[Any]]


def _states(design: Design) -> Shapes:
    units = design.units * (2 if design.memory else 1)
    latest: Shapes = {"latest": ["B", design.output_size]} if design.change_inputs else {}
    return {"state": [len(design.populations), "B", units], **latest}


def _inputs(design: Design, step: bool) -> Shapes:
    time: list[Any] = ["B"] if step else ["B", "T"]
    return {**_states(design), "inputs": [*time, design.input_size], "elapsed_time": time}


def _outputs(design: Design, step: bool) -> Shapes:
    time: list[Any] = ["B"] if step else ["B", "T"]
    new = {f"new_{name}": shape for name, shape in _states(design).items()}
    return {**new, "outputs": [*time, design.output_size]}


def _scan(design: Design) -> Graph:
    """The step for one sample after the other. Names inside it are not those around it."""
    within = "_now"
    given, made = _inputs(design, True), _outputs(design, True)
    body = _step(design, within).proto(
        {name + within: shape for name, shape in given.items()},
        {name + within: shape for name, shape in made.items()},
    )
    graph = Graph("network")
    graph.add(
        "Scan",
        list(given),
        list(made),
        body=body,
        num_scan_inputs=2,
        scan_input_axes=[1, 1],
        scan_output_axes=[1],
    )
    return graph


# -- one step ------------------------------------------------------------------------------------


def _step(design: Design, suffix: str) -> Graph:
    """From the values named in :func:`_inputs` to those in :func:`_outputs`, with a suffix."""
    g = Graph("step")
    values, latest = f"inputs{suffix}", f"latest{suffix}"
    if design.change_inputs:
        values, now = _changes(g, design, values, latest)
        g.add("Identity", [now], [f"new_latest{suffix}"])
    if design.inputs is not None:
        centred = g.Sub(values, g.constant(design.inputs.mean))
        values = g.Div(centred, g.constant(design.inputs.deviation))
    missing = _missing(g, values)
    sample = Sample(
        g.Where(missing, g.number(0.0), values),
        g.Cast(g.Not(missing), to=1),  # to float
        g.column(f"elapsed_time{suffix}"),
    )
    x, states = _layers(g, design, f"state{suffix}", sample)
    g.add("Concat", states, [f"new_state{suffix}"], axis=0)
    outputs = _read_out(g, design, x)
    if design.change_inputs:
        outputs = g.Add(outputs, now)  # NaN, where nothing is known yet
    if design.classes is not None:
        outputs = g.Softmax(outputs, axis=-1)
    g.add("Identity", [outputs], [f"outputs{suffix}"])
    return g


def _missing(g: Graph, values: Value) -> Value:
    return str(g.Or(g.IsNaN(values), g.IsInf(values)))


def _changes(g: Graph, design: Design, values: Value, latest: Value) -> tuple[Value, Value]:
    """Inputs with changes in place of levels, and the latest known levels."""
    level = g.take(values, design.change_inputs, axis=1)
    unknown = _missing(g, level)
    first = g.IsNaN(latest)
    change = g.Where(first, g.Sub(level, level), g.Sub(level, latest))
    order = np.arange(design.input_size)
    order[design.change_inputs] = design.input_size + np.arange(len(design.change_inputs))
    changed = g.take(g.Concat(values, change, axis=1), order.tolist(), axis=1)
    return changed, g.Where(unknown, latest, level)


def _layers(g: Graph, design: Design, state: Value, sample: Sample) -> tuple[Value, list[Value]]:
    """The states (B, N) of the last layer, and of all the states and memories (1, B, ...)."""
    found, units = [], design.units
    for index, population in enumerate(design.populations):
        x = g.take(state, index, axis=0)
        if design.memory:
            start, memory = g.Split(x, g.constant([units, units]), axis=1, count=2)
            start, memory = remember(g, population, start, memory, sample)
            x = advance(g, design, population, start, sample)
            whole = g.Concat(x, memory, axis=1)
        else:
            whole = x = advance(g, design, population, x, sample)
        found.append(g.Unsqueeze(whole, g.constant([0])))
        sample = Sample(x, None, sample.elapsed)
    return x, found


def _read_out(g: Graph, design: Design, x: Value) -> Value:
    weight, shift = design.readout
    if design.readout.dense:
        return str(g.Add(g.MatMul(x, g.constant(weight.T)), g.constant(shift)))
    motor = g.take(x, list(range(design.output_size)), axis=1)
    return str(g.Add(g.Mul(motor, g.constant(weight)), g.constant(shift)))
