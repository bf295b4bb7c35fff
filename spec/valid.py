"""Every case that must be computed: dynamics x solver x wiring, and the edges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .cases import (
    BATCH,
    DYNAMICS,
    INPUTS,
    SOLVERS,
    STEPS,
    UNITS,
    WIRINGS,
    Case,
    Draw,
    arguments,
    as_single,
    from_masks,
    model,
)
from .reference import Array

BOTH = ("conductance", "dense-sigmoid")


def cases() -> Iterator[Case]:
    """All of them, each drawn from its own name."""
    yield from combinations()
    yield from sizes()
    yield from times()
    yield from extremes()
    yield from masks()
    yield from given_time_constants()
    yield from arrangements()


def combinations() -> Iterator[Case]:
    for dynamics in DYNAMICS:
        for solver in SOLVERS:
            for kind in WIRINGS:
                name = f"{dynamics}-{solver}-{kind}"
                draw = Draw(name)
                made = model(draw, dynamics=dynamics, kind=kind, solver=solver)
                what = f"{dynamics} dynamics, {solver} solver, {kind} wiring, irregular times"
                yield Case(name, what, made, arguments(draw, made))


def sizes() -> Iterator[Case]:
    for dynamics in BOTH:
        yield _case(f"{dynamics}-one-step", "A sequence of one sample", dynamics, steps=1)
        yield _case(f"{dynamics}-one-unfold", "One solver step a sample", dynamics, unfolds=1)
        yield _case(
            f"{dynamics}-one-neuron",
            "One neuron, one input, one output, one sequence",
            dynamics,
            batch=1,
            inputs=1,
            units=1,
            outputs=1,
        )
        name = f"{dynamics}-no-recurrent-synapses"
        draw = Draw(name)
        sensed = np.ones((UNITS, INPUTS), dtype=bool)
        wired = from_masks(draw, np.zeros((UNITS, UNITS), dtype=bool), sensed, 0, _one_layer())
        made = model(draw, dynamics=dynamics, wired=wired)
        yield Case(name, "Neurons that hear inputs only", made, arguments(draw, made))
        name = f"{dynamics}-unheard-input"
        draw = Draw(name)
        heard, sensed = draw.chosen(0.5, UNITS, UNITS), np.zeros((UNITS, INPUTS), dtype=bool)
        sensed[0, 0] = True
        wired = from_masks(draw, heard, sensed, 0, _one_layer())
        made = model(draw, dynamics=dynamics, wired=wired)
        yield Case(
            name, "An input without synapses; most neurons hear none", made, arguments(draw, made)
        )


def times() -> Iterator[Case]:
    for dynamics in BOTH:
        for form, times in (
            ("number", np.asarray(0.25)),
            ("t", as_single([0.5, 0.0, 0.125])),
            ("bt", as_single([[0.5, 0.01, 0.9], [0.3, 0.6, 0.05]])),
            ("default", None),
        ):
            what = "No elapsed time given: 1" if times is None else f"Elapsed time as ({form})"
            yield _case(f"{dynamics}-elapsed-time-{form}", what, dynamics, elapsed_time=times)
        for solver in ("fused", "exponential", "rk4"):
            yield _case(
                f"{dynamics}-{solver}-zero-elapsed-time",
                "No time passes: the state stays",
                dynamics,
                solver=solver,
                elapsed_time=np.asarray(0.0),
            )
        for solver in ("fused", "exponential"):
            yield _case(
                f"{dynamics}-{solver}-long-elapsed-time",
                "Much longer than any time constant",
                dynamics,
                solver=solver,
                elapsed_time=as_single([10.0, 1000.0, 1e6]),
            )


def extremes() -> Iterator[Case]:
    for dynamics in DYNAMICS:
        yield _case(
            f"{dynamics}-huge-inputs",
            "Inputs of 1e30: every sensory synapse wide open or shut",
            dynamics,
            signal=as_single(np.resize([1e30, -1e30, 1e20, -1e25, 3e30], (BATCH, STEPS, INPUTS))),
        )
        yield _case(
            f"{dynamics}-saturation",
            "Inputs and states deep in the flat parts of the sigmoid",
            dynamics,
            signal=as_single(np.resize([40.0, -40.0, 25.0, -60.0, 12.0], (BATCH, STEPS, INPUTS))),
            state=as_single(np.resize([30.0, -30.0, 20.0, -9.0], (1, BATCH, UNITS))),
        )
    name = "conductance-weights-at-bounds"
    draw = Draw(name)
    made = model(draw)
    for tensor, value in (("w", 0.0), ("sensory_w", 0.0)):
        made["tensors"][f"neurons.0.{tensor}"][::3] = value
    what = "Synapses of weight 0, the least that is allowed"
    yield Case(name, what, made, arguments(draw, made))


def masks() -> Iterator[Case]:
    padding = np.array([[True, True, False], [True, False, False]])
    for dynamics in BOTH:
        name = f"{dynamics}-missing-features"
        draw = Draw(name)
        made = model(draw, dynamics=dynamics)
        seen = np.array([[[1, 0], [0, 0], [1, 1]], [[0, 1], [1, 1], [1, 0]]], dtype=bool)
        call = arguments(draw, made, mask=seen)
        call["inputs"] = np.where(seen, call["inputs"], np.nan)
        yield Case(name, "NaN where a feature is missing", made, call)
        yield _case(
            f"{dynamics}-padding", "Ragged sequences, padded at the end", dynamics, mask=padding
        )
        yield _case(
            f"{dynamics}-padding-last-output",
            "The output after each ragged sequence's last sample",
            dynamics,
            mask=padding,
            return_sequences=False,
        )
        yield _case(
            f"{dynamics}-padding-anywhere",
            "Padding in front and between; one sequence is nothing else",
            dynamics,
            mask=np.array([[False, True, False], [False, False, False]]),
        )


def given_time_constants() -> Iterator[Case]:
    shapes: dict[str, tuple[int, ...]] = {
        "number": (),
        "n": (UNITS,),
        "bn": (BATCH, UNITS),
        "btn": (BATCH, STEPS, UNITS),
    }
    for dynamics in DYNAMICS:
        for form, shape in shapes.items():
            name = f"{dynamics}-time-constants-{form}"
            draw = Draw(name)
            made = model(draw, dynamics=dynamics, kind="random")
            call = arguments(draw, made, time_constants=draw(0.2, 0.9, *shape))
            yield Case(name, f"Time constants given as ({form})", made, call)


def arrangements() -> Iterator[Case]:
    padding = np.array([[True, True, False], [True, False, False]])
    for dynamics in BOTH:
        yield _case(f"{dynamics}-zero-state", "No state given: zeros", dynamics, state=None)
        yield _case(
            f"{dynamics}-motor-and-dense",
            "The dense read-out of a wiring with motor neurons",
            dynamics,
            kind="ncp",
            readout="dense",
        )
        yield _case(f"{dynamics}-two-layers", "Two populations stacked", dynamics, num_layers=2)
        yield _case(
            f"{dynamics}-bidirectional", "Both directions in time", dynamics, bidirectional=True
        )
        yield _case(
            f"{dynamics}-bidirectional-padding",
            "Two layers, both directions, ragged sequences: backwards starts at the last sample",
            dynamics,
            bidirectional=True,
            num_layers=2,
            mask=padding,
        )
        yield _case(
            f"{dynamics}-last-output", "One output a sequence", dynamics, return_sequences=False
        )
        yield _one_sequence(dynamics)
        yield _time_first(dynamics)


def _one_sequence(dynamics: str) -> Case:
    name = f"{dynamics}-one-sequence"
    draw = Draw(name)
    made = model(draw, dynamics=dynamics)
    call = arguments(
        draw,
        made,
        inputs=draw(-1, 1, STEPS, INPUTS),
        elapsed_time=draw(0.1, 0.9, STEPS),
        time_constants=draw(0.2, 0.9, STEPS, UNITS),
        state=draw(-0.5, 0.5, 1, UNITS),
    )
    return Case(name, "One sequence, without a batch", made, call)


def _time_first(dynamics: str) -> Case:
    name = f"{dynamics}-time-first"
    draw = Draw(name)
    made = model(draw, dynamics=dynamics, batch_first=False)
    call = arguments(
        draw,
        made,
        inputs=draw(-1, 1, STEPS, BATCH, INPUTS),
        elapsed_time=draw(0.1, 0.9, STEPS, BATCH),
        time_constants=draw(0.2, 0.9, STEPS, BATCH, UNITS),
    )
    return Case(name, "batch_first is false: (T, B, I)", made, call)


_CALL = ("elapsed_time", "mask", "state", "time_constants")


def _case(
    name: str,
    description: str,
    dynamics: str,
    *,
    batch: int = BATCH,
    steps: int = STEPS,
    signal: Any = None,
    **options: Any,
) -> Case:
    """Arguments among ``options`` go to the call, the others to the model."""
    draw = Draw(name)
    given = {key: options.pop(key) for key in _CALL if key in options}
    made = model(draw, dynamics=dynamics, **options)
    config = made["config"]
    if signal is None:
        signal = draw(-1, 1.5, batch, steps, config["input_size"])
    given.setdefault("elapsed_time", draw(0.1, 0.9, batch, steps))
    given.setdefault("state", draw(-0.5, 0.5, len(made["wirings"]), batch, config["hidden_size"]))
    return Case(name, description, made, arguments(draw, made, inputs=signal, **given))


def _one_layer() -> dict[str, Array]:
    return {"neurons": np.arange(UNITS)}
