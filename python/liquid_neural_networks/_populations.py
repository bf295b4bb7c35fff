"""``Populations``: those of a network, which fit to one another whatever is put in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Union

from torch import nn

from .errors import OptionError
from .neuron import LiquidNeuron


class Populations(nn.ModuleList):
    """Populations in the order of a network's state: layer by layer, directions side by side.

    One may be put in another's place if a file could hold the two side by side: with the same sizes
    and the same options; wiring and parameters are its own.
    """

    def __init__(self, neurons: Iterable[LiquidNeuron]):
        super().__init__()
        for index, neuron in enumerate(neurons):
            self.add_module(str(index), neuron)

    def config(self) -> dict[str, Any]:
        """The options that all populations share.

        Raises:
            OptionError: they do not share one; attributes of some were changed.
        """
        first, *others = [neuron.config() for neuron in self if isinstance(neuron, LiquidNeuron)]
        for each in others:
            for name, value in each.items():
                if value != first[name]:
                    raise OptionError(
                        f"populations differ in it: {first[name]!r}, {value!r}; a network has one",
                        name,
                    )
        return first

    def __setitem__(self, index: int, module: nn.Module) -> None:
        _check_exchange(self[index], module)
        super().__setitem__(index, module)

    def append(self, module: nn.Module) -> Populations:
        raise _fixed()

    def extend(self, modules: Iterable[nn.Module]) -> Populations:
        raise _fixed()

    def insert(self, index: int, module: nn.Module) -> None:
        raise _fixed()

    def __delitem__(self, index: Union[int, slice]) -> None:
        raise _fixed()


def _fixed() -> OptionError:
    return OptionError("a network keeps its number of populations; make another one", "neurons")


def _check_exchange(old: nn.Module, new: nn.Module) -> None:
    if not isinstance(new, LiquidNeuron):
        raise OptionError(f"expected a LiquidNeuron, got {type(new).__name__}", "neurons")
    assert isinstance(old, LiquidNeuron)
    for name in ("input_size", "hidden_size"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            raise OptionError(f"expected a population with {name} {before}, got {after}", "neurons")
    before, after = old.config(), new.config()
    for name, value in before.items():
        if after[name] != value:
            raise OptionError(
                f"expected a population with {name} {value!r}, got {after[name]!r}", "neurons"
            )
