"""LTC and CfC networks of ``ncps`` 1.0.1, read from a module or its state dict.

``ncps`` keeps the parameters of synapses in matrices, with a mask that says which synapses exist.
A :class:`~liquid_neural_networks.model_file.Model` has them for those that exist alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, Union

from torch import Tensor, nn

from ..._model import Model
from ...errors import DtypeError, OptionError
from . import _cfc, _ltc, _wired_cfc
from ._options import OPTIONS, options_of

__all__ = ["OPTIONS", "read"]

Reader = Callable[[Mapping[str, Tensor], Mapping[str, Any]], Model]

KINDS: Mapping[str, Reader] = {
    "gleak": _ltc.read,
    "ff1.weight": _cfc.read,
    "layer_0.ff1.weight": _wired_cfc.read,
}
"""A parameter that only one kind of cell has -> what reads that kind."""


def read(source: Union[nn.Module, Mapping[str, Tensor]], **options: Any) -> Model:
    """The network with the weights of an LTC or a CfC; see :meth:`LiquidNetwork.from_ncps`.

    Raises:
        DtypeError: the source is neither a module nor a state dict.
        OptionError: it holds no LTC or CfC, or an option is unknown.
    """
    for name in options:
        if name not in OPTIONS:
            raise OptionError(f"unknown, expected one of {', '.join(OPTIONS)}", name)
    if isinstance(source, nn.Module):
        found, weights = options_of(source), source.state_dict()
    elif isinstance(source, Mapping):
        found, weights = {}, dict(source)
    else:
        raise DtypeError(
            f"expected a module or a state dict of ncps, got {type(source).__name__}", "source"
        )
    chosen = {**OPTIONS, **found, **options}
    weights = {
        name.replace("rnn_cell.", ""): value.detach().cpu() for name, value in weights.items()
    }
    for parameter, reader in KINDS.items():
        if parameter in weights:
            return reader(weights, chosen)
    raise OptionError("holds neither an LTC nor a CfC of ncps", "source")
