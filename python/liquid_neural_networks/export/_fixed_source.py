"""The four files of an export to C in whole numbers."""

from __future__ import annotations

import numpy as np

from . import _text as text
from ._fixed import FINE_INTERVALS, TABLE_BITS, TIME_BITS, Fixed, FixedPopulation, Integers
from ._fixed_run import inverse_of, to_time
from ._ode import coupled_sizes, largest_potential
from ._parts import Types, lists
from ._pieces import filled, piece
from ._source import (
    class_function,
    common_values,
    index_types,
    ports,
    start,
    summary,
)


def files(fixed: Fixed, name: str) -> dict[str, str]:
    """File name -> contents."""
    values = {**common_values(fixed.design, name), "step_time": _step_time(fixed)}
    return {
        f"{name}.h": filled("fixed_header.h", {**values, **_header(fixed, name)}),
        f"{name}.c": _source(fixed, name, values),
        "main.c": filled("main.c", {**values, **_host(fixed, name)}),
        "Makefile": filled("Makefile", values),
    }


def _step_time(fixed: Fixed) -> str:
    return "" if fixed.design.elapsed_time is not None else "uint32_t elapsed_time, "


# -- NAME.h --------------------------------------------------------------------------------------


def _header(fixed: Fixed, name: str) -> dict[str, object]:
    design, NAME, time = fixed.design, name.upper(), fixed.design.elapsed_time
    macros = []
    if time is None:
        macros.append(f"#define {NAME}_TIME_ONE {2**TIME_BITS} /* an elapsed time of 1 */")
    if design.classes is not None:
        macros.append(f"#define {NAME}_CLASSES {len(design.classes)}")
    scales = [
        f" *     input {k}: centre {centre:.7g}, factor {factor:.7g}\n"
        for k, (centre, factor) in enumerate(zip(fixed.input_centre, fixed.input_factor))
    ]
    return {
        "inputs": design.input_size,
        "outputs": design.output_size,
        "neurons": design.units,
        "layers": len(design.populations),
        "macros": "".join(f"{line}\n" for line in macros),
        "summary": summary(design),
        "ports": "".join(f" * {line}\n" for line in ports(design)),
        "example_time": "" if time is not None else "elapsed_time, ",
        "inputs_table": "".join(scales),
        "output_one": _power(fixed.output_bits),
        "state_one": 2 ** (fixed.state_bits + 15),
        "step_comment": _step_comment(fixed, name),
        "declarations": _declarations(fixed, name),
    }


def _power(bits: int) -> str:
    return f"{2**bits}" if bits >= 0 else f"(1.0f / {2**-bits})"


def _step_comment(fixed: Fixed, name: str) -> str:
    time = fixed.design.elapsed_time
    lines = ["One sample: inputs become outputs."]
    if time is None:
        unit = f"1 / {name.upper()}_TIME_ONE"
        lines.append(f"elapsed_time is the time since the sample before, in units of {unit}.")
    else:
        lines.append(f"The time between two samples is always {time:g}, fixed at export.")
    return "/* " + "\n * ".join(lines) + " */"


def _declarations(fixed: Fixed, name: str) -> str:
    if fixed.design.classes is None:
        return ""
    return f"""
/* The number of the class with the highest score, for outputs of {name}_step. */
int {name}_class(const int32_t *outputs);

/* What a class is called, 0 to {name.upper()}_CLASSES - 1; UTF-8. */
extern const char *const {name}_labels[{name.upper()}_CLASSES];
"""


# -- NAME.c --------------------------------------------------------------------------------------


def _source(fixed: Fixed, name: str, common: dict[str, object]) -> str:
    design, types = fixed.design, index_types(fixed.design)
    public = {**common, "body": _body(fixed), "read_out": _read_out(fixed)}
    parts = [
        start(name),
        piece("numbers"),
        _sizes(fixed, name, types),
        _integers("uint16_t", "openings", fixed.table) + "\n",
        piece("synapse_lists"),
        piece("fixed_point"),
        piece("fixed_time") if design.elapsed_time is None else "",
        piece("fixed_layer") if len(fixed.populations) > 1 else "",
        "/* ---- the network " + "-" * 80 + " */\n",
        *[_population(each, f"layer_{k}", types) for k, each in enumerate(fixed.populations)],
        _ends(fixed),
        filled("fixed_public.c", public) + class_function(design, name, "int32_t"),
    ]
    return "\n".join(part for part in parts if part)


def _sizes(fixed: Fixed, name: str, types: Types) -> str:
    NAME, design = name.upper(), fixed.design
    largest = int(largest_potential(design) * 2.0 ** (fixed.state_bits + 15))
    macros = {
        **{each: f"{NAME}_{each}" for each in ("INPUTS", "OUTPUTS", "NEURONS", "MISSING")},
        "UNFOLDS": design.unfolds,
        "X_BITS": fixed.state_bits,
        "Y_BITS": fixed.exponent_bits,
        "RECURRENT_Y(product, offset)": _recurrent_y(fixed),
        "GUARD": 16 - fixed.state_bits,
        "FINE_BITS": f"{fixed.exponent_bits - TABLE_BITS} /* within an interval of the table */",
        "FINE_INTERVALS": f"{FINE_INTERVALS} /* of the table; others are four times as long */",
        "INTERVALS": len(fixed.table) - 1,
        "OFFSET_ONE": fixed.offset_one,
        **coupled_sizes(design),
        "CLOSED": "(-32767 - 1) /* how open a synapse is whose input is missing */",
        "LENGTHENED(x)": f"((x) {'<<' if fixed.state_bits >= 10 else '>>'} "
        f"{abs(fixed.state_bits - 10)}) /* 24 bits become 30 less GUARD */",
        "LARGEST_STATE": largest,
    }
    lines = [f"#define {macro} {value}" for macro, value in macros.items()]
    lines += [
        "",
        f"typedef {types.sender} sender_number;",
        f"typedef {types.synapse} synapse_number;",
        f"typedef int{fixed.constant_bits}_t constant;",
    ]
    return "\n".join(lines) + "\n"


def _recurrent_y(fixed: Fixed) -> str:
    """The exponent of a recurrent synapse in C; limited where it could leave 16 bits."""
    shift, largest = fixed.recurrent_shift, largest_potential(fixed.design) * 2.0**fixed.state_bits
    reach = max(
        (abs(slope) * largest / 2**shift + abs(offset) * fixed.offset_one + 1
         for each in fixed.populations for slope, offset, _, _ in each.recurrent.tolist()),
        default=0.0,
    )  # fmt: skip
    product = "upper(product)" if shift == 15 else f"((product) >> {shift})"
    offset = "(offset)" if fixed.offset_one == 1 else f"(offset) * {fixed.offset_one}"
    if reach <= 32767:
        return f"((int){product} + {offset})"
    return f"limited((int32_t){product} + (int32_t){offset})"


def _integers(kind: str, name: str, values: Integers) -> str:
    return text.indices(kind, name, values.ravel().tolist())


def _rows(kind: str, name: str, rows: Integers, remarks: list[str]) -> str:
    cells = [[str(cell) for cell in row] for row in rows.tolist()]
    return text.rows(kind, name, cells, rows.shape[1], remarks)


def _population(fixed: FixedPopulation, prefix: str, types: Types) -> str:
    wiring = fixed.population.wiring
    tables = [
        _rows("flow", f"{prefix}_rest", fixed.rest, []),
        _integers("int8_t", f"{prefix}_exponent", fixed.exponent),
    ]
    fields: dict[str, object] = {"rest": f"{prefix}_rest", "exponent": f"{prefix}_exponent"}
    for side, synapses, pre, post, sender in (
        ("recurrent", fixed.recurrent, wiring.pre, wiring.post, ""),
        ("sensory", fixed.sensory, wiring.sensory_pre, wiring.sensory_post, "input "),
    ):
        name = f"{prefix}_{side}"
        remarks = [f"{sender}{j} -> {i}" for j, i in zip(pre, post)]
        tables += [
            *lists(name, pre, post, wiring.units, types),
            _rows("synapse", name, synapses, remarks),
        ]
        fields[side] = (f"{name}_start", f"{name}_from", name)
    fields["sensory_shift"] = fixed.sensory_shift
    return "\n\n".join([*tables, text.structure("population", prefix, fields)]) + "\n"


def _ends(fixed: Fixed) -> str:
    scale = [fixed.input_centre, fixed.input_factor]
    tables = [
        "typedef struct {\n    float centre, per_unit;\n} input_scaling;",
        text.structures("input_scaling", "input_scale", scale),
        _integers("int32_t", "readout_shift", fixed.readout_shift),
    ]
    if fixed.design.readout.dense:
        tables.append(_integers("int16_t", "readout_weight", fixed.readout))
    else:
        size = fixed.design.output_size
        tables.append(_integers("int16_t", "readout_weight", np.diagonal(fixed.readout[:, :size])))
    return "\n\n".join(tables) + "\n"


def _read_out(fixed: Fixed) -> str:
    last = f"state->neurons[{len(fixed.populations) - 1}]"
    if not fixed.design.readout.dense:
        return f"        outputs[o] += scaled_signed({last}[o], readout_weight[o]);\n"
    return (
        "        for (int i = 0; i < NEURONS; i++) {\n"
        f"            outputs[o] += scaled_signed({last}[i], readout_weight[o * NEURONS + i]);\n"
        "        }\n"
    )


def _body(fixed: Fixed) -> str:
    calls, inputs, last = [], "inputs", len(fixed.populations) - 1
    for layer in range(last + 1):
        own = f"state->neurons[{layer}]"
        calls.append(f"advance(&layer_{layer}, {own}, {inputs}, &inverse);")
        if layer < last:
            calls.append(f"pass_on({own}, between);")
            inputs = "between"
    between = ["int16_t between[NEURONS];"] if last else []
    time = fixed.design.elapsed_time
    if time is None:
        lines = ["if (elapsed_time > 0) {"]
        inner = ["const inverse_length inverse = inverse_of(elapsed_time);"]
        lines += [f"    {line}" for line in [*inner, *between, *calls]] + ["}"]
    elif to_time(time) == 0:
        return "    (void)inputs; /* no time passes */\n"
    else:
        inverse = inverse_of(fixed, to_time(time))
        lines = [
            f"const inverse_length inverse = {{{inverse.mantissa}, {inverse.down}}};",
            *between,
            *calls,
        ]
    return "".join(f"    {line}\n" for line in lines)


# -- main.c --------------------------------------------------------------------------------------


def _host(fixed: Fixed, name: str) -> dict[str, object]:
    design, NAME = fixed.design, name.upper()
    timed = design.elapsed_time is None
    example = ["0.5"] * design.input_size
    first = "numbers[k + 1]" if timed else "numbers[k]"
    time = f"(uint32_t)(numbers[0] * {NAME}_TIME_ONE + 0.5f), " if timed else ""
    call = (
        f"        for (int k = 0; k < {NAME}_INPUTS; k++) inputs[k] = {name}_input(k, {first});\n"
        f"        {name}_step(&state, inputs, {time}outputs);\n"
    )
    if timed:
        call = (
            "        if (!(numbers[0] >= 0.0f && numbers[0] < 2048.0f)) {\n"
            '            fprintf(stderr, "line %ld: no time from 0 to 2048, skipped\\n", row);\n'
            "            continue;\n"
            "        }\n" + call
        )
    label = f'        printf(",%s", {name}_labels[{name}_class(outputs)]);\n'
    return {
        "numbers": f"1 + {NAME}_INPUTS" if timed else f"{NAME}_INPUTS",
        "line_format": "the elapsed time and the inputs" if timed else "the inputs",
        "example": ",".join(["1", *example] if timed else example),
        "buffers": (f"    int16_t inputs[{NAME}_INPUTS];\n    int32_t outputs[{NAME}_OUTPUTS];\n"),
        "call": call,
        "printed": f"(double)outputs[o] / {NAME}_OUTPUT_ONE",
        "label": "" if design.classes is None else label,
    }
