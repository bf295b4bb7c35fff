"""What changes when one neuron is taken out."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np
from tqdm import tqdm

from .._progress import seen
from ..errors import OptionError
from ._subject import Subject


class Lesion(NamedTuple):
    """A neuron, and the root mean square by which outputs change without it, in the table's
    units."""

    neuron: int
    change: float


def lesions_of(subject: Subject, progress: bool) -> Optional[list[Lesion]]:
    """Of every neuron; None where the network has weights that no wiring tells."""
    whole, network = subject.run(), subject.network
    found = []
    for neuron in tqdm(
        range(len(subject.neurons)), "taking out neurons", disable=not (progress and seen())
    ):
        population, own = divmod(neuron, network.hidden_size)
        try:
            without = network.ablate(neurons=[own], population=population)
        except OptionError:
            return None
        change = (subject.run(without) - whole) * subject.scale
        found.append(Lesion(neuron, float(np.sqrt(np.square(change).mean()))))
    return found
