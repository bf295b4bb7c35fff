"""``backtest``: how a forecast would have done, had it been made again and again in the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from statistics import fmean
from typing import Any, NamedTuple, Union

from .._checks import check_count, check_fraction
from ..data import Recording, Table
from ..errors import DataError, DomainError, OptionError
from ._fit_table import fit_table, planned
from ._metrics import Metrics
from ._scores import verdict
from ._table_windows import Prepared


class Fold(NamedTuple):
    """One origin: a network trained on the rows before it, and measured on the next ones.

    Attributes:
        trained: rows before the origin, those that choose the epoch included.
        tested: rows after it that were to be predicted.
        since: the time of the first of those; its row, counted from 1, without times.
        test: what :meth:`Forecaster.evaluate` says of them.
    """

    trained: int
    tested: int
    since: str
    test: Metrics


@dataclass(frozen=True)
class Backtest:
    """The folds of a backtest, oldest first.

    Attributes:
        measure: the metric by which they are compared with baselines.
        folds: one for each origin.
    """

    measure: str
    folds: tuple[Fold, ...]

    @property
    def mean(self) -> Metrics:
        """The measure's mean over the folds, and those of the baselines that all folds have."""
        tests = [fold.test for fold in self.folds]
        shared = [name for name in tests[0]["baselines"]
                  if all(name in each["baselines"] for each in tests)]  # fmt: skip
        measure = self.measure
        return {
            measure: fmean(each[measure] for each in tests),
            "baselines": {
                name: {measure: fmean(each["baselines"][name][measure] for each in tests)}
                for name in shared
            },
        }

    @property
    def verdict(self) -> str:
        """Whether the network is worth more than the best baseline, by the means."""
        return verdict(self.mean, self.measure)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "measure": self.measure,
            "folds": [fold._asdict() for fold in self.folds],
            "mean": self.mean,
            "verdict": self.verdict,
        }


def backtest(
    table: Table,
    targets: Union[str, Sequence[str]],
    *,
    folds: int = 4,
    test: float = 0.1,
    **options: Any,
) -> Backtest:
    """Trains anew at several origins in time, and measures what followed each.

    A single test part is one stretch of the past, and may be an easy or a hard one. The newest
    ``folds * test`` of the rows of every series are cut into ``folds`` parts; each is predicted by
    a network that was trained on all rows before it. Which columns are fed, and how, is decided
    once, by what the first of those is trained on.

    Args:
        table, targets: as for :func:`fit_table`.
        folds: how many origins.
        test: the fraction of the rows that follows each origin.
        options: further ones of :func:`fit_table`, except ``checkpoint`` and ``resume``.

    Raises:
        DomainError: the folds leave nothing to train on.
        OptionError: the table is split by series, or an option makes no sense here.
        LiquidError: as :func:`fit_table`.

    Example:
        >>> from math import sin
        >>> import polars
        >>> from liquid_neural_networks.training import backtest
        >>> table = polars.DataFrame({"wave": [sin(row / 3) for row in range(300)]})
        >>> found = backtest(table, "wave", folds=2, epochs=5, hidden_size=8, progress=False)
        >>> [(fold.trained, fold.tested, fold.since) for fold in found.folds]
        [(240, 30, '241'), (270, 30, '271')]
    """
    check_count("folds", folds)
    check_fraction("test", test)
    for name in ("checkpoint", "resume"):
        if options.get(name):
            raise OptionError("is not kept by a backtest", name)
    if not 0 < folds * test < 1:
        raise DomainError(f"{folds} folds of {test:g} leave no rows to train on", "folds")
    given = signature(fit_table).bind(table, targets, test=test, **options)
    given.apply_defaults()
    if given.arguments["split"] == "group" or given.arguments["label_per_group"]:
        raise OptionError("a backtest goes by time, not by series", "split")
    valid = given.arguments["valid"]
    check_fraction("valid", valid)
    # Cut as the first fold is: its training rows decide which columns are fed.
    end = 1 - (folds - 1) * test
    prepared, plan = planned({**given.arguments, "valid": valid * end, "test": folds * test})
    found = []
    for fold in range(folds):
        part = _part(prepared, folds - fold, test, valid)
        forecaster = plan.forecaster(part)
        assert forecaster.test is not None
        origin = part.cuts[0][1]
        found.append(
            Fold(
                sum(second for _, second in part.cuts),
                sum(len(r.series.inputs) - c[1] for r, c in zip(part.recordings, part.cuts)),
                _moment(part.recordings[0], origin),
                forecaster.test,
            )
        )
    return Backtest(forecaster.measure, tuple(found))


def _part(prepared: Prepared, left: int, test: float, valid: float) -> Prepared:
    """The table up to the end of a fold, of which ``left`` are to come with this one."""
    recordings, cuts = [], []
    for each in prepared.recordings:
        rows = len(each.series.inputs)
        block = round(rows * test)
        end = rows - (left - 1) * block
        second = end - block
        first = second - round(end * valid)
        if block < 1 or first < 1:
            raise DataError(f"{rows} rows of a series are too few for these folds", "table")
        recordings.append(_before(each, end))
        cuts.append((first, second))
    return prepared._replace(recordings=recordings, cuts=cuts, remarks=[])


def _before(recording: Recording, end: int) -> Recording:
    """The first rows of a series."""
    times = recording.times
    return recording._replace(
        series=recording.series.rows(0, end),
        rows=recording.rows[:end],
        times=None if times is None else times[:end],
    )


def _moment(recording: Recording, row: int) -> str:
    return str(row + 1 if recording.times is None else recording.times[row])
