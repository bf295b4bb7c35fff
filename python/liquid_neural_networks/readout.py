"""Read-outs: from the neurons of the last layer to the outputs of a network."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple, Optional

import torch
from torch import Tensor, nn

from ._checks import check_choice, check_count
from ._parameters import Values, check_alike, check_value, refresh, uniform
from .errors import OptionError
from .wiring import Wiring

READOUTS = ("dense", "motor")


class MotorReadout(nn.Module):
    """y_i = scale_i v_i + shift_i over the first O neurons, which are the motor neurons."""

    def __init__(self, output_size: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(output_size))
        self.shift = nn.Parameter(torch.zeros(output_size))

    def forward(self, states: Tensor) -> Tensor:
        scale = self.scale
        return torch.addcmul(self.shift, scale, states.narrow(-1, 0, scale.shape[0]))


class Affine(NamedTuple):
    """y = matrix x + shift, (O, W) and (O,), of the last layer's W neurons."""

    matrix: Tensor
    shift: Tensor


# -- making one ----------------------------------------------------------------------------------


def output_size_of(output_size: Optional[int], wiring: Wiring) -> int:
    """O, by default the number of motor neurons.

    Raises:
        OptionError: it is not given, and there are none.
        DomainError, DtypeError: it is not a positive integer.
    """
    if output_size is None:
        if wiring.motor == 0:
            raise OptionError("is required when the wiring has no motor neurons", "output_size")
        return wiring.motor
    return check_count("output_size", output_size)


def kind_for(readout: Optional[str], wiring: Wiring, output_size: int, bidirectional: bool) -> str:
    """``"motor"`` if the wiring has exactly O motor neurons, else ``"dense"``, if none is named.

    Raises:
        OptionError: the name is unknown, or the motor read-out does not fit.
    """
    if readout is None:
        return "motor" if wiring.motor == output_size and not bidirectional else "dense"
    check_choice("readout", readout, READOUTS)
    if readout == "motor" and bidirectional:
        raise OptionError("a bidirectional network needs the dense read-out", "readout")
    if readout == "motor" and output_size > wiring.units:
        raise OptionError(
            f"{output_size} outputs need as many motor neurons, the wiring has {wiring.units}",
            "readout",
        )
    return readout


def build(kind: str, width: int, output_size: int, seed: Optional[int]) -> nn.Module:
    """A read-out of W neurons with initial parameters."""
    if kind == "motor":
        return MotorReadout(output_size)
    if seed is None:
        return nn.Linear(width, output_size)
    # torch's own initial values, but from a generator of our own: other threads use the global one.
    generator, bound = torch.Generator("cpu").manual_seed(seed), 1 / sqrt(width)
    weight = uniform((output_size, width), -bound, bound, generator)
    bias = uniform(output_size, -bound, bound, generator)
    with torch.device("meta"):
        linear = nn.Linear(width, output_size)  # without numbers, so that none are drawn
    linear.weight, linear.bias = nn.Parameter(weight), nn.Parameter(bias)
    return linear


# -- one that was put in -------------------------------------------------------------------------


def check(readout: object, width: int, bidirectional: bool) -> None:
    """A read-out that streams and files know: dense, motor, or the neurons as they are.

    Raises:
        OptionError: it is another module, or reads another number of neurons.
    """
    if isinstance(readout, nn.Linear):
        reads, fits = readout.in_features, readout.in_features == width
    elif isinstance(readout, MotorReadout):
        reads, fits = len(readout.scale), len(readout.scale) <= width and not bidirectional
    elif isinstance(readout, nn.Identity):
        return
    else:
        raise OptionError(
            f"expected nn.Linear, MotorReadout or nn.Identity, got {type(readout).__name__}; put "
            "what comes after behind the network: nn.Sequential(network, ...)",
            "readout",
        )
    if not fits:
        raise OptionError(f"reads {reads} neurons, the network has {width}", "readout")


def check_fed(readout: nn.Module, neurons: Tensor) -> None:
    """A dense one computes in the dtype of the neurons, unless a hook converts something. That of
    motor neurons lifts them to its own, as torch's operators do.

    Raises:
        DtypeError: it was converted by itself.
    """
    dtype = neurons.dtype
    for each in readout._parameters.values():
        if each is None or each.dtype == dtype:
            continue
        if isinstance(readout, nn.Linear) and not readout._forward_pre_hooks:
            check_alike("readout", each, dtype)


def kind_of(readout: nn.Module) -> str:
    """Which of :data:`READOUTS` it is."""
    return "motor" if isinstance(readout, MotorReadout) else "dense"


def size_of(readout: nn.Module, width: int) -> int:
    """O, its outputs."""
    if isinstance(readout, nn.Linear):
        return readout.out_features
    if isinstance(readout, MotorReadout):
        return len(readout.scale)
    return width


def values(readout: nn.Module, like: Tensor, width: int) -> Values:
    """Its parameters by name: ``weight`` (O, W) and ``bias`` (O,), or ``scale`` and ``shift`` (O,).

    Neurons as they are count as a dense read-out with a weight of ones and zeros.

    Raises:
        OptionError: it is none that can be written down so.
    """
    refresh(readout)
    if isinstance(readout, MotorReadout):
        return {"scale": readout.scale, "shift": readout.shift}
    if isinstance(readout, nn.Identity):
        return {"weight": torch.eye(width).to(like), "bias": like.new_zeros(width)}
    if isinstance(readout, nn.Linear):
        bias = readout.bias
        if bias is None:
            bias = readout.weight.new_zeros(readout.out_features)
        return {"weight": readout.weight, "bias": bias}
    raise OptionError(f"a {type(readout).__name__} cannot be written down", "readout")


def affine(readout: nn.Module, like: Tensor, width: int) -> Optional[Affine]:
    """What it does as one matrix of the neurons' dtype, or None if it is none that is known."""
    if not isinstance(readout, (nn.Linear, MotorReadout, nn.Identity)):
        return None
    own = {name: each.detach() for name, each in values(readout, like, width).items()}
    if any(each.dtype != like.dtype for each in own.values()):
        return None
    if "weight" in own:
        return Affine(own["weight"], own["bias"])
    scale = own["scale"]
    matrix = torch.eye(len(scale), width, dtype=scale.dtype, device=scale.device)
    return Affine(matrix * scale.unsqueeze(1), own["shift"])


def check_values(readout: nn.Module, given: Mapping[str, Tensor]) -> None:
    """Raises what :func:`set_values` would.

    Raises:
        OptionError: it has no parameter of its own by this name.
        ShapeError, DtypeError, DomainError: a value does not fit.
    """
    own = dict(readout.named_parameters(recurse=False))
    for name, value in given.items():
        if name not in own:
            raise OptionError(
                "is no parameter of this read-out that could be set", f"readout.{name}"
            )
        check_value(f"readout.{name}", value, own[name].shape)


def set_values(readout: nn.Module, given: Mapping[str, Tensor]) -> None:
    """Sets parameters to values that are checked already."""
    with torch.no_grad():
        for name, value in given.items():
            readout.get_parameter(name).copy_(value)
