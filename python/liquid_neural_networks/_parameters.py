"""``ParameterModule``: parameters that are checked before they are set and before they are used."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .errors import DomainError, DtypeError, OptionError, ShapeError

Values = dict[str, Tensor]
"""Parameter name -> constrained value, as it enters the equations."""


class ParameterModule(nn.Module):
    """A module with parameters of its own, each with a value and perhaps a lower bound.

    Attributes:
        lower_bounds: parameter name -> the least value it may have.
    """

    lower_bounds: Mapping[str, float]

    def note_shapes(self) -> None:
        """Once all parameters are there: these are the shapes they must keep."""
        self._shapes = {name: each.shape for name, each in self.named_parameters(recurse=False)}

    def stored(self) -> Values:
        """Every parameter by name, as it is stored and optimised, or what stands in for it: torch
        has ways to prune a parameter, to make it of others, to swap it for a call.

        Raises:
            ShapeError, DtypeError: the stand-in does not fit, which compiled code could not tell.
        """
        stored: Values = self._parameters  # type: ignore[assignment]
        if stored.keys() != self._shapes.keys():
            stored = {name: getattr(self, name) for name in self._shapes}
        tensors = stored.values()
        # Lists and sets rather than a loop: this runs on every call.
        if [each.shape for each in tensors] != list(self._shapes.values()):
            self._refuse_shapes(stored)
        if len({(each.dtype, each.is_cpu) for each in tensors}) > 1:
            self._refuse_mixture(stored)
        return stored

    def _refuse_shapes(self, stored: Values) -> None:
        for name, shape in self._shapes.items():
            if stored[name].shape != shape:
                raise ShapeError(f"expected {tuple(shape)}, got {tuple(stored[name].shape)}", name)

    def _refuse_mixture(self, stored: Values) -> None:
        (first, like), *others = stored.items()
        for name, each in others:
            if (each.dtype, each.device) != (like.dtype, like.device):
                raise DtypeError(
                    f"is {each.dtype} on {each.device}, but {first} is {like.dtype} on "
                    f"{like.device}; convert the whole network, as network.to(...) does",
                    name,
                )

    def values(self) -> Values:
        """Every parameter by name, constrained; differentiable."""
        return self.stored()

    def set_values(self, values: Mapping[str, Tensor]) -> None:
        """Sets parameters to the given constrained values, all of them or none.

        Raises:
            OptionError: a name is unknown.
            ShapeError: a value has the wrong shape.
            DtypeError: a value is not a tensor of real numbers.
            DomainError: a value is NaN, infinite or below its bound.
        """
        set_values({"": self}, values)

    @torch.no_grad()
    def write(self, values: Mapping[str, Tensor]) -> None:
        """Sets values that are checked already."""
        for name, value in values.items():
            parameter = self.get_parameter(name)
            parameter.copy_(self._to_store(name, value.to(parameter)))

    def _to_store(self, name: str, value: Tensor) -> Tensor:
        """What to store for a value."""
        return value

    def check(self, values: Mapping[str, Tensor]) -> None:
        """Raises what :meth:`set_values` would."""
        for name, value in values.items():
            if name not in self._shapes:
                known = ", ".join(self._shapes)
                raise OptionError(f"there is no such parameter, expected one of {known}", name)
            check_value(name, value, self._shapes[name])
            lower = self.lower_bounds.get(name)
            # A bound rounded to float32 and back may lie a hair below itself.
            if lower is not None and bool((value < lower * (1 - 1e-6)).any()):
                raise DomainError(f"expected at least {lower:g}, got {float(value.min()):g}", name)


def set_values(modules: Mapping[str, ParameterModule], values: Mapping[str, Tensor]) -> None:
    """Sets parameters of several modules, each named by what its parameters' names begin with."""
    own: dict[str, dict[str, Tensor]] = {prefix: {} for prefix in modules}
    for name, value in values.items():
        prefix = max(filter(name.startswith, modules), key=len)
        own[prefix][name[len(prefix) :]] = value
    for prefix, module in modules.items():
        module.check(own[prefix])
    for prefix, module in modules.items():
        module.write(own[prefix])


def check_value(name: str, value: object, shape: torch.Size) -> None:
    """A tensor of finite real numbers of this shape.

    Raises:
        ShapeError, DtypeError, DomainError
    """
    if not isinstance(value, Tensor) or value.dtype == torch.bool or value.is_complex():
        raise DtypeError(f"expected a tensor of real numbers, got {type(value).__name__}", name)
    if value.shape != shape:
        raise ShapeError(f"expected {tuple(shape)}, got {tuple(value.shape)}", name)
    if not bool(torch.isfinite(value).all()):
        raise DomainError("contains NaN or infinity", name)
