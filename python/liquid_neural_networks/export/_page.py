"""A network as one web page: the exported C as WebAssembly, and what draws it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MissingDependencyError
from . import _source
from ._design import Design, Forecast
from ._pieces import filled

NAME = "network"
EXPORTS = ("inputs", "outputs", "neurons", "init", "step")
REACH = 3.0
"""Sliders go from as many deviations below an input's mean to as many above."""
LEVEL = 10.0
"""Deviations of a change that count as one of a level."""


def page(design: Design) -> str:
    """The page.

    Raises:
        MissingDependencyError: there is no clang, or no wasm-ld, or it cannot make WebAssembly.
    """
    code = base64.b64encode(module(design)).decode("ascii")
    return filled("page.html", {"network": _script(_description(design)), "code": code})


def module(design: Design) -> bytes:
    """The WebAssembly module; it exports memory, and functions that begin with ``page_``.

    Raises:
        MissingDependencyError: as :func:`page`.
    """
    for tool in ("clang", "wasm-ld"):
        if shutil.which(tool) is None:
            raise MissingDependencyError(f"needs {tool}, on Debian: apt install clang lld", "html")
    exports = list(EXPORTS)
    constants = ""
    if design.solver is not None and design.start is None:
        exports.append("time_constants")
        scale = "" if design.inputs is None else "    scale_inputs(u);\n"
        constants = filled("page_time_constants.c", {"scale": scale})
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, contents in _source.files(design, NAME).items():
            (folder / name).write_text(contents, "ascii")
        (folder / "page.c").write_text(filled("page.c", {"time_constants": constants}))
        # Without its builtins clang does not make loops into calls of memcpy, which is not there.
        command = ["clang", "--target=wasm32", "-std=c99", "-Oz", "-ffreestanding", "-fno-builtin"]
        command += ["-nostdlib", "-Wl,--no-entry,--strip-all"]
        command += [f"-Wl,--export=page_{each}" for each in exports]
        done = subprocess.run(
            [*command, "page.c", "-o", "page.wasm"],
            cwd=folder, capture_output=True, text=True, errors="replace",
        )  # fmt: skip
        if done.returncode != 0:
            why = next(iter(done.stderr.splitlines()), f"exit code {done.returncode}")
            raise MissingDependencyError(f"clang cannot make WebAssembly: {why}", "html")
        return (folder / "page.wasm").read_bytes()


def _description(design: Design) -> dict[str, Any]:
    """What the page has to know beside the code."""
    size, columns = design.input_size, design.columns
    mean, deviation = np.zeros(size), np.ones(size)
    if design.inputs is not None:
        mean, deviation = np.array(design.inputs.mean), np.array(design.inputs.deviation)
    names = [f"input {k}" for k in range(size)] if columns is None else list(columns.inputs)
    linear = None if design.start is None else design.start.baselines.linear
    for k in () if design.start is None else design.start.changes:
        if linear is not None:
            mean[k], deviation[k] = linear.mean[0, k], linear.deviation[0, k]
        else:  # the network is fed changes alone, so that any level will do
            mean[k], deviation[k] = 0.0, LEVEL * deviation[k]
            names[k] += ", from any level"
    outputs = [f"output {o}" for o in range(design.output_size)]
    if columns is not None:
        outputs = [_said(design, each) for each in design.forecasts]
        outputs += [str(each) for each in columns.classes or ()]
    reach = REACH * deviation
    return {
        "summary": _source.summary(design).replace("\n *", ""),
        "neurons": design.units,
        # The usual time between two rows of a table is one unit.
        "elapsed": 0.1 if columns is None else 1.0,
        "inputs": [
            {"name": name, "low": float(middle - far), "high": float(middle + far)}
            for name, middle, far in zip(names, mean, reach)
        ],
        "outputs": outputs,
    }


def _said(design: Design, forecast: Forecast) -> str:
    ahead = f", {forecast.step} ahead" if len(design.steps) > 1 else ""
    quantile = "" if forecast.level is None else f", quantile {forecast.level:g}"
    return f"{forecast.target}{ahead}{quantile}"


def _script(value: Any) -> str:
    """JSON that may stand in a script of a page."""
    return json.dumps(value).replace("<", "\\u003c")
