"""``DivergenceError``: a training that ended in numbers that are not finite."""

from __future__ import annotations

from typing import Optional

from ..errors import DomainError
from ._forecaster import Forecaster
from ._history import History


class DivergenceError(DomainError):
    """The loss, or a parameter, became NaN or infinite.

    The network has the weights of the best epoch before, or those it came with if there was
    none.

    Attributes:
        history: of the epochs before; ``best_epoch`` is the one whose weights the network has.
        forecaster: the network with its preprocessing, if :func:`fit_table` trained it.
    """

    forecaster: Optional[Forecaster] = None

    def __init__(
        self, message: str, argument: Optional[str] = None, history: Optional[History] = None
    ):
        super().__init__(message, argument)
        self.history = History() if history is None else history
