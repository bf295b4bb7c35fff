"""``.lnn`` files: a network, its scaling and its metadata as one msgpack document.

The format is described in ``spec/lnn-format.org``. There is no pickle in it and nothing in a
file is ever executed. Loading checks everything before it builds anything, in time and memory
proportional to the file; saving replaces the old file in one step or leaves it as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Callable, NamedTuple, NoReturn, Optional

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ._document import pack, plain, unpack
from ._files import PathOrName, regular, replace
from .errors import DomainError, DtypeError, LiquidError, ModelFileError
from .network import LiquidNetwork
from .wiring import Wiring
from .wiring._wiring import SYNAPSE_LISTS, WIRING_FIELDS

__all__ = ["ModelFile", "dumps", "load", "loads", "save"]

FORMAT, VERSION = "lnn", 2
FIELDS = (
    "format",
    "version",
    "library",
    "config",
    "wirings",
    "tensors",
    "scaling",
    "metadata",
)

# A map of up to 15 fields, the first of them "format": "lnn". The rest tells files apart.
_MAGIC = b"\xa6format\xa3lnn"
_MAX_SIZE = 2**24  # no size in a config is larger; keeps every product of two within 64 bits
_MAX_NAME = 64

Array = npt.NDArray[Any]


class ModelFile(NamedTuple):
    """What a ``.lnn`` file holds.

    Attributes:
        network: on the CPU, in evaluation mode (``network.train()`` to train it further).
        scaling: plain data saying how inputs and outputs were scaled, or None.
        metadata: plain data the network was saved with.
    """

    network: LiquidNetwork
    scaling: Optional[dict[str, Any]]
    metadata: dict[str, Any]


def save(
    network: LiquidNetwork,
    path: PathOrName,
    *,
    scaling: Optional[Mapping[str, Any]] = None,
    metadata: Optional[Mapping[str, Any]] = None,
) -> None:
    """Writes a ``.lnn`` file.

    The file at ``path`` is replaced in one step: whatever happens meanwhile (a full disk, a
    kill, a power cut), it holds either all of the old network or all of the new one.

    Args:
        network: float32 or float64, on any device.
        path: of the file; a symbolic link is followed.
        scaling, metadata: plain data (None, booleans, numbers, strings, lists, dicts) kept
            with the network.

    Raises:
        DtypeError: the network is of another dtype, or something is not plain data.
        DomainError: a parameter is NaN or infinite, or the plain data is too large.
        ModelFileError: ``path`` is something else than a file.
        OSError: the system could not write it.
    """
    replace(path, dumps(network, scaling=scaling, metadata=metadata))


def load(path: PathOrName) -> ModelFile:
    """Reads a ``.lnn`` file; safe with files from strangers.

    Raises:
        ModelFileError: the file is corrupt, hostile or of an unknown version.
        OSError: the system could not read it.
    """
    target = regular(path)
    try:
        with target.open("rb") as file:
            start = file.read(len(_MAGIC) + 1)
            _check_magic(start)
            return loads(start + file.read())
    except ModelFileError as error:
        raise ModelFileError(str(error), str(path)) from None


def dumps(
    network: LiquidNetwork,
    *,
    scaling: Optional[Mapping[str, Any]] = None,
    metadata: Optional[Mapping[str, Any]] = None,
) -> bytes:
    """The bytes of a ``.lnn`` file; arguments and errors are those of :func:`save`."""
    from . import __version__

    if not isinstance(network, LiquidNetwork):
        raise DtypeError(f"expected a LiquidNetwork, got {type(network).__name__}", "network")
    for name, value in (("scaling", scaling), ("metadata", metadata)):
        if not (value is None or isinstance(value, Mapping)):
            raise DtypeError(f"expected a dict, got {type(value).__name__}", name)
    tensors = network.values()
    _check_savable(tensors)
    return pack(
        {
            "format": FORMAT,
            "version": VERSION,
            "library": __version__,
            "config": plain(network.config(), "config"),
            "wirings": [_wiring_to_map(neuron.wiring) for _, neuron in network.populations()],
            "tensors": {name: _tensor_to_map(value) for name, value in tensors.items()},
            "scaling": None if scaling is None else plain(scaling, "scaling"),
            "metadata": plain(metadata or {}, "metadata"),
        }
    )


def loads(data: bytes) -> ModelFile:
    """What the bytes of a ``.lnn`` file hold.

    Raises:
        ModelFileError: they are corrupt, hostile or of an unknown version.
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise DtypeError(f"expected bytes, got {type(data).__name__}", "data")
    data = bytes(data)
    _check_magic(data)
    document = unpack(data)
    version = document.get("version")
    if type(version) is not int or version != VERSION:
        raise ModelFileError(f"this library reads {VERSION}, got {_shown(version)}", "version")
    _check_fields("document", document, FIELDS)
    _check_text("library", document["library"])
    config = _checked_config(document["config"])
    if not isinstance(document["wirings"], list):
        _refuse("wirings", "a list", document["wirings"])
    wirings = [_wiring(each, f"wirings[{i}]") for i, each in enumerate(document["wirings"])]
    tensors = {
        name: _array(each, f"tensors.{name[:_MAX_NAME]}", ("f4", "f8"))
        for name, each in _mapped(document["tensors"], "tensors").items()
    }
    return ModelFile(
        _network(config, wirings, tensors),
        None if document["scaling"] is None else _plain_map("scaling", document["scaling"]),
        _plain_map("metadata", document["metadata"]),
    )


# -- from a network to plain data --------------------------------------------------------------


def _shapes(network: LiquidNetwork) -> dict[str, tuple[int, ...]]:
    """Every tensor's shape by its name in a file; a value has the shape of what is stored."""
    return {
        name.replace(".dynamics", ""): tuple(parameter.shape)
        for name, parameter in network.named_parameters()
    }


def _check_savable(tensors: Mapping[str, Tensor]) -> None:
    dtypes = {value.dtype for value in tensors.values()}
    if len(dtypes) > 1 or not dtypes <= {torch.float32, torch.float64}:
        kinds = ", ".join(sorted(str(each) for each in dtypes))
        raise DtypeError(f"expected all float32 or all float64, got {kinds}", "network")
    for name, value in tensors.items():
        if not bool(torch.isfinite(value).all()):
            raise DomainError(f"{name} contains NaN or infinity", "network")


def _wiring_to_map(wiring: Wiring) -> dict[str, Any]:
    """The wiring's plain data, with its long lists as arrays."""
    described = wiring.to_dict()
    lists = {name: _indices_to_map(described.pop(name)) for name in SYNAPSE_LISTS}
    layers = {name: _indices_to_map(ids) for name, ids in described.pop("layers").items()}
    recipe = described.pop("recipe")
    return {
        **plain(described, "wiring"),
        **lists,
        "layers": layers,
        "recipe": plain(recipe, "wiring.recipe"),
    }


def _indices_to_map(indices: list[int]) -> dict[str, Any]:
    return _array_to_map(np.array(indices, dtype=np.int32))


def _tensor_to_map(value: Tensor) -> dict[str, Any]:
    return _array_to_map(value.detach().cpu().numpy())


def _array_to_map(array: Array) -> dict[str, Any]:
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return {
        "dtype": little.dtype.str[1:],
        "shape": list(array.shape),
        "data": little.tobytes(),
    }


# -- from plain data to a network --------------------------------------------------------------


def _check_magic(start: bytes) -> None:
    if not (len(start) > len(_MAGIC) and 0x80 <= start[0] < 0x90 and start[1:].startswith(_MAGIC)):
        raise ModelFileError("is no .lnn file")


def _refuse(where: str, expected: str, value: object) -> NoReturn:
    raise ModelFileError(f"expected {expected}, got {_shown(value)}", where)


def _shown(value: object) -> str:
    """A value in an error message: never long, whatever a file puts there."""
    if isinstance(value, (str, int, float)) or value is None:
        text = repr(value)
        return text if len(text) <= _MAX_NAME else f"{text[:_MAX_NAME]}..."
    return "a map" if isinstance(value, dict) else f"a {type(value).__name__}"


def _mapped(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(where, "a map", value)
    return value


def _check_fields(where: str, value: object, fields: Iterable[str]) -> dict[str, Any]:
    """A map of exactly these fields."""
    found = _mapped(value, where)
    for name in fields:
        if name not in found:
            raise ModelFileError(f"the field {name} is missing", where)
    for name in found:
        if name not in fields:
            raise ModelFileError(f"has an unknown field {_shown(name)}", where)
    return found


def _plain_map(where: str, value: object) -> dict[str, Any]:
    try:
        checked: dict[str, Any] = plain(_mapped(value, where), where)
    except (DtypeError, DomainError) as error:
        raise ModelFileError(str(error)) from None
    return checked


def _check_count(where: str, value: object) -> None:
    if type(value) is not int or not 1 <= value <= _MAX_SIZE:
        _refuse(where, f"an integer from 1 to {_MAX_SIZE}", value)


def _check_flag(where: str, value: object) -> None:
    if type(value) is not bool:
        _refuse(where, "true or false", value)


def _check_text(where: str, value: object) -> None:
    if not (isinstance(value, str) and len(value) <= _MAX_NAME):
        _refuse(where, f"a string of at most {_MAX_NAME} characters", value)


def _check_number(where: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse(where, "a number", value)


def _or_nil(check: Callable[[str, object], None]) -> Callable[[str, object], None]:
    return lambda where, value: None if value is None else check(where, value)


def _check_dynamics(where: str, value: object) -> None:
    for name, option in _mapped(value, where).items():
        if isinstance(option, str):
            _check_text(f"{where}.{name}", option)
        elif not isinstance(option, bool):
            _check_number(f"{where}.{name}", option)


# Options out of their domain, and ones that contradict each other, the network itself refuses.
_CONFIG: Mapping[str, Callable[[str, object], None]] = {
    "input_size": _check_count,
    "hidden_size": _check_count,
    "output_size": _check_count,
    "dynamics": _check_dynamics,
    "solver": _or_nil(_check_text),
    "unfolds": _or_nil(_check_count),
    "constraint": _check_text,
    "mixed_memory": _check_flag,
    "num_layers": _check_count,
    "dropout": _check_number,
    "bidirectional": _check_flag,
    "batch_first": _check_flag,
    "return_sequences": _check_flag,
    "readout": _check_text,
}


def _checked_config(value: object) -> dict[str, Any]:
    config = _check_fields("config", value, _CONFIG)
    for name, check in _CONFIG.items():
        check(f"config.{name}", config[name])
    return config


def _array(value: object, where: str, dtypes: Iterable[str]) -> Array:
    """The array a map {dtype, shape, data} describes, in the machine's byte order."""
    described = _check_fields(where, value, ("dtype", "shape", "data"))
    dtype, shape, data = described["dtype"], described["shape"], described["data"]
    if dtype not in dtypes:
        _refuse(f"{where}.dtype", " or ".join(dtypes), dtype)
    if not (isinstance(shape, list) and len(shape) <= 2):
        _refuse(f"{where}.shape", "a list of at most 2 sizes", shape)
    size = 1
    for each in shape:
        if type(each) is not int or not 0 <= each < 2**31:
            _refuse(f"{where}.shape", "sizes from 0 to 2147483647", each)
        size *= each
    if not isinstance(data, bytes):
        _refuse(f"{where}.data", "bytes", data)
    needed = size * np.dtype(dtype).itemsize
    if len(data) != needed:
        raise ModelFileError(f"shape {shape} needs {needed} bytes, got {len(data)}", where)
    little = np.frombuffer(data, dtype=f"<{dtype}").reshape(shape)
    return little.astype(dtype)


def _wiring(value: object, where: str) -> Wiring:
    fields = _check_fields(where, value, WIRING_FIELDS)
    for name in ("input_size", "units"):
        _check_count(f"{where}.{name}", fields[name])
    if type(fields["motor"]) is not int:
        _refuse(f"{where}.motor", "an integer", fields["motor"])
    synapses = {name: _indices(fields[name], f"{where}.{name}") for name in SYNAPSE_LISTS}
    layers = {
        name: _indices(each, f"{where}.layers.{name[:_MAX_NAME]}")
        for name, each in _mapped(fields["layers"], f"{where}.layers").items()
    }
    members = sum(len(each) for each in layers.values())
    if members != fields["units"]:
        raise ModelFileError(
            f"hold {members} neurons, the wiring has {fields['units']}", f"{where}.layers"
        )
    recipe = fields["recipe"]
    if recipe is not None:
        recipe = _plain_map(f"{where}.recipe", recipe)
    try:
        wiring = Wiring(
            input_size=fields["input_size"],
            units=fields["units"],
            motor=fields["motor"],
            **synapses,
            layers={name: tuple(each.tolist()) for name, each in layers.items()},
            recipe=recipe,
        )
    except LiquidError as error:
        raise ModelFileError(str(error), where) from None
    for name in ("pre", "sensory_pre"):
        if not np.array_equal(getattr(wiring, name), synapses[name]):
            raise ModelFileError("synapses are not sorted by post, then pre", f"{where}.{name}")
    return wiring


def _indices(value: object, where: str) -> Array:
    array = _array(value, where, ("i4",))
    if array.ndim != 1:
        _refuse(f"{where}.shape", "one size", list(array.shape))
    return array


def _network(
    config: Mapping[str, Any], wirings: list[Wiring], tensors: Mapping[str, Array]
) -> LiquidNetwork:
    _check_density(config, wirings, tensors)
    try:
        # The meta device knows shapes but has no memory: a first network, to compare with.
        with torch.device("meta"):
            plan = LiquidNetwork(**config, wiring=wirings)
    except LiquidError as error:
        raise ModelFileError(str(error), "config") from None
    for name in ("solver", "unfolds"):
        if config[name] != plan.config()[name]:
            _refuse(f"config.{name}", "a value for these dynamics", config[name])
    _check_tensors(plan, tensors)
    with torch.device("cpu"):
        network = LiquidNetwork(**config, wiring=wirings, seed=0)
        values = {name: torch.from_numpy(array) for name, array in tensors.items()}
    network.to(next(iter(values.values())).dtype)
    network.set_values(values)
    return network.eval()


def _check_density(
    config: Mapping[str, Any], wirings: list[Wiring], tensors: Mapping[str, Array]
) -> None:
    """Refuses weights that no wiring lists and the file does not hold, before any room is made."""
    if config["dynamics"].get("leaky_wiring") is not True:
        return
    held = sum(array.size for array in tensors.values())
    needed = 0
    for wiring in wirings:
        sizes = [len(ids) for ids in wiring.layers.values()]
        needed += sizes[0] * wiring.input_size + sum(size**2 for size in sizes)
    if needed > held:
        raise ModelFileError(f"need {needed} numbers and more, got {held}", "tensors")


def _check_tensors(plan: LiquidNetwork, tensors: Mapping[str, Array]) -> None:
    """Names and shapes are those of the plan, values in their domain."""
    expected = _shapes(plan)
    _check_fields("tensors", dict(tensors), expected)
    for name, array in tensors.items():
        where, shape = f"tensors.{name}", expected[name]
        if array.shape != shape:
            raise ModelFileError(f"expected shape {shape}, got {array.shape}", where)
        if not np.isfinite(array).all():
            raise ModelFileError("contains NaN or infinity", where)
    if len({array.dtype for array in tensors.values()}) > 1:
        raise ModelFileError("expected all f4 or all f8, got both", "tensors")
    for index, (_, neuron) in enumerate(plan.populations()):
        for name, lower in neuron.dynamics.lower_bounds.items():
            array = tensors[f"neurons.{index}.{name}"]
            if (array < array.dtype.type(lower)).any():
                raise ModelFileError(
                    f"expected at least {lower:g}, got {array.min():g}",
                    f"tensors.neurons.{index}.{name}",
                )
