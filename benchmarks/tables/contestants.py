"""What is compared: each learns from the training rows, and is measured on the later parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any, Optional

import numpy as np
import torch
from polars import DataFrame
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from torch import Tensor

from benchmarks.tables.cases import Case
from liquid_neural_networks._forecasting import Baselines, Lags, fed_targets
from liquid_neural_networks.benchmark import baselines
from liquid_neural_networks.training import Forecaster, fit_table
from liquid_neural_networks.training._aim import Aim, ahead
from liquid_neural_networks.training._fit_table import planned
from liquid_neural_networks.training._lesson import Lesson
from liquid_neural_networks.training._metrics import class_metrics, value_metrics
from liquid_neural_networks.training._plan import Plan
from liquid_neural_networks.training._table_windows import Prepared

Result = dict[str, float]
"""``valid`` and ``test``: mean squared error, or accuracy."""

PERSISTENCE, SEASON, LINEAR, TREES, LSTM_NAME, LNN = (
    *("latest or commonest", "season", "linear", "trees on lags", "LSTM", "lnn"),
)
SEEDED = (LSTM_NAME, LNN)


class LSTM(baselines.LSTM):
    """An LSTM that a forecaster runs as it runs a liquid network."""

    def __init__(self, input_size: int, hidden_size: int, output_size: int, seed: int):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            super().__init__(input_size, hidden_size, output_size, timed=True)
        self.input_size, self.output_size = input_size, output_size

    def config(self) -> dict[str, Any]:
        return {"unfolds": None}

    def forward(
        self,
        inputs: Tensor,
        *,
        elapsed_time: Optional[Tensor] = None,
        mask: Optional[Tensor] = None,
        state: Any = None,
        return_state: bool = False,
    ) -> Any:
        single = inputs.dim() == 2
        if single:
            inputs, elapsed_time = inputs[None], elapsed_time[None]
        outputs, after = super().forward(
            inputs,
            elapsed_time=elapsed_time,
            state=None if state is None else tuple(state),
            return_state=True,
        )
        outputs = outputs[0] if single else outputs
        return (outputs, torch.stack(after)) if return_state else outputs


class LSTMPlan(Plan):
    """The same plan, with an LSTM of as many units."""

    def _network(self, aim: Aim, lesson: Lesson, seed: int) -> Any:
        return LSTM(aim.inputs, 32, aim.outputs * lesson.levels, seed)


@dataclass
class Duel:
    """A table that was read, and what every contestant on it shares."""

    prepared: Prepared
    plan: Plan
    aim: Aim

    @classmethod
    def of(cls, case: Case, table: DataFrame, options: dict[str, Any]) -> Duel:
        given = signature(fit_table).bind(
            table, case.target, **{"progress": False, **case.options, **options}
        )
        given.apply_defaults()
        prepared, plan = planned(given.arguments)
        return cls(prepared, plan, plan._aim(prepared))

    def network(self, kind: type[Plan], seed: int) -> Result:
        """Of a network trained by the plan."""
        fields = {name: getattr(self.plan, name) for name in self.plan.__dataclass_fields__}
        return self.result_of(kind(**{**fields, "seed": seed}).forecaster(self.prepared))

    def result_of(self, forecaster: Forecaster) -> Result:
        (recording,), ((first, second),) = self.prepared.recordings, self.prepared.cuts
        before = recording._replace(series=recording.series.rows(0, second))
        measure = forecaster.measure
        valid = forecaster.evaluate_recordings([before], [first])
        assert forecaster.test is not None
        return {"valid": valid[measure], "test": forecaster.test[measure]}

    def rule(self, names: list[str]) -> Optional[Result]:
        """Of the best of some rules, by the validation part."""
        known = [name for name in names if name in self.aim.baselines.names(self.aim.columns)]
        if not known:
            return None
        past = self._past()
        found = [
            self._measured(lambda rows, n=name: self.aim.baselines.forecast(n, past, rows)[:, 0])
            for name in known
        ]
        sign = 1 if self.values else -1
        return min(found, key=lambda each: sign * each["valid"])

    def trees(self, seed: int) -> Result:
        """Of boosted trees on what the linear baseline sees, by their own defaults."""
        past, horizon = self._past(), self.aim.horizon
        seasons: Baselines = self.aim.baselines
        anchors = fed_targets(self.aim.columns)
        inputs = past.features.shape[1]
        lagged = anchors or tuple(range(inputs))
        before = self.plan.window if len(lagged) * self.plan.window <= 512 else 4
        lags = Lags(before, lagged, anchors, tuple(seasons.seasons.values()) if anchors else ())
        (recording,), ((first, _),) = self.prepared.recordings, self.prepared.cuts
        rows = np.arange(first - horizon)
        targets = recording.series.targets
        if self.values:
            start = lags.start(past, rows, 1)
            wanted = (ahead(targets, [horizon])[rows, 0] - start)[:, 0]
            known = ~np.isnan(wanted)
            model: Any = HistGradientBoostingRegressor(random_state=seed)
            model.fit(lags.columns(past, rows[known], horizon), wanted[known])
            return self._measured(
                lambda some: (
                    lags.start(past, some, 1)
                    + model.predict(lags.columns(past, some, horizon))[:, None]
                )
            )
        wanted = targets[horizon:][rows]
        known = wanted >= 0
        model = HistGradientBoostingClassifier(random_state=seed)
        model.fit(lags.columns(past, rows[known], horizon), wanted[known])
        classes = self.aim.columns.outputs
        return self._measured(
            lambda some: np.eye(classes)[model.predict(lags.columns(past, some, horizon))]
        )

    @property
    def values(self) -> bool:
        return self.aim.columns.classes is None

    def _past(self) -> Any:
        return self.aim.past(self.prepared.recordings[0].series)

    def _measured(self, forecast: Callable[[Any], Any]) -> Result:
        (recording,), ((first, second),) = self.prepared.recordings, self.prepared.cuts
        horizon, targets = self.aim.horizon, recording.series.targets
        found = {}
        for part, stop, start in (("valid", second, first), ("test", len(targets), second)):
            rows = np.arange(max(start - horizon, 0), stop - horizon)
            made = forecast(rows)
            if self.values:
                found[part] = value_metrics(made, targets[rows + horizon])["mse"]
            else:
                chosen = np.nan_to_num(made).argmax(axis=1)
                metrics = class_metrics(chosen, targets[rows + horizon], self.aim.columns.outputs)
                found[part] = metrics["accuracy"]
        return found


CONTESTANTS: dict[str, Callable[[Duel, int], Optional[Result]]] = {
    PERSISTENCE: lambda duel, _: duel.rule(["latest", "commonest"]),
    SEASON: lambda duel, _: duel.rule(["last_day", "last_week", "last_year"]),
    LINEAR: lambda duel, _: duel.rule(["linear"]),
    TREES: Duel.trees,
    LSTM_NAME: lambda duel, seed: duel.network(LSTMPlan, seed),
    LNN: lambda duel, seed: duel.network(Plan, seed),
}
"""Name -> what it reaches on a table, with a seed; None if the table does not allow it."""
