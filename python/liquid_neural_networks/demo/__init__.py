"""A first look: 19 liquid neurons forecast the carbon dioxide of the air, 13 weeks ahead.

The record is the weekly one of Mauna Loa, 1958 to 2001, that comes with statsmodels. Weeks
without a measurement are left out rather than filled in, so the time between samples varies,
and the networks are given it.

Everything is split by time: training forecasts end before 1990, validation lies between, and
the test forecasts are those of 1995 and later. The LSTM beside the liquid network goes through
the same code: the same inputs, windows, optimiser, learning rate, epochs and choice of the best
epoch on the validation years.
"""

from ._results import Results, Row
from ._run import FILES, run

__all__ = ["FILES", "Results", "Row", "run"]
