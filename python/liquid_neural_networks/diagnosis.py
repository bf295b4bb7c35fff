"""What runs here, and what to do about what does not; ``lnn doctor`` prints it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import torch

from . import fused, gpu
from ._extras import missing
from ._version import VERSION

__all__ = ["Finding", "diagnose"]

EXTRAS = {
    "polars": "tables",
    "matplotlib": "plots",
    "torchdiffeq": "adaptive",
    "statsmodels": "demo",
}
"""Optional library -> the extra that brings it."""


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        name: of the thing.
        found: what it is like here.
        remedy: what to do where it is missing or could be better; empty if it is well.
    """

    name: str
    found: str
    remedy: str = ""


def diagnose() -> list[Finding]:
    """Versions, compiled step, threads, GPU, optional libraries and Clojure, in that order.

    Example:
        >>> from liquid_neural_networks.diagnosis import diagnose
        >>> [each.name for each in diagnose()][:2]
        ['liquid-neural-networks', 'python']
    """
    return [
        Finding("liquid-neural-networks", VERSION),
        Finding("python", f"{platform.python_version()}, {sys.executable}"),
        *(Finding(name, _version(name)) for name in ("torch", "numpy", "msgpack", "click")),
        _compiled(),
        _threads(),
        _device(),
        _gpu_engine(),
        *(_optional(name, extra) for name, extra in EXTRAS.items()),
        _clojure(),
    ]


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def _compiled() -> Finding:
    status = fused.status()
    if status.available:
        others = ", ".join(fused.instruction_sets())
        return Finding("compiled step", f"runs on {status.instruction_set} (here: {others})")
    return Finding("compiled step", "missing: networks are tens of times slower", status.reason)


def _threads() -> Finding:
    return Finding("threads", f"{torch.get_num_threads()} of torch, {os.cpu_count()} processors")


def _device() -> Finding:
    count = torch.cuda.device_count()
    if count:
        names = [torch.cuda.get_device_name(index) for index in range(count)]
        return Finding("device", f"{', '.join(names)}; network.to('cuda') moves a network there")
    if shutil.which("nvidia-smi") is None:
        return Finding("device", "the CPU; no GPU was found")
    remedy = "install a build of torch with CUDA, see pytorch.org"
    return Finding("device", "the CPU; this torch does not see the GPU", remedy)


def _gpu_engine() -> Finding:
    if gpu.MISSING:
        # Without a GPU there is nothing to be remedied.
        return Finding("GPU engine", gpu.MISSING, gpu.MISSING if torch.cuda.is_available() else "")
    return Finding("GPU engine", "ready")


def _optional(library: str, extra: str) -> Finding:
    found = _version(library)
    return Finding(library, found) if found else Finding(library, "", str(missing(library, extra)))


def _clojure() -> Finding:
    absent = [name for name in ("java", "clojure") if shutil.which(name) is None]
    if absent:
        remedy = "for Clojure only: install Java 11 or newer and the Clojure CLI"
        return Finding("clojure", f"no {' and no '.join(absent)} on the path", remedy)
    if not sysconfig.get_config_var("Py_ENABLE_SHARED") and sys.platform == "linux":
        remedy = "for Clojure only: use a Python with a shared libpython"
        return Finding("clojure", "this Python has no shared library to be started from", remedy)
    return Finding("clojure", "Java, the Clojure CLI and a shared libpython are there")
