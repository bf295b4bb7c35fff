"""Closed-form dynamics as C."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import _text as text
from ._design import Array, Design, Population
from ._parts import Kind, Part, Types, lists

MakePart = Callable[[Population, str, Types], Part]


def closed_form(design: Design) -> Kind:
    mode, fixed = design.dynamics["mode"], design.elapsed_time
    part: MakePart
    settled = f"settled_{mode}"
    if design.dynamics["backbone_layers"] > 0:
        return _with_backbone(design, settled)
    if mode == "pure":
        heads, part = "heads_pure", _pure_part
    elif fixed is None:
        heads, part = "heads", _gated_part
    else:
        heads, part = "heads_fixed_time", _gated_part_at(fixed)
    if all(len(population.layers) == 1 for population in design.populations):
        return Kind([settled, heads, "at_once"], part)
    return Kind([settled, heads, "layer_by_layer"], _layered(part), population="layered_population")


def _connections(
    population: Population, prefix: str, types: Types, heads: Mapping[str, list[str]],
    weights: Callable[[str, str], Array],
) -> Part:  # fmt: skip
    """The connections of groups of heads: ``sensory_GROUP`` and ``recurrent_GROUP``.

    Args:
        heads: group -> its heads; the weights of a connection stand side by side.
        weights: (head, ``"W_in"`` or ``"W_rec"``) -> one a connection.
    """
    tables, fields, listed = [], {}, {}
    pairs = population.head_pairs()
    for group, members in heads.items():
        own = pairs[{"ff": "ff1", "time": "time_a"}[group]]
        for side, kind, found in (
            ("sensory", "W_in", own.sensory),
            ("recurrent", "W_rec", own.recurrent),
        ):
            name = f"{prefix}_{side}_{group}"
            key = (side, found.pre.tobytes(), found.post.tobytes())
            if key not in listed:  # groups that receive the same share the lists
                listed[key] = name
                tables += lists(name, found.pre, found.post, population.wiring.units, types)
            both = np.stack([weights(head, kind) for head in members], axis=1)
            tables.append(text.floats(name, both))
            fields[f"{side}_{group}"] = (f"{listed[key]}_start", f"{listed[key]}_from", name)
    return Part(tables, fields)


def _gated_part(population: Population, prefix: str, types: Types) -> Part:
    p = population.values
    bias = text.structures("heads", f"{prefix}_bias", [p[f"{head}_b"] for head in population.heads])
    groups = {"ff": ["ff1", "ff2"], "time": ["time_a", "time_b"]}
    part = _connections(population, prefix, types, groups, lambda head, kind: p[f"{head}_{kind}"])
    return Part([bias, *part.tables], {"bias": f"{prefix}_bias", **part.fields})


def _gated_part_at(elapsed: float) -> MakePart:
    def part(population: Population, prefix: str, types: Types) -> Part:
        p = _with_gate(population.values, elapsed)
        heads = ("ff1", "ff2", "gate")
        bias = text.structures("heads", f"{prefix}_bias", [p[f"{head}_b"] for head in heads])
        groups = {"ff": ["ff1", "ff2"], "time": ["gate"]}
        made = _connections(population, prefix, types, groups, lambda head, k: p[f"{head}_{k}"])
        return Part([bias, *made.tables], {"bias": f"{prefix}_bias", **made.fields})

    return part


def _with_gate(values: Mapping[str, Array], elapsed: float) -> dict[str, Array]:
    """With a head gate = time_a elapsed + time_b."""
    made = dict(values)
    for name, value in values.items():
        if name.startswith("time_a_"):
            rest = name[len("time_a_") :]
            made[f"gate_{rest}"] = value * elapsed + values[f"time_b_{rest}"]
    return made


def _pure_part(population: Population, prefix: str, types: Types) -> Part:
    p = population.values
    each = text.structures("neuron", f"{prefix}_each", [p["ff1_b"], np.abs(p["w_tau"]), p["A"]])
    part = _connections(
        population, prefix, types, {"ff": ["ff1"]}, lambda head, kind: p[f"{head}_{kind}"]
    )
    return Part([each, *part.tables], {"each": f"{prefix}_each", **part.fields})


def _layered(
    part: MakePart,
) -> MakePart:
    """Of a wiring with layers, that act one after the other."""

    def layered(population: Population, prefix: str, types: Types) -> Part:
        neurons, layers = part(population, prefix, types), population.layers
        starts = [0, *np.cumsum([len(ids) for ids in layers]).tolist()]
        order = [i for ids in layers for i in ids]
        tables = [
            text.indices(types.sender, f"{prefix}_layer_start", starts),
            text.indices(types.sender, f"{prefix}_order", order),
            *neurons.tables,
            text.structure("population", f"{prefix}_neurons", dict(neurons.fields)),
        ]
        return Part(
            tables,
            {
                "neurons": f"&{prefix}_neurons",
                "layers": len(layers),
                "layer_start": f"{prefix}_layer_start",
                "order": f"{prefix}_order",
            },
        )

    return layered


def _with_backbone(design: Design, settled: str) -> Kind:
    mode, fixed, options = design.dynamics["mode"], design.elapsed_time, design.dynamics
    heads = list(design.populations[0].heads)
    variant = "backbone_heads_pure" if mode == "pure" else "backbone_heads"
    if fixed is not None and mode != "pure":
        heads, variant = ["ff1", "ff2", "gate"], "backbone_heads_fixed_time"
    layers = options["backbone_layers"]

    def part(population: Population, prefix: str, types: Types) -> Part:
        p = (
            population.values
            if "gate" not in heads
            else _with_gate(population.values, fixed or 0.0)
        )
        wide = range(1, layers)
        arrays = {
            "W_in": p["backbone_0_W_in"],
            "W_rec": p["backbone_0_W_rec"],
            "hidden": np.concatenate([p[f"backbone_{i}_W"].ravel() for i in wide] or [np.zeros(1)]),
            "bias": np.concatenate([p[f"backbone_{i}_b"] for i in range(layers)]),
            "heads": np.stack([p[f"{head}_W"] for head in heads], axis=1),
            "heads_bias": np.stack([p[f"{head}_b"] for head in heads], axis=1),
        }
        if mode == "pure":
            arrays["constants"] = np.stack([np.abs(p["w_tau"]), p["A"]], axis=1)
        tables = [text.floats(f"{prefix}_{name}", each) for name, each in arrays.items()]
        fields: dict[str, Any] = {"inputs": population.wiring.input_size}
        fields.update({name: f"{prefix}_{name}" for name in arrays})
        return Part(tables, fields)

    return Kind(
        [f"act_{options['backbone_activation']}", settled, "backbone", variant],
        part,
        {
            "BACKBONE_LAYERS": layers,
            "BACKBONE_UNITS": options["backbone_units"],
            "HEADS": len(heads),
        },
    )
