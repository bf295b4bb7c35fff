"""Networks as C, ONNX or a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

from .. import export
from .._checks import check_choice
from ..errors import OptionError
from ..network import LiquidNetwork
from ..training import Forecaster
from ._calls import guarded, held

TARGETS = ("c", "onnx", "html")


@guarded
def export_network(handle: int, folder: str, options: Mapping[str, Any]) -> list[str]:
    """Writes a network; returns the files. Options: ``to``, and those of :func:`export.c`."""
    return _export(held(handle, LiquidNetwork), folder, options)


@guarded
def export_forecaster(handle: int, folder: str, options: Mapping[str, Any]) -> list[str]:
    """Writes a forecaster, likewise."""
    return _export(held(handle, Forecaster), folder, options)


def _export(
    model: Union[LiquidNetwork, Forecaster], folder: str, options: Mapping[str, Any]
) -> list[str]:
    given = dict(options)
    to = given.pop("to", "c")
    check_choice("to", to, TARGETS)
    if to == "c":
        return [str(path) for path in export.c(model, folder, **given)]
    name = given.pop("name", "network")
    for option in given:
        raise OptionError(f"is for C, not for {to}", option)
    Path(folder).mkdir(parents=True, exist_ok=True)
    write = {"onnx": export.onnx, "html": export.html}[to]
    return [str(write(model, Path(folder) / f"{name}.{to}"))]
