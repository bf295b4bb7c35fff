"""Writes ``spec/files``: model files every reader must open, and hostile ones it must refuse.

    python -m spec.make_files            write them
    python -m spec.make_files --check    fail if the ones there are stale

The documents are put together from plain data after ``spec/lnn-format.org``, sharing no code
with the library, so a reader and a writer that are wrong in the same way cannot agree here.
"""

from __future__ import annotations

import argparse
import pickle
import sys
import zlib
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

FILES = Path(__file__).parent / "files"

Document = dict[str, Any]


# -- well-formed documents ---------------------------------------------------------------------


def array(values: Any, dtype: str) -> Document:
    data = np.asarray(values, dtype=f"<{dtype}")
    return {"dtype": dtype, "shape": list(data.shape), "data": data.tobytes()}


def indices(values: Sequence[int]) -> Document:
    return array(values, "i4")


def wiring(
    inputs: int,
    units: int,
    motor: int,
    synapses: Sequence[tuple[int, int, int]],
    sensory: Sequence[tuple[int, int, int]],
    layers: dict[str, Sequence[int]],
) -> Document:
    """Synapses are (pre, post, polarity), sorted by post, then pre."""
    columns = {"": list(zip(*synapses)), "sensory_": list(zip(*sensory))}
    return {
        "input_size": inputs,
        "units": units,
        "motor": motor,
        **{
            f"{prefix}{name}": indices(column)
            for prefix, lists in columns.items()
            for name, column in zip(("pre", "post", "polarity"), lists or [(), (), ()])
        },
        "layers": {name: indices(members) for name, members in layers.items()},
        "recipe": None,
    }


def full_wiring(inputs: int, units: int) -> Document:
    """Every synapse exists; every third one inhibits."""
    pairs = [(j, i, -1 if (i + j) % 3 == 0 else 1) for i in range(units) for j in range(units)]
    sensory = [(k, i, 1 if (i + k) % 2 else -1) for i in range(units) for k in range(inputs)]
    return wiring(inputs, units, 0, pairs, sensory, {"neurons": range(units)})


def chain_wiring() -> Document:
    """Two inputs -> neuron 2 -> neuron 1 -> neuron 0, which is the motor neuron."""
    return wiring(
        2,
        3,
        1,
        [(1, 0, 1), (1, 1, -1), (2, 1, 1)],
        [(0, 2, 1), (1, 2, -1)],
        {"inter": [2], "command": [1], "motor": [0]},
    )


def size_of(described: Document, name: str) -> int:
    size: int = described[name]["shape"][0]
    return size


def spread(size: int, low: float, high: float) -> Any:
    """Numbers from low to high, no two alike, in no order."""
    return low + (high - low) * np.modf((np.arange(size) + 1) * 0.6180339887498949)[0]


def conductance_tensors(described: Document, dtype: str) -> Document:
    units, inputs = described["units"], described["input_size"]
    tensors = {
        "c": spread(units, 0.4, 0.6),
        "g": spread(units, 0.001, 1.0),
        "vleak": spread(units, -0.2, 0.2),
    }
    for prefix in ("", "sensory_"):
        count = size_of(described, f"{prefix}pre")
        polarity = np.frombuffer(described[f"{prefix}polarity"]["data"], "<i4")
        tensors |= {
            f"{prefix}w": spread(count, 0.001, 1.0),
            f"{prefix}sigma": spread(count, 3.0, 8.0),
            f"{prefix}mu": spread(count, 0.3, 0.8),
            f"{prefix}E": polarity,
        }
    tensors |= {"a": np.ones(inputs), "b": np.zeros(inputs)}
    return {name: array(value, dtype) for name, value in tensors.items()}


def dense_tensors(described: Document, dtype: str) -> Document:
    units = described["units"]
    tensors = {
        "W_rec": spread(size_of(described, "pre"), -0.5, 0.5),
        "W_in": spread(size_of(described, "sensory_pre"), -0.5, 0.5),
        "b": spread(units, -0.1, 0.1),
        "tau": spread(units, 0.5, 2.0),
        "A": spread(units, -1.0, 1.0),
    }
    return {name: array(value, dtype) for name, value in tensors.items()}


def lrc_tensors(described: Document, dtype: str) -> Document:
    """With a symmetric elastance."""
    units, inputs = described["units"], described["input_size"]
    tensors = {"g": spread(units, 0.001, 1.0), "vleak": spread(units, -0.2, 0.2)}
    for prefix in ("", "sensory_"):
        count = size_of(described, f"{prefix}pre")
        polarity = np.frombuffer(described[f"{prefix}polarity"]["data"], "<i4")
        tensors |= {
            f"{prefix}w": spread(count, 0.001, 1.0),
            f"{prefix}k": polarity * spread(count, 0.1, 1.0),
            f"{prefix}sigma": spread(count, 3.0, 8.0),
            f"{prefix}mu": spread(count, 0.3, 0.8),
            f"{prefix}o": spread(count, -0.5, 0.5),
        }
    tensors |= {"p": spread(units, -0.1, 0.1), "v": spread(units, 0.5, 1.5)}
    tensors |= {"a": np.ones(inputs), "b": np.zeros(inputs)}
    return {name: array(value, dtype) for name, value in tensors.items()}


def closed_form_tensors(
    described: Document, dtype: str, mode: str, hidden: int, layers: int
) -> Document:
    """``layers`` of a backbone of ``hidden`` units; with none, weights of the synapses."""
    units, inputs = described["units"], described["input_size"]

    def weights(*shape: int) -> Any:
        return spread(int(np.prod(shape)), -0.5, 0.5).reshape(shape)

    tensors: dict[str, Any] = {}
    for layer in range(layers):
        start = f"backbone_{layer}"
        if layer == 0:
            tensors |= {f"{start}_W_in": weights(hidden, inputs)}
            tensors |= {f"{start}_W_rec": weights(hidden, units)}
        else:
            tensors |= {f"{start}_W": weights(hidden, hidden)}
        tensors |= {f"{start}_b": spread(hidden, -0.1, 0.1)}
    for head in ["ff1"] if mode == "pure" else ["ff1", "ff2", "time_a", "time_b"]:
        if layers:
            tensors |= {f"{head}_W": weights(units, hidden)}
        else:
            tensors |= {f"{head}_W_in": weights(size_of(described, "sensory_pre"))}
            tensors |= {f"{head}_W_rec": weights(len(recurrent_pairs(described)))}
        tensors |= {f"{head}_b": spread(units, -0.1, 0.1)}
    if mode == "pure":
        tensors |= {"w_tau": spread(units, 0.1, 1.0), "A": spread(units, -1.0, 1.0)}
    return {name: array(value, dtype) for name, value in tensors.items()}


def recurrent_pairs(described: Document) -> set[tuple[int, int]]:
    """The synapses, and every neuron on itself."""
    pre, post = (np.frombuffer(described[name]["data"], "<i4") for name in ("pre", "post"))
    return set(zip(pre.tolist(), post.tolist())) | {(i, i) for i in range(described["units"])}


def memory_tensors(described: Document, dtype: str) -> Document:
    units, inputs = described["units"], described["input_size"]
    tensors = {
        "W_in": spread(4 * units * inputs, -0.5, 0.5).reshape(4 * units, inputs),
        "W_rec": spread(4 * units * units, -0.5, 0.5).reshape(4 * units, units),
        "b": spread(4 * units, -0.1, 0.1),
    }
    return {f"memory.{name}": array(value, dtype) for name, value in tensors.items()}


def population_tensors(described: Document, config: Document, dtype: str) -> Document:
    options = config["dynamics"]
    if options["type"] == "closed_form":
        sizes = (options.get("backbone_units", 0), options["backbone_layers"])
        tensors = closed_form_tensors(described, dtype, options["mode"], *sizes)
    else:
        tensors = TENSORS[options["type"]](described, dtype)
    return tensors | (memory_tensors(described, dtype) if config["mixed_memory"] else {})


TENSORS: dict[str, Callable[[Document, str], Document]] = {
    "conductance": conductance_tensors,
    "dense": dense_tensors,
    "lrc": lrc_tensors,
}


def document(wirings: list[Document], dtype: str = "f4", **config: Any) -> Document:
    """A whole file: read-out and sizes follow from the wirings and the config."""
    first = wirings[0]
    config = {
        "input_size": first["input_size"],
        "hidden_size": first["units"],
        "output_size": first["motor"] or 2,
        "dynamics": {"type": "conductance"},
        "solver": "fused",
        "unfolds": 6,
        "constraint": "clip",
        "mixed_memory": False,
        "num_layers": len(wirings),
        "dropout": 0.0,
        "bidirectional": False,
        "batch_first": True,
        "return_sequences": True,
        "readout": "motor" if first["motor"] else "dense",
        **config,
    }
    if config["dynamics"]["type"] == "closed_form":
        config |= {"solver": None, "unfolds": None}
    tensors = {
        f"neurons.{index}.{name}": tensor
        for index, each in enumerate(wirings)
        for name, tensor in population_tensors(each, config, dtype).items()
    }
    outputs = config["output_size"]
    width = first["units"] * (2 if config["bidirectional"] else 1)
    if config["readout"] == "motor":
        tensors["readout.scale"] = array(spread(outputs, 0.5, 1.5), dtype)
        tensors["readout.shift"] = array(spread(outputs, -0.1, 0.1), dtype)
    else:
        weights = spread(outputs * width, -0.3, 0.3).reshape(outputs, width)
        tensors["readout.weight"] = array(weights, dtype)
        tensors["readout.bias"] = array(spread(outputs, -0.1, 0.1), dtype)
    return {
        "format": "lnn",
        "version": 3,
        "library": "spec",
        "config": config,
        "wirings": wirings,
        "tensors": tensors,
        "scaling": None,
        "metadata": {},
        "learner": None,
    }


def valid_documents() -> dict[str, Document]:
    described = document([chain_wiring()])
    described["metadata"] = {"note": "Flüssig 液", "epochs": 3, "losses": [1.5, None, -(2**63)]}
    described["scaling"] = {"inputs": {"mean": [0.5, -1.0], "deviation": [2.0, 1.0]}}
    deaf = wiring(1, 1, 0, [], [], {"neurons": [0]})
    dense = {"type": "dense", "activation": "sigmoid"}
    tanh = {"type": "dense", "activation": "tanh"}
    closed = {"type": "closed_form", "mode": "default", "backbone_layers": 0}
    backbone = {
        **closed,
        "backbone_layers": 2,
        "backbone_units": 3,
        "backbone_activation": "silu",
        "backbone_dropout": 0.25,
    }
    layers = [full_wiring(3, 4), full_wiring(4, 4)]
    both_ways = [full_wiring(2, 3), full_wiring(2, 3), full_wiring(6, 3), full_wiring(6, 3)]
    return {
        "chain": described,
        "chain-version-2": version_2(),
        "chain-f8": document([chain_wiring()], "f8"),
        "full": document([full_wiring(3, 4)]),
        "no-synapses": document([deaf], output_size=1),
        "dense": document([full_wiring(3, 4)], dynamics=dense),
        "dense-tanh-f8": document([chain_wiring()], "f8", dynamics=tanh),
        "lrc": document([chain_wiring()], dynamics={"type": "lrc", "elastance": "symmetric"}),
        "closed-form": document([chain_wiring()], dynamics={**closed, "leaky_wiring": False}),
        "closed-form-pure-f8": document(
            [full_wiring(3, 4)], "f8", dynamics={**closed, "mode": "pure", "leaky_wiring": False}
        ),
        "closed-form-backbone": document([full_wiring(3, 4)], dynamics=backbone),
        "mixed-memory": document([chain_wiring()], mixed_memory=True),
        "softplus": document([full_wiring(3, 4)], constraint="softplus"),
        "layers": document(layers, dropout=0.25, solver="exponential", unfolds=2),
        "bidirectional": document(
            both_ways, num_layers=2, bidirectional=True, return_sequences=False
        ),
        "learner": with_learner(msgpack.packb(snapshot())),
        "time-first": document([full_wiring(1, 2)], batch_first=False, output_size=1),
    }


def snapshot() -> Document:
    """A learner's, of which only the form is looked at before it goes on."""
    return {
        "format": "lnn-learner",
        "version": 1,
        "kind": "learner",
        "network": 1,
        "options": {"method": "exact"},
        "counts": {"samples": 3, "updates": 2},
        "arrays": {"state": array([0.5, -0.5, 0.25], "f4")},
        "inner": b"",
    }


def with_learner(learner: Any) -> Document:
    return {**document([chain_wiring()]), "learner": learner}


# -- hostile files -----------------------------------------------------------------------------

REMOVED = object()
CLOSED = {"type": "closed_form", "mode": "pure"}


def edited(path: str, value: Any, layers: int = 1) -> bytes:
    """The chain file, or one of several small layers, with one field, named like
    ``config/unfolds``, set or removed."""
    small = [full_wiring(2, 2) for _ in range(layers)]
    whole = document(small if layers > 1 else [chain_wiring()])
    *parents, last = path.split("/")
    target: Any = whole
    for name in parents:
        target = target[int(name) if isinstance(target, list) else name]
    if value is REMOVED:
        del target[last]
    else:
        target[last] = deepcopy(value)
    return pack(whole)


def pack(whole: Document) -> bytes:
    data: bytes = msgpack.packb(whole)
    return sealed(data) if whole.get("version") == 3 else data


def sealed(data: bytes) -> bytes:
    """A map with one more field at its end: the checksum of all before its own bytes."""
    start = bytes([data[0] + 1]) + data[1:] + msgpack.packb("checksum") + b"\xce"
    return start + zlib.crc32(start).to_bytes(4, "big")


def version_2() -> Document:
    """The chain file before there were checksums."""
    whole = {**document([chain_wiring()]), "version": 2}
    del whole["learner"]
    return whole


def with_metadata(encoded: bytes) -> bytes:
    """The chain file of version 2 with ``encoded`` as the value of its last field, the metadata."""
    return pack(version_2())[:-1] + encoded


def flipped(data: bytes, place: int) -> bytes:
    """One bit of one byte is another."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def nested(depth: int) -> bytes:
    return b"\x81\xa1a" + b"\x91" * depth + b"\xc0"


def hostile_bytes() -> dict[str, tuple[bytes, str]]:
    """Damage below the level of values: name -> the file, and what an error must say."""
    good = pack(document([chain_wiring()]))
    many = wiring(1, 3_000, 0, [], [], {"neurons": range(3_000)})
    claims = document([many], output_size=1)
    claims["config"] |= {"dynamics": {**CLOSED, "leaky_wiring": True}, "solver": None}
    claims["config"] |= {"unfolds": None}
    claims["tensors"] = {"readout.bias": array([0.0], "f4")}
    early, kept = "ends too early", "where a plain value should start"
    return {
        "closed-form-leaky": (pack(claims), "tensors"),
        "empty": (b"", "no .lnn file"),
        "text": (b"A liquid network in words.\n", "no .lnn file"),
        "pickle": (pickle.dumps({"format": "lnn"}, protocol=4), "no .lnn file"),
        "wrong-magic": (good.replace(b"lnn", b"lnm", 1), "no .lnn file"),
        "truncated-header": (good[:20], early),
        "truncated-middle": (good[: len(good) // 2], early),
        "truncated-last-byte": (good[:-1], early),
        "trailing-garbage": (good + b"\x00", "after its end"),
        "second-document": (good + good, "after its end"),
        "huge-string": (with_metadata(b"\x81\xa1a\xdb\xff\xff\xff\xff"), early),
        "huge-bytes": (with_metadata(b"\x81\xa1a\xc6\xff\xff\xff\xff"), early),
        "huge-list": (with_metadata(b"\x81\xa1a\xdd\xff\xff\xff\xff"), "more than 65536"),
        "huge-map": (with_metadata(b"\xdf\xff\xff\xff\xff"), "more than 65536"),
        "nested-huge-lists": (with_metadata(b"\x81\xa1a" + b"\xdc\xff\x00" * 9), "more than 65536"),
        "too-many-values": (
            with_metadata(b"\x81\xa1a\xdd\x00\x01\x00\x00" + b"\xc0" * 65_536),
            "more than 65536",
        ),
        "nested-17": (with_metadata(nested(15)), "nests deeper than 16"),
        "nested-20000": (with_metadata(nested(20_000)), "nests deeper than 16"),
        "extension": (with_metadata(b"\x81\xa1a\xd4\x05\x00"), kept),
        "timestamp": (with_metadata(b"\x81\xa1a\xd6\xff\x00\x00\x00\x00"), kept),
        "reserved-byte": (with_metadata(b"\x81\xa1a\xc1"), kept),
        "bad-utf8": (with_metadata(b"\x81\xa1a\xa2\xc3\x28"), "not UTF-8"),
        "bad-utf8-key": (with_metadata(b"\x81\xa1\xff\xc0"), "not UTF-8"),
        "duplicate-key": (with_metadata(b"\x82\xa1a\x01\xa1a\x02"), "twice"),
        "duplicate-field": (bytes([good[0] + 1]) + good[1:] + b"\xa7version\x01", "twice"),
        "bit-flipped-number": (flipped(good, good.index(b"\xa4data") + 8), "checksum"),
        "bit-flipped-name": (flipped(good, good.index(b"spec")), "checksum"),
        "checksum-wrong": (flipped(good, len(good) - 1), "checksum"),
        "checksum-missing": (msgpack.packb(document([chain_wiring()])), "checksum"),
        "checksum-short": (
            msgpack.packb({**document([chain_wiring()]), "checksum": 7}),
            "checksum",
        ),
        "checksum-version-2": (msgpack.packb({**version_2(), "checksum": 7}), "unknown field"),
        "integer-key": (with_metadata(b"\x81\x01\x01"), "key"),
        "list-key": (with_metadata(b"\x81\x90\x01"), "key"),
        "bytes-in-metadata": (with_metadata(b"\x81\xa1a\xc4\x01x"), "metadata.a"),
    }


def hostile_values() -> dict[str, tuple[bytes, str]]:
    """Well-formed msgpack that is no network: name -> the file, and what an error must say."""
    w, w_path = "tensors.neurons.0.w", "tensors/neurons.0.w"
    edits: dict[str, tuple[str, Any, str]] = {
        "version-1": ("version", 1, "version"),
        "version-4": ("version", 4, "version"),
        "learner-missing": ("learner", REMOVED, "learner is missing"),
        "version-true": ("version", True, "version"),
        "version-missing": ("version", REMOVED, "version"),
        "field-missing": ("config", REMOVED, "config is missing"),
        "field-unknown": ("code", "import os", "unknown field 'code'"),
        "library-number": ("library", 1, "library"),
        "metadata-list": ("metadata", [], "metadata"),
        "scaling-string": ("scaling", "standard", "scaling"),
        "config-list": ("config", [], "config"),
        "config-field-missing": ("config/solver", REMOVED, "solver is missing"),
        "config-field-unknown": ("config/device", "cuda", "unknown field 'device'"),
        "hidden-size-billion": ("config/hidden_size", 10**9, "config.hidden_size"),
        "hidden-size-wrong": ("config/hidden_size", 4, "hidden_size"),
        "hidden-size-float": ("config/hidden_size", 3.0, "config.hidden_size"),
        "input-size-wrong": ("config/input_size", 3, "config"),
        "output-size-large": ("config/output_size", 16_000_000, "config"),
        "layers-million": ("config/num_layers", 1_000_000, "expected 1000000"),
        "unfolds-zero": ("config/unfolds", 0, "config.unfolds"),
        "unfolds-true": ("config/unfolds", True, "config.unfolds"),
        "dropout-one": ("config/dropout", 1.0, "dropout"),
        "dropout-nan": ("config/dropout", float("nan"), "dropout"),
        "flag-number": ("config/bidirectional", 1, "config.bidirectional"),
        "solver-unknown": ("config/solver", "magic", "solver"),
        "solver-long": ("config/solver", "x" * 5000, "config.solver"),
        "constraint-unknown": ("config/constraint", "none", "constraint"),
        "dynamics-string": ("config/dynamics", "conductance", "config.dynamics"),
        "dynamics-unknown": ("config/dynamics", {"type": "static"}, "dynamics"),
        "dynamics-option": ("config/dynamics/wiring", "x", "dynamics"),
        "dynamics-list": ("config/dynamics/type", ["dense"], "config.dynamics.type"),
        "closed-form-with-solver": ("config/dynamics", CLOSED, "solver"),
        "backbone-layers-billion": (
            "config/dynamics",
            {**CLOSED, "backbone_layers": 10**9},
            "backbone_layers",
        ),
        "backbone-units-billion": (
            "config/dynamics",
            {**CLOSED, "backbone_layers": 1, "backbone_units": 10**9},
            "config",
        ),
        "solver-nil": ("config/solver", None, "config.solver"),
        "memory-missing": ("config/mixed_memory", True, "memory"),
        "memory-number": ("config/mixed_memory", 1, "config.mixed_memory"),
        "readout-unknown": ("config/readout", "none", "readout"),
        "readout-other": ("config/readout", "dense", "tensors"),
        "wirings-map": ("wirings", {}, "wirings"),
        "wirings-empty": ("wirings", [], "wiring"),
        "wiring-field-missing": ("wirings/0/pre", REMOVED, "pre is missing"),
        "wiring-field-unknown": ("wirings/0/seed", 1, "unknown field 'seed'"),
        "index-too-large": ("wirings/0/pre", indices([1, 1, 3]), "wirings[0]: pre"),
        "index-negative": ("wirings/0/sensory_post", indices([-1, 2]), "sensory_post"),
        "index-huge": ("wirings/0/pre", indices([1, 1, 2**31 - 1]), "wirings[0]: pre"),
        "index-float": ("wirings/0/pre", array([1, 1, 2], "f4"), "wirings[0].pre"),
        "synapse-twice": ("wirings/0/pre", indices([1, 2, 2]), "twice"),
        "synapses-unsorted": ("wirings/0/pre", indices([1, 2, 1]), "sorted"),
        "synapses-unsorted-by-post": ("wirings/0/post", indices([1, 0, 1]), "sorted"),
        "sensory-unsorted": ("wirings/0/sensory_pre", indices([1, 0]), "sorted"),
        "lengths-differ": ("wirings/0/polarity", indices([1, 1]), "lengths differ"),
        "polarity-zero": ("wirings/0/polarity", indices([1, 0, 1]), "polarity"),
        "motor-too-many": ("wirings/0/motor", 4, "motor"),
        "units-million": ("wirings/0/units", 1_000_000, "layers"),
        "wiring-input-million": ("wirings/0/input_size", 1_000_000, "config"),
        "layer-neuron-twice": ("wirings/0/layers/inter", indices([1]), "layer"),
        "recipe-string": ("wirings/0/recipe", "ncp", "recipe"),
        "tensor-missing": (w_path, REMOVED, "neurons.0.w is missing"),
        "tensor-unknown": ("tensors/extra", array([1.0], "f4"), "unknown field 'extra'"),
        "tensor-list": (w_path, [1.0, 2.0, 3.0], w),
        "tensor-size-wrong": (w_path, array(np.ones(4), "f4"), w),
        "tensor-rank-wrong": (w_path, array(np.ones((3, 1)), "f4"), w),
        "tensors-mixed": (w_path, array(np.ones(3), "f8"), "both"),
        "dtype-f2": (f"{w_path}/dtype", "f2", f"{w}.dtype"),
        "dtype-object": (f"{w_path}/dtype", "O", f"{w}.dtype"),
        "dtype-integer": (w_path, array(np.ones(3), "i4"), f"{w}.dtype"),
        "dtype-list": (f"{w_path}/dtype", ["f4"], f"{w}.dtype"),
        "shape-huge": (f"{w_path}/shape", [2**31 - 1], w),
        "shape-overflow": (f"{w_path}/shape", [2**31 - 1, 2**31 - 1], w),
        "shape-wraps": (f"{w_path}/shape", [2**63, 2], f"{w}.shape"),
        "shape-negative": (f"{w_path}/shape", [-3], f"{w}.shape"),
        "shape-float": (f"{w_path}/shape", [3.0], f"{w}.shape"),
        "shape-number": (f"{w_path}/shape", 3, f"{w}.shape"),
        "shape-rank-1000": (f"{w_path}/shape", [1] * 1000, f"{w}.shape"),
        "data-short": (f"{w_path}/data", b"\0" * 11, w),
        "data-long": (f"{w_path}/data", b"\0" * 13, w),
        "data-string": (f"{w_path}/data", "\0" * 12, f"{w}.data"),
        "weight-nan": (w_path, array([1, np.nan, 1], "f4"), w),
        "weight-infinite": (w_path, array([1, np.inf, 1], "f4"), w),
        "weight-negative": (w_path, array([1, -0.5, 1], "f4"), w),
        "capacitance-negative": (
            "tensors/neurons.0.c",
            array([0.5, -0.5, 0.5], "f4"),
            "tensors.neurons.0.c",
        ),
        "capacitance-zero": (
            "tensors/neurons.0.c",
            array([0.5, 0.0, 0.5], "f4"),
            "tensors.neurons.0.c",
        ),
        "leak-zero": ("tensors/neurons.0.g", array([0.5, 0.0, 0.5], "f4"), "tensors.neurons.0.g"),
        "readout-nan": ("tensors/readout.scale", array([np.nan], "f4"), "tensors.readout.scale"),
    }
    second = "neurons.1.c"
    return {
        **{name: (edited(path, value), says) for name, (path, value, says) in edits.items()},
        "second-population-negative": (
            edited(f"tensors/{second}", array([0.5, -0.5], "f4"), layers=2),
            f"tensors.{second}",
        ),
        "second-wiring-unsorted": (
            edited("wirings/1/pre", indices([1, 0, 0, 1]), layers=2),
            "wirings[1]",
        ),
        **{
            f"learner-{name}": (pack(with_learner(learner)), "learner")
            for name, learner in hostile_learners().items()
        },
    }


def hostile_learners() -> dict[str, Any]:
    """What stands where a snapshot should."""
    wide = {"dtype": "f4", "shape": [2**31 - 1] * 3, "data": b""}
    return {
        "string": "snapshot",
        "empty": b"",
        "pickle": pickle.dumps({"learner": 1}, protocol=2),
        "version-2": msgpack.packb({**snapshot(), "version": 2}),
        "field-missing": msgpack.packb({k: v for k, v in snapshot().items() if k != "counts"}),
        "field-unknown": msgpack.packb({**snapshot(), "code": "import os"}),
        "count-true": msgpack.packb({**snapshot(), "counts": {"samples": True}}),
        "array-huge": msgpack.packb({**snapshot(), "arrays": {"state": wide}}),
        "array-of-objects": msgpack.packb(
            {**snapshot(), "arrays": {"state": {"dtype": "O", "shape": [1], "data": b"x"}}}
        ),
        "nested": msgpack.packb(
            {**snapshot(), "inner": msgpack.packb({**snapshot(), "inner": pack(snapshot())})}
        ),
        "cut-short": msgpack.packb(snapshot())[:-3],
    }


# -- the folder --------------------------------------------------------------------------------


def files() -> dict[str, bytes]:
    """Everything in ``spec/files``, by its path there."""
    contents, rows = {}, ["file\terror\tsays"]
    for name, whole in valid_documents().items():
        contents[f"valid/{name}.lnn"] = pack(whole)
        rows.append(f"valid/{name}.lnn\t-\t-")
    for name, (data, says) in {**hostile_bytes(), **hostile_values()}.items():
        contents[f"hostile/{name}.lnn"] = data
        rows.append(f"hostile/{name}.lnn\tModelFileError\t{says}")
    contents["index.tsv"] = ("\n".join(rows) + "\n").encode()
    return contents


def stale() -> list[str]:
    """Paths in ``spec/files`` that are missing, left over or not as they should be."""
    wanted = files()
    there = {
        str(path.relative_to(FILES)): path.read_bytes()
        for path in FILES.rglob("*")
        if path.is_file()
    }
    return sorted(
        name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name)
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m spec.make_files")
    parser.add_argument("--check", action="store_true", help="fail if the files are stale")
    if parser.parse_args().check:
        names = stale()
        print("\n".join(f"stale: {name}" for name in names) or "spec/files is up to date")
        return 1 if names else 0
    wanted = files()
    for name in stale():
        path = FILES / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted[name])
        else:
            path.unlink()
    print(f"{len(wanted)} files in spec/files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
