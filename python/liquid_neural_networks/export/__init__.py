"""Networks for where there is no Python.

>>> from liquid_neural_networks import LiquidNetwork, export
>>> network = LiquidNetwork(input_size=3, hidden_size=8, output_size=1)
>>> export.c(network, "firmware/pilot", name="pilot")  # doctest: +SKIP
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Optional

import numpy as np
import numpy.typing as npt

from .._checks import check_choice, check_flag
from .._files import PathOrName, replace
from .._inputs import real_array
from ..errors import DomainError, OptionError, ShapeError
from . import _arduino, _fixed_source, _learning, _onnx, _page, _source
from ._design import Array, Design, Exportable, design, model_of
from ._error import half_differences, whole_differences
from ._fixed import fixed
from ._half import check_half
from ._text import check_name

__all__ = ["c", "error", "html", "onnx"]

NUMBERS = ("float32", "float16", "int16", "int8")
LAYOUTS = ("plain", "arduino")
BITS = {"int16": 16, "int8": 8}


def c(
    network: Exportable,
    folder: PathOrName,
    *,
    name: str = "network",
    elapsed_time: Optional[float] = None,
    numbers: str = "float32",
    calibrate: Optional[npt.ArrayLike] = None,
    layout: str = "plain",
    learn: Optional[str] = None,
) -> list[Path]:
    """Writes a network as C: ``NAME.h``, ``NAME.c``, and ``main.c`` with a ``Makefile`` to try it.

    The code is strict C99 without heap, without the mathematics library and without variables of
    its own; it computes in float32. ``NAME.h`` says how it is used. What a forecaster does to its
    inputs and outputs is in it: it takes and gives numbers in the units of the table, and for
    classes probabilities and labels; the start of its forecasts too, which may need many samples
    of the past: ``NAME_past``, a part of the state, has them. Calendar features and categories are
    inputs like others: ``NAME.h`` says what each is.

    Args:
        network: a network, a forecaster of :mod:`liquid_neural_networks.training`, or a
            :class:`~liquid_neural_networks.model_file.Model`.
        folder: where to write; it is made if it is not there. Files of these names are replaced.
        name: what files, functions and macros begin with.
        elapsed_time: the time between all samples, in the network's unit, for code in which
            ``NAME_step`` has no such argument: it is smaller and faster. Default: an argument.
        numbers: ``"float32"``; ``"float16"``: constants of synapses are stored in half precision,
            for conductance dynamics; ``"int16"`` or ``"int8"`` for processors without floating
            point: constants of synapses of 16 or 8 bits and states of 32, for conductance
            dynamics with the fused solver. :func:`error` says what each costs.
        calibrate: (T, I) inputs as they will come, NaN where missing, from which whole numbers
            learn the range of each. Default: 8 deviations of the training table, or from -8 to 8.
        layout: ``"plain"``, or ``"arduino"``: a library of Arduino's and PlatformIO's, with an
            example sketch in place of ``main.c`` and ``Makefile``.
        learn: also write ``NAME_learn.h`` and ``NAME_learn.c``, in which the network runs and
            learns by itself: ``"exact"``, ``"snap1"`` or ``"readout"``, see
            :class:`~liquid_neural_networks.online.Learner`, by RMSprop on the mean squared error,
            the gradient shortened to 1; in float32. For conductance dynamics with the fused solver,
            one layer, no memory, not trained on a table. ``NAME_learn.h`` states the RAM.

    Returns:
        The files that were written.

    Raises:
        OptionError: the name is no C identifier; the network is bidirectional, or its solver
            is ``"adaptive"``; its forecasts start from more than a million samples; or
            ``numbers`` or ``learn`` cannot express it.
        DtypeError: this is no network.
        ShapeError, DataError: a file's network, scaling and table do not fit together.
        DomainError: the elapsed time is negative or not finite, or a number of the network is
            beyond float32 or float16.
        OSError: the system could not write.
    """
    check_choice("layout", layout, LAYOUTS)
    check_choice("numbers", numbers, NUMBERS)
    made, whole = design(network, elapsed_time), numbers.startswith("int")
    if not whole and calibrate is not None:
        raise OptionError("is for numbers='int16' and 'int8'", "calibrate")
    if whole:
        table = None if calibrate is None else _readings("calibrate", calibrate)
        files = _fixed_source.files(fixed(made, table, BITS[numbers]), check_name(name))
    else:
        files = _source.files(_stored(made, numbers), check_name(name))
    if learn is not None:
        check_choice("learn", learn, _learning.METHODS)
        if layout != "plain":
            raise OptionError("is for layout='plain'", "learn")
        files |= _learning.files(network, name, learn)
    if layout == "arduino":
        files = _arduino.files(made, name, files, whole)
    target = Path(folder)
    for file, contents in files.items():
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        replace(target / file, contents.encode("ascii"))
    return [target / file for file in files]


def _stored(made: Design, numbers: str) -> Design:
    if numbers == "float32":
        return made
    check_half(made)
    return dataclasses.replace(made, half=True)


def error(
    network: Exportable,
    inputs: npt.ArrayLike,
    elapsed_time: npt.ArrayLike = 1.0,
    *,
    numbers: str = "int16",
    calibrate: Optional[npt.ArrayLike] = None,
) -> float:
    """The largest difference of an output of an export to C from the network's own.

    Computes in Python the very numbers that exported whole numbers compute, about a thousand
    samples a second for 19 neurons; and ``"float16"`` in float64 with the constants that are
    stored.

    Args:
        network: as for :func:`c`.
        inputs: (T, I) one sequence, from the zero state; NaN where missing.
        elapsed_time: a number or (T,).
        numbers: ``"float16"``, ``"int16"`` or ``"int8"``.
        calibrate: as for :func:`c`, for whole numbers. Default: ``inputs``.

    Returns:
        It, in the units of the outputs; for classes, of their scores.

    Raises:
        OptionError, ShapeError, DtypeError, DomainError, DataError: as :func:`c`; or the inputs or
            the elapsed time have another shape, or are no numbers or times.
    """
    check_choice("numbers", numbers, NUMBERS[1:])
    model = model_of(network)
    made = design(model)
    given, times = _sequence(inputs, elapsed_time, made.input_size)
    if numbers == "float16":
        found = half_differences(_stored(made, numbers), model, given, times)
    else:
        ranges = given if calibrate is None else _readings("calibrate", calibrate)
        found = whole_differences(fixed(made, ranges, BITS[numbers]), model, given, times)
    return float(np.abs(found).max())


def _readings(name: str, values: npt.ArrayLike) -> Array:
    """An array in which what is infinite is missing, as it is to the code."""
    given = real_array(name, values)
    return np.where(np.isinf(given), np.nan, given)


def _sequence(inputs: npt.ArrayLike, elapsed_time: npt.ArrayLike, size: int) -> tuple[Array, Array]:
    """(T, I) and (T,)"""
    given, times = _readings("inputs", inputs), real_array("elapsed_time", elapsed_time)
    if given.ndim != 2 or given.shape[1] != size or len(given) == 0:
        raise ShapeError(f"expected (T, {size}), one row at least, got {given.shape}", "inputs")
    if times.shape not in ((), given.shape[:1]):
        raise ShapeError(f"expected a number or ({len(given)},), got {times.shape}", "elapsed_time")
    if not (np.isfinite(times) & (times >= 0)).all():
        raise DomainError("expected finite numbers from 0", "elapsed_time")
    return given, np.broadcast_to(times, given.shape[:1])


def onnx(network: Exportable, path: PathOrName, *, step: bool = False) -> Path:
    """Writes a network as ONNX, of standard operators alone, in float32.

    The graph takes a whole batch of sequences, of any size and length:

    ================  ==========  ==============================================================
    ``state``         (P, B, N)   to start from: zeros, or what came back; 2 N with a memory
    ``inputs``        (B, T, I)   NaN where missing
    ``elapsed_time``  (B, T)      time before each sample, from 0
    ``latest``        (B, W)      where forecasts start from a baseline: latest known values; at
                                  first NaN
    ``past``          (B, R, K)   where that looks back: what was known at the last R samples; at
                                  first anything
    ``past_time``     (B, R)      likewise: the times before these samples; at first NaN
    ================  ==========  ==============================================================

    and gives ``outputs`` (B, T, O), ``new_state`` and so on. What a forecaster does to its inputs
    and outputs is in it, as in :func:`c`.

    Args:
        network: as for :func:`c`.
        path: of the file, which is replaced.
        step: a graph of one sample in place of a sequence: the same without T.

    Returns:
        The file.

    Raises:
        MissingDependencyError: the package onnx is not installed.
        OptionError, DtypeError, ShapeError, DataError: as :func:`c`.
        OSError: the system could not write.
    """
    replace(path, _onnx.model(design(network), check_flag("step", step)))
    return Path(path)


def html(network: Exportable, path: PathOrName) -> Path:
    """Writes one web page in which the network runs: the C of :func:`c` as WebAssembly.

    It has a slider for each input and for the elapsed time, and draws outputs, the states of the
    first layer and their effective time constants (of dynamics that a solver integrates). The page
    needs no network: everything is in the file.

    Args:
        network: as for :func:`c`.
        path: of the page, which is replaced.

    Returns:
        The page.

    Raises:
        MissingDependencyError: there is no clang, or no wasm-ld to link WebAssembly, or clang
            fails: it may be one without WebAssembly.
        OptionError, DtypeError, DomainError, ShapeError, DataError: as :func:`c`.
        OSError: the system could not write.
    """
    replace(path, _page.page(design(network)).encode("utf-8"))
    return Path(path)
