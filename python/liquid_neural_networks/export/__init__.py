"""Networks for where there is no Python.

>>> from liquid_neural_networks import LiquidNetwork, export
>>> network = LiquidNetwork(input_size=3, hidden_size=8, output_size=1)
>>> export.c(network, "firmware/pilot", name="pilot")  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from .._checks import check_flag
from .._files import PathOrName, replace
from . import _onnx, _source
from ._design import Exportable, design
from ._text import check_name

__all__ = ["c", "onnx"]


def c(
    network: Exportable,
    folder: PathOrName,
    *,
    name: str = "network",
    elapsed_time: Optional[float] = None,
) -> list[Path]:
    """Writes a network as C: ``NAME.h``, ``NAME.c``, and ``main.c`` with a ``Makefile`` to try it.

    The code is strict C99 without heap, without the mathematics library and without variables of
    its own; it computes in float32. ``NAME.h`` says how it is used. What a forecaster does to its
    inputs and outputs is in it: it takes and gives numbers in the units of the table, and for
    classes probabilities and labels.

    Args:
        network: a network, a forecaster of :mod:`liquid_neural_networks.training`, or a
            :class:`~liquid_neural_networks.model_file.Model`.
        folder: where to write; it is made if it is not there. Files of these names are replaced.
        name: what files, functions and macros begin with.
        elapsed_time: the time between all samples, in the network's unit, for code in which
            ``NAME_step`` has no such argument: it is smaller and faster. Default: an argument.

    Returns:
        The files that were written.

    Raises:
        OptionError: the name is no C identifier; or the network is bidirectional, or its solver
            is ``"adaptive"``.
        DtypeError: this is no network.
        DomainError: the elapsed time is negative or not finite, or a number of the network is
            beyond float32.
        OSError: the system could not write.
    """
    made = _source.files(design(network, elapsed_time), check_name(name))
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for file, contents in made.items():
        replace(target / file, contents.encode("ascii"))
    return [target / file for file in made]


def onnx(network: Exportable, path: PathOrName, *, step: bool = False) -> Path:
    """Writes a network as ONNX, of standard operators alone, in float32.

    The graph takes a whole batch of sequences, of any size and length:

    ================  ==========  ==============================================================
    ``state``         (P, B, N)   to start from: zeros, or what came back; 2 N with a memory
    ``inputs``        (B, T, I)   NaN where missing
    ``elapsed_time``  (B, T)      time before each sample, from 0
    ``latest``        (B, O)      of a forecaster fed with changes: the latest known values, at
                                  first NaN
    ================  ==========  ==============================================================

    and gives ``outputs`` (B, T, O), ``new_state`` and ``new_latest``. What a forecaster does to
    its inputs and outputs is in it, as in :func:`c`.

    Args:
        network: as for :func:`c`.
        path: of the file, which is replaced.
        step: a graph of one sample in place of a sequence: the same without T.

    Returns:
        The file.

    Raises:
        MissingDependencyError: the package onnx is not installed.
        OptionError, DtypeError: as :func:`c`.
        OSError: the system could not write.
    """
    replace(path, _onnx.model(design(network), check_flag("step", step)))
    return Path(path)
