"""Published tasks: where their files are, and how the files become windows to train on.

>>> from liquid_neural_networks import tasks
>>> tasks.TASKS["half_cheetah"].metric
'mse'
>>> train, valid, test = tasks.load("half_cheetah")  # doctest: +SKIP

Each task is one file of this package: its protocols, and what is known of it. A protocol named
``paper`` follows the published code, also where that code can be criticised, except for data that
cannot be obtained and for a validation part where there was none; its docstring says what differs.
One named ``honest`` tests on data the network cannot have seen.
"""

from .. import data as _data  # noqa: F401  (first: it says what is missing)
from ._fetch import cache
from ._registry import TASKS, find, load
from ._task import Task

__all__ = ["TASKS", "Task", "cache", "find", "load"]
