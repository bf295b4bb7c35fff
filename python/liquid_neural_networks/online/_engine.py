"""What a learner runs on."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Protocol, Union

import numpy as np
import numpy.typing as npt
from torch import Tensor

from ..errors import DomainError

Array = npt.NDArray[np.floating[Any]]
Arrays = dict[str, Array]

LEARNED, UNKNOWN_TARGET, NOT_FINITE = range(3)
"""What became of a lesson."""


class Lesson(NamedTuple):
    """How a target is learned.

    Attributes:
        target: (O,), or one for all; NaN where not known.
        delay: how many samples ago the output was made.
        rate: learning rate.
        largest_norm: of the gradient.
        number: of the update, from 1 on.
    """

    target: Union[Array, float]
    delay: int
    rate: float
    largest_norm: float
    number: int


class Engine(Protocol):
    """A network with parameters of its own that move when it learns.

    Attributes:
        NAME: in few words.
        parameters: how many numbers it learns.
    """

    NAME: str
    parameters: int

    def step(
        self, sample: npt.NDArray[Any], elapsed_time: float, time_constants: Optional[Array]
    ) -> Optional[Array]:
        """The output; None, and nothing done, if the sample is beyond the dtype."""

    def learn(self, lesson: Lesson) -> tuple[int, float]:
        """What became of it, and the loss."""

    def gradients(self) -> Arrays:
        """By what is stored, of the last lesson, by name."""

    def stored(self) -> dict[str, Tensor]:
        """Parameters by name, as a network stores them."""

    def state(self) -> Array:
        """(populations, N), with a memory 2 N."""

    def set_state(self, state: Array) -> None: ...

    def forget(self) -> None:
        """Zero sensitivities: what follows owes nothing to earlier samples."""

    def arrays(self) -> Arrays:
        """Everything it needs to go on, by name, copies."""

    def misfit(self, arrays: Arrays, waiting: int) -> str:
        """Which of such arrays holds numbers that it never has, "" if none does.

        Args:
            arrays: of the names and shapes that :meth:`arrays` returns, finite.
            waiting: outputs whose label may still come.
        """

    def restore(self, arrays: Arrays) -> None:
        """What :meth:`arrays` returned, of the same names and shapes."""

    def marked(self) -> Arrays:
        """Copies of what a step moves; until :meth:`go_back` none is followed by its label."""

    def go_back(self, marked: Arrays) -> None:
        """To where it was marked."""


LARGEST_MEMORY = 2**30
"""Bytes for outputs that wait for a label, or for a covariance."""


def check_memory(kept: int, numbers: int, like: Tensor) -> None:
    """Whether so many numbers of the dtype of ``like`` fit, for each of ``kept`` outputs.

    Raises:
        DomainError: they do not.
    """
    most = LARGEST_MEMORY // (max(numbers, 1) * like.element_size())
    if kept > max(most, 1):
        raise DomainError(
            "what is kept of outputs that wait for a label would take more than 1 GiB, expected at "
            f"most {most - 1}",
            "max_delay",
        )
