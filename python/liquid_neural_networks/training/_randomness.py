"""The random numbers of an epoch: drawn from the seed and the epoch's number alone.

A resumed training thus needs no generator's state to draw the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import numpy as np
import torch
from torch import Tensor, nn

from .._dropout import Generators, drawing_from
from ._parallel import rank

_DRAWS_NOTHING = (
    __name__.partition(".")[0] + ".",
    "torch.nn.functional",
    "torch.nn.modules.container",
    "torch.nn.modules.linear",
    "torch.nn.modules.loss",
    "torch.optim.",
)
"""How the names of modules begin whose classes and functions draw from generators given to them,
or not at all."""

_turn = RLock()


def may_draw(network: nn.Module, *others: object) -> bool:
    """Whether a network, or other parts of a training, may draw from torch's global random state:
    all that is neither this library's nor among what torch has that draws nothing."""
    modules = list(network.modules())
    hooked = any(each._forward_hooks or each._forward_pre_hooks for each in modules)
    return hooked or not all(map(_draws_nothing, (*modules, *others)))


def _draws_nothing(part: object) -> bool:
    name = getattr(part, "__module__", None)  # of a function, or of an object's class
    return isinstance(name, str) and f"{name}.".startswith(_DRAWS_NOTHING)


@contextmanager
def shuffled(
    count: int, seed: int, epoch: int, device: torch.device, shared: bool
) -> Iterator[Tensor]:
    """A random order of so many windows; inside the block, dropout draws from the same seed.

    The order is the same in every process, what dropout drops is not.

    Args:
        device: of the network.
        shared: whether torch's global random state is to be drawn from. It is seeded then and
            afterwards put back; trainings in other threads that do the same wait meanwhile.
    """
    drawn = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    if shared:
        with _turn, torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(drawn)
            order = torch.randperm(count, device="cpu")
            if rank() > 0:
                torch.manual_seed(drawn + rank())
            yield order
        return
    generators = Generators(drawn)
    order = torch.randperm(count, generator=generators.on(torch.device("cpu")), device="cpu")
    with drawing_from(generators if rank() == 0 else Generators(drawn + rank())):
        yield order
