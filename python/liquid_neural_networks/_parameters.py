"""``ParameterModule``: parameters that are checked before they are set and before they are used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Callable, Optional, TypeVar, Union

import torch
from torch import Tensor, nn
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from ._tensors import check_kind, check_parameters
from .errors import DomainError, DtypeError, OptionError, ShapeError

Values = dict[str, Tensor]
"""Parameter name -> constrained value, as it enters the equations."""

T = TypeVar("T")

_USUAL = {(nn.Parameter, torch.strided)}
"""Types and layouts of parameters that need no further look."""

_DERIVING = (BasePruningMethod, WeightNorm, SpectralNorm)
"""Hooks before a call that make an attribute of other parameters."""


class ParameterModule(nn.Module):
    """A module with parameters of its own, each with a value and perhaps a lower bound.

    Torch has many ways to put something else in a parameter's place: pruning, parametrizations,
    replicas on several devices, sharding. They work on attributes and on hooks that run when a
    module is called; so parameters are reached by their names, and computing with them is a call.

    Attributes:
        lower_bounds: parameter name -> the least value it may have.
    """

    lower_bounds: Mapping[str, float]

    def note_shapes(self) -> None:
        """Once all parameters are there: these are the names and shapes they must keep."""
        self._shapes = {name: each.shape for name, each in self.named_parameters(recurse=False)}

    def forward(self, function: Callable[..., T], *arguments: Any) -> T:
        """``function(self, *arguments)``, as a call of this module, so that its hooks run."""
        return function(self, *arguments)

    def tensors(self) -> Values:
        """What :meth:`stored` returns, unchecked: for code that checks every tensor itself."""
        own = self._parameters
        return {
            name: own[name] if name in own else getattr(self, name, None)  # type: ignore[misc]
            for name in self._shapes
        }

    def stored(self) -> Values:
        """Every parameter by name, as it is stored and optimised, or what stands in for it.

        Raises:
            ShapeError, DtypeError: something in a parameter's place does not fit.
        """
        stored = self.tensors()
        tensors = stored.values()
        # Lists and sets rather than loops: this runs on every call.
        kinds = {(type(each), getattr(each, "layout", None)) for each in tensors}
        if kinds != _USUAL:
            self._check_kinds(stored)
        if [each.shape for each in tensors] != list(self._shapes.values()):
            self._refuse_shapes(stored)
        if len({(each.dtype, each.is_cpu) for each in tensors}) > 1:
            self._check_mixture(stored)
        return stored

    def _check_kinds(self, stored: Values) -> None:
        for name, each in stored.items():
            value: object = each
            if not isinstance(value, Tensor):
                raise DtypeError(f"expected a tensor, got {type(value).__name__}", name)
        check_parameters(stored)

    def _refuse_shapes(self, stored: Values) -> None:
        for name, shape in self._shapes.items():
            if stored[name].shape != shape:
                raise ShapeError(f"expected {tuple(shape)}, got {tuple(stored[name].shape)}", name)

    def _check_mixture(self, stored: Values) -> None:
        (first, like), *others = stored.items()
        for name, each in others:
            if (each.dtype, each.device) != (like.dtype, like.device):
                raise DtypeError(
                    f"is {each.dtype} on {each.device}, but {first} is {like.dtype} on "
                    f"{like.device}; convert the whole network, as network.to(...) does",
                    name,
                )

    @property
    def like(self) -> Tensor:
        """Any parameter: its dtype and device are those of all."""
        for parameter in self._parameters.values():
            if parameter is not None:
                return parameter
        # Every one is parametrized, or this is a replica, which has attributes in their place.
        return getattr(self, next(iter(self._shapes)))  # type: ignore[no-any-return]

    def values(self) -> Values:
        """Every parameter by name, constrained; differentiable."""
        refresh(self)
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

    def check_writable(self, names: Iterable[str]) -> None:
        """Raises OptionError for a parameter that something else stands in for."""
        for name in names:
            if self._parameters.get(name) is None:
                raise OptionError(
                    "is pruned, parametrized or sharded, so it cannot be set; undo that first, for "
                    "instance with torch.nn.utils.prune.remove or "
                    "torch.nn.utils.parametrize.remove_parametrizations",
                    name,
                )

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


def check_alike(name: str, part: Tensor, fed: torch.dtype) -> None:
    """A part of a network computes in the dtype of what it is fed.

    Raises:
        DtypeError: it was converted by itself.
    """
    if part.dtype != fed:
        raise DtypeError(
            f"is {part.dtype}, but is fed {fed}; convert the whole network, as network.to(...) "
            "does",
            name,
        )


def refresh(module: nn.Module) -> None:
    """Has pruning and weight normalisation make what they put in a parameter's place anew, as a
    call of the module would."""
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, _DERIVING):
            hook(module, ())


def set_values(modules: Mapping[str, ParameterModule], values: Mapping[str, Tensor]) -> None:
    """Sets parameters of several modules, each named by what its parameters' names begin with."""
    own: dict[str, dict[str, Tensor]] = {prefix: {} for prefix in modules}
    for name, value in values.items():
        prefix = max(filter(name.startswith, modules), key=len)
        own[prefix][name[len(prefix) :]] = value
    for prefix, module in modules.items():
        module.check(own[prefix])
        module.check_writable(own[prefix])
    for prefix, module in modules.items():
        module.write(own[prefix])


def check_value(name: str, value: object, shape: torch.Size) -> None:
    """A tensor of finite real numbers of this shape.

    Raises:
        ShapeError, DtypeError, DomainError
    """
    if not isinstance(value, Tensor) or value.dtype == torch.bool or value.is_complex():
        raise DtypeError(f"expected a tensor of real numbers, got {type(value).__name__}", name)
    check_kind(name, value)
    if torch._is_functional_tensor(value):
        raise DtypeError("is being traced, so its numbers cannot be copied", name)
    if value.shape != shape:
        raise ShapeError(f"expected {tuple(shape)}, got {tuple(value.shape)}", name)
    if not bool(torch.isfinite(value).all()):
        raise DomainError("contains NaN or infinity", name)


def drawn(
    size: Union[int, tuple[int, ...]],
    draw: Callable[[Tensor], object],
    generator: Optional[torch.Generator],
) -> Tensor:
    """Initial values on torch's default device, filled in place by ``draw``.

    With a generator they are drawn where that is, so that a seed gives the same network everywhere.
    """
    wanted = torch.empty(size)
    if wanted.is_meta:
        return wanted
    values = wanted if generator is None else torch.empty(size, device=generator.device)
    draw(values)
    return values.to(wanted.device)


def uniform(
    size: Union[int, tuple[int, ...]],
    low: float,
    high: float,
    generator: Optional[torch.Generator],
) -> Tensor:
    """Uniform random numbers of this size in the default dtype."""
    return drawn(size, lambda values: values.uniform_(low, high, generator=generator), generator)
