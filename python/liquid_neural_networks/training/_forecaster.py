"""``Forecaster``: a trained network with all it takes to read the next table the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
import polars
import torch

from .. import model_file
from .._checks import check_flag, check_integer
from .._files import PathOrName
from .._model import Model
from ..data import Columns, Scaling, Series, Table, read_table
from ..errors import DataError, DomainError, DtypeError, ModelFileError, OptionError, ShapeError
from ..network import LiquidNetwork
from ._history import History
from ._live import LiveForecast
from ._metrics import Metrics, class_metrics, value_metrics
from ._pairs import inputs_in, latest_known, pairs_in
from ._predict import evaluation

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Forecaster:
    """A network trained by :func:`fit_table`, with its preprocessing.

    A table is read from its first row to its last in one run, from the zero state; every
    prediction knows the rows up to its own and none after it.

    Attributes:
        network: the network; it sees scaled features.
        columns: which columns it reads, and what they mean.
        horizon: rows from a sample to the target predicted at it.
        changes: whether the network is fed and puts out changes of the targets, rather than
            the values themselves.
        inputs: scaling of the features.
        outputs: scaling of what the network puts out; None for classes.
        history: the course of the training.
        test: how well it did on the rows kept back for testing; None if there were none.
    """

    network: LiquidNetwork
    columns: Columns
    horizon: int
    changes: bool
    inputs: Scaling
    outputs: Optional[Scaling]
    history: History
    test: Optional[Metrics] = None

    def __post_init__(self) -> None:
        columns, network = self.columns, self.network
        if self.changes and not set(columns.targets) <= set(columns.features):
            raise OptionError("need the targets among the features", "changes")
        if not (network.input_size == len(self.inputs.mean) == len(columns.features)):
            raise ShapeError("the network, its scaling and the columns differ in size", "features")
        values = None if self.outputs is None else len(self.outputs.mean)
        if network.output_size != columns.outputs or (
            values != (None if columns.classes is not None else columns.outputs)
        ):
            raise ShapeError("the network, its scaling and the columns differ in size", "targets")

    def pairs(self, series: Series) -> Series:
        """A series in the table's units -> what to feed, and what to put out at that very row.

        The last ``horizon`` rows have nothing to put out, and are left away.
        """
        pairs = pairs_in(series, self.columns, self.horizon, self.changes)
        targets = pairs.targets
        return pairs._replace(
            inputs=self.inputs.apply(pairs.inputs),
            targets=targets if self.outputs is None else self.outputs.apply(targets),
        )

    def predict(self, table: Table) -> polars.DataFrame:
        """What the network predicts at each row of a table.

        Args:
            table: a polars table, or the path of one, with the feature columns of the training.

        Returns:
            One row per row of the table: the time, if there is a time column, and for every
            target ``predicted_NAME``, the value it will have ``horizon`` rows later, in the
            table's units (NaN before the first known value, if the network predicts changes).
            For classes the most probable label and its ``probability``.

        Raises:
            DataError: the table cannot be read, or a column is missing or holds something else.
        """
        rows = read_table(table)
        outputs = self._outputs(self.columns.series(rows, targets=self.changes))
        found = {} if self.columns.time is None else {self.columns.time: rows[self.columns.time]}
        classes = self.columns.classes
        if classes is None:
            for index, name in enumerate(self.columns.targets):
                found[f"predicted_{name}"] = polars.Series(outputs[:, index])
        else:
            labels = [classes[index] for index in outputs.argmax(axis=1)]
            found[f"predicted_{self.columns.targets[0]}"] = polars.Series(labels)
            found["probability"] = polars.Series(outputs.max(axis=1))
        return polars.DataFrame(found)

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
            ``count``, and with a horizon ``baseline_mse``: what repeating the latest value
            gives. For classes ``accuracy``, ``macro_f1``, ``f1``, ``confusion``, ``count``
            and ``baseline_accuracy``: the share of the commonest class.

        Raises:
            DataError: as :meth:`predict`, or the table is too short or knows no target.
        """
        return self.evaluate_series(self.columns.series(read_table(table)))

    def evaluate_series(self, series: Series, start: int = 0) -> Metrics:
        """As :meth:`evaluate`; only predictions for rows from ``start`` on count."""
        rows = self._rows(series, start)
        if rows.start >= rows.stop:
            raise DataError(
                f"has {len(series.inputs) - start} rows to predict, {self.horizon} rows ahead",
                "table",
            )
        outputs, targets = self._outputs(series)[rows], self._targets(series, rows)
        if self.columns.classes is not None:
            scores = class_metrics(outputs.argmax(axis=1), targets, self.columns.outputs)
            shares = np.bincount(targets[targets >= 0])
            return {**scores, "baseline_accuracy": float(shares.max() / shares.sum())}
        scores = value_metrics(outputs, targets)
        if self.horizon:
            latest = latest_known(series.targets)[rows]
            scores["baseline_mse"] = value_metrics(latest, targets)["mse"]
        return scores

    def can_measure(self, series: Series, start: int = 0) -> bool:
        """Whether a target is known that :meth:`evaluate_series` needs."""
        targets = self._targets(series, self._rows(series, start))
        return bool((~np.isnan(targets) if self.columns.classes is None else targets >= 0).any())

    def _rows(self, series: Series, start: int) -> slice:
        """The rows at which the targets from row ``start`` on are predicted."""
        return slice(max(start - self.horizon, 0), len(series.inputs) - self.horizon)

    def _targets(self, series: Series, rows: slice) -> Array:
        """What is to be predicted at these rows, as far as it can be measured."""
        targets: Array = series.targets[rows.start + self.horizon :]
        if self.columns.classes is None:
            # Where no value was known yet, there is neither a change to add to it nor a baseline.
            unknown = np.isnan(latest_known(series.targets)[rows])
            targets = np.where(unknown, np.nan, targets)
        return targets

    def _outputs(self, series: Series) -> Array:
        """(T, O) values in the table's units, or probabilities of the classes."""
        like = next(self.network.parameters())
        scaled = self.inputs.apply(inputs_in(series, self.columns, self.changes))
        seen = ~np.isnan(scaled)
        with evaluation(self.network):
            outputs = self.network(
                torch.from_numpy(np.where(seen, scaled, 0.0)).to(like),
                elapsed_time=torch.from_numpy(series.elapsed_time).to(like),
                mask=None if seen.all() else torch.from_numpy(seen),
            )
        assert isinstance(outputs, torch.Tensor)
        if self.outputs is None:
            outputs = outputs.softmax(dim=-1)
        values: Array = outputs.cpu().numpy().astype(np.float64)
        if self.outputs is None:
            return values
        values = self.outputs.invert(values)
        return values + latest_known(series.targets) if self.changes else values

    def to_model(self) -> Model:
        """The forecaster as plain data: what its file holds."""
        return self.network.to_model(
            scaling={
                "inputs": self.inputs.to_dict(),
                "outputs": None if self.outputs is None else self.outputs.to_dict(),
            },
            metadata={
                "columns": self.columns.to_dict(),
                "horizon": self.horizon,
                "changes": self.changes,
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
        metadata, scaling = found.metadata, found.scaling
        if scaling is None or not trained_on_table(metadata):
            raise ModelFileError(
                "holds a network that was not trained on a table; open it with LiquidNetwork.load",
                str(path),
            )
        try:
            outputs = _field(scaling, "outputs")
            return cls(
                LiquidNetwork.from_model(found),
                Columns.from_dict(metadata["columns"]),
                check_integer("horizon", metadata["horizon"], 0),
                check_flag("changes", metadata["changes"]),
                Scaling.from_dict(_field(scaling, "inputs")),
                None if outputs is None else Scaling.from_dict(outputs),
                History.from_dict(metadata["history"]),
                metadata["test"],
            )
        except (DataError, DomainError, DtypeError, OptionError, ShapeError) as error:
            raise ModelFileError(str(error), str(path)) from None


_METADATA = {"columns", "horizon", "changes", "history", "test"}


def trained_on_table(metadata: Mapping[str, Any]) -> bool:
    """Whether a ``.lnn`` file's metadata is that of a :class:`Forecaster`."""
    return set(metadata) >= _METADATA


def _field(scaling: Mapping[str, Any], name: str) -> Any:
    if name not in scaling:
        raise DataError(f"the field {name} is missing", "scaling")
    return scaling[name]
