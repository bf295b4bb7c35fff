"""``fit_table``: from a table to a forecaster in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import signature
from typing import Any, Optional, Union

import torch

from .._files import PathOrName
from .._hints import explains_keywords
from ..data import Table
from ..neuron import DynamicsLike, WiringLike
from ._fit import Callback
from ._forecaster import Forecaster
from ._plan import Plan
from ._table_windows import Prepared, prepare


@explains_keywords
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
    path: bool = False,
    baseline: Optional[str] = None,
    loss: Optional[str] = None,
    balance: bool = False,
    quantiles: Optional[Sequence[float]] = None,
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
    seeds: int = 1,
    device: Union[str, torch.device, None] = None,
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
        table: a table of polars, pandas or PyArrow, a dictionary of columns, a list of rows
            (each a dictionary), a numpy array, the path of one or several files of delimited
            text or Parquet, or how to read them,
            :class:`~liquid_neural_networks.data.TableFiles`.
        targets: one column to predict or several; one only if it holds classes.
        features: columns to feed. Default: all numeric ones but row numbers and constants, the
            past of the targets included if they are values to be predicted ahead.
        time: column of times (numbers or dates), or several with a part each. They rise, and the
            steps between them reach the network as elapsed time, in units of the median step.
            Default: the dates in the index of a pandas table, else even steps.
        time_format: how times are written, a pattern of ``strptime``; or ``"seconds"``,
            ``"milliseconds"``, ``"microseconds"`` or ``"nanoseconds"`` since 1970. Default: found.
        sort: put the rows in order of time first.
        duplicates: what becomes of rows of the same time: ``"error"``, ``"first"``, ``"last"``
            or ``"mean"``.
        calendar: cycles to feed as sine and cosine, of ``"hour"``, ``"weekday"`` and
            ``"yearday"``. Default: those that the table spans often enough.
        group: column that tells several series in the table apart: windows, states and baselines
            never cross from one to another. Default: the table is one series.
        split: ``"time"``: the newest rows of every series are kept back; ``"group"``: whole
            series are. Default: by time, or by group with ``label_per_group``.
        label_per_group: whether each series has one target, known at its end.
        categories: columns of words or flags to feed, an input for each word.
        horizon: how many rows ahead to predict. Default: 1 for values, 0 (the same row) for
            classes.
        classes: whether the target is a class. Default: if it holds text, true and false, or
            two whole numbers.
        path: whether to predict every row up to the horizon, rather than that one.
        baseline: the simple forecast whose errors the network learns, one of
            :data:`BASELINES`; it then starts from repeating it, and trends may leave the range
            of the training rows. ``"none"``: it learns the values themselves. Default: the best
            one on the validation rows, of those that the features allow.
        loss: of values: ``"mse"``, ``"mae"``, ``"huber"`` or ``"quantile"``. Default: ``"mse"``.
        balance: whether every class counts the same in the training, however rare.
        quantiles: levels between 0 and 1 to predict rather than one value, by their pinball
            loss; the validation rows then shift each to lie where it says. Default: .1, .5 and
            .9 if the loss is ``"quantile"``, else none.
        window: rows per training window; each starts from the zero state.
        stride: rows between the starts of training windows. Default: half a window.
        valid, test: fractions of the rows kept for choosing the epoch and for the test. Without
            the first, the last epoch is taken and ``patience`` has nothing to go by.
        hidden_size: N, neurons. Default: 32, unless the wiring says.
        wiring: as for :class:`~liquid_neural_networks.LiquidNetwork`; plain data may leave out
            ``motor`` and ``units``. Default: fully connected.
        dynamics, solver, unfolds, mixed_memory: as for
            :class:`~liquid_neural_networks.LiquidNetwork`.
        epochs, batch_size, learning_rate, schedule, max_gradient_norm: as for :func:`fit`.
        patience, checkpoint, resume, device, progress, callback, interrupted: as for :func:`fit`.
        seed: of the initial parameters and of the training.
        seeds: how many networks to train, each from a seed of its own, ``seed`` and those after
            it. The best on the validation rows is kept; ``test["seeds"]`` tells how all did.

    Raises:
        DataError: the table cannot be read, or has no such column, or too few rows, or knows no
            target among those kept for the test.
        DivergenceError: as in :func:`fit`, with every seed; its ``forecaster`` has the weights
            of the best epoch.
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
        ['row', 'made_at', 'predicted_wave']
    """
    prepared, plan = planned(locals())
    return plan.forecaster(prepared)


_PLAN = (
    *("window", "stride", "path", "baseline", "loss", "balance", "quantiles"),
    *("seed", "seeds", "checkpoint"),
)
_NETWORK = ("hidden_size", "wiring", "dynamics", "solver", "unfolds", "mixed_memory")
_TRAINING = (
    *("epochs", "batch_size", "learning_rate", "schedule", "max_gradient_norm", "patience"),
    *("resume", "device", "progress", "callback", "interrupted"),
)


def planned(arguments: Mapping[str, Any]) -> tuple[Prepared, Plan]:
    """The table that was read, and what is to be done with it.

    Args:
        arguments: all those of :func:`fit_table`, by name.
    """

    def some(names: Iterable[str]) -> dict[str, Any]:
        return {name: arguments[name] for name in names}

    plan = Plan(
        **some(_PLAN),
        measured=arguments["test"] > 0,
        network=some(_NETWORK),
        training=some(_TRAINING),
    )
    return prepare(**some(signature(prepare).parameters)), plan
