"""``Plan``: how a network is made and trained, once a table has been read."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import signature
from pathlib import Path
from typing import Any, Optional

import numpy as np

from .._checks import check_choice, check_count, check_flag, check_seed
from .._files import PathOrName
from .._forecasting import BASELINES, NO_BASELINE, Baselines, shifts
from ..data import Scaling, Windows
from ..errors import DataError
from ..network import LiquidNetwork
from ..neuron import WiringLike
from ..wiring import RECIPES
from . import _parallel as parallel
from ._aim import Aim, ahead, best_baseline, steps_to
from ._divergence import DivergenceError
from ._fit import fit
from ._forecast_table import check_names
from ._forecaster import Forecaster
from ._history import History
from ._lesson import Lesson
from ._seeds import best_of
from ._table_windows import Prepared

DEFAULT_SIZE = 32
"""Neurons, where neither the caller nor the wiring says."""

Parts = tuple[Windows, Optional[Windows]]
"""To train on, and to choose the best epoch on."""


@dataclass(frozen=True)
class Plan:
    """What :func:`fit_table` is asked for beyond how to read the table; its arguments say more.

    Attributes:
        measured: whether the rows kept back are there to be measured.
        network: options of :class:`~liquid_neural_networks.LiquidNetwork`.
        training: options of :func:`fit`.
    """

    window: int
    stride: Optional[int] = None
    measured: bool = True
    path: bool = False
    baseline: Optional[str] = None
    loss: Optional[str] = None
    balance: bool = False
    quantiles: Optional[Sequence[float]] = None
    seed: int = 0
    seeds: int = 1
    checkpoint: Optional[PathOrName] = None
    network: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_count("window", self.window)
        check_flag("path", self.path)
        check_flag("balance", self.balance)
        check_seed(self.seed)
        check_count("seeds", self.seeds)
        if self.baseline is not None:
            check_choice("baseline", self.baseline, (NO_BASELINE, *BASELINES))

    def forecaster(self, prepared: Prepared) -> Forecaster:
        """Trains on a table that was read."""
        lesson = Lesson.of(prepared.columns, self.loss, self.balance, self.quantiles)
        untrained = self._untrained(prepared, lesson)
        check_names(untrained)
        starts = [second for _, second in prepared.cuts]
        if self.measured and not untrained.can_measure(prepared.recordings, starts):
            rows = sum(
                len(each.series.inputs) - start for each, start in zip(prepared.recordings, starts)
            )
            raise DataError(
                f"no target is known in the newest {rows} rows, so nothing can be measured "
                "there; 0 keeps no rows back",
                "test",
            )
        parts = prepared.parts(untrained, self.window, self.stride)
        if self.training.get("progress") and parallel.rank() == 0:
            for line in [*prepared.remarks, *_remarks(self, untrained)]:
                print(line, file=sys.stderr)

        def trained(seed: int, checkpoint: Optional[Path]) -> Forecaster:
            network = self._network(untrained.aim, lesson, seed)
            made = replace(untrained, network=network)
            made = self._trained(made, parts, lesson, seed, checkpoint)
            made = _calibrated(made, prepared)
            if not self.measured:
                return made
            return replace(made, test=made.evaluate_recordings(prepared.recordings, starts))

        return best_of(trained, self.seed, self.seeds, self.checkpoint)

    def _untrained(self, prepared: Prepared, lesson: Lesson) -> Forecaster:
        """The preprocessing, with what the training rows say, and a network of the first seed."""
        aim = self._aim(prepared)
        learned = [
            aim.pairs(each.series).rows(0, max(first - prepared.horizon, 0))
            for each, (first, _) in zip(prepared.recordings, prepared.cuts)
        ]
        values = prepared.columns.classes is None
        targets = np.concatenate([each.targets for each in learned])
        return Forecaster(
            self._network(aim, lesson, self.seed),
            aim,
            Scaling.of(np.concatenate([each.inputs for each in learned])),
            Scaling.of(targets) if values else None,
            self.window,
            lesson.name,
            lesson.quantiles(len(aim.steps), prepared.columns.outputs),
            History(),
        )

    def _aim(self, prepared: Prepared) -> Aim:
        """What is to be predicted, from the baseline asked for or found to be the best."""
        columns, horizon = prepared.columns, prepared.horizon
        series = [each.series for each in prepared.recordings]
        train = [slice(0, max(first - horizon, 0)) for first, _ in prepared.cuts]
        valid = _valid_rows(prepared)
        steps = steps_to(horizon, self.path)
        fitted = Baselines.fit(columns, steps, self.window, series, train, valid)
        baseline = self.baseline or best_baseline(columns, fitted, series, valid)
        return Aim(columns, horizon, self.path, fitted, baseline)

    def _network(self, aim: Aim, lesson: Lesson, seed: int) -> LiquidNetwork:
        options = dict(self.network)
        size, wiring = options.pop("hidden_size", None), options.pop("wiring", None)
        outputs = aim.outputs * lesson.levels
        return LiquidNetwork(
            aim.inputs,
            DEFAULT_SIZE if wiring is None and size is None else size,
            outputs,
            wiring=_complete(wiring, size, outputs),
            **options,
            seed=seed,
        )

    def _trained(
        self,
        forecaster: Forecaster,
        parts: Parts,
        lesson: Lesson,
        seed: int,
        checkpoint: Optional[Path],
    ) -> Forecaster:
        options = dict(self.training)
        if parts[1] is None:
            options["patience"] = None
        loss = lesson.loss(parts[0])
        try:
            history = fit(
                forecaster.network, *parts, loss=loss, seed=seed, checkpoint=checkpoint, **options
            )
        except DivergenceError as error:
            error.forecaster = replace(forecaster, history=error.history)
            raise
        return replace(forecaster, history=history)


def _remarks(plan: Plan, forecaster: Forecaster) -> list[str]:
    """What the training is about, a line each."""
    aim, size = forecaster.aim, forecaster.network.hidden_size
    learned = f"learns by the loss {forecaster.loss}"
    if forecaster.quantiles is not None:
        learned += f", quantiles {', '.join(f'{each:g}' for each in forecaster.quantiles.levels)}"
    lines = [f"{size} neurons; {learned}"]
    if aim.baseline != NO_BASELINE:
        why = "" if plan.baseline else ", the best baseline on the validation rows"
        lines.append(f"forecasts start from {aim.baseline}{why}")
    if plan.seeds > 1:
        last = plan.seed + plan.seeds - 1
        lines.append(f"{plan.seeds} networks, seeds {plan.seed} to {last}; the best is kept")
    return lines


def _valid_rows(prepared: Prepared) -> list[slice]:
    """In each series, the rows whose targets are in the validation part, as they are too."""
    return [slice(first, max(second - prepared.horizon, first)) for first, second in prepared.cuts]


def _calibrated(forecaster: Forecaster, prepared: Prepared) -> Forecaster:
    """Its quantiles shifted to where the validation rows say that they are."""
    quantiles = forecaster.quantiles
    if quantiles is None:
        return forecaster
    made, truth = [], []
    for recording, (_, second), rows in zip(
        prepared.recordings, prepared.cuts, _valid_rows(prepared)
    ):
        if rows.start == rows.stop:
            continue
        made.append(forecaster.run(recording.series.rows(0, second)).values[rows])
        truth.append(ahead(recording.series.targets, forecaster.aim.steps)[rows])
    if not made:
        return forecaster
    found = shifts(quantiles.levels, np.concatenate(made), np.concatenate(truth))
    return replace(forecaster, quantiles=quantiles._replace(shifts=found))


def _complete(
    wiring: Optional[WiringLike], hidden_size: Optional[int], outputs: int
) -> Optional[WiringLike]:
    """Plain data of a wiring, with the sizes that follow from the table filled in."""
    if not isinstance(wiring, Mapping) or wiring.get("type") not in RECIPES:
        return wiring
    sizes: dict[str, Any] = {"units": hidden_size or DEFAULT_SIZE, "motor": outputs}
    # Only what has no default: a wiring that needs no motor neurons is read out whole.
    needed = {
        name: sizes[name]
        for name, parameter in signature(RECIPES[wiring["type"]]).parameters.items()
        if name in sizes and parameter.default is parameter.empty
    }
    return {**needed, **wiring}
