"""Writes the conformance vectors: ``python -m spec.generate``; ``--check`` says if any is stale.

Every case is answered by the float64 reference. A check compares structure exactly and numbers
to 1e-12, since elementary functions differ in their last bit from platform to platform.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .cases import (
    BACKBONES,
    BATCH,
    CLOSED_FORMS,
    DYNAMICS,
    INPUTS,
    SOLVERS,
    STEPS,
    UNITS,
    WIRINGS,
    Case,
    Draw,
    from_masks,
    model,
)
from .cases import arguments as call
from .encoding import VECTORS, VERSION, decode, encode, path_of
from .fixed_cases import VECTORS as FIXED_VECTORS
from .fixed_cases import fixed_files
from .gradients import gradients
from .reference import forward, prepare, run

CLOSED = {"solver": None, "unfolds": None}
ODES = ("conductance", "dense-sigmoid", "lrc-symmetric", "lrc-asymmetric")
"""The differential equations that meet every edge."""
TOLERANCE = {"f8": 1e-12, "f4": 1e-4}
ADAPTIVE_TOLERANCE = {"f8": 1e-4, "f4": 1e-3}


def valid_cases() -> Iterator[Case]:
    """Every dynamics x solver, every dynamics x wiring, then what is easily got wrong."""
    for dynamics in DYNAMICS:
        for solver in SOLVERS:
            yield _case(f"{dynamics}-{solver}", "irregular times", dynamics=dynamics, solver=solver)
        for kind in WIRINGS[1:]:
            yield _case(f"{dynamics}-{kind}", f"{kind} wiring", dynamics=dynamics, kind=kind)
    yield from _closed_forms()
    yield from _edges()
    yield from _layouts()
    yield from _memories()


def _closed_forms() -> Iterator[Case]:
    for dynamics, options in CLOSED_FORMS.items():
        for kind in WIRINGS:
            yield _case(f"{dynamics}-{kind}", f"{kind} wiring", dynamics=dynamics, kind=kind)
        for kind in WIRINGS[1:]:
            yield _case(f"{dynamics}-leaky-{kind}", f"{kind} wiring as published code treats it",
                        dynamics={**options, "leaky_wiring": True}, kind=kind)  # fmt: skip
        yield _case(f"{dynamics}-skips", "synapses across layers, forwards and backwards",
                    dynamics=dynamics, wired=_skipping(Draw(f"{dynamics}-skips wiring")),
                    readout="dense")  # fmt: skip
    for dynamics in BACKBONES:
        yield _case(dynamics, "a dense network before the heads", dynamics=dynamics)


def _skipping(draw: Draw) -> dict[str, Any]:
    """Three layers and synapses of any kind between them; inputs reach all."""
    recurrent, sensory = draw.chosen(0.5, UNITS, UNITS), draw.chosen(0.6, UNITS, INPUTS)
    layers = {"b": np.array([3, 0]), "a": np.array([1, 4]), "c": np.array([2])}
    return from_masks(draw, recurrent, sensory, 0, layers)


def _memories() -> Iterator[Case]:
    for dynamics in (*ODES, *CLOSED_FORMS, "closed-form-backbone-silu"):
        yield _case(f"{dynamics}-memory", "an LSTM cell beside the liquid state",
                    dynamics=dynamics, mixed_memory=True)  # fmt: skip
    yield _case("memory-ncp", "a memory receives all, whatever the wiring", kind="ncp",
                mixed_memory=True)  # fmt: skip
    yield _case("memory-both-ways", "two layers, both ways", bidirectional=True, num_layers=2,
                readout="dense", mixed_memory=True)  # fmt: skip
    yield _case("memory-missing", "mask (B, T, I)", mixed_memory=True,
                given=lambda d: {"mask": d.chosen(0.5, BATCH, STEPS, INPUTS)})  # fmt: skip
    for dynamics in ("conductance", "closed-form-default"):
        yield _case(f"{dynamics}-memory-padding", "held, the memory as well",
                    lambda d: {"mask": np.array([[True] * 3, [False, True, False]])},
                    dynamics=dynamics, mixed_memory=True, bidirectional=True,
                    readout="dense")  # fmt: skip


def _case(name: str, description: str, given: Any = None, **options: Any) -> Case:
    draw = Draw(name)
    made = model(draw, **options)
    return Case(name, description, made, call(draw, made, **(given(draw) if given else {})))


def _edges() -> Iterator[Case]:
    for dynamics in (*ODES, *CLOSED_FORMS):

        def case(
            name: str, description: str, given: Any = None, dynamics: str = dynamics, **more: Any
        ) -> Case:
            return _case(f"{dynamics}-{name}", description, given, dynamics=dynamics, **more)

        yield case("one-step", "T = 1", lambda d: {
            "inputs": d(-1, 1, BATCH, 1, INPUTS), "elapsed_time": d(0.1, 1, BATCH, 1)})  # fmt: skip
        yield case("one-neuron", "N = 1, one unfold", units=1, unfolds=1)
        yield case("no-time", "elapsed time 0 leaves the state of a differential equation alone",
                   lambda d: {"elapsed_time": np.zeros((BATCH, STEPS))})  # fmt: skip
        yield case("defaults", "no state, elapsed time 1",
                   lambda d: {"state": None, "elapsed_time": None})  # fmt: skip
        yield case("huge-inputs", "saturated, nothing overflows",
                   lambda d: {"inputs": d(-1e4, 1e4, BATCH, STEPS, INPUTS)})  # fmt: skip
        yield case("long-intervals", "elapsed times up to 1000",
                   lambda d: {"elapsed_time": d(10, 1000, BATCH, STEPS)})  # fmt: skip
        yield case("missing-features", "mask (B, T, I)",
                   lambda d: {"mask": d.chosen(0.5, BATCH, STEPS, INPUTS)})  # fmt: skip
        yield case("padding", "mask (B, T), sequences of 3 and 1",
                   lambda d: {"mask": np.array([[True] * 3, [True, False, False]])})  # fmt: skip
        for form, shape in (("number", ()), ("n", (UNITS,)), ("bn", (BATCH, UNITS)),
                            ("btn", (BATCH, STEPS, UNITS))):  # fmt: skip
            yield case(f"time-constants-{form}", "given time constants",
                       lambda d, shape=shape: {"time_constants": d(0.3, 2, *shape)})  # fmt: skip
        yield case("time-number", "one elapsed time for all", lambda d: {"elapsed_time": d(0.5, 1)})
        yield case("time-t", "elapsed time (T,)", lambda d: {"elapsed_time": d(0.1, 1, STEPS)})
    draw = Draw("no-synapses")
    wired = from_masks(draw, np.zeros((UNITS, UNITS), bool), np.zeros((UNITS, INPUTS), bool), 0,
                       {"neurons": np.arange(UNITS)})  # fmt: skip
    yield _case("no-synapses", "leak alone", wired=wired)


def _layouts() -> Iterator[Case]:
    for dynamics in (*ODES, "closed-form-default", "closed-form-pure"):
        yield _case(f"{dynamics}-two-layers", "num_layers 2", dynamics=dynamics, num_layers=2)
        yield _case(f"{dynamics}-bidirectional", "both ways, dense read-out", dynamics=dynamics,
                    bidirectional=True, readout="dense")  # fmt: skip
    yield _case("bidirectional-padding", "backwards over ragged sequences",
                lambda d: {"mask": np.array([[True] * 3, [True, True, False]])},
                bidirectional=True, readout="dense")  # fmt: skip
    yield _case("last-output", "return_sequences false", return_sequences=False)
    yield _case("unbatched", "one sequence, no batch axis", lambda d: {
        "inputs": d(-1, 1, STEPS, INPUTS), "elapsed_time": d(0.1, 1, STEPS),
        "state": d(-0.5, 0.5, 1, UNITS)})  # fmt: skip
    yield _case("time-first", "batch_first false", lambda d: {
        "inputs": d(-1, 1, STEPS, BATCH, INPUTS), "elapsed_time": d(0.1, 1, STEPS, BATCH)},
        batch_first=False)  # fmt: skip
    yield _case("softplus", "the other constraint: the same values, the same answers",
                constraint="softplus")  # fmt: skip


def answered(case: Case, differentiate: Callable[..., Any] = gradients) -> dict[str, Any]:
    """The file of a valid case; ``differentiate`` gives its gradients."""
    made, arguments = case.model, case.arguments
    draw = Draw(f"{case.name} weights")
    inner = run(made, prepare(made, arguments))
    weights = {
        "outputs": draw(-1, 1, *inner.outputs.shape),
        "state": draw(-1, 1, *inner.state.shape),
    }
    outputs, state, states, constants = forward(made, arguments)
    return {
        "version": VERSION,
        "name": case.name,
        "description": case.description,
        "model": made,
        "arguments": arguments,
        "weights": weights,
        "expected": {
            "outputs": outputs,
            "state": state,
            "states": states,
            "time_constants": constants,
            "gradients": differentiate(made, arguments, weights),
        },
        "tolerance": ADAPTIVE_TOLERANCE if made["config"]["solver"] == "adaptive" else TOLERANCE,
    }


def refused_cases() -> Iterator[dict[str, Any]]:
    """Calls and models that must be refused, with the error's class and the argument it names."""
    nan, inf = float("nan"), float("inf")
    for name, error, argument, changes in (
        ("rank", "ShapeError", "inputs", {"inputs": np.zeros(INPUTS)}),
        ("features", "ShapeError", "inputs", {"inputs": np.zeros((BATCH, STEPS, INPUTS + 1))}),
        ("empty", "ShapeError", "inputs", {"inputs": np.zeros((BATCH, 0, INPUTS))}),
        ("nan", "DomainError", "inputs", {"inputs": np.full((BATCH, STEPS, INPUTS), nan)}),
        ("infinity", "DomainError", "inputs", {"inputs": np.full((BATCH, STEPS, INPUTS), inf)}),
        ("time-negative", "DomainError", "elapsed_time", {"elapsed_time": np.array(-1.0)}),
        ("time-nan", "DomainError", "elapsed_time", {"elapsed_time": np.array(nan)}),
        ("time-shape", "ShapeError", "elapsed_time", {"elapsed_time": np.ones(STEPS + 1)}),
        ("tau-zero", "DomainError", "time_constants", {"time_constants": np.array(0.0)}),
        ("tau-infinite", "DomainError", "time_constants", {"time_constants": np.array(inf)}),
        ("tau-shape", "ShapeError", "time_constants", {"time_constants": np.ones(UNITS + 1)}),
        ("mask-shape", "ShapeError", "mask", {"mask": np.ones((BATCH, STEPS, 1), bool)}),
        ("state-shape", "ShapeError", "state", {"state": np.zeros((2, BATCH, UNITS))}),
        ("state-nan", "DomainError", "state", {"state": np.full((1, BATCH, UNITS), nan)}),
    ):  # fmt: skip
        yield _refused(f"refused-{name}", error, argument, arguments=changes)
    for name, error, argument, options in (
        ("solver", "OptionError", "solver", {"solver": "magic"}),
        ("dynamics", "OptionError", "dynamics", {"dynamics": {"type": "magic"}}),
        ("constraint", "OptionError", "constraint", {"constraint": "magic"}),
        ("unfolds", "DomainError", "unfolds", {"unfolds": 0}),
        ("solver-of-closed-form", "OptionError", "solver", {"dynamics": {"type": "closed_form"}}),
        ("unfolds-of-closed-form", "OptionError", "unfolds",
         {"dynamics": {"type": "closed_form"}, "solver": None}),
        ("mode", "OptionError", "mode", {**CLOSED, "dynamics": {"type": "closed_form",
                                                                "mode": "magic"}}),
        ("backbone", "OptionError", "backbone_layers", {**CLOSED, "dynamics": {
            "type": "closed_form", "backbone_layers": 0, "backbone_units": 4}}),
        ("elastance", "OptionError", "elastance", {"dynamics": {"type": "lrc",
                                                                "elastance": "magic"}}),
        ("memory", "DtypeError", "mixed_memory", {"mixed_memory": 1}),
        ("layers", "DomainError", "num_layers", {"num_layers": 0}),
        ("dropout", "DomainError", "dropout", {"dropout": 1.0}),
        ("output-size", "DomainError", "output_size", {"output_size": 0}),
    ):  # fmt: skip
        yield _refused(f"refused-{name}", error, argument, config=options)
    zeros = np.zeros(UNITS**2, dtype=int)
    for name, error, argument, lists in (
        ("index", "DomainError", "pre", {"pre": np.full(UNITS**2, UNITS)}),
        ("duplicate", "DomainError", "pre", {"pre": zeros, "post": zeros}),
        ("polarity", "DomainError", "polarity", {"polarity": zeros}),
    ):  # fmt: skip
        yield _refused(f"refused-wiring-{name}", error, argument, wiring=lists)


def _refused(name: str, error: str, argument: str, **changes: dict[str, Any]) -> dict[str, Any]:
    draw = Draw(name)
    made = model(draw)
    arguments = {**call(draw, made), **changes.get("arguments", {})}
    made["config"] = {**made["config"], **changes.get("config", {})}
    made["wirings"] = [{**each, **changes.get("wiring", {})} for each in made["wirings"]]
    return {
        "version": VERSION,
        "name": name,
        "description": f"must be refused with {error} on {argument}",
        "model": made,
        "arguments": arguments,
        "refused": {"error": error, "argument": argument},
    }


def all_files() -> dict[str, dict[str, Any]]:
    """Case name -> what its file holds."""
    cases = [answered(case) for case in valid_cases()] + list(refused_cases())
    named = {case["name"]: decode(encode(case)) for case in cases}
    assert len(named) == len(cases), "two cases of one name"
    return named


def write() -> None:
    for folder, files in ((VECTORS, all_files()), (FIXED_VECTORS, fixed_files())):
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.msgpack"):
            old.unlink()
        for name, case in files.items():
            path_of(name, folder).write_bytes(encode(case))


def stale() -> list[str]:
    """What differs between the files and what would be written now."""
    return [
        *_stale(VECTORS, all_files()),
        *_stale(FIXED_VECTORS, fixed_files()),
    ]


def _stale(folder: Path, wanted: dict[str, dict[str, Any]]) -> list[str]:
    there = {path.stem: path for path in folder.glob("*.msgpack")}
    found = [f"{name}: not written yet" for name in sorted(set(wanted) - set(there))]
    found += [f"{name}: no such case any more" for name in sorted(set(there) - set(wanted))]
    for name in sorted(set(there) & set(wanted)):
        if not same(decode(there[name].read_bytes()), wanted[name]):
            found.append(f"{name}: its file differs")
    return found


def same(one: Any, other: Any) -> bool:
    """Equal structure, equal plain values, arrays equal to 1e-12."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return (
            one.dtype == other.dtype
            and one.shape == other.shape
            and np.allclose(one, other, rtol=1e-12, atol=1e-12, equal_nan=True)
        )
    return type(one) is type(other) and one == other


def _count() -> int:
    return sum(len(list(each.glob("*.msgpack"))) for each in (VECTORS, FIXED_VECTORS))


def main() -> None:
    if sys.argv[1:] == ["--check"]:
        found = stale()
        print("\n".join(found) or f"{_count()} vectors are up to date")
        if found:
            sys.exit("stale vectors; write them again: python -m spec.generate")
    elif sys.argv[1:]:
        sys.exit("usage: python -m spec.generate [--check]")
    else:
        write()
        print(f"{_count()} vectors in {VECTORS} and {FIXED_VECTORS.name}")


if __name__ == "__main__":
    main()
