"""``.lnn`` files: a network, its scaling and its metadata as one msgpack document.

The format is described in ``spec/lnn-format.org``. There is no pickle in it and nothing in a
file is ever executed. Loading checks everything before it builds anything, in time and memory
proportional to the file; saving replaces the old file in one step or leaves it as it was.

A file is read into plain data, a :class:`Model`, and written from it:
``LiquidNetwork.from_model(load(path))`` is the network in a file, and ``save(network.to_model(),
path)`` writes one.
"""

from __future__ import annotations

from .._files import PathOrName, regular, replace
from .._model import Model
from ..errors import DtypeError, ModelFileError
from ._fit import check_fit
from ._format import FIELDS, check_magic, seal, start_size, unsealed
from ._reading import to_model
from ._writing import to_document

__all__ = ["FIELDS", "Model", "dumps", "load", "loads", "save"]


def save(model: Model, path: PathOrName) -> None:
    """Writes a ``.lnn`` file.

    The file at ``path`` is replaced in one step: whatever happens meanwhile (a full disk, a
    kill, a power cut), it holds either all of the old network or all of the new one.

    Args:
        model: of a float32 or float64 network, on any device.
        path: of the file; a symbolic link is followed.

    Raises:
        DtypeError: the network is of another dtype, or something is not plain data.
        DomainError: a parameter is NaN or infinite, or the plain data is too large.
        ModelFileError: the parts of the model do not fit together, or ``path`` is no regular
            file.
        OSError: the system could not write it.
    """
    replace(path, dumps(model))


def load(path: PathOrName) -> Model:
    """Reads a ``.lnn`` file; safe with files from strangers.

    Raises:
        ModelFileError: the file is corrupt, hostile or of an unknown version.
        OSError: the system could not read it.
    """
    target = regular(path)
    try:
        with target.open("rb") as file:
            start = file.read(start_size)
            check_magic(start)
            return loads(start + file.read())
    except ModelFileError as error:
        raise ModelFileError(str(error), str(path)) from None


def dumps(model: Model) -> bytes:
    """The bytes of a ``.lnn`` file, which :func:`loads` reads back; errors are those of
    :func:`save`."""
    if not isinstance(model, Model):
        raise DtypeError(
            f"expected a Model, such as network.to_model(), got {type(model).__name__}", "model"
        )
    data = seal(to_document(model))
    loads(data)  # what could not be read back is refused now, not when it is needed
    return data


def loads(data: bytes) -> Model:
    """What the bytes of a ``.lnn`` file hold, on the CPU.

    Raises:
        ModelFileError: they are corrupt, hostile or of an unknown version.
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise DtypeError(f"expected bytes, got {type(data).__name__}", "data")
    model = to_model(unsealed(bytes(data)))
    check_fit(model)
    return model
