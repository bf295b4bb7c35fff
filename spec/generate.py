"""Writes ``spec/vectors``: the conformance cases, answered by the reference.

    python -m spec.generate            write them
    python -m spec.generate --check    fail if any is stale, missing or superfluous

The check wants equal structure, text, integers and given numbers. Computed numbers may differ by
1e-11 of the largest in their array (at least of 1e-3), for the last bit of exp is not the same on
every platform.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np

from . import invalid, valid
from .cases import Case, Draw
from .encoding import VECTORS, VERSION, decode, encode, path_of, to_plain
from .gradients import gradients
from .reference import forward, prepare, run

TOLERANCES = {"f8": 1e-9, "f4": 2e-4}
ADAPTIVE_TOLERANCES = {"f8": 2e-5, "f4": 5e-4}
CHECK_TOLERANCE = 1e-11
COMPUTED = ("expected", "gradients")


def answered(case: Case) -> dict[str, Any]:
    """The contents of a valid case's file."""
    draw = Draw(f"{case.name} loss")
    result = run(case.model, prepare(case.model, case.arguments))
    weights = {
        "outputs": draw(-1, 1, *result.outputs.shape),
        "state": draw(-1, 1, *result.state.shape),
    }
    adaptive = case.model["config"]["solver"] == "adaptive"
    return {
        "version": VERSION,
        "name": case.name,
        "description": case.description,
        "valid": True,
        "model": case.model,
        "arguments": case.arguments,
        "expected": forward(case.model, case.arguments)._asdict(),
        "loss": _as_called(case, weights),
        "gradients": gradients(case.model, case.arguments, weights),
        "tolerance": ADAPTIVE_TOLERANCES if adaptive else TOLERANCES,
    }


def _as_called(case: Case, weights: dict[str, Any]) -> dict[str, Any]:
    """The loss's weights in the caller's layout instead of the reference's."""
    outputs, state = weights["outputs"], weights["state"]
    config = case.model["config"]
    if case.arguments["inputs"].ndim == 2:
        outputs, state = outputs[0], state[:, 0]
    elif config["return_sequences"] and not config["batch_first"]:
        outputs = outputs.swapaxes(0, 1)
    return {"outputs": outputs, "state": state}


def documents() -> Iterator[dict[str, Any]]:
    """Every case, as its file holds it."""
    for case in valid.cases():
        yield answered(case)
    for refused in invalid.cases():
        yield {"version": VERSION, "valid": False, **refused._asdict()}


def write(folder: Path = VECTORS) -> None:
    """Writes every case, and removes files that are none."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = set()
    for document in documents():
        path = path_of(document["name"], folder)
        if path in kept:
            raise ValueError(f"two cases are called {document['name']}")
        kept.add(path)
        path.write_bytes(encode(document))
    for path in set(folder.glob("*.msgpack")) - kept:
        path.unlink()


def problems(folder: Path = VECTORS) -> list[str]:
    """One line for every file that is not what :func:`write` would write."""
    found = []
    expected = {path_of(document["name"], folder): document for document in documents()}
    for path, document in expected.items():
        if not path.exists():
            found.append(f"{path.name} is missing")
            continue
        difference = _difference(decode(path.read_bytes()), document)
        if difference:
            found.append(f"{path.name} is stale: {difference}")
    extra = set(folder.glob("*.msgpack")) - set(expected)
    return found + [f"{path.name} belongs to no case" for path in sorted(extra)]


def _difference(stored: Any, wanted: Any, where: str = "", computed: bool = False) -> Optional[str]:
    """Where two documents differ first, or None."""
    if isinstance(wanted, dict):
        if not isinstance(stored, dict) or list(stored) != list(wanted):
            return f"{where or 'the case'} has other fields"
        for name, value in wanted.items():
            inner = f"{where}.{name}" if where else name
            found = _difference(stored[name], value, inner, computed or inner in COMPUTED)
            if found:
                return found
        return None
    if isinstance(wanted, (list, tuple)):
        if not isinstance(stored, list) or len(stored) != len(wanted):
            return f"{where} has another length"
        pairs = enumerate(zip(stored, wanted))
        found_in = (_difference(a, b, f"{where}.{i}", computed) for i, (a, b) in pairs)
        return next((found for found in found_in if found), None)
    if isinstance(wanted, np.ndarray):
        return _array_difference(stored, wanted, where, computed)
    return None if stored == wanted and type(stored) is type(wanted) else f"{where} differs"


def _array_difference(stored: Any, wanted: Any, where: str, computed: bool) -> Optional[str]:
    if not isinstance(stored, np.ndarray):
        return f"{where} is no array"
    mine, its = to_plain(stored), to_plain(wanted)
    if mine["dtype"] != its["dtype"] or mine["shape"] != its["shape"]:
        return f"{where} has another dtype or shape"
    if not computed:
        return None if mine["data"] == its["data"] else f"{where} differs"
    scale = max(1e-3, float(np.abs(wanted).max(initial=0.0)))
    error = float(np.abs(stored - wanted).max(initial=0.0)) / scale
    return None if error <= CHECK_TOLERANCE else f"{where} differs by {error:.1e} of its size"


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The command; 0 if all is well."""
    parser = argparse.ArgumentParser(prog="python -m spec.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    if not parser.parse_args(arguments).check:
        write()
        return 0
    found = problems()
    for line in found:
        print(line, file=sys.stderr)
    if found:
        print("run: python -m spec.generate", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
