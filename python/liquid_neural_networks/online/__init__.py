"""Networks that keep learning while they run.

:meth:`LiquidNetwork.learner` opens a :class:`Learner`: ``step`` feeds a sample, ``learn`` moves the
weights once it is known what the output should have been. :class:`Guarded` puts scaling and a
watchful shadow around one.
"""

from ._guarded import SHADOWS, Guarded, Scores
from ._learner import EVENTS, Event, Learner
from ._losses import LOSSES
from ._methods import METHODS, Method
from ._optimizers import OPTIMIZERS, Optimizer
from ._resuming import resume
from ._skip import SKIPS
from ._snapshots import check_snapshot

__all__ = [
    "EVENTS",
    "LOSSES",
    "METHODS",
    "OPTIMIZERS",
    "SHADOWS",
    "SKIPS",
    "Event",
    "Guarded",
    "Learner",
    "Method",
    "Optimizer",
    "Scores",
    "check_snapshot",
    "resume",
]
