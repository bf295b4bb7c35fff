"""An export as a library of Arduino's and PlatformIO's."""

from __future__ import annotations

from collections.abc import Mapping

from .._version import VERSION
from ._design import Design
from ._pieces import filled


def files(design: Design, name: str, written: Mapping[str, str], whole: bool) -> dict[str, str]:
    """File name -> contents, from those of an export to C; ``whole``: in whole numbers.

    The network stays C, also for sketches, which are C++: avr-gcc keeps constants in program memory
    there.
    """
    values = {**_sketch(design, name, whole), "name": name, "NAME": name.upper()}
    values |= {
        "library_version": ".".join([*VERSION.split(".")[:2], "0"]),
        "paragraph": f"{design.dynamics['type']} dynamics, {design.input_size} inputs, "
        f"{design.output_size} outputs.",
    }
    return {
        "library.properties": filled("arduino.properties", values),
        f"src/{name}.h": written[f"{name}.h"],
        f"src/{name}.c": written[f"{name}.c"],
        f"examples/{name}/{name}.ino": filled("arduino.ino", values),
    }


def _sketch(design: Design, name: str, whole: bool) -> dict[str, object]:
    NAME, fixed = name.upper(), design.elapsed_time
    unit = 1.0
    if design.columns is not None and design.columns.dates:
        unit = design.columns.time_unit
    step = ""
    if fixed is None:
        elapsed = f"(now - before) * {1e-6 / unit:g}f"
        if whole:
            elapsed = f"(uint32_t)({elapsed} * {NAME}_TIME_ONE)"
        step = (
            f"    const unsigned long now = micros();\n    {name}_step(&state, inputs, {elapsed}, "
        )
        step += "outputs);\n    before = now;\n"
    else:
        step = f"    {name}_step(&state, inputs, outputs);\n"
    label = f"    Serial.println({name}_labels[{name}_class(outputs)]);\n"
    return {
        "input_type": "int16_t" if whole else "float",
        "output_type": "int32_t" if whole else "float",
        "read": f"{name}_input(k, read_sensor(k))" if whole else "read_sensor(k)",
        "step": step,
        "printed": f"outputs[o] / (float){NAME}_OUTPUT_ONE" if whole else "outputs[o]",
        "label": "" if design.classes is None else label,
        "delay": round(1000 * unit * (fixed or 0.1)),
    }
