"""The four files of an export to C."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .._version import VERSION
from . import _start
from . import _text as text
from ._design import Design
from ._dynamics import kind_of
from ._memory_cell import memory_part
from ._parts import Kind, Part, Types
from ._pieces import filled, helpers_of, piece

LONGEST = "1e20f"
"""Longer steps are taken as this long: states have long arrived then, and nothing overflows."""


def files(design: Design, name: str) -> dict[str, str]:
    """File name -> contents."""
    values = common_values(design, name)
    return {
        f"{name}.h": filled("header.h", {**values, **_header(design, name)}),
        f"{name}.c": _source(design, name, values),
        "main.c": filled("main.c", {**values, **_host(design, name)}),
        "Makefile": filled("Makefile", values),
    }


def common_values(design: Design, name: str) -> dict[str, object]:
    """What every template needs."""
    fixed = design.elapsed_time is not None
    return {
        "name": name,
        "NAME": name.upper(),
        "version": VERSION,
        "step_type": "void" if fixed else "int",
        "step_time": "" if fixed else "float elapsed_time, ",
    }


# -- NAME.h --------------------------------------------------------------------------------------


def _header(design: Design, name: str) -> dict[str, object]:
    NAME, fixed = name.upper(), design.elapsed_time
    extra = []
    if fixed is not None:
        extra.append(f"#define {NAME}_ELAPSED_TIME {text.literal(fixed, 'elapsed_time')}")
    if design.classes is not None:
        extra.append(f"#define {NAME}_CLASSES {len(design.classes)}")
    state = []
    if design.memory:
        state.append(f"    float memory[{NAME}_LAYERS][{NAME}_NEURONS];\n")
    state.append(_start.state_fields(design, name))
    return {
        "inputs": design.input_size,
        "outputs": design.output_size,
        "neurons": design.units,
        "layers": len(design.populations),
        "macros": "".join(f"{line}\n" for line in extra),
        "past": _start.past_type(design, name),
        "state": "".join(state),
        "summary": summary(design),
        "ports": "".join(f" * {line}\n" for line in ports(design)),
        "example_time": "" if fixed is not None else "elapsed_time, ",
        "step_comment": _step_comment(design),
        "within": " and one that a state can reach" if kind_of(design).largest_state else "",
        "declarations": _declarations(design, name),
    }


def summary(design: Design) -> str:
    """What the network is made of."""
    method = "" if design.solver is None else f", solver {design.solver}, {design.unfolds} unfolds"
    synapses = sum(len(p.wiring.pre) for p in design.populations)
    sensory = sum(len(p.wiring.sensory_pre) for p in design.populations)
    return (
        f"{design.dynamics['type']} dynamics{method}; {len(design.populations)} x {design.units} "
        f"neurons,\n * {synapses} recurrent and {sensory} sensory synapses."
    )


def ports(design: Design) -> list[str]:
    """What each input and output is."""
    columns = design.columns
    if columns is None:
        return [f"Inputs: {design.input_size}. Outputs: {design.output_size}."]
    lines = [
        f"inputs[{k}]: {text.comment(each)}{note}"
        for k, (each, note) in enumerate(zip(columns.inputs, columns.notes))
    ]
    for o, (target, step, level) in enumerate(design.forecasts):
        quantile = "" if level is None else f", quantile {level:g}"
        lines.append(f"outputs[{o}]: {text.comment(target)}, {_ahead(step)}{quantile}")
    target, when = text.comment(columns.targets[0]), _ahead(design.horizon)
    lines += [
        f"outputs[{o}]: probability of {target} = {text.comment(each)}, {when}"
        for o, each in enumerate(columns.classes or ())
    ]
    if columns.time:
        unit = f"{columns.time_unit:g}{' seconds' if columns.dates else ''}"
        names = ", ".join(map(text.comment, columns.time))
        lines.append(f"Unit of elapsed time: {unit} of {names}")
    return lines


def _ahead(step: int) -> str:
    return "of this sample" if step == 0 else f"{step} sample{'s' * (step > 1)} ahead"


def _step_comment(design: Design) -> str:
    fixed = design.elapsed_time
    lines = ["One sample: inputs become outputs. An input that is NaN or infinite is missing."]
    if fixed is None:
        lines += [
            "elapsed_time is the time since the sample before, from 0 on. Returns 1; or 0 if it is",
            "negative, NaN or infinite, and then nothing was changed.",
        ]
    else:
        lines += [
            f"The time between two samples is always {fixed:g}, fixed when this was generated."
        ]
    return "/* " + "\n * ".join(lines) + " */"


def _declarations(design: Design, name: str) -> str:
    if design.classes is None:
        return ""
    return f"""
/* The number of the most probable class, for outputs of {name}_step. */
int {name}_class(const float *outputs);

/* What a class is called, 0 to {name.upper()}_CLASSES - 1; UTF-8. */
extern const char *const {name}_labels[{name.upper()}_CLASSES];
"""


# -- NAME.c --------------------------------------------------------------------------------------


def _source(design: Design, name: str, common: Mapping[str, object]) -> str:
    kind = kind_of(design)
    surroundings = _surroundings(design, name)
    public = filled("public.c", {**common, **_public(design, name, kind)}) + class_function(
        design, name, "float"
    )
    pieces = [piece(each) for each in kind.pieces]
    pieces += [piece("memory_cell")] if design.memory else []
    helpers = [piece(each) for each in helpers_of([*pieces, *surroundings, public])]
    parts = [
        start(name),
        piece("numbers"),
        _sizes(design, name, kind),
        *helpers,
        *pieces,
        "/* ---- the network " + "-" * 80 + " */\n",
        *_tables(design, kind),
        *surroundings,
        public,
    ]
    return "\n".join(parts)


def start(name: str) -> str:
    """The first lines of NAME.c."""
    return (
        f"/* See {name}.h. Generated by liquid-neural-networks {VERSION}: export again, "
        "do not edit. */\n"
        f'#include "{name}.h"\n\n#include <float.h>\n#include <stdint.h>\n'
    )


def index_types(design: Design) -> Types:
    """Index types that fit every table."""
    units = design.units
    wide = max(max(p.wiring.input_size, units) for p in design.populations)
    longest = 0
    for population in design.populations:
        lists = [population.wiring.pre, population.wiring.sensory_pre]
        if design.dynamics["type"] == "closed_form" and design.dynamics["backbone_layers"] == 0:
            for pairs in population.head_pairs().values():
                lists += [pairs.sensory.pre, pairs.recurrent.pre]
        longest = max(longest, *(len(each) for each in lists))
    # A layered wiring also numbers its neurons' ends, up to their count.
    return Types(text.index_type(wide), text.index_type(longest))


def _sizes(design: Design, name: str, kind: Kind) -> str:
    NAME, types = name.upper(), index_types(design)
    lines = [
        f"#define INPUTS {NAME}_INPUTS"
        if design.fed_size == design.input_size
        else f"#define INPUTS {design.fed_size} /* with what forecasts start from */"
    ]
    lines += [f"#define {each} {NAME}_{each}" for each in ("OUTPUTS", "NEURONS")]
    if design.unfolds is not None:
        lines.append(f"#define UNFOLDS {design.unfolds}")
    lines += [f"#define {macro} {value}" for macro, value in kind.macros.items()]
    if kind.largest_state is not None:
        lines.append(f"#define LARGEST_STATE {text.literal(kind.largest_state, 'E')}")
    lines += [
        "",
        f"typedef {types.sender} sender_number;",
        f"typedef {types.synapse} synapse_number;",
    ]
    return "\n".join(lines) + "\n"


def _tables(design: Design, kind: Kind) -> list[str]:
    types, found = index_types(design), []
    for index, population in enumerate(design.populations):
        prefix = f"layer_{index}"
        part = kind.part(population, prefix, types)
        found += [*part.tables, text.structure(kind.population, prefix, dict(part.fields))]
        if design.memory:
            cell: Part = memory_part(population, f"memory_{index}")
            found += [
                *cell.tables,
                text.structure("memory_cell", f"memory_{index}", dict(cell.fields)),
            ]
    return ["\n\n".join(found) + "\n"]


def _surroundings(design: Design, name: str) -> list[str]:
    """Scaling, starts, the read-out, probabilities: tables and functions."""
    found = []
    if design.inputs is not None:
        mean, deviation = np.array(design.inputs.mean), np.array(design.inputs.deviation)
        found += [
            "typedef struct {\n    float mean, per_deviation;\n} input_scaling;\n",
            text.structures("input_scaling", "input_scale", [mean, 1 / deviation]) + "\n",
            piece("scale_inputs"),
        ]
    found += _start.parts(design, name)
    weight, shift = design.readout
    if design.readout.dense:
        tables = [text.floats("readout_weight", weight), text.floats("readout_bias", shift)]
        found += ["\n".join(tables) + "\n", piece("read_dense")]
    else:
        found += [
            "typedef struct {\n    float scale, shift;\n} motor;\n",
            text.structures("motor", "readout", [weight, shift]) + "\n",
            piece("read_motor"),
        ]
    return found + ([] if design.classes is None else [piece("probabilities")])


def _public(design: Design, name: str, kind: Kind) -> dict[str, object]:
    memory, check = "", ""
    if design.memory:
        memory = "            state->memory[l][i] = 0.0f;\n"
        check = "            if (is_missing(state->memory[l][i])) return 0;\n"
    neurons = "state->neurons[l][i]"
    usable = f"!is_missing({neurons})"
    if kind.largest_state is not None:
        usable += f" && magnitude({neurons}) <= LARGEST_STATE"
    return {
        "unusable": f"!({usable})" if "&" in usable else usable[1:],
        "init_memory": memory,
        "init_start": _indented(_start.initial(design)),
        "check_memory": check,
        "check_start": _indented(_start.checks(design)),
        "body": _indented(_body(design)),
    }


def _indented(lines: list[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)


def _body(design: Design) -> list[str]:
    lines, first = [], "inputs"
    if design.elapsed_time is None:
        lines.append("if (is_missing(elapsed_time) || elapsed_time < 0.0f) return 0;")
    lines += _length_of_step(design)
    if design.inputs is not None:
        first = "u"
        given = "INPUTS" if design.start is None else "GIVEN"
        lines += ["float u[INPUTS];", f"for (int k = 0; k < {given}; k++) u[k] = inputs[k];"]
        lines += [*_start.before(design), "scale_inputs(u);"]
    for layer in range(len(design.populations)):
        inputs = first if layer == 0 else f"state->neurons[{layer - 1}]"
        own = f"state->neurons[{layer}]"
        if design.memory:
            lines.append(f"remember(&memory_{layer}, {own}, state->memory[{layer}], {inputs});")
        lines.append(f"advance(&layer_{layer}, {own}, {inputs}, h);")
    lines.append(f"read_out(state->neurons[{len(design.populations) - 1}], outputs);")
    lines += _start.after(design)
    lines += [] if design.classes is None else ["to_probabilities(outputs);"]
    return lines + ([] if design.elapsed_time is not None else ["return 1;"])


def _length_of_step(design: Design) -> list[str]:
    if design.unfolds is None:
        length = "elapsed_time"
        if design.elapsed_time is not None:
            length = text.literal(design.elapsed_time, "elapsed_time")
        return [f"const float h = {length}; /* crossed at once */"]
    fixed = design.step_length
    if fixed is not None:
        if design.dynamics["type"] == "conductance":
            return ["const float h = 1.0f; /* the length of a step is in the tables */"]
        return [f"const float h = {text.literal(fixed, 'elapsed_time')}; /* of a solver step */"]
    return [
        "/* No longer than what brings every state to its rest: longer ones could overflow. */",
        f"const float h = (elapsed_time < {LONGEST} ? elapsed_time : {LONGEST}) / UNFOLDS;",
    ]


def class_function(design: Design, name: str, kind: str) -> str:
    """``NAME_class``, for outputs of this type, and the labels; nothing without classes."""
    if design.classes is None:
        return ""
    labels = "\n".join(f"    {text.string(each)}," for each in design.classes)
    return f"""
int {name}_class(const {kind} *outputs) {{
    int best = 0;
    for (int o = 1; o < OUTPUTS; o++) {{
        if (outputs[o] > outputs[best]) best = o;
    }}
    return best;
}}

const char *const {name}_labels[{name.upper()}_CLASSES] = {{
{labels}
}};
"""


# -- main.c --------------------------------------------------------------------------------------


def _host(design: Design, name: str) -> dict[str, object]:
    NAME, fixed = name.upper(), design.elapsed_time is not None
    example = ["0.5"] * design.input_size
    if fixed:
        call = f"        {name}_step(&state, numbers, outputs);\n"
    else:
        call = (
            f"        if (!{name}_step(&state, numbers + 1, numbers[0], outputs)) {{\n"
            '            fprintf(stderr, "line %ld: the elapsed time is none, skipped\\n", row);\n'
            "            continue;\n"
            "        }\n"
        )
    label = (
        ""
        if design.classes is None
        else f'        printf(",%s", {name}_labels[{name}_class(outputs)]);\n'
    )
    return {
        "numbers": f"{NAME}_INPUTS" if fixed else f"1 + {NAME}_INPUTS",
        "line_format": "the inputs" if fixed else "the elapsed time and the inputs",
        "example": ",".join(example if fixed else ["1", *example]),
        "buffers": f"    float outputs[{NAME}_OUTPUTS];\n",
        "call": call,
        "printed": "(double)outputs[o]",
        "label": label,
    }
