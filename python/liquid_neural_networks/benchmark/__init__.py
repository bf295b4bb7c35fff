"""Side by side with peers: the same sizes, one process, turn about.

In every round each contestant has its turn, so whatever else the machine does affects all alike;
what counts is the median over the rounds of the ratio of two times in one round. ``lnn bench``
prints :func:`compare` for sizes of your own; the ``benchmarks`` folder of the repository, which
keeps the figures of the README, times everything with :func:`interleaved`.

:mod:`~liquid_neural_networks.benchmark.baselines` has the networks that liquid ones are compared
with in training.
"""

from ._compare import MODES, Case, Timing, compare
from ._peers import contestants, ncps_cfc, ncps_ltc
from ._timing import interleaved, machine, ratio

__all__ = [
    "MODES",
    "Case",
    "Timing",
    "compare",
    "contestants",
    "interleaved",
    "machine",
    "ncps_cfc",
    "ncps_ltc",
    "ratio",
]
