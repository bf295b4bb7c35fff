"""A network as an ONNX graph of standard operators: one step, or a Scan of it over time."""

from __future__ import annotations

from typing import Any

from .._version import VERSION
from ._design import Design
from ._graph import OPSET, Graph, Value, onnx_package
from ._onnx_dynamics import Sample, advance, remember
from ._onnx_start import add_start, begin


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
    units, rule = design.units * (2 if design.memory else 1), design.rule
    found: Shapes = {"state": [len(design.populations), "B", units]}
    if rule is not None:
        found["latest"] = ["B", len(rule.watched)]
        if rows := rule.rows(None):
            found |= {"past": ["B", rows, rule.kept], "past_time": ["B", rows]}
    return found


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
    values, start = f"inputs{suffix}", None
    if design.rule is not None:
        values, start = begin(g, design, design.rule, suffix)
    if design.inputs is not None:
        centred = g.Sub(values, g.constant(design.inputs.mean))
        values = g.Div(centred, g.constant(design.inputs.deviation))
    missing = g.missing(values)
    sample = Sample(
        g.Where(missing, g.number(0.0), values),
        g.Cast(g.Not(missing), to=1),  # to float
        g.column(f"elapsed_time{suffix}"),
    )
    x, states = _layers(g, design, f"state{suffix}", sample)
    g.add("Concat", states, [f"new_state{suffix}"], axis=0)
    outputs = add_start(g, design, _read_out(g, design, x), start)
    if design.classes is not None:
        outputs = g.Softmax(outputs, axis=-1)
    g.add("Identity", [outputs], [f"outputs{suffix}"])
    return g


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
