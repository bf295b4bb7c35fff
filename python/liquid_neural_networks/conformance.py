"""Runs the conformance vectors of ``spec/vectors`` and says which ones this installation fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import msgpack
import numpy as np
import torch
from torch import Tensor

from .errors import DataError, LiquidError
from .network import LiquidNetwork
from .wiring import Wiring

__all__ = ["CaseResult", "run"]

DTYPES = {"float64": torch.float64, "float32": torch.float32}
ENCODINGS = {"f8": "<f8", "i4": "<i4", "u1": "|u1"}
DIFFERENTIABLE = ("inputs", "time_constants", "elapsed_time", "state")


class CaseResult(NamedTuple):
    """How one case went in one precision.

    Attributes:
        name: of the case.
        dtype: ``"float64"`` or ``"float32"``.
        passed: whether every number was within the case's tolerance, or the refusal was right.
        error: the largest difference, by the largest number expected (at least 1); 0 for a
            refusal.
        message: what was wrong; empty if nothing.
    """

    name: str
    dtype: str
    passed: bool
    error: float
    message: str


def run(folder: Optional[Union[str, PathLike[str]]] = None) -> list[CaseResult]:
    """Every vector in a folder, in float64 and in float32.

    Args:
        folder: of ``*.msgpack`` cases. Default: those that came with the package, which are
            ``spec/vectors`` of its source tree.

    Raises:
        DataError: there are no vectors, or a file is none.
    """
    chosen = _own_vectors() if folder is None else Path(folder)
    paths = sorted(chosen.glob("*.msgpack"))
    if not paths:
        raise DataError(f"{chosen} holds no *.msgpack vectors; name the folder that does", "folder")
    return [_run_case(read(path), dtype) for path in paths for dtype in DTYPES]


def _own_vectors() -> Path:
    """The folder that a build fills, or in a checkout the one it is filled from."""
    here = Path(__file__)
    packed = here.with_name("_vectors")
    return packed if packed.is_dir() else here.parents[2] / "spec" / "vectors"


def read(path: Path) -> dict[str, Any]:
    """The case in a file, arrays decoded.

    Raises:
        DataError: it is not a vector of version 1.
    """
    try:
        case = _decoded(msgpack.unpackb(path.read_bytes()))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a vector: {error}", "folder") from None
    if not isinstance(case, dict) or case.get("version") != 1:
        raise DataError(f"{path} is not a vector of version 1", "folder")
    return case


def _decoded(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"dtype", "shape", "data"}:
            array = np.frombuffer(value["data"], ENCODINGS[value["dtype"]])
            return array.reshape(value["shape"]).copy()
        return {name: _decoded(each) for name, each in value.items()}
    return [_decoded(each) for each in value] if isinstance(value, list) else value


def _run_case(case: Mapping[str, Any], dtype: str) -> CaseResult:
    check = _refusal if "refused" in case else _answers
    try:
        error, message = check(case, DTYPES[dtype])
    except LiquidError as refusal:
        error, message = 0.0, f"refused: {refusal}"
    return CaseResult(case["name"], dtype, not message, error, message)


def _refusal(case: Mapping[str, Any], dtype: torch.dtype) -> tuple[float, str]:
    wanted = case["refused"]
    try:
        network = build(case["model"], dtype)
        network(**_arguments(case["arguments"], dtype), return_state=True)
    except LiquidError as error:
        got = {"error": type(error).__name__, "argument": error.argument}
        return 0.0, "" if got == wanted else f"expected {wanted}, got {got}: {error}"
    return 0.0, f"expected {wanted}, but it was accepted"


def _answers(case: Mapping[str, Any], dtype: torch.dtype) -> tuple[float, str]:
    network = build(case["model"], dtype)
    arguments = _arguments(case["arguments"], dtype)
    limit = case["tolerance"]["f8" if dtype == torch.float64 else "f4"]
    worst, message = 0.0, ""
    for name, got, expected in _compared(case, network, arguments, dtype):
        # Every element exists on both sides, or the shapes disagree.
        if got.shape != expected.shape:
            return float("inf"), f"{name}: expected shape {expected.shape}, got {got.shape}"
        if not expected.size:
            continue
        scale = max(1.0, float(np.abs(expected).max()))
        error = float(np.abs(got - expected).max()) / scale
        if not error <= limit:
            message = message or f"{name}: off by {error:.1e}, allowed {limit:.0e}"
        worst = max(worst, error)
    return worst, message


def _compared(
    case: Mapping[str, Any], network: LiquidNetwork, arguments: dict[str, Any], dtype: torch.dtype
) -> Iterator[tuple[str, np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """(name, got, expected) of outputs, state, states, time constants and gradients."""
    expected = case["expected"]
    outputs, state = network(**arguments, return_state=True)
    yield "outputs", _array(outputs), expected["outputs"]
    yield "state", _array(state), expected["state"]
    with torch.no_grad():
        for index in range(len(network.neurons)):
            trace = network.trace(**arguments, population=index)
            yield f"states {index}", _array(trace.states), expected["states"][index]
            # As rates: where a rate is near 0, its inverse has no digits to compare.
            rates = 1 / expected["time_constants"][index]
            yield f"time constants {index}", 1 / _array(trace.time_constants), rates
    weights = {name: torch.tensor(each).to(dtype) for name, each in case["weights"].items()}
    batch_first = _batch_first(case, outputs, state)
    losses = [(each * weights[name]).sum() for name, each in batch_first.items()]
    torch.autograd.backward(losses)
    gradients = expected["gradients"]
    for name in DIFFERENTIABLE:
        if gradients[name] is not None:
            yield f"gradient of {name}", _array(arguments[name].grad), gradients[name]
    for name, parameter in network.named_parameters():
        short = name.replace(".dynamics", "")
        wanted = gradients["tensors"][short]
        if case["model"]["config"]["constraint"] == "softplus" and "neurons" in short:
            continue  # what is stored is not the value the vectors differentiate by
        got = np.zeros(wanted.shape) if parameter.grad is None else _array(parameter.grad)
        yield f"gradient of {short}", got, wanted


def _batch_first(case: Mapping[str, Any], outputs: Tensor, state: Tensor) -> dict[str, Tensor]:
    """Outputs and state in the layout of the case's weights."""
    config = case["model"]["config"]
    if case["arguments"]["inputs"].ndim == 2:
        return {"outputs": outputs.unsqueeze(0), "state": state.unsqueeze(1)}
    if config["return_sequences"] and not config["batch_first"]:
        outputs = outputs.transpose(0, 1)
    return {"outputs": outputs, "state": state}


def build(model: Mapping[str, Any], dtype: torch.dtype) -> LiquidNetwork:
    """The network a case describes.

    Raises:
        LiquidError: the description is to be refused.
    """
    options = {name: each for name, each in model["config"].items() if name != "hidden_size"}
    wirings = [Wiring.from_dict(_listed(each)) for each in model["wirings"]]
    network = LiquidNetwork(wiring=wirings, **options).to(dtype)
    network.set_values(
        {name: torch.tensor(each).to(dtype) for name, each in model["tensors"].items()}
    )
    return network


def _listed(wiring: Mapping[str, Any]) -> dict[str, Any]:
    layers = {name: ids.tolist() for name, ids in wiring["layers"].items()}
    return {**wiring, "layers": layers}


def _arguments(given: Mapping[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """Tensors, those that have gradients asking for them."""
    made: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            made[name] = None
        elif name in DIFFERENTIABLE:
            made[name] = torch.tensor(value).to(dtype).requires_grad_()
        else:
            made[name] = torch.tensor(value).bool()
    return made


def _array(tensor: Tensor) -> np.ndarray[Any, Any]:
    return tensor.detach().double().cpu().numpy()
