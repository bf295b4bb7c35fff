"""``Forecaster``: a trained network with all it takes to read the next table the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from .. import model_file
from .._checks import check_choice, check_count, check_flag
from .._files import PathOrName
from .._forecasting import Quantiles
from .._model import Model
from ..data import Columns, Recording, Scaling, Series, Table
from ..data._earlier import EARLIER, table_metadata
from ..data._frames import in_kind_of
from ..errors import DataError, DomainError, DtypeError, ModelFileError, OptionError, ShapeError
from ..network import LiquidNetwork
from . import _run, _scores
from ._aim import Aim
from ._forecast_table import forecast_table
from ._history import History
from ._live import LiveForecast
from ._metrics import Metrics
from ._run import Array
from ._state import Continued, check_state_place, read_state, write_state

MEASURES = {
    **{"mse": "mse", "mae": "mae", "huber": "mae", "quantile": "mae"},
    **{"cross_entropy": "accuracy", "balanced": "macro_f1"},
}
"""Loss -> the metric by which a network is compared with baselines."""


@dataclass(frozen=True, repr=False)
class Forecaster:
    """A network trained by :func:`fit_table`, with its preprocessing.

    A table is read from its first row to its last in one run, every series of it from the zero
    state; every prediction knows the rows up to its own and none after it.

    Attributes:
        network: the network; it sees scaled features.
        aim: which columns are read, what is predicted, and from which baseline it starts.
        inputs: scaling of what the network is fed.
        outputs: scaling of what the network puts out; None for classes.
        window: rows that a sequence of the training had.
        loss: by which it was trained, a key of :data:`MEASURES`.
        quantiles: which ones it predicts, or None.
        history: the course of the training.
        test: how well it did on the rows kept back for testing; None if there were none.
    """

    network: LiquidNetwork
    aim: Aim
    inputs: Scaling
    outputs: Optional[Scaling]
    window: int
    loss: str
    quantiles: Optional[Quantiles]
    history: History
    test: Optional[Metrics] = None

    def __post_init__(self) -> None:
        aim, network = self.aim, self.network
        levels = 1 if self.quantiles is None else len(self.quantiles.levels)
        if not (network.input_size == len(self.inputs.mean) == aim.inputs):
            raise ShapeError("the network, its scaling and the columns differ in size", "features")
        values = None if self.outputs is None else len(self.outputs.mean)
        if network.output_size != aim.outputs * levels or (
            values != (None if aim.columns.classes is not None else aim.outputs)
        ):
            raise ShapeError("the network, its scaling and the columns differ in size", "targets")
        shape = (len(aim.steps), aim.columns.outputs, levels)
        if self.quantiles is not None and self.quantiles.shifts.shape != shape:
            raise ShapeError("its quantiles and the columns differ in size", "quantiles")

    def __repr__(self) -> str:
        columns = self.columns
        return (
            f"Forecaster({', '.join(columns.inputs)} -> {', '.join(columns.targets)} "
            f"{self.horizon} rows ahead, {self.network.hidden_size} neurons, {self.history!r})"
        )

    @property
    def columns(self) -> Columns:
        """Which columns it reads, and what they mean."""
        return self.aim.columns

    @property
    def input_names(self) -> tuple[str, ...]:
        """(I,) what each input of the network is: a column, ``change of NAME`` since its latest
        value, or ``NAME by BASELINE``, how far that forecast lies above the latest value."""
        return self.aim.input_names

    @property
    def horizon(self) -> int:
        """Rows from a sample to the target predicted at it."""
        return self.aim.horizon

    @property
    def measure(self) -> str:
        """The metric by which it is compared with baselines."""
        return MEASURES[self.loss]

    def pairs(self, series: Series) -> Series:
        """A series in the table's units -> what to feed, and what to put out at that very row.

        The last ``horizon`` rows have nothing to put out, and are left away.
        """
        pairs = self.aim.pairs(series)
        targets = pairs.targets
        return pairs._replace(
            inputs=self.inputs.apply(pairs.inputs),
            targets=targets if self.outputs is None else self.outputs.apply(targets),
        )

    def predict(
        self, table: Table, *, latest: bool = False, state: Optional[PathOrName] = None
    ) -> Any:
        """What the network predicts at each row of a table.

        Args:
            table: as :func:`fit_table` takes it, with the feature columns of the training.
            latest: only what is predicted at the newest row of each series.
            state: a file in which the state is carried from one table to the next: read if there
                is one, so that the table goes on where the last one ended, and written anew.

        Returns:
            A table of the kind that was given, of polars if that was a file. Rows in the order
            of the table; with ``sort`` one series after another, each in order of time. A table
            of pandas has the index of the one given if there is one forecast for each row in
            that order. The columns are:

            - the series that a row belongs to, if the table holds several;
            - the time that the forecast is for, as the table writes times, or if there is no time
              the number of its ``row``, counted from 1 within its series;
            - ``made_at``, the time (or row) it was made at, if that is another one;
            - for every target ``predicted_NAME``, in the table's units (NaN before the first
              known value, if the forecast starts from a baseline that needs one), or for each
              quantile ``predicted_NAME_q10`` and so on;
            - for classes the most probable label, its ``probability``, and each label's
              ``probability_LABEL``.

            If every row up to the horizon is predicted, each has a row of its own. A table with
            one label for each series gives one row for each.

        Raises:
            DataError: the table cannot be read, or a column is missing or holds something else.
            ModelFileError: the state is damaged, or of another network.
            OSError: the system could not write the state.
        """
        found, keep_state = self.predict_before_keeping(table, latest=latest, state=state)
        keep_state()
        return found

    def predict_before_keeping(
        self, table: Table, *, latest: bool = False, state: Optional[PathOrName] = None
    ) -> tuple[Any, Callable[[], None]]:
        """As :meth:`predict`, for forecasts that are to be written somewhere before the state is.

        Returns:
            The forecasts, and what to call to write the state (if there is one).
        """
        check_flag("latest", latest)
        before = None
        if state is not None:
            check_state_place(state)
            before = read_state(state, self)
        continued = Continued.of(self, table, before)
        outputs = [self.run(*part) for part in continued.parts()]
        found = forecast_table(self, continued, [values for values, _ in outputs], latest)

        def keep_state() -> None:
            if state is not None:
                write_state(state, self, continued, [after for _, after in outputs])

        return in_kind_of(table, found, same_rows=not latest and self._one_each()), keep_state

    def _one_each(self) -> bool:
        """Whether there is one forecast for each row of a table, in the order of the table."""
        columns = self.columns
        return len(self.aim.steps) == 1 and not columns.label_per_group and not columns.order.sort

    def run(self, series: Series, first: int = 0, state: Optional[Array] = None) -> _run.Outputs:
        """Forecasts made at the rows of a series from ``first`` on, and the state after them.

        Args:
            state: of the network before row ``first``. Default: zero.

        Returns:
            (T - first, S, O) values in the table's units, (T - first, S, O, Q) quantiles of
            them, or (T - first, 1, C) probabilities; and the state after the last row.
        """
        return _run.run(self, series, first, state)

    def stream(self, state: Optional[Mapping[str, Any]] = None) -> LiveForecast:
        """A live session: one row at a time, as the rows come in.

        Args:
            state: to go on from, see :attr:`LiveForecast.state`. Default: no row was seen yet.

        Raises:
            DataError, ShapeError, DomainError: this is no such state.
            OptionError: the network is bidirectional and would need the future.
        """
        return LiveForecast(self, state)

    def evaluate(self, table: Table) -> Metrics:
        """How well the network predicts a table whose targets are known.

        Returns:
            Plain data, in the table's units. For value targets ``mse``, ``mae``, ``r2`` and
            ``count``; if every row up to the horizon is predicted, ``mse_by_step``; for
            quantiles their ``levels``, the ``coverage`` (the share of the values that lie below
            each) and ``pinball``, their loss, where ``mse`` and the like are those of the middle
            one. For classes ``accuracy``, ``macro_f1``, ``f1``, ``confusion`` and ``count``.

            ``baselines`` has, for each simple forecast that the table allows, ``mse`` and
            ``mae``, or ``accuracy`` and ``macro_f1``: ``latest``, the newest value;
            ``last_day``, ``last_week``, ``last_year``, the value at the same time then;
            ``linear``, a linear model of the lags; and the ``mean`` or the ``commonest`` class
            of the training rows.

        Raises:
            DataError: as :meth:`predict`, or the table is too short or knows no target.
        """
        recordings = self.columns.recordings(self.columns.read(table))
        return self.evaluate_recordings(recordings, [0] * len(recordings))

    def evaluate_recordings(
        self, recordings: Sequence[Recording], starts: Sequence[int]
    ) -> Metrics:
        """As :meth:`evaluate`; in each series only predictions for rows from its start on
        count."""
        return _scores.scores(self, [each.series for each in recordings], starts)

    def can_measure(self, recordings: Sequence[Recording], starts: Sequence[int]) -> bool:
        """Whether a target is known that :meth:`evaluate_recordings` needs."""
        return _scores.can_measure(self, [each.series for each in recordings], starts)

    def to_model(self) -> Model:
        """The forecaster as plain data: what its file holds."""
        return self.network.to_model(
            scaling={
                "inputs": self.inputs.to_dict(),
                "outputs": None if self.outputs is None else self.outputs.to_dict(),
            },
            metadata={
                **self.aim.to_dict(),
                "window": self.window,
                "loss": self.loss,
                "quantiles": None if self.quantiles is None else self.quantiles.to_dict(),
                "history": self.history.to_dict(),
                "test": self.test,
            },
        )

    def save(self, path: PathOrName) -> None:
        """Writes a ``.lnn`` file, atomically; :meth:`load` reads it back.

        Raises:
            OSError: the system could not write it.
        """
        model_file.save(self.to_model(), path)

    @classmethod
    def load(cls, path: PathOrName) -> Forecaster:
        """The forecaster in a ``.lnn`` file; safe with files from strangers.

        Raises:
            ModelFileError: the file is corrupt, or its network was not trained on a table.
            OSError: the system could not read it.
        """
        return cls.of(model_file.load(path), path)

    @classmethod
    def of(cls, found: Model, path: PathOrName) -> Forecaster:
        """The forecaster in a file that was read; errors name ``path``."""
        scaling = found.scaling
        if scaling is None or not trained_on_table(found.metadata):
            raise ModelFileError(
                "holds a network that was not trained on a table: lnn inspect and lnn report take "
                "it, LiquidNetwork.load opens it",
                str(path),
            )
        try:
            metadata = table_metadata(found.metadata)
            outputs, quantiles = _field(scaling, "outputs"), metadata["quantiles"]
            check_choice("loss", metadata["loss"], MEASURES)
            return cls(
                LiquidNetwork.from_model(found),
                Aim.from_dict(metadata),
                Scaling.from_dict(_field(scaling, "inputs")),
                None if outputs is None else Scaling.from_dict(outputs),
                check_count("window", metadata["window"]),
                metadata["loss"],
                None if quantiles is None else Quantiles.from_dict(quantiles),
                History.from_dict(metadata["history"]),
                _scores.check_plain(metadata["test"]),
            )
        except (DataError, DomainError, DtypeError, OptionError, ShapeError) as error:
            raise ModelFileError(str(error), str(path)) from None


_METADATA = {
    *("columns", "horizon", "path", "baselines", "baseline"),
    *("window", "loss", "quantiles", "history", "test"),
}


def trained_on_table(metadata: Mapping[str, Any]) -> bool:
    """Whether a ``.lnn`` file's metadata is that of a :class:`Forecaster`."""
    return set(metadata) >= _METADATA or set(metadata) >= EARLIER


def _field(scaling: Mapping[str, Any], name: str) -> Any:
    if name not in scaling:
        raise DataError(f"the field {name} is missing", "scaling")
    return scaling[name]
