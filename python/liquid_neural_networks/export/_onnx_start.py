"""What a forecast starts from, as a part of an ONNX graph."""

from __future__ import annotations

from typing import Optional

import numpy as np

from ._design import Design
from ._graph import Graph, Value
from ._rule import Rule

FLOAT, DOUBLE = 1, 11
NEVER = -1e30
"""The age of a row that is not there."""


def begin(g: Graph, design: Design, rule: Rule, suffix: str) -> tuple[Value, Value]:
    """What the network is fed, before scaling, and the start (B, S O), NaN where nothing is known;
    new states get their names."""
    values, before = f"inputs{suffix}", f"latest{suffix}"
    seen = g.take(values, rule.watched, axis=1)
    latest = g.Where(g.missing(seen), before, seen)
    g.add("Identity", [latest], [f"new_latest{suffix}"])
    if rule.changes:
        values = _changes(g, design, rule, values, seen, before)
    start = _start(g, rule, latest, suffix)
    if design.fed_size > design.input_size:
        last = np.arange(rule.targets) + (rule.steps - 1) * rule.targets
        lead = g.take(start, last.tolist(), axis=1)
        if rule.changes:
            lead = g.Sub(lead, _first(g, latest, rule.targets))
        values = g.Concat(values, lead, axis=1)
    return values, start


def add_start(g: Graph, design: Design, outputs: Value, start: Optional[Value]) -> Value:
    """The outputs (B, S O Q), added to what they start from, and quantiles in their order."""
    if design.quantiles is None:
        return outputs if start is None else str(g.Add(outputs, start))
    each = len(design.quantiles.levels)
    levels = g.Reshape(outputs, g.constant([0, -1, each]))
    if start is not None:
        levels = g.Add(levels, g.column(start))
    ordered, _ = g.TopK(levels, g.constant([each]), axis=-1, largest=0, count=2)
    return str(g.Reshape(ordered, g.constant([0, -1])))


def _first(g: Graph, values: Value, count: int) -> Value:
    """The first columns."""
    return g.take(values, list(range(count)), axis=1)


def _changes(
    g: Graph, design: Design, rule: Rule, values: Value, seen: Value, before: Value
) -> Value:
    """Inputs with changes in place of levels."""
    level, last = (_first(g, each, rule.changes) for each in (seen, before))
    change = g.Where(g.IsNaN(last), g.Sub(level, level), g.Sub(level, last))
    order = np.arange(design.input_size)
    order[list(rule.watched[: rule.changes])] = design.input_size + np.arange(rule.changes)
    return g.take(g.Concat(values, change, axis=1), order.tolist(), axis=1)


def _start(g: Graph, rule: Rule, latest: Value, suffix: str) -> Value:
    newest = _first(g, latest, rule.targets) if rule.changes else None
    if not rule.columns and not rule.seasons:
        return str(g.Concat(*[newest] * rule.steps, axis=1))
    shared = [latest] if rule.levels else []
    past = _Past(g, rule, latest, suffix) if rule.rows(None) else None
    if past is not None and rule.before:
        shared.append(past.lags())
    found = []
    for step in range(rule.steps):
        if past is not None and not rule.columns:
            found.append(g.Add(newest, past.seasons(step)))
            continue
        columns = list(shared)
        if past is not None and rule.seasons:
            columns.append(past.seasons(step))
        seen = g.Sub(g.Concat(*columns, axis=1), g.constant(rule.mean[step]))
        known = g.Where(g.missing(seen), g.number(0.0), seen)
        weighed = g.MatMul(known, g.constant(rule.weight[step]))
        start = g.Add(weighed, g.constant(rule.constant[step]))
        found.append(start if newest is None else g.Add(start, newest))
    return str(g.Concat(*found, axis=1))


class _Past:
    """What was known at the last rows (B, R, K), the newest first, and the times before them
    (B, R), NaN where there was no row yet: there the first one counts."""

    def __init__(self, g: Graph, rule: Rule, latest: Value, suffix: str):
        past, times, rows = f"past{suffix}", f"past_time{suffix}", rule.rows(None)
        earlier = list(range(rows - 1))
        self._g, self._rule = g, rule
        self._newest = g.Unsqueeze(_first(g, latest, rule.kept), g.constant([1]))  # (B, 1, K)
        begun = g.Not(g.column(g.IsNaN(g.take(times, [0], axis=1))))
        moved = g.Concat(self._newest, g.take(past, earlier, axis=1), axis=1)
        alike = g.Expand(self._newest, g.constant([1, rows, rule.kept]))
        self._known = g.Where(begun, moved, alike)
        since = g.column(f"elapsed_time{suffix}")
        self._times = g.Concat(since, g.take(times, earlier, axis=1), axis=1)
        g.add("Identity", [self._known], [f"new_past{suffix}"])
        g.add("Identity", [self._times], [f"new_past_time{suffix}"])
        self._ages = self._ages_of_rows() if rule.seasons else ""

    def _ages_of_rows(self) -> Value:
        """(B, 1, R); summed in double precision, for there may be many."""
        g = self._g
        exact = g.CumSum(g.Cast(self._times, to=DOUBLE), g.constant(1), exclusive=1)
        ages = g.Where(g.IsNaN(self._times), g.number(NEVER), g.Cast(exact, to=FLOAT))
        return str(g.Unsqueeze(ages, g.constant([1])))

    def lags(self) -> Value:
        """(B, L K) by how much the rows before differed."""
        rows = self._g.take(self._known, list(range(1, self._rule.before + 1)), axis=1)
        away = self._g.Sub(rows, self._newest)
        return str(self._g.Reshape(away, self._g.constant([0, -1])))

    def seasons(self, step: int) -> Value:
        """(B, V O) by how much the targets differed at the newest row of each age."""
        g, targets = self._g, list(range(self._rule.targets))
        least = g.column(g.constant(self._rule.ages[step]))
        old = g.Cast(g.GreaterOrEqual(self._ages, least), to=FLOAT)  # (B, V, R)
        row = g.ArgMax(old, axis=-1, keepdims=1)
        known, newest = (g.take(each, targets, axis=2) for each in (self._known, self._newest))
        then = g.GatherND(known, row, batch_dims=1)  # (B, V, O)
        there = g.Greater(g.ReduceMax(old, axes=[-1], keepdims=1), g.number(0.0))
        value = g.Where(g.And(there, g.Not(g.missing(then))), then, newest)
        return str(g.Reshape(g.Sub(value, newest), g.constant([0, -1])))
