"""``fit_table``: from a table to a forecaster in one call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any, Optional, Union

import numpy as np

from .._checks import check_count, check_flag
from .._files import PathOrName
from ..data import Columns, Scaling, Table
from ..errors import DataError, OptionError
from ..network import LiquidNetwork
from ..neuron import DynamicsLike, WiringLike
from ..wiring import RECIPES
from ._divergence import DivergenceError
from ._fit import Callback, fit
from ._forecaster import Forecaster
from ._history import History
from ._pairs import pairs_in
from ._table_windows import prepare

DEFAULT_SIZE = 32
"""Neurons, where neither the caller nor the wiring says."""


def fit_table(
    table: Table,
    targets: Union[str, Sequence[str]],
    *,
    features: Union[str, Sequence[str], None] = None,
    time: Union[str, Sequence[str], None] = None,
    time_format: Optional[str] = None,
    sort: bool = False,
    duplicates: str = "error",
    calendar: Union[str, Sequence[str], None] = None,
    group: Optional[str] = None,
    split: Optional[str] = None,
    label_per_group: bool = False,
    categories: Union[str, Sequence[str], None] = None,
    horizon: Optional[int] = None,
    classes: Optional[bool] = None,
    changes: Optional[bool] = None,
    window: int = 32,
    stride: Optional[int] = None,
    valid: float = 0.15,
    test: float = 0.15,
    hidden_size: Optional[int] = None,
    wiring: Optional[WiringLike] = None,
    dynamics: DynamicsLike = "conductance",
    solver: Optional[str] = None,
    unfolds: Optional[int] = None,
    mixed_memory: bool = False,
    epochs: int = 100,
    batch_size: int = 16,
    learning_rate: float = 0.01,
    schedule: str = "constant",
    max_gradient_norm: Optional[float] = None,
    patience: Optional[int] = 20,
    checkpoint: Optional[PathOrName] = None,
    resume: bool = False,
    seed: int = 0,
    progress: bool = True,
    callback: Optional[Callback] = None,
    interrupted: Optional[Callable[[], bool]] = None,
) -> Forecaster:
    """Trains a liquid network on a table, one row per sample in order of time.

    The oldest rows are trained on, the next choose the best epoch, the newest are kept back to
    measure the result. Features and value targets are scaled by what the training rows say.
    Empty cells are missing values: the network does not see them, and a missing target costs
    nothing.

    Args:
        table: a polars table, or the path of a CSV, TSV or Parquet file.
        targets: one column to predict or several; one only if it holds classes.
        features: numeric columns to feed. Default: all, the past of the targets included if
            they are values to be predicted ahead.
        time: column of times (numbers or dates), rising. The steps between them reach the
            network as elapsed time, in units of the median step. Default: even steps.
        horizon: how many rows ahead to predict. Default: 1 for values, 0 (the same row) for
            classes.
        classes: whether the target is a class. Default: if it holds text or true and false.
        changes: whether the network is fed and learns changes of the targets rather than their
            level; predictions are values either way. It then starts from repeating the latest
            value, and trends may leave the range of the training rows. Default: if the targets
            are features as well, and are predicted ahead.
        window: rows per training window; each starts from the zero state.
        stride: rows between the starts of training windows. Default: half a window.
        valid, test: fractions of the rows kept for choosing the epoch and for the test. Without
            the first, the last epoch is taken and ``patience`` has nothing to go by.
        hidden_size: N, neurons. Default: 32, unless the wiring says.
        wiring: as for :class:`~liquid_neural_networks.LiquidNetwork`; plain data may leave out
            ``motor`` and ``units``. Default: fully connected.
        dynamics, solver, unfolds, mixed_memory: as for
            :class:`~liquid_neural_networks.LiquidNetwork`.
        epochs, batch_size, learning_rate, schedule, max_gradient_norm, patience, checkpoint,
            resume, progress, callback, interrupted: as for :func:`fit`.
        seed: of the initial parameters and of the training.

    Raises:
        DataError: the table cannot be read, or has no such column, or too few rows, or knows no
            target among those kept for the test.
        DivergenceError: as in :func:`fit`; its ``forecaster`` has the weights of the best epoch.
        LiquidError: of another kind, naming the argument that is wrong.

    Example:
        >>> from math import sin
        >>> import polars
        >>> from liquid_neural_networks.training import fit_table
        >>> table = polars.DataFrame({"wave": [sin(row / 3) for row in range(300)]})
        >>> forecaster = fit_table(table, "wave", hidden_size=8, epochs=20, progress=False)
        >>> forecaster.test["r2"] > 0.5
        True
        >>> forecaster.predict(table).columns
        ['predicted_wave']
    """
    prepared = prepare(
        table,
        targets,
        features=features,
        time=time,
        time_format=time_format,
        sort=sort,
        duplicates=duplicates,
        calendar=calendar,
        group=group,
        split=split,
        label_per_group=label_per_group,
        categories=categories,
        horizon=horizon,
        classes=classes,
        valid=valid,
        test=test,
        window=check_count("window", window),
        seed=seed,
    )
    columns, horizon = prepared.columns, prepared.horizon
    changes = _changes(changes, columns, horizon)
    training = [
        pairs_in(each.series, columns, horizon, changes).rows(0, max(first - horizon, 0))
        for each, (first, _) in zip(prepared.recordings, prepared.cuts)
    ]
    forecaster = Forecaster(
        LiquidNetwork(
            len(columns.inputs),
            DEFAULT_SIZE if wiring is None and hidden_size is None else hidden_size,
            columns.outputs,
            wiring=_complete(wiring, hidden_size, columns),
            dynamics=dynamics,
            solver=solver,
            unfolds=unfolds,
            mixed_memory=mixed_memory,
            seed=seed,
        ),
        columns,
        horizon,
        changes,
        Scaling.of(np.concatenate([each.inputs for each in training])),
        None if columns.classes else Scaling.of(np.concatenate([e.targets for e in training])),
        History(),
    )
    starts = [second for _, second in prepared.cuts]
    if test and not forecaster.can_measure(prepared.recordings, starts):
        kept = sum(len(each.rows) - start for each, start in zip(prepared.recordings, starts))
        raise DataError(
            f"no target is known in the newest {kept} rows, so nothing can be measured there; "
            "0 keeps no rows back",
            "test",
        )
    parts = prepared.parts(forecaster, window, stride)
    if progress:
        for line in prepared.remarks:
            print(line, file=sys.stderr)
    try:
        history = fit(
            forecaster.network,
            *parts,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            schedule=schedule,
            max_gradient_norm=max_gradient_norm,
            patience=patience if parts[1] is not None else None,
            checkpoint=checkpoint,
            resume=resume,
            seed=seed,
            progress=progress,
            callback=callback,
            interrupted=interrupted,
        )
    except DivergenceError as error:
        error.forecaster = replace(forecaster, history=error.history)
        raise
    scores = forecaster.evaluate_recordings(prepared.recordings, starts) if test else None
    return replace(forecaster, history=history, test=scores)


def _changes(changes: Optional[bool], columns: Columns, horizon: int) -> bool:
    """Whether changes are to be learned, as asked for or by default."""
    ahead = columns.classes is None and horizon > 0
    fed = set(columns.targets) <= set(columns.features)
    if changes is None:
        return ahead and fed
    if check_flag("changes", changes) and not ahead:
        raise OptionError("need values that are predicted at least one row ahead", "changes")
    if changes and not fed:
        raise OptionError("need the targets among the features", "changes")
    return changes


def _complete(
    wiring: Optional[WiringLike], hidden_size: Optional[int], columns: Columns
) -> Optional[WiringLike]:
    """Plain data of a wiring, with the sizes that follow from the table filled in."""
    if not isinstance(wiring, Mapping) or wiring.get("type") not in RECIPES:
        return wiring
    sizes: dict[str, Any] = {"units": hidden_size or DEFAULT_SIZE, "motor": columns.outputs}
    # Only what has no default: a wiring that needs no motor neurons is read out whole.
    needed = {
        name: sizes[name]
        for name, parameter in signature(RECIPES[wiring["type"]]).parameters.items()
        if name in sizes and parameter.default is parameter.empty
    }
    return {**needed, **wiring}
