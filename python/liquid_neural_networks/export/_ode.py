"""Dynamics that a solver integrates, as C: conductance, dense and lrc."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Optional

import numpy as np

from . import _text as text
from ._design import Array, Design, Population
from ._half import half_words
from ._parts import IntArray, Kind, Part, Types, lists

LOG2E = 1 / log(2.0)


def _solver_pieces(solver: Optional[str]) -> list[str]:
    if solver == "rk4":
        return ["rk4"]
    return ["line", "exponential_step" if solver == "exponential" else str(solver), "one_stage"]


def coupled_sizes(design: Design) -> dict[str, str]:
    """Macros that tell the neurons that only inputs, or only neurons, reach from the others."""
    return {
        "COUPLED": f"{design.coupled} /* neurons from this one on receive from inputs alone */",
        "SENSED": f"{design.sensed} /* others, from this one on, receive from neurons alone */",
        "AT_LEAST_1(count)": "((count) > 0 ? (count) : 1) /* of arrays */",
    }


def _remarks(pre: IntArray, post: IntArray, sender: str) -> list[str]:
    return [f"{sender}{j} -> {i}" for j, i in zip(pre, post)]


def _synapses(
    name: str,
    population: Population,
    sensory: bool,
    columns: Sequence[Array],
    types: Types,
    half: bool = False,
) -> tuple[list[str], tuple[str, str, str]]:
    """The tables of structures ``synapse``, and the reference to them."""
    wiring = population.wiring
    pre, post = (wiring.sensory_pre, wiring.sensory_post) if sensory else (wiring.pre, wiring.post)
    remarks = _remarks(pre, post, "input " if sensory else "")
    if half:
        table = text.rows("synapse", name, half_words(columns, name), len(columns), remarks)
    else:
        table = text.structures("synapse", name, columns, remarks)
    tables = [*lists(name, pre, post, wiring.units, types), table]
    return tables, (f"{name}_start", f"{name}_from", name)


# -- conductance ---------------------------------------------------------------------------------


def conductance(design: Design) -> Kind:
    length = design.step_length

    def part(population: Population, prefix: str, types: Types) -> Part:
        p, wiring = population.values, population.wiring
        # A fixed step length goes into the tables: a step is then one of length 1. Half precision
        # holds no weight over a capacitance of a millionth.
        capacity = (1.0 if length is None else length) / p["c"]
        per_c = np.ones(wiring.units) if design.half else capacity

        def columns(start: str, post: IntArray, slope: Array, shift: Array) -> list[Array]:
            sigma, weight = p[f"{start}sigma"], p[f"{start}w"] * per_c[post]
            return [
                -sigma * slope * LOG2E,
                -sigma * (shift - p[f"{start}mu"]) * LOG2E,
                weight,
                weight * p[f"{start}E"],
            ]

        one, zero = np.ones(len(wiring.pre)), np.zeros(len(wiring.pre))
        pre = wiring.sensory_pre
        recurrent, refer = _synapses(
            f"{prefix}_recurrent", population, False, columns("", wiring.post, one, zero),
            types, design.half,
        )  # fmt: skip
        sensory, refer_sensory = _synapses(
            f"{prefix}_sensory",
            population,
            True,
            columns("sensory_", wiring.sensory_post, p["a"][pre], p["b"][pre]),
            types,
            design.half,
        )
        leak = text.structures(
            "flow", f"{prefix}_leak", [p["g"] * per_c, p["g"] * p["vleak"] * per_c]
        )
        tables, fields = [leak, *recurrent, *sensory], {"leak": f"{prefix}_leak"}
        if design.half:
            tables.insert(1, text.floats(f"{prefix}_per_capacitance", capacity))
            fields["per_capacitance"] = f"{prefix}_per_capacitance"
        return Part(tables, {**fields, "recurrent": refer, "sensory": refer_sensory})

    bound = _bound(design)
    opening = "unbounded" if bound is None else "bounded"
    kind = ["constants_float16", "conductance_types", "flow_by_capacitance"]
    if not design.half:
        kind = ["constants_float32", "conductance_types", "flow_as_it_is"]
    pieces = [*kind, opening, "conductance", *_solver_pieces(design.solver)]
    return Kind(pieces, part, coupled_sizes(design), largest_state=bound)


def _bound(design: Design) -> Optional[float]:
    """What no potential exceeds in magnitude, if no exponent then leaves the range of 2^y."""
    if design.solver not in ("fused", "exponential"):
        return None
    bound = largest_potential(design)
    for population in design.populations:
        sigma, mu = np.abs(population.values["sigma"]), np.abs(population.values["mu"])
        if (sigma * (bound + mu) * LOG2E).max(initial=0.0) > 124.0:
            return None
    return bound


def largest_potential(design: Design) -> float:
    """What no potential of a conductance network exceeds in magnitude.

    Fused and exponential steps end between the old potential, the leak's and the synapses'.
    """
    largest = 1.0 if design.memory else 0.0  # a memory starts potentials from -1 to 1
    for population in design.populations:
        for name in ("vleak", "E", "sensory_E"):
            largest = max(largest, float(np.abs(population.values[name]).max(initial=0.0)))
    return 1.01 * largest + 1e-3  # with a margin for rounding


# -- dense ---------------------------------------------------------------------------------------


def dense(design: Design) -> Kind:
    def part(population: Population, prefix: str, types: Types) -> Part:
        p, wiring = population.values, population.wiring
        each = text.structures("neuron", f"{prefix}_each", [p["b"], 1 / p["tau"], p["A"]])
        tables: list[str] = [each]
        fields: dict[str, object] = {"each": f"{prefix}_each"}
        for field, weights, pre, post in (
            ("recurrent", p["W_rec"], wiring.pre, wiring.post),
            ("sensory", p["W_in"], wiring.sensory_pre, wiring.sensory_post),
        ):
            name = f"{prefix}_{field}"
            tables += [*lists(name, pre, post, wiring.units, types), text.floats(name, weights)]
            fields[field] = (f"{name}_start", f"{name}_from", name)
        return Part(tables, fields)

    phi = f"phi_{design.dynamics['activation']}"
    return Kind([phi, "dense", *_solver_pieces(design.solver)], part, coupled_sizes(design))


# -- lrc -----------------------------------------------------------------------------------------


def lrc(design: Design) -> Kind:
    def part(population: Population, prefix: str, types: Types) -> Part:
        p, wiring = population.values, population.wiring

        def columns(start: str, slope: Array, shift: Array) -> list[Array]:
            sigma, charge = p[f"{start}sigma"], p[f"{start}o"]
            return [
                -sigma * slope * LOG2E,
                -sigma * (shift - p[f"{start}mu"]) * LOG2E,
                p[f"{start}w"],
                p[f"{start}k"],
                charge * slope,
                charge * shift,
            ]

        one, zero = np.ones(len(wiring.pre)), np.zeros(len(wiring.pre))
        pre = wiring.sensory_pre
        recurrent, refer = _synapses(
            f"{prefix}_recurrent", population, False, columns("", one, zero), types
        )
        sensory, refer_sensory = _synapses(
            f"{prefix}_sensory", population, True, columns("sensory_", p["a"][pre], p["b"][pre]),
            types,
        )  # fmt: skip
        window = p.get("v", np.zeros(wiring.units))
        each = text.structures("neuron", f"{prefix}_each", [p["g"], p["p"], p["vleak"], window])
        return Part(
            [each, *recurrent, *sensory],
            {
                "each": f"{prefix}_each",
                "recurrent": refer,
                "sensory": refer_sensory,
            },
        )

    elastance = f"elastance_{design.dynamics['elastance']}"
    return Kind([elastance, "lrc", *_solver_pieces(design.solver)], part, coupled_sizes(design))
