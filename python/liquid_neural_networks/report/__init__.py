"""Why a trained network says what it says: in words, and as one page to look around in.

:func:`explain` answers for one forecast, :func:`write` makes a page about a network: what it is,
how good, what every neuron does, which inputs made its newest output, and what to distrust.
"""

from .. import training as _training  # noqa: F401  (first: it says what is missing)
from ._explain import Explanation, explain
from ._write import write

__all__ = ["Explanation", "explain", "write"]
